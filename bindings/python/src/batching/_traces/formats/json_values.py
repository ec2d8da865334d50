"""The JSON values of a file: one a line, the elements of an array, or one value over several lines."""

import codecs
import json
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from batching._traces.formats.source import Source

LONGEST_VALUE: Final = 1 << 30  # bytes
_CHUNK: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder()

NOT_JSON: Final = "no JSON"
NOT_OBJECT: Final = "no JSON object"


class Broken:
    """What stands for a line that is no JSON."""


BROKEN: Final = Broken()


def values(source: Source) -> Iterator[Any]:
    """Each value, BROKEN for a line that is none. A broken array is an error: it has no next value to go on with."""
    with source.content() as content:
        start = content.read(_CHUNK).removeprefix(_BOM).lstrip()
    if start.startswith(b"["):
        yield from _elements(source)
        return
    first = start.split(b"\n", 1)[0].strip()
    if first == b"{" or (first.startswith(b"{") and parsed(first) is BROKEN):
        whole = _whole(source)
        if whole is not BROKEN:
            yield whole
            return
    yield from _lines(source)


def parsed(text: bytes) -> Any:
    """The value that the bytes are, or BROKEN."""
    try:
        # As json.loads, without looking for spaces.
        stripped = text.decode("utf-8").strip(_SPACE)
        value, end = _DECODER.raw_decode(stripped)
        return value if end == len(stripped) else BROKEN
    # Not UTF-8, not JSON, an integer of thousands of digits; or nested too deep.
    except (ValueError, RecursionError):
        return BROKEN


def _lines(source: Source) -> Iterator[Any]:
    with source.content() as content:
        is_first = True
        while line := content.readline(LONGEST_VALUE):
            if len(line) == LONGEST_VALUE and not line.endswith(b"\n"):
                raise source.error(f"has a line of more than {LONGEST_VALUE} bytes")
            if is_first:
                line, is_first = line.removeprefix(_BOM), False
            if stripped := line.strip():
                yield parsed(stripped)


def _whole(source: Source) -> Any:
    """The file as one value, or BROKEN; also if it is too long for that."""
    with source.content() as content:
        text = content.read(LONGEST_VALUE + 1)
    return BROKEN if len(text) > LONGEST_VALUE else parsed(text.removeprefix(_BOM))


def _elements(source: Source) -> Iterator[Any]:
    """The elements of an array, a part of the file at a time."""
    decoder = json.JSONDecoder()
    with source.content() as content:
        text = _Text(source, content)
        text.skip("[")
        if text.next() == "]":
            text.skip("]")
        else:
            while True:
                yield text.value(decoder)
                if text.next() != ",":
                    break
                text.skip(",")
            text.skip("]")
        if text.next():
            raise source.error("goes on after its array")


class _Text:
    """The text of a file of which as much is kept as the value at hand needs."""

    def __init__(self, source: Source, content: Any) -> None:
        self._source = source
        self._content = content
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._position = 0
        self._count = 0
        self._ended = False
        self._more(_CHUNK)
        self._text = self._text.removeprefix("\ufeff")

    def next(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self._position < len(self._text):
                if self._text[self._position] not in _SPACE:
                    return self._text[self._position]
                self._position += 1
            if self._ended:
                return ""
            self._more(_CHUNK)

    def skip(self, character: str) -> None:
        """Go behind the next character, which must be this one."""
        found = self.next()
        if found != character:
            self._fail(f"{character!r} expected, not {found!r}")
        self._position += 1

    def value(self, decoder: json.JSONDecoder) -> Any:
        """The next value."""
        self.next()
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._position)
                # A number that ends where the text does may go on.
                if end < len(self._text) or self._ended:
                    self._position = end
                    self._count += 1
                    return value
            except RecursionError:
                self._fail("nested too deep")
            except ValueError as error:
                if self._ended:
                    self._fail(str(error))
            if len(self._text) - self._position > LONGEST_VALUE:
                self._fail(f"longer than {LONGEST_VALUE} characters")
            # Twice as much each time, so that a long value is not parsed again and again.
            self._more(max(_CHUNK, len(self._text) - self._position))

    def _more(self, size: int) -> None:
        data = self._content.read(size)
        self._ended = not data
        try:
            self._text = self._text[self._position :] + self._decoder.decode(data, self._ended)
        except UnicodeDecodeError:
            self._fail("no UTF-8")
        self._position = 0

    def _fail(self, what: str) -> NoReturn:
        raise self._source.error(f"is no JSON at or after element {self._count} of its array: {what}")
