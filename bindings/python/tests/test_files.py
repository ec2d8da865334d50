"""Files that are written are whole, or what was there stays; and what is no plain file gets the whole content."""

import os
import re
import signal
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bounded
from batching._columns.files import whole_file

pytest.importorskip("typer")
pytest.importorskip("jinja2")
pytest.importorskip("plotly")
pytest.importorskip("matplotlib")
pytest.importorskip("pyarrow")

COMMAND = [sys.executable, "-m", "batching"]
# What the command can write, and what only a function of the package writes.
OPTIONS = [
    ("simulate", "--report", "page.html"),
    ("simulate", "--plot", "picture.png"),
    ("simulate", "--plot", "picture.svg"),
    ("simulate", "--output", "results.csv"),
    ("simulate", "--output", "results.parquet"),
    ("simulate", "--output", "results.json"),
    ("simulate", "--schedule-trace", "schedule.json"),
    ("compare", "--plot", "picture.png"),
    ("compare", "--report", "page.html"),
]
BENCH = "import sys\nfrom batching import *\nwrite_vllm_bench(simulate(generate_workload(300)), sys.argv[1])"
WRITERS = [
    *((name, [*COMMAND, command, "--num-requests", "50", option, "FILE"]) for command, option, name in OPTIONS),
    ("bench.json", [sys.executable, "-c", BENCH, "FILE"]),
]
# Less than any of them writes.
SMALL = 1024


def write(command: list[str], path: Path | str, **options: Any) -> Any:
    return bounded.run([str(path) if word == "FILE" else word for word in command], **options)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def complains(ended: Any, words: str, path: Path | str) -> bool:
    """The last line of a program names the file, and the command says no more than that line."""
    lines = ended.stderr.splitlines()
    says = bool(lines) and words in lines[-1] and str(path) in lines[-1]
    return says and ended.returncode in {1, 2} and (ended.returncode == 1 or len(lines) == 1)


@pytest.mark.parametrize(("name", "command"), WRITERS)
def test_a_writer_that_fails_on_its_way_leaves_what_was_there(tmp_path: Path, name: str, command: list[str]) -> None:
    path = tmp_path / name
    path.write_text("before")
    ended = write(command, path, file_size=SMALL)
    assert complains(ended, "File too large", path), ended.stderr
    assert path.read_text() == "before"
    assert names_in(tmp_path) == [name]


@pytest.mark.parametrize(("name", "command"), WRITERS)
def test_a_full_device_is_named(tmp_path: Path, name: str, command: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    (tmp_path / name).symlink_to("/dev/full")
    ended = write(command, tmp_path / name)
    assert complains(ended, "No space left on device", tmp_path / name), ended.stderr
    assert (tmp_path / name).readlink() == Path("/dev/full")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.mark.parametrize(("name", "command"), [*WRITERS[1:4], WRITERS[-1]])
def test_a_pipe_gets_what_a_file_gets(tmp_path: Path, name: str, command: list[str]) -> None:
    (tmp_path / "standard output").mkdir()
    link = tmp_path / "standard output" / name
    link.symlink_to("/dev/stdout")
    assert write(command, tmp_path / name).returncode == 0
    piped = write(command, link, text=False)
    assert piped.returncode == 0, piped.stderr
    # What the command prints comes after it.
    assert comparable(piped.stdout).startswith(comparable((tmp_path / name).read_bytes()))
    assert link.readlink() == Path("/dev/stdout")


def comparable(content: bytes) -> bytes:
    """Without the time of writing, and the names that matplotlib draws by chance."""
    return re.sub(rb'"date": "[0-9-]+"|<dc:date>.*?</dc:date>|[mp][0-9a-f]{10}', b"", content)


def test_a_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    reader = bounded.start(["cat", str(pipe)], stdout=-1, text=True)
    with whole_file(pipe) as file:
        file.write(b"a,b\n")
        # As writers of Parquet do.
        assert file.tell() == 4
    assert reader.communicate()[0] == "a,b\n"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_standard_output_that_is_a_file_is_not_replaced(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom batching._columns.files import whole_file\n"
        "print('first', flush=True)\n"
        "with whole_file('/dev/stdout') as file:\n    file.write(b'second\\n')\n"
        "print('third')"
    )
    with (tmp_path / "printed").open("wb") as file:
        bounded.run([sys.executable, "-c", program], stdout=file, check=True)
        assert os.fstat(file.fileno()).st_ino == (tmp_path / "printed").stat().st_ino
    assert (tmp_path / "printed").read_text() == "first\nsecond\nthird\n"


def test_a_chain_of_links_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "target").write_text("before")
    (tmp_path / "middle").symlink_to("folder/target")
    (tmp_path / "first").symlink_to(tmp_path / "middle")
    (tmp_path / "dangling").symlink_to("folder/new")
    for name in ("first", "dangling"):
        with whole_file(tmp_path / name) as file:
            file.write(b"after")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_text() == "after"
    assert names_in(tmp_path / "folder") == ["new", "target"]


def test_the_permissions_of_a_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(0o640)
    with whole_file(path) as file:
        file.write(b"after")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("after", 0o640)


def test_an_interrupted_writer_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")

    def write() -> None:
        with whole_file(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "before"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("target", ["missing/page.html", "folder.html", "locked/page.html", "locked.html"])
def test_where_nothing_can_be_written(target: str) -> None:
    """By a user who is not root, who may write anywhere."""
    with tempfile.TemporaryDirectory() as folder:
        check_where_nothing_can_be_written(Path(folder), target)


def check_where_nothing_can_be_written(tmp_path: Path, target: str) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "locked").mkdir(mode=0o555)
    (tmp_path / "locked.html").write_text("before")
    (tmp_path / "locked.html").chmod(0o444)
    program = (
        "import os, sys\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "with whole_file(sys.argv[1]) as file: file.write(b'after')"
    )
    # What is imported may lie where only root can read.
    ended = bounded.run(
        [sys.executable, "-c", f"from batching._columns.files import whole_file\n{program}", tmp_path / target]
    )
    words = {"missing/page.html": "there is no directory", "folder.html": "is a directory"}
    assert complains(ended, words.get(target, "Permission denied"), tmp_path / target), ended.stderr
    assert (tmp_path / "locked.html").read_text() == "before"
    assert names_in(tmp_path) == ["folder.html", "locked", "locked.html"]


@pytest.mark.parametrize("action", ["signal.SIG_IGN", "signal.SIG_DFL"])
def test_a_limit_of_file_size_is_an_error_whatever_its_signal_did_before(tmp_path: Path, action: str) -> None:
    """Python ignores the signal when it starts."""
    launcher = f"import os, signal, sys\nsignal.signal(signal.SIGXFSZ, {action})\nos.execv(sys.argv[1], sys.argv[1:])"
    path = tmp_path / "page.html"
    path.write_text("before")
    command = [sys.executable, "-c", launcher, *COMMAND, "simulate", "--num-requests", "50", "--report", "FILE"]
    assert complains(write(command, path, file_size=SMALL), "File too large", path)
    assert path.read_text() == "before"
    assert names_in(tmp_path) == ["page.html"]


def test_an_error_that_is_not_of_the_file_is_told_as_it_is(tmp_path: Path) -> None:
    def fail(error: Exception) -> Callable[[], None]:
        def write() -> None:
            with whole_file(tmp_path / "file"):
                raise error

        return write

    with pytest.raises(FileNotFoundError, match="other"):
        fail(FileNotFoundError(2, "No such file or directory", "other"))()
    with pytest.raises(OSError, match=r"^in its own words$"):
        fail(OSError("in its own words"))()
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    assert names_in(tmp_path) == []
