"""The accumulator's Prometheus text: vLLM's names and buckets, and counts that a plain loop finds, too."""

from bisect import bisect_left
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from accumulator_events import Told, interleaved, tell_in_columns
from batching import Accumulator
from test_accumulator import REQUESTS

# vllm/v1/metrics/loggers.py of vLLM 0.33.
TTFT = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0]
TTFT += [160.0, 640.0, 2560.0]
TOKEN = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0]
REQUEST = [0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0]
REQUEST += [960.0, 1920.0, 7680.0]
LENGTH = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0]
MODEL_LENGTH = 4096
BUCKETS = {
    "time_to_first_token_seconds": TTFT,
    "inter_token_latency_seconds": TOKEN,
    "request_time_per_output_token_seconds": TOKEN,
    "e2e_request_latency_seconds": REQUEST,
    "request_queue_time_seconds": REQUEST,
    "request_inference_time_seconds": REQUEST,
    "request_prefill_time_seconds": REQUEST,
    "request_decode_time_seconds": REQUEST,
    "request_prompt_tokens": LENGTH,
    "request_generation_tokens": LENGTH,
}
LABELS = {"model_name": 'a "model"\\with\nall of it', "engine": "3"}


def rendered(accumulator: Accumulator, *, max_model_len: int | None = None) -> str:
    return accumulator.prometheus(LABELS["model_name"], LABELS["engine"], max_model_len=max_model_len)


def samples(text: str) -> dict[tuple[str, str], float]:
    """Name and le or finished_reason -> value; every sample has the labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert {name: sample.labels[name] for name in LABELS} == LABELS
            extra = [value for name, value in sample.labels.items() if name not in LABELS]
            found[sample.name, extra[0] if extra else ""] = sample.value
    return found


def observed(requests: list[Told]) -> dict[str, list[Fraction]]:
    """What vLLM's server observes, exactly: seconds, or tokens."""
    found: dict[str, list[Fraction]] = {name: [] for name in BUCKETS}

    def see(name: str, value: int, divisor: int = 1) -> None:
        found[name].append(Fraction(value, divisor * (1 if name.endswith("tokens") else 1_000_000)))

    for told in requests:
        times = [time for time, _ in told.chunks]
        if times:
            see("time_to_first_token_seconds", times[0] - told.arrival)
        for before, after in pairwise(times):
            see("inter_token_latency_seconds", after - before)
        if not told.success:
            continue
        see("e2e_request_latency_seconds", told.end - told.arrival)
        see("request_prompt_tokens", told.prompt)
        see("request_generation_tokens", told.tokens)
        if told.start is not None:
            see("request_queue_time_seconds", told.start - told.arrival)
        if times:
            decode = times[-1] - times[0]
            see("request_decode_time_seconds", decode)
            count = told.tokens
            see("request_time_per_output_token_seconds", decode if count > 1 else 0, max(count - 1, 1))
            if told.start is not None:
                see("request_prefill_time_seconds", times[0] - told.start)
                see("request_inference_time_seconds", times[-1] - told.start)
    return found


@given(REQUESTS, st.integers(0, 1000))
def test_every_bucket_has_what_a_plain_loop_counts(requests: dict[int, Told], seed: int) -> None:
    accumulator = Accumulator()
    tell_in_columns(accumulator, interleaved(requests, seed))
    found = samples(rendered(accumulator, max_model_len=MODEL_LENGTH))
    for name, values in observed(list(requests.values())).items():
        bounds = [Fraction(str(bound)) for bound in BUCKETS[name]]
        counts = [0] * (len(bounds) + 1)
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        total = 0
        for bound, count in zip([*map(str, BUCKETS[name]), "+Inf"], counts, strict=True):
            total += count
            assert found.pop((f"vllm:{name}_bucket", bound)) == total, (name, bound)
        assert found.pop((f"vllm:{name}_count", "")) == len(values)
        assert found.pop((f"vllm:{name}_sum", "")) == pytest.approx(float(sum(values)), rel=1e-12)
    listed = requests.values()
    with_tokens = [told for told in listed if told.chunks]
    assert found == {
        ("vllm:num_requests_running", ""): 0,
        ("vllm:num_requests_waiting", ""): 0,
        ("vllm:prompt_tokens_total", ""): sum(told.prompt for told in with_tokens),
        ("vllm:generation_tokens_total", ""): sum(told.tokens for told in listed),
        ("vllm:request_success_total", "stop"): sum(told.success and told.reason == 0 for told in listed),
        ("vllm:request_success_total", "length"): sum(told.success and told.reason > 0 for told in listed),
        ("vllm:request_success_total", "error"): sum(not told.success and told.reason == 0 for told in listed),
        ("vllm:request_success_total", "abort"): sum(not told.success and told.reason > 0 for told in listed),
    }


@pytest.mark.parametrize("name", ["time_to_first_token_seconds", "inter_token_latency_seconds"])
def test_a_bound_is_included_and_a_nanosecond_more_is_not(name: str) -> None:
    for place, bound in enumerate(BUCKETS[name]):
        for nanoseconds, expected in ((-1, 1), (0, 1), (1, 0)):
            accumulator = Accumulator()
            first = round(bound * 1e9) + nanoseconds if name == BUCKETS_OF_TTFT else 0
            accumulator.arrived(1, 0.0)
            accumulator.tokens(1, first / 1e9)
            if name != BUCKETS_OF_TTFT:
                accumulator.tokens(1, (round(bound * 1e9) + nanoseconds) / 1e9)
            found = samples(rendered(accumulator))
            assert found[f"vllm:{name}_bucket", str(bound)] == expected, (bound, nanoseconds)
            if place:
                assert found[f"vllm:{name}_bucket", str(BUCKETS[name][place - 1])] == 0


BUCKETS_OF_TTFT = "time_to_first_token_seconds"


def test_what_is_in_flight_is_there_at_once() -> None:
    accumulator = Accumulator()
    accumulator.arrived(1, 0.0, 100)
    accumulator.arrived(2, 0.0, 50)
    accumulator.tokens(1, 0.25, 3)
    found: dict[Any, float] = samples(rendered(accumulator))
    assert found["vllm:num_requests_running", ""] == 1
    assert found["vllm:num_requests_waiting", ""] == 1
    assert found["vllm:prompt_tokens_total", ""] == 100
    assert found["vllm:generation_tokens_total", ""] == 3
    assert found["vllm:time_to_first_token_seconds_sum", ""] == 0.25


def test_the_buckets_of_lengths_go_up_to_the_longest_model() -> None:
    text = rendered(Accumulator())
    bounds = [float(bound) for (name, bound) in samples(text) if name == "vllm:request_prompt_tokens_bucket"]
    assert bounds[:4] == [1, 2, 5, 10]
    assert bounds[-2:] == [2e9, float("inf")]
