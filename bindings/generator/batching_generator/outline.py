"""What stands where in any version of the header, whatever its comments say: for programs that compile or change it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clang import cindex
from clang.cindex import CursorKind

from batching_generator.parse import translated


@dataclass(frozen=True)
class Macro:
    """A macro as it is written. `parameters` is empty, or what stands in brackets right behind the name."""

    name: str
    parameters: str
    text: str


@dataclass(frozen=True)
class Place:
    """A struct, its first field, and where its closing brace stands in the bytes of the header."""

    name: str
    first_field: str
    closing_brace: int


def functions(header: Path) -> dict[str, str]:
    """The declaration of each function, without its semicolon."""
    content = header.read_bytes()
    return {
        cursor.spelling: content[cursor.extent.start.offset : cursor.extent.end.offset].decode()
        for cursor in _cursors(header)
        if cursor.kind == CursorKind.FUNCTION_DECL
    }


def macros(header: Path) -> list[Macro]:
    """The macros that have a text, in order."""
    found = []
    for cursor in _cursors(header):
        if cursor.kind == CursorKind.MACRO_DEFINITION:
            name, *rest = cursor.get_tokens()
            parameters = 0
            if rest and rest[0].spelling == "(" and rest[0].extent.start.offset == name.extent.end.offset:
                parameters = 1 + [token.spelling for token in rest].index(")")
            words = [token.spelling for token in rest]
            if words[parameters:]:
                found.append(Macro(name.spelling, "".join(words[:parameters]), " ".join(words[parameters:])))
    return found


def structs(header: Path) -> list[Place]:
    """The structs that have fields, in order: where they have them, and not where they are declared in advance."""
    found = []
    for cursor in _cursors(header):
        is_whole = cursor.kind == CursorKind.STRUCT_DECL and cursor.is_definition()
        fields = list(cursor.type.get_fields()) if is_whole else []
        if fields:
            found.append(Place(cursor.spelling, fields[0].spelling, cursor.extent.end.offset - 1))
    return found


def _cursors(header: Path) -> Iterator[cindex.Cursor]:
    for cursor in translated(header).cursor.get_children():
        if cursor.location.file is not None and cursor.location.file.name == str(header):
            yield cursor
