"""Reads the header with libclang.

libclang rather than pycparser, since what the comments say is needed, too: pycparser wants a preprocessed header, in
which comments and macros are gone. `stdint.h` is replaced by five typedefs, so that no system header is needed and the
sizes are the same on every machine: those of a 64-bit Linux, where long and pointers have 8 bytes.

What is wrong with the header is a HeaderError. It is what a compiler finds, a type that the writers do not know, or a
struct, field, callback or function without a comment; an _init function needs none, since all do the same.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from clang import cindex
from clang.cindex import CursorKind, TokenKind, TypeKind

from batching_generator.comments import section_head, text_of
from batching_generator.model import (
    INIT,
    Alias,
    Callback,
    Constant,
    CType,
    Declaration,
    Field,
    Function,
    Handle,
    Header,
    HeaderError,
    Parameter,
    Section,
    Struct,
)

_STDINT = """\
typedef unsigned char uint8_t;
typedef signed int int32_t;
typedef unsigned int uint32_t;
typedef signed long int64_t;
typedef unsigned long uint64_t;
"""
SCALARS = frozenset({"uint8_t", "int32_t", "uint32_t", "int64_t", "uint64_t", "double"})
"""The types that a field may have by value, beside structs' pointers and callbacks."""
_BASES = SCALARS | {"char", "void"}
_FOLDER = "batching-generator-include"
_ARGUMENTS = ["-xc", "-std=c99", "--target=x86_64-unknown-linux-gnu", "-nostdinc", f"-I{_FOLDER}", "-Wall", "-Wextra"]
# Not in the header, but after it: what its macros are worth.
_VALUE = "batching_generator_value_of_"
_PREFIX = "BATCHING_"


def parse(path: Path, name: str = "include/batching.h") -> Header:
    """The header at `path`; its places and the head of what is generated say `name`."""
    unit = translated(path)
    _check_compiles(unit, name)
    declarations = sorted(_Reader(unit, str(path), name).declarations(), key=lambda found: found.line)
    sections = _sections(unit, name)
    for declaration in declarations:
        before = [section for section in sections if section.line < declaration.line]
        if not before:
            raise HeaderError(declaration.place, f"{declaration.name} stands before the first section")
        before[-1].declarations.append(declaration)
    return Header(name, tuple(sections))


def translated(path: Path) -> cindex.TranslationUnit:
    """What libclang makes of a header, whether or not it compiles."""
    return cindex.Index.create().parse(
        str(path),
        args=_ARGUMENTS,
        unsaved_files=[(f"{_FOLDER}/stdint.h", _STDINT)],
        options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD,
    )


def _check_compiles(unit: cindex.TranslationUnit, name: str) -> None:
    for found in unit.diagnostics:
        if found.severity >= cindex.Diagnostic.Warning and found.spelling != "#pragma once in main file":
            raise HeaderError(f"{name}:{found.location.line}", f"a compiler says: {found.spelling}")


def _sections(unit: cindex.TranslationUnit, name: str) -> list[Section]:
    sections: list[Section] = []
    for token in _tokens(unit):
        if token.kind == TokenKind.COMMENT and (head := section_head(token.spelling)):
            title, text = head
            if any(section.title == title for section in sections):
                raise HeaderError(f"{name}:{token.location.line}", f'a second section is called "{title}"')
            sections.append(Section(title, text, token.location.line))
    return sections


def _tokens(unit: cindex.TranslationUnit) -> Iterator[cindex.Token]:
    return iter(unit.get_tokens(extent=unit.cursor.extent))


class _Reader:
    """One pass over what libclang found."""

    def __init__(self, unit: cindex.TranslationUnit, file: str, name: str) -> None:
        self._unit = unit
        self._file = file
        self._name = name
        self._known: set[str] = set()
        self._tagged: dict[str, cindex.Cursor] = {}
        self._macro_comments = self._comments_of_macros()

    def declarations(self) -> Iterator[Declaration]:
        macros = []
        for cursor in self._unit.cursor.get_children():
            if cursor.location.file is None or cursor.location.file.name != self._file:
                continue
            match cursor.kind:
                case CursorKind.STRUCT_DECL:
                    self._tagged[cursor.spelling] = cursor
                case CursorKind.TYPEDEF_DECL:
                    yield self._typedef(cursor)
                    self._known.add(cursor.spelling)
                case CursorKind.FUNCTION_DECL:
                    yield self._function(cursor)
                case CursorKind.MACRO_DEFINITION:
                    if cursor.spelling.startswith(_PREFIX) and len(list(cursor.get_tokens())) > 1:
                        macros.append(cursor)
                case CursorKind.INCLUSION_DIRECTIVE | CursorKind.MACRO_INSTANTIATION:
                    pass
                case _:
                    raise HeaderError(self._place(cursor), f"{cursor.spelling} is a declaration of an unknown kind")
        yield from self._constants(macros)

    def _place(self, cursor: cindex.Cursor) -> str:
        return f"{self._name}:{cursor.location.line}"

    def _comment(self, cursor: cindex.Cursor, what: str) -> str:
        comment = text_of(cursor.raw_comment or "")
        if not comment:
            raise HeaderError(self._place(cursor), f"{what} has no comment /** … */: say what it is")
        return comment

    # --- Types and functions ------------------------------------------------------------------------------------------

    def _typedef(self, cursor: cindex.Cursor) -> Declaration:
        name, place, line = cursor.spelling, self._place(cursor), cursor.location.line
        comment = self._comment(cursor, name)
        underlying = cursor.underlying_typedef_type
        if underlying.kind == TypeKind.POINTER and underlying.get_pointee().kind == TypeKind.FUNCTIONPROTO:
            result = self._type(underlying.get_pointee().get_result(), place, f"the result of {name}")
            return Callback(name, comment, line, place, result, self._parameters(cursor, place))
        declared = underlying.get_declaration()
        if declared.kind != CursorKind.STRUCT_DECL:
            return Alias(name, comment, line, place, self._type(underlying, place, name))
        definition = declared.get_definition()
        if definition is None:
            return Handle(name, comment, line, place)
        fields = tuple(self._field(name, found) for found in definition.type.get_fields())
        return Struct(name, comment, definition.location.line, place, definition.type.get_size(), fields)

    def _field(self, struct: str, cursor: cindex.Cursor) -> Field:
        what, place = f"the field {struct}.{cursor.spelling}", self._place(cursor)
        if cursor.is_bitfield():
            raise HeaderError(place, f"{what} is a bit-field, which other languages lay out otherwise")
        kind = self._type(cursor.type, place, what)
        if not kind.stars and (kind.base not in SCALARS and kind.base not in self._known):
            raise HeaderError(place, f"{what} is of type {kind}, which no writer knows")
        return Field(cursor.spelling, kind, cursor.get_field_offsetof() // 8, self._comment(cursor, what), place)

    def _function(self, cursor: cindex.Cursor) -> Function:
        name, place = cursor.spelling, self._place(cursor)
        comment = text_of(cursor.raw_comment or "") if name.endswith(INIT) else self._comment(cursor, f"{name}()")
        result = self._type(cursor.result_type, place, f"the result of {name}()")
        return Function(name, comment, cursor.location.line, place, result, self._parameters(cursor, place))

    def _parameters(self, cursor: cindex.Cursor, place: str) -> tuple[Parameter, ...]:
        found = [child for child in cursor.get_children() if child.kind == CursorKind.PARM_DECL]
        for parameter in found:
            if not parameter.spelling:
                raise HeaderError(place, f"a parameter of {cursor.spelling} has no name")
        return tuple(
            Parameter(
                parameter.spelling,
                self._type(parameter.type, place, f"the parameter {parameter.spelling} of {cursor.spelling}"),
            )
            for parameter in found
        )

    def _type(self, kind: cindex.Type, place: str, what: str) -> CType:
        whole, const_pointers = kind.spelling, []
        while kind.kind == TypeKind.POINTER:
            const_pointers.append(kind.is_const_qualified())
            kind = kind.get_pointee()
        base, stars = kind.spelling.removeprefix("const ").removeprefix("struct "), len(const_pointers)
        # The outermost is a field or a parameter. What it points to is written nowhere, or everywhere.
        through = any(const_pointers)
        is_written = through and (const_pointers[0] or not all(const_pointers[1:]) or not kind.is_const_qualified())
        if is_written or (base not in _BASES and base not in self._known and base not in self._tagged):
            raise HeaderError(place, f"{what} is of type {whole}, which no writer knows")
        return CType(base, kind.is_const_qualified(), stars, through)

    # --- Macros -------------------------------------------------------------------------------------------------------

    def _comments_of_macros(self) -> dict[int, str]:
        """By line, the comment that ends on the line before a `#define`: libclang gives them to declarations only."""
        comments = {}
        for comment, following in pairwise(_tokens(self._unit)):
            line = following.location.line
            if (
                comment.kind == TokenKind.COMMENT
                and comment.spelling.startswith("/**")
                and following.spelling == "#"
                and comment.extent.end.line == line - 1
            ):
                comments[line] = text_of(comment.spelling)
        return comments

    def _constants(self, macros: Iterable[cindex.Cursor]) -> Iterator[Constant]:
        macros = list(macros)
        values = self._values(macro.spelling for macro in macros)
        for macro in macros:
            line, place = macro.location.line, self._place(macro)
            value = values.get(macro.spelling)
            if value is None:
                raise HeaderError(place, f"{macro.spelling} is neither a whole number nor one with a decimal point")
            yield Constant(macro.spelling, self._macro_comments.get(line, ""), line, place, value)

    def _values(self, names: Iterable[str]) -> dict[str, int | float]:
        """A decimal point is told by the literal; what whole numbers are worth, an enumeration after the header."""
        values: dict[str, int | float] = {}
        source = f'#include "{Path(self._file).resolve()}"\n'
        for name in names:
            number = self._literal(name)
            if number is not None:
                values[name] = number
            else:
                source += f"enum {{ {_VALUE}{name} = {name} }};\n"
        unit = cindex.Index.create().parse(
            "values.c", args=_ARGUMENTS, unsaved_files=[("values.c", source), (f"{_FOLDER}/stdint.h", _STDINT)]
        )
        wrong = {found.location.line for found in unit.diagnostics if found.severity >= cindex.Diagnostic.Error}
        for cursor in unit.cursor.get_children():
            if cursor.kind == CursorKind.ENUM_DECL and cursor.location.line not in wrong:
                for value in cursor.get_children():
                    if value.spelling.startswith(_VALUE):
                        values[value.spelling.removeprefix(_VALUE)] = value.enum_value
        return values

    def _literal(self, name: str) -> float | None:
        for cursor in self._unit.cursor.get_children():
            if cursor.kind == CursorKind.MACRO_DEFINITION and cursor.spelling == name:
                tokens = [token.spelling for token in cursor.get_tokens()][1:]
                if len(tokens) == 1 and "." in tokens[0]:
                    try:
                        return float(tokens[0])
                    except ValueError:
                        return None
        return None
