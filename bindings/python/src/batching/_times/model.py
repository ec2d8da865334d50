"""What all models of the iteration time have in common, and which there are."""

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from batching._ffi.arguments import float64_column, int64_column, integer, number, shown
from batching._ffi.calls import Float64Array, check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import structs
from batching._ffi.loader import library

_KINDS: Final[dict[str, "type[TimeModel]"]] = {}


class TimeModel(ABC):
    """How long an iteration takes, as a value."""

    _tag: ClassVar[str]
    """What it is called in JSON."""
    _names: ClassVar[Mapping[str, str]]
    """What the C interface calls otherwise."""

    def __init_subclass__(cls) -> None:
        _KINDS[cls._tag] = cls

    @classmethod
    def _fields(cls) -> tuple[str, ...]:
        """What its JSON may have."""
        # Each is a dataclass.
        return tuple(known.name for known in fields(cls))  # type: ignore[arg-type]

    @abstractmethod
    def _checked(self, name: str) -> Self:
        """The same with values of one type. `name` is what the sentence of an error calls it."""

    @abstractmethod
    def _set(self, structure: structs.batching_engine_config) -> None:
        """Put it into a struct. What that points to lives as long as the struct and this value."""

    @abstractmethod
    def _phrase(self) -> str:
        """What a table or a picture says of it."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""

    def seconds(
        self,
        prefill_tokens: npt.ArrayLike = 0,
        decode_tokens: npt.ArrayLike = 0,
        context_tokens: npt.ArrayLike | None = None,
        prefill_chunks: npt.ArrayLike | None = None,
        prefill_context: npt.ArrayLike | None = None,
    ) -> Any:
        """How long iterations take, as an engine takes them. Each argument is a number, or an array of them; arrays go
        together as NumPy's do. "Engine: iteration times" in batching.h has the formulas.

        Args:
            prefill_tokens: tokens of all prefill chunks.
            decode_tokens: sequences that decode.
            context_tokens: over those, the sum of the tokens that each attends to, its newest included. None: as many
                as decode_tokens, that is, a context of one token each.
            prefill_chunks: the requests that prefill_tokens belong to. None: one where there are tokens.
            prefill_context: over the chunks, the sum of tokens x context, a chunk's context being the tokens of its
                request up to its end. None: chunks of one size with no context before.

        Returns: a float, or an array of them.

        Raises:
            TypeError: a value is of the wrong type.
            ValueError: a value is out of its range, or contradicts another; the shapes do not go together; or a value
                of this model is out of its range.
        """
        given = {
            "prefill_tokens": prefill_tokens,
            "decode_tokens": decode_tokens,
            "context_tokens": context_tokens,
            "prefill_chunks": prefill_chunks,
            "prefill_context": prefill_context,
        }
        return _calculated(self, {name: _numbers(value, name) for name, value in given.items() if value is not None})


def _calculated(model: TimeModel, given: Mapping[str, npt.NDArray[Any]]) -> Any:
    try:
        columns = dict(zip(given, np.broadcast_arrays(*given.values()), strict=True))
    except ValueError:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in given.items() if value.shape)
        raise BatchingValueError(f"the shapes of the arguments are {shapes}: must go together") from None
    shape = columns["prefill_tokens"].shape
    flat = {name: np.ascontiguousarray(column.reshape(-1)) for name, column in columns.items()}
    iterations = initialised(structs.batching_iterations)
    iterations.count = len(flat["prefill_tokens"])
    for name, column in flat.items():
        setattr(iterations, name, pointer(column))
    seconds: Float64Array = np.empty(iterations.count, np.float64)
    config = initialised(structs.batching_engine_config)
    model._set(config)
    # Of a number it is not told that it is element 0.
    index = "" if shape else r"(\[0\])?"
    names = {rf"iterations\.{name}{index}": name for name in flat}
    check(
        library.batching_iteration_times_calculate(ctypes.byref(config), ctypes.byref(iterations), pointer(seconds)),
        {**model._names, **names},
    )
    return float(seconds[0]) if not shape else seconds.reshape(shape)


def _numbers(value: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """An array of the type that C takes, of any shape."""
    is_context = name == "prefill_context"
    shape = np.shape(value)
    if not shape:
        plain = value.item() if isinstance(value, np.ndarray) else value
        return np.array(number(plain, name) if is_context else integer(plain, name), np.float64 if is_context else None)
    one = value if len(shape) == 1 else np.asarray(value).reshape(-1)
    return (float64_column(one, name) if is_context else int64_column(one, name)).reshape(shape)


def time_model_of(values: Mapping[str, Any], name: str) -> TimeModel:
    """From what `to_dict` gives. Without "model" it is an affine time.

    Raises:
        TypeError: a value is of the wrong type.
        ValueError: a term is unknown.
    """
    tag = values.get("model", "affine")
    if not isinstance(tag, str) or tag not in _KINDS:
        raise BatchingValueError(f"{name} has the model {shown(tag)}: must be one of {', '.join(map(repr, _KINDS))}")
    kind = _KINDS[tag]
    terms = {term: value for term, value in values.items() if term != "model"}
    for term in terms:
        if term not in kind._fields():
            raise BatchingValueError(
                f"{shown(term)} is not a term of {name}: must be one of {', '.join(kind._fields())}"
            )
    return kind(**terms)._checked(name)
