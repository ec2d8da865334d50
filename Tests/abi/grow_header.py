"""Writes the header of a later version: grow_header.py HEADER GROWN_HEADER.

Every struct that says its size gets fields at its end, as a later version may append them. A program compiled with the
result is newer than the library. EVERY_INIT(X) names the structs that have an _init function, for tests that must leave
none out; grow_header.py --list HEADER LIST writes that alone, for the header as it is.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "bindings" / "generator"))
from batching_generator import outline

SIZE_FIELD = "struct_size"
PREFIX, INIT = "batching_", "_init"
LATER_FIELDS = """\
    int64_t later_number;
    const double *later_column;
"""


def main() -> None:
    """Reads a header, and writes what a later one may look like, or the list alone."""
    *options, header, written = sys.argv[1:]
    names = [name.removesuffix(INIT) for name in outline.functions(Path(header)) if name.endswith(INIT)]
    if not names:
        raise SystemExit(f"grow_header.py: no _init function in {header}")
    every_init = "#define EVERY_INIT(X) " + " ".join(f"X({name.removeprefix(PREFIX)})" for name in names) + "\n"
    if options == ["--list"]:
        Path(written).write_text(every_init)
        return
    growing = [struct for struct in outline.structs(Path(header)) if struct.first_field == SIZE_FIELD]
    missing = set(names) - {struct.name for struct in growing}
    if missing:
        raise SystemExit(f"grow_header.py: {', '.join(sorted(missing))} with an _init function does not say its size")
    content = Path(header).read_bytes()
    for struct in reversed(growing):
        brace = struct.closing_brace
        content = content[:brace] + LATER_FIELDS.encode() + content[brace:]
    Path(written).write_bytes(content + b"\n" + every_init.encode())


if __name__ == "__main__":
    main()
