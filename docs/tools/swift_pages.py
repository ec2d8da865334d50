"""Writes the pages of the Swift reference from what DocC makes of the module: a page for each type with all its members,
and one for the functions. They are pages as the others are: searched, linked, and read without a server.

Usage: swift_pages.py DOCC_ARCHIVE FOLDER
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Node = dict[str, Any]

MODULE = "Batching"
TYPES = {"struct", "class", "enum", "protocol", "actor"}


def escaped(text: str) -> str:
    """As Markdown that shows just this text."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


class Reference:
    """The symbols of an archive, and how they link to each other."""

    def __init__(self, archive: Path) -> None:
        self.symbols: dict[str, Node] = {}
        for file in (archive / "data" / "documentation").rglob("*.json"):
            symbol = json.loads(file.read_text(encoding="utf-8"))
            self.symbols[symbol["identifier"]["url"]] = symbol

    def members(self, symbol: Node) -> Iterator[tuple[str, list[Node]]]:
        """Its topics: a title and the symbols of each. What it has from the standard library is left out."""
        for topic in symbol.get("topicSections", []):
            found = [self.symbols[name] for name in topic["identifiers"] if name in self.symbols]
            found = [member for member in found if member["metadata"]["role"] == "symbol"]
            if found:
                yield topic["title"], found

    def types(self, symbol: Node) -> Iterator[Node]:
        """The types in a symbol, at any depth."""
        for _, members in self.members(symbol):
            for member in members:
                if member["metadata"]["symbolKind"] in TYPES:
                    yield member
                    yield from self.types(member)

    # --- Text ---------------------------------------------------------------------------------------------------------

    def inline(self, nodes: Iterable[Node]) -> str:
        """Running text."""
        return "".join(self._inline(node) for node in nodes)

    def _inline(self, node: Node) -> str:
        match node["type"]:
            case "text":
                return escaped(node["text"])
            case "codeVoice":
                return f"``{node['code']}``" if "`" in node["code"] else f"`{node['code']}`"
            case "emphasis":
                return f"*{self.inline(node['inlineContent'])}*"
            case "strong":
                return f"**{self.inline(node['inlineContent'])}**"
            case "reference" if node["identifier"] in self.symbols:
                return f"[`{title(self.symbols[node['identifier']])}`]({page_name(node['identifier'])}.md)"
            case other:
                raise ValueError(f"inline content of the kind {other} in {node}")

    def blocks(self, nodes: Iterable[Node]) -> str:
        """Paragraphs, lists and the like."""
        return "\n".join(self._block(node) for node in nodes)

    def _block(self, node: Node) -> str:
        match node["type"]:
            case "paragraph":
                return f"{self.inline(node['inlineContent'])}\n"
            case "heading":
                return (
                    ""
                    if node["text"] in {"Overview", "Discussion"}
                    else f"**{escaped(node['text'])}**\n"
                )
            case "codeListing":
                return "\n".join([f"```{node.get('syntax') or 'text'}", *node["code"], "```\n"])
            case "unorderedList":
                return "".join(f"- {self._item(item)}" for item in node["items"])
            case "orderedList":
                return "".join(f"1. {self._item(item)}" for item in node["items"])
            case "aside":
                return f"**{escaped(node['name'])}:** {self.blocks(node['content'])}"
            case other:
                raise ValueError(f"content of the kind {other} in {node}")

    def _item(self, item: Node) -> str:
        return self.blocks(item["content"]).replace("\n", "\n  ").rstrip() + "\n"

    def description(self, symbol: Node) -> str:
        """The declaration of a symbol and all that is said of it."""
        parts = []
        for section in symbol.get("primaryContentSections", []):
            match section["kind"]:
                case "declarations":
                    tokens = section["declarations"][0]["tokens"]
                    parts.append(
                        "```swift\n" + "".join(token["text"] for token in tokens) + "\n```\n"
                    )
                    parts.append(self.inline(symbol.get("abstract", [])) + "\n")
                case "parameters":
                    parts.extend(
                        f"`{parameter['name']}`\n: {self._item(parameter)}"
                        for parameter in section["parameters"]
                    )
                case "content":
                    parts.append(self.blocks(section["content"]))
                case other:
                    raise ValueError(f"a section of the kind {other} in {symbol['identifier']}")
        return "\n".join(parts)


def title(symbol: Node) -> str:
    """What a symbol is called."""
    name: str = symbol["metadata"]["title"]
    return name


def page_name(identifier: str) -> str:
    """The page on which a symbol is described: its type's, or that of the functions."""
    path = identifier.split(f"/documentation/{MODULE}/", 1)[-1].split("/")
    # A type that a property has the name of is "Gaps-swift.enum".
    named = [re.fullmatch(r"([A-Z]\w*)(?:-swift\.\w+)?", part) for part in path]
    types = [match[1] for match in named if match]
    return ".".join(types) or "functions"


def described(reference: Reference, members: list[Node], level: int) -> str:
    """Symbols one after the other, each below a heading."""
    return "\n".join(
        f"{'#' * level} `{title(member)}`\n\n{reference.description(member)}" for member in members
    )


def type_page(reference: Reference, symbol: Node) -> str:
    """The page of a type."""
    parts = [f"# {escaped(title(symbol))}\n", reference.description(symbol)]
    for heading, members in reference.members(symbol):
        own = [member for member in members if member["metadata"]["symbolKind"] not in TYPES]
        if own:
            parts.append(f"## {heading}\n\n{described(reference, own, 3)}")
        nested = [page_name(member["identifier"]["url"]) for member in members if member not in own]
        parts.extend(f"See [{escaped(name)}]({name}.md).\n" for name in nested)
    return "\n".join(parts)


def main(archive: Path, folder: Path) -> None:
    """Writes the pages, and their list."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        old.unlink()
    reference = Reference(archive)
    module = next(
        symbol
        for symbol in reference.symbols.values()
        if symbol["metadata"].get("symbolKind") == "module"
    )
    functions = [
        member
        for _, members in reference.members(module)
        for member in members
        if member["metadata"]["symbolKind"] not in TYPES
    ]
    pages = {"functions": f"# Functions\n\n{described(reference, functions, 2)}"}
    lines = ["- [Functions](symbols/functions.md) of the textbook"]
    for symbol in sorted(
        reference.types(module),
        key=lambda symbol: page_name(symbol["identifier"]["url"]),
    ):
        name = page_name(symbol["identifier"]["url"])
        if name in pages:
            raise ValueError(f"two types are called {name}")
        pages[name] = type_page(reference, symbol)
        lines.append(
            f"- [{escaped(name)}](symbols/{name}.md): {reference.inline(symbol.get('abstract', []))}"
        )
    for name, text in pages.items():
        # They stand in the list, and not beside every page of the manual.
        (folder / f"{name}.md").write_text(f"---\norphan: true\n---\n{text}", encoding="utf-8")
    (folder / "list.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
