"""The GPUs and models that are known by name: Swift from the two CSV files of Sources/Batching/Catalogue.

Each row becomes a case of a function, and not an element of an array: what a library holds must take no memory that
could be missing when it is first asked for.
"""

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from batching_generator.model import HeaderError

FOLDER = "Sources/Batching/Catalogue"
GENERATED = f"{FOLDER}/Generated"

_HEAD = "// Generated from {path} by `make generate`: change that, not this.\n// swift-format-ignore-file\n"
_LINE = 112


@dataclass(frozen=True)
class _Field:
    """A column, the argument of the value's initialiser that it is, and how its text becomes Swift."""

    column: str
    argument: str
    kind: str


@dataclass(frozen=True)
class _Table:
    """A CSV file, the Swift file and type that are made of it, and what its functions are called by."""

    file: str
    swift: str
    value: str
    word: str
    type_word: str
    fields: tuple[_Field, ...]


_GPUS = _Table(
    "gpus.csv",
    "GPUs.swift",
    "GPU",
    "gpu",
    "GPU",
    (
        _Field("memory_MiB", "memoryBytes", "MiB"),
        _Field("driver_MiB", "driverBytes", "MiB"),
        _Field("bandwidth_GB_s", "memoryBandwidth", "e9"),
        _Field("bf16_TFLOP_s", "bf16Peak", "e12"),
        _Field("fp8_TFLOP_s", "fp8Peak", "e12"),
        _Field("int8_TOP_s", "int8Peak", "e12"),
        _Field("fp4_TFLOP_s", "fp4Peak", "e12"),
        _Field("link_GB_s", "linkBandwidth", "e9"),
        _Field("power_W", "power", "e0"),
        _Field("memory_type", "memoryType", "choice"),
        _Field("link_type", "linkType", "choice"),
    ),
)

_MODELS = _Table(
    "models.csv",
    "Models.swift",
    "ModelArchitecture",
    "model",
    "Model",
    tuple(
        _Field(column, argument, kind)
        for column, argument, kind in (
            ("num_hidden_layers", "numHiddenLayers", "count"),
            ("hidden_size", "hiddenSize", "count"),
            ("num_attention_heads", "numAttentionHeads", "count"),
            ("num_key_value_heads", "numKeyValueHeads", "count"),
            ("head_dim", "headDim", "count"),
            ("intermediate_size", "intermediateSize", "count"),
            ("vocab_size", "vocabSize", "count"),
            ("tie_word_embeddings", "tieWordEmbeddings", "flag"),
            ("num_experts", "numExperts", "count"),
            ("num_experts_per_tok", "numExpertsPerTok", "count"),
            ("moe_intermediate_size", "moeIntermediateSize", "count"),
            ("shared_expert_intermediate_size", "sharedExpertIntermediateSize", "count"),
            ("dense_layers", "denseLayers", "count"),
            ("kv_lora_rank", "kvLoraRank", "count"),
            ("q_lora_rank", "qLoraRank", "count"),
            ("qk_rope_head_dim", "qkRopeHeadDim", "count"),
            ("qk_nope_head_dim", "qkNopeHeadDim", "count"),
            ("v_head_dim", "vHeadDim", "count"),
            ("sliding_window", "slidingWindow", "count"),
            ("full_attention_layers", "fullAttentionLayers", "count"),
        )
    ),
)


def files(root: Path) -> dict[str, str]:
    """The Swift files by their paths; none where the repository at `root` has no catalogue."""
    return {f"{GENERATED}/{table.swift}": _swift(table, root) for table in (_GPUS, _MODELS) if (root / FOLDER).is_dir()}


def _swift(table: _Table, root: Path) -> str:
    path = f"{FOLDER}/{table.file}"
    rows = _rows(table, root / path, path)
    names = [row["name"] for row in rows]
    aliases = [(alias, index) for index, row in enumerate(rows) for alias in row["aliases"].split(";") if alias]
    _check_names(path, names, [alias for alias, _ in aliases])
    entries = [_entry(table, row, f"{path}:{line}") for line, row in enumerate(rows, start=2)]
    known = [f'CatalogueAlias(name: "{alias}", index: {index})' for alias, index in aliases]
    return (
        f"{_HEAD.format(path=path)}\nextension Catalogue {{\n"
        f"    /// How many rows {table.file} has.\n"
        f"    public static var {table.word}Count: Int {{ {len(rows)} }}\n\n"
        f"{_function(f'known{table.type_word}', f'CatalogueEntry<{table.value}>', entries)}\n"
        f"    static var {table.word}AliasCount: Int {{ {len(aliases)} }}\n\n"
        f"{_function(f'{table.word}Alias', 'CatalogueAlias', known)}"
        "}\n"
    )


def _function(name: str, result: str, values: list[str]) -> str:
    """A function of an index, below the number of values: whatever else it is given is the last."""
    cases = "".join(f"        case {index}: {value}\n" for index, value in enumerate(values[:-1]))
    return (
        f"    static func {name}(_ index: Int) -> {result} {{\n        switch index {{\n{cases}"
        f"        default: {values[-1]}\n        }}\n    }}\n"
    )


def _entry(table: _Table, row: dict[str, str], place: str) -> str:
    arguments = []
    for field in table.fields:
        text = row[field.column]
        if text:
            try:
                arguments.append(f"{field.argument}: {_literal(text, field.kind)}")
            except ValueError as error:
                raise HeaderError(place, f"{field.column} is {text!r}: must be a number") from error
    texts = "".join(f'            "{row[column]}",\n' for column in ("name", "source"))
    lines = [f"CatalogueEntry(\n{texts}            {table.value}(\n"]
    line = " " * 16
    for argument in arguments:
        piece = argument + (", " if argument is not arguments[-1] else "))")
        if len(line) + len(piece) > _LINE:
            lines.append(f"{line.rstrip()}\n")
            line = " " * 16
        line += piece
    return "".join([*lines, line])


def _literal(text: str, kind: str) -> str:
    if kind == "count":
        return str(int(text))
    if kind == "flag":
        return {0: "false", 1: "true"}[int(text)]
    if kind == "choice":
        return f".{text.lower()}"
    if kind == "MiB":
        return f"{int(text) * 1024 * 1024}.0"
    float(text)
    return f"{text}{kind}"


def _rows(table: _Table, file: Path, path: str) -> list[dict[str, str]]:
    if not file.is_file():
        raise HeaderError(path, "is not there: it is what the catalogue is made from")
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        expected = ["name", "aliases", *sorted(field.column for field in table.fields), "source"]
        if sorted(reader.fieldnames or ()) != sorted(expected):
            raise HeaderError(f"{path}:1", f"the columns must be {', '.join(expected)}")
        rows = list(reader)
    if not rows:
        raise HeaderError(path, "has no rows")
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise HeaderError(f"{path}:{line}", f"must have {len(expected)} columns")
        if not row["name"] or not row["source"]:
            raise HeaderError(f"{path}:{line}", "needs a name and a source")
        text = "".join(row.values())
        if not text.isascii() or not text.isprintable() or '"' in text or "\\" in text:
            raise HeaderError(f"{path}:{line}", "must be printable ASCII without quotes and backslashes")
    return rows


def _check_names(path: str, names: list[str], aliases: list[str]) -> None:
    if names != sorted(names, key=str.lower):
        wrong = next(after for before, after in pairwise(names) if before.lower() > after.lower())
        raise HeaderError(path, f"{wrong} is not in its place: rows are in order of name, whatever the case")
    seen: set[str] = set()
    for name in [*names, *aliases]:
        plain = "".join(letter for letter in name.lower() if letter.isalnum())
        if plain in seen:
            raise HeaderError(path, f"{name} is there twice, but for what does not count in a name")
        seen.add(plain)
