"""EngineConfig: one value says how an engine is configured, whatever takes it."""

import copy
import dataclasses
import inspect
import json
import pickle
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from batching import AffineTime, BatchingValueError, EngineConfig, KVOffload, LiveEngine, RequestColumns, simulate
from batching._command.settings import plans
from batching._engine.callbacks import Callbacks
from batching._engine.config import EngineSettings

FIELDS = [field.name for field in dataclasses.fields(EngineConfig)]

# A value that is not the default, for each.
OTHERS: dict[str, Any] = {
    "policy": "continuous",
    "queue_order": "priority",
    "max_num_seqs": 8,
    "max_num_batched_tokens": 512,
    "long_prefill_token_threshold": 64,
    "max_model_len": 4096,
    "enable_chunked_prefill": False,
    "scheduler_reserve_full_isl": False,
    "async_scheduling": True,
    "instant_prefill": True,
    "max_queue_delay": 0.25,
    "num_gpu_blocks": 1000,
    "block_size": 32,
    "enable_prefix_caching": True,
    "watermark": 0.125,
    "admit_oversized": True,
    "kv_offload": KVOffload(host_tokens=1600, host_read_bandwidth=1e9, kv_bytes_per_token=1000),
    "iteration_time": AffineTime(base=0.005, per_context_token=1e-8),
}
# Every fifth asks for a long answer, so that the limits of the engine are felt.
REQUESTS = RequestColumns(
    [200 if index % 5 == 0 else 20 for index in range(60)],
    [300 + 7 * index for index in range(60)],
    [0.01 * index for index in range(60)],
)


def policy(view: Any, decision: Any) -> None:
    """Does nothing."""


def same_run(first: Any, second: Any) -> bool:
    columns = ("start_time", "first_token_time", "end_time", "status")
    return all(np.array_equal(getattr(first, name), getattr(second, name), equal_nan=True) for name in columns)


def test_every_field_is_tried() -> None:
    assert list(OTHERS) == FIELDS


def test_it_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        EngineConfig().max_num_seqs = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        EngineConfig("vllm")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", FIELDS)
def test_one_field_makes_a_difference(name: str) -> None:
    one, other = EngineConfig(**{name: OTHERS[name]}), EngineConfig()
    same = other.replace(**{name: OTHERS[name]})
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert getattr(one, name) == OTHERS[name]
    assert repr(one) == f"EngineConfig({name}={OTHERS[name]!r})"
    assert bytes(one._structure(Callbacks())[0]) != bytes(other._structure(Callbacks())[0])
    assert one.replace(**{name: getattr(other, name)}) == other


def test_what_is_as_by_default_is_not_shown() -> None:
    assert repr(EngineConfig()) == "EngineConfig()"
    assert repr(EngineConfig(block_size=16, watermark=0.0)) == "EngineConfig()"


def test_numbers_are_of_one_type() -> None:
    config = EngineConfig(max_num_seqs=np.int64(8), watermark=np.float32(0.5), iteration_time=1)  # type: ignore[arg-type]
    assert config == EngineConfig(max_num_seqs=8, watermark=0.5, iteration_time=1.0)
    assert [type(config.max_num_seqs), type(config.watermark), type(config.iteration_time)] == [int, float, float]


@pytest.mark.parametrize("config", [EngineConfig(), EngineConfig(**OTHERS)])
def test_copies_are_equal(config: EngineConfig) -> None:
    assert copy.deepcopy(config) == pickle.loads(pickle.dumps(config)) == config  # noqa: S301


@pytest.mark.parametrize("config", [EngineConfig(), EngineConfig(**OTHERS), EngineConfig(iteration_time=0.1 + 0.2)])
def test_json_has_every_field_and_is_read_back(config: EngineConfig) -> None:
    told = json.loads(config.to_json())
    assert list(told) == FIELDS
    assert told == config.to_dict()
    assert EngineConfig.from_json(config.to_json()) == EngineConfig.from_dict(told) == config


def test_what_is_not_in_the_json_is_as_by_default() -> None:
    assert EngineConfig.from_json('{"max_num_seqs": 8}') == EngineConfig(max_num_seqs=8)
    assert EngineConfig.from_dict({"iteration_time": {"base": 0.5}}) == EngineConfig(iteration_time=AffineTime(0.5))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"max_num_seq": 8}', "'max_num_seq' is not a field of EngineConfig: must be one of policy, queue_order"),
        ('{"iteration_time": {"bas": 1}}', "'bas' is not a term of iteration_time: must be one of base"),
        ('{"max_num_seqs": 0}', "max_num_seqs is 0: must be at least 1"),
        ("[]", r"text is '\[\]': must be a JSON object"),
        ("", "Expecting value"),
    ],
)
def test_other_json_is_a_value_error(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        EngineConfig.from_json(text)


def test_a_number_that_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        EngineConfig(watermark=float("nan")).to_json()


@pytest.mark.parametrize("name", ["policy", "iteration_time"])
def test_a_function_has_no_json_form(name: str) -> None:
    given: dict[str, Any] = {name: policy}
    config = EngineConfig(**given)
    assert config == EngineConfig(**given)
    for write in (config.to_dict, config.to_json):
        with pytest.raises(BatchingValueError, match=rf"{name} is <function policy.*: a function has no JSON form"):
            write()
    # As the sentence says.
    without = config.replace(**{name: getattr(EngineConfig(), name)})
    assert EngineConfig.from_json(without.to_json()).replace(**given) == config


def test_a_policy_of_your_own_orders_all() -> None:
    with pytest.raises(ValueError, match="queue_order is 'priority': must be 'arrival'"):
        EngineConfig(policy=policy, queue_order="priority")


def test_keywords_and_config_mean_the_same() -> None:
    settings: dict[str, Any] = {"max_num_seqs": 4, "num_gpu_blocks": 200, "iteration_time": AffineTime(0.01, 1e-5)}
    by_keywords = simulate(REQUESTS, **settings)
    by_config = simulate(REQUESTS, EngineConfig(**settings))
    assert same_run(by_keywords, by_config)
    assert by_keywords.config == by_config.config == EngineConfig(**settings)
    # A keyword replaces what the configuration says.
    assert same_run(by_keywords, simulate(REQUESTS, EngineConfig(**settings | {"max_num_seqs": 9}), max_num_seqs=4))
    assert not same_run(by_keywords, simulate(REQUESTS, EngineConfig(**settings | {"max_num_seqs": 9})))


def test_a_live_engine_takes_one() -> None:
    settings: dict[str, Any] = {"max_num_seqs": 2, "iteration_time": 0.25}
    engines = [
        LiveEngine(**settings),
        LiveEngine(EngineConfig(**settings)),
        LiveEngine(EngineConfig(max_num_seqs=7, iteration_time=0.25), max_num_seqs=2),
    ]
    for engine in engines:
        engine.submit_columns(REQUESTS)
        engine.advance()
    first, *others = [engine.poll() for engine in engines]
    assert len(first) > 0
    assert others == [first, first]


@pytest.mark.parametrize("made", [lambda config: simulate(REQUESTS, config), LiveEngine])
def test_something_else_is_a_type_error(made: Any) -> None:
    with pytest.raises(TypeError, match="config is 'vllm': must be an EngineConfig, or None"):
        made("vllm")


def test_the_settings_of_a_result_are_those_of_its_config_and_its_limits() -> None:
    result = simulate(REQUESTS, max_num_seqs=4, time_limit=1.5)
    assert result.settings == result.config.to_dict() | {
        "max_num_batched_tokens": 2048,
        "time_limit": 1.5,
        "iteration_limit": None,
    }


@pytest.mark.parametrize("max_num_seqs", [8, 3000])
def test_the_default_of_the_token_budget_follows_the_number_of_requests(max_num_seqs: int) -> None:
    requests = RequestColumns([3] * 3100, [7] * 3100)
    unset = simulate(requests, max_num_seqs=max_num_seqs)
    assert same_run(
        unset, simulate(requests, max_num_seqs=max_num_seqs, max_num_batched_tokens=max(2048, max_num_seqs))
    )
    assert unset.settings["max_num_batched_tokens"] == max(2048, max_num_seqs)
    assert unset.config.max_num_batched_tokens is None


def test_the_keywords_are_typed_and_shown_as_the_fields() -> None:
    types = {field.name: get_args(field.type)[0] for field in dataclasses.fields(EngineConfig)}
    assert get_type_hints(EngineSettings) == types
    defaults = {field.name: field.default for field in dataclasses.fields(EngineConfig)}
    for takes in (simulate, LiveEngine):
        shown = inspect.signature(takes).parameters
        assert {name: shown[name].default for name in FIELDS} == defaults
        assert "settings" not in shown


def test_the_command_takes_every_field() -> None:
    # These have options of their own.
    own = {"policy", "kv_offload", "iteration_time"}
    given = {name: value for name, value in OTHERS.items() if name not in own}
    (plan,) = plans(["vllm"], {}, [f"{name}={str(value).lower()}" for name, value in given.items()])
    del plan.settings["policy"]
    assert plan.settings == given
