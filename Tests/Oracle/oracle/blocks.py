"""KV blocks one by one, as vLLM's block pool keeps them: which requests use each, what is in it, and in which order the
free ones will be taken. Part of the slow engine, and independent of the library.
"""

from collections.abc import Hashable, Sequence

UNLIMITED = 2**62
"""More blocks, tokens or slots than any test needs."""


def blocks_for(tokens: int, block_size: int) -> int:
    """How many blocks hold so many tokens."""
    return -(-tokens // block_size)


class SlowBlocks:
    """The pool. A block's content is known once it is published; blocks that are free keep theirs until taken."""

    def __init__(self, usable: int | None) -> None:
        self.usable = usable
        self._users: dict[int, int] = {}
        # The first to be taken stands first. Without a limit new ones are made as they are needed.
        self._free: list[int] = [] if usable is None else list(range(1, usable + 1))
        self._made = 0
        self._content: dict[int, Hashable] = {}
        # Of several blocks with the same content the one that was published first is found.
        self._published: dict[Hashable, list[int]] = {}
        self.evictions = 0

    def free_count(self) -> int:
        return UNLIMITED if self.usable is None else len(self._free)

    def used_count(self) -> int:
        return sum(1 for users in self._users.values() if users > 0)

    def find(self, contents: Sequence[Hashable]) -> list[int]:
        """The blocks with these contents, up to the first that is not there."""
        found: list[int] = []
        for content in contents:
            blocks = self._published.get(content)
            if not blocks:
                break
            found.append(blocks[0])
        return found

    def idle_count(self, blocks: Sequence[int]) -> int:
        """How many of these blocks no request uses, so that they are among the free ones."""
        return self.unshared_count(blocks, users=0)

    def unshared_count(self, blocks: Sequence[int], users: int) -> int:
        """How many of these blocks have just so many users."""
        return sum(1 for block in blocks if self._users.get(block, 0) == users)

    def share(self, blocks: Sequence[int]) -> None:
        """One user more for each of these blocks, which were found."""
        for block in blocks:
            if self._users.get(block, 0) == 0:
                self._free.remove(block)
            self._users[block] = self._users.get(block, 0) + 1

    def take(self, count: int) -> list[int]:
        """The first of the free blocks; what was in them is forgotten."""
        taken: list[int] = []
        for _ in range(count):
            if self._free:
                block = self._free.pop(0)
            else:
                self._made += 1
                block = self._made
            self._forget(block)
            self._users[block] = 1
            taken.append(block)
        return taken

    def _forget(self, block: int) -> None:
        if block in self._content:
            content = self._content.pop(block)
            self._published[content].remove(block)
            self.evictions += 1

    def publish(self, block: int, content: Hashable) -> None:
        self._content[block] = content
        self._published.setdefault(content, []).append(block)

    def release(self, table: Sequence[int]) -> None:
        """One user fewer for each block of a table, from its last to its first.

        Blocks that can be found again go to the end of the free ones, so that they stay as long as possible; the others
        to the front.
        """
        unknown: list[int] = []
        for block in reversed(table):
            self._users[block] -= 1
            if self._users[block] == 0:
                if block in self._content:
                    self._free.append(block)
                else:
                    unknown.append(block)
        self._free[:0] = unknown
