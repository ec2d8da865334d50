"""What Python's ctypes calls the types of C, and how its source is laid out: as ruff would."""

import textwrap
from collections.abc import Iterable

from batching_generator.model import CType, Header, HeaderError

WIDTH = 120
_CTYPES = {
    "uint8_t": "c_uint8",
    "int32_t": "c_int32",
    "uint32_t": "c_uint32",
    "int64_t": "c_int64",
    "uint64_t": "c_uint64",
    "double": "c_double",
}


# In the order in which ruff sorts them.
_IMPORTED = (
    *("CFUNCTYPE", "POINTER", "c_char_p", "c_double", "c_int32", "c_int64"),
    *("c_uint8", "c_uint32", "c_uint64", "c_void_p"),
)


def ctypes_word(header: Header, kind: CType, place: str) -> str:
    """A type in the words of ctypes. A handle, as `void *`, is a c_void_p."""
    if alias := header.aliases.get(kind.base):
        return ctypes_word(header, CType(alias.type.base, kind.is_const, kind.stars + alias.type.stars), place)
    if not kind.stars and (kind.base in header.callbacks or kind.base in _CTYPES):
        return _CTYPES.get(kind.base, kind.base)
    if kind.stars and (kind.base in {"void", "char"} or kind.base in header.handles):
        pointer = "c_char_p" if kind.base == "char" else "c_void_p"
        return _pointers(pointer, kind.stars - 1)
    if kind.stars and (kind.base in header.structs or kind.base in _CTYPES):
        return _pointers(_CTYPES.get(kind.base, kind.base), kind.stars)
    raise HeaderError(place, f"Python has no word for the type {kind}")


def _pointers(word: str, stars: int) -> str:
    return "POINTER(" * stars + word + ")" * stars


def imported(source: str) -> str:
    """The import of those names of ctypes that the source uses."""
    used = [name for name in _IMPORTED if name in source]
    return listed("from ctypes import ", used, brackets=("(", ")"), bare=True)


def listed(
    before: str, elements: Iterable[str], after: str = "", *, brackets: tuple[str, str] = ("[", "]"), bare: bool = False
) -> str:
    """`before[a, b]after`, one element a line if they do not fit into one. `bare`: without brackets where they do."""
    elements = list(elements)
    opening, closing = ("", "") if bare else brackets
    line = f"{before}{opening}{', '.join(elements)}{closing}{after}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    indent = " " * (len(before) - len(before.lstrip()))
    body = "".join(f"{textwrap.indent(element, indent + '    ')},\n" for element in elements)
    return f"{before}{brackets[0]}\n{body}{indent}{brackets[1]}{after}"


def docstring(text: str, indent: str = "") -> str:
    """A string that says it, in as many lines as it takes."""
    text = text.replace("\\", "\\\\").replace('"""', "'''")
    text = f'{text[:-1]}\\"' if text.endswith('"') else text
    line = f'{indent}"""{text}"""'
    return line if len(line) <= WIDTH else _filled('"""' + text, indent, indent) + f'\n{indent}"""'


def comment(text: str, indent: str) -> str:
    """Lines that begin with a `#`; those that follow the first are set in."""
    return _filled(text, f"{indent}# ", f"{indent}#     ")


def _filled(text: str, first: str, following: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )
