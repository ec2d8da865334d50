"""How long iterations take: models as values, and their seconds to the bit, against the formula written once more."""

import copy
import dataclasses
import math
import pickle
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batching import (
    AffineTime,
    BatchingValueError,
    EngineConfig,
    Iteration,
    LiveEngine,
    RequestColumns,
    RooflineTime,
    TableTime,
    plot_iteration_time,
    simulate,
)
from batching._engine.described import described
from oracle.cases import TIMES
from oracle.comparison import library_time
from oracle.simulators import nanoseconds, seconds
from oracle.times import SlowRooflineTime, SlowTime

KINDS = [type(time).__name__.removeprefix("Slow") + f"-{index}" for index, time in enumerate(TIMES)]
H100 = RooflineTime.for_deployment("Llama-3.1-8B", "H100-SXM")
TABLE = TableTime(
    linear_tokens=[1, 257],
    linear_seconds=[0.006, 0.008],
    head_sequences=[1],
    head_seconds=[0.0005],
    decode_sequences=[1, 3],
    decode_contexts=[100, 300],
    decode_seconds=[[0.001, 0.003], [0.002, 0.004]],
    prefill_tokens=[100, 200],
    prefill_contexts=[0, 400],
    prefill_seconds=[[0.001, 0.002], [0.003, 0.007]],
)
MODELS = [AffineTime(0.005, 1e-5, per_prefill_chunk=0.25), H100, TABLE]
REQUESTS = RequestColumns([20] * 30, [100] * 30, [0.01 * index for index in range(30)])


def refused(call: Any) -> str:
    with pytest.raises((ValueError, TypeError)) as raised:
        call()
    return str(raised.value)


def some_work(seed: int, count: int) -> list[tuple[int, int, int, int, float]]:
    """p, c, n, C and Q of iterations, small and large; none of them nothing."""
    source = random.Random(seed)  # noqa: S311  (no secret)
    made: list[tuple[int, int, int, int, float]] = []
    while len(made) < count:
        scale = source.choice([10, 1000, 100_000])
        p, n = source.choice([0, source.randint(1, scale)]), source.choice([0, source.randint(1, scale)])
        if p + n:
            c = source.randint(1, p) if p else 0
            context = n * source.choice([1, 7, scale]) + (source.randint(0, scale) if n else 0)
            q = p * p / c + source.randint(0, scale) * p if p else 0.0
            made.append((p, c, n, context, q))
    return made


# --- Seconds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slow", TIMES, ids=KINDS)
def test_seconds_are_those_of_the_formula_to_the_bit(slow: SlowTime) -> None:
    work = some_work(5, 2000)
    p, c, n, context, q = (np.array(column) for column in zip(*work, strict=True))
    told = library_time(slow).seconds(p, n, context, c, q)
    assert told.tolist() == [seconds(nanoseconds(slow.seconds(*each))) for each in work]


def test_the_roofline_of_a_model_on_a_gpu_is_the_formula_too() -> None:
    for model, gpu, parallel in (("Llama-3.1-70B", "H100-SXM", 4), ("DeepSeek-V3", "H200-SXM", 8),
                                 ("Gemma-3-27B", "RTX-5090", 2), ("gpt-oss-120b", "H100-SXM", 1)):  # fmt: skip
        time = RooflineTime.for_deployment(model, gpu, parallel, dtype="fp8")
        values = {known.name: getattr(time, known.name) for known in dataclasses.fields(SlowRooflineTime)}
        slow = SlowRooflineTime(**values)
        for p, c, n, context, q in some_work(7, 300):
            assert time.seconds(p, n, context, c, q) == seconds(nanoseconds(slow.seconds(p, c, n, context, q)))


def test_a_roofline_by_hand() -> None:
    # 8B on an H100: 13.96 GB of linear weights and 1.05 GB of output head at 0.75 x 3,350 GB/s; 131,072 bytes of KV a
    # token at 0.72 of it; 1 ms, 15 us for each of 32 layers, 5 us for each sequence.
    weights = 8_030_261_248 - 2 * 128_256 * 4096 - 65 * 4096
    memory, arithmetic = 2 * weights / (0.75 * 3.35e12), 2 * weights / (0.8 * 989.4e12)
    head = 2 * 128_256 * 4096
    for n, context in ((1, 1000), (256, 1000)):
        expected = math.hypot(memory, arithmetic * n)
        expected += math.hypot(head / (0.75 * 3.35e12), head * n / (0.7 * 989.4e12))
        expected += 131_072 * n * context / (0.72 * 3.35e12) + 1e-3 + 32 * 15e-6 + 5e-6 * n
        assert H100.seconds(decode_tokens=n, context_tokens=n * context) == pytest.approx(expected, rel=1e-4)


def test_a_table_by_hand() -> None:
    # At a place; between two; beyond the last, with the slope of the last two, and for decode in proportion.
    assert TABLE.seconds(decode_tokens=1, context_tokens=100) == 0.0075
    assert TABLE.seconds(decode_tokens=2, context_tokens=200) == pytest.approx(
        0.006 + 0.002 / 256 + 0.0005 + 0.0025, abs=1e-9
    )
    assert TABLE.seconds(decode_tokens=385, context_tokens=600) == pytest.approx(0.009 + 0.0005 + 0.008, abs=1e-9)
    # One chunk of 150 after 200 tokens: between four places. Q is 150 x 350.
    assert TABLE.seconds(150, 0, prefill_context=150 * 350.0) == pytest.approx(
        0.006 + 0.002 * 149 / 256 + 0.0005 + (0.001 + 0.002 + 0.003 + 0.007) / 4, abs=1e-9
    )
    scaled = dataclasses.replace(TABLE, linear_scale=2.0, per_iteration=0.25, per_sequence=0.125)
    assert scaled.seconds(decode_tokens=1, context_tokens=100) == 0.0135 + 0.375


def test_an_affine_time_by_hand() -> None:
    time = AffineTime(1.0, 0.5, 0.25, 0.125, 0.0625, per_prefill_iteration=2.0, per_prefill_chunk=4.0)
    assert time.seconds(decode_tokens=2, context_tokens=8) == 1.0 + 0.5 + 1.0
    assert time.seconds(6, 0, 0, 2, 32.0) == 1.0 + 3.0 + 2.0 + 8.0 + 2.0
    assert time.seconds() == 0.0


@pytest.mark.parametrize("model", MODELS)
def test_what_is_left_out_has_its_default(model: Any) -> None:
    assert model.seconds(decode_tokens=7) == model.seconds(0, 7, 7, 0, 0.0)
    assert model.seconds(12) == model.seconds(12, 0, 0, 1, 144.0)
    assert model.seconds(12, prefill_chunks=3) == model.seconds(12, 0, 0, 3, 48.0)


@pytest.mark.parametrize("model", MODELS)
def test_arrays_go_together_as_those_of_numpy_do(model: Any) -> None:
    sequences, contexts = np.arange(1, 5), np.array([1, 10, 100])
    grid = model.seconds(decode_tokens=sequences[:, None], context_tokens=sequences[:, None] * contexts)
    assert (type(grid), grid.shape, grid.dtype) == (np.ndarray, (4, 3), np.float64)
    for row, n in enumerate(sequences.tolist()):
        for column, context in enumerate(contexts.tolist()):
            assert grid[row, column] == model.seconds(decode_tokens=n, context_tokens=n * context)
    assert isinstance(model.seconds(decode_tokens=np.int64(3)), float)
    assert isinstance(model.seconds(decode_tokens=np.array(3)), float)
    assert model.seconds([], []).shape == (0,)
    assert model.seconds([1, 2], 3).tolist() == [model.seconds(1, 3), model.seconds(2, 3)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"prefill_tokens": 1.5}, "prefill_tokens is 1.5: must be an integer"),
        ({"prefill_tokens": True}, "prefill_tokens is True: must be an integer"),
        ({"prefill_tokens": -1}, "prefill_tokens is -1: must be between 0 and 9007199254740992"),
        ({"decode_tokens": [1, 2**60]}, "decode_tokens[1] is 1152921504606846976: must be between 0 and"),
        ({"decode_tokens": ["a"]}, "decode_tokens[0] is 'a': must be an integer"),
        ({"decode_tokens": [0.5]}, "decode_tokens[0] is 0.5: must be an integer"),
        ({"decode_tokens": 5, "context_tokens": 3}, "context_tokens is 3: must be between 5 and"),
        ({"context_tokens": 3}, "context_tokens is 3: must be "),
        ({"prefill_tokens": 3, "prefill_chunks": 4}, "prefill_chunks is 4: must be between 1 and 3"),
        ({"prefill_tokens": 3, "prefill_chunks": 0}, "prefill_chunks is 0: must be"),
        ({"prefill_tokens": 3, "prefill_context": -1.0}, "prefill_context is -1.0: must be"),
        ({"prefill_tokens": 3, "prefill_context": math.nan}, "prefill_context is nan: must be"),
        ({"prefill_tokens": [1, 2], "decode_tokens": [1, 2, 3]}, "shapes of the arguments are prefill_tokens (2,), "),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_work_that_cannot_be_is_refused(model: Any, arguments: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(lambda: model.seconds(**arguments))


@given(
    index=st.integers(0, len(TIMES) - 1),
    p=st.integers(0, 50_000),
    chunk=st.integers(1, 64),
    n=st.integers(0, 512),
    mean=st.integers(1, 100_000),
    before=st.integers(0, 100_000),
)
def test_more_work_never_takes_less_time(index: int, p: int, chunk: int, n: int, mean: int, before: int) -> None:
    model = library_time(TIMES[index])
    c = min(chunk, p)
    context = n * mean
    q = p * (p / c + before) if p else 0.0
    least = model.seconds(p, n, context, c, q)
    assert 0 <= least < math.inf
    assert model.seconds(p, n + 1, context + mean, c, q) >= least
    if n:
        assert model.seconds(p, n, context + 1, c, q) >= least
    if p:
        assert model.seconds(p, n, context, c, q + 1) >= least


# --- Values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_models_are_compared_copied_and_written(model: Any) -> None:
    config = EngineConfig(iteration_time=model)
    for other in (
        pickle.loads(pickle.dumps(model)),  # noqa: S301
        copy.deepcopy(model),
        dataclasses.replace(model),
        EngineConfig.from_json(config.to_json()).iteration_time,
    ):
        assert other == model
        assert hash(other) == hash(model)
    assert EngineConfig.from_json(config.to_json()) == config
    changed = next(known.name for known in dataclasses.fields(model) if isinstance(getattr(model, known.name), float))
    assert dataclasses.replace(model, **{changed: 0.75}) != model
    assert model != 0.5
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(model, changed, 0.5)


def test_json_says_which_model_it_is() -> None:
    told = [EngineConfig(iteration_time=model).to_dict()["iteration_time"].get("model") for model in MODELS]
    # As it was before there were others.
    assert told == [None, "roofline", "table"]
    affine = EngineConfig.from_dict({"iteration_time": {"model": "affine", "base": 0.5}})
    assert affine.iteration_time == AffineTime(0.5)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"model": "wall"}, "iteration_time has the model 'wall': must be one of 'affine', 'roofline', 'table'"),
        ({"model": []}, "iteration_time has the model []: must be one of"),
        ({"model": "roofline", "layer": 1}, "'layer' is not a term of iteration_time: must be one of layers, "),
        ({"model": "roofline", "layers": "x"}, "iteration_time.layers is 'x': must be a number"),
        ({"model": "roofline", "source": 3}, "iteration_time.source is 3: must be a string"),
        (
            {"model": "table", "linear_tokens": ["x"], "linear_seconds": [1]},
            "linear_tokens[0] is 'x': must be a number",
        ),
        ({"base": None}, "iteration_time.base is None: must be a number"),
    ],
)
def test_json_that_is_no_model_is_refused(values: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(lambda: EngineConfig.from_dict({"iteration_time": values}))


def test_columns_of_a_table_are_its_own() -> None:
    places, values = np.array([1.0, 2.0]), np.array([0.5, 0.75])
    table = TableTime(linear_tokens=places, linear_seconds=values)
    places[0] = values[0] = 9.0
    assert table.linear_tokens.tolist() == [1.0, 2.0]
    for column in (table.linear_seconds, table.decode_seconds, copy.deepcopy(table).linear_seconds):
        with pytest.raises(ValueError, match="read-only"):
            column[...] = 1.0
    assert TABLE.decode_seconds.shape == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"linear_tokens": [1, 2], "linear_seconds": [1]}, "linear_seconds has the shape (1,): must have len(linear_t"),
        ({"linear_seconds": [1]}, "linear_seconds has the shape (1,): must have len(linear_tokens), (0,)"),
        ({"decode_sequences": [1], "decode_contexts": [2, 3], "decode_seconds": [[1], [2]]},
         "decode_seconds has the shape (2, 1): must have len(decode_sequences) x len(decode_contexts), (1, 2)"),
        ({"decode_sequences": [1, 2], "decode_contexts": [2], "decode_seconds": [[1], [2, 3]]},
         "decode_seconds has rows of different lengths"),
        ({"head_scale": 0.0}, "head_scale is 0.0: must be greater than 0"),
        ({"per_iteration": "x"}, "per_iteration is 'x': must be a number"),
        ({"source": 1}, "source is 1: must be a string"),
        ({"linear_tokens": np.ones((2, 1)), "linear_seconds": [1, 2]}, "linear_tokens has the shape (2, 1)"),
    ],
)  # fmt: skip
def test_a_table_of_the_wrong_form_is_refused_when_it_is_made(arguments: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(lambda: TableTime(**arguments))


# What is wrong, and what the sentence calls it: alone, and as the iteration time of an engine.
BAD: list[tuple[Any, str]] = [
    (AffineTime(-1.0), "base is -1.0: must be between 0 and"),
    (AffineTime(per_prefill_chunk=math.nan), "per_prefill_chunk is nan: must be between 0 and"),
    (dataclasses.replace(H100, kv_bytes=-1.0), ".kv_bytes is -1.0: must be finite and at least 0"),
    (dataclasses.replace(H100, per_layer=math.inf), ".per_layer is inf: must be"),
    (dataclasses.replace(H100, memory_bandwidth=0.0), ".linear_bytes is not 0, but memory_bandwidth x bandwidth_share"),
    (dataclasses.replace(H100, tensor_parallel=3.0), ".tensor_parallel is 3.0: must be a power of two"),
    (TableTime(linear_tokens=[2, 1], linear_seconds=[1, 2]), ".linear_tokens[1] is 1.0: must be above the one before"),
    (TableTime(linear_tokens=[1, 2], linear_seconds=[2, 1]), ".linear_seconds[1] is 1.0: must be at least"),
    (
        TableTime(decode_sequences=[0], decode_contexts=[1], decode_seconds=[[1]]),
        ".decode_sequences[0] is 0.0: must be",
    ),
]


@pytest.mark.parametrize(("model", "sentence"), BAD)
def test_values_are_checked_where_they_are_used(model: Any, sentence: str) -> None:
    assert sentence in refused(lambda: model.seconds(decode_tokens=1))
    called = "iteration_time." + sentence.removeprefix(".")
    for use in (lambda: simulate(REQUESTS, iteration_time=model), lambda: LiveEngine(iteration_time=model)):
        assert called in refused(use)


def test_reprs_are_short() -> None:
    assert repr(H100) == "RooflineTime(Llama-3.1-8B (bf16) on H100-SXM)"
    assert repr(dataclasses.replace(H100, source="")) == "RooflineTime(32 layers, 15.01 GB of weights at 3,350 GB/s)"
    assert repr(TABLE) == "TableTime(linear 2, head 1, decode 2 x 2, prefill 2 x 2)"
    assert repr(dataclasses.replace(TABLE, source="mine", head_scale=2.0)).startswith("TableTime(mine, linear 2, ")
    assert len(repr(EngineConfig(iteration_time=TABLE))) < 120


def test_a_phrase_says_what_it_is_and_how_far_off() -> None:
    def phrase(time: Any) -> str:
        return described({"iteration_time": time})

    assert phrase(H100) == ("iteration time roofline of Llama-3.1-8B (bf16) on H100-SXM, from spec sheets: expect ±10%")
    experts = RooflineTime.for_deployment("Mixtral-8x7B", "H100-SXM", 2, dtype="fp8", kv_dtype="fp8")
    assert phrase(experts) == (
        "iteration time roofline of Mixtral-8x7B (fp8, KV fp8) on 2 x H100-SXM, from spec sheets: expect ±25%"
    )
    assert phrase(dataclasses.replace(H100, expected_error=None)).endswith("on H100-SXM")
    assert phrase(TABLE) == "iteration time table of your own"
    assert phrase(AffineTime(0.01, per_prefill_chunk=0.5)) == "iteration time 10 ms + 500 ms a prefill chunk"
    assert "from spec sheets: expect ±10%" in str(simulate(REQUESTS, iteration_time=H100))


# --- In an engine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_an_engine_takes_as_long_as_seconds_says(model: Any) -> None:
    seen: list[Iteration] = []

    def asked(iteration: Iteration) -> float:
        seen.append(iteration)
        took: float = model.seconds(
            iteration.prefill_tokens,
            iteration.decode_tokens,
            iteration.context_tokens,
            iteration.prefill_chunks,
            iteration.prefill_context,
        )
        return took

    limits: dict[str, Any] = {"max_num_seqs": 7, "max_num_batched_tokens": 64}
    by_function = simulate(REQUESTS, iteration_time=asked, **limits)
    by_model = simulate(REQUESTS, iteration_time=model, **limits)
    assert by_model.end_time.tobytes() == by_function.end_time.tobytes()
    assert max(iteration.prefill_chunks for iteration in seen) > 1
    live = LiveEngine(iteration_time=model, **limits)
    live.submit_columns(REQUESTS)
    again = LiveEngine.load(live.save())
    for engine in (live, live.fork(), again):
        engine.advance()
        told = {event.request: event.time for event in engine.poll() if event.event.name == "FINISHED"}
        assert [told[index] for index in range(30)] == by_model.end_time.tolist()


def test_a_number_is_what_a_model_is_not() -> None:
    with pytest.raises(TypeError, match="iteration_time is 'roofline': must be a number"):
        EngineConfig(iteration_time="roofline")  # type: ignore[arg-type]


# --- A picture --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*MODELS, AffineTime(0.01), TableTime()])
def test_a_picture_has_a_map_and_slices(model: Any) -> None:
    pytest.importorskip("matplotlib")
    figure = plot_iteration_time(model, max_num_seqs=64, max_context=4096, max_prefill_tokens=2048)
    figure.canvas.draw()
    left, right = figure.axes[:2]
    assert left.get_xlim() == (1, 64)
    assert left.get_ylim() == (16, 4096)
    assert [line.get_label() for line in right.lines] == [
        "64 sequences decode", "16 sequences decode", "4 sequences decode", "no sequence decodes",
    ]  # fmt: skip
    for line, sequences in zip(right.lines, (64, 16, 4, 0), strict=True):
        tokens, took = (np.asarray(values) for values in line.get_data())
        last = model.seconds(2048, sequences, 1024 * sequences)
        assert (tokens[-1], took[-1]) == (2048, last)
    assert model._phrase() in figure.get_suptitle()


def test_the_smallest_picture() -> None:
    pytest.importorskip("matplotlib")
    plot_iteration_time(H100, max_num_seqs=2, max_context=2, max_prefill_tokens=1).canvas.draw()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"time": 0.01}, "time is 0.01: must be an AffineTime, a RooflineTime or a TableTime"),
        ({"time": H100, "max_num_seqs": 1}, "max_num_seqs is 1: must be between 2 and"),
        ({"time": H100, "max_context": 1.5}, "max_context is 1.5: must be an integer"),
        ({"time": H100, "max_prefill_tokens": 0}, "max_prefill_tokens is 0: must be between 1 and"),
        ({"time": AffineTime(-1.0)}, "base is -1.0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    pytest.importorskip("matplotlib")
    assert sentence in refused(lambda: plot_iteration_time(**arguments))


def test_errors_are_those_of_the_package() -> None:
    with pytest.raises(BatchingValueError):
        AffineTime(-1.0).seconds()
