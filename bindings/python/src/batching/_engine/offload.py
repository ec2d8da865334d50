"""Where KV blocks stay that leave the memory of the GPU: host memory and a disk.

A field of it stands in this file only: in KVOffload. The checks, the struct and the JSON form follow from it.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, Self, get_args

from batching._engine.kinds import Integer, Kind, Number, Switch
from batching._ffi.arguments import shown
from batching._ffi.calls import initialised
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs


@dataclass(frozen=True, kw_only=True, repr=False)
class KVOffload:
    """Two tiers beside the prefix cache, host memory and a disk. They hold KV blocks by their content: each that
    becomes full is written there, and the one that was used longest ago goes; a request that is admitted has loaded
    what it does not find in the prefix cache. "Engine: KV offload" in batching.h says precisely when.

    Args:
        host_tokens: tokens that host memory holds, in whole KV blocks. 0: it holds none.
        host_read_bandwidth: bytes a second from host memory. 0: it takes no time, as of the next.
        host_write_bandwidth: bytes a second to host memory.
        disk_tokens: tokens that the disk holds, in whole KV blocks. 0: it holds none.
        disk_read_bandwidth: bytes a second from the disk.
        disk_write_bandwidth: bytes a second to the disk.
        kv_bytes_per_token: bytes of the KV cache a token, on all GPUs. Required with a bandwidth.
        loads_block: whether an iteration computes only after its loads, and not meanwhile.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of the range of its type. What else a value must be is checked where it is used.

    >>> KVOffload(host_tokens=500_000, host_read_bandwidth=50e9, kv_bytes_per_token=131_072)
    KVOffload(host_tokens=500000, host_read_bandwidth=50000000000.0, kv_bytes_per_token=131072.0)
    """

    host_tokens: Annotated[int, Integer()] = 0
    host_read_bandwidth: Annotated[float, Number()] = 0.0
    host_write_bandwidth: Annotated[float, Number()] = 0.0
    disk_tokens: Annotated[int, Integer()] = 0
    disk_read_bandwidth: Annotated[float, Number()] = 0.0
    disk_write_bandwidth: Annotated[float, Number()] = 0.0
    kv_bytes_per_token: Annotated[float, Number()] = 0.0
    loads_block: Annotated[bool, Switch()] = False

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            self.__dict__[name] = kind.checked(getattr(self, name), name)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON has them."""
        return {name: getattr(self, name) for name in _KINDS}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From what `to_dict` gives. What is not in it is as by default.

        Raises:
            TypeError: a value is of the wrong type.
            ValueError: a field is unknown, or its value out of range.
        """
        for name in values:
            if name not in _KINDS:
                raise BatchingValueError(
                    f"{shown(name)} is not a field of KVOffload: must be one of {', '.join(_KINDS)}"
                )
        return cls(**values)

    def __repr__(self) -> str:
        given = (f"{name}={value!r}" for name, value in self.to_dict().items() if value)
        return f"KVOffload({', '.join(given)})"

    def _structure(self) -> structs.batching_kv_offload:
        structure = initialised(structs.batching_kv_offload)
        for name, kind in _KINDS.items():
            kind.set(structure, name, getattr(self, name))
        return structure


_KINDS: Final[dict[str, Kind]] = {known.name: get_args(known.type)[1] for known in fields(KVOffload)}


class OffloadKind(Kind):
    """Tiers, or none."""

    def checked(self, value: Any, name: str) -> KVOffload | None:
        if value is None or isinstance(value, KVOffload):
            return value
        raise TypeError(f"{name} is {shown(value)}: must be a KVOffload, or None")

    def set(self, structure: Any, field: str, value: KVOffload | None) -> None:
        # What it points to lives as long as the struct.
        setattr(structure, field, None if value is None else ctypes.pointer(value._structure()))

    def parsed(self, text: str, name: str) -> Any:
        raise BatchingValueError(f"{name} is {shown(text)}: there are options for its fields")

    def plain(self, value: Any, name: str) -> Any:  # noqa: ARG002
        return None if value is None else value.to_dict()


def read_offload(value: Any) -> Any:
    """From what JSON has."""
    return KVOffload.from_dict(value) if isinstance(value, Mapping) else value
