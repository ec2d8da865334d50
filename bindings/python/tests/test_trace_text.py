"""CSV as tools and people save it: quoted, spaced, with other delimiters; times by other names and in other forms."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from batching import Trace, TraceError, measure, read_trace

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(content: str) -> Path:
        path = tmp_path / "trace"
        path.write_text(content)
        return path

    return write


def rows(trace: Trace) -> list[tuple[float | None, int, int]]:
    """Arrival, prompt and output of each request."""
    requests = trace.requests
    arrivals: list[Any] = [None] * len(requests) if requests.arrival_time is None else requests.arrival_time.tolist()
    assert requests.prompt_length is not None
    return list(zip(arrivals, requests.prompt_length.tolist(), requests.output_length.tolist(), strict=True))


# A file of each known format, in columns, and what it holds.
TABLES: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]], list[tuple[float, int, int]]]] = {
    "azure": (
        ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
        [("2024-03-02 07:00:00.1250000", "612", "35"), ("2024-03-02 07:00:02.6250001", "88", "7")],
        [(0.0, 612, 35), (2.5000001, 88, 7)],
    ),
    "burstgpt": (
        ("Timestamp", "Model", "Request tokens", "Response tokens"),
        [("5", "ChatGPT", "472", "18"), ("45", "GPT-4", "1087", "230")],
        [(0.0, 472, 18), (40.0, 1087, 230)],
    ),
    "vidur": (
        ("arrived_at", "num_prefill_tokens", "num_decode_tokens"),
        [("0.5", "374", "44"), ("0.75", "396", "109")],
        [(0.0, 374, 44), (0.25, 396, 109)],
    ),
    "csv": (
        ("created_at", "input_tokens", "output_tokens", "note"),
        [("2024-05-01T00:00:00Z", "10", "5", "a note"), ("2024-05-01T00:10:00Z", "20", "7", "")],
        [(0.0, 10, 5), (600.0, 20, 7)],
    ),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("separator", [",", ", ", " , ", ";", "; ", "\t", " \t "])
@pytest.mark.parametrize("quote", ["none", "all", "text", "header"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", " \n"])
def test_quotes_spaces_and_delimiters_change_nothing(
    written: Written, name: str, separator: str, quote: str, newline: str
) -> None:
    header, cells, expected = TABLES[name]

    def cell(text: str, number: int) -> str:
        is_text = not text.replace(".", "").isdigit()
        wanted = {"none": False, "all": True, "text": is_text, "header": number == 0}
        return f'"{text}"' if wanted[quote] else text

    def line(row: tuple[str, ...], number: int) -> str:
        return separator.join([cell(text, number) for text in row])

    trace = read_trace(written(newline.join(line(row, number) for number, row in enumerate([header, *cells]))))
    assert (trace.format, trace.skipped) == (name, {})
    assert rows(trace) == expected


def test_quoted_fields_may_hold_delimiters_lines_and_quotation_marks(written: Written) -> None:
    notes = ["a,b", "two\nlines", 'say ""hi"", ok', "", " , ", '""', "x" * 3_000_000 + "\n", "end"]
    body = "".join(f'{index},10,"{note}",{index + 1}\n' for index, note in enumerate(notes))
    trace = read_trace(written(f"arrival_time,prompt_length,note,output_length\n{body}"))
    assert trace.skipped == {}
    assert rows(trace) == [(float(index), 10, index + 1) for index in range(len(notes))]


def test_a_mark_within_a_field_is_text_beside_quoted_ones(written: Written) -> None:
    content = 'output_length,prompt_length,note\n1,1,5" disk\n2,2,"a, b"\n3,3,6" disk\n4,4,"two\nlines"\n'
    trace = read_trace(written(content))
    assert (rows(trace), trace.skipped) == ([(None, count, count) for count in (1, 2, 3, 4)], {})


def test_a_mark_that_begins_a_field_and_ends_none_swallows_nothing(written: Written) -> None:
    lines = ['1,1,"abc', *(f"{count},1,x" for count in range(2, 50_000)), '3,1,x" y']
    trace = read_trace(written("output_length,prompt_length,note\n" + "\n".join(lines)))
    # Each line is a row.
    assert len(trace.requests) == 50_000


@pytest.mark.parametrize("compress", [bytes, partial(gzip.compress, compresslevel=0)])
def test_a_first_mark_far_into_the_file_counts_from_there(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "trace"
    plain = "1,10,5,a note\n" * 200_000  # 2.8 MB, of which about one is read at a time
    content = f'timestamp,prompt_tokens,output_tokens,note\n{plain}2,20,7,"two\nlines, ""one"" row"\n{plain}'
    path.write_bytes(compress(content.encode()))
    reports: list[int] = []
    trace = read_trace(path, progress=lambda done, _: reports.append(done))
    assert not trace.skipped
    assert len(trace.requests) == 400_001
    assert rows(trace)[200_000] == (1.0, 20, 7)
    # Looking for marks up to the end is no progress.
    assert len(set(reports)) > 2


def test_a_comma_is_that_of_a_fraction_where_semicolons_separate(written: Written) -> None:
    trace = read_trace(written("arrival_time;prompt_length;output_length;end_time\n0,5;10;5;1,25\n2;1,000;6;3\n"))
    assert rows(trace) == [(0.0, 10, 5)]
    assert trace.skipped == {"prompt_length is no integer from 0 to 2147483647": 1}
    assert trace.recorded is not None
    assert trace.recorded.end_time.tolist() == [0.75]


@pytest.mark.parametrize(
    "name", ["created_at", "datetime", "Start Time", "start_time", "ts", "@timestamp", "request_timestamp", "date"]
)
@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_common_names_of_arrivals(tmp_path: Path, name: str, form: str) -> None:
    dates, path = ["2024-05-01 00:00:00", "2024-05-01 00:10:00+00:00"], tmp_path / "trace"
    if form == "csv":
        path.write_text(f"{name},input_tokens,output_tokens\n{dates[0]},10,5\n{dates[1]},20,7\n")
    elif form == "json":
        path.write_text(
            "".join(
                json.dumps({name: date, "input_tokens": prompt, "output_tokens": output}) + "\n"
                for date, prompt, output in zip(dates, (10, 20), (5, 7), strict=True)
            )
        )
    else:
        parquet.write_table(pa.table({name: dates, "input_tokens": [10, 20], "output_tokens": [5, 7]}), path)
    assert rows(read_trace(path)) == [(0.0, 10, 5), (600.0, 20, 7)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seen", "2024-05-01T00:00:00Z"),
        ("gateway_time", "1714521600"),
        ("t_at", "5"),
        ("finished_at", "2024-05-01 00:00:00"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "json", "parquet", "vidur"])
def test_times_under_an_unknown_name_are_an_error_that_names_them(
    tmp_path: Path, name: str, value: str, form: str
) -> None:
    path = tmp_path / "trace"
    lengths = ("num_prefill_tokens", "num_decode_tokens") if form == "vidur" else ("input_tokens", "output_tokens")
    if form == "json":
        path.write_text(
            json.dumps({name: value, lengths[0]: 10, lengths[1]: 5}) * 1 + "\n" + json.dumps({lengths[1]: 5})
        )
    elif form == "parquet":
        parquet.write_table(pa.table({name: [value], lengths[0]: [10], lengths[1]: [5]}), path)
    else:
        path.write_text(f"{name},{lengths[0]},{lengths[1]}\n{value},10,5\n")
    if form == "vidur" and name in {"seen", "finished_at"}:
        # Of columns beside known ones only the names are looked at.
        return
    with pytest.raises(TraceError, match=f"trace has times under the name '{name}', which is none that is known"):
        read_trace(path)


@pytest.mark.parametrize(
    "name", ["time_to_first_token", "latency_ms", "response_time", "queue_time", "time_per_output_token"]
)
def test_lengths_of_time_are_no_arrivals(written: Written, name: str) -> None:
    trace = read_trace(written(f"{name},prompt_length,output_length\n0.5,10,5\n"))
    assert rows(trace) == [(None, 10, 5)]


def test_epoch_seconds_are_exact_to_the_nanosecond(tmp_path: Path) -> None:
    # A double of them has steps of 238 ns. What is beyond the ninth digit is rounded.
    path = tmp_path / "trace"
    texts = ["1709362800.123456789", "1709362800.123456790", "1709362801", "01709362801.5", "1709362802.0000000016"]
    expected = [0.0, 1e-9, 0.876543211, 1.376543211, 1.876543213]
    for quote in ("", '"'):
        path.write_text(
            "timestamp,prompt_length,output_length\n" + "".join(f"{quote}{text}{quote},1,2\n" for text in texts)
        )
        assert [arrival for arrival, _, _ in rows(read_trace(path))] == expected
    path.write_text(
        "".join(json.dumps({"timestamp": text, "prompt_tokens": 1, "output_tokens": 2}) + "\n" for text in texts)
    )
    assert [arrival for arrival, _, _ in rows(read_trace(path))] == expected
    parquet.write_table(pa.table({"timestamp": texts, "prompt_length": [1] * 5, "output_length": [2] * 5}), path)
    assert [arrival for arrival, _, _ in rows(read_trace(path))] == expected


def test_dates_in_json_are_those_of_csv(tmp_path: Path) -> None:
    dates = [
        "1970-01-01 00:00:00.999999999",
        "2024-02-29T00:00:00Z",
        "2024-02-29 01:30:00.5+01:30",
        "2024-02-28 22:59:59-0100",
    ]
    broken = [
        "2023-02-29 00:00:00",
        "2024-02-29",
        "1677-01-01 00:00:00",
        "2024-02-29 24:00:00",
        "2024-02-29 00:00:00+24",
        "",
    ]
    path = tmp_path / "trace"
    path.write_text("timestamp,prompt_length,output_length\n" + "".join(f"{date},1,2\n" for date in dates + broken))
    table = read_trace(path)
    path.write_text(
        "".join(
            json.dumps({"timestamp": date, "prompt_length": 1, "output_length": 2}) + "\n" for date in dates + broken
        )
    )
    objects = read_trace(path)
    assert rows(table) == rows(objects)
    assert len(rows(table)) == 4
    assert table.skipped == objects.skipped == {"timestamp is no time": len(broken)}


def test_a_failure_in_json_needs_no_output(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    answered = {
        "arrival_time": 0,
        "start_time": 0.1,
        "first_token_time": 0.25,
        "end_time": 1.0,
        "prompt_length": 40,
        "output_length": 6,
    }
    failures = [{"arrival_time": 1, "end_time": None, "prompt_length": 20}, {"arrival_time": 2, "output_length": 0}]
    wrong = [answered | {"end_time": 0.2}, answered | {"output_length": 0}, answered | {"start_time": "x"}]
    path.write_text(json.dumps([answered, *failures, *wrong]))
    trace = read_trace(path)
    assert rows(trace) == [(0.0, 40, 6)]
    assert trace.skipped == {
        "a failed request (recorded has it)": 2,
        "arrival, start_time, first_token_time, end_time not in order": 1,
        "output_length is no integer from 1 to 2147483647": 1,
        "start_time is no time from 0 to 9223372036 s": 1,
    }
    assert trace.recorded is not None
    metrics = measure(trace.recorded)
    assert (metrics.completed, metrics.failed, metrics.ttft.mean, metrics.e2e.mean) == (1, 2, 0.25, 1.0)


CONFIGURATIONS = [
    {"model": "m", "input_len": 512, "output_len": 128, "num_prompts": 100},
    {"timestamp": "2024-01-01 00:00:00", "output_tokens": 128, "request_rate": 5},
    {"name": "nightly", "output_length": 5},
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_configuration_is_no_trace(written: Written, configuration: dict[str, object], indent: int | None) -> None:
    with pytest.raises(TraceError, match="is no trace but a configuration"):
        read_trace(written(json.dumps(configuration, indent=indent)))


def test_a_single_request_is_a_trace(written: Written) -> None:
    for text in (
        '{"prompt_length": 10, "output_length": 5}',
        '[{"prompt_length": 10, "output_length": 5, "model": "m"}]',
    ):
        assert rows(read_trace(written(text))) == [(None, 10, 5)]
    logged = '{"created": 1714521600, "model": "m", "prompt_tokens": 10, "completion_tokens": 5}'
    assert rows(read_trace(written(logged))) == [(0.0, 10, 5)]


def test_mooncake_without_any_time_keeps_its_hash_ids(written: Written) -> None:
    row = {"input_length": 1024, "output_length": 16, "hash_ids": [11, 12]}
    trace = read_trace(written(f"{json.dumps(row)}\n" * 2))
    assert (trace.format, rows(trace)) == ("mooncake", [(None, 1024, 16)] * 2)
    assert trace.requests.hash_ids is not None
    assert trace.requests.hash_ids.tolist() == [11, 12] * 2


@pytest.mark.parametrize("kind", ["columns", "line", "lines", "gzip", "json", "parquet"])
def test_a_program_that_read_what_it_cannot_use_ends(tmp_path: Path, kind: str) -> None:
    # A reader that is left open may have a thread that reads on, which keeps the program from ending, or aborts it.
    path = tmp_path / "trace"
    wide = "output_length," + ",".join(f"x{index}" for index in range(200_000)) + "\n" + "1," * 200_000 + "1\n"
    if kind == "parquet":
        parquet.write_table(pa.table({"output_length": pa.array([[1]] * 100_000)}), path, row_group_size=1000)
    else:
        content = {
            "columns": wide.encode(),
            "line": b"x" * 50_000_000,
            "lines": b"output_length,prompt_length\n" + b"1" * 50_000_000 + b"\n",
            "gzip": gzip.compress(wide.encode())[:-9],
            "json": b'[{"output_length": "' + b"x" * 50_000_000,
        }[kind]
        path.write_bytes(content)
    program = (
        "import sys, batching\n"
        "try: batching.read_trace(sys.argv[1])\n"
        "except batching.TraceError as error: assert str(error).startswith(sys.argv[1]); print('error')"
    )
    for _ in range(3):
        ended = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, check=False, text=True, timeout=120
        )
        assert (ended.returncode, ended.stdout) == (0, "error\n"), ended.stderr


def test_a_first_line_that_is_too_long_is_told(written: Written) -> None:
    with pytest.raises(TraceError, match="its first line has more than 65536 bytes"):
        read_trace(written("output_length," + "x," * 50_000 + "y\n1,2\n"))


def test_conversations_in_parquet(tmp_path: Path) -> None:
    def turns(*texts: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": text} for text in texts]

    path = tmp_path / "trace"
    conversations = [turns("a b c", "d e", "f"), turns("alone"), turns("g", "h i j k")]
    # LMSYS-Chat-1M: conversation_id, model, conversation, turn. WildChat has a timestamp, too.
    lmsys = {"conversation_id": ["a", "b", "c"], "model": ["m"] * 3, "conversation": conversations, "turn": [1, 1, 1]}
    wildchat = lmsys | {"timestamp": pa.array([3_000_000, 1_000_000, 1_500_000], pa.timestamp("us", "UTC"))}

    def words(text: str) -> int:
        return len(text.split())

    for table, arrivals in ((lmsys, (None, None)), (wildchat, (1.5, 0.0))):
        parquet.write_table(pa.table(table), path)
        trace = read_trace(path, count_tokens=words)
        assert trace.format == "parquet"
        assert rows(trace) == [(arrivals[0], 3, 2), (arrivals[1], 1, 4)]
        assert trace.skipped == {"a conversation without two turns of text": 1}
        with pytest.raises(TraceError, match="2 with a conversation without lengths, and no count_tokens"):
            read_trace(path)
