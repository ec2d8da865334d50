"""Does a program compiled against the recorded header run with the library of the current one?

    compare.py RECORDED_HEADER CURRENT_HEADER [--recorded-exports FILE] [--library FILE]

Allowed, and told, is what such a program cannot notice:

  - a new function, struct, type or constant, and another name of a parameter;
  - a struct that begins with struct_size grows: the new fields lie behind all that it had, padding included (an older
    program's padding holds anything), and its size stays a multiple of 8, up to the 4096 that the library accepts.

Everything else is incompatible, and ends with exit status 1: a function that is gone or takes or returns another type
(const included); a field that is gone, renamed, moved or of another type, a reserved one too; a struct without
struct_size that changes at all; a constant that is gone or has another type or value, but for BATCHING_VERSION_...; a
symbol that the library no longer exports, or another SONAME.

abidiff looks at the same stubs, as a second opinion. Its way to allow growth (has_data_member_inserted_at = end) hides
every other change of such a struct, and of what refers to it; so it is told just the structs that were found here to
have grown and to be otherwise the same.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from header_abi import HeaderABI, Struct, output_of, read_header

# The library's own limits: Sources/BatchingABI/VersionedStruct.swift.
LARGEST_STRUCT = 4096
STRUCT_SIZE_MULTIPLE = 8


class Comparison:
    """The two headers, and what was found."""

    def __init__(self, recorded: HeaderABI, current: HeaderABI) -> None:
        self.recorded = recorded
        self.current = current
        self.allowed: list[str] = []
        self.incompatible: list[str] = []
        self.grown: list[str] = []

    def run(self) -> None:
        """Compares everything but the exported symbols."""
        self._compare_texts("function", self.recorded.functions, self.current.functions)
        self._compare_texts("constant", _without_version(self.recorded), _without_version(self.current))
        for name, struct in self.current.structs.items():
            if name not in self.recorded.structs:
                self.allowed.append(f"new struct {name}")
            self._check_own_size(name, struct)
        for name, struct in self.recorded.structs.items():
            if name in self.current.structs:
                self._compare_structs(name, struct, self.current.structs[name])
            else:
                self.incompatible.append(f"struct {name} is gone")
        self._ask_abidiff()

    def compare_exports(self, recorded: list[str], current: list[str]) -> None:
        """Compares what exports() tells of two libraries."""
        self.incompatible += [
            f"the library no longer has {line}: it was recorded with it" for line in recorded if line not in current
        ]
        # A function that was not found in the header would not be compared.
        exported = {line.removeprefix("symbol ") for line in current if line.startswith("symbol ")}
        self.incompatible += [
            f"{name} is exported or declared, but not both" for name in exported ^ self.current.functions.keys()
        ]

    def _compare_texts(self, kind: str, recorded: dict[str, str], current: dict[str, str]) -> None:
        self.allowed += [f"new {kind} {name}" for name in current if name not in recorded]
        for name, text in recorded.items():
            if name not in current:
                self.incompatible.append(f"{kind} {name} is gone")
            elif current[name] != text:
                self.incompatible.append(f"{kind} {name} is {current[name]}: was {text}")

    def _check_own_size(self, name: str, struct: Struct) -> None:
        if struct.says_its_size and (struct.size % STRUCT_SIZE_MULTIPLE != 0 or struct.size > LARGEST_STRUCT):
            self.incompatible.append(
                f"struct {name} has {struct.size} bytes: "
                f"must be a multiple of {STRUCT_SIZE_MULTIPLE}, at most {LARGEST_STRUCT}"
            )

    def _compare_structs(self, name: str, recorded: Struct, current: Struct) -> None:
        before = len(self.incompatible)
        fields = {field.name: field for field in current.fields}
        for field in recorded.fields:
            found = fields.pop(field.name, None)
            if found is None:
                self.incompatible.append(f"{name}.{field.name} is gone")
            elif found != field:
                self.incompatible.append(
                    f"{name}.{field.name} is {found.type} at byte {found.offset}: was {field.type} at {field.offset}"
                )
        self.incompatible += [
            f"{name}.{field.name} is new at byte {field.offset}: must be behind the {recorded.size} bytes of older ones"
            for field in fields.values()
            if field.offset < recorded.size
        ]
        if current.size == recorded.size:
            return
        if current.size < recorded.size or not recorded.says_its_size:
            self.incompatible.append(f"struct {name} has {current.size} bytes: had {recorded.size}")
        elif len(self.incompatible) == before:
            self.grown.append(name)
            self.allowed.append(f"struct {name} grew from {recorded.size} to {current.size} bytes")

    def _ask_abidiff(self) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".suppressions") as suppressions:
            for name in self.grown:
                suppressions.write(
                    f"[suppress_type]\ntype_kind = struct\nname = {name}\nhas_data_member_inserted_at = end\n\n"
                )
            suppressions.flush()
            answer = subprocess.run(
                ["abidiff", "--no-added-syms", "--suppressions", suppressions.name,
                 self.recorded.stubs, self.current.stubs],
                stdout=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        if answer.returncode != 0:
            self.incompatible.append(f"abidiff ends with {answer.returncode}:\n{answer.stdout}")


def _without_version(abi: HeaderABI) -> dict[str, str]:
    return {name: value for name, value in abi.constants.items() if not name.startswith("BATCHING_VERSION_")}


def exports(library: Path) -> list[str]:
    """The SONAME of a library and the symbols that it exports, one a line."""
    dynamic = output_of("readelf", "--dynamic", "--wide", library)
    sonames = [line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "(SONAME)" in line]
    symbols = output_of("nm", "--dynamic", "--defined-only", "--extern-only", "--format=posix", library)
    return [f"SONAME {name}" for name in sonames] + sorted(f"symbol {line.split()[0]}" for line in symbols.splitlines())


def main() -> int:
    """Compares, and says what differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recorded", type=Path)
    parser.add_argument("current", type=Path)
    parser.add_argument("--recorded-exports", type=Path)
    parser.add_argument("--library", type=Path)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as work:
        comparison = Comparison(
            read_header(arguments.recorded, Path(work) / "recorded"),
            read_header(arguments.current, Path(work) / "current"),
        )
        comparison.run()
    if arguments.recorded_exports and arguments.library:
        comparison.compare_exports(arguments.recorded_exports.read_text().splitlines(), exports(arguments.library))
    for line in comparison.allowed:
        print(f"compatible: {line}")
    for line in comparison.incompatible:
        print(f"INCOMPATIBLE: {line}", file=sys.stderr)
    recorded = comparison.recorded
    print(
        f"compared with {arguments.recorded}: {len(recorded.functions)} functions, {len(recorded.structs)} structs, "
        f"{len(recorded.constants)} constants; {len(comparison.allowed)} compatible changes, "
        f"{len(comparison.incompatible)} incompatible"
    )
    return 1 if comparison.incompatible else 0


if __name__ == "__main__":
    sys.exit(main())
