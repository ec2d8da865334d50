"""Traces in Azure's two forms, and files that are broken in every way that files are."""

import functools
import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from batching import MissingExtraError, TraceError, read_trace

pytest.importorskip("pyarrow")

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens"
# Forms of 2023 (seven digits) and 2024 (time zone; no fraction where it is zero).
ROWS_2023 = [
    "2023-11-16 18:15:46.6805900,374,44",
    "2023-11-16 18:15:50.9951690,396,109",
    "2023-11-16 18:15:51.2224670,879,55",
]
ROWS_2024 = [
    "2024-05-10 00:00:00.009930+00:00,2162,5",
    "2024-05-10 00:00:01+00:00,2399,6",
    "2024-05-10 00:00:01.5+00:00,76,15",
]

DATA = os.environ.get("BATCHING_DATA", "")


read_azure = functools.partial(read_trace, format="azure")


def written(directory: Path, lines: list[str], newline: str = "\n", *, final: bool = True, gz: bool = False) -> Path:
    content = (newline.join(lines) + (newline if final else "")).encode()
    path = directory / ("trace.csv.gz" if gz else "trace.csv")
    path.write_bytes(gzip.compress(content) if gz else content)
    return path


@pytest.mark.parametrize("gz", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("final", [False, True], ids=["no final newline", "final newline"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_the_form_of_2023(tmp_path: Path, newline: str, final: bool, gz: bool) -> None:
    trace = read_azure(written(tmp_path, [HEADER, *ROWS_2023], newline, final=final, gz=gz))
    assert trace.skipped == {}
    assert trace.requests.prompt_length is not None
    assert trace.requests.arrival_time is not None
    assert trace.requests.prompt_length.tolist() == [374, 396, 879]
    assert trace.requests.output_length.tolist() == [44, 109, 55]
    assert trace.requests.arrival_time.tolist() == [0.0, 4.314579, 4.541877]


@pytest.mark.parametrize("gz", [False, True], ids=["plain", "gzip"])
def test_the_form_of_2024(tmp_path: Path, gz: bool) -> None:
    trace = read_azure(written(tmp_path, [HEADER, *ROWS_2024], gz=gz))
    assert trace.skipped == {}
    assert trace.requests.arrival_time is not None
    assert trace.requests.arrival_time.tolist() == [0.0, 0.99007, 1.49007]
    assert trace.requests.output_length.tolist() == [5, 6, 15]


def test_time_zones_are_respected(tmp_path: Path) -> None:
    rows = ["2024-05-10 01:00:00+01:00,1,1", "2024-05-10 00:00:02+00:00,1,1", "2024-05-10 00:00:03,1,1"]
    arrivals = read_azure(written(tmp_path, [HEADER, *rows])).requests.arrival_time
    assert arrivals is not None
    assert arrivals.tolist() == [0.0, 2.0, 3.0]


def test_rows_keep_their_order_and_the_earliest_arrives_at_zero(tmp_path: Path) -> None:
    arrivals = read_azure(written(tmp_path, [HEADER, *ROWS_2023[::-1]])).requests.arrival_time
    assert arrivals is not None
    assert arrivals.tolist() == [4.541877, 4.314579, 0.0]


def test_columns_in_another_order_and_more_of_them(tmp_path: Path) -> None:
    lines = ["NumImages,GeneratedTokens,TIMESTAMP,ContextTokens", "0,7,2023-11-16 18:15:46,9"]
    columns = read_azure(written(tmp_path, lines)).requests
    assert columns.prompt_length is not None
    assert (columns.prompt_length.tolist(), columns.output_length.tolist()) == ([9], [7])


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join([HEADER, *ROWS_2023]).encode())
    assert len(read_azure(path).requests) == 3


BROKEN = {
    "wrong number of fields": ["2023-11-16 18:15:46,1", "2023-11-16 18:15:46,1,2,3", "nothing at all"],
    "TIMESTAMP is no time": [
        ",1,2",
        "yesterday,1,2",
        "2023-13-01 00:00:00,1,2",
        "2023-02-30 00:00:00,1,2",
        "\ufffd,1,2",
        '"2023,1,2',
    ],
    "ContextTokens is no integer from 0 to 2147483647": [
        f"2023-11-16 18:15:46,{value},2" for value in ("", "-1", "1.5", "nan", "many", "2147483648", "9" * 30)
    ],
    "GeneratedTokens is no integer from 1 to 2147483647": [
        f"2023-11-16 18:15:46,2,{value}"
        for value in ("", "0", "-1", "1.5", "nan", "many", "2147483648", "9" * 30, '"1')
    ],
}


def test_broken_rows_are_counted_by_reason(tmp_path: Path) -> None:
    broken = [row for rows in BROKEN.values() for row in rows]
    lines = [HEADER, ROWS_2023[0], *broken, ROWS_2023[1], *broken, ROWS_2023[2]]
    trace = read_azure(written(tmp_path, lines))
    assert trace.skipped == {reason: 2 * len(rows) for reason, rows in BROKEN.items()}
    assert trace.requests.output_length.tolist() == [44, 109, 55]


def test_a_row_that_is_no_text_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes("\n".join([HEADER, *ROWS_2023]).encode() + b"\n\xff\xfe\x00,1,2\n2023-11-16 18:15:52,\xff,2\n")
    with path.open("ab") as file:
        file.write(b"\xff\xfe,1\n\x80\n" * 3)
    trace = read_azure(path)
    assert trace.skipped == {
        "TIMESTAMP is no time": 1,
        "ContextTokens is no integer from 0 to 2147483647": 1,
        "wrong number of fields": 6,
    }
    assert len(trace.requests) == 3


def test_every_row_of_a_long_trace_is_used_or_counted(tmp_path: Path) -> None:
    # Long enough for several blocks of the reader, broken in each of them.
    rows = [
        f"2023-11-16 18:15:{index % 60:02}.{index % 10**7:07},{index % 4000},{index % 700}" for index in range(120_000)
    ]
    trace = read_azure(written(tmp_path, [HEADER, *rows], gz=True))
    zero_outputs = len([index for index in range(120_000) if index % 700 == 0])
    assert trace.skipped == {"GeneratedTokens is no integer from 1 to 2147483647": zero_outputs}
    assert len(trace.requests) == 120_000 - zero_outputs


def test_progress_goes_up_to_the_whole_file(tmp_path: Path) -> None:
    path = written(tmp_path, [HEADER, *ROWS_2023 * 40_000])
    reports: list[tuple[int, int]] = []
    read_azure(path, progress=lambda done, total: reports.append((done, total)))
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert reports[-1] == (path.stat().st_size, path.stat().st_size)
    assert len(reports) > 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"a,b,c\n1,2,3\n",
        b"TIMESTAMP,ContextTokens\n1,2\n",
        b"TIMESTAMP,ContextTokens,GeneratedTokens,GeneratedTokens\n",
        b"\x00\x01\x02\x03" * 100,
        b"\x1f\x8b\x08 not really gzip",
        gzip.compress("\n".join([HEADER, *ROWS_2023 * 1000]).encode(), mtime=0)[:-30],
        HEADER.encode(),
        (HEADER + "\n").encode(),
        (HEADER + "\nno,usable,row\n").encode(),
    ],
    ids=lambda content: repr(content[:24]),
)
def test_what_is_no_trace(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(content)
    with pytest.raises(TraceError) as raised:
        read_azure(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_azure(tmp_path / "none.csv")
    with pytest.raises(IsADirectoryError):
        read_azure(tmp_path)


def test_without_pyarrow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "batching._traces.formats.csv_traces", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"needs pyarrow.*pip install 'batching\[traces\]'"):
        read_azure(written(tmp_path, [HEADER, *ROWS_2023]))


def test_importing_the_package_imports_no_extra() -> None:
    program = "import sys, batching; print(sorted({'pyarrow', 'matplotlib', 'typer', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("name", "rows", "span", "prompt", "output"),
    [("conv", 19_366, 3_501.722, 1154.70, 211.13), ("code", 8_819, 3_435.948, 2047.85, 27.88)],
)
def test_the_published_traces(name: str, rows: int, span: float, prompt: float, output: float) -> None:
    path = Path(DATA) / "traces" / f"AzureLLMInferenceTrace_{name}.csv.gz"
    if not DATA or not path.exists():
        pytest.skip("needs the published traces, in the directory that BATCHING_DATA names")
    trace = read_azure(path)
    columns = trace.requests
    assert trace.skipped == {}
    assert columns.arrival_time is not None
    assert columns.prompt_length is not None
    assert len(columns) == rows
    assert round(float(columns.arrival_time.max()), 3) == span
    assert round(float(np.mean(columns.prompt_length)), 2) == prompt
    assert round(float(np.mean(columns.output_length)), 2) == output
