"""Calibration: a log that was simulated gives its times back, and what is wrong with a log is said."""

import dataclasses
import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import (
    AffineTime,
    Calibration,
    CalibrationProgress,
    EngineConfig,
    Iteration,
    LatencyErrors,
    PolicyDecision,
    PolicyView,
    Profile,
    RecordedRequests,
    RequestColumns,
    Result,
    calibrate,
    generate_conversation_workload,
    read_trace,
    simulate,
)

# Of an 8B model on some GPU, by the orders of magnitude.
TIMES = {
    "usual": AffineTime(0.006, 3e-5, 2e-5, 5e-8),
    "slow prefill": AffineTime(0.01, 2e-4, 1e-5, 8e-8, 1e-9, 0.002),
    "start-up": AffineTime(0.008, 4e-5, 3e-5, 6e-8, startup=2.0),
}
REQUESTS = generate_conversation_workload(300, 1)
CONFIG = EngineConfig(max_num_seqs=32, iteration_time=TIMES["usual"])


def log_of(config: EngineConfig = CONFIG, requests: RequestColumns = REQUESTS) -> RecordedRequests:
    return simulate(requests, config).recorded()


def columns(recorded: RecordedRequests, **changed: Any) -> RecordedRequests:
    """The same with other columns."""
    names = ("end_time", "output_length", "arrival_time", "first_token_time", "prompt_length", "success")
    return RecordedRequests(**({name: getattr(recorded, name) for name in names} | changed))


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate(log_of(), CONFIG)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("name", TIMES)
def test_a_simulated_log_gives_its_times_back(name: str, *, is_async: bool) -> None:
    config = CONFIG.replace(iteration_time=TIMES[name], async_scheduling=is_async)
    found = calibrate(log_of(config), CONFIG, scheduling="async" if is_async else "sync")
    assert found.errors.requests == len(REQUESTS)
    assert found.errors.worst_mean < 0.005
    # Where an iteration begins a moment later, a request that comes then waits for one more, or one less.
    assert found.errors.worst_percentile < 0.03
    assert found.config.async_scheduling is is_async
    # Iterations take as long: half of them, and those that are like few others.
    iterations = iterations_of(REQUESTS, config)
    errors = np.abs(found.iteration_time.seconds(*iterations) / TIMES[name].seconds(*iterations) - 1)
    assert np.median(errors) < 0.005
    assert np.percentile(errors, 90) < 0.01
    # Also for requests that it has not seen.
    others = generate_conversation_workload(3000, 2)
    first, second = simulate(others, config), simulate(others, found.config)
    for told, expected in zip(latencies(second), latencies(first), strict=True):
        assert told == pytest.approx(expected, rel=0.01 if TIMES[name].startup else 0.005)


def iterations_of(requests: RequestColumns, config: EngineConfig) -> list[Any]:
    """What each computes, as columns that `seconds` takes."""
    seen = []
    time = config.iteration_time
    assert isinstance(time, AffineTime)

    def kept(told: Iteration) -> float:
        seen.append(
            (told.prefill_tokens, told.decode_tokens, told.context_tokens, told.prefill_chunks, told.prefill_context)
        )
        seconds: float = time.seconds(*seen[-1])
        return seconds

    simulate(requests, config.replace(iteration_time=kept))
    return [np.array(column) for column in zip(*seen, strict=True)]


def latencies(result: Result) -> tuple[float, float]:
    sent = result.sent_time
    return float(np.mean(result.first_token_time - sent)), float(np.mean(result.end_time - sent))


def test_both_ways_to_schedule_are_tried() -> None:
    # Asynchronous, every token comes an iteration later: at 20 requests/s and short prompts that shows.
    for is_async in (False, True):
        config = CONFIG.replace(async_scheduling=is_async)
        found = calibrate(log_of(config), CONFIG.replace(async_scheduling=not is_async))
        assert np.isfinite(found.loss_of_other_scheduling)
        alike = abs(found.loss - found.loss_of_other_scheduling) < 6
        assert found.config.async_scheduling is is_async or alike
        assert alike == any("fit alike" in note for note in found.notes)


def test_what_was_found_says_how_good_it_is(found: Calibration) -> None:
    assert found.told.keys() == {name for name in TIMES["usual"].to_dict() if name != "startup"}
    assert all(0 <= told <= 1 for told in found.told.values())
    # It is a log of many lengths of prompts and contexts.
    assert found.told["base"] > 0.9
    assert found.told["per_prefill_token"] > 0.9
    assert found.told["per_prefill_chunk"] < 0.5
    assert any("hardly tells" in note and "per_prefill_chunk" in note for note in found.notes)
    assert found.residuals <= 2 * len(REQUESTS)
    assert found.simulations > 0
    assert found.errors_of_others is None
    assert found.observed_until is None
    assert "TTFT measured" in str(found)
    assert "Calibration(" in repr(found)
    assert found.result.config == found.config


def test_the_same_seed_gives_the_same_bits(found: Calibration) -> None:
    again = calibrate(log_of(), CONFIG)
    assert again.iteration_time == found.iteration_time
    assert again.loss == found.loss
    assert again.to_json() == found.to_json()


def test_errors_are_of_the_figures_that_numpy_gives(found: Calibration) -> None:
    recorded, result, errors = found.recorded, found.result, found.errors
    assert recorded.first_token_time is not None
    assert found.requests.arrival_time is not None
    measured = recorded.first_token_time - found.requests.arrival_time
    simulated = result.first_token_time - found.requests.arrival_time
    assert errors["ttft"]["mean"] == pytest.approx(simulated.mean() / measured.mean() - 1)
    assert errors["ttft"]["p90"] == pytest.approx(np.percentile(simulated, 90) / np.percentile(measured, 90) - 1)
    several = recorded.output_length > 1
    gaps = recorded.output_length[several] - 1
    tpot = [
        (run.end_time - run.first_token_time)[several] / gaps  # type: ignore[operator]
        for run in (recorded, result)
    ]
    assert errors["tpot"]["p99"] == pytest.approx(np.percentile(tpot[1], 99) / np.percentile(tpot[0], 99) - 1)
    assert errors.worst_mean == max(abs(errors[name]["mean"]) for name in ("ttft", "tpot", "e2e"))
    assert errors.to_dict()["e2e"]["p50"] == errors["e2e"]["p50"]


def test_no_requests_have_no_errors() -> None:
    nothing = dict.fromkeys(("mean", "p50", "p90", "p99"), np.nan)
    errors = LatencyErrors(
        0, dict.fromkeys(("ttft", "tpot", "e2e"), nothing), dict.fromkeys(("ttft", "tpot", "e2e"), nothing)
    )
    assert errors.to_dict()["ttft"] == dict.fromkeys(nothing)
    assert "-" in str(errors)


# --- Clients, and how far fits differ ---------------------------------------------------------------------------------


def delayed(requests: RequestColumns, config: EngineConfig, delay: float) -> RecordedRequests:
    """As clients have it that are so far away."""
    recorded = log_of(config, requests)
    assert recorded.first_token_time is not None
    return columns(recorded, end_time=recorded.end_time + delay, first_token_time=recorded.first_token_time + delay)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("name", ["usual", "slow prefill"])
def test_the_delay_of_clients_is_found_in_a_lightly_loaded_log(name: str, *, is_async: bool) -> None:
    config = CONFIG.replace(iteration_time=TIMES[name], async_scheduling=is_async)
    arrivals = REQUESTS.arrival_time
    assert arrivals is not None
    calm = REQUESTS.replace(arrival_time=4 * arrivals)
    found = calibrate(delayed(calm, config, 0.02), config, scheduling="given", simulations=600)
    assert found.share_without_queueing > 0.5
    assert found.client_delay == pytest.approx(0.02, rel=0.02)
    assert found.told_client_delay > 0.5
    assert found.errors.worst_mean < 0.005
    assert any(note.startswith("Clients saw ") for note in found.notes)
    assert "client_delay" in found.coefficients().text()
    # The engine alone is told apart: others, and what another client would see of them.
    others = generate_conversation_workload(1000, 2)
    first, second = simulate(others, config), simulate(others, found.config)
    for told, expected in zip(latencies(second), latencies(first), strict=True):
        assert told + found.client_delay == pytest.approx(expected + 0.02, rel=0.005)
    # The profile keeps it.
    assert Profile.from_json(found.to_json()).client_delay == found.client_delay


def test_no_delay_is_taken_where_requests_wait_in_the_queue() -> None:
    config = CONFIG.replace(max_num_seqs=8)
    found = calibrate(delayed(REQUESTS, config, 0.02), config, scheduling="given", simulations=100)
    assert found.share_without_queueing < 0.5
    assert found.client_delay == 0
    assert any("its requests wait in the queue" in note for note in found.notes)
    assert "client_delay" not in found.to_dict()


@pytest.mark.parametrize("prompt", [[100], [50, 300, 900, 1500]])
def test_no_delay_is_taken_that_is_not_told_apart_from_prefill(prompt: list[int]) -> None:
    # One at a time, each with one chunk.
    count = 60
    requests = RequestColumns(10 + np.arange(count) * 7 % 90, np.resize(prompt, count), 5.0 * np.arange(count))
    found = calibrate(delayed(requests, CONFIG, 0.02), CONFIG, scheduling="given", simulations=200)
    assert found.share_without_queueing == 1
    assert found.client_delay == 0
    assert any("A client's delay cannot be told from this log: it is not told apart" in note for note in found.notes)


def test_nothing_is_found_that_is_not_there() -> None:
    calm = REQUESTS.replace(arrival_time=4 * np.asarray(REQUESTS.arrival_time))
    found = calibrate(delayed(calm, CONFIG, 0.0), CONFIG, scheduling="given", simulations=300)
    assert found.client_delay < 1e-4


def test_it_is_told_how_far_fits_differ_that_are_about_as_good(found: Calibration) -> None:
    time = found.iteration_time.to_dict()
    assert found.ranges.keys() == {*time, "client_delay", "mean_ttft", "mean_e2e"}
    for name, (least, most) in found.ranges.items():
        assert least <= most
        assert least <= time.get(name, least) <= most
    assert found.fits > 1
    assert found.ranges["base"][0] < found.ranges["base"][1]
    # Of the simulated means: TTFT of all, E2E of those with more than 8 tokens.
    result, sent = found.result, found.requests.arrival_time
    assert sent is not None
    long = REQUESTS.output_length > 8
    for name, mean in (
        ("mean_ttft", np.mean(result.first_token_time - sent)),
        ("mean_e2e", np.mean((result.end_time - sent)[long])),
    ):
        least, most = found.ranges[name]
        assert least <= mean * (1 + 1e-9)
        assert mean <= most * (1 + 1e-9)
        assert most < 1.05 * least
    told = found.to_dict()["notes"]
    assert told["fits"] == found.fits
    assert told["ranges"] == {name: list(values) for name, values in found.ranges.items()}
    assert any("fits are about as good" in note for note in found.notes)
    assert calibrate(log_of(), CONFIG, scheduling="given", simulations=1).fits == 1


# --- What is given ----------------------------------------------------------------------------------------------------


def test_the_clock_of_the_log_may_begin_anywhere(found: Calibration) -> None:
    recorded = log_of()
    assert recorded.arrival_time is not None
    assert recorded.first_token_time is not None
    # Exact in binary, so that nothing is rounded.
    late = 1024.0
    moved = columns(
        recorded,
        end_time=recorded.end_time + late,
        arrival_time=recorded.arrival_time + late,
        first_token_time=recorded.first_token_time + late,
    )
    assert calibrate(moved, CONFIG).errors.worst_mean == pytest.approx(found.errors.worst_mean, abs=0.002)


def test_first_tokens_may_stand_in_the_token_times(found: Calibration) -> None:
    recorded = log_of()
    first = recorded.first_token_time
    assert first is not None
    times = np.stack([first, recorded.end_time], axis=1).reshape(-1)
    offsets = np.arange(0, 2 * len(first) + 1, 2)
    told = columns(recorded, first_token_time=None)
    told = RecordedRequests(
        told.end_time, told.output_length, arrival_time=told.arrival_time, prompt_length=told.prompt_length,
        token_times=times, token_offsets=offsets,
    )  # fmt: skip
    assert calibrate(told, CONFIG).iteration_time == found.iteration_time


def test_failures_are_left_out_of_a_log_and_simulated_of_a_pair() -> None:
    recorded = log_of()
    success = np.ones(len(recorded), np.bool_)
    success[::50] = False
    end = recorded.end_time.copy()
    end[~success] = np.nan
    output = recorded.output_length.copy()
    output[~success] = 0
    left_out = calibrate(columns(recorded, success=success, end_time=end, output_length=output), CONFIG)
    assert len(left_out.requests) == len(REQUESTS) - 6
    assert left_out.notes[0].startswith("6 requests failed")
    whole = calibrate((REQUESTS, columns(recorded, success=success, end_time=end)), CONFIG)
    assert len(whole.requests) == len(REQUESTS)
    assert whole.errors.requests == len(REQUESTS) - 6
    # Nothing else is different: the load is the same.
    assert whole.errors.worst_mean < 0.005


def test_the_first_half_tells_the_second() -> None:
    recorded = log_of()
    half = float(np.median(recorded.end_time))
    found = calibrate(recorded, CONFIG, observed_until=half)
    others = found.errors_of_others
    assert others is not None
    assert found.errors.requests + others.requests == len(REQUESTS)
    assert found.errors.requests == np.count_nonzero(recorded.end_time <= half)
    assert others.worst_mean < 0.005
    assert found.observed_until == pytest.approx(half)
    # The same by marking which requests are known.
    known = np.arange(len(REQUESTS)) < len(REQUESTS) // 2
    marked = calibrate((REQUESTS, columns(recorded, success=known)), CONFIG)
    assert marked.errors.requests == len(REQUESTS) // 2
    assert marked.errors_of_others is not None
    assert marked.errors_of_others.worst_mean < 0.005


def test_a_model_on_a_gpu_says_what_to_expect() -> None:
    named = calibrate(log_of(), CONFIG, model="Llama-3.1-8B", gpu="H100-SXM", tensor_parallel=1)
    assert (named.model, named.gpu) == ("Llama-3.1-8B", "H100-SXM")
    assert named.deployment == {"tensor_parallel": 1, "dtype": "bf16", "kv_dtype": "bf16"}
    assert any("roofline of Llama-3.1-8B (bf16) on H100-SXM" in note for note in named.notes)
    assert named.errors.worst_mean < 0.01


def test_a_constant_batch_does_not_tell_what_a_sequence_costs() -> None:
    # All at once, of one length: eight sequences decode in nearly every iteration.
    count = 80
    requests = RequestColumns(np.full(count, 200), np.full(count, 50), np.zeros(count))
    config = EngineConfig(max_num_seqs=8, iteration_time=TIMES["usual"])
    found = calibrate(log_of(config, requests), config)
    assert found.told["per_decode_token"] < 0.5
    told = [note for note in found.notes if "per_decode_token" in note]
    assert told, found.notes


def test_hash_ids_without_a_prefix_cache_are_noted() -> None:
    requests = REQUESTS.replace(hash_ids=[[index] for index in range(len(REQUESTS))])
    found = calibrate((requests, log_of()), CONFIG)
    assert any("enable_prefix_caching is False" in note for note in found.notes)


def test_progress_counts_simulations_and_may_end_it() -> None:
    told: list[CalibrationProgress] = []

    def keep(progress: CalibrationProgress) -> bool:
        told.append(progress)
        return len(told) == 20

    found = calibrate(log_of(), CONFIG, progress=keep)
    assert [progress.simulations for progress in told] == list(range(1, 21))
    assert told[-1].loss <= told[0].loss
    assert not found.is_complete
    assert any(note.startswith("It ended early") for note in found.notes)

    def stop(_: CalibrationProgress) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        calibrate(log_of(), CONFIG, progress=stop)
    bounded = calibrate(log_of(), CONFIG, simulations=30)
    assert bounded.simulations <= 30


# --- What is wrong ----------------------------------------------------------------------------------------------------

COUNT = 40
ARRIVALS = np.arange(COUNT) * 2.0


def even(**changed: Any) -> RecordedRequests:
    """Requests that take from 1.0 to 1.4 s, one at a time."""
    spread = 0.01 * np.arange(COUNT)
    columns: dict[str, Any] = {
        "end_time": ARRIVALS + 1.0 + spread,
        "output_length": np.full(COUNT, 100),
        "arrival_time": ARRIVALS,
        "first_token_time": ARRIVALS + 0.05 + spread / 10,
        "prompt_length": np.full(COUNT, 100),
    }
    return RecordedRequests(**(columns | changed))


def own_policy(view: PolicyView, decision: PolicyDecision) -> None:
    """Decides nothing."""


def with_one(column: np.ndarray[Any, Any], index: int, value: Any) -> Any:
    changed = column.copy()
    changed[index] = value
    return changed


BAD_LOGS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "too short": (even, {"end_time": [1.0], "output_length": [10], "arrival_time": [0.0], "first_token_time": [0.5],
                         "prompt_length": [5]}, "at least 16"),
    "nothing": (even, {"end_time": [], "output_length": [], "arrival_time": [], "first_token_time": [],
                       "prompt_length": []}, "at least 16"),
    "all equal": (even, {"end_time": ARRIVALS * 0 + 1.0, "first_token_time": ARRIVALS * 0 + 0.5,
                         "arrival_time": ARRIVALS * 0}, "same TTFT"),
    "a first token before its request": (even, {"first_token_time": with_one(ARRIVALS + 0.05, 5, 3.0)},
                                         r"first_token_time\[5\] is 3.0: must be at least arrival_time, which is 10"),
    "a clock that jumps back": (even, {"end_time": with_one(ARRIVALS + 1.0, 7, 3.0)},
                                r"end_time\[7\] is 3.0: must be at least first_token_time"),
    "no end": (even, {"end_time": with_one(ARRIVALS + 1.0, 7, np.nan)}, r"end_time\[7\] is nan"),
    "no output": (even, {"output_length": with_one(np.full(COUNT, 100), 4, 0)},
                  r"output_length\[4\] is 0: must be at least 1"),
    "only failures": (even, {"success": np.zeros(COUNT, np.bool_)}, "at least 16"),
    "no first tokens": (even, {"first_token_time": None}, "neither first_token_time nor token_times"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LOGS)
def test_what_is_wrong_with_a_log_is_a_sentence(name: str) -> None:
    make, changed, sentence = BAD_LOGS[name]
    with pytest.raises(ValueError, match=sentence):
        calibrate(make(**changed))


def test_a_log_without_waiting_is_calibrated() -> None:
    found = calibrate(even())
    assert found.errors.requests == COUNT
    # One request at a time, and nothing else that they differ in: half of them are slower, half faster.
    assert abs(found.errors["tpot"]["mean"]) < 0.05
    assert any("not told apart" in note or "hardly tells" in note for note in found.notes)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"recorded": 5}, TypeError, "recorded is 5: must be a Trace, RecordedRequests"),
        ({"recorded": (REQUESTS, even())}, ValueError, "recorded has 40 requests: must have those of requests, 300"),
        ({"config": 5}, TypeError, "config is 5: must be an EngineConfig"),
        ({"config": EngineConfig(policy=own_policy)}, ValueError, "config.policy is a function"),
        ({"model": "Llama-3.1-8B"}, ValueError, "model is given, but gpu is not"),
        ({"gpu": "L4"}, ValueError, "gpu is given, but model is not"),
        ({"model": "Llama-3.1-8B", "gpu": "H1000"}, ValueError, "H100"),
        ({"scheduling": "no"}, ValueError, "scheduling is 'no': must be one of 'both', 'given', 'async', 'sync'"),
        ({"observed_until": -1.0}, ValueError, "observed_until is -1.0: must be after the first arrival"),
        ({"observed_until": 3.0}, ValueError, "at least 16"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"simulations": 0}, ValueError, "simulations is 0: must be"),
        ({"progress": 5}, TypeError, "progress is 5: must be a function"),
        ({"config": EngineConfig(max_num_seqs=8, max_num_batched_tokens=4)}, ValueError, "max_num_batched_tokens is 4"),
    ],
)
def test_bad_arguments_are_a_sentence(arguments: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        calibrate(**({"recorded": even()} | arguments))


def test_a_trace_without_answers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("arrival_time,prompt_length,output_length\n0,10,20\n1,10,20\n")
    with pytest.raises(ValueError, match="tells when requests arrived, not when they were answered"):
        calibrate(read_trace(path))


# --- The profile ------------------------------------------------------------------------------------------------------


def test_the_profile_is_read_back_and_simulates_the_same(found: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    found.save(path)
    read = Profile.read(path)
    assert read == found.profile
    assert read.config == found.config
    assert simulate(REQUESTS, read.config).total_time == simulate(REQUESTS, found.config).total_time
    told = json.loads(path.read_text())
    assert told == found.to_dict()
    notes = told["notes"]
    assert notes["fitted_on"]["requests"] == len(REQUESTS)
    assert notes["errors"]["in_sample"]["ttft"].keys() == {"mean", "p50", "p90", "p99"}
    assert notes["errors"]["out_of_sample"] is None
    assert notes["told"] == found.told
    assert notes["remarks"] == list(found.notes)
    changed = path.read_text().replace('"version": 1', '"version": 7')
    path.write_text(changed)
    with pytest.raises(ValueError, match="the profile is of version 7: must be of 1"):
        Profile.read(path)
    path.write_text(changed[: len(changed) // 2])
    with pytest.raises(ValueError, match=f"{path}: the profile is no JSON"):
        Profile.read(path)


# --- Measured runs ----------------------------------------------------------------------------------------------------

DATA = Path(os.environ.get("BATCHING_DATA", "")) / "times" / "runs"
# Of each: max_num_seqs, KV blocks, and prompt tokens that its prefix cache had, as its documentation says.
RUNS = {"RTX4090_Llama-3.1-8B": (256, 2588, 4848), "RTXPRO6000_Llama-3.1-8B": (128, 36578, 19520)}


def rows_of(name: str) -> list[Any]:
    """What stands in JSON lines."""
    return [json.loads(line) for line in gzip.decompress((DATA / name).read_bytes()).splitlines()]


def measured(name: str) -> Any:
    """A trace with hash ids."""
    ids = [row["hash_ids"] for row in rows_of(f"{name}.hash_ids.jsonl.gz")]
    trace = read_trace(DATA / f"{name}.requests.jsonl.gz")
    return dataclasses.replace(trace, requests=trace.requests.replace(hash_ids=ids))


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the measured runs, in the directory that BATCHING_DATA names")
def test_measured_runs_come_out_as_they_were(name: str) -> None:
    max_num_seqs, blocks, cached = RUNS[name]
    config = EngineConfig(max_num_seqs=max_num_seqs, num_gpu_blocks=blocks, enable_prefix_caching=True)
    gpu = {"RTX4090": "RTX-4090", "RTXPRO6000": "RTX-PRO-6000-Server"}[name.partition("_")[0]]
    found = calibrate(measured(name), config, model="Llama-3.1-8B", gpu=gpu)
    assert found.errors.worst_mean < 0.01
    assert found.errors.worst_percentile < 0.02
    assert int(found.result.prefix_cached_tokens.sum()) == cached
    # It ran with asynchronous scheduling.
    assert found.config.async_scheduling is True


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the measured runs, in the directory that BATCHING_DATA names")
def test_a_measured_request_is_sent_before_it_is_queued() -> None:
    trace = read_trace(DATA / "RTX4090_Llama-3.1-8B.requests.jsonl.gz")
    rows = rows_of("RTX4090_Llama-3.1-8B.requests.jsonl.gz")
    queued = np.array([row["queued_ts"] for row in rows])
    sent = np.array([row["arrival_time"] for row in rows])
    waited = (queued - sent) - (queued - sent).min()
    assert trace.recorded is not None
    assert trace.recorded.arrival_time is not None
    assert trace.recorded.arrival_time - trace.details["sent"] / 1e9 == pytest.approx(waited, abs=1e-6)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the measured runs, in the directory that BATCHING_DATA names")
def test_the_kv_blocks_of_a_measured_run_are_found() -> None:
    blocks = RUNS["RTX4090_Llama-3.1-8B"][1]
    config = EngineConfig(max_num_seqs=256, num_gpu_blocks=2450, enable_prefix_caching=True)
    found = calibrate(
        measured("RTX4090_Llama-3.1-8B"), config, model="Llama-3.1-8B", gpu="RTX-4090", scheduling="async",
        search_num_gpu_blocks=True,
    )  # fmt: skip
    best = found.config.num_gpu_blocks
    assert best is not None
    assert best == pytest.approx(blocks, abs=3)
    assert found.num_gpu_blocks_range is not None
    least, most = found.num_gpu_blocks_range
    assert least <= best <= most
    assert least <= blocks <= most
