"""Calibration on the means of closed loops: what was simulated with other shares is found again."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from batching import (
    ClosedLoopCalibration,
    ClosedLoopRow,
    EngineConfig,
    RooflineTime,
    calibrate_closed_loop,
    simulate,
    simulate_closed_loops,
)
from batching._calibration.gauss_newton import fit, inverse_diagonal, solved

MODEL, GPU = "Llama-3.1-8B", "H100-SXM"
CONFIG = EngineConfig(async_scheduling=True, max_num_batched_tokens=8192)
SHAPES = [
    (concurrency, prompt, output, tensor_parallel)
    for tensor_parallel in (1, 2)
    for prompt, output in ((128, 64), (1024, 64), (4096, 64))
    for concurrency in (2, 8, 64)
]
# What the measured GPU reaches, in proportion to what is expected.
TRUTH = {"gemm_share": 1.15, "bandwidth_share": 0.92, "kv_share": 1.2, "attention_share": 0.85, "link_share": 0.8}
# Seconds: of a step with prefill, and what its client adds.
PREFILL, DELAY = 0.003, 0.004


def truth(row: ClosedLoopRow) -> tuple[float, float]:
    """Mean TTFT and TPOT by another way than the package's."""
    time = RooflineTime.for_deployment(MODEL, GPU, row.tensor_parallel)
    changed: Any = {name: factor * getattr(time, name) for name, factor in TRUTH.items()}
    time = dataclasses.replace(time, **changed, per_prefill_iteration=PREFILL)
    requests = row.requests()
    config = CONFIG.replace(iteration_time=time, max_num_seqs=row.concurrency)
    result = simulate(requests, config, max_concurrency=row.concurrency)
    first = result.first_token_time
    tpot = (result.end_time - first) / (requests.output_length - 1)
    return float(np.mean(first - result.sent_time)) + DELAY, float(np.mean(tpot))


@pytest.fixture(scope="module")
def rows() -> list[ClosedLoopRow]:
    made = []
    for concurrency, prompt, output, parallel in SHAPES:
        row = ClosedLoopRow(concurrency, prompt, output, 1.0, 1.0, tensor_parallel=parallel)
        ttft, tpot = truth(row)
        made.append(dataclasses.replace(row, mean_ttft=ttft, mean_tpot=tpot))
    return made


@pytest.fixture(scope="module")
def found(rows: list[ClosedLoopRow]) -> ClosedLoopCalibration:
    return calibrate_closed_loop(rows, MODEL, GPU)


def test_predictions_come_back(found: ClosedLoopCalibration, rows: list[ClosedLoopRow]) -> None:
    from_names = simulate_closed_loops(rows, MODEL, GPU)
    assert max(abs(tpot / row.mean_tpot - 1) for row, (_, tpot) in zip(rows, from_names, strict=True)) > 0.03
    tpot_errors = [abs(tpot) for _, tpot in found.errors]
    ttft_errors = [abs(ttft) for ttft, _ in found.errors]
    assert np.median(tpot_errors) < 0.005
    assert np.median(ttft_errors) < 0.01
    assert found.seconds["client_delay"] == pytest.approx(DELAY, rel=0.2)
    simulated = found.simulated(rows)
    for row, (ttft, tpot), (ttft_error, tpot_error) in zip(rows, simulated, found.errors, strict=True):
        assert ttft / row.mean_ttft - 1 == pytest.approx(ttft_error)
        assert tpot / row.mean_tpot - 1 == pytest.approx(tpot_error)


def test_what_was_found_applies_to_another_gpu(found: ClosedLoopCalibration) -> None:
    plain = RooflineTime.for_deployment(MODEL, "L4", kv_dtype="bf16")
    time = found.roofline(gpu="L4")
    for name, factor in found.factors.items():
        assert getattr(time, name) == factor * getattr(plain, name)
    assert time.per_prefill_iteration == found.seconds["per_prefill_iteration"]
    assert time.layers == plain.layers
    assert time.expected_error is None
    assert time.source == "Llama-3.1-8B (bf16) on L4, calibrated on 18 closed loops"
    assert found.roofline().source.startswith("Llama-3.1-8B (bf16) on H100-SXM")


def test_it_says_what_the_rows_tell(found: ClosedLoopCalibration, rows: list[ClosedLoopRow]) -> None:
    assert found.told.keys() == {*found.factors, *found.seconds}
    assert all(0 <= told <= 1 for told in found.told.values())
    assert found.told["gemm_share"] > 0.9
    assert "18 rows" in repr(found)
    assert "bandwidth_share" in str(found)
    # Decoding beside one length says little of what reading KV costs.
    alone = calibrate_closed_loop([row for row in rows if row.tensor_parallel == 1][:1], MODEL, GPU)
    assert "link_share" not in alone.factors
    assert any("same lengths" in note for note in alone.notes)
    assert any("hardly tell" in note for note in alone.notes)


def test_the_same_rows_give_the_same_bits(found: ClosedLoopCalibration, rows: list[ClosedLoopRow]) -> None:
    told: list[int] = []
    again = calibrate_closed_loop(rows, MODEL, GPU, progress=told.append)
    assert (again.factors, again.seconds, again.loss) == (found.factors, found.seconds, found.loss)
    assert told == list(range(1, again.passes + 1))


def test_lengths_are_even_and_need_no_generator() -> None:
    requests = ClosedLoopRow(100, 1000, 100, 1.0, 1.0).requests()
    prompts, outputs = requests.prompt_length, requests.output_length
    assert prompts is not None
    # By hand: 0.7548776662466927 x 201 is 151.7, and twice that, less 201, 102.4; 0.5698402909980532 x 21 is 11.9.
    assert prompts[:2].tolist() == [800 + 151, 800 + 102]
    assert outputs[0] == 80 + 11
    assert (len(prompts), prompts.min(), prompts.max()) == (1000, 800, 1000)
    assert (outputs.min(), outputs.max()) == (80, 100)
    assert abs(float(prompts.mean()) - 900) < 2


def test_rows_may_be_text_with_the_names_of_benchmarks(rows: list[ClosedLoopRow]) -> None:
    row = rows[-1]
    told = {"isl": str(row.prompt_length), "osl": "64.0", "concurrency": "64.0", "tp_size": "2.0",
            "mean_ttft_ms": str(1e3 * row.mean_ttft), "mean_tpot_ms": str(1e3 * row.mean_tpot),
            "system": "x"}  # fmt: skip
    (read,) = calibrate_closed_loop([told], MODEL, GPU).rows
    assert dataclasses.replace(read, mean_ttft=1.0, mean_tpot=1.0) == dataclasses.replace(
        row, mean_ttft=1.0, mean_tpot=1.0
    )
    assert (read.mean_ttft, read.mean_tpot) == pytest.approx((row.mean_ttft, row.mean_tpot))


GOOD = {"concurrency": 2, "prompt_length": 64, "output_length": 8, "mean_ttft": 0.1, "mean_tpot": 0.01}


@pytest.mark.parametrize(
    ("rows", "error", "sentence"),
    [
        ([], ValueError, "rows is empty"),
        ([5], TypeError, r"rows\[0\] is 5: must be a ClosedLoopRow"),
        ([GOOD, {"isl": 5}], ValueError, r"rows\[1\] has no concurrency"),
        ([GOOD | {"mean_tpot": "x"}], ValueError, r"rows\[0\].mean_tpot is 'x': must be a number"),
        ([GOOD | {"mean_tpot": 0.0}], ValueError, r"rows\[0\].mean_tpot is 0.0: must be greater than 0"),
        ([GOOD | {"output_length": 1}], ValueError, r"rows\[0\].output_length is 1"),
        ([GOOD | {"concurrency": 0}], ValueError, r"rows\[0\].concurrency is 0"),
        ([GOOD | {"concurrency": 1.5}], TypeError, r"rows\[0\].concurrency is 1.5"),
        ([GOOD | {"range_ratio": 2.0}], ValueError, r"rows\[0\].range_ratio is 2.0"),
        ([GOOD | {"tensor_parallel": 3}], ValueError, "tensor_parallel"),
    ],
)
def test_bad_rows_are_a_sentence(rows: list[Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        calibrate_closed_loop(rows, MODEL, GPU)


@pytest.mark.parametrize(
    ("changed", "error", "sentence"),
    [
        ({"model": "Lama"}, ValueError, "Lama"),
        ({"gpu": 5}, TypeError, "gpu is 5"),
        ({"config": 5}, TypeError, "config is 5"),
        ({"reserved_bytes": 0.0}, ValueError, "reserved_bytes is 0.0"),
        ({"reserved_bytes": 80e9}, ValueError, "does not fit"),
        ({"progress": 5}, TypeError, "progress is 5"),
    ],
)
def test_bad_arguments_are_a_sentence(changed: dict[str, Any], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        calibrate_closed_loop([GOOD], **({"model": MODEL, "gpu": GPU} | changed))


def test_cholesky_solves() -> None:
    # By hand: 4 x + 2 y = 10 and 2 x + 3 y = 9; the inverse of the matrix is [[3, -2], [-2, 4]] / 8.
    assert solved([[4.0, 2.0], [2.0, 3.0]], [10.0, 9.0]) == pytest.approx([1.5, 2.0])
    assert inverse_diagonal([[4.0, 2.0], [2.0, 3.0]]) == pytest.approx([3 / 8, 4 / 8])


def test_the_fit_weighs_residuals_against_the_prior() -> None:
    # One residual x - 0.04 with noise 0.1, and a prior of 0.1: half-way. Both are quadratic there.
    found = fit(lambda x: [x[0] - 0.04], [0.1], 0.1)
    assert found.parameters == pytest.approx([0.02])
    assert found.told == pytest.approx([0.5])
