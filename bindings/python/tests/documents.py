"""The documents at the top and in docs/, as what they hold: programs, sessions, commands, links and names of files.

A fenced block names its language. `python`, `c`, `cpp` and `swift` are programs, and run; `console` is a session of a
shell, whose output is compared; `text` is for reading. A block of `sh` or `cmake` cannot run by itself: the line before
it says what runs it instead, as in <!-- run by: Tests/checks/install.sh -->.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
# Generated as the manual is built, from sources that have tests of their own.
GENERATED = ("reference/swift/symbols", "reference/cpp/sections", "reference/c")

PROGRAMS = {"python", "c", "cpp", "swift"}
RUN_ELSEWHERE = {"sh", "cmake"}
LANGUAGES = {*PROGRAMS, *RUN_ELSEWHERE, "console", "text"}

_BLOCK = re.compile(
    r"(?:^<!-- run by: (?P<runner>\S+) -->\n)?^(?P<fence>```+|:::+)(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    page: str
    language: str
    text: str
    runner: str | None


def documents() -> list[Path]:
    """All that people wrote for people."""
    pages = sorted((ROOT / "docs").rglob("*.md"))
    written = [page for page in pages if not page.relative_to(ROOT / "docs").as_posix().startswith(GENERATED)]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *written]


def name_of(page: Path) -> str:
    """README.md, docs/guide/engine.md."""
    return page.relative_to(ROOT).as_posix()


def blocks() -> Iterator[Block]:
    """All fenced blocks, but for the directives of the manual."""
    for page in documents():
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
            if not found["language"].startswith("{"):
                yield Block(name_of(page), found["language"], found["text"], found["runner"])


def programs(language: str) -> list[Block]:
    """The blocks of a language."""
    return [block for block in blocks() if block.language == language]


def prose(page: Path) -> str:
    """A document without its fenced blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def the_program(page: str, language: str, word: str) -> str:
    """The one program of a page that has this word."""
    (found,) = [block.text for block in programs(language) if block.page == page and word in block.text]
    return found
