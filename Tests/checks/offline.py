#!/usr/bin/env python3
"""No page of a site loads anything from another machine: what it shows lies in its folder. A link that a reader follows
may lead anywhere.

Usage: offline.py FOLDER
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

# What a browser fetches by itself: an attribute of an element, and addresses in style sheets.
FETCHED = {"audio", "embed", "iframe", "img", "input", "link", "object", "script", "source", "track", "video"}
ADDRESS = re.compile(r"""(?:url\(\s*|@import\s+)['"]?((?:https?:)?//[^'")\s]+)""")


class Fetches(HTMLParser):
    """Addresses that a page fetches from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        if tag not in FETCHED:
            return
        for name, value in attrs:
            if name in {"src", "href", "data", "poster", "srcset"} and re.match(r"(https?:)?//", value or ""):
                self.found.append(f"<{tag}> {value}")


def fetched(file: Path) -> Iterator[str]:
    """What a file fetches from another machine."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".html":
        page = Fetches()
        page.feed(text)
        yield from page.found
    yield from ADDRESS.findall(text)


def main(folder: Path) -> int:
    """Prints what is fetched."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in {".html", ".css"})
    found = [f"{file}: {address}" for file in files for address in fetched(file)]
    print("\n".join(found) if found else f"{len(files)} pages and style sheets, and none needs a network")
    return 0 if files and not found else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
