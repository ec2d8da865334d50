"""An iteration time that was measured, part by part."""

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from batching._ffi.arguments import float64_column, number, positive, shown
from batching._ffi.calls import Float64Array, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import constants, structs
from batching._times.model import TimeModel
from batching._times.table_files import read_table

# Axes, and the values over them; what C calls the lengths of the axes.
_LINES: Final = {
    "linear_seconds": ("linear_tokens", "linear_count"),
    "head_seconds": ("head_sequences", "head_count"),
}
_GRIDS: Final = {
    "decode_seconds": (("decode_sequences", "decode_sequence_count"), ("decode_contexts", "decode_context_count")),
    "prefill_seconds": (("prefill_tokens", "prefill_token_count"), ("prefill_contexts", "prefill_context_count")),
}
_SCALES: Final = ("linear_scale", "head_scale", "decode_scale", "prefill_scale")
_TIMES: Final = ("per_iteration", "per_sequence", "per_prefill_iteration")


_COLUMNS: Final = (
    *(name for values, (axis, _) in _LINES.items() for name in (axis, values)),
    *(name for values, axes in _GRIDS.items() for name in (*(axis for axis, _ in axes), values)),
)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class TableTime(TimeModel):
    """Seconds that parts of an iteration took where they were measured; between those places they are interpolated.
    It cannot be changed: `dataclasses.replace` makes another. Two with the same values are equal.

    The places of each axis rise; seconds are finite, at least 0, and not below those before them on either axis. A part
    without places takes no time. "Engine: iteration times" in batching.h has the formula.

    Args: those that are described below; columns as read-only float64 arrays, or what makes them.

    Raises:
        TypeError: a value is of the wrong type.
        ValueError: a column is not as long as its axis, or a scale is not above 0. What else a value must be is checked
            where it is used.

    >>> table = TableTime(linear_tokens=[1, 1001], linear_seconds=[0.25, 0.5], per_iteration=0.125)
    >>> table.seconds(decode_tokens=[1, 501])
    array([0.375, 0.5  ])
    """

    _tag: ClassVar[str] = "table"
    _names: ClassVar[dict[str, str]] = {"time_table": "TableTime"}

    linear_tokens: Float64Array
    """Places: tokens."""
    linear_seconds: Float64Array
    """Seconds of all linear layers, and of all else that each token costs."""
    head_sequences: Float64Array
    """Places: sequences that sample."""
    head_seconds: Float64Array
    """Seconds of output head and sampling."""
    decode_sequences: Float64Array
    """Rows: sequences that decode; above 0."""
    decode_contexts: Float64Array
    """Columns: the sum of the contexts that those attend to; above 0."""
    decode_seconds: Float64Array
    """Seconds of decode attention in all layers, of shape (rows, columns)."""
    prefill_tokens: Float64Array
    """Rows: tokens of a chunk; above 0."""
    prefill_contexts: Float64Array
    """Columns: tokens before it."""
    prefill_seconds: Float64Array
    """Seconds of prefill attention in all layers, of shape (rows, columns)."""
    linear_scale: float
    """linear_seconds are multiplied by it; above 0."""
    head_scale: float
    """head_seconds are multiplied by it; above 0."""
    decode_scale: float
    """decode_seconds are multiplied by it; above 0."""
    prefill_scale: float
    """prefill_seconds are multiplied by it; above 0."""
    per_iteration: float
    """Seconds of each iteration."""
    per_sequence: float
    """Seconds of each sequence or chunk that is scheduled."""
    per_prefill_iteration: float
    """Seconds of each iteration that has a prefill chunk."""
    source: str
    """What it is of, in a phrase."""

    def __init__(
        self,
        *,
        linear_tokens: npt.ArrayLike = (),
        linear_seconds: npt.ArrayLike = (),
        head_sequences: npt.ArrayLike = (),
        head_seconds: npt.ArrayLike = (),
        decode_sequences: npt.ArrayLike = (),
        decode_contexts: npt.ArrayLike = (),
        decode_seconds: npt.ArrayLike = (),
        prefill_tokens: npt.ArrayLike = (),
        prefill_contexts: npt.ArrayLike = (),
        prefill_seconds: npt.ArrayLike = (),
        linear_scale: float = 1.0,
        head_scale: float = 1.0,
        decode_scale: float = 1.0,
        prefill_scale: float = 1.0,
        per_iteration: float = 0.0,
        per_sequence: float = 0.0,
        per_prefill_iteration: float = 0.0,
        source: str = "",
    ) -> None:
        given = dict(locals())
        for values, (axis, _) in _LINES.items():
            places = _column(given[axis], axis)
            self._keep(axis, places)
            self._keep(values, _over(_column(given[values], values), values, {axis: places}))
        for values, axes in _GRIDS.items():
            places_of = {axis: _column(given[axis], axis) for axis, _ in axes}
            for axis, places in places_of.items():
                self._keep(axis, places)
            self._keep(values, _over(_grid(given[values], values), values, places_of))
        for name in _SCALES:
            self._keep(name, positive(given[name], name))
        for name in _TIMES:
            self._keep(name, number(given[name], name))
        if not isinstance(source, str):
            raise TypeError(f"source is {shown(source)}: must be a string")
        self._keep("source", source)

    def _keep(self, name: str, value: object) -> None:
        self.__dict__[name] = value

    @classmethod
    def read(
        cls, *paths: str | os.PathLike[str], gpu: str | None = None, model: str | None = None, layers: int | None = None
    ) -> Self:
        """From files of measured seconds: of one's own, or of some that others publish. "Iteration times" in the manual
        says which, and how a table is made of each.

        Args:
            paths: the files, all of one layout.
            gpu: whose rows to take, where files have those of several.
            model: likewise; or which it is, where they do not say.
            layers: how many layers the model has, where files have the seconds of one, or kernels alone. None: as many
                as the model has.

        Raises:
            OSError: a file cannot be read.
            TypeError: an argument is of the wrong type.
            ValueError: a file has no such layout or rows, or lacks a part, or a value is no number.
        """
        return cls(**read_table(paths, gpu=gpu, model=model, layers=layers))

    def to_dict(self) -> dict[str, Any]:
        """Its values by name, and that it is a table. Columns are lists, grids lists of rows."""
        values = {known.name: getattr(self, known.name) for known in fields(self)}
        return {"model": self._tag} | {
            name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()
        }

    def _checked(self, name: str) -> Self:  # noqa: ARG002  (it was when it was made)
        return self

    def _set(self, structure: structs.batching_engine_config) -> None:
        table = initialised(structs.batching_time_table)
        for values, (axis, length) in _LINES.items():
            setattr(table, length, len(getattr(self, axis)))
            for name in (axis, values):
                setattr(table, name, pointer(getattr(self, name)))
        for values, axes in _GRIDS.items():
            for axis, length in axes:
                setattr(table, length, len(getattr(self, axis)))
                setattr(table, axis, pointer(getattr(self, axis)))
            setattr(table, values, pointer(getattr(self, values)))
        for name in (*_SCALES, *_TIMES):
            setattr(table, name, getattr(self, name))
        structure.time_model = constants.BATCHING_TIME_TABLE
        structure.time_table = ctypes.pointer(table)

    def _phrase(self) -> str:
        return f"table of {self.source}" if self.source else "table of your own"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TableTime):
            return NotImplemented
        same = all(np.array_equal(getattr(self, name), getattr(other, name)) for name in _COLUMNS)
        return same and self._rest() == other._rest()

    def __hash__(self) -> int:
        # Zeros have one sign: see _column.
        return hash((*(getattr(self, name).tobytes() for name in _COLUMNS), self._rest()))

    def _rest(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in (*_SCALES, *_TIMES, "source"))

    def __reduce__(self) -> tuple[Any, ...]:
        # Columns that were pickled as they are could be written to.
        return _made, (type(self), {known.name: getattr(self, known.name) for known in fields(self)})

    def __repr__(self) -> str:
        parts = [self.source] if self.source else []
        parts += [
            f"{values.removesuffix('_seconds')} {' x '.join(map(str, getattr(self, values).shape))}"
            for values in (*_LINES, *_GRIDS)
            if getattr(self, values).size
        ]
        parts += [f"{name}={getattr(self, name):.6g}" for name in _SCALES if getattr(self, name) != 1.0]
        parts += [f"{name}={getattr(self, name):.6g}" for name in _TIMES if getattr(self, name)]
        return f"TableTime({', '.join(parts)})"


def _made(kind: type[TableTime], values: dict[str, Any]) -> TableTime:
    return kind(**values)


def _column(given: npt.ArrayLike, name: str) -> Float64Array:
    """A column that nothing else can write to."""
    # A sum with 0 is a copy, and makes of -0 a 0.
    column: Float64Array = float64_column(given, name) + 0.0
    column.setflags(write=False)
    return column


def _grid(given: npt.ArrayLike, name: str) -> Float64Array:
    """The same of two axes: from rows, or an array."""
    if isinstance(given, list | tuple):
        rows = [_column(row, f"{name}[{index}]") for index, row in enumerate(given)]
        if len({len(row) for row in rows}) > 1:
            raise BatchingValueError(f"{name} has rows of different lengths: must have as many values in each")
        grid = np.array(rows, np.float64)
    else:
        array = np.asarray(given)
        grid = _column(array.reshape(-1), name).reshape(array.shape)
    grid.setflags(write=False)
    return grid


def _over(values: Float64Array, name: str, axes: Mapping[str, Float64Array]) -> Float64Array:
    """Seconds, which have a value for each place."""
    shape = tuple(len(places) for places in axes.values())
    if values.size == 0 and 0 in shape:
        return values.reshape(shape)
    if values.shape != shape:
        wanted = " x ".join(f"len({axis})" for axis in axes)
        raise BatchingValueError(f"{name} has the shape {values.shape}: must have {wanted}, {shape}")
    return values
