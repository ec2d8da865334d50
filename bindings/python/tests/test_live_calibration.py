"""Calibration on live traffic: a server that is simulated, whose requests are told as they come and end."""

import math
import pickle
import threading
from itertools import pairwise

import numpy as np
import pytest

from batching import (
    AffineTime,
    BatchingBusyError,
    Calibration,
    CalibrationProgress,
    EngineConfig,
    LiveCalibration,
    LiveCalibrationState,
    PoissonArrivals,
    UniformLengths,
    calibrate,
    generate_requests,
    simulate,
)

TIME = AffineTime(0.008, 4e-5, 6e-5, 2e-7, 2e-9)
SERVER = EngineConfig(max_num_seqs=16, max_num_batched_tokens=512, iteration_time=TIME)
LIMITS = SERVER.replace(iteration_time=0.01)


def events(count: int, seed: int = 1) -> list[tuple[float, str, int, int, int]]:
    """What happens at the server, in order: (time, what, request, prompt tokens, output tokens)."""
    requests = generate_requests(
        count,
        arrivals=PoissonArrivals(5.0),
        prompt_length=UniformLengths(20, 600),
        output_length=UniformLengths(5, 150),
        seed=seed,
    )
    run = simulate(requests, SERVER)
    told = []
    assert requests.arrival_time is not None
    assert requests.prompt_length is not None
    for index in range(count):
        prompt, output = int(requests.prompt_length[index]), int(requests.output_length[index])
        told.append((float(requests.arrival_time[index]), "arrived", index, prompt, output))
        told.append((float(run.first_token_time[index]), "first", index, prompt, output))
        told.append((float(run.end_time[index]), "finished", index, prompt, output))
    return sorted(told)


def tell(calibration: LiveCalibration, told: list[tuple[float, str, int, int, int]]) -> None:
    for time, what, request, prompt, output in told:
        match what:
            case "arrived":
                calibration.arrived(request, time, prompt)
            case "first":
                calibration.first_token(request, time)
            case _:
                calibration.finished(request, time, output)


def predicted(time: AffineTime) -> np.ndarray:
    return np.array(
        [
            time.seconds(decode_tokens=8, context_tokens=3200),
            time.seconds(decode_tokens=16, context_tokens=6400),
            time.seconds(prefill_tokens=400, decode_tokens=8, context_tokens=3200),
        ]
    )


def test_it_finds_the_times_of_the_server_while_requests_are_in_flight() -> None:
    told = events(200)
    calibration = LiveCalibration(LIMITS)
    # In the middle of it: some run, and some wait.
    tell(calibration, told[:500])
    assert 100 < len(calibration) < 200
    found = calibration.fit(simulations=400)
    assert found is not None
    assert found is calibration.latest
    assert predicted(found.iteration_time) == pytest.approx(predicted(TIME), rel=0.02)


def test_it_keeps_the_newest_and_does_not_compare_what_ran_beside_those_that_are_gone() -> None:
    told = events(300)
    calibration = LiveCalibration(LIMITS, window=60)
    tell(calibration, told)
    assert len(calibration) == 60
    log = calibration.log()
    assert log is not None
    requests, recorded = log
    assert len(requests) == 60
    assert recorded.success is not None
    counted = recorded.success
    assert 0 < counted.sum() < 60
    # Those that are gone had ended before any came that is compared.
    ends = sorted((time, request) for time, what, request, *_ in told if what == "finished")
    kept = {request for _, request in ends[-60:]}
    first = min(time for time, what, request, *_ in told if what == "arrived" and request in kept)
    assert requests.arrival_time is not None
    assert requests.arrival_time.min() == 0.0
    assert first + requests.arrival_time[counted].min() >= ends[-61][0]
    assert calibration.state.forgotten_until == ends[-61][0]
    found = calibration.fit(simulations=400)
    assert found is not None
    assert predicted(found.iteration_time) == pytest.approx(predicted(TIME), rel=0.05)


def test_few_requests_say_nothing_and_nothing_is_an_answer() -> None:
    calibration = LiveCalibration(LIMITS)
    assert calibration.fit() is None
    tell(calibration, events(12))
    assert len(calibration) == 12
    assert calibration.log() is None
    assert calibration.fit() is None
    assert calibration.latest is None


def test_failed_requests_took_their_slots_and_are_not_compared() -> None:
    calibration = LiveCalibration(LIMITS)
    for time, what, request, prompt, output in events(120):
        if what == "arrived":
            calibration.arrived(request, time, prompt, expected_output_length=output)
        elif what == "first":
            calibration.first_token(request, time)
        elif request % 5 == 0:
            calibration.failed(request, time)
        else:
            calibration.finished(request, time, output)
    assert len(calibration) == 96
    log = calibration.log()
    assert log is not None
    requests, recorded = log
    assert len(requests) == 120
    assert recorded.success is not None
    assert recorded.success.sum() == 96
    assert requests.abort_time is not None
    assert np.isfinite(requests.abort_time).sum() == 24
    assert calibration.fit(simulations=50) is not None


def test_a_time_budget_ends_it_with_the_best_so_far() -> None:
    calibration = LiveCalibration(LIMITS)
    tell(calibration, events(60))
    found = calibration.fit(seconds=0.0)
    assert found is not None
    assert found.simulations == 1
    assert not found.is_complete
    assert math.isfinite(found.loss)


def test_more_rounds_do_not_fit_worse() -> None:
    calibration = LiveCalibration(LIMITS)
    tell(calibration, events(100))
    losses = []
    for simulations in (1, 10, 40, 160):
        found = calibration.fit(simulations=simulations)
        assert found is not None
        losses.append(found.loss)
    assert all(later <= earlier + 6 for earlier, later in pairwise(losses))
    assert losses[-1] < losses[0] / 10


def test_what_is_wrong_is_named() -> None:
    calibration = LiveCalibration(LIMITS)
    calibration.arrived(3, 0.0, 10)
    with pytest.raises(ValueError, match="request is 3: must not be in flight already"):
        calibration.arrived(3, 0.5, 10)
    with pytest.raises(TypeError, match="prompt_length"):
        calibration.arrived(4, 0.5, "ten")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="output_length"):
        calibration.finished(3, 1.0, 0)
    with pytest.raises(ValueError, match="window"):
        LiveCalibration(LIMITS, window=3)
    with pytest.raises(ValueError, match=r"time is -1\.0: must be"):
        calibration.first_token(3, -1.0)
    with pytest.raises(ValueError, match=r"simulations is 0: must be"):
        calibration.fit(simulations=0)
    with pytest.raises(ValueError, match="scheduling is 'none'"):
        LiveCalibration(LIMITS, scheduling="none")
    with pytest.raises(ValueError, match="max_num_seqs is 0"):
        LiveCalibration(EngineConfig(max_num_seqs=0))
    with pytest.raises(ValueError, match="request is 77: must be in flight"):
        calibration.first_token(77, 1.0)
    with pytest.raises(ValueError, match="request is 77: must be in flight"):
        calibration.finished(77, 1.0, 5)
    with pytest.raises(ValueError, match="request is 77: must be in flight"):
        calibration.failed(77, 1.0)
    assert len(calibration) == 0
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(calibration)


def test_a_fit_is_that_of_calibrate_on_the_log() -> None:
    calibration = LiveCalibration(LIMITS, window=80, model="Llama-3.1-8B", gpu="H100-SXM", seed=3)
    tell(calibration, events(200)[:450])
    log = calibration.log()
    assert log is not None
    found = calibration.fit(simulations=60)
    assert found is not None
    by_hand = calibrate(log, LIMITS, model="Llama-3.1-8B", gpu="H100-SXM", seed=3, scheduling="given", simulations=60)
    assert found.iteration_time == by_hand.iteration_time
    assert found.loss == by_hand.loss
    assert found.told == by_hand.told
    assert found.notes == by_hand.notes
    assert found.errors.requests == by_hand.errors.requests


def test_a_copy_is_fitted_while_the_original_is_told_of_more() -> None:
    told = events(200)
    calibration = LiveCalibration(LIMITS)
    tell(calibration, told[:300])
    copy = calibration.fork()
    found: list[Calibration | None] = []
    thread = threading.Thread(target=lambda: found.append(copy.fit(simulations=40)))
    thread.start()
    tell(calibration, told[300:])
    thread.join()
    assert len(calibration) == 200
    alone = LiveCalibration(LIMITS)
    tell(alone, told[:300])
    expected = alone.fit(simulations=40)
    assert expected is not None
    assert found[0] is not None
    assert found[0].iteration_time == expected.iteration_time
    assert (calibration.latest, copy.latest) == (None, found[0])


def test_prefixes_that_the_server_has_cached_are_found_there() -> None:
    server = SERVER.replace(num_gpu_blocks=4000, enable_prefix_caching=True)
    requests = generate_requests(
        120,
        arrivals=PoissonArrivals(5.0),
        prompt_length=UniformLengths(320, 600),
        output_length=UniformLengths(5, 150),
        seed=2,
    ).with_prefixes(groups=3, length=256)
    run = simulate(requests, server)
    assert requests.arrival_time is not None
    assert requests.prompt_length is not None
    assert requests.hash_ids is not None
    assert requests.hash_offsets is not None
    calibration = LiveCalibration(server.replace(iteration_time=0.01))
    for index in range(120):
        hashes = requests.hash_ids[requests.hash_offsets[index] : requests.hash_offsets[index + 1]]
        calibration.arrived(
            index, float(requests.arrival_time[index]), int(requests.prompt_length[index]), hash_ids=hashes
        )
        calibration.first_token(index, float(run.first_token_time[index]))
        calibration.finished(index, float(run.end_time[index]), int(requests.output_length[index]))
    log = calibration.log()
    assert log is not None
    assert log[0].hash_ids is not None
    assert log[0].hash_ids.tolist() == requests.hash_ids.tolist()
    assert calibration.state.hash_ids == len(requests.hash_ids)
    found = calibration.fit(simulations=400)
    assert found is not None
    assert predicted(found.iteration_time) == pytest.approx(predicted(TIME), rel=0.05)


def test_a_function_is_told_how_far_it_has_come_and_may_end_or_stop_it() -> None:
    calibration = LiveCalibration(LIMITS)
    tell(calibration, events(60))
    told: list[int] = []

    def watch(progress: CalibrationProgress) -> bool:
        told.append(progress.simulations)
        with pytest.raises(BatchingBusyError):
            calibration.finished(1, 2.0, 3)
        return progress.simulations == 7

    found = calibration.fit(seconds=60.0, progress=watch)
    assert found is not None
    assert told == list(range(1, 8))

    def stop(_: CalibrationProgress) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        calibration.fit(progress=stop)
    assert calibration.latest is found


def test_its_state_says_what_it_holds() -> None:
    calibration = LiveCalibration(LIMITS, window=16)
    assert calibration.state == LiveCalibrationState(0, 0, 0, 0, 0, None)
    for request in range(18):
        calibration.arrived(request, float(request))
    calibration.failed(17, 17.0)
    for request in range(16):
        calibration.finished(request, request + 2.5, 4)
    # The one that failed ended first of those that are told, at 17: none arrived after it.
    assert calibration.state == LiveCalibrationState(1, 16, 0, 0, 0, 17.0)
    assert "forgotten until" in str(calibration.state)
