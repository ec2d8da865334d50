"""Files of measured seconds, as the columns of a table: a layout of one's own, LLMServingSim's, aiconfigurator's."""

import csv
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from batching._catalogue.model import Model
from batching._ffi.arguments import integer, shown
from batching._ffi.errors import BatchingValueError
from batching._times.table_grids import GridPoint, Point, decode_columns, line_columns, prefill_columns

# What the CPU adds to kernels: in no table of kernels. Medians of vLLM, as RooflineTime.for_deployment has them.
_PER_ITERATION: Final = 1e-3
_PER_SEQUENCE: Final = 5e-6
_PER_LAYER: Final = 15e-6

_PARTS: Final = ("linear", "head", "decode", "prefill")


@dataclass
class Points:
    """What was measured, in seconds of all layers."""

    linear: list[Point] = field(default_factory=list)
    head: list[Point] = field(default_factory=list)
    decode: list[GridPoint] = field(default_factory=list)
    prefill: list[GridPoint] = field(default_factory=list)
    fixed: dict[str, float] = field(default_factory=dict)
    """Fixed times, by the fields of TableTime."""
    source: str = ""


class Chosen(NamedTuple):
    """What a caller says of the files."""

    gpu: str | None
    model: str | None
    layers: int | None


class Row(NamedTuple):
    """One row of a file."""

    path: Path
    line: int
    values: dict[str, str]

    def number(self, name: str) -> float:
        """A value that is a number, at least 0."""
        text = self.values[name]
        try:
            value = float(text)
        except (TypeError, ValueError):
            value = -1.0
        if not 0 <= value < float("inf"):
            raise BatchingValueError(
                f"{self.path}, line {self.line}: {name} is {shown(text)}: must be a number of at least 0"
            )
        return value


def read_table(
    paths: Sequence[str | os.PathLike[str]], *, gpu: str | None, model: str | None, layers: int | None
) -> dict[str, Any]:
    """The arguments of TableTime."""
    if not paths:
        raise BatchingValueError("paths is empty: must have at least one element")
    chosen = Chosen(gpu, model, None if layers is None else integer(layers, "layers", 1))
    files = [_read(path) for name in paths for path in _files_of(name)]
    readers = {_reader_of(path, columns) for path, columns, _ in files}
    if len(readers) > 1:
        raise BatchingValueError(f"{files[0][0]} and {files[-1][0]} have different layouts: must be of one")
    (reader,) = readers
    points = reader(files, chosen)
    for part in ("linear", "decode", "prefill"):
        if not getattr(points, part):
            raise BatchingValueError(f"{', '.join(str(path) for path, _, _ in files)}: no row is of the part {part}")
    return {
        **line_columns(points.linear, "linear_tokens", "linear_seconds"),
        **line_columns(points.head, "head_sequences", "head_seconds"),
        **decode_columns(points.decode),
        **prefill_columns(points.prefill, points.decode),
        **points.fixed,
        "source": points.source,
    }


File = tuple[Path, tuple[str, ...], list[Row]]
"""A path, its columns, and its rows."""


def _files_of(name: str | os.PathLike[str]) -> list[Path]:
    """A file; or those that begin so, as LLMServingSim calls them."""
    path = Path(name)
    if path.exists():
        return [path]
    parts = [path.with_name(f"{path.name}_{part}.csv") for part in ("dense", "per_sequence", "attention")]
    return parts if any(part.exists() for part in parts) else [path]


def _read(path: Path) -> File:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = [Row(path, reader.line_num, row) for row in reader]
            columns = tuple(reader.fieldnames or ())
    except (UnicodeDecodeError, csv.Error) as error:
        raise BatchingValueError(f"{path} is no CSV: {error}") from None
    return path, columns, rows


def _reader_of(path: Path, columns: tuple[str, ...]) -> Callable[[list[File], Chosen], Points]:
    """What reads files of these columns."""
    has = set(columns)
    if {"part", "x", "seconds"} <= has:
        return _parts
    if {"layer", "time_us"} <= has or {"prefill_chunk", "kv_prefill", "n_decode", "kv_decode", "time_us"} <= has:
        return _llmservingsim
    if {"prompt_size", "batch_size", "token_time_ms"} <= has:
        raise BatchingValueError(
            f"{path} is of splitwise-sim: it has the times of whole passes, by batch and prompt, and not those of "
            f"linear layers, decode and prefill attention, of which a table is made; nor passes that mix prefill and "
            f"decode"
        )
    if {"elements", "gpus", "seconds"} <= has:
        raise BatchingValueError(f"{path} has times of all-reduces, which are no part of a table: add them to linear")
    raise BatchingValueError(
        f"{path} has the columns {', '.join(columns) or 'of an empty file'}: must have part, x, y, seconds, or those "
        f"of LLMServingSim or aiconfigurator"
    )


# --- One's own, and aiconfigurator's ----------------------------------------------------------------------------------


def _parts(files: list[File], chosen: Chosen) -> Points:
    """A row a point: part, x, y (or context), seconds; perhaps gpu and model."""
    rows = [row for _, _, rows in files for row in rows]
    named = {}
    for name in ("gpu", "model"):
        wanted: str | None = getattr(chosen, name)
        found = sorted({row.values[name] for row in rows if row.values.get(name)})
        if not found:
            named[name] = wanted or ""
            continue
        if wanted is None and len(found) > 1:
            raise BatchingValueError(f"{name} is None: must be one of {', '.join(found)}, which the files have")
        if wanted is not None and wanted not in found:
            raise BatchingValueError(f"{name} is {wanted!r}: must be one of {', '.join(found)}, which the files have")
        named[name] = wanted or found[0]
        rows = [row for row in rows if row.values.get(name) == named[name]]
    points = Points(source=" on ".join(text for text in (named["model"], named["gpu"]) if text))
    are_kernels = False
    for row in rows:
        part = row.values["part"].strip().removesuffix("_attention")
        are_kernels |= part != row.values["part"].strip()
        if part not in _PARTS:
            raise BatchingValueError(
                f"{row.path}, line {row.line}: part is {shown(row.values['part'])}: must be one of {', '.join(_PARTS)}"
            )
        x, seconds = row.number("x"), row.number("seconds")
        if part in {"linear", "head"}:
            getattr(points, part).append((x, seconds))
            continue
        y = row.number("y" if "y" in row.values else "context")
        if x == 0 or (part == "decode" and y == 0):
            raise BatchingValueError(f"{row.path}, line {row.line}: x is {x:g} and y {y:g}: must be above 0")
        getattr(points, part).append((x, y, seconds))
    if are_kernels:
        # Of linear layers it has the matrix products alone.
        layers = _layers(chosen, named["model"])
        points.fixed = {"per_iteration": _PER_ITERATION + _PER_LAYER * layers, "per_sequence": _PER_SEQUENCE}
    return points


# --- LLMServingSim ----------------------------------------------------------------------------------------------------

# What a pass has once; what each layer has twice.
_ONCE: Final = {"embedding", "final_layernorm"}
_TWICE: Final = {"layernorm"}


def _llmservingsim(files: list[File], chosen: Chosen) -> Points:
    """Microseconds of one layer: dense ones by tokens, those of each sequence, and attention."""
    layers = _layers(chosen, chosen.model)
    points = Points(
        source=" on ".join(text for text in (chosen.model, chosen.gpu) if text),
        fixed={"per_iteration": _PER_ITERATION, "per_sequence": _PER_SEQUENCE},
    )
    for _, columns, rows in files:
        if "prefill_chunk" in columns:
            _add_attention(points, rows, layers)
        elif "tokens" in columns:
            points.linear += _summed(rows, "tokens", layers)
        else:
            points.head += _summed(rows, "sequences", 1)
    return points


def _summed(rows: list[Row], axis: str, layers: int) -> list[Point]:
    """All layers of a pass, at the places where each was measured."""
    seconds: dict[str, dict[float, float]] = defaultdict(dict)
    for row in rows:
        layer = row.values["layer"]
        times = 1 if layer in _ONCE else 2 * layers if layer in _TWICE else layers
        seconds[layer][row.number(axis)] = 1e-6 * times * row.number("time_us")
    places = set.intersection(*(set(own) for own in seconds.values())) if seconds else set()
    return [(place, sum(own[place] for own in seconds.values())) for place in sorted(places)]


def _add_attention(points: Points, rows: list[Row], layers: int) -> None:
    """Passes that mix prefill and decode are left out: the table adds the two."""
    for row in rows:
        chunk, before, sequences, context = (
            row.number(name) for name in ("prefill_chunk", "kv_prefill", "n_decode", "kv_decode")
        )
        seconds = 1e-6 * layers * row.number("time_us")
        if chunk == 0 and sequences > 0 and context > 0:
            points.decode.append((sequences, context, seconds))
        elif sequences == 0 and chunk > 0:
            points.prefill.append((chunk, before, seconds))


def _layers(chosen: Chosen, model: str | None) -> int:
    """How many layers the model has."""
    if chosen.layers is not None:
        return chosen.layers
    if model:
        return Model.named(model).num_hidden_layers
    raise BatchingValueError("layers is None: must be given, or model, since these files have the seconds of one layer")
