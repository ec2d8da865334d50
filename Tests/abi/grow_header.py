"""Writes the header of a later version: grow_header.py HEADER GROWN_HEADER.

Every struct that says its size gets fields at its end, as a later version may append them. A program compiled with the
result is newer than the library. EVERY_INIT(X) names the structs that have an _init function, for tests that must leave
none out; grow_header.py --list HEADER LIST writes that alone, for the header as it is.
"""

import re
import sys
from pathlib import Path

LATER_FIELDS = """\
    int64_t later_number;
    const double *later_column;
"""
GROWING = re.compile(
    r"^typedef struct (batching_\w+) \{\n    uint32_t struct_size;.*?(?=^\} \1;)", re.MULTILINE | re.DOTALL
)
INIT = re.compile(r"^batching_status batching_(\w+)_init\(", re.MULTILINE)


def main() -> None:
    """Reads a header, and writes what a later one may look like, or the list alone."""
    *options, header, written = sys.argv[1:]
    text = Path(header).read_text()
    structs = INIT.findall(text)
    if not structs:
        raise SystemExit(f"grow_header.py: no _init function in {header}")
    every_init = "#define EVERY_INIT(X) " + " ".join(f"X({name})" for name in structs) + "\n"
    if options == ["--list"]:
        Path(written).write_text(every_init)
        return
    grown, count = GROWING.subn(lambda struct: struct.group() + LATER_FIELDS, text)
    if count < len(structs):
        raise SystemExit(f"grow_header.py: {len(structs)} structs have an _init function, but only {count} were found")
    Path(written).write_text(grown + "\n" + every_init)


if __name__ == "__main__":
    main()
