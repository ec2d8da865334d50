"""All that is generated: the text of each file, by its path in the repository, and of each part of batching.hpp.

A part of a file that people write stands between two comments, which have its name.
"""

from pathlib import Path

from batching_generator import catalogue, cpp, layout, python, reference, swift
from batching_generator.model import Header, HeaderError

PYTHON = "bindings/python/src/batching/_ffi/generated"
SWIFT = "Sources/BatchingABI/Generated"
REFERENCE = "docs/reference/c"
LAYOUT = "Tests/checks/layout.c"
CPP = "include/batching.hpp"

WHOLE_FOLDERS = (SWIFT, REFERENCE, PYTHON, catalogue.GENERATED)
"""Folders in which everything is generated: a file too many is stale, too."""


_BEGIN = "// Generated from {path} by `make generate`, {name}: change that, not this.\n"
_END = "// End of what is generated, {name}.\n"


def outputs(header: Header, root: Path) -> dict[str, str]:
    """What each file must be. Of a file with parts all else stays as it is in the repository at `root`."""
    return {
        f"{PYTHON}/__init__.py": f'{python.HEAD.format(path=header.path)}"""The C interface as ctypes sees it."""\n',
        f"{PYTHON}/structs.py": python.structs(header),
        f"{PYTHON}/functions.py": python.functions(header),
        f"{PYTHON}/constants.py": python.constants(header),
        f"{PYTHON}/choices.py": python.words(header),
        f"{SWIFT}/Initializers.swift": swift.initialisers(header),
        f"{SWIFT}/Choices.swift": swift.choice_lists(header),
        f"{SWIFT}/StatusNames.swift": swift.status_names(header),
        LAYOUT: layout.layout(header),
        CPP: with_parts(_read(root / CPP) or "", CPP, header.path, cpp.parts(header)),
        **{f"{REFERENCE}/{name}": text for name, text in reference.pages(header).items()},
        **catalogue.files(root),
    }


def with_parts(text: str, name: str, path: str, parts: dict[str, str]) -> str:
    """The text of a file with these parts in it. An error says which part has no place, or more than one."""
    for part, content in parts.items():
        begin, end = _BEGIN.format(path=path, name=part), _END.format(name=part)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed or begin in after or end in after:
            raise HeaderError(name, f"one place is needed for a part: a line `{begin.strip()}`, and `{end.strip()}`")
        text = f"{before}{begin}{content}{end}{after}"
    return text


def write(header: Header, root: Path) -> list[str]:
    """Writes what is not there yet, or is no longer right; deletes what is no longer made. Returns their paths."""
    wanted = outputs(header, root)
    changed = stale(header, root)
    for name in changed:
        path = root / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def stale(header: Header, root: Path) -> list[str]:
    """The paths of files that are missing, too many, or not what the header says."""
    wanted = outputs(header, root)
    wrong = [name for name, text in wanted.items() if _read(root / name) != text]
    present = {
        path.relative_to(root).as_posix()
        for folder in WHOLE_FOLDERS
        for path in (root / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return wrong + sorted(present - set(wanted))


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
