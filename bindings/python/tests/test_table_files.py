"""Tables of measured seconds, from files: layouts, what is completed, and what is refused."""

import csv
import dataclasses
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import TableTime
from batching._times.table_grids import Line, decode_columns, line_columns, prefill_columns

DATA = os.environ.get("BATCHING_DATA", "")
STEPS = Path(DATA) / "times" / "steps"
needs_steps = pytest.mark.skipif(
    not DATA or not STEPS.is_dir(), reason="needs the measured tables, in the directory that BATCHING_DATA names"
)
OWN = """part,x,y,seconds
linear,1,,0.006
linear,101,,0.008
head,1,,0.0005
decode,1,1000,0.0001
decode,1,3000,0.0003
decode,2,1000,0.0002
prefill,100,0,0.001
prefill,100,400,0.003
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def refused(call: Any) -> str:
    with pytest.raises((ValueError, TypeError)) as raised:
        call()
    return str(raised.value)


# --- One's own --------------------------------------------------------------------------------------------------------


def test_what_was_measured_is_what_it_takes(written: Callable[..., Path]) -> None:
    table = TableTime.read(written(OWN))
    assert table.seconds(decode_tokens=1, context_tokens=1000) == pytest.approx(0.006 + 0.0005 + 0.0001, abs=1e-9)
    assert table.seconds(decode_tokens=1, context_tokens=2000) == pytest.approx(0.006 + 0.0005 + 0.0002, abs=1e-9)
    # 101 tokens: a chunk of 100 after 400, and a decode. Q is 100 x 500. The head was measured for one sequence only.
    assert table.seconds(100, 1, 1000, 1, 50_000.0) == pytest.approx(0.008 + 0.0005 + 0.0001 + 0.003, abs=1e-9)
    assert (table.per_iteration, table.per_sequence, table.source) == (0.0, 0.0, "")


def test_the_order_of_rows_and_the_words_of_others_do_not_matter(written: Callable[..., Path]) -> None:
    heading, *rows = OWN.splitlines()
    random.Random(3).shuffle(rows)  # noqa: S311  (no secret)
    assert TableTime.read(written("\n".join([heading, *rows]) + "\n")) == TableTime.read(written(OWN))
    halves = [written("\n".join([heading, *part]), name) for part, name in ((rows[:4], "a.csv"), (rows[4:], "b.csv"))]
    assert TableTime.read(*halves) == TableTime.read(written(OWN))
    spaced = OWN.replace("x,y", "x,context").replace("\n", "\r\n")
    assert TableTime.read(written("\N{ZERO WIDTH NO-BREAK SPACE}" + spaced)) == TableTime.read(written(OWN))


def test_a_point_that_was_measured_twice_counts_as_the_mean(written: Callable[..., Path]) -> None:
    table = TableTime.read(written(OWN + "linear,1,,0.004\n"))
    assert table.seconds(decode_tokens=1, context_tokens=1000) == pytest.approx(0.005 + 0.0006, abs=1e-9)


def test_one_gpu_and_one_model_are_chosen(written: Callable[..., Path]) -> None:
    heading, *rows = OWN.splitlines()
    text = f"gpu,model,{heading}\n" + "".join(f"{gpu},M,{row}\n" for gpu in ("A", "B") for row in rows)
    path = written(text.replace("A,M,linear,1,,0.006", "A,M,linear,1,,0.003"))
    assert TableTime.read(path, gpu="A").linear_seconds[0] == 0.003
    assert TableTime.read(path, gpu="B").linear_seconds[0] == 0.006
    assert TableTime.read(path, gpu="B", model="M").source == "M on B"
    assert refused(lambda: TableTime.read(path)) == "gpu is None: must be one of A, B, which the files have"
    assert refused(lambda: TableTime.read(path, gpu="C")).startswith("gpu is 'C': must be one of A, B")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (OWN.replace("0.008", "fast"), "table.csv, line 3: seconds is 'fast': must be a number of at least 0"),
        (OWN.replace("0.008", "-1"), "line 3: seconds is '-1': must be a number"),
        (OWN.replace("0.008", "nan"), "line 3: seconds is 'nan': must be a number"),
        (OWN.replace("0.008", "inf"), "line 3: seconds is 'inf': must be a number"),
        (OWN.replace("linear,101", "linear,"), "line 3: x is '': must be a number"),
        (OWN.replace("linear,101,,0.008", "linear"), "line 3: x is None: must be a number"),
        (OWN.replace("head", "tail"), "line 4: part is 'tail': must be one of linear, head, decode, prefill"),
        (OWN.replace("decode,2,1000", "decode,0,1000"), "line 7: x is 0 and y 1000: must be above 0"),
        (OWN.replace("decode,2,1000", "decode,2,0"), "line 7: x is 2 and y 0: must be above 0"),
        ("\n".join(line for line in OWN.splitlines() if "prefill" not in line), "no row is of the part prefill"),
        ("a,b\n1,2\n", "has the columns a, b: must have part, x, y, seconds, or those of"),
        ("", "has the columns of an empty file: must have"),
        (
            "model,hardware,prompt_size,batch_size,token_size,token_time_ms\n",
            "is of splitwise-sim: it has the times of",
        ),
        ("gpu,gpus,elements,seconds,kernel\n", "has times of all-reduces, which are no part of a table"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(written: Callable[..., Path], text: str, sentence: str) -> None:
    path = written(text)
    assert sentence in refused(lambda: TableTime.read(path))


def test_other_mistakes(written: Callable[..., Path], tmp_path: Path) -> None:
    assert refused(TableTime.read) == "paths is empty: must have at least one element"
    with pytest.raises(FileNotFoundError):
        TableTime.read(tmp_path / "none.csv")
    path = tmp_path / "binary.csv"
    path.write_bytes(b"part,x,y,seconds\n\xff\xfe\x00")
    assert "binary.csv is no CSV" in refused(lambda: TableTime.read(path))
    other = written("layer,tokens,time_us\nqkv_proj,1,2\n", "dense.csv")
    assert "have different layouts" in refused(lambda: TableTime.read(written(OWN), other))
    assert refused(lambda: TableTime.read(other)).startswith("layers is None: must be given, or model")
    assert refused(lambda: TableTime.read(other, layers=0)) == "layers is 0: must be at least 1"
    assert "no row is of the part decode" in refused(lambda: TableTime.read(other, layers=2))


# --- How it is completed ----------------------------------------------------------------------------------------------


def test_beyond_the_last_place_it_goes_on_as_the_last_half_does() -> None:
    # From 4 to 8 it rises by 3 a place, on the line from 2 to 10.
    line = Line.of([(8.0, 18.0), (2.0, 0.0), (1.0, 0.0)])
    assert line.at(4.0) == 6.0
    assert line.at(10.0) == 24.0
    assert line.at(0.5) == 0.0
    assert Line.of([(4.0, 2.0)]).at(10.0) == 5.0
    columns = line_columns([(8.0, 18.0), (2.0, 0.0)], "x", "y")
    assert (columns["x"].tolist(), columns["y"].tolist()) == ([2.0, 8.0, 16.0], [0.0, 18.0, 42.0])


def test_what_falls_is_drawn_together() -> None:
    # 5 came before, 3 still comes: half-way between the two.
    line = Line.of([(1.0, 1.0), (2.0, 5.0), (3.0, 3.0), (4.0, 6.0)]).rising()
    assert line.seconds.tolist() == [1.0, 4.0, 4.0, 6.0]


def test_decode_is_a_matter_of_the_sum_of_contexts() -> None:
    columns = decode_columns([(1, 100, 1.0), (1, 200, 2.0), (2, 100, 2.5), (2, 200, 4.5)])
    assert columns["decode_sequences"].tolist() == [1.0, 2.0]
    assert columns["decode_contexts"].tolist() == [100.0, 200.0, 400.0, 2.0**20]
    # One sequence goes on to 400 with its slope; two are at 100 as at the least that was measured of them.
    assert columns["decode_seconds"][:, :3].tolist() == [[1.0, 2.0, 4.0], [2.5, 2.5, 4.5]]


def test_prefill_is_completed_where_it_was_measured_without_tokens_before_only() -> None:
    decode = [(1.0, 100.0, 0.001), (1.0, 200.0, 0.002)]
    columns = prefill_columns([(100, 0, 0.001), (200, 0, 0.004)], decode)
    assert columns["prefill_contexts"].tolist() == [0.0, 100.0, 200.0, 2.0**20]
    # 100 after 100: of 200 alone, 0.004, three quarters of the pairs are new. 100 after 200: of 300, which take 2.25
    # times as long as 200, 5 of 9. 200 after 100: of 300, 8 of 9; after 200: of 400, which take 0.016, three quarters.
    np.testing.assert_allclose(columns["prefill_seconds"][:, :3], [[0.001, 0.003, 0.005], [0.004, 0.008, 0.012]])


def test_made_grids_never_fall() -> None:
    source = random.Random(11)  # noqa: S311  (no secret)
    for _ in range(50):
        decode = [(float(2 ** source.randint(0, 6)), float(16 * 2 ** source.randint(0, 6)), source.random())
                  for _ in range(source.randint(1, 30))]  # fmt: skip
        prefill = [(row, source.choice([0.0, column]), took) for row, column, took in decode]
        linear = [(row, took) for row, _, took in decode]
        made: dict[str, Any] = {
            **line_columns(linear, "linear_tokens", "linear_seconds"),
            **decode_columns(decode),
            **prefill_columns(prefill, decode),
        }
        # The library refuses places that do not rise, and seconds that fall.
        assert TableTime(**made).seconds(decode_tokens=3, context_tokens=100) >= 0


# --- The tables of others ---------------------------------------------------------------------------------------------


def test_layers_of_llmservingsim_are_added_up(written: Callable[..., Path]) -> None:
    dense = "layer,tokens,time_us\n" + "".join(
        f"{layer},{tokens},{time}\n"
        for layer, times in {"embedding": (3, 4), "qkv_proj": (10, 20), "layernorm": (1, 2)}.items()
        for tokens, time in zip((1, 64), times, strict=True)
    )
    paths = [
        written(dense + "qkv_proj,128,40\n", "G_dense.csv"),
        written("layer,sequences,time_us\nlm_head,1,100\nsampler,1,7\nlm_head,2,110\n", "G_per_sequence.csv"),
        written(
            "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,9\n0,0,2,16,10\n64,0,0,0,20\n64,0,1,16,99\n",
            "G_attention.csv",
        ),
    ]
    table = TableTime.read(*paths, layers=2)
    # 3 + 2 x (10 + 2 x 1); what was measured of one layer alone, at 128, is not used.
    assert table.linear_tokens.tolist() == [1.0, 64.0, 128.0]
    np.testing.assert_allclose(table.linear_seconds[:2], [27e-6, 52e-6])
    np.testing.assert_allclose(table.head_seconds, [107e-6])
    np.testing.assert_allclose(table.decode_seconds[:, 0], [18e-6, 20e-6])
    np.testing.assert_allclose(table.prefill_seconds[0, 0], 40e-6)
    assert (table.per_iteration, table.per_sequence) == (1e-3, 5e-6)
    assert TableTime.read(paths[0].with_name("G"), layers=2) == table
    named = TableTime.read(*paths, model="Llama-3.1-8B", gpu="RTX-4090")
    assert named.source == "Llama-3.1-8B on RTX-4090"
    assert named.decode_seconds[0, 0] == pytest.approx(32 * 9e-6)


@needs_steps
@pytest.mark.parametrize("gpu", ["RTX4090", "RTXPRO6000"])
def test_the_tables_of_llmservingsim(gpu: str) -> None:
    prefix = STEPS / f"llmservingsim_{gpu}_llama31_8b_bf16_tp1"
    table = TableTime.read(prefix, layers=32)
    bare = dataclasses.replace(table, per_iteration=0.0, per_sequence=0.0)
    rows, dense, sequences = (rows_of(Path(f"{prefix}_{part}.csv")) for part in ("attention", "dense", "per_sequence"))
    times = {"embedding": 1, "final_layernorm": 1, "layernorm": 64}
    linear = sum(times.get(row["layer"], 32) * float(row["time_us"]) for row in dense if row["tokens"] == "256")
    head = sum(float(row["time_us"]) for row in sequences if row["sequences"] == "256")
    errors = []
    for row in rows:
        if row["prefill_chunk"] == "0" and row["n_decode"] == "256":
            expected = 1e-6 * (linear + head + 32 * float(row["time_us"]))
            told = bare.seconds(decode_tokens=256, context_tokens=256 * int(row["kv_decode"]))
            errors.append(abs(told / expected - 1))
    # What was measured, but for what was drawn together so that nothing falls: the second GPU's times fall more often.
    assert len(errors) > 5
    assert min(errors) < 1e-6
    assert np.median(errors) < 0.04
    assert max(errors) < 0.15


@needs_steps
def test_the_tables_of_aiconfigurator() -> None:
    path = STEPS / "aiconfigurator_vllm_llama31_8b_bf16_tp1.csv"
    table = TableTime.read(path, gpu="h100_sxm")
    assert table.source == "Llama-3.1-8B on h100_sxm"
    # 1 ms, and 15 us for each of 32 layers.
    assert table.per_iteration == pytest.approx(1.48e-3)
    assert table.per_sequence == 5e-6
    for row in rows_of(path):
        if row["gpu"] == "h100_sxm" and row["part"] == "linear":
            place = table.linear_tokens.tolist().index(float(row["x"]))
            assert table.linear_seconds[place] == pytest.approx(float(row["seconds"]), rel=0.05)
    with pytest.raises(ValueError, match="gpu is None: must be one of a100_sxm, b200_sxm, h100_sxm"):
        TableTime.read(path)


@needs_steps
def test_the_tables_that_cannot_be_read_say_why() -> None:
    with pytest.raises(ValueError, match="is of splitwise-sim"):
        TableTime.read(STEPS / "splitwise_llama2_70b_bloom_a100_h100.csv")
    with pytest.raises(ValueError, match="all-reduces"):
        TableTime.read(STEPS / "aiconfigurator_vllm_allreduce.csv")
