"""Autoscalers in Python: what they are told and tell, and every error. What each decides: `make conformance`."""

import copy
import gc
import inspect
import math
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import batching
from batching import Autoscaler, BatchingValueError
from batching._scaling.settings import AutoscalerSettings

NEEDED: dict[str, Any] = {"target": 10, "max_kv_tokens": 1000, "context_length": 1000}


def test_every_autoscaler_decides() -> None:
    # Two replicas, both at more than any limit.
    for name in batching.autoscalers():
        autoscaler = Autoscaler(name, **NEEDED)  # type: ignore[arg-type]
        decided = autoscaler.decide(
            0.0,
            waiting=[30, 30],
            queued_prefill_tokens=[3000, 3000],
            scheduled_kv_tokens=[990, 990],
            mean_prompt_length=100,
        )
        assert decided > 2, name
        assert autoscaler.autoscaler == name
        assert repr(autoscaler) == f"Autoscaler({name!r})"


def test_columns_are_sequences_and_arrays() -> None:
    for kind in (list, tuple, np.array, lambda values: np.array(values, np.int32)):
        # 1.5 times the target in two: ceil(1.5 x 2).
        assert Autoscaler("hpa", target=10).decide(0.0, waiting=kind([30, 0])) == 3
    assert Autoscaler("hpa", target=0.5, scaling_metric="kv_usage").decide(0.0, kv_usage=[0.75, 0.75]) == 3


def test_replicas_that_start_and_none_that_is_ready() -> None:
    autoscaler = Autoscaler("queue_length", target=10, min_replicas=0)
    assert autoscaler.decide(0.0) == 0
    assert autoscaler.decide(1.0, queued_requests=1) == 1
    # ceil(35 / 10).
    assert autoscaler.decide(2.0, starting=1, queued_requests=35) == 4
    assert autoscaler.decide(3.0, 0, 4, queued_requests=35) == 4


def test_zero_is_a_value_and_none_the_default() -> None:
    # 11 are within 10 % of 10, but not within none.
    assert Autoscaler("hpa", target=10, tolerance=None).decide(0.0, waiting=[11]) == 1
    assert Autoscaler("hpa", target=10, tolerance=0).decide(0.0, waiting=[11]) == 2
    # Down after 300 s, or at once.
    assert Autoscaler("hpa", target=10).decide(0.0, waiting=[0, 0]) == 2
    assert Autoscaler("hpa", target=10, down_window=0).decide(0.0, waiting=[0, 0]) == 1
    # 4 more, and by 100 %; or just by one of them; or not at all.
    assert Autoscaler("hpa", target=1).decide(0.0, waiting=[99, 99]) == 6
    assert Autoscaler("hpa", target=1, up_replicas=0).decide(0.0, waiting=[99, 99]) == 4
    assert Autoscaler("hpa", target=1, up_replicas=0, up_percent=0).decide(0.0, waiting=[99, 99]) == 2
    # 8 GPUs, or any number.
    step: dict[str, Any] = {"load_step": False, "throughput_step": 100}
    assert Autoscaler("dynamo_planner", **step).decide(0.0, 1, demand=50, capacity=1) == 8
    assert Autoscaler("dynamo_planner", gpu_budget=math.inf, **step).decide(0.0, 1, demand=50, capacity=1) == 50


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        ({"autoscaler": "keda"}, ValueError, "autoscaler is 'keda': must be one of"),
        ({"autoscaler": 3}, ValueError, "autoscaler is 3: must be"),
        ({"targets": 1}, TypeError, "Autoscaler() got an unexpected keyword argument 'targets'"),
        ({}, ValueError, "target is 0.0: must be at least 0.001: hpa compares with it"),
        ({"target": 0}, ValueError, "target is 0.0: must be greater than 0"),
        ({"target": "3"}, TypeError, "target is '3': must be a number"),
        ({"target": math.nan}, ValueError, "target is nan: must be greater than 0"),
        ({"target": 1, "interval": 0}, ValueError, "interval is 0.0: must be greater than 0"),
        ({"target": 1, "min_replicas": 3, "max_replicas": 2}, ValueError, "min_replicas is 3: must be in 0..max_rep"),
        ({"target": 1, "min_replicas": -1}, ValueError, "min_replicas is -1: must be at least 0"),
        ({"target": 1, "min_replicas": 1.5}, TypeError, "min_replicas is 1.5: must be an integer"),
        ({"target": 1, "max_replicas": 0}, ValueError, "max_replicas is 0: must be at least 1"),
        ({"target": 1, "tolerance": -1}, ValueError, "tolerance is -1.0: must be at least 0"),
        ({"target": 1, "tolerance": 1}, ValueError, "tolerance is 1.0: must be at least 0 and less than 1"),
        ({"target": 1, "scaling_metric": "cpu"}, ValueError, "scaling_metric is 'cpu': must be one of"),
        ({"target": 1, "load_step": 1}, TypeError, "load_step is 1: must be True or False"),
        ({"target": 1, "up_window": None}, TypeError, "up_window is None: must be a number"),
        ({"target": 1, "gpu_budget": 1.5}, TypeError, "gpu_budget is 1.5: must be an integer"),
        ({"target": 1, "gpu_budget": 0}, ValueError, "gpu_budget is 0: must be at least 1"),
        ({"autoscaler": "llm_d"}, ValueError, "max_kv_tokens is 0: must be at least 1: llm_d compares with it"),
    ],
)
def test_what_an_autoscaler_is_made_of_is_checked(
    arguments: dict[str, Any], kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind) as caught:
        Autoscaler(**arguments)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("readings", "kind", "sentence"),
    [
        ({"time": "now"}, TypeError, "time is 'now': must be a number"),
        ({"time": 5}, ValueError, "time is 5.0: must not be before that of the decision before, which is 10.0"),
        ({"time": 10, "ready": 2}, ValueError, "waiting is None: it is required where ready is 2"),
        ({"time": 10, "ready": -1}, ValueError, "ready is -1: must be in 0..65536"),
        ({"time": 10, "ready": 1.5}, TypeError, "ready is 1.5: must be an integer"),
        ({"time": 10, "starting": -1}, ValueError, "starting is -1: must be in 0..65536"),
        ({"time": 10, "waiting": [1, -1]}, ValueError, "waiting[1] is -1: must be in 0..2^50"),
        ({"time": 10, "waiting": [1, 0.5]}, TypeError, "waiting[1] is 0.5: must be an integer"),
        ({"time": 10, "waiting": [1], "running": [1, 2]}, ValueError, "running has 2 elements: must have as many as"),
        ({"time": 10, "waiting": [1], "kv_usage": [2]}, ValueError, "kv_usage[0] is 2.0: must be in 0..1"),
        ({"time": 10, "waiting": [1], "demand": -1}, ValueError, "demand is -1.0: must be in 0..1e15"),
    ],
)
def test_what_an_autoscaler_is_told_is_checked(readings: dict[str, Any], kind: type[Exception], sentence: str) -> None:
    autoscaler = Autoscaler("hpa", target=10)
    assert autoscaler.decide(10.0, waiting=[30, 0]) == 3
    with pytest.raises(kind) as caught:
        autoscaler.decide(**readings)
    assert sentence in str(caught.value)
    assert autoscaler.decide(10.0, waiting=[0, 0, 0]) == 3


def test_it_can_neither_be_pickled_nor_copied() -> None:
    autoscaler = Autoscaler("hpa", target=1)
    for call in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="an Autoscaler can neither be pickled nor copied"):
            call(autoscaler)


def test_one_that_was_not_made_says_so() -> None:
    with pytest.raises(BatchingValueError, match="this Autoscaler was not made"):
        Autoscaler.__new__(Autoscaler).decide(0.0)


def test_many_come_and_go_in_threads() -> None:
    def work() -> None:
        for _ in range(50):
            assert Autoscaler("llm_d", max_kv_tokens=10).decide(0.0, waiting=[0], kv_usage=[0.5]) == 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()


def test_help_shows_every_setting_and_the_documentation_says_what_it_is() -> None:
    shown = inspect.signature(Autoscaler).parameters
    assert list(shown) == ["autoscaler", *AutoscalerSettings.__annotations__]
    for name in shown:
        assert f"        {name}: " in (Autoscaler.__doc__ or ""), name
    for name in inspect.signature(Autoscaler.decide).parameters:
        assert name == "self" or f"            {name}: " in (Autoscaler.decide.__doc__ or ""), name
