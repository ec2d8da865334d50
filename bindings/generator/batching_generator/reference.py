"""The C reference of the manual: a page for each section of the header, with what it says and what it declares.

A page has the words of the section's head, and Breathe's directive for each declaration, in the order of the header.
What is set in there, as tables and lists in columns are, stays as it is.
"""

import textwrap
from collections.abc import Iterator
from itertools import groupby

from batching_generator.model import Alias, Callback, Constant, Declaration, Function, Handle, Header, Section, Struct

_HEAD = "<!-- Generated from {path} by `make generate`: change that, not this. -->\n"
_DIRECTIVES: dict[type[Declaration], str] = {
    Function: "doxygenfunction",
    Struct: "doxygenstruct",
    Constant: "doxygendefine",
    Callback: "doxygentypedef",
    Alias: "doxygentypedef",
    Handle: "doxygentypedef",
}
_SPECIAL = "\\*_{}[]<>#|"
# What would begin a list, a quotation or a definition.
_SPECIAL_AT_THE_BEGINNING = "-+:=~"


def pages(header: Header) -> dict[str, str]:
    """The text of each page, by its file name."""
    made = {page_name(section): _page(header, section) for section in header.sections}
    entries = "".join(f"{name.removesuffix('.md')}\n" for name in made)
    return {"index.md": f"{_HEAD.format(path=header.path)}# C\n\n```{{toctree}}\n{entries}```\n", **made}


def page_name(section: Section) -> str:
    """What the page of "Engine: your policy" is called: engine-your-policy.md."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in section.title.lower()).split()) + ".md"


def _page(header: Header, section: Section) -> str:
    directives = []
    for declaration in section.declarations:
        members = ":members:\n" if isinstance(declaration, Struct) else ""
        directives.append(f"```{{{_DIRECTIVES[type(declaration)]}}} {declaration.name}\n{members}```\n")
    blocks = [f"# {_escaped(section.title)}\n", *_blocks(section.text), *directives]
    return _HEAD.format(path=header.path) + "\n".join(blocks)


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs as they are; lines that are set in, and the empty ones between them, as they stand."""
    lines = [(line, line.startswith(" ")) for line in text.split("\n")]
    # An empty line between two that are set in belongs to them.
    filled = [
        (line, set_in or (not line and _is_set_in_around(lines, index))) for index, (line, set_in) in enumerate(lines)
    ]
    for set_in, group in groupby(filled, key=lambda entry: entry[1]):
        content = "\n".join(line for line, _ in group).strip("\n")
        if content and set_in:
            yield f"```text\n{textwrap.dedent(content)}\n```\n"
        elif content:
            yield "\n".join(map(_escaped, content.split("\n"))) + "\n"


def _is_set_in_around(lines: list[tuple[str, bool]], index: int) -> bool:
    before = next((set_in for line, set_in in reversed(lines[:index]) if line), False)
    after = next((set_in for line, set_in in lines[index + 1 :] if line), False)
    return before and after


def _escaped(line: str) -> str:
    """What stands between backticks is code, and stays so."""
    parts = line.split("`")
    parts[::2] = ["".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in part) for part in parts[::2]]
    escaped = "`".join(parts)
    return f"\\{escaped}" if escaped[:1] and escaped[0] in _SPECIAL_AT_THE_BEGINNING else escaped
