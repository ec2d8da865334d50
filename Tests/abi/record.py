"""Records the ABI of the library as it is: record.py LIBRARY [EXAMPLE…]. For `make abi-record`, at a release.

What is recorded is what a program compiled now takes with it: the headers, the exported symbols and the SONAME; and
the examples with what they print, as such programs. The record before is replaced only if the library is compatible
with it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from compare import exports

RECORDED = Path("Tests/abi/recorded")
HEADERS = ("batching.h", "batching.hpp")
REFUSED = f"""\
record.py: nothing was recorded. If a version with the recorded ABI was released, undo what is incompatible; or, before
1.0, raise the minor version, and SOVERSION with it, in the Makefile and the header. Then, or if none was ever released:
rm -r {RECORDED} && make abi-record"""


def main() -> int:
    """Compares with the record, if there is one, and renews it."""
    library, *examples = map(Path, sys.argv[1:])
    if RECORDED.exists():
        compared = subprocess.run(
            [sys.executable, "Tests/abi/compare.py", RECORDED / "batching.h", "include/batching.h",
             "--recorded-exports", RECORDED / "exports.txt", "--library", library],
            check=False,
        )  # fmt: skip
        if compared.returncode != 0:
            print(REFUSED, file=sys.stderr)
            return 1
        shutil.rmtree(RECORDED)
    RECORDED.mkdir()
    for header in HEADERS:
        shutil.copyfile(Path("include") / header, RECORDED / header)
    (RECORDED / "exports.txt").write_text("".join(f"{line}\n" for line in exports(library)))
    for example in examples:
        folder = RECORDED / example.parent
        folder.mkdir(parents=True, exist_ok=True)
        for file in (example, example.with_suffix(".expected")):
            shutil.copyfile(file, folder / file.name)
    print(f"recorded in {RECORDED}: add it to the release's commit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
