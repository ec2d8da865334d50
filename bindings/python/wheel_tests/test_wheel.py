"""The wheel as a user gets it: what it holds, and what it does in clean environments, out of reach of the source tree.

`make test-wheel` builds it first. Each environment is made for the run, below the folder for temporary files.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import batching
from documents import the_program
from test_documents import NEED_EXTRAS, PYTHON

HERE = Path(__file__).parent
PACKAGE = HERE.parent
ROOT = PACKAGE.parents[1]
(WHEEL,) = (ROOT / "build" / "wheel").glob("*.whl")
AUDITWHEEL = ROOT / "build" / "wheel-venv" / "bin" / "auditwheel"

MOST_BYTES = 4_000_000
# The C library of the oldest Linux that is served: Debian 12 has 2.36, Ubuntu 22.04 and RHEL 9 have 2.35 and 2.34.
MOST_GLIBC_MINOR = 34

# Tests that need nothing but NumPy, pytest and Hypothesis: each part of the package, and what it says of bad input.
TESTS = (
    "test_capacity.py",
    "test_columns.py",
    "test_display.py",
    "test_engine.py",
    "test_engine_bad_input.py",
    "test_engine_determinism.py",
    "test_library.py",
    "test_metrics.py",
    "test_textbook.py",
    "test_workloads.py",
)


def requirement(name: str) -> str:
    """What the package asks for of another one: numpy>=1.26."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (found,) = [line for line in project["dependencies"] if line.startswith(name)]
    return str(found)


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel in it, and a folder in which its programs run."""

    folder: Path
    work: Path
    numpy: str

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """A program of the environment, which sees of this process's variables none that could help the package."""
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("BATCHING", "PYTHON", "LD_", "MYPY", "PYTEST", "VIRTUAL_ENV"))
        }
        variables["PATH"] = f"{self.folder / 'bin'}:/usr/bin:/bin"
        variables["FORBIDDEN_FOLDER"] = str(ROOT)
        return subprocess.run(
            [self.folder / "bin" / command[0], *command[1:]],
            cwd=self.work,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def output(self, *command: str | Path) -> str:
        """What it prints, if it succeeds."""
        ended = self.run(*command)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def python(self, program: str) -> str:
        """What a Python program prints."""
        return self.output("python", "-c", program)


@pytest.fixture(scope="module", params=["oldest NumPy", "newest NumPy"])
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    # What the package asks for is the oldest; pip by itself takes the newest.
    numpy = requirement("numpy").replace(">=", "==" if request.param == "oldest NumPy" else ">=")
    made = Environment(tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("work"), numpy)
    # Not sys.executable: an environment's own interpreter would hand its packages down.
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    subprocess.run([base, "-m", "venv", made.folder], check=True)
    pip = [str(made.folder / "bin" / "pip"), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-compile", str(WHEEL), numpy, "pytest", "hypothesis"], check=True)
    (packages,) = made.folder.glob("lib/python*/site-packages")
    shutil.copy(HERE / "no_source_tree.py", packages)
    (packages / "no_source_tree.pth").write_text("import no_source_tree\n")
    return made


# --- The file ---------------------------------------------------------------------------------------------------------


def test_the_name_says_which_machines_it_is_for() -> None:
    named = re.fullmatch(r"batching-(.+)-py3-none-manylinux_2_(\d+)_(x86_64|aarch64)\.whl", WHEEL.name)
    assert named, WHEEL.name
    assert named[1] == batching.__version__
    assert int(named[2]) <= MOST_GLIBC_MINOR


def test_auditwheel_finds_it_clean() -> None:
    path = f"{AUDITWHEEL.parent}:{os.environ['PATH']}"
    shown = subprocess.run(
        [AUDITWHEEL, "show", WHEEL], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    # auditwheel breaks its lines where it likes.
    said = " ".join(shown.stdout.split())
    tag = WHEEL.stem.rpartition("-")[2]
    assert f'is consistent with the following platform tag: "{tag}"' in said
    needed = set(re.findall(r"(\S+\.so\S*) with versions", said))
    assert needed <= {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"}, said


def test_it_is_small() -> None:
    assert WHEEL.stat().st_size < MOST_BYTES


def test_it_holds_the_package_the_library_and_nothing_else() -> None:
    source = PACKAGE / "src"
    expected = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(WHEEL) as wheel:
        held = {entry.filename for entry in wheel.infolist() if not entry.is_dir()}
        assert {name for name in held if ".dist-info/" not in name} == expected
        assert {"batching/libbatching.so", "batching/py.typed"} <= expected
        assert any(name.endswith("/LICENSE") for name in held)
        # A link would lead nowhere on another machine, and what auditwheel rewrites would be another library.
        library = wheel.getinfo("batching/libbatching.so")
        assert stat.S_ISREG(library.external_attr >> 16)
        built = ROOT / "build" / "lib" / "libbatching.so"
        assert hashlib.sha256(wheel.read(library)).digest() == hashlib.sha256(built.read_bytes()).digest()


# --- Installed --------------------------------------------------------------------------------------------------------


def test_the_package_and_its_library_are_those_of_the_environment(environment: Environment) -> None:
    told = json.loads(
        environment.python(
            "import json, numpy, sys, batching\n"
            "with open('/proc/self/maps') as maps:\n"
            "    libraries = {line.split()[-1] for line in maps if 'libbatching' in line}\n"
            "print(json.dumps([numpy.__version__, batching.__file__, *libraries]))\n"
        )
    )
    version, module, *libraries = told
    (folder,) = environment.folder.glob("lib/python*/site-packages/batching")
    assert module == str(folder / "__init__.py")
    assert libraries == [str(folder / "libbatching.so")]
    name, comparison, number = re.split("(==|>=)", environment.numpy)
    assert name == "numpy"
    assert version.startswith(number) == (comparison == "==")


def test_the_source_tree_is_out_of_reach(environment: Environment) -> None:
    for attempt in (f"open({str(ROOT / 'README.md')!r})", f"__import__('os').listdir({str(PACKAGE)!r})"):
        ended = environment.run("python", "-c", attempt)
        assert "is not there for users" in ended.stderr


@pytest.mark.parametrize(("page", "word"), [program for program in PYTHON if program not in NEED_EXTRAS])
def test_a_program_of_the_documents(environment: Environment, page: str, word: str) -> None:
    printed = environment.python(the_program(page, "python", word))
    assert re.fullmatch(PYTHON[page, word], printed, re.DOTALL)


def test_the_tests_that_need_no_extra(environment: Environment) -> None:
    tests = environment.work / "tests"
    # All, since they import from each other.
    shutil.copytree(PACKAGE / "tests", tests, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        ROOT / "Tests" / "Oracle" / "oracle", tests / "oracle", ignore=shutil.ignore_patterns("__pycache__")
    )
    pytest_quietly = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    said = environment.output(*pytest_quietly, *[tests / name for name in TESTS])
    # None is skipped.
    passed = re.search(r"^(\d+) passed in", said, re.MULTILINE)
    assert passed, said
    assert int(passed[1]) > 200


def test_without_extras_the_command_says_which_one_it_needs(environment: Environment) -> None:
    for command in (["python", "-m", "batching", "--help"], ["batching", "compare"]):
        ended = environment.run(*command)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert re.fullmatch(
            r"the command needs (rich|typer), which is not installed: pip install 'batching\[cli\]'\n", ended.stderr
        )


def test_without_extras_functions_say_which_one_they_need(environment: Environment) -> None:
    (environment.work / "trace.csv").write_text("output_length\n1\n")
    for call, extra in (("read_trace('trace.csv')", "traces"), ("plot_runs({'one': run})", "plot")):
        said = environment.python(
            "from batching import MissingExtraError, RequestColumns, plot_runs, read_trace, simulate\n"
            "run = simulate(RequestColumns([1]))\n"
            "try:\n"
            f"    {call}\n"
            "except MissingExtraError as error:\n"
            "    print(error)\n"
        )
        assert said.endswith(f"which is not installed: pip install 'batching[{extra}]'\n")


# --- Types ------------------------------------------------------------------------------------------------------------


def type_check(environment: Environment, program: str) -> tuple[int, str]:
    """What mypy, which is not of the environment, says of a program that uses the package installed there."""
    shutil.copy(HERE / program, environment.work)
    interpreter = environment.folder / "bin" / "python"
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=.mypy_cache"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("MYPY", "PYTHON"))}
    ended = subprocess.run(
        [*mypy, "--python-executable", interpreter, program],
        cwd=environment.work,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not ended.stderr, ended.stderr
    return ended.returncode, ended.stdout


def test_a_program_that_uses_most_of_the_package_has_no_type_error(environment: Environment) -> None:
    status, said = type_check(environment, "user_program.py")
    assert (status, said) == (0, "Success: no issues found in 1 source file\n")
    assert environment.output("python", "user_program.py") == "everything was as expected\n"


def test_type_errors_are_found_where_they_are_and_nowhere_else(environment: Environment) -> None:
    lines = (HERE / "type_errors.py").read_text(encoding="utf-8").splitlines()
    marked = [re.search(r"  # error: (\S+)$", line) for line in lines]
    expected = [(number, mark[1]) for number, mark in enumerate(marked, 1) if mark]
    status, said = type_check(environment, "type_errors.py")
    found = re.findall(r"^type_errors\.py:(\d+): error: .* \[(\S+)\]$", said, re.MULTILINE)
    assert status == 1
    assert [(int(number), code) for number, code in found] == expected
