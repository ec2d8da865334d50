"""Which shared library is loaded, and what is said if it is none or the wrong one. Each in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import batching
from batching._ffi import loader


def import_batching(library: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != loader.ENVIRONMENT_VARIABLE}
    if library is not None:
        environment[loader.ENVIRONMENT_VARIABLE] = library
    program = (
        "try:\n"
        "    import batching\n"
        "except ImportError as error:\n"
        "    print(type(error).__name__, error)\n"
        "else:\n"
        "    print(batching.simulate_static(batching.RequestColumns([1]), 1).total_time)\n"
    )
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)


def compiled(source: str, directory: Path) -> str:
    """A shared library from a line of C."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    code, library = directory / "library.c", directory / "library.so"
    code.write_text(source)
    subprocess.run(["cc", "-shared", "-fPIC", str(code), "-o", str(library)], check=True)
    return str(library)


def test_the_variable_comes_first(tmp_path: Path) -> None:
    copy = tmp_path / "copy.so"
    shutil.copy(loader.candidate()[0], copy)
    assert import_batching(str(copy)).stdout == "0.01\n"


def test_without_the_variable_it_is_the_packages_own() -> None:
    assert import_batching(None).stdout == "0.01\n"


def test_a_missing_library_is_explained() -> None:
    said = import_batching("/nowhere/libbatching.so").stdout
    assert said.startswith("BatchingLibraryError libbatching could not be loaded. Tried /nowhere/libbatching.so")
    assert "BATCHING_LIBRARY" in said


def test_another_library_is_recognised(tmp_path: Path) -> None:
    library = compiled("int other(void) { return 1; }\n", tmp_path)
    assert "is not libbatching" in import_batching(library).stdout


@pytest.mark.parametrize("number", [1_000_000, 1_000, 7])
def test_another_version_is_explained(tmp_path: Path, number: int) -> None:
    library = compiled(f"int batching_version_number(void) {{ return {number}; }}\n", tmp_path)
    said = import_batching(library).stdout
    version = f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"
    assert f"{library} is libbatching {version}, but the Python package is batching {batching.__version__}" in said


def test_another_patch_version_will_do_but_must_be_complete(tmp_path: Path) -> None:
    library = compiled("int batching_version_number(void) { return 2009; }\n", tmp_path)
    assert "is no complete libbatching" in import_batching(library).stdout


def test_the_package_and_the_library_say_the_same_version() -> None:
    major, minor, patch = (int(part) for part in batching.__version__.split("."))
    assert loader.library.batching_version_number() == major * 1_000_000 + minor * 1_000 + patch
    assert loader.library.batching_version().decode() == batching.__version__
