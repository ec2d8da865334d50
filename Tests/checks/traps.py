#!/usr/bin/env python3
"""No operation that traps on a number stands where numbers come from bytes, from merges or from long lives.

Swift's `+`, `-`, `*`, `/`, `%` and its conversions stop the process of the host when the result does not fit. In the
files below, each such operation has to be one that reports or wraps (`&+`, `addingReportingOverflow`, `clamping:`, …),
or belong to a function of the allow list beside this script, which says why the operations cannot trap there. A line of
that list is

    file | function | number of operations that can trap | reason

so that an operation that is added to a listed function is to be argued for, too, and a line that is no longer true
fails.

The compiler itself says where they are: its intermediate language has, before anything is optimised, a `cond_fail` or a
call of `_assertionFailure` for each, with its place. To know on each run that nothing is overlooked, a copy of the
sources is compiled which has, at the end of each file, a function with one operation of each kind: each must be found.

Not looked for are ranges (`0..<count` needs `count >= 0`), indices, and what functions of the standard library do
inside.

Run with a folder of intermediate files, in which module.modulemap is that of the C modules.
"""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path("Sources/Batching")
FILES = [
    "Accumulator/Accumulator+Bytes.swift",
    "Accumulator/Accumulator+Merging.swift",
    "Accumulator/Samples.swift",
    "Accumulator/ServerMetrics.swift",
    "Accumulator/WideNumber.swift",
    "Live/LiveReplica+Departures.swift",
    "Live/LiveReplica+Loading.swift",
    "Live/LiveReplica+Loop.swift",
    "Live/Replica+Loading.swift",
    "Live/SavedConfiguration.swift",
    "Live/SavedRecords.swift",
    "Memory/CachedBlocks+Bytes.swift",
    "Support/ByteCoding.swift",
]
ALLOWED = Path(__file__).with_name("traps.allowed")

PLANTED = "plantedTraps"
PLANT = """
func {name}(
    _ left: Int64, _ right: Int64, _ real: Double
) -> (Int64, Int64, Int64, Int64, Int64, Int32, Int64, UInt64) {{
    var counted = left
    counted += 1
    return (
        left + right, left - right, left * right, left / right, left % right, Int32(left), Int64(real), UInt64(left)
    )
}}
"""
# In PLANT: `+=` and each element of the tuple.
PLANTED_OPERATIONS = 9

# What the failures say: that of a `cond_fail`, or the text that is handed to `_assertionFailure`.
MESSAGES = re.compile(
    r'"(arithmetic overflow|Division by zero|Division results in an overflow|Not enough bits|Negative value is not'
    r"|\w+ value cannot be converted| value cannot be converted)"
)
FUNCTION = re.compile(r"^sil .*?@(\S+) : ")
SCOPE = re.compile(r"^sil_scope (\d+) \{(.*)\}")
PLACE = re.compile(r'loc (?:\* )?"([^"]*)":(\d+):(\d+)')

Operation = tuple[str, str, int, int]


def compiled(work: Path) -> Path:
    """The intermediate language of a copy of the sources, each file of FILES with its planted operations."""
    copy = work / "sources"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / SOURCES, copy / SOURCES)
    for number, name in enumerate(FILES):
        with (copy / SOURCES / name).open("a") as file:
            file.write(PLANT.format(name=f"{PLANTED}{number}"))
    sources = sorted(str(path.relative_to(copy)) for path in (copy / SOURCES).rglob("*.swift"))
    result = (work / "batching.sil").resolve()
    command = ["swiftc", "-emit-sil", "-Onone", "-wmo", "-g", "-parse-as-library", "-package-name", "batching"]
    modules = ["-I", str(work.resolve()), "-module-name", "Batching", "-o", str(result)]
    subprocess.run([*command, *modules, *sources], cwd=copy, check=True)
    return result


def place(line: str, scopes: dict[str, str]) -> tuple[str, int, int] | None:
    """Where in the sources an instruction comes from: its own place, or where what it stands in was inlined."""
    found = PLACE.search(line)
    while not (found and found[1].startswith(str(SOURCES))):
        scope = re.search(r"(?:scope|inlined_at|parent) (\d+)", line)
        inlined = re.search(r"inlined_at (\d+)", line)
        number = (inlined or scope or [None, None])[1]
        if number is None or number not in scopes:
            return None
        line = scopes[number]
        found = PLACE.search(line)
    return found[1].removeprefix(f"{SOURCES}/"), int(found[2]), int(found[3])


def operations(intermediate: Path) -> Iterator[Operation]:
    """(file, mangled function, line, column) of each operation that can trap."""
    scopes: dict[str, str] = {}
    function = ""
    for line in intermediate.open():
        if scope := SCOPE.match(line):
            scopes[scope[1]] = scope[2]
        elif start := FUNCTION.match(line):
            function = start[1]
        elif MESSAGES.search(line) and (at := place(line, scopes)):
            yield at[0], function, at[1], at[2]


def named(found: set[Operation]) -> dict[tuple[str, str], set[tuple[int, int]]]:
    """The places in each function, by file and readable name; what a closure does counts as its function's."""
    mangled = sorted({function for _, function, _, _ in found})
    command = ["swift-demangle", "-compact", "-simplified"]
    readable = subprocess.run(command, input="\n".join(mangled), capture_output=True, text=True, check=True).stdout
    names = dict(zip(mangled, readable.splitlines(), strict=True))
    functions: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for file, function, line, column in found:
        name = re.sub(r"<[^()]*>(?=[.(])", "", names[function].split(" in ")[-1])
        functions.setdefault((file, name), set()).add((line, column))
    return functions


def allowed() -> dict[tuple[str, str], int]:
    """How many operations the list allows, by file and function."""
    lines = [line for line in ALLOWED.read_text().splitlines() if line and not line.startswith("#")]
    entries = [[part.strip() for part in line.split("|", 3)] for line in lines]
    if not all(len(entry) == 4 and entry[3] for entry in entries):
        sys.exit(f"{ALLOWED.name}: a line is not file | function | number | reason")
    return {(file, function): int(number) for file, function, number, _ in entries}


def main() -> None:
    """Compare what is found with what is allowed."""
    work = Path(sys.argv[1])
    found = {operation for operation in operations(compiled(work)) if operation[0] in FILES}
    functions = named(found)
    planted = Counter({file: len(places) for (file, name), places in functions.items() if name.startswith(PLANTED)})
    problems = [
        f"{file}: {planted[file]} of the {PLANTED_OPERATIONS} operations planted here are found: the check is blind"
        for file in FILES
        if planted[file] != PLANTED_OPERATIONS
    ]
    expected = allowed()
    actual = {key: places for key, places in functions.items() if not key[1].startswith(PLANTED)}
    for key in sorted(expected.keys() | actual.keys()):
        file, name = key
        places = sorted(actual.get(key, set()))
        if len(places) != expected.get(key, 0):
            where = ", ".join(f"{line}:{column}" for line, column in places)
            problems.append(
                f"{SOURCES / file}: {name}: {len(places)} operations can trap, {expected.get(key, 0)} are allowed"
                f" ({where})"
            )
    if problems:
        sys.exit("\n".join(problems))
    print(f"traps: {sum(expected.values())} operations that can trap in {len(FILES)} files, each with its reason")


if __name__ == "__main__":
    main()
