"""How results print in a terminal and in a notebook."""

import json
import pickle
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

import closed_loop_by_hand as by_hand
from batching import (
    Accumulator,
    AffineTime,
    LiveEngine,
    RecordedRequests,
    RequestColumns,
    compare_batching_strategies,
    load_over_time,
    request_latencies,
    simulate,
    simulate_continuous,
)
from batching._columns.display import Displayed, Table, count, rate, seconds, share
from batching._output.captions import workload_caption

LESSON = RequestColumns([50, 200, 30, 150], arrival_time=[0.0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 s"), (2.5e-5, "25 µs"), (0.01234, "12.34 ms"), (3.2, "3.2 s"), (1234.5678, "1,235 s"), (float("nan"), "-")],
)  # fmt: skip
def test_a_time_is_in_the_unit_that_reads_best(value: float, text: str) -> None:
    assert seconds(value) == text


def test_figures() -> None:
    assert (count(1234567), rate(12.3456), rate(12345.6), share(0.1234)) == ("1,234,567", "12.35", "12,346", "12.3%")
    # Two requests in ten minutes.
    assert (rate(2 / 600), rate(0.05), rate(0.0), rate(0.1)) == ("0.0033", "0.05", "0.00", "0.10")
    assert (count(float("nan")), rate(float("inf")), share(float("nan"))) == ("-", "-", "-")


def test_columns_are_aligned() -> None:
    table = Table("Title", ("", "one", "two"), [("a", "1", "22"), ("longer", "333", "4")])
    assert table.text() == "Title\n          one  two\n  a         1   22\n  longer  333    4"


def test_nothing_is_taken_as_markup() -> None:
    html = Table("<b>", ("", "&"), [("<script>", '"x"')]).html()
    parsed = ET.fromstring(html)  # noqa: S314  (ours)
    assert parsed.findtext("caption") == "<b>"
    assert [cell.text for cell in parsed.iter("th")] == [None, "&", "<script>"]
    assert [cell.text for cell in parsed.iter("td")] == ['"x"']


@pytest.mark.parametrize(
    ("displayed", "expected"),
    [
        (simulate_continuous(LESSON, 2), {"requests": "4", "total time": "2.3 s", "throughput": "186.96 tokens/s"}),
        (
            simulate(LESSON, max_num_seqs=2, instant_prefill=True),
            {"requests finished": "4 of 4", "total time": "2.3 s", "running, mean and peak": "1.87, 2"},
        ),
        (
            simulate(LESSON, max_num_seqs=2, instant_prefill=True, attribution=True).attribution,
            {"requests": "2"},
        ),
        (
            simulate_continuous(LESSON, 2).metrics(),
            # From arrival to end: 0.5, 2.0, 0.6 and 2.0 s.
            {"tokens": "430", "throughput": "186.96 tokens/s", "mean latency": "1.275 s", "p50 latency": "1.3 s"},
        ),
        # The two batches end at 2.1 and 3.6 s: 2.1, 2.0, 3.4 and 3.3 s from arrival to end.
        (compare_batching_strategies(LESSON, 2), {"throughput, tokens/s": "119.44", "mean latency": "2.7 s"}),
    ],
)
def test_results_print_as_tables(displayed: Displayed, expected: dict[str, str]) -> None:
    # 430 tokens in 2.3 s, on two slots of which (0.5 + 2.0 + 0.3 + 1.5) s were in use.
    printed = [line.strip() for line in str(displayed).splitlines()]
    parsed = ET.fromstring(displayed._repr_html_())  # noqa: S314  (ours)
    cells = {row.findtext("th"): row.findtext("td") for row in parsed.iter("tr") if row.find("td") is not None}
    for label, value in expected.items():
        (line,) = [line for line in printed if line.startswith(label + "  ")]
        assert line[len(label) :].strip().startswith(value)
        assert cells[label] == value
    assert "\n" not in repr(displayed)


def test_metrics_are_dicts_in_all_but_print() -> None:
    metrics = simulate_continuous(LESSON, 2).metrics()
    assert repr(metrics) == repr(dict(metrics))
    assert json.loads(json.dumps(metrics)) == metrics == pickle.loads(pickle.dumps(metrics))  # noqa: S301  (ours)


def test_what_does_not_occur_is_not_told() -> None:
    usual = str(simulate(LESSON))
    assert "rejected" not in usual
    assert "KV blocks" not in usual
    words = str(simulate(LESSON, time_limit=1.0)).split()
    assert words[words.index("unfinished") + 1] == "2"
    assert words[words.index("ended") + 2 : words.index("ended") + 4] == ["time", "limit"]
    words = str(simulate(RequestColumns([1], prompt_length=[100]), max_model_len=10)).split()
    assert words[words.index("rejected") + 1] == "1"


def test_one_thing_is_told_in_the_singular() -> None:
    columns = RequestColumns([1], [1], [0.0])
    result = simulate(columns, log_iterations=True, log_decisions=True, attribution=True, iteration_time=1.0)
    live = Accumulator()
    live.arrived(7, time=0.0)
    engine = LiveEngine(iteration_time=1.0)
    engine.submit(0, prompt_length=1, output_length=1)
    engine.advance(0.5)
    told: list[object] = [
        columns, result, result.completed(), result.recorded(), result.iteration_log, result.decision_log,
        result.attribution, result.load(timeline=1).timeline, live, engine, engine.poll_columns(),
        engine.estimate_columns(RequestColumns([1], arrival_time=[0.5])), simulate_continuous(columns, 1),
        request_latencies(result.completed()),
    ]  # fmt: skip
    texts = [*map(repr, told), *(_refusal(call) for call in (
        lambda: RequestColumns([1], [1, 2]),
        lambda: RequestColumns([1, 2], [1]),
        lambda: RequestColumns([1], hash_ids=[1], hash_offsets=[0]),
        lambda: RequestColumns([1, 2], hash_ids=[[1]]),
        lambda: RecordedRequests([1.0, 2.0], [1, 1], token_times=[1.0], token_offsets=[0]),
        lambda: engine.submit_columns(columns, ids=[1, 2]),
        lambda: load_over_time(result.recorded(), last_token_time=[1.0, 2.0]),
        lambda: Accumulator(max_requests=1).add([1, 2], [0.0, 0.0]),
    ))]  # fmt: skip
    assert sum("1 " in text for text in texts) >= 16
    # Units, as in "1 tokens/s" and "1 s", have no singular.
    assert [text for text in texts if re.search(r"\b1 ([a-z]+ )?[a-z]{2,}s\b(?!/)", text)] == []


def _refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (its sentence is what the test is about)
        call()
    return str(caught.value)


def test_a_run_says_which_slots_and_times_it_assumed() -> None:
    assert str(simulate(LESSON)).splitlines()[0] == "Run of the policy vllm: max_num_seqs 256, iteration time 10 ms"
    time = AffineTime(base=0.005, per_prefill_token=2e-5)
    told = str(simulate(LESSON, max_num_seqs=2, iteration_time=time, num_gpu_blocks=50, policy="orca"))
    assert told.splitlines()[0] == (
        "Run of the policy orca: max_num_seqs 2, num_gpu_blocks 50, iteration time 5 ms + 20 µs a prefill token"
    )
    lines = [line.split() for line in str(simulate_continuous(LESSON, 2)).splitlines()]
    assert ["batch", "size", "2"] in lines
    assert ["time", "per", "token", "10", "ms"] in lines


def test_a_band_without_requests_has_no_time() -> None:
    attribution = simulate(RequestColumns([1]), iteration_time=1.0, attribution=True).attribution
    (line,) = [line for line in str(attribution).splitlines() if "mean time" in line]
    # One of the bands has the request.
    assert sorted(line.split()[2:]) == ["-", "-", "-", "1", "s"]


def test_a_closed_loop_is_told() -> None:
    result = by_hand.two_in_flight(attribution=True)
    lines = [line.split() for line in str(result).splitlines()]
    assert "max_concurrency 2" in str(result).splitlines()[0]
    assert ["mean", "latency", "1.75", "s"] in lines
    assert ["mean", "client", "queue", "time", "625", "ms"] in lines
    assert ["mean", "latency", "with", "client", "queue", "2.375", "s"] in lines
    assert "not sent" not in str(result)
    # The slowest half waited 2.5 of their 6.5 s.
    (line,) = [line.split() for line in str(result.attribution).splitlines() if "waiting for client" in line]
    assert line[3:] == ["0.0%", "38.5%", "-", "-"]
    assert "client" not in str(simulate(by_hand.REQUESTS))
    cut = by_hand.two_in_flight(time_limit=1.0)
    assert ["not", "sent", "1"] in [line.split() for line in str(cut).splitlines()]
    assert ", 1 not sent, " in repr(cut)


def test_a_workload_is_told_as_it_is_sent() -> None:
    at_once = by_hand.REQUESTS.replace(arrival_time=None)
    # The first session arrives at 0, the second at 0.5 s.
    conversation = by_hand.REQUESTS.replace(session=[5, 5, 5, 3])
    lengths = "mean prompt 1.0 tokens, mean output 1.8 tokens"
    for requests, is_closed, told in [
        (by_hand.REQUESTS, False, f"4 requests, 8.00 requests/s, {lengths}"),
        (by_hand.REQUESTS, True, f"4 requests, 8.00 requests/s, sent as fast as the clients allow, {lengths}"),
        (at_once, False, f"4 requests, all at once, {lengths}"),
        (at_once, True, f"4 requests, sent as fast as the clients allow, {lengths}"),
        (conversation, False, f"4 requests in 2 sessions, 4.00 sessions/s, {lengths}"),
    ]:
        assert workload_caption(requests, is_closed=is_closed) == told
