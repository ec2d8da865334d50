"""Tiers beside the prefix cache: lists of what is in each, from what was used longest ago to what was used last. Part
of the slow engine, and independent of the library.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from oracle.simulators import nanoseconds

HOST, DISK = 0, 1


@dataclass(frozen=True)
class SlowOffload:
    """The fields of batching_kv_offload."""

    host_tokens: int = 0
    host_read_bandwidth: float = 0.0
    host_write_bandwidth: float = 0.0
    disk_tokens: int = 0
    disk_read_bandwidth: float = 0.0
    disk_write_bandwidth: float = 0.0
    kv_bytes_per_token: float = 0.0
    loads_block: bool = False


class SlowTier:
    """Host memory, or a disk."""

    def __init__(self, tokens: int, read: float, write: float, block_size: int, block_bytes: float) -> None:
        self.room = tokens // block_size
        self.read, self.write = read, write
        self.block_bytes = block_bytes
        self.contents: list[Hashable] = []
        """What was used longest ago comes first."""
        self.ready: dict[Hashable, int] = {}
        """From when on each can be read."""
        self.written_until = self.read_until = 0

    def can_read(self, content: Hashable, time: int) -> bool:
        return content in self.contents and self.ready[content] <= time

    def use(self, content: Hashable) -> None:
        self.contents.remove(content)
        self.contents.append(content)

    def take_in(self, content: Hashable, time: int) -> bool:
        """Whether it is written."""
        if self.room == 0:
            return False
        if content in self.contents:
            self.use(content)
            return False
        if len(self.contents) == self.room:
            del self.ready[self.contents.pop(0)]
        taken = nanoseconds(self.block_bytes / self.write) if self.write else 0
        self.written_until = max(self.written_until, time) + taken
        self.contents.append(content)
        self.ready[content] = self.written_until
        return True

    def load(self, blocks: int, time: int) -> int:
        """When so many blocks are there."""
        taken = nanoseconds(blocks * self.block_bytes / self.read) if self.read else 0
        self.read_until = max(self.read_until, time) + taken
        return self.read_until


class SlowTiers:
    """Host memory and a disk, of a replica or of several."""

    def __init__(self, settings: SlowOffload, block_size: int) -> None:
        size = block_size * settings.kv_bytes_per_token
        self.tiers = [
            SlowTier(
                settings.host_tokens, settings.host_read_bandwidth, settings.host_write_bandwidth, block_size, size
            ),
            SlowTier(
                settings.disk_tokens, settings.disk_read_bandwidth, settings.disk_write_bandwidth, block_size, size
            ),
        ]

    def tier_of(self, content: Hashable, time: int) -> int | None:
        """The first from which it can be read."""
        return next((number for number, tier in enumerate(self.tiers) if tier.can_read(content, time)), None)


class SlowOffloading:
    """What one replica reads from tiers, and writes there."""

    def __init__(self, settings: SlowOffload, block_size: int, tiers: SlowTiers) -> None:
        self.loads_block = settings.loads_block
        self.block_size = block_size
        self.tiers = tiers
        self.full: list[Hashable] = []
        """Blocks that are to be written."""
        self.hits = [0, 0]
        self.loaded = [0, 0]
        self.written = [0, 0]
        self.load_time = 0
        self._blocks = [0, 0]
        """Of the iteration that is scheduled now."""

    def found(self, contents: Sequence[Hashable], time: int) -> list[Hashable]:
        """As many of these as can be read, up to the first that cannot."""
        found: list[Hashable] = []
        for content in contents:
            if self.tiers.tier_of(content, time) is None:
                break
            found.append(content)
        return found

    def take(self, contents: Sequence[Hashable], time: int, *, is_first: bool) -> None:
        """A request that is admitted has these loaded."""
        for content in contents:
            number = self.tiers.tier_of(content, time)
            assert number is not None
            self.tiers.tiers[number].use(content)
            self._blocks[number] += 1
            self.loaded[number] += self.block_size
            self.hits[number] += self.block_size if is_first else 0

    def duration(self, start: int) -> int:
        """How long the loads of the iteration take that begins then."""
        end = start
        for tier, blocks in zip(self.tiers.tiers, self._blocks, strict=True):
            if blocks:
                end = tier.load(blocks, end)
        self._blocks = [0, 0]
        self.load_time += end - start
        return end - start

    def write(self, time: int) -> None:
        """What became full goes to all tiers."""
        for content in self.full:
            for number, tier in enumerate(self.tiers.tiers):
                self.written[number] += tier.take_in(content, time)
        self.full = []
