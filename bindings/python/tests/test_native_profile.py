"""The library's reader of profiles: what Python can write, it reads with the same meaning."""

import json
import random
from typing import Any

import numpy as np
import pytest

from batching import AffineTime, EngineConfig, Profile, RooflineTime, TableTime
from batching._engine.callbacks import Callbacks
from profile_reader import WHOLE, columns_of, differences, native_profile


def random_config(seed: int) -> EngineConfig:
    """All that a configuration may be, now and then."""
    draw = random.Random(seed)  # noqa: S311

    def some(value: Any, otherwise: Any) -> Any:
        return value if draw.random() < 0.5 else otherwise

    seqs = draw.randrange(1, 300)
    blocks = some(draw.randrange(2000, 4000), None)
    policy = some("vllm", draw.choice(["static", "dynamic", "continuous", "orca"]))
    return EngineConfig(
        policy=policy,
        queue_order=some("arrival", draw.choice(["priority", "shortest_output"])) if policy == "vllm" else "arrival",
        max_num_seqs=seqs,
        max_num_batched_tokens=some(draw.randrange(seqs, 9000), None),
        long_prefill_token_threshold=some(draw.randrange(0, 500), 0),
        max_model_len=some(draw.randrange(600, 9000), None),
        enable_chunked_prefill=some(True, False),
        scheduler_reserve_full_isl=some(True, False),
        async_scheduling=policy == "vllm" and some(True, False),
        instant_prefill=some(False, draw.random() < 0.3),
        max_queue_delay=draw.random(),
        num_gpu_blocks=blocks,
        block_size=some(16, draw.choice([8, 32, 17])),
        enable_prefix_caching=policy == "vllm" and blocks is not None and some(True, False),
        watermark=some(0.0, draw.random() / 3),
        admit_oversized=False,
        iteration_time=random_time(draw),
    )


def random_time(draw: random.Random) -> Any:
    """One of the models."""
    kind = draw.randrange(4)
    if kind == 0:
        return draw.random() / 50
    if kind == 1:
        return AffineTime(*(draw.random() * 10.0 ** -draw.randrange(2, 12) for _ in range(8)))
    if kind == 2:
        model = draw.choice(["Llama-3.1-8B", "gpt-oss-20b", "Qwen3-0.6B"])
        return RooflineTime.for_deployment(model, draw.choice(["H100-SXM", "L4", "A100-80-SXM"]))

    def rising(count: int, scale: float) -> list[float]:
        # From 1 on, so that there is a place above 0.
        return [float(value) for value in np.cumsum([draw.random() * scale + 1e-9 for _ in range(count)])]

    rows, columns = draw.randrange(1, 5), draw.randrange(1, 5)
    grid = np.add.outer(rising(rows, 1e-3), rising(columns, 1e-3)).tolist()
    return TableTime(
        linear_tokens=rising(6, 900.0),
        linear_seconds=rising(6, 2e-3),
        head_sequences=rising(3, 99.0),
        head_seconds=rising(3, 1e-3),
        decode_sequences=rising(rows, 60.0),
        decode_contexts=rising(columns, 9000.0),
        decode_seconds=grid,
        prefill_tokens=rising(columns, 900.0),
        prefill_contexts=rising(rows, 3000.0),
        prefill_seconds=np.transpose(grid),
        decode_scale=draw.random() + 0.1,
        per_iteration=draw.random() * 1e-3,
        source="measured\n\u00e9 \U0001f600",
    )


def text_of(profile: Profile, draw: random.Random) -> str:
    """As a file has it: in any order, and with any space."""
    told = json.loads(profile.to_json())
    engine = list(told["engine"].items())
    draw.shuffle(engine)
    told["engine"] = dict(engine)
    if isinstance(told["iteration_time"], dict):
        terms = list(told["iteration_time"].items())
        draw.shuffle(terms)
        told["iteration_time"] = dict(terms)
    fields = list(told.items())
    draw.shuffle(fields)
    return json.dumps(dict(fields), indent=draw.choice([None, 0, 3]), ensure_ascii=draw.random() < 0.5)


@pytest.mark.parametrize("seed", range(60))
def test_what_python_writes_is_read_with_the_same_meaning(seed: int) -> None:
    config = random_config(seed)
    draw = random.Random(seed)  # noqa: S311
    model, gpu = 'M \u00e9\U0001f600\\"', draw.choice(["", "G"])
    profile = Profile(config=config, model=model, gpu=gpu, notes={"a": [{}, None]})
    own, _ = config._structure(Callbacks())
    count = 60
    prompts = np.array([draw.randrange(1, 500) for _ in range(count)], np.int32)
    outputs = np.array([draw.randrange(1, 60) for _ in range(count)], np.int32)
    arrivals = np.sort(np.array([draw.random() * 3 for _ in range(count)]))
    with native_profile(text_of(profile, draw)) as native:
        assert (native.facts.model.decode(), native.facts.gpu.decode()) == (profile.model, profile.gpu)
        assert native.facts.client_delay == 0.0
        assert differences(native.config, own, config.iteration_time) == []
        theirs = columns_of(native.config, count, prompts, outputs, arrivals)
    ours = columns_of(own, count, prompts, outputs, arrivals)
    for name, column in ours.items():
        assert column.tobytes() == theirs[name].tobytes(), name


def test_every_setting_of_an_engine_can_be_read() -> None:
    told = EngineConfig().to_dict()
    del told["iteration_time"]
    with native_profile(json.dumps({**WHOLE, "engine": told})) as native:
        own, _ = EngineConfig(iteration_time=AffineTime(0.005, per_decode_token=0.0001))._structure(Callbacks())
        assert differences(native.config, own, AffineTime()) == []


def test_names_are_what_their_escapes_stand_for() -> None:
    text = (
        json.dumps(WHOLE)
        .replace('"format"', '"\\u0066orm\\u0061t"')
        .replace("Llama-3.1-8B", "\\u00e9\\ud83d\\ude00\\n\\ud800x")
    )
    with native_profile(text) as profile:
        assert profile.facts.model.decode() == "\u00e9\U0001f600\n\ufffdx"
        assert profile.config.max_num_seqs == 8


def test_notes_hold_anything_that_is_json() -> None:
    notes = {"": [[], {}, "\u2028", 1e300, -0.0, True, False, None, 10**400], "x" * 3000: [[[[0]]]] * 50, "nan": "NaN"}
    # A file name that is no Unicode has a surrogate, which JSON can write.
    with native_profile(json.dumps(WHOLE | {"notes": notes | {"file": "\udc80"}})) as profile:
        assert profile.config.max_num_seqs == 8
    deep = json.dumps(WHOLE).replace('["none"]', "[" * 125 + "]" * 125)
    with native_profile(deep) as profile:
        assert profile.config.max_num_seqs == 8


def test_a_profile_with_nothing_but_a_time_has_defaults() -> None:
    with native_profile('{"format":"batching profile","version":1,"iteration_time":0.25}') as profile:
        own, _ = EngineConfig(iteration_time=0.25)._structure(Callbacks())
        assert differences(profile.config, own, 0.25) == []
        assert (profile.facts.model, profile.facts.gpu, profile.facts.client_delay) == (b"", b"", 0.0)
