"""Whether the library, as it is loaded, uses every function and every choice: Sources/BatchingABI/Readiness.swift.

Swift's own parser reads the file and says which names the code uses; comments are none. A choice is used by its
generated list, `Choices.policy`, or by all of its constants.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batching_generator.choices import choices
from batching_generator.model import Header
from batching_generator.swift import list_name

FILE = "Sources/BatchingABI/Readiness.swift"


def missing(header: Header, names: set[str]) -> list[str]:
    """A sentence on each function and each choice that is not among the names that the file uses."""
    sentences = [
        f"{name}() is never called: call it once, with every choice that it has"
        for name in header.functions
        if name not in names
    ]
    for choice in choices(header):
        if choice.is_input and f"Choices.{list_name(choice)}" not in names:
            unused = [one.name for one in choice.constants if one.name not in names]
            if unused:
                sentences.append(f"{', '.join(unused)} never chosen: go through Choices.{list_name(choice)}")
    return sentences


def names_used(file: Path, swiftc: str = "swiftc") -> set[str]:
    """The names in the code of a Swift file, those behind a dot with what stands before it: `Choices.policy`."""
    command = [swiftc, "-frontend", "-dump-parse", "-dump-ast-format", "json", str(file)]
    parsed = subprocess.run(command, capture_output=True, text=True, check=False)
    if parsed.returncode != 0:
        raise SystemExit(f"{file}: Swift's parser says: {parsed.stderr}")
    return set(_names(json.loads(parsed.stdout)))


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        name = _base_name(node)
        if node.get("_kind") == "unresolved_decl_ref_expr" and name:
            yield name
        if node.get("_kind") == "unresolved_dot_expr" and name:
            yield f"{_base_name(node.get('base', node.get('sub_expr', {})))}.{name}"
        for value in node.values():
            yield from _names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _names(value)


def _base_name(node: Any) -> str:
    name = node.get("name") or node.get("field") or {}
    if isinstance(name, str):
        return name
    base = name.get("base_name", {})
    return str(base.get("name", "")) if isinstance(base, dict) else str(base)
