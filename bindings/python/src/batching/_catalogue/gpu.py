"""GPUs by name, or with numbers of one's own."""

import ctypes
from dataclasses import dataclass
from typing import Any, Final, Self

from batching._catalogue.words import LINK_TYPES, MEMORY_TYPES, LinkType, MemoryType, number_of_word, word_of_number
from batching._ffi.arguments import number, shown
from batching._ffi.calls import check, initialised
from batching._ffi.generated import structs
from batching._ffi.loader import library

_NUMBERS: Final = ("memory_bytes", "memory_bandwidth", "bf16_peak", "driver_bytes")
# Where C has 0 for what is not known.
_KNOWN_OR_NOT: Final = ("fp8_peak", "int8_peak", "fp4_peak", "link_bandwidth", "power")


@dataclass(frozen=True, kw_only=True, repr=False)
class GPU:
    """A GPU, as its data sheet says: `GPU.named("H100-SXM")`, or numbers of your own. Two with the same values are
    equal.

    Raises:
        TypeError: a value is of the wrong type.
        ValueError: a word is unknown. What else a value must be is checked where it is used.

    >>> GPU.named("h100 sxm").name
    'H100-SXM'
    """

    name: str = ""
    """As the catalogue calls it."""
    memory_bytes: float
    """Bytes of memory, as the driver tells it: nvidia-smi."""
    memory_bandwidth: float
    """Bytes a second."""
    bf16_peak: float
    """Dense FLOPs a second of the tensor cores, accumulated in 32 bits, without sparsity."""
    fp8_peak: float | None = None
    """The same in fp8. None: computed in bf16."""
    int8_peak: float | None = None
    """Operations a second with int8. None: computed in bf16."""
    fp4_peak: float | None = None
    """The same as bf16_peak in fp4. None: computed in bf16."""
    link_bandwidth: float | None = None
    """Bytes a second from one GPU to the others, in one direction. None: not known."""
    power: float | None = None
    """Watts: the thermal design power. None: not known."""
    driver_bytes: float = 0.0
    """Of memory_bytes, what the driver keeps for itself, and a program does not see."""
    memory_type: MemoryType = "hbm"
    """"hbm", stacked on the package, or "gddr", chips beside the GPU."""
    link_type: LinkType = "none"
    """"nvlink", also AMD's Infinity Fabric and a TPU's ICI; "pcie"; or "none": for one GPU only."""
    source: str = ""
    """Where the numbers stand."""

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            self.__dict__[name] = number(getattr(self, name), name)
        for name in _KNOWN_OR_NOT:
            value = getattr(self, name)
            self.__dict__[name] = None if value is None else number(value, name)
        number_of_word(MEMORY_TYPES, self.memory_type, "memory_type")
        number_of_word(LINK_TYPES, self.link_type, "link_type")

    @classmethod
    def named(cls, name: str) -> Self:
        """One of the catalogue. Case does not count, nor does what is neither a letter nor a digit.

        Raises:
            TypeError: the name is no text.
            ValueError: there is none of that name; the sentence lists names that are near.
        """
        structure = initialised(structs.batching_gpu)
        check(library.batching_gpu_find(encoded(name, "name"), ctypes.byref(structure)))
        return cls._of(structure)

    @classmethod
    def _of(cls, structure: structs.batching_gpu) -> Self:
        values: dict[str, Any] = {name: getattr(structure, name) for name in _NUMBERS}
        values |= {name: getattr(structure, name) or None for name in _KNOWN_OR_NOT}
        return cls(
            name=decoded(structure.name),
            source=decoded(structure.source),
            memory_type=word_of_number(MEMORY_TYPES, structure.memory_type),
            link_type=word_of_number(LINK_TYPES, structure.link_type),
            **values,
        )

    def _structure(self) -> structs.batching_gpu:
        structure = initialised(structs.batching_gpu)
        for name in (*_NUMBERS, *_KNOWN_OR_NOT):
            setattr(structure, name, getattr(self, name) or 0.0)
        structure.memory_type = MEMORY_TYPES[self.memory_type]
        structure.link_type = LINK_TYPES[self.link_type]
        return structure

    def __repr__(self) -> str:
        called = repr(self.name) if self.name else "of your own"
        return (
            f"GPU({called}, {self.memory_bytes / 1e9:.4g} GB at {self.memory_bandwidth / 1e9:,.0f} GB/s, "
            f"{self.bf16_peak / 1e12:.4g} TFLOP/s in bf16)"
        )


def gpus() -> list[GPU]:
    """All GPUs of the catalogue, in order of name."""
    count = ctypes.c_int64()
    check(library.batching_gpus_count(ctypes.byref(count)))
    structure = initialised(structs.batching_gpu)
    found = []
    for index in range(count.value):
        check(library.batching_gpu_get(index, ctypes.byref(structure)))
        found.append(GPU._of(structure))
    return found


def encoded(name: object, argument: str) -> bytes:
    """A name as C takes it."""
    if not isinstance(name, str):
        raise TypeError(f"{argument} is {shown(name)}: must be a string")
    # What has a null byte in it would be looked up as what stands before that.
    return name.replace("\0", " ").encode("utf-8", "replace")


def decoded(text: bytes | None) -> str:
    """What C tells."""
    return "" if text is None else text.decode("utf-8", "replace")
