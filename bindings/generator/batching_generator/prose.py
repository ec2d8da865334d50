"""What a comment says, as Markdown of the manual. A page thus has lines of any width, on any screen.

The shape of a paragraph says what it is:

- not set in: words. A single line without a full stop, before what is set in, is a heading;
- set in by four or more: literal, as code and formulas are;
- set in by less:
  - `- ` begins each element of a list;
  - a first line that is set in further is the head of a table, whose words say where its columns begin;
  - `name   what it is`, with two spaces or more between them, is a definition;
  - anything else is words.

The lines after the first of an element, a row or a definition are set in further than it.
"""

import re
import textwrap
from collections.abc import Iterator
from itertools import groupby, pairwise

from batching_generator.model import HeaderError

_LITERAL = 4
_BULLET = "- "
_GAP = re.compile(r"(?<=\S) {2,}(?=\S)")
_EMPHASIS = re.compile(r"\\\*(\w+)\\\*")
_SPECIAL = "\\*_{}[]<>#|"
# What would begin a list, a quotation or a definition.
_SPECIAL_AT_THE_BEGINNING = "-+:=~"
_NUMBER_AT_THE_BEGINNING = re.compile(r"^(\d+)([.)])(?= )")


def markdown(text: str, place: str, *, headings: bool = False) -> str:
    """All of a text, which ends with its last line; an error in it is said to be at `place`."""
    paragraphs = list(_paragraphs(text))
    parts = []
    for paragraph, following in pairwise([*paragraphs, []]):
        if headings and _is_heading(paragraph) and following and _indent(following[0]):
            parts.append(f"## {escaped(paragraph[0])}")
        else:
            parts.append(_paragraph(paragraph, place))
    return "\n\n".join(parts)


def escaped(line: str) -> str:
    """A line that Markdown takes as words. What stands between backticks is code, and stays so; so does emphasis."""
    parts = line.split("`")
    parts[::2] = [
        _EMPHASIS.sub(r"*\1*", "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in part))
        for part in parts[::2]
    ]
    whole = _NUMBER_AT_THE_BEGINNING.sub(r"\1\\\2", "`".join(parts))
    return f"\\{whole}" if whole[:1] and whole[0] in _SPECIAL_AT_THE_BEGINNING else whole


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Lines between empty ones; where the first line that is set in follows one that is not, another begins."""
    for kind, lines in groupby(text.split("\n"), key=lambda line: line and bool(_indent(line))):
        if kind != "":
            yield list(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_heading(lines: list[str]) -> bool:
    return len(lines) == 1 and not _indent(lines[0]) and lines[0][-1] not in ".:;,?!"


def _paragraph(lines: list[str], place: str) -> str:
    base = min(map(_indent, lines))
    if base >= _LITERAL:
        literal = textwrap.dedent("\n".join(lines))
        return f"```text\n{literal}\n```"
    if _indent(lines[0]) > base:
        return _table(lines, place)
    entries = list(_entries([line[base:] for line in lines]))
    if all(entry[0].startswith(_BULLET) for entry in entries):
        return "\n".join(f"- {_set_in([entry[0].removeprefix(_BULLET), *entry[1:]])}" for entry in entries)
    if base and all(_GAP.search(entry[0]) for entry in entries):
        return "\n\n".join(map(_definition, entries))
    if any(_GAP.search(line.lstrip()) for line in lines):
        raise HeaderError(place, f'neither words nor a list, for what stands in columns: "{lines[0].strip()}"')
    return "\n".join(escaped(line.strip()) for line in lines)


def _entries(lines: list[str]) -> Iterator[list[str]]:
    """Each line that is not set in, with those that follow it and are."""
    entry: list[str] = []
    for line in lines:
        if entry and not _indent(line):
            yield entry
            entry = []
        entry.append(line)
    yield entry


def _definition(entry: list[str]) -> str:
    term, first = _GAP.split(entry[0], maxsplit=1)
    return f"{escaped(term)}\n: {_set_in([first, *entry[1:]])}"


def _set_in(lines: list[str]) -> str:
    return "\n  ".join(escaped(line.strip()) for line in lines)


def _table(lines: list[str], place: str) -> str:
    """A row whose first cell is empty goes on with the one before."""
    head = lines[0]
    columns = [0, *(found.start() for found in re.finditer(r"(?:(?<= {2})|^)\S", head) if found.start())]
    rows: list[list[str]] = []
    for line in lines:
        if any(line[column - 1 : column].strip() for column in columns[1:]):
            raise HeaderError(place, f'a cell of a table goes on into the next column: "{line.strip()}"')
        cells = [line[start:end].strip() for start, end in pairwise([*columns, None])]
        if len(rows) > 1 and not cells[0]:
            rows[-1] = [f"{before} {cell}".strip() for before, cell in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    written = ["| " + " | ".join(map(escaped, row)) + " |" for row in rows]
    return "\n".join([written[0], "|---" * len(columns) + "|", *written[1:]])
