"""Results written to files are read back as the same values, and files are whole or not there."""

import csv
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import batching
import closed_loop_by_hand as by_hand
from batching import Client, RequestColumns, RequestStatus, Result, TextbookResult, write_results

pyarrow: Any = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.csv")
parquet: Any = pytest.importorskip("pyarrow.parquet")


def engine_run(**settings: Any) -> Result:
    """A run in which requests finish, are preempted, are rejected and are cut off."""
    requests = batching.generate_requests(400, seed=7)
    columns = RequestColumns(requests.output_length, requests.prompt_length, requests.arrival_time)
    lengths = columns.output_length.copy()
    lengths[5] = 4000
    columns = RequestColumns(lengths, columns.prompt_length, columns.arrival_time)
    result = batching.simulate(columns, num_gpu_blocks=60, time_limit=60.0, attribution=True, **settings)
    assert result.finished
    assert result.rejected
    assert result.unfinished
    assert result.total_preemptions
    return result


def read(path: Path) -> dict[str, list[Any]]:
    """The columns of a file, read by the standard library where that can."""
    if path.suffix == ".parquet":
        columns: dict[str, list[Any]] = parquet.read_table(path).to_pydict()
        return columns
    if path.suffix == ".json":
        rows = json.loads(path.read_text())
        return {name: [row[name] for row in rows] for name in rows[0]}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))

    def value(name: str, text: str) -> Any:
        return text if name == "status" else None if text == "" else float(text)

    return {name: [value(name, row[name]) for row in rows] for name in rows[0]}


def same(told: list[Any], expected: Any) -> bool:
    """Whether these are the same doubles, with None for NaN."""
    return told == [None if math.isnan(value) else value for value in np.asarray(expected).tolist()]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_engine_results_are_read_back_exactly(tmp_path: Path, suffix: str) -> None:
    result = engine_run()
    path = tmp_path / f"results.{suffix}"
    write_results(result, path)
    columns = read(path)
    for name in ("start_time", "first_token_time", "end_time", "tokens_generated", "preemptions"):
        assert same(columns[name], getattr(result, name)), name
    assert same(columns["prefix_cached_tokens"], result.prefix_cached_tokens)
    for name in ("arrival_time", "prompt_length", "output_length"):
        assert same(columns[name], getattr(result.requests, name)), name
    assert columns["request"] == list(range(len(result)))
    assert columns["status"] == [RequestStatus(status).name.lower() for status in result.status]
    assert result.attribution is not None
    assert same(columns["preempted_time"], result.attribution.preempted)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
@pytest.mark.parametrize("simulate", [batching.simulate_static, batching.simulate_continuous])
def test_simulation_results_are_read_back_exactly(tmp_path: Path, suffix: str, simulate: Any) -> None:
    result: TextbookResult = simulate(RequestColumns([3, 1, 7], arrival_time=[0.1, 0.2, 0.3]), 2)
    write_results(result, tmp_path / f"results.{suffix}")
    columns = read(tmp_path / f"results.{suffix}")
    assert same(columns["end_time"], result.end_time)
    assert columns["status"] == ["finished"] * 3
    assert columns["prompt_length"] == [0] * 3
    assert "preemptions" not in columns


def test_derived_latencies_are_those_of_the_library(tmp_path: Path) -> None:
    result = engine_run()
    write_results(result, tmp_path / "results.parquet")
    columns = read(tmp_path / "results.parquet")
    finished = np.flatnonzero(result.status == RequestStatus.FINISHED)
    latencies = batching.request_latencies(result.completed())
    for name, of_library in [
        ("queue_time", latencies.queue_time),
        ("time_to_first_token", latencies.time_to_first_token),
        ("end_to_end_latency", latencies.total_latency),
    ]:
        assert [columns[name][index] for index in finished] == of_library.tolist(), name
    for index in range(len(result)):
        count, told = int(result.tokens_generated[index]), columns["time_per_output_token"][index]
        if index in finished and count > 1:
            expected = (result.end_time[index] - result.first_token_time[index]) / (count - 1)
            assert told == pytest.approx(expected, rel=1e-9)
        else:
            assert told is None


def test_single_tokens_have_no_time_per_output_token(tmp_path: Path) -> None:
    """In a static batch of 0.5 s an iteration, the single token is there at 0.5 s and held until 1.5 s."""
    write_results(batching.simulate_static(RequestColumns([1, 3]), 2, 0.5), tmp_path / "results.json")
    columns = read(tmp_path / "results.json")
    assert columns["time_per_output_token"] == [None, 0.5]
    assert columns["end_to_end_latency"] == [1.5, 1.5]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_no_requests(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"results.{suffix}"
    write_results(batching.simulate(RequestColumns([])), path)
    if suffix == "json":
        assert json.loads(path.read_text()) == []
    elif suffix == "parquet":
        assert parquet.read_table(path).num_rows == 0
    else:
        assert len(path.read_text().splitlines()) == 1


def test_same_result_same_bytes(tmp_path: Path) -> None:
    for suffix in ("parquet", "csv", "json"):
        paths = [tmp_path / f"{number}.{suffix}" for number in range(2)]
        for path in paths:
            write_results(engine_run(), path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("name", ["results.txt", "results", "results.csv.gz"])
def test_unknown_suffix(tmp_path: Path, name: str) -> None:
    result = batching.simulate(RequestColumns([1]))
    with pytest.raises(ValueError, match=r"must end in \.parquet or \.csv or \.json"):
        write_results(result, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        write_results(batching.simulate(RequestColumns([1])), tmp_path / "missing" / "results.csv")


PREFIXES: dict[str, Any] = {"enable_prefix_caching": True, "num_gpu_blocks": 3000, "max_num_seqs": 16}


def shared_prefixes(*, is_odd: bool) -> RequestColumns:
    """Requests that share prefixes; if odd, some without ids, and with ids over the output, priorities and ranks."""
    generated = batching.generate_requests(
        200,
        batching.PoissonArrivals(60.0),
        batching.UniformLengths(100, 2000),
        batching.UniformLengths(5, 100),
        prefixes=batching.SharedPrefixes(4, 256),
        seed=9,
    )
    if not is_odd:
        return generated
    random = np.random.default_rng(1)
    ids = [list(range(index % 3, 40)) if index % 5 else [] for index in range(200)]
    ids[7] = [-(2**63), 2**63 - 1]
    return RequestColumns(
        generated.output_length,
        generated.prompt_length,
        generated.arrival_time,
        priority=random.integers(-2, 3, 200),
        tie_break=np.append(random.integers(-(2**63), 2**63 - 1, 198), [-(2**63), 2**63 - 1]),
        hash_ids=ids,
        hash_covers_output=True,
    )


@pytest.mark.parametrize("is_odd", [False, True])
@pytest.mark.parametrize("suffix", ["parquet", "json"])
def test_a_run_that_was_written_can_be_made_again(tmp_path: Path, suffix: str, is_odd: bool) -> None:
    requests, path = shared_prefixes(is_odd=is_odd), tmp_path / f"run.{suffix}"
    settings = PREFIXES | {"queue_order": "priority" if is_odd else "arrival"}
    first = batching.simulate(requests, **settings)
    assert first.prefix_cache_hits
    write_results(first, path)
    trace = batching.read_trace(path)
    assert trace.skipped == {}
    for name in ("hash_ids", "hash_offsets", "priority", "tie_break"):
        written, asked = getattr(trace.requests, name), getattr(requests, name)
        assert (written is None) == (asked is None)
        assert written is None or written.tolist() == asked.tolist()
    assert trace.requests.hash_block_size == requests.hash_block_size
    assert trace.requests.hash_covers_output == requests.hash_covers_output
    again = batching.simulate(trace.requests, **settings)
    assert requests.arrival_time is not None
    # A trace begins with its first arrival.
    shift = requests.arrival_time.min()
    assert again.end_time.tolist() == pytest.approx((first.end_time - shift).tolist(), abs=1e-9)
    assert again.prefix_cached_tokens.tolist() == first.prefix_cached_tokens.tolist()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_requests_whose_clients_leave_are_read_back_as_failures(tmp_path: Path, suffix: str) -> None:
    # Alone in turn, ten tokens of 0.01 s each: of the first the client leaves after three of them.
    requests = RequestColumns(
        [10, 10, 10],
        [1, 1, 1],
        [5.0, 6.0, 7.0],
        max_tokens=[20, 10, 11],
        abort_time=[5.035, np.nan, 7.5],
    )
    first = batching.simulate(requests)
    assert (first.aborted, first.tokens_generated.tolist()) == (1, [3, 10, 10])
    write_results(first, tmp_path / f"run.{suffix}")
    trace = batching.read_trace(tmp_path / f"run.{suffix}")
    assert trace.skipped == {}
    assert trace.requests.max_tokens is not None
    assert trace.requests.max_tokens.tolist() == [20, 10, 11]
    # A trace begins with its first arrival.
    assert trace.requests.abort_time is not None
    assert trace.requests.abort_time.tolist() == pytest.approx([0.035, np.nan, 2.5], nan_ok=True)
    assert trace.recorded is not None
    for measured in (first.measure(), batching.measure(trace.recorded)):
        assert (measured.completed, measured.failed) == (2, 1)
    assert batching.simulate(trace.requests).tokens_generated.tolist() == [3, 10, 10]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
@pytest.mark.parametrize("limit", [None, 1])
def test_runs_of_clients_are_measured_alike_when_read_back(tmp_path: Path, suffix: str, limit: int | None) -> None:
    # Of the first session the client leaves in its first turn: its second one is not sent.
    requests = RequestColumns(
        [30, 10, 20, 25, 15],
        [1] * 5,
        [5.0, 5.0, 5.0, 5.1, 5.0],
        abort_time=[5.035] + [np.nan] * 4,
        session=[1, 1, 2, 3, 2],
        delay=[0.0, 0.5, 0.0, 0.0, 0.25],
    )
    run = batching.simulate(requests, iteration_time=0.01, max_concurrency=limit)
    assert (run.finished, run.aborted, run.not_sent) == (3, 1, 1)
    write_results(run, tmp_path / f"run.{suffix}")
    trace = batching.read_trace(tmp_path / f"run.{suffix}")
    assert trace.skipped == {}
    assert trace.recorded is not None
    told, again = run.measure(), batching.measure(trace.recorded)
    assert (told.completed, told.failed) == (again.completed, again.failed) == (3, 1)
    for name in ("ttft", "e2e", "queue_time", "client_queue_time", "e2e_including_client_queue"):
        first, second = getattr(told, name), getattr(again, name)
        assert (first is None) == (second is None), name
        assert first is None or second.mean == pytest.approx(first.mean, abs=2e-9, nan_ok=True), name
    assert batching.simulate(trace.requests, iteration_time=0.01, max_concurrency=limit).not_sent == 1


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_sessions_and_delays_are_read_back(tmp_path: Path, suffix: str) -> None:
    requests = RequestColumns(
        [3, 4, 5, 6],
        [1, 1, 1, 1],
        [0.0, 1.0, 1.5, 2.0],
        session=[-(2**63), 2**63 - 1, -(2**63), 5],
        delay=[0.0, 0.0, 0.1, 0.0],
    )
    write_results(batching.simulate(requests), tmp_path / f"run.{suffix}")
    trace = batching.read_trace(tmp_path / f"run.{suffix}")
    assert trace.skipped == {}
    for name in ("session", "delay", "arrival_time", "output_length"):
        assert getattr(trace.requests, name).tolist() == getattr(requests, name).tolist()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_a_closed_loop_says_when_requests_were_sent(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"run.{suffix}"
    write_results(by_hand.two_in_flight(attribution=True), path)
    columns = read(path)
    assert columns["arrival_time"] == columns["client_arrival_time"] == [0.0, 0.0, 0.0, 0.5]
    assert columns["sent_time"] == by_hand.SENT
    assert columns["client_queue_time"] == columns["waiting_for_client_time"] == by_hand.CLIENT_QUEUE
    assert columns["time_to_first_token"] == [1.0, 1.0, 1.0, 1.0]
    assert columns["queue_time"] == [0.0, 0.0, 0.0, 0.0]
    assert columns["end_to_end_latency"] == by_hand.E2E


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_a_conversation_says_when_its_turns_were_sent(tmp_path: Path, suffix: str) -> None:
    """arrival_time stays what was asked for. No client holds anything back."""
    path = tmp_path / f"run.{suffix}"
    write_results(batching.simulate(by_hand.CONVERSATION, iteration_time=1.0), path)
    columns = read(path)
    assert columns["arrival_time"] == [0.0, 0.0, 0.5]
    assert columns["sent_time"] == by_hand.CONVERSATION_SENT
    assert columns["end_to_end_latency"] == [1.0, 1.0, 1.5]
    assert not {"client_arrival_time", "client_queue_time"} & set(columns)
    recorded = batching.read_trace(path).recorded
    assert recorded is not None
    assert recorded.arrival_time is not None
    assert recorded.arrival_time.tolist() == by_hand.CONVERSATION_SENT


def test_an_open_loop_has_no_times_of_sending(tmp_path: Path) -> None:
    write_results(batching.simulate(by_hand.REQUESTS, sessions_go_on=True), tmp_path / "run.json")
    assert not {"client_arrival_time", "sent_time", "client_queue_time"} & set(read(tmp_path / "run.json"))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_requests_that_were_not_sent_are_written(tmp_path: Path, suffix: str) -> None:
    """The run ends at 1 s: request 3 is not sent, and 2, which was sent then, is unfinished."""
    result, path = by_hand.two_in_flight(time_limit=1.0), tmp_path / f"run.{suffix}"
    write_results(result, path)
    columns = read(path)
    assert columns["status"] == ["unfinished", "finished", "unfinished", "not_sent"]
    assert columns["sent_time"] == [0.0, 0.0, 1.0, None]
    assert columns["client_arrival_time"] == [0.0, 0.0, 0.0, 0.5]
    assert columns["client_queue_time"] == [0.0, 0.0, 1.0, None]
    assert columns["was_sent"] == [1, 1, 1, 0]
    trace = batching.read_trace(path)
    assert (len(trace.requests), trace.skipped) == (4, {})
    assert trace.recorded is not None
    assert len(trace.recorded) == 3


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
@pytest.mark.parametrize("time_limit", [None, 12.0])
def test_a_closed_loop_that_was_written_can_be_made_again(
    tmp_path: Path, suffix: str, time_limit: float | None
) -> None:
    """Conversations, some of which fail, by clients who think and may have so many in flight."""
    random = np.random.default_rng(5)
    count = 300
    requests = RequestColumns(
        random.integers(1, 100, count),
        random.integers(1, 900, count),
        np.concatenate([[0.0], np.sort(random.uniform(0, 20, count - 1))]),
        session=random.integers(0, 120, count),
        delay=random.exponential(0.5, count),
    )
    client = Client(clients=12, max_concurrency=8, think_time=0.3, seed=1)
    settings: dict[str, Any] = {"client": client, "max_model_len": 850, "time_limit": time_limit}
    first = batching.simulate(requests, **settings)
    assert first.rejected
    assert first.not_sent
    path = tmp_path / f"run.{suffix}"
    write_results(first, path)
    trace = batching.read_trace(path)
    assert trace.skipped == {}
    again = batching.simulate(trace.requests, **settings)
    for name in ("arrival_time", "sent_time", "end_time", "status"):
        assert np.array_equal(getattr(again, name), getattr(first, name), equal_nan=name != "status"), name
    # And it measures as the same.
    assert trace.recorded is not None
    assert batching.measure(trace.recorded) == first.measure()
    assert first.measure().client_queue_time.max > 0


def test_a_time_of_sending_before_the_arrival_is_counted(tmp_path: Path) -> None:
    (tmp_path / "run.csv").write_text(
        "output_length,arrival_time,sent_time,end_time\n1,0.0,0.5,2\n1,1.5,1.0,3\n1,2.0,,\n"
    )
    trace = batching.read_trace(tmp_path / "run.csv")
    assert trace.skipped == {"arrival, sent_time, end_time not in order": 1}
    # What is known of the last is when it could have been sent.
    assert trace.recorded is not None
    assert trace.recorded.arrival_time is not None
    assert trace.recorded.arrival_time.tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("max_tokens", 4, "max_tokens less than the output"),
        ("max_tokens", "x", "max_tokens is no integer from 1 to 2147483647"),
        ("abort_time", 0.5, "an abort_time before the arrival"),
        ("abort_time", "x", "abort_time is no time from 0 to 9223372036 s"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_ends_that_cannot_be_are_counted(tmp_path: Path, suffix: str, name: str, value: object, reason: str) -> None:
    rows: list[dict[str, Any]] = [
        {"arrival_time": 1.0, "output_length": 5, name: value},
        {"arrival_time": 1.0, "output_length": 5, name: 5},
    ]
    path = tmp_path / f"trace.{suffix}"
    if suffix == "json":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]))
    trace = batching.read_trace(path)
    assert (len(trace.requests), trace.skipped) == (1, {reason: 1})


def test_csv_says_that_it_loses_hash_ids(tmp_path: Path) -> None:
    requests, path = shared_prefixes(is_odd=True), tmp_path / "run.csv"
    with pytest.warns(UserWarning, match=r"run\.csv: CSV does not hold the hash ids of the requests"):
        write_results(batching.simulate(requests, **PREFIXES), path)
    read_back = batching.read_trace(path).requests
    assert read_back.hash_ids is None
    assert read_back.priority is not None
    assert requests.priority is not None
    assert read_back.priority.tolist() == requests.priority.tolist()
    assert read_back.tie_break is not None
    assert requests.tie_break is not None
    assert read_back.tie_break.tolist() == requests.tie_break.tolist()


def test_ranks_that_do_not_fit_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    ranks = [
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "9" * 19,
        "9" * 20,
    ]
    path.write_text("output_length,tie_break\n" + "".join(f"1,{rank}\n" for rank in ranks))
    trace = batching.read_trace(path)
    assert trace.requests.tie_break is not None
    assert trace.requests.tie_break.tolist() == [2**63 - 1, -(2**63)]
    assert sum(trace.skipped.values()) == 4


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([{"hash_block_size": 16}, {"hash_block_size": 32}], "has several values of hash_block_size"),
        ([{"hash_block_size": 0}], "has the hash_block_size 0: must be an integer from 1"),
        ([{"hash_block_size": "many"}], "has the hash_block_size many: must be an integer from 1"),
        ([{"hash_covers_output": 1}], "has the hash_covers_output 1: must be true or false"),
        ([{}, {"hash_covers_output": True}], "has several values of hash_covers_output"),
    ],
)
def test_hash_ids_of_more_than_one_kind_are_an_error(tmp_path: Path, rows: list[dict[str, Any]], sentence: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps([{"prompt_length": 64, "output_length": 1, "hash_ids": [1, 2]} | row for row in rows]))
    with pytest.raises(batching.TraceError, match=f"run.json {sentence}"):
        batching.read_trace(path)


def test_lists_with_what_is_no_hash_id_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "run.parquet"
    lists = pyarrow.array([[1, 2], [3, None], None, [], [2**63]], pyarrow.list_(pyarrow.uint64()))
    parquet.write_table(pyarrow.table({"output_length": [1, 2, 3, 4, 5], "hash_ids": lists}), path)
    trace = batching.read_trace(path)
    assert trace.skipped == {"hash_ids is no list of integers of 64 bits": 2}
    assert trace.requests.output_length.tolist() == [1, 3, 4]
    assert trace.requests.hash_ids is not None
    assert trace.requests.hash_offsets is not None
    assert (trace.requests.hash_ids.tolist(), trace.requests.hash_offsets.tolist()) == ([1, 2], [0, 2, 2, 2])


def test_not_a_result(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="result is 3: must be what simulate"):
        write_results(3, tmp_path / "results.csv")  # type: ignore[arg-type]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.csv"
    path.write_text("before")

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(pyarrow.csv, "CSVWriter", fail)
    with pytest.raises(OSError, match="no space left"):
        write_results(batching.simulate(RequestColumns([1])), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "target.csv").write_text("before")
    (tmp_path / "link.csv").symlink_to("target.csv")
    write_results(batching.simulate(RequestColumns([1])), tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "target.csv").read_text().startswith('"request"')


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "batching._output.results_table", raising=False)
    monkeypatch.delattr(batching._output, "results_table", raising=False)
    with pytest.raises(batching.MissingExtraError, match=r"writing results needs pyarrow.*batching\[traces\]"):
        write_results(batching.simulate(RequestColumns([1])), tmp_path / "results.csv")


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_no_function_is_called_for_each_row(tmp_path: Path, suffix: str) -> None:
    """So that a million requests are a matter of seconds: of 200,000 more rows not one in 100 costs a call more."""

    def calls(count: int) -> int:
        result = batching.simulate_continuous(batching.generate_workload(count, arrival_rate=100.0), 512)
        called = 0

        def count_calls(_: Any, event: str, __: Any) -> None:
            nonlocal called
            called += event in {"call", "c_call"}

        sys.setprofile(count_calls)
        try:
            write_results(result, tmp_path / f"results.{suffix}")
        finally:
            sys.setprofile(None)
        return called

    assert calls(300_000) - calls(100_000) < 2000


@pytest.mark.parametrize(
    "settings",
    [
        {"num_gpu_blocks": 60},
        {"num_gpu_blocks": 60, "async_scheduling": True, "max_num_batched_tokens": 256, "max_num_seqs": 64},
        {"num_gpu_blocks": 80, "instant_prefill": True},
        {"policy": "orca"},
        {"policy": "static", "max_num_seqs": 8},
        {"policy": "dynamic", "max_num_seqs": 8, "max_queue_delay": 0.1},
        {"policy": "continuous"},
    ],
)
def test_token_times_of_the_logs_fit_the_results(settings: dict[str, Any]) -> None:
    """Each token once, the first at first_token_time, in order; the last at the end, but in batches that wait."""
    requests = batching.generate_workload(300, arrival_rate=100.0)
    result = batching.simulate(requests, log_iterations=True, log_decisions=True, **settings)
    if "num_gpu_blocks" in settings:
        assert result.total_preemptions > 0
    tokens = result._token_times()
    assert tokens is not None
    assert np.diff(tokens.offsets).tolist() == result.tokens_generated.tolist()
    assert (tokens.times[tokens.offsets[:-1]] / 1e9).tolist() == result.first_token_time.tolist()
    last = tokens.times[tokens.offsets[1:] - 1] / 1e9
    if settings.get("policy") in {"static", "dynamic"}:
        assert (last <= result.end_time).all()
        assert (last < result.end_time).any()
    else:
        assert last.tolist() == result.end_time.tolist()
    owner = np.repeat(np.arange(len(result)), np.diff(tokens.offsets))
    assert (np.diff(tokens.times)[owner[1:] == owner[:-1]] > 0).all()


def test_token_times_need_both_logs() -> None:
    requests = RequestColumns([2])
    assert batching.simulate(requests, log_iterations=True)._token_times() is None
    assert batching.simulate(requests, log_decisions=True)._token_times() is None
    assert batching.simulate_continuous(requests, 1)._token_times() is None
