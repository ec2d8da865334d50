#!/usr/bin/env python3
"""No operation that traps on a number stands anywhere in the library without a reason why it cannot.

Swift's `+`, `-`, `*`, `/`, `%`, its shifts by a number that is not of the same type, its conversions, its ranges and
its `!` stop the process of the host where the result does not fit, and numbers come from callers, from bytes, from
merges and from long lives. So each such operation in the sources has to be one that reports or wraps (`&+`,
`addingReportingOverflow`, `clamping:`, …), or belong to a function of the allow list beside this script, which says why
the operations cannot trap there. A line of that list is

    file | function | number of operations that can trap | reason

so that an operation that is added to a listed function is to be argued for, too, and a line that is no longer true
fails. Where one reason holds for a whole file the function is `*`: all of the file that are not listed themselves.

The compiler itself says where they are: its intermediate language has, before anything is optimised, a `cond_fail` or a
call of `_assertionFailure` for each, with its place. To know on each run that nothing is overlooked, a copy of the
sources is compiled which has, at the end of each file, a function with one operation of each kind: each must be found.
The C functions are compiled as part of the core's module, to which their import of it is none.

Not looked for are the elements of an Array or an InlineArray, of which there are few, none of them chosen by a number
from outside, and what functions of the standard library do that are not part of what they are called in.

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
SOURCES = Path("Sources")
MODULES = ["Batching", "BatchingABI"]
# Before the names of files in the copy: those of one module must differ.
PREFIXES = {"Batching": "", "BatchingABI": "BatchingABI."}
ALLOWED = Path(__file__).with_name("traps.allowed")

PLANTED = "plantedTraps"
PLANT = """
func {name}(
    _ left: Int64, _ right: Int64, _ real: Double, _ optional: Int64?
) -> (Int64, Int64, Int64, Int64, Int64, Int32, Int64, UInt64, UInt64, Range<Int64>, ClosedRange<Int64>, Int64) {{
    var counted = left
    counted += 1
    return (
        left + right, left - right, left * right, left / right, left % right, Int32(left), Int64(real), UInt64(left),
        UInt64(real), left..<right, left...right, optional!
    )
}}
"""
# In PLANT: `+=` and each element of the tuple.
PLANTED_OPERATIONS = 13

# What the failures say: that of a `cond_fail`, or the text that is handed to `_assertionFailure`.
MESSAGES = re.compile(
    r'"(arithmetic overflow|Division by zero|Division results in an overflow|Quotient is not|Not enough bits'
    r"|Negative value is not|[\w ]*value cannot be converted|Range (?:requires|cannot)|Unexpectedly found nil"
    r"|Index out of)"
)
FUNCTION = re.compile(r"^sil .*?@(\S+) : ")
SCOPE = re.compile(r"^sil_scope (\d+) \{(.*)\}")
PLACE = re.compile(r'loc (?:\* )?"([^"]*)":(\d+):(\d+)')

Operation = tuple[str, str, int, int]


def sources() -> list[str]:
    """The files looked at, from SOURCES on."""
    folder = ROOT / SOURCES
    return sorted(str(path.relative_to(folder)) for module in MODULES for path in (folder / module).rglob("*.swift"))


def copied(file: str) -> Path:
    """What a file is called in the copy."""
    path = Path(file)
    return SOURCES / path.with_name(PREFIXES[path.parts[0]] + path.name)


def compiled(work: Path, files: list[str]) -> Path:
    """The intermediate language of a copy of the sources, each file with its planted operations."""
    copy = work / "sources"
    shutil.rmtree(copy, ignore_errors=True)
    for number, file in enumerate(files):
        target = copy / copied(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((ROOT / SOURCES / file).read_text() + PLANT.format(name=f"{PLANTED}{number}"))
    result = (work / "batching.sil").resolve()
    command = ["swiftc", "-emit-sil", "-Onone", "-wmo", "-g", "-parse-as-library", "-suppress-warnings"]
    modules = ["-I", str(work.resolve()), "-I", str(ROOT / "include"), "-o", str(result)]
    names = ["-module-name", "Batching", "-package-name", "batching"]
    subprocess.run([*command, *names, *modules, *(str(copied(file)) for file in files)], cwd=copy, check=True)
    return result


def place(line: str, scopes: dict[str, str]) -> tuple[str, int, int] | None:
    """Where in the sources an instruction comes from: its own place, or where what it stands in was inlined."""
    found = PLACE.search(line)
    while not (found and found[1].startswith(f"{SOURCES}/")):
        scope = re.search(r"(?:scope|inlined_at|parent) (\d+)", line)
        inlined = re.search(r"inlined_at (\d+)", line)
        number = (inlined or scope or [None, None])[1]
        if number is None or number not in scopes:
            return None
        line = scopes[number]
        found = PLACE.search(line)
    file = Path(found[1]).relative_to(SOURCES)
    file = file.with_name(file.name.removeprefix(PREFIXES[file.parts[0]]))
    return str(file), int(found[2]), int(found[3])


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


def compare(actual: dict[tuple[str, str], set[tuple[int, int]]], expected: dict[tuple[str, str], int]) -> Iterator[str]:
    """What is found and not allowed, or allowed and not there."""
    gathered: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for (file, name), places in actual.items():
        key = (file, name) if (file, name) in expected or (file, "*") not in expected else (file, "*")
        gathered.setdefault(key, set()).update(places)
    for key in sorted(expected.keys() | gathered.keys()):
        file, name = key
        places = sorted(gathered.get(key, set()))
        if len(places) != expected.get(key, 0):
            where = ", ".join(f"{line}:{column}" for line, column in places)
            yield (
                f"{SOURCES / file}: {name}: {len(places)} operations can trap, {expected.get(key, 0)} are allowed"
                f" ({where})"
            )


def main() -> None:
    """Compare what is found with what is allowed."""
    files = sources()
    functions = named(set(operations(compiled(Path(sys.argv[1]), files))))
    planted = Counter({file: len(places) for (file, name), places in functions.items() if name.startswith(PLANTED)})
    problems = [
        f"{file}: {planted[file]} of the {PLANTED_OPERATIONS} operations planted here are found: the check is blind"
        for file in files
        if planted[file] != PLANTED_OPERATIONS
    ]
    expected = allowed()
    problems += compare({key: places for key, places in functions.items() if not key[1].startswith(PLANTED)}, expected)
    if problems:
        sys.exit("\n".join(problems))
    print(f"traps: {sum(expected.values())} operations that can trap in {len(files)} files, each with its reason")


if __name__ == "__main__":
    main()
