"""The ctypes side of the interface, as modules of the Python package.

One rule for names: structs, callbacks, functions and constants have those of the header, unchanged, so that a search
for one finds it in every language. Choices have the names that batching_generator.choices gives them.
"""

from batching_generator.choices import Choice, choices, describe
from batching_generator.comments import paragraph
from batching_generator.ctypes_words import WIDTH, comment, ctypes_word, docstring, imported, listed
from batching_generator.model import Callback, CType, Function, Header, HeaderError, Struct

HEAD = "# Generated from {path} by `make generate`: change that, not this.\n"
_BASE = "batching._ffi.declared"
_STRUCTS = "batching._ffi.generated.structs"


def structs(header: Header) -> str:
    """Every struct and callback, and tables of both."""
    parts: list[str] = []
    for declaration in _in_order_of_need(header):
        made = _struct(header, declaration) if isinstance(declaration, Struct) else _callback(header, declaration)
        # Two lines before and after a class, none between two callbacks.
        separate = isinstance(declaration, Struct) or not parts or parts[-1].startswith("class ")
        parts += ["\n\n", made] if separate else [made]
    known = listed("STRUCTURES: Final[Sequence[type[VersionedStructure]]] = ", header.structs)
    table = (f'"{name}": {name}' for name in header.callbacks)
    callbacks = listed("CALLBACKS: Final[dict[str, Any]] = ", table, brackets=("{", "}"))
    body = "".join(parts)
    return (
        f"{HEAD.format(path=header.path)}# ruff: noqa: N801, RUF012 - the names are those of C, and so are the fields\n"
        '"""Every struct, and every callback that a caller hands to the library, by its C name."""\n\n'
        "from collections.abc import Sequence\n"
        f"{imported(body)}\nfrom typing import Any, Final\n\nfrom {_BASE} import VersionedStructure\n"
        f"{body}\n\n{known}\n{callbacks}\n"
    )


def _in_order_of_need(header: Header) -> list[Struct | Callback]:
    """In the order of the header, but for what another needs, which comes before it: C may declare that in advance."""
    ordered: list[Struct | Callback] = []
    needed: dict[str, Struct | Callback] = {**header.structs, **header.callbacks}
    under_way: list[str] = []

    def add(declaration: Struct | Callback) -> None:
        if declaration in ordered:
            return
        if declaration.name in under_way:
            raise HeaderError(declaration.place, f"{declaration.name} needs itself: no writer for Python can do that")
        under_way.append(declaration.name)
        kinds = declaration.fields if isinstance(declaration, Struct) else declaration.parameters
        for one in kinds:
            if one.type.base in needed:
                add(needed[one.type.base])
        ordered.append(declaration)
        under_way.pop()

    for declaration in header.declarations:
        if isinstance(declaration, Struct | Callback):
            add(declaration)
    return ordered


def _struct(header: Header, struct: Struct) -> str:
    fields = "".join(f'        ("{one.name}", {ctypes_word(header, one.type, one.place)}),\n' for one in struct.fields)
    return (
        f"class {struct.name}(VersionedStructure):\n{docstring(paragraph(struct.comment), '    ')}\n\n"
        f"    _fields_ = [\n{fields}    ]\n"
    )


def _callback(header: Header, callback: Callback) -> str:
    types = [callback.result, *(parameter.type for parameter in callback.parameters)]
    words = [ctypes_word(header, kind, callback.place) for kind in types]
    return f"{listed(f'{callback.name} = CFUNCTYPE', words, brackets=('(', ')'))}\n"


def functions(header: Header) -> str:
    """The signature of every function, with its prototype above it."""
    entries = "".join(_function(header, function) for function in header.functions.values())
    used = sorted(
        name for name in (*header.structs, *header.callbacks) if f"{name})" in entries or f"{name}," in entries
    )
    return (
        f"{HEAD.format(path=header.path)}"
        '"""What every function returns and takes, its C prototype above it."""\n\n'
        f"{imported(entries)}\nfrom typing import Final\n\n"
        f"from {_BASE} import Signature\n"
        f"{listed(f'from {_STRUCTS} import ', used, brackets=('(', ')'), bare=True)}\n\n"
        f"FUNCTIONS: Final[dict[str, Signature]] = {{\n{entries}}}\n"
    )


def _function(header: Header, function: Function) -> str:
    def word(kind: CType) -> str:
        return ctypes_word(header, kind, function.place)

    result = word(function.result)
    words = [word(parameter.type) for parameter in function.parameters]
    entry = f'    "{function.name}": Signature({result}, [{", ".join(words)}]),'
    if len(entry) > WIDTH:
        entry = listed(f'    "{function.name}": Signature', [result, listed("", [*words])], ",", brackets=("(", ")"))
        if len(max(entry.split("\n"), key=len)) > WIDTH or "\n" not in entry:
            inner = "".join(f"            {one},\n" for one in words)
            entry = f'    "{function.name}": Signature(\n        {result},\n        [\n{inner}        ],\n    ),'
    return f"{comment(function.prototype, '    ')}\n{entry}\n"


def constants(header: Header) -> str:
    """Every constant."""
    lines = "".join(f"{one.name}: Final = {one.value!r}\n" for one in header.constants)
    return f'{HEAD.format(path=header.path)}"""Every constant, by its C name."""\n\nfrom typing import Final\n\n{lines}'


def words(header: Header) -> str:
    """Enumerations of what stands in results and columns; of what is set, the names that a person may type."""
    found = choices(header)
    enumerations = [_enumeration(choice, header) for choice in found if not choice.is_setting]
    names = [_names(choice) for choice in found if choice.is_setting]
    return (
        f"{HEAD.format(path=header.path)}"
        '"""Every choice of the C interface: which constants a field, a column or a parameter may be."""\n\n'
        "from enum import IntEnum\nfrom typing import Final, Literal\n\n\n"
        + "\n\n".join(enumerations)
        + "\n\n"
        + "\n".join(names)
    )


def _enumeration(choice: Choice, header: Header) -> str:
    members = "".join(
        f"    {choice.member(one)} = {one.value}\n{docstring(_in_python(one.comment, header), '    ')}\n"
        for one in choice.constants
    )
    return f"class {choice.name}(IntEnum):\n{docstring(describe(choice), '    ')}\n\n{members}"


def _in_python(text: str, header: Header) -> str:
    """Where the header says `see "Engine"`, a reader of Python is told of what; of BATCHING_FAILED_... the values."""
    text = " ".join(text.split())
    for choice in choices(header):
        values = " or ".join(f"{one.value} ({choice.member(one).lower()})" for one in choice.constants)
        text = text.replace(f"BATCHING_{choice.prefix}_...", values)
    for section in header.sections:
        text = text.replace(f'"{section.title}"', f'"{section.title}" in batching.h')
    return text if text.endswith(".") else f"{text}."


def _names(choice: Choice) -> str:
    words = [f'"{choice.member(one).lower()}"' for one in choice.named]
    pairs = [f"{word}: {one.value}" for word, one in zip(words, choice.named, strict=True)]
    table = "_".join(choice.words).upper()
    return (
        f"{listed(f'{choice.name}Name = Literal', words)}\n{docstring(describe(choice))}\n"
        f"{listed(f'{table}_NAMES: Final[dict[str, int]] = ', pairs, brackets=('{', '}'))}\n"
    )
