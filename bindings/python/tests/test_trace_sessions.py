"""Sessions in traces: which rows are the turns of one, when they arrive, and what delays them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batching import RequestColumns, Trace, TraceError, read_trace

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(*rows: dict[str, Any]) -> Path:
        path = tmp_path / "trace.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def mooncake(number: int, **more: Any) -> dict[str, Any]:
    """A row of which the output tells the number."""
    return {"input_length": 512, "output_length": number, "hash_ids": [number], **more}


def bailian(number: int, chat: object, parent: object, timestamp: float) -> dict[str, Any]:
    row = {"chat_id": chat, "parent_chat_id": parent, "timestamp": timestamp, "turn": 1}
    return {"input_length": 16, "output_length": number, "hash_ids": [number], **row}


def turns(requests: RequestColumns) -> list[tuple[int, float | None, int | None, float]]:
    """Number, arrival, session and delay of each request."""
    count = len(requests)
    arrivals = [None] * count if requests.arrival_time is None else requests.arrival_time.tolist()
    session = [None] * count if requests.session is None else requests.session.tolist()
    delay = [0.0] * count if requests.delay is None else requests.delay.tolist()
    return list(zip(requests.output_length.tolist(), arrivals, session, delay, strict=True))


def test_mooncake_sessions_with_and_without_times_and_delays(written: Written) -> None:
    trace = read_trace(
        written(
            mooncake(1, session_id="b", timestamp=1000),
            mooncake(2, session_id="a", timestamp=3000),
            # After the turn before, and at its own time.
            mooncake(3, session_id="b", delay=1500.5),
            mooncake(4, session_id="b", timestamp=9000),
            # Not before the turn before: its time says nothing.
            mooncake(5, session_id="a", timestamp=2000, delay=250),
            # After the delay, but not before its time either.
            mooncake(6, session_id="b", timestamp=10_000, delay=100),
            mooncake(7, session_id="b", timestamp=None, delay=None),
            # Of no session, and so each of its own.
            mooncake(8, timestamp=4000),
            mooncake(9, session_id=None, timestamp=5000),
        )
    )
    assert (trace.format, trace.skipped) == ("mooncake", {})
    assert turns(trace.requests) == [
        (1, 0.0, 0, 0.0),
        (2, 2.0, 1, 0.0),
        (3, 0.0, 0, 1.5005),
        (4, 8.0, 0, 0.0),
        (5, 2.0, 1, 0.25),
        (6, 9.0, 0, 0.1),
        (7, 9.0, 0, 0.0),
        (8, 3.0, 2, 0.0),
        (9, 4.0, 3, 0.0),
    ]
    assert trace.requests.hash_ids is not None
    assert trace.requests.hash_ids.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_a_turn_whose_session_has_no_time_yet_is_skipped(written: Written) -> None:
    trace = read_trace(
        written(
            mooncake(1, session_id="t", delay=5),
            mooncake(2, session_id="s", timestamp=0),
            mooncake(3, session_id="u"),
            mooncake(4, delay=7),
            # Of those that can be used it is the first of its session, and has no delay.
            mooncake(5, session_id="t", timestamp=1000, delay=6),
            mooncake(6, session_id="t", delay=8),
        )
    )
    assert trace.skipped == {"timestamp is no time from 0 to 9223372036 s": 3}
    assert turns(trace.requests) == [(2, 0.0, 0, 0.0), (5, 1.0, 1, 0.0), (6, 1.0, 1, 0.008)]
    assert trace.requests.hash_ids is not None
    assert trace.requests.hash_ids.tolist() == [2, 5, 6]


def test_a_file_in_which_no_session_begins(written: Written) -> None:
    with pytest.raises(TraceError, match=r"has no usable row \(2 with timestamp is no time"):
        read_trace(
            written(mooncake(1, session_id="t", delay=5, timestamp=None), mooncake(2, session_id="t", delay=5)),
            format="mooncake",
        )


def test_sessions_without_any_time(written: Written) -> None:
    # As AIPerf's own examples are, which need no hash ids either.
    rows = [{"session_id": "abc-123", "input_length": 300, "output_length": 40}]
    rows.append({"session_id": "abc-123", "delay": 2, "input_length": 150, "output_length": 20})
    trace = read_trace(written(*rows))
    assert (trace.format, trace.skipped) == ("mooncake", {})
    assert turns(trace.requests) == [(40, None, 0, 0.0), (20, None, 0, 0.002)]


@pytest.mark.parametrize("delay", [-1, "x", 1e300, True, [1]])
def test_a_delay_that_is_none(written: Written, delay: object) -> None:
    first = mooncake(1, session_id="s", timestamp=0)
    trace = read_trace(written(first, mooncake(2, session_id="s", delay=delay), mooncake(3, session_id="s", delay=1)))
    assert trace.skipped == {"delay is no time from 0 to 9223372036 s": 1}
    assert turns(trace.requests) == [(1, 0.0, 0, 0.0), (3, 0.0, 0, 0.001)]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.sampled_from(["a", "b", 3])),
            st.one_of(st.none(), st.integers(0, 5000)),
            st.one_of(st.none(), st.integers(0, 5000)),
        ),
        max_size=12,
    )
)
def test_sessions_as_row_by_row(tmp_path_factory: pytest.TempPathFactory, more: list[tuple[Any, Any, Any]]) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    # So that there is a time, and that a session has two turns.
    rows = [("z", 0, None), ("z", None, 1), *more]
    lines = []
    latest: dict[object, int] = {}
    sessions: dict[object, int] = {}
    expected = []
    for number, (session, timestamp, delay) in enumerate(rows, start=1):
        told = {"session_id": session, "timestamp": timestamp, "delay": delay}
        lines.append(mooncake(number, **{name: value for name, value in told.items() if value is not None}))
        # One of its own has a name that no other has.
        name = ("alone", number) if session is None else session
        if timestamp is None and name not in latest:
            continue
        is_first = name not in latest
        latest[name] = max(latest.get(name, 0), timestamp or 0)
        after = 0.0 if is_first or delay is None else delay / 1000
        expected.append((number, latest[name] / 1000, sessions.setdefault(name, len(sessions)), after))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    trace = read_trace(path)
    assert turns(trace.requests) == expected
    assert sum(trace.skipped.values()) == len(rows) - len(expected)


def test_sessions_of_one_turn_are_none(written: Written) -> None:
    rows = [mooncake(number, session_id=f"s{number}", timestamp=number, delay=9) for number in (1, 2)]
    assert turns(read_trace(written(*rows)).requests) == [(1, 0.0, None, 0.0), (2, 0.001, None, 0.0)]
    rows = [bailian(number, number, -1, number) for number in (1, 2)]
    assert turns(read_trace(written(*rows)).requests) == [(1, 0.0, None, 0.0), (2, 1.0, None, 0.0)]


def test_bailian_conversations(written: Written) -> None:
    trace = read_trace(
        written(
            bailian(1, 50, -1, 10.0),
            bailian(2, 51, -1, 11.0),
            bailian(3, 52, 50, 12.0),
            # A turn of 52, and another of 50.
            bailian(4, 53, 52, 13.0),
            bailian(5, 54, 50, 14.5),
            # 99 is not in the file, and 60 not yet.
            bailian(6, 55, 99, 15.0),
            bailian(7, 56, 60, 16.0),
            bailian(8, 60, 55.0, 17.0),
            # Without an id it has no later turn.
            bailian(9, None, 51, 18.0),
            bailian(10, None, None, 19.0),
            bailian(11, -1, -1, 20.0),
            bailian(12, 70, -1, 21.0),
        )
    )
    assert (trace.format, trace.skipped) == ("bailian", {})
    sessions = [0, 1, 0, 0, 0, 2, 3, 2, 1, 4, 5, 6]
    arrivals = [0.0, 1.0, 2.0, 3.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]
    assert turns(trace.requests) == [
        (number, arrival, session, 0.0)
        for number, (arrival, session) in enumerate(zip(arrivals, sessions, strict=True), start=1)
    ]
    assert trace.requests.delay is None


def test_a_conversation_goes_on_after_a_turn_that_cannot_be_used(written: Written) -> None:
    broken = bailian(2, 51, 50, 11.0) | {"output_length": 0}
    trace = read_trace(written(bailian(1, 50, -1, 10.0), broken, bailian(3, 52, 51, 12.0), bailian(4, 53, 52, 13.0)))
    # Its parent is not there, so that it begins a session.
    assert turns(trace.requests) == [(1, 0.0, 0, 0.0), (3, 2.0, 1, 0.0), (4, 3.0, 1, 0.0)]


TABLE: dict[str, list[Any]] = {
    "output_length": [1, 2, 3, 4],
    "arrival_time": [0.5, 1.0, 0.75, 3.0],
    "session": [7, -3, 7, 7],
    "delay": [0.25, 0.0, 1.5, 0.0],
}


def table(tmp_path: Path, kind: str, columns: dict[str, list[Any]]) -> Trace:
    """What is read of columns in a file of a kind."""
    path = tmp_path / f"trace.{kind}"
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if kind == "parquet":
        parquet.write_table(pa.table(columns), path)
    elif kind == "csv":
        fields = [["" if value is None else str(value) for value in row.values()] for row in rows]
        path.write_text("\n".join(",".join(row) for row in [list(columns), *fields]))
    else:
        path.write_text(json.dumps(rows))
    return read_trace(path)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_tables_have_sessions_and_delays_in_seconds(tmp_path: Path, kind: str) -> None:
    trace = table(tmp_path, kind, TABLE)
    assert trace.skipped == {}
    # Integers stay, and so does a delay of a first turn, which clients look at.
    assert turns(trace.requests) == [(1, 0.0, 7, 0.25), (2, 0.5, -3, 0.0), (3, 0.25, 7, 1.5), (4, 2.5, 7, 0.0)]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_sessions_of_tables_that_are_no_integers_are_numbered(tmp_path: Path, kind: str) -> None:
    trace = table(tmp_path, kind, TABLE | {"session": ["u", "7", "u", "u"]})
    assert [session for _, _, session, _ in turns(trace.requests)] == [0, 1, 0, 0]
    big = str(2**63)
    trace = table(tmp_path, kind, TABLE | {"session": [big, "7", big, big]})
    assert [session for _, _, session, _ in turns(trace.requests)] == [0, 1, 0, 0]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_rows_of_tables_without_a_session_have_their_own(tmp_path: Path, kind: str) -> None:
    trace = table(tmp_path, kind, TABLE | {"session": [7, None, None, 7]})
    assert [session for _, _, session, _ in turns(trace.requests)] == [7, 8, 9, 7]
    trace = table(tmp_path, kind, TABLE | {"session": [None, None, None, None]})
    assert trace.requests.session is None
    assert trace.requests.delay is None


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_later_turns_of_tables_need_no_arrival_and_no_delay(tmp_path: Path, kind: str) -> None:
    columns = TABLE | {"arrival_time": [0.5, 2.0, None, 0.25], "delay": [0.0, None, None, 1.0]}
    trace = table(tmp_path, kind, columns)
    assert trace.skipped == {}
    assert turns(trace.requests) == [(1, 0.0, 7, 0.0), (2, 1.5, -3, 0.0), (3, 0.0, 7, 0.0), (4, 0.0, 7, 1.0)]
    trace = table(tmp_path, kind, columns | {"arrival_time": [None, 2.0, 3.0, None]})
    assert trace.skipped == {"arrival_time is no time from 0 to 9223372036 s": 1}
    assert [number for number, _, _, _ in turns(trace.requests)] == [2, 3, 4]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_dates_of_later_turns(tmp_path: Path, kind: str) -> None:
    # Before 1970, and the nanosecond before it, which is the date -1.
    dates = ["1969-12-31 23:59:59.5", "1969-12-31 23:59:59.999999999", None, "1970-01-01 00:00:01"]
    trace = table(tmp_path, kind, TABLE | {"arrival_time": dates})
    assert trace.skipped == {}
    assert [arrival for _, arrival, _, _ in turns(trace.requests)] == [0.0, 0.499999999, 0.0, 1.5]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_delay_without_sessions_is_one_of_something_else(tmp_path: Path, kind: str) -> None:
    trace = table(tmp_path, kind, {name: column for name, column in TABLE.items() if name != "session"})
    assert trace.requests.delay is None
    assert trace.requests.session is None


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_client_that_left_before_a_turn_that_cannot_come_earlier(tmp_path: Path, kind: str) -> None:
    # The third arrives at 0.75, and cannot be sent before the first, at 2.0: its client has left by then.
    columns = TABLE | {"arrival_time": [2.0, 0.5, 0.75, 3.0], "abort_time": [None, None, 1.0, 9.0]}
    requests = table(tmp_path, kind, columns).requests
    assert requests.abort_time is not None
    assert requests.abort_time.tolist() == pytest.approx([float("nan")] * 2 + [1.5, 8.5], nan_ok=True, abs=0)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_bad_delays_of_tables_are_counted(tmp_path: Path, kind: str) -> None:
    trace = table(tmp_path, kind, TABLE | {"delay": [0.0, 0.0, -1.0, 0.5]})
    assert trace.skipped == {"delay is no time from 0 to 9223372036 s": 1}


def conversation(name: str, *requests: object, **more: Any) -> dict[str, Any]:
    return {"id": name, "block_size": 64, "hash_id_scope": "local", "requests": list(requests), **more}


def asked(number: int, t: object, **more: Any) -> dict[str, Any]:
    return {"t": t, "type": "s", "model": "m", "in": 100 + number, "out": number, **more}


def test_conversations_of_agents(written: Written) -> None:
    subagent = {
        "type": "subagent",
        "t": 20.0,
        "duration_ms": 6000,
        # On a clock of its own.
        "requests": [asked(4, 0.5, think_time=0.25), asked(5, 3.0, api_time=0.5), asked(6, 4.0)],
    }
    trace = read_trace(
        written(
            conversation(
                "a",
                asked(1, 0.0, api_time=2.0, hash_ids=[1, 2]),
                asked(2, 5.0, think_time=1.25, hash_ids=[1, 2, 3]),
                asked(3, 16.0, hash_ids=[1]),
                subagent,
                # 1 s after the subagent.
                asked(7, 27.0),
            ),
            conversation("b", asked(8, 0.0, think_time=9.0, hash_ids=[1, 2]), asked(9, 0.0)),
        )
    )
    assert (trace.format, trace.skipped) == ("weka", {})
    assert trace.requests.hash_block_size == 64
    assert turns(trace.requests) == [
        (1, None, 0, 0.0),
        (2, None, 0, 1.25),
        # Of the request before it is not told how long it took: 16 - 5.
        (3, None, 0, 11.0),
        (4, None, 0, 0.25),
        (5, None, 0, 2.5),
        (6, None, 0, 0.5),
        (7, None, 0, 1.0),
        # The first of a session has none.
        (8, None, 1, 0.0),
        (9, None, 1, 0.0),
    ]
    # Those of b are of other blocks than those of a.
    assert trace.requests.hash_ids is not None
    assert trace.requests.hash_ids.tolist() == [0, 1, 0, 1, 2, 0, 3, 4]


def test_global_hash_ids_are_those_of_all_conversations(written: Written) -> None:
    both = [conversation(name, asked(1, 0.0, hash_ids=[9, 7]), hash_id_scope="global") for name in "ab"]
    ids = read_trace(written(*both, conversation("c", asked(1, 0.0, hash_ids=[9])))).requests.hash_ids
    assert ids is not None
    assert ids.tolist() == [0, 1, 0, 1, 2]


def test_what_is_broken_in_conversations_is_counted(written: Written) -> None:
    trace = read_trace(
        written(
            conversation(
                "a",
                asked(1, 0.0),
                5,
                asked(0, 1.0),
                asked(2, 1.0, think_time=-1),
                asked(3, 1.0, hash_ids=["x"]),
                {"type": "subagent", "t": None, "requests": None},
                # Subagents have none of their own.
                {"type": "subagent", "t": 1.0, "requests": [{"type": "subagent", "requests": [asked(9, 1.0)]}]},
                asked(4, "now", api_time=True),
                asked(5, 1e308, api_time=1e308),
            ),
            {"id": "b", "block_size": 64, "requests": None},
        )
    )
    assert trace.skipped == {
        "no request": 1,
        "in is no integer from 0 to 2147483647": 1,
        "out is no integer from 1 to 2147483647": 1,
        "think_time is no time from 0 to 9223372036 s": 1,
        "hash_ids is no list of integers of 64 bits": 1,
        "no conversation with a list of requests": 1,
    }
    assert [number for number, _, _, _ in turns(trace.requests)] == [1, 4, 5]


def test_conversations_of_several_block_sizes(written: Written) -> None:
    both = [conversation(str(size), asked(1, 0.0, hash_ids=[1])) | {"block_size": size} for size in (16, 64)]
    with pytest.raises(TraceError, match="has several values of hash_block_size"):
        read_trace(written(*both))
