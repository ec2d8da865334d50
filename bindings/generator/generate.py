"""Writes what follows from include/batching.h, or says what is stale: `make generate`, `make check-generated`.

generate.py            writes
generate.py check      fails if a file is not what would be written
generate.py readiness  fails if the library does not use a function or a choice as it is loaded
"""

import argparse
import os
import sys
from pathlib import Path

from batching_generator import outputs, readiness
from batching_generator.model import HeaderError
from batching_generator.parse import parse

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Does what the arguments say. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["write", "check", "readiness"], default="write")
    parser.add_argument("--root", type=Path, default=ROOT, help="another copy of the repository")
    arguments = parser.parse_args()
    try:
        header = parse(arguments.root / "include" / "batching.h")
        if arguments.what == "write":
            for path in outputs.write(header, arguments.root):
                print(f"written: {path}")
            return 0
        if arguments.what == "check":
            wrong = [f"{path} is stale: run `make generate`" for path in outputs.stale(header, arguments.root)]
        else:
            used = readiness.names_used(arguments.root / readiness.FILE, os.environ.get("SWIFTC", "swiftc"))
            wrong = [f"{readiness.FILE}: {sentence}" for sentence in readiness.missing(header, used)]
    except HeaderError as error:
        wrong = [str(error)]
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
