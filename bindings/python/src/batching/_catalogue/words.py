"""The words of the catalogue, and the numbers that the C interface has for them."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from batching._ffi.arguments import shown
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices

Dtype = choices.DtypeName
"""What weights, or a KV cache, are made of: "bf16" (or float16), "fp8", "int8", "fp4" (NVFP4), "int4" (AWQ, GPTQ)."""

MemoryType = Literal["hbm", "gddr"]
LinkType = Literal["none", "nvlink", "pcie"]

DTYPES: Final = choices.DTYPE_NAMES
MEMORY_TYPES: Final = {kind.name.lower(): kind.value for kind in choices.MemoryType}
LINK_TYPES: Final = {kind.name.lower(): kind.value for kind in choices.LinkType}


def number_of_word(words: Mapping[str, int], value: Any, name: str) -> int:
    """What the C interface has for a word."""
    if isinstance(value, str) and value in words:
        return words[value]
    error = BatchingValueError if isinstance(value, str) else TypeError
    raise error(f"{name} is {shown(value)}: must be one of {', '.join(map(repr, words))}")


def word_of_number(words: Mapping[str, int], value: int) -> Any:
    """The reverse."""
    return next(word for word, number in words.items() if number == value)
