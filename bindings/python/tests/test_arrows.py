"""The check of the package's imports finds what it is for: arrows that point up, circles and hidden imports."""

import subprocess
import sys
from pathlib import Path

import pytest

import batching

CHECK = Path(__file__).parents[3] / "Tests" / "checks" / "python_arrows.py"


def checked(package: Path) -> tuple[int, str]:
    ended = subprocess.run([sys.executable, CHECK, package], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout.replace(f"{package}/", "")


def package_of(folder: Path, **files: str) -> Path:
    package = folder / "batching"
    for name, text in {"__init__": "", "_ffi__calls": "", "_columns__clock": ""}.items():
        files.setdefault(name, text)
    for name, text in files.items():
        file = package.joinpath(*name.split("__")).with_suffix(".py") if name != "__init__" else package / "__init__.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return package


def test_the_package_itself_is_in_order() -> None:
    assert checked(Path(batching.__file__).parent) == (0, "")


def test_arrows_that_point_down_are_allowed(tmp_path: Path) -> None:
    package = package_of(
        tmp_path,
        __init__="from batching._columns.clock import x\n",
        _columns__clock="import ctypes\nfrom batching._ffi import calls\nx = calls\n",
        _live__engine="from batching._ffi.calls import check\nfrom batching._live import estimates\n",
        _live__estimates="import batching._columns.clock\n",
    )
    assert checked(package) == (0, "")


@pytest.mark.parametrize(
    "line",
    [
        "from batching._columns.clock import x",
        "from batching._columns import clock",
        "import batching._columns.clock",
        "from .._columns.clock import x",
        "from .._columns import clock",
        "import importlib; importlib.import_module('batching._columns.clock')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: from batching._columns import clock",
    ],
)
def test_an_arrow_that_points_up_fails(tmp_path: Path, line: str) -> None:
    number = line.count("\n") + 1
    expected = f"_ffi/calls.py:{number}: _ffi imports _columns, which is not below it\n"
    assert checked(package_of(tmp_path, _ffi__calls=line)) == (1, expected)


def test_sub_packages_side_by_side_do_not_know_each_other(tmp_path: Path) -> None:
    package = package_of(tmp_path, _traces__read="from batching._workloads import workload", _workloads__workload="")
    assert checked(package) == (1, "_traces/read.py:1: _traces imports _workloads, which is not below it\n")


def test_the_public_names_are_above_all_sub_packages(tmp_path: Path) -> None:
    expected = "_ffi/calls.py:1: _ffi imports __init__, which is not below it\n"
    assert checked(package_of(tmp_path, _ffi__calls="from batching import simulate")) == (1, expected)


def test_a_circle_within_a_sub_package_fails(tmp_path: Path) -> None:
    package = package_of(
        tmp_path,
        _ffi__calls="from batching._ffi import errors",
        _ffi__errors="from batching._ffi.memory import room",
        _ffi__memory="from batching._ffi.calls import check",
    )
    assert checked(package) == (
        1,
        "_ffi/calls.py:1: a circle: _ffi.calls -> _ffi.errors -> _ffi.memory -> _ffi.calls\n",
    )


@pytest.mark.parametrize("line", ["from batching._ffi import calls", "__import__('batching._ffi.calls')"])
def test_an_import_in_a_function_fails(tmp_path: Path, line: str) -> None:
    package = package_of(tmp_path, _columns__clock=f"def now():\n    {line}\n")
    assert checked(package) == (1, "_columns/clock.py:2: _ffi.calls is imported in a function, and is not in LAZY\n")


def test_what_needs_an_extra_may_be_imported_in_a_function_but_in_no_circle(tmp_path: Path) -> None:
    package = package_of(
        tmp_path,
        _output__plot="def draw():\n    import importlib\n    importlib.import_module('batching._output.drawing')\n",
        _output__drawing="",
    )
    assert checked(package) == (0, "")
    (package / "_output" / "drawing.py").write_text("from batching._output import plot\n")
    expected = "_output/drawing.py:1: a circle: _output.drawing -> _output.plot -> _output.drawing\n"
    assert checked(package) == (1, expected)


def test_a_module_that_is_named_at_run_time_stands_for_all_that_it_may_be(tmp_path: Path) -> None:
    package = package_of(
        tmp_path,
        _traces__read="import importlib as i\ndef read(of):\n    i.import_module(f'batching._traces.formats.{of}')\n",
        _traces__formats__json="from batching._traces.read import read\n",
        _traces__formats__csv="",
    )
    expected = "_traces/formats/json.py:1: a circle: _traces.formats.json -> _traces.read -> _traces.formats.json\n"
    assert checked(package) == (1, expected)


def test_a_new_sub_package_needs_its_place(tmp_path: Path) -> None:
    expected = "_other/router.py:1: _other has no place in ARROWS of python_arrows.py\n"
    assert checked(package_of(tmp_path, _other__router="")) == (1, expected)
