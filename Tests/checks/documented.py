#!/usr/bin/env python3
"""Every public declaration of the Swift module says what it is.

Usage: documented.py SYMBOL_GRAPH, as the compiler writes it with -emit-symbol-graph. What the compiler makes by itself,
such as init(rawValue:), has no place in the sources, and nothing to say.
"""

import json
import sys
from pathlib import Path


def main(graph: Path) -> int:
    """Prints each declaration without a comment, and how many there are."""
    symbols = json.loads(graph.read_text(encoding="utf-8"))["symbols"]
    written = [symbol for symbol in symbols if "location" in symbol]
    bare = [symbol for symbol in written if "docComment" not in symbol]
    for symbol in bare:
        file = symbol["location"]["uri"].removeprefix("file://")
        line = symbol["location"]["position"]["line"] + 1
        print(f"{file}:{line}: {'.'.join(symbol['pathComponents'])} is public, and has no documentation comment")
    if not written:
        print(f"{graph}: there is no public declaration in it")
    print(f"{len(written) - len(bare)} of {len(written)} public declarations are documented")
    return 0 if written and not bare else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
