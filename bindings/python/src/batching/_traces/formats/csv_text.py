"""The text of a CSV file: its header, what separates its fields, whether they are quoted, and its rows."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final

import numpy as np
import numpy.typing as npt

from batching._traces.formats.source import Source

_DELIMITERS: Final = (",", ";", "\t")
_LONGEST_HEADER: Final = 65_536
_LONGEST_ROW: Final = 1 << 30
# A quotation that goes on for longer was never meant to be one.
_LONGEST_QUOTED: Final = 1 << 24
_PART: Final = 1 << 20  # bytes
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Header:
    """The first line."""

    names: list[str]
    delimiter: str
    length: int
    """Bytes, with the end of the line."""


def header_of(source: Source) -> Header:
    """The names in the first line of a file, and what separates them: that of which the line has most."""
    with source.content() as content:
        line = content.readline(_LONGEST_HEADER + 2)
    # Lines of old files end in a carriage return alone.
    end = line.find(b"\r")
    length = end + 1 if end >= 0 and line[end : end + 2] != b"\r\n" else len(line)
    if length > _LONGEST_HEADER:
        raise source.error(f"is no table: its first line has more than {_LONGEST_HEADER} bytes")
    text = line[:length].removeprefix(_BOM).decode("utf-8", "replace").rstrip("\r\n")
    headers = [Header(_fields(text, delimiter), delimiter, length) for delimiter in _DELIMITERS]
    return max(headers, key=lambda header: len(header.names))


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        names = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        names = text.split(delimiter)
    return [name.strip() for name in names] or [""]


@dataclass(frozen=True)
class CsvText:
    """The text after the header."""

    source: Source
    header: Header
    multiline: bool
    """Whether a quotation may go on over several lines."""

    def rows(self) -> Iterator[tuple[bytes, bool]]:
        """Whole rows at a time, about a megabyte, or a row that is longer; and whether some of their fields are quoted.

        Most files have no quotation mark: only at the first is the whole file looked through, before it is read on.
        """
        lines = _lines(self.source, self.header)
        for text in lines:
            if b'"' not in text:
                yield text, False
                continue
            with self.source.set_aside():
                quoted = self._is_quoted
            rest = chain([text], lines)
            rows = _quoted_rows(rest, self.header, multiline=True) if quoted else rest
            yield from ((part, quoted) for part in rows if part)

    @cached_property
    def _is_quoted(self) -> bool:
        """Whether the quotation marks pair up around whole fields. If they do not, some stray one would swallow rows:
        then none is taken for a quotation, and each line is a row.
        """
        with self.source.content() as content:
            marks = 0
            while part := content.read(_PART):
                marks += part.count(b'"')
        if marks % 2:
            return False
        lines = _lines(self.source, self.header)
        return all(rows is not None for rows in _quoted_rows(lines, self.header, multiline=self.multiline))


def _lines(source: Source, header: Header) -> Iterator[bytes]:
    with source.content() as content:
        content.read(header.length)
        begun: list[bytes] = []
        length = 0
        while part := content.read(_PART):
            end = _after_last_line(part)
            if end:
                yield b"".join((*begun, part[:end]))
                begun, length = [], 0
            begun.append(part[end:])
            length += len(part) - end
            if length > _LONGEST_ROW:
                raise source.error(f"has a line of more than {_LONGEST_ROW} bytes")
        if rest := b"".join(begun):
            yield rest


def _after_last_line(text: bytes) -> int:
    return max(text.rfind(b"\n"), text.rfind(b"\r")) + 1


def _quoted_rows(texts: Iterable[bytes], header: Header, *, multiline: bool) -> Iterator[bytes | None]:
    """Rows whose fields are quoted, of texts of whole lines; None, and nothing after it, where a quotation mark is none
    of a field.
    """
    delimiter = header.delimiter.encode()
    # A space beside a quotation mark at the edge of a field is no part of it. Within a quotation one less changes
    # nothing but the text.
    before = re.compile(rb"([" + delimiter + rb"\r\n]) +\"")
    after = re.compile(rb"\" +([" + delimiter + rb"\r\n])")
    rest = b""
    for lines in texts:
        text = rest + lines
        if b'" ' in text or b' "' in text:
            text = after.sub(rb'"\1', before.sub(rb'\1"', text.lstrip(b" ")))
        end = _end_of_rows(text, delimiter, multiline=multiline)
        if end is None or len(text) - end > _LONGEST_QUOTED:
            yield None
            return
        yield text[:end]
        rest = text[end:]
    if rest:
        yield None


def _end_of_rows(text: bytes, delimiter: bytes, *, multiline: bool) -> int | None:
    """Where the last row of a text of whole lines ends that is whole; None if a quotation mark is none of a field."""
    characters = np.frombuffer(text, np.uint8)
    marks = np.flatnonzero(characters == ord('"'))
    if len(marks) == 0:
        return len(text)
    around = np.frombuffer(delimiter + b"\r\n", np.uint8)
    opening = (marks == 0) | np.isin(characters[np.maximum(marks - 1, 0)], around)
    closing = (marks == len(text) - 1) | np.isin(characters[np.minimum(marks + 1, len(text) - 1)], around)
    # Doubled: one of the text.
    doubled = np.diff(marks) == 1
    edges: npt.NDArray[np.intp] | None = marks
    if not ((opening[2::2] | doubled[1::2]).all() and opening[0] and _all_close(closing, doubled)):
        edges = _edges(marks, opening, closing)
    if edges is None:
        return None
    is_whole = len(edges) % 2 == 0
    if is_whole and multiline:
        return len(text)
    newlines = np.flatnonzero((characters == ord("\n")) | (characters == ord("\r")))
    outside = newlines[np.searchsorted(edges, newlines) % 2 == 0]
    if not multiline:
        return len(text) if is_whole and len(outside) == len(newlines) else None
    return int(outside[-1]) + 1 if len(outside) else 0


def _all_close(closing: npt.NDArray[np.bool_], doubled: npt.NDArray[np.bool_]) -> bool:
    """Whether every second mark ends a field, or is the first of two."""
    followed = np.append(doubled, False)[1::2]
    return bool((closing[1::2] | followed).all())


def _edges(
    marks: npt.NDArray[np.intp], opening: npt.NDArray[np.bool_], closing: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp] | None:
    """The marks that begin and end quoted fields; None if one does neither. In a field that is not quoted they are
    text.
    """
    edges: list[int] = []
    places, opens, closes = marks.tolist(), opening.tolist(), closing.tolist()
    index = 0
    while index < len(places):
        if len(edges) % 2 == 0:
            if opens[index]:
                edges.append(places[index])
        elif index + 1 < len(places) and places[index + 1] == places[index] + 1:
            index += 1
        elif closes[index]:
            edges.append(places[index])
        else:
            return None
        index += 1
    return np.array(edges, np.intp)
