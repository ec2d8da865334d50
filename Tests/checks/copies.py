#!/usr/bin/env python3
"""No call copies an engine: copies.py LIBRARY, as it is linked, with its symbols.

Swift copies a large struct that cannot be copied onto the stack to lend it to a function that does not change it,
unless that function is inlined: some kilobytes for each request, row or answer. So what the engine calls is `mutating`,
static or inlined even where it changes nothing. Here each copy of at least LEAST bytes that is followed by a call of a
function of the library's is reported, but for those that make an engine, or take one apart.
"""

import platform
import re
import subprocess
import sys

LEAST = 2048
"""More than any struct of the header and any configuration, and less than a replica."""

FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
SIZE = re.compile(r"\bmov +\$0x([0-9a-f]+),%edx$")
CALL = re.compile(r"\bcall +[0-9a-f]+ <(.*)>$")
# The size stands a few instructions before the call.
NEAR = 14
# Made once, moved to where it stays, and taken apart.
MAKING = re.compile(
    r"\binit|\bdeinit|\bWholeRun\.run\b|\bprepared\w*Twin|\bcopy\(\)"
    r"|\bstatic Fleet\.simulate\b|\bFleetRun\.(?:made|copied)\b|\bLiveFleet\.(?:fork|estimate)\b"
)


def copies(library: str) -> list[tuple[str, int, str]]:
    """In which function, how many bytes, and what is called next."""
    command = ["objdump", "-d", "--no-show-raw-insn", library]
    listing = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[tuple[str, int, str]] = []
    function, size, age, pending = "", 0, NEAR, 0
    for line in listing.stdout.splitlines():
        if match := FUNCTION.match(line):
            function, age, pending = match[1], NEAR, 0
            continue
        age += 1
        if match := SIZE.search(line):
            size, age = int(match[1], 16), 0
        elif match := CALL.search(line):
            if match[1].startswith("memcpy"):
                pending = size if age < NEAR and size >= LEAST else 0
            elif pending:
                found.append((function, pending, match[1]))
                pending = 0
    return found


def demangled(names: list[str]) -> list[str]:
    """The names as one would write them."""
    command = ["swift", "demangle", "--simplified"]
    return subprocess.run(
        command, input="\n".join(names), capture_output=True, text=True, check=True
    ).stdout.splitlines()


def main() -> int:
    """Say what is copied."""
    if platform.machine() != "x86_64":
        print(f"copies.py: SKIPPED: the instructions of {platform.machine()} are not known here")
        return 0
    found = copies(sys.argv[1])
    if not found:
        sys.exit("copies.py: not one large copy was found, not even where an engine is made: what is it looking at?")
    functions = demangled([function for function, _, _ in found])
    called = demangled([name for _, _, name in found])
    bad = sorted(
        {
            f"{size} bytes are copied in {function}, for a call of {name}"
            for function, (_, size, mangled), name in zip(functions, found, called, strict=True)
            if mangled.startswith("$s8Batching") and not MAKING.search(function) and not name.endswith("deinit")
        }
    )
    for sentence in bad:
        print(f"copies.py: {sentence}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
