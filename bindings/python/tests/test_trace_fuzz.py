"""Files that no tool writes: the only errors are that a file cannot be read, or is no trace. What is read is what a
slow reader reads, and every row is used or counted.
"""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batching import TRACE_FORMATS, Trace, TraceError, measure, read_trace
from oracle.traces import BILLION, LONGEST, SlowRow, Value, date_text, seconds_text, slow_csv, slow_json
from test_trace_formats import FILES
from test_trace_otel import FORMS
from test_trace_recordings import RECORDINGS

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

FORMATS = st.sampled_from([None, *TRACE_FORMATS])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "trace"


def read(path: Path, content: bytes, told: str | None) -> Trace | None:
    """The trace, or None if it is none; no other error may come out."""
    path.write_bytes(content)
    try:
        trace = read_trace(path, told, count_tokens=len)
    except (OSError, TraceError):
        return None
    # Whatever it was: its columns are such as a simulation takes.
    requests = trace.requests
    assert len(requests) > 0 or trace.recorded is not None
    assert (requests.output_length >= 1).all()
    if requests.prompt_length is not None:
        assert (requests.prompt_length >= 0).all()
    if requests.arrival_time is not None and len(requests):
        assert float(requests.arrival_time.min()) == 0.0
        assert float(requests.arrival_time.max()) <= 9_223_372_036
    if trace.recorded is not None:
        # Nor is anything in a recording that its metrics refuse.
        metrics = measure(trace.recorded)
        assert metrics.completed + metrics.failed == len(trace.recorded) > 0
    return trace


def parquet_bytes() -> bytes:
    content = io.BytesIO()
    parquet.write_table(
        pa.table({"arrival_time": [0.5, 1.5], "output_length": [3, 4], "prompt_length": [1, 2]}), content
    )
    return content.getvalue()


VALID = [content.encode() for content, _ in FILES.values()] + [content.encode() for content in RECORDINGS.values()]
VALID += [content.encode() for content in FORMS.values()]
VALID += [parquet_bytes()]
PIECES = [
    *(b"\x00", b"\xff", b"\n", b"\r", b"\r\n", b",", b'"', b"{", b"}", b"[", b"]", b":", b"-", b"e9", b"NaN", b"null"),
    *(b"true", b"Infinity", b"9" * 20, b"1e999", b"\xef\xbb\xbf", b"\x1f\x8b", b"PAR1", b"[" * 2000, b'"\\ud800"'),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file of which some parts are missing, doubled, moved or replaced."""
    content = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(0, 6))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 40)))
        with_what = draw(
            st.one_of(
                st.binary(max_size=8), st.sampled_from(PIECES), st.just(content[begin:end] * 2), st.just(content[:end])
            )
        )
        content = content[:begin] + with_what + content[end:]
    return content


@given(content=st.binary(max_size=400), told=FORMATS, compressed=st.booleans())
def test_any_bytes(path: Path, content: bytes, told: str | None, compressed: bool) -> None:
    read(path, gzip.compress(content) if compressed else content, told)


@given(content=mutated(), told=FORMATS, compressed=st.booleans(), cut=st.integers(0, 50))
def test_files_that_were_changed(path: Path, content: bytes, told: str | None, compressed: bool, cut: int) -> None:
    if compressed:
        content = gzip.compress(content)
        content = content[: len(content) - cut // 2]
    read(path, content, told)


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = sorted({key for content in (*VALID[7:9],) for line in content.splitlines() for key in json.loads(line)})
SESSION_KEYS = ["session", "session_id", "delay", "id", "block_size", "requests"]
SPAN_KEYS = ["resourceSpans", "scopeSpans", "spans", "attributes", "startTimeUnixNano", "endTimeUnixNano", "status"]
RECORDING_KEYS = ["input_lens", "output_lens", "ttfts", "itls", "errors", "start_times", "latencies", "queued_ts"]


@given(
    values=st.lists(
        st.dictionaries(st.sampled_from([*KEYS, *SESSION_KEYS, *SPAN_KEYS, *RECORDING_KEYS]), JSON_VALUES), max_size=4
    ),
    told=FORMATS,
    as_array=st.booleans(),
)
def test_objects_of_any_values(path: Path, values: list[dict[str, Any]], told: str | None, as_array: bool) -> None:
    content = json.dumps(values) if as_array else "\n".join(map(json.dumps, values))
    read(path, content.encode("utf-8", "surrogatepass"), told)


# Fields that are often right, and often nearly so.
INTEGER_TEXTS = st.one_of(
    st.integers(0, 5000).map(str),
    st.sampled_from(["2147483647", "2147483648", "-1", "-0", "0", "00012", "5.0", "5.", "5.5", "1e3", "+5", "", " 5"]),
    st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,3})?", fullmatch=True),
    st.text(st.characters(exclude_characters=',;\t"\r\n', exclude_categories=["Cs"]), max_size=6),
)
SECONDS_TEXTS = st.one_of(
    st.integers(0, 10**9).map(lambda number: str(number / 1000)),
    st.floats(-1.0, 1e10).map(repr),
    st.sampled_from(["9223372036", "9223372036.0000001", "9223372037", "-0.0", "1e9", "1e308", "nan", "inf", "", "."]),
    INTEGER_TEXTS,
)
DATE_TEXTS = st.one_of(
    st.datetimes().map(str),
    st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}+00:00"),
    st.from_regex(
        r"(1677|1678|19[0-9][0-9]|20[0-9][0-9]|226[12])-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
        r"(\.[0-9]{1,10})?(Z|[+-][0-3][0-9](:?[0-7][0-9])?)?",
        fullmatch=True,
    ),
    st.sampled_from(["2024-02-29 00:00:00", "2023-02-29 00:00:00", "2023-11-16", "2023-11-16 18:15", "", "now"]),
    INTEGER_TEXTS,
)


@st.composite
def csv_files(draw: st.DrawFn, names: tuple[str, str, str], arrivals: st.SearchStrategy[str]) -> str:
    header = draw(st.permutations([*names, "more"]))
    fields = [arrivals if name == names[0] else INTEGER_TEXTS for name in header]
    rows = st.tuples(*fields).map(",".join) | st.lists(INTEGER_TEXTS, max_size=6).map(",".join)
    return "\n".join([",".join(header), *draw(st.lists(rows, max_size=12))])


def assert_same(trace: Trace | None, usable: list[SlowRow], skipped: int) -> None:
    """The same rows as the slow reader's, and as many skipped."""
    if usable:
        earliest = min(row.arrival for row in usable)
        too_late = [row for row in usable if row.arrival - earliest > LONGEST]
        usable = [row for row in usable if row not in too_late]
        skipped += len(too_late)
    if not usable:
        assert trace is None
        return
    assert trace is not None
    assert sum(trace.skipped.values()) == skipped
    requests = trace.requests
    assert requests.prompt_length is not None
    assert requests.arrival_time is not None
    assert requests.output_length.tolist() == [row.output for row in usable]
    assert requests.prompt_length.tolist() == [row.prompt for row in usable]
    assert requests.arrival_time.tolist() == [(row.arrival - earliest) / BILLION for row in usable]


AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
VIDUR = ("arrived_at", "num_prefill_tokens", "num_decode_tokens")


@pytest.mark.parametrize(
    ("names", "arrivals", "convert"), [(AZURE, DATE_TEXTS, date_text), (VIDUR, SECONDS_TEXTS, seconds_text)]
)
def test_tables_of_fields_right_and_wrong(
    path: Path, names: tuple[str, str, str], arrivals: st.SearchStrategy[str], convert: Value
) -> None:
    @given(content=csv_files(names, arrivals))
    def check(content: str) -> None:
        assert_same(read(path, content.encode(), None), *slow_csv(content, names, convert))

    check()


MOONCAKE = ("timestamp", "input_length", "output_length")
NUMBERS: st.SearchStrategy[Any] = st.one_of(
    st.integers(0, 5000),
    st.integers(),
    st.floats(),
    st.floats(0, 1e13),
    st.sampled_from([2**31 - 1, 2**31, -0.0, 5.0, 9223372036 * 1000, 9223372036 * 1000 + 1, True, None, "5", []]),
)
IDS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4) | st.lists(JSON_VALUES, max_size=2) | JSON_VALUES


@given(
    lines=st.lists(
        st.one_of(
            st.fixed_dictionaries(dict.fromkeys(MOONCAKE, NUMBERS), optional={"hash_ids": IDS}).map(json.dumps),
            JSON_VALUES.map(json.dumps),
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10),
        ),
        max_size=12,
    )
)
def test_lines_of_values_right_and_wrong(path: Path, lines: list[str]) -> None:
    # The format is told, since the first objects may not show it; "[" at the beginning would be an array.
    lines = ["0", *lines]
    usable, skipped = slow_json(lines, MOONCAKE)
    trace = read(path, "\n".join(lines).encode(), "mooncake")
    assert_same(trace, usable, skipped)
    if trace is not None and trace.requests.hash_ids is not None:
        assert trace.requests.hash_ids.tolist() == [item for row in usable for item in row.hash_ids]


SPAN_NUMBERS = st.one_of(NUMBERS, st.integers(-1, 2**64).map(str), st.sampled_from(["1700000000000000000", "", "x"]))
ATTRIBUTES = st.sampled_from(
    [
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.request.max_tokens",
        "gen_ai.operation.name",
        "gen_ai.conversation.id",
        "gen_ai.latency.time_to_first_token",
        "error.type",
    ]
)
ATTRIBUTE_VALUES = st.one_of(
    st.fixed_dictionaries({"intValue": SPAN_NUMBERS | st.integers(0, 99).map(str)}),
    st.fixed_dictionaries({"doubleValue": NUMBERS}),
    st.fixed_dictionaries(
        {"stringValue": st.sampled_from(["chat", "invoke_agent", "embeddings", "a", ""]) | JSON_VALUES}
    ),
    JSON_VALUES,
)
SPAN_IDS = st.sampled_from(["", "1", "2", "3", "00000000000000aF", "x"]) | JSON_VALUES
# Of a file that is all spans: those with tokens are calls, or are counted.
SPANS = st.fixed_dictionaries(
    {
        "startTimeUnixNano": SPAN_NUMBERS,
        "endTimeUnixNano": SPAN_NUMBERS,
        "attributes": st.lists(st.fixed_dictionaries({"key": ATTRIBUTES, "value": ATTRIBUTE_VALUES}), max_size=5).map(
            lambda more: (
                [{"key": f"gen_ai.usage.{name}_tokens", "value": {"intValue": "7"}} for name in ("input", "output")]
                + more
            )
        ),
    },
    optional={"traceId": SPAN_IDS, "spanId": SPAN_IDS, "parentSpanId": SPAN_IDS, "status": JSON_VALUES},
)


@given(spans=st.lists(SPANS | JSON_VALUES, max_size=8), told=st.sampled_from([None, "otel"]))
def test_spans_right_and_wrong(path: Path, spans: list[Any], told: str | None) -> None:
    content = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    trace = read(path, content.encode("utf-8", "surrogatepass"), told)
    if trace is not None:
        assert trace.recorded is not None
        assert len(trace.details["start"]) == len(trace.requests)
        kept = len(trace.requests) + sum(trace.skipped.values())
        assert len(trace.recorded) <= kept <= len(spans)
