"""Several copies of the package with a library each, and libraries of others written in Swift, in one process.

Each has a Swift runtime of its own. Were a name of one bound to that of another, a wrong answer or a crash might
follow: they run in turn and in threads, loaded in several orders, with local and with global names.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batching._ffi import loader

TESTS = Path(__file__).parent
# By hand, for 1000: of each i, i + 3 i + 9, over 0 ... 999.
OTHER_ANSWER = str(4 * (999 * 1000 // 2) + 9 * 1000)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two copies of libbatching, and the other library: with the runtime of the toolchain, and with one inside."""
    if shutil.which("swiftc") is None:
        pytest.skip("needs a Swift toolchain: copies beside another Swift runtime were NOT tried")
    folder = tmp_path_factory.mktemp("libraries")
    made = {name: folder / f"{name}.so" for name in ("first", "second", "shared_runtime", "static_runtime")}
    for name in ("first", "second"):
        shutil.copy(loader.candidate()[0], made[name])
    compile_library = ["swiftc", "-O", "-parse-as-library", "-emit-library", str(TESTS / "other_runtime.swift")]
    with_foundation = ["-module-name", "SharedRuntime", "-D", "FOUNDATION"]
    subprocess.run([*compile_library, *with_foundation, "-o", made["shared_runtime"]], check=True, cwd=folder)
    all_inside = ["-module-name", "StaticRuntime", "-static-stdlib"]
    subprocess.run([*compile_library, *all_inside, "-o", made["static_runtime"]], check=True, cwd=folder)
    return made


def told(libraries: dict[str, Path], order: list[str]) -> dict[str, Any]:
    """What the program says of libraries that are loaded in this order: "package:first"."""
    arguments = [f"{kind}:{libraries[name]}" for kind, _, name in (word.partition(":") for word in order)]
    program = [sys.executable, str(TESTS / "coexistence_program.py"), *arguments]
    ended = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


@pytest.mark.parametrize(
    "order",
    [
        ["package:first", "package:second", "other:shared_runtime", "other:static_runtime"],
        ["other-global:static_runtime", "package:first", "other:shared_runtime", "package:second"],
        ["other-global:shared_runtime", "package-global:first", "package-global:second"],
        ["package-global:first", "other-global:static_runtime", "package:second", "other-global:shared_runtime"],
    ],
    ids=" ".join,
)
def test_they_do_not_disturb_each_other(libraries: dict[str, Path], order: list[str]) -> None:
    alone = told(libraries, ["package:first"])["told"][0][0]
    together = told(libraries, order)
    expected = [alone if word.startswith("package") else OTHER_ANSWER for word in order]
    assert together["told"] == [expected] * len(together["told"])
    # Each is in memory as a file of its own, none taken for the other for the sake of the SONAME that they share.
    assert {str(libraries[word.partition(":")[2]]) for word in order} <= set(together["files"])
    has_shared_runtime = any(Path(name).name == "libswiftCore.so" for name in together["files"])
    assert has_shared_runtime == any("shared_runtime" in word for word in order)
