"""A file of each format, with known values and with rows broken in the ways that rows are."""

import gzip
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import TRACE_FORMATS, BatchingValueError, RequestColumns, Trace, TraceError, read_trace

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

DATA = Path(os.environ.get("BATCHING_DATA", "/nowhere"))

FIRST = {"timestamp": 27_000, "input_length": 600, "output_length": 5, "hash_ids": [0, 1]}
SECOND = {"timestamp": 30_500, "input_length": 512, "output_length": 1, "hash_ids": [2]}


def lines(*texts: str) -> str:
    return "".join(text + "\n" for text in texts)


def json_lines(*values: Any) -> str:
    return "".join((value if isinstance(value, str) else json.dumps(value)) + "\n" for value in values)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "trace"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


Written = Callable[[str | bytes], Path]


def columns(requests: RequestColumns) -> list[tuple[float | None, int | None, int]]:
    """Arrival, prompt and output of each."""
    count = len(requests)
    arrivals = [None] * count if requests.arrival_time is None else requests.arrival_time.tolist()
    prompts = [None] * count if requests.prompt_length is None else requests.prompt_length.tolist()
    return list(zip(arrivals, prompts, requests.output_length.tolist(), strict=True))


# One file of each format that is no recording, and what it holds: arrival, prompt, output.
FILES: dict[str, tuple[str, list[tuple[float | None, int | None, int]]]] = {
    "azure": (
        lines(
            "TIMESTAMP,ContextTokens,GeneratedTokens",
            "2023-11-16 18:15:46.6805900,374,44",
            "2023-11-16 18:15:47.6805907,0,1",
        ),
        [(0.0, 374, 44), (1.0000007, 0, 1)],
    ),
    "azure 2025": (
        "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2025-01-01 00:00:00+00:00,3,374,44\n",
        [(0.0, 374, 44)],
    ),
    "burstgpt": (
        lines(
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
            "5,ChatGPT,472,18,490,Conversation log",
            "45,GPT-4,1087,230,1317,API log",
        ),
        [(0.0, 472, 18), (40.0, 1087, 230)],
    ),
    "burstgpt 3": (
        lines(
            "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type",
            "5.25,1,2.5,ChatGPT,472,18,490,Conversation log",
            "6.5,,,GPT-4,1087,230,1317,API log",
        ),
        [(0.0, 472, 18), (1.25, 1087, 230)],
    ),
    "vidur": (
        lines(
            "arrived_at,num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio",
            "0.5,374,44,418,8.5",
            "0.7000001,396,109,505,3.6",
        ),
        [(0.0, 374, 44), (0.2000001, 396, 109)],
    ),
    "splitwise": (
        lines(
            "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size",
            "0,2,0,0.25,1,374,44",
            "1,2,0,1.5,1,396,109",
        ),
        [(0.0, 374, 44), (1.25, 396, 109)],
    ),
    "vidur without arrivals": (",num_prefill_tokens,num_decode_tokens\n0,374,44\n", [(None, 374, 44)]),
    "mooncake": (json_lines(FIRST, SECOND), [(0.0, 600, 5), (3.5, 512, 1)]),
    "bailian": (
        json_lines(
            {
                "chat_id": 159,
                "parent_chat_id": -1,
                "timestamp": 61.114,
                "input_length": 17,
                "output_length": 8,
                "type": "text",
                "turn": 1,
                "hash_ids": [1089, 2**40],
            },
            {
                "chat_id": 160,
                "parent_chat_id": 159,
                "timestamp": 62.364,
                "input_length": 16,
                "output_length": 9,
                "type": "text",
                "turn": 2,
                "hash_ids": [1089],
            },
        ),
        [(0.0, 17, 8), (1.25, 16, 9)],
    ),
    "llmservingsim": (
        json_lines(
            {"input_toks": 10, "output_toks": 3, "arrival_time_ns": 1_700_000_000_000_000_001},
            {"input_toks": 11, "output_toks": 4, "arrival_time_ns": 1_700_000_000_000_000_004, "input_tok_ids": [5]},
        ),
        [(0.0, 10, 3), (3e-9, 11, 4)],
    ),
    "weka": (
        json.dumps(
            {
                "id": "one",
                "block_size": 64,
                "requests": [{"t": 0.0, "type": "s", "in": 100, "out": 5}, {"t": 1.5, "type": "n", "in": 7, "out": 6}],
            },
        ),
        [(None, 100, 5), (None, 7, 6)],
    ),
    "csv": ("output_length,prompt_length,arrival_time\n5,10,0.25\n6,11,0.5\n", [(0.0, 10, 5), (0.25, 11, 6)]),
    "json": (
        json_lines(
            {"output_length": 5, "prompt_length": 10, "arrival_time": 2},
            {"output_length": 6.0, "prompt_length": 0, "arrival_time": 1.5},
        ),
        [(0.5, 10, 5), (0.0, 0, 6)],
    ),
    "json array": (
        json.dumps(
            [{"input_tokens": 10, "completion_tokens": 5}, {"input_tokens": 11, "completion_tokens": 6}], indent=1
        ),
        [(None, 10, 5), (None, 11, 6)],
    ),
    "sharegpt": (
        json.dumps([{"conversations": [], "input_length": 10, "output_length": 5}]),
        [(None, 10, 5)],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_each_format(written: Written, name: str) -> None:
    content, expected = FILES[name]
    for variant in (content, content.rstrip("\n"), "\ufeff" + content, content.replace("\n", "\r\n")):
        for file in (variant.encode(), gzip.compress(variant.encode())):
            trace = read_trace(written(file))
            assert trace.format == name.split(maxsplit=1)[0]
            assert trace.skipped == {}
            assert trace.recorded is None
            assert columns(trace.requests) == expected
            assert columns(read_trace(written(file), format=trace.format).requests) == expected


def test_every_format_is_described_and_tested() -> None:
    recordings_and_tables = {"vllm", "sglang", "inference-perf", "guidellm", "aiperf", "genai-perf", "parquet", "otel"}
    assert {name.split()[0] for name in FILES} | recordings_and_tables == set(TRACE_FORMATS)


def test_the_hash_ids_are_those_of_the_rows_that_are_used(written: Written) -> None:
    broken = FIRST | {"output_length": 0, "hash_ids": [7, 8, 9]}
    unshared = {key: value for key, value in SECOND.items() if key != "hash_ids"}
    trace = read_trace(written(json_lines(FIRST, broken, unshared, SECOND)))
    assert trace.requests.hash_ids is not None
    assert trace.requests.hash_offsets is not None
    assert trace.requests.hash_ids.tolist() == [0, 1, 2]
    assert trace.requests.hash_offsets.tolist() == [0, 2, 2, 3]
    assert trace.requests.hash_block_size == 512
    assert not trace.requests.hash_covers_output


def test_bailian_tells_the_turns(written: Written) -> None:
    content, _ = FILES["bailian"]
    row = {"chat_id": 161, "timestamp": 63.0, "input_length": 1, "output_length": 1}
    trace = read_trace(written(content + json_lines(row)))
    assert {name: column.tolist() for name, column in trace.details.items()} == {
        "chat_id": [159, 160, 161],
        "parent_chat_id": [-1, 159, -1],
        "turn": [1, 2, -1],
    }
    assert trace.requests.hash_block_size == 16
    assert trace.requests.hash_offsets is not None
    assert trace.requests.hash_offsets.tolist() == [0, 2, 3, 3]


def test_burstgpt_counts_the_requests_that_failed(written: Written) -> None:
    content, expected = FILES["burstgpt"]
    trace = read_trace(written(content + "50,GPT-4,100,0,100,API log\n51,GPT-4,100,-1,99,API log\n"))
    assert columns(trace.requests) == expected
    assert trace.skipped == {
        "Response tokens 0: the request failed": 1,
        "Response tokens is no integer from 0 to 2147483647": 1,
    }


def turn(text: Any) -> dict[str, Any]:
    return {"from": "human", "value": text}


CONVERSATIONS: list[dict[str, Any]] = [
    {"id": "a", "conversations": [turn("one two three"), turn("four five"), turn("six")]},
    {"id": "b", "conversations": [turn("alone")]},
    {"id": "c", "conversations": "none"},
    {"id": "d", "conversations": [turn(5), turn("x")]},
    {"id": "e", "conversation": [{"role": "user", "content": ""}, {"role": "assistant", "content": "é"}]},
    {"id": "f", "conversations": [turn("x"), turn("")]},
]


@pytest.mark.parametrize("by_line", [False, True])
def test_conversations_are_counted_by_the_caller(written: Written, by_line: bool) -> None:
    path = written(json_lines(*CONVERSATIONS) if by_line else json.dumps(CONVERSATIONS))
    trace = read_trace(path, count_tokens=lambda text: len(text.split()))
    assert trace.format == "sharegpt"
    assert columns(trace.requests) == [(None, 3, 2), (None, 0, 1)]
    assert trace.skipped == {
        "a conversation without two turns of text": 3,
        "output_length is no integer from 1 to 2147483647": 1,
    }
    with pytest.raises(TraceError, match="3 with a conversation without lengths, and no count_tokens to count them"):
        read_trace(path)
    with pytest.raises(TypeError, match=r"what count_tokens returns is 1\.5"):
        read_trace(path, count_tokens=lambda _: 1.5)  # type: ignore[arg-type, return-value]


def test_names_that_mean_the_same(written: Written) -> None:
    for header in (
        "Output Tokens,Prompt-Length,TIMESTAMP",
        "output_len,input_len,arrived_at",
        "generated_tokens,context_tokens,arrival_time_s",
        "output_length,input_length,arrival",
    ):
        trace = read_trace(written(f"{header}\n5,10,1\n6,11,3.5\n"))
        assert (trace.format, columns(trace.requests)) == ("csv", [(0.0, 10, 5), (2.5, 11, 6)]), header


def test_arrivals_in_every_unit(written: Written) -> None:
    for name, first, second in (
        ("arrival_time_ms", "1000", "3500"),
        ("timestamp_ms", "1000.0", "3.5e3"),
        ("timestamp_us", "1000000", "3500000"),
        ("arrival_time_ns", "1700000001000000000", "1700000003500000000"),
        ("timestamp", "2024-05-10 00:00:01", "2024-05-10T02:00:03.5+02:00"),
    ):
        trace = read_trace(written(f"output_length,{name}\n5,{first}\n6,{second}\n"))
        assert columns(trace.requests) == [(0.0, None, 5), (2.5, None, 6)], name


def test_plain_csv_may_be_quoted_and_say_more(written: Written) -> None:
    content = 'note,output_length,note,"priority"\n"a, ""b""\nc",5,x,-1\n,"6",,2\n'
    trace = read_trace(written(content))
    assert trace.skipped == {}
    assert columns(trace.requests) == [(None, None, 5), (None, None, 6)]
    assert trace.requests.priority is not None
    assert trace.requests.priority.tolist() == [-1, 2]


@pytest.mark.parametrize("stray", ['5,"abc', '5,5" disk'])
def test_a_stray_quotation_mark_costs_no_other_row(written: Written, stray: str) -> None:
    # Beyond the parts in which the file is read.
    rows = [f"{index},x" for index in range(1, 200_000)]
    trace = read_trace(written(lines("output_length,note", stray, *rows, '"6",x')))
    # Marks that do not pair up are no quotation, nor are those of the last row.
    assert trace.requests.output_length.tolist() == [5, *range(1, 200_000)]
    assert trace.skipped == {"output_length is no integer from 1 to 2147483647": 1}


def test_a_name_that_is_there_twice_is_an_error(written: Written) -> None:
    with pytest.raises(TraceError, match="has 2 columns of the name 'output_length'"):
        read_trace(written("output_length,output_length\n1,2\n"))


# Values in the place of a length that are none, in CSV and in JSON.
BAD_LENGTHS = [
    "",
    "-1",
    "1.5",
    "nan",
    "inf",
    "true",
    "many",
    "2147483648",
    "9" * 30,
    "1e400",
    "0x1F",
    "\t5",
    "5 0",
    "5_0",
    "\u0661",
]
BAD_TIMES = [
    "",
    "-1",
    "-0.001",
    "nan",
    "inf",
    "-inf",
    "true",
    "now",
    "9223372037",
    "1e400",
    "9" * 50,
    "0x1F",
    "\t5",
    "5 0",
    "1_0",
]
JSON_BAD_LENGTHS = ["null", "-1", "1.5", "NaN", "Infinity", "true", '"5"', "2147483648", "9" * 30, "1e400", "[5]", "{}"]
JSON_BAD_TIMES = [
    "null",
    "-1",
    "-0.001",
    "NaN",
    "Infinity",
    "true",
    '"5"',
    "9223372036854.776",
    "9" * 30,
    "1e400",
    "[]",
]


def test_values_in_csv_that_are_none(written: Written) -> None:
    rows = [f"{value},10,5" for value in BAD_TIMES]
    rows += [f"1,{value},5" for value in BAD_LENGTHS] + [f"1,10,{value}" for value in [*BAD_LENGTHS, "0"]]
    rows += ["1,10", "1,10,5,7"]
    header = "arrived_at,num_prefill_tokens,num_decode_tokens"
    trace = read_trace(written(lines(header, "3,10,5", *rows, "4.0,11.0,6.", "+5e-1,0,7")))
    assert columns(trace.requests) == [(2.5, 10, 5), (3.5, 11, 6), (0.0, 0, 7)]
    assert trace.skipped == {
        "wrong number of fields": 2,
        "arrived_at is no time from 0 to 9223372036 s": len(BAD_TIMES),
        "num_prefill_tokens is no integer from 0 to 2147483647": len(BAD_LENGTHS),
        "num_decode_tokens is no integer from 1 to 2147483647": len(BAD_LENGTHS) + 1,
    }


def test_values_in_json_that_are_none(written: Written) -> None:
    row = '{"timestamp": %s, "input_length": %s, "output_length": %s, "hash_ids": %s}'
    ids = ["5", "true", '"5"', "{}", "[true]", "[1.0]", '["a"]', "[null]", "[9223372036854775808]", "[[1]]"]
    rows = [row % (value, 10, 5, "[]") for value in JSON_BAD_TIMES]
    rows += [row % (1, value, 5, "[]") for value in JSON_BAD_LENGTHS]
    rows += [row % (1, 10, value, "[]") for value in [*JSON_BAD_LENGTHS, "0"]]
    rows += [row % (1, 10, 5, value) for value in ids]
    rows += ['{"timestamp": 1, "input_length": 10}', "[1, 2]", "5", "null", '"text"', "true"]
    rows += ["{", '{"timestamp": 1,', "nothing", '{"timestamp": ' + "9" * 5000 + "}", "[" * 100_000, "\ud800"]
    content = "\n".join([json.dumps(FIRST), *rows, "", "  ", row % ("27001.5", "3.0", "7e0", "null"), ""])
    trace = read_trace(written(content.encode("utf-8", "surrogatepass") + b"\xff\xfe\n"))
    assert columns(trace.requests) == [(0.0, 600, 5), (0.0015, 3, 7)]
    assert trace.skipped == {
        "timestamp is no time from 0 to 9223372036 s": len(JSON_BAD_TIMES),
        "input_length is no integer from 0 to 2147483647": len(JSON_BAD_LENGTHS),
        "output_length is no integer from 1 to 2147483647": len(JSON_BAD_LENGTHS) + 2,
        "hash_ids is no list of integers of 64 bits": len(ids),
        "no JSON object": 5,
        "no JSON": 7,
    }


def test_a_row_that_is_too_far_from_the_earliest_is_counted(written: Written) -> None:
    # Dates of 585 years; numbers are from 0 to the longest time, and so are their distances.
    rows = ["1678-01-01 00:00:00,1,1", "1700-01-01 00:00:00,1,2", "2261-12-31 00:00:00,1,3"]
    trace = read_trace(written(lines("TIMESTAMP,ContextTokens,GeneratedTokens", *rows)))
    assert trace.skipped == {"an arrival more than 9223372036 s after the earliest": 1}
    days = np.datetime64("1700-01-01") - np.datetime64("1678-01-01")
    assert columns(trace.requests) == [(0.0, 1, 1), (86400.0 * float(days.astype(int)), 1, 2)]
    longest = read_trace(written("output_length,arrival_time\n1,9223372036\n2,0\n"))
    assert columns(longest.requests) == [(9223372036.0, None, 1), (0.0, None, 2)]


def test_the_first_row_may_be_broken(written: Written) -> None:
    trace = read_trace(written(json_lines('{"timestamp": 0, "input', [], FIRST)))
    assert trace.format == "mooncake"
    assert trace.skipped == {"no JSON": 1, "no JSON object": 1}


def test_an_array_over_many_parts_of_the_file(written: Written) -> None:
    # Elements of every length up to 3 MB, that is beyond the parts in which the file is read.
    rows = [{"output_length": 1 + index, "text": "é" * (index * index)} for index in range(0, 1300, 13)]
    content = json.dumps(rows, ensure_ascii=False)
    trace = read_trace(written(content))
    assert trace.requests.output_length.tolist() == list(range(1, 1300, 13))


def test_an_array_of_numbers_is_not_cut_within_one(written: Written) -> None:
    count = 400_000
    trace = read_trace(written('[{"output_length": 5}' + ", 1234567" * count + "]"))
    assert trace.skipped == {"no JSON object": count}


@pytest.mark.parametrize(
    "content",
    [
        "[",
        "[{}",
        '[{"output_length": 5}',
        '[{"output_length": 5},]',
        '[{"output_length": 5}] x',
        '[{"output_length": 5} {"output_length": 5}]',
        '[{"output_length": 5}, ' + "[" * 100_000,
        '[{"output_length": 5}, 12',
        b'[{"output_length": 5}, "\xff"]',
        b'[{"output_length": 5}, "\xe2\x82',
    ],
    ids=lambda content: repr(content[:30]),
)
def test_a_broken_array_is_an_error(written: Written, content: str | bytes) -> None:
    with pytest.raises(TraceError):
        read_trace(written(content))


def test_what_else_is_in_an_array_is_counted(written: Written) -> None:
    trace = read_trace(written('[7, {"output_length": 5}, [], null, 12]'))
    assert (len(trace.requests), trace.skipped) == (1, {"no JSON object": 4})


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ("a,b,c\n1,2,3\n", "its first line is 'a,b,c'"),
        ("\x00\x01\x02", "its first line is "),
        ("[]", "it holds no JSON object"),
        ("[5]", "it holds no JSON object"),
        ('{"a": 1, "b": 2}', "its first JSON object has the keys 'a, b'"),
        ('{"' + "k" * 500 + '": 1}', "its first JSON object has the keys 'kkk"),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_an_unknown_format_says_what_was_seen_and_what_is_known(written: Written, content: str, seen: str) -> None:
    with pytest.raises(TraceError) as raised:
        read_trace(written(content))
    sentence = str(raised.value)
    assert seen in sentence
    assert all(known in sentence for known in TRACE_FORMATS)
    assert len(sentence) < 600


@pytest.mark.parametrize("content", ["", "\r\n \n"])
def test_an_empty_file_is_called_empty(written: Written, content: str) -> None:
    path = written(content)
    with pytest.raises(TraceError, match=f"^{re.escape(str(path))} is empty$"):
        read_trace(path)


def test_a_format_may_be_told(written: Written) -> None:
    # Seconds by its own names; milliseconds as Mooncake's.
    content = json_lines(
        {"timestamp": 1, "input_length": 3, "output_length": 4}, {"timestamp": 3, "input_length": 3, "output_length": 4}
    )
    assert read_trace(written(content), "mooncake").requests.arrival_time.tolist() == [0.0, 0.002]  # type: ignore[union-attr]
    assert read_trace(written(content), "json").requests.arrival_time.tolist() == [0.0, 2.0]  # type: ignore[union-attr]
    with pytest.raises(BatchingValueError, match="format is 'xml': must be one of azure, burstgpt"):
        read_trace(written(content), "xml")


@pytest.mark.parametrize("told", TRACE_FORMATS)
@pytest.mark.parametrize("name", FILES)
def test_a_wrong_format_is_an_error_or_says_what_it_skipped(written: Written, name: str, told: str) -> None:
    content, expected = FILES[name]
    try:
        trace = read_trace(written(content), told)
    except TraceError:
        return
    assert len(trace.requests) + sum(trace.skipped.values()) == len(expected)


def table(**arrays: Any) -> Any:
    return pa.table(arrays)


@pytest.mark.parametrize("gz", [False, True])
def test_parquet(tmp_path: Path, gz: bool) -> None:
    arrivals = np.array([5.0, 5.25, np.nan, 7.0, 8.0, -1.0])
    outputs = pa.array([1, 2, 3, None, 5, 6], pa.int64())
    prompts = pa.array([10, 2**31, 12, 13, 2**31 - 1, 15], pa.uint32())
    path = tmp_path / "requests"
    parquet.write_table(table(arrival_time=arrivals, output_length=outputs, prompt_length=prompts), path)
    if gz:
        path.write_bytes(gzip.compress(path.read_bytes()))
    trace = read_trace(path)
    assert trace.format == "parquet"
    assert columns(trace.requests) == [(0.0, 10, 1), (3.0, 2**31 - 1, 5)]
    assert trace.skipped == {
        "arrival_time is no time from 0 to 9223372036 s": 2,
        "prompt_length is no integer from 0 to 2147483647": 1,
        "output_length is no integer from 1 to 2147483647": 1,
    }


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        (pa.array([3_000, 1_000], pa.timestamp("ms")), [2.0, 0.0]),
        (pa.array([3, 1], pa.timestamp("s", "UTC")), [2.0, 0.0]),
        (pa.array([3, 1], pa.timestamp("ns")), [2e-9, 0.0]),
        (pa.array([3, 1], pa.int8()), [2.0, 0.0]),
        (pa.array([3.5, 1.0], pa.float32()), [2.5, 0.0]),
        (pa.array(["3.5", "1"]), [2.5, 0.0]),
        (pa.array(["3.5", "1"], pa.large_string()), [2.5, 0.0]),
        (pa.array(["2024-01-01 00:00:02", "2024-01-01 00:00:00"]).dictionary_encode(), [2.0, 0.0]),
    ],
    ids=str,
)
def test_parquet_of_other_types(tmp_path: Path, arrivals: Any, expected: list[float]) -> None:
    path = tmp_path / "requests"
    outputs = pa.array([1.0, 2.0]) if pa.types.is_floating(arrivals.type) else pa.array([1, 2], pa.int16())
    parquet.write_table(table(timestamp=arrivals, output_tokens=outputs), path)
    trace = read_trace(path)
    assert columns(trace.requests) == [(expected[0], None, 1), (expected[1], None, 2)]


def test_timestamps_beyond_64_bits_of_nanoseconds_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    arrivals = pa.array([2**62, 0, None, -(2**63), -(2**62)], pa.timestamp("us"))
    parquet.write_table(table(timestamp=arrivals, output_length=pa.array([1, 2, 3, 4, 5])), path)
    trace = read_trace(path)
    assert trace.skipped == {"timestamp is no time": 4}
    assert trace.requests.output_length.tolist() == [2]


@pytest.mark.parametrize("column", [pa.array([True]), pa.array([[1]]), pa.array([{"a": 1}]), pa.nulls(1)], ids=str)
def test_parquet_columns_of_no_use_are_an_error(tmp_path: Path, column: Any) -> None:
    path = tmp_path / "requests"
    parquet.write_table(table(output_length=column), path)
    with pytest.raises(TraceError):
        read_trace(path)


def test_a_broken_parquet_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    parquet.write_table(table(output_length=pa.array([1, 2, 3])), path)
    whole = path.read_bytes()
    for cut in range(4, len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(TraceError, match="cannot be read as Parquet"):
            read_trace(path)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_gzip_is_an_error(written: Written, name: str) -> None:
    content, _ = FILES[name]
    whole = gzip.compress(content.encode())
    for cut in range(2, len(whole)):
        with pytest.raises(TraceError):
            read_trace(written(whole[:cut]))


@pytest.mark.parametrize("name", FILES)
def test_progress_ends_with_the_whole_file(written: Written, name: str) -> None:
    path = written(FILES[name][0])
    reports: list[tuple[int, int]] = []
    read_trace(path, progress=lambda done, total: reports.append((done, total)))
    assert reports == sorted(reports)
    assert reports[-1] == (path.stat().st_size, path.stat().st_size)


def test_it_says_what_it_is(written: Written) -> None:
    trace = read_trace(written(json_lines(FIRST, SECOND, 5)))
    assert (
        repr(trace) == "Trace(mooncake, RequestColumns(2 requests, 6 output tokens, arrivals 0.0 to 3.5 s), 1 skipped)"
    )


def test_progress_never_goes_back(tmp_path: Path) -> None:
    # The end of a Parquet file is read first.
    path = tmp_path / "requests"
    numbers = np.random.default_rng(1).integers(1, 2**31, 300_000)
    parquet.write_table(table(output_length=numbers), path, row_group_size=50_000)
    reports: list[tuple[int, int]] = []
    read_trace(path, progress=lambda done, total: reports.append((done, total)))
    assert len(reports) > 3
    assert reports == sorted(reports)


def test_years_that_do_not_fit_64_bits_of_nanoseconds_are_counted(written: Written) -> None:
    header = "TIMESTAMP,ContextTokens,GeneratedTokens"
    fitting = ["1678-01-01 00:00:00,1,1", "1678-01-01 00:00:01-23:59,1,2"]
    beyond = [f"{year}-05-01 00:00:00,1,1" for year in ("0000", "0001", "1677", "2262", "2263", "9999")]
    trace = read_trace(written(lines(header, *fitting, *beyond)))
    assert trace.skipped == {"TIMESTAMP is no time": len(beyond)}
    assert trace.requests.output_length.tolist() == [1, 2]


def published(name: str) -> Trace:
    path = DATA / "traces" / name
    if not path.exists():
        pytest.skip("needs the published traces, in the directory that BATCHING_DATA names")
    return read_trace(path)


@pytest.mark.parametrize(
    ("name", "count", "span", "prompts", "outputs"),
    [
        ("conv", 19_366, 3_501.722, [1154.70, 1020, 2734, 4142, 14050], [211.13, 129, 424, 601, 1000]),
        ("code", 8_819, 3_435.948, [2047.85, 1469, 5188, 7436, 7437], [27.88, 13, 55, 251, 1899]),
    ],
)
def test_azure_as_published(name: str, count: int, span: float, prompts: list[float], outputs: list[float]) -> None:
    trace = published(f"AzureLLMInferenceTrace_{name}.csv.gz")
    assert (trace.format, trace.skipped, len(trace.requests)) == ("azure", {}, count)
    assert_statistics(trace.requests, span, prompts, outputs)


def test_mooncake_as_published() -> None:
    trace = published("mooncake_conversation_trace.jsonl.gz")
    requests = trace.requests
    assert (trace.format, trace.skipped, len(requests)) == ("mooncake", {}, 12_031)
    assert_statistics(requests, 3_536.999, [12035.06, 6909, 27367, 85400, 126195], [342.62, 350, 597, 1119, 2000])
    # What else its README says.
    assert requests.arrival_time is not None
    assert requests.prompt_length is not None
    assert requests.hash_ids is not None
    assert requests.hash_offsets is not None
    assert len(np.unique(requests.arrival_time)) == 1_180
    assert int((requests.output_length == 1).sum()) == 72
    assert (np.diff(requests.hash_offsets) == -(-requests.prompt_length // 512)).all()
    assert np.unique(requests.hash_ids).tolist() == list(range(182_790))


def assert_statistics(requests: RequestColumns, span: float, prompts: list[float], outputs: list[float]) -> None:
    """Mean, median, 90th and 99th percentile and maximum, as rounded in the README of the traces."""
    assert requests.arrival_time is not None
    assert requests.prompt_length is not None
    assert round(float(requests.arrival_time.max()), 3) == span
    for lengths, expected in ((requests.prompt_length, prompts), (requests.output_length, outputs)):
        values = [float(lengths.mean()), *np.percentile(lengths, [50, 90, 99]).tolist(), float(lengths.max())]
        assert round(values[0], 2) == expected[0]
        assert [round(value) for value in values[1:]] == expected[1:]
