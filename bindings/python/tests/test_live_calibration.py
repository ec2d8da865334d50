"""Calibration on live traffic: a server that is simulated, whose requests are told as they come and end."""

import math
from itertools import pairwise

import numpy as np
import pytest

from batching import (
    AffineTime,
    EngineConfig,
    LiveCalibration,
    PoissonArrivals,
    UniformLengths,
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
    ends = sorted(time for time, what, *_ in told if what == "finished")
    assert requests.arrival_time is not None
    assert requests.arrival_time[counted].min() >= ends[-61]
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
            calibration.arrived(request, time, prompt, expected=output)
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
    with pytest.raises(ValueError, match="request is 3: must be one that is not in flight"):
        calibration.arrived(3, 0.5, 10)
    with pytest.raises(TypeError, match="prompt_length"):
        calibration.arrived(4, 0.5, "ten")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="output_length"):
        calibration.finished(3, 1.0, 0)
    with pytest.raises(ValueError, match="window"):
        LiveCalibration(LIMITS, window=3)
    # What is not in flight changes nothing.
    calibration.first_token(77, 1.0)
    calibration.finished(77, 1.0, 5)
    calibration.failed(77, 1.0)
    assert len(calibration) == 0
