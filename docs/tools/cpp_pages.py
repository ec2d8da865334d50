"""Writes the pages of the C++ reference: one for each section of batching.hpp, with Breathe's directive for each class,
enumeration, type and function of the namespace, in the order of the header.

Usage: cpp_pages.py HEADER DOXYGEN_XML FOLDER
"""

import re
import sys
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

BANNER = re.compile(
    r"^/\* =+\n \* (?:\d+\. )?(?P<title>[^\n]+)$(?P<text>.*?)=+ \*/$", re.MULTILINE | re.DOTALL
)
NAMESPACE = "batching"
MEMBERS = {
    "enum": "doxygenenum",
    "typedef": "doxygentypedef",
    "func": "doxygenfunction",
}


@dataclass(frozen=True)
class Section:
    """A numbered section of the header."""

    line: int
    title: str
    text: str

    @property
    def name(self) -> str:
        """What its page is called."""
        return re.sub(r"\W+", "-", self.title.lower())


@dataclass(frozen=True)
class Declaration:
    """Something public, and the directive that describes it."""

    line: int
    directive: str


def sections(header: str) -> list[Section]:
    """The sections in order."""
    found = []
    for banner in BANNER.finditer(header):
        text = re.sub(r"^ \* ?", "", banner["text"], flags=re.MULTILINE).strip(" *\n")
        found.append(Section(header.count("\n", 0, banner.start()) + 1, banner["title"], text))
    return found


def line_of(definition: ElementTree.Element, header: str) -> int | None:
    """Where it is declared; None: in another file."""
    location = definition.find("location")
    if location is None or not location.get("file", "").endswith(header):
        return None
    return int(location.get("line", "0"))


def declarations(xml: Path, header: str) -> list[Declaration]:
    """All that the namespace has, in the order of the header."""
    namespace = ElementTree.parse(xml / f"namespace{NAMESPACE}.xml").getroot()[0]
    found = []
    for inner in namespace.findall("innerclass"):
        definition = ElementTree.parse(xml / f"{inner.get('refid')}.xml").getroot()[0]
        line = line_of(definition, header)
        # A specialisation is described with what it specialises.
        if line is not None and "<" not in (inner.text or ""):
            found.append(
                Declaration(
                    line,
                    f".. doxygen{definition.get('kind')}:: {inner.text}\n   :members:\n   :undoc-members:\n",
                )
            )
    for section in namespace.findall("sectiondef"):
        for member in section.findall("memberdef"):
            line = line_of(member, header)
            if line is None:
                continue
            name = f"{NAMESPACE}::{member.findtext('name')}"
            # Functions of the same name differ in their parameters.
            if member.get("kind") == "function":
                name += parameters(member)
            found.append(Declaration(line, f".. {MEMBERS[section.get('kind', '')]}:: {name}\n"))
    return sorted(found, key=lambda declaration: declaration.line)


def parameters(function: ElementTree.Element) -> str:
    """The parameters of a function, without their defaults."""
    types = [
        "".join(kind.itertext())
        for parameter in function.findall("param")
        if (kind := parameter.find("type")) is not None
    ]
    return f"({', '.join(types)})"


def main(header: Path, xml: Path, folder: Path) -> None:
    """Writes the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.rst"):
        old.unlink()
    all_sections = sections(header.read_text(encoding="utf-8"))
    lines = [section.line for section in all_sections]
    directives: dict[int, list[str]] = {}
    for declaration in declarations(xml, header.name):
        directives.setdefault(bisect_right(lines, declaration.line) - 1, []).append(
            declaration.directive
        )
    for index, section in enumerate(all_sections):
        head = f"{section.title}\n{'=' * len(section.title)}\n"
        body = "\n".join(directives.get(index, []))
        (folder / f"{index + 1:02}-{section.name}.rst").write_text(
            f"{head}\n{section.text}\n\n{body}", encoding="utf-8"
        )


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
