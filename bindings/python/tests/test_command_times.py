"""The command: models and GPUs by name, profiles, and where it says that times are from spec sheets."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from batching import (
    AffineTime,
    EngineConfig,
    Profile,
    RooflineTime,
    TableTime,
    deployment_memory,
    generate_conversation_workload,
    gpus,
    models,
    simulate,
)

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("jinja2")
pytest.importorskip("plotly")
pytest.importorskip("matplotlib")

from typer.testing import CliRunner, Result

from batching._command.application import application
from hugging_face_configs import LLAMA

NAMED = ("--model", "Llama-3.1-8B", "--gpu", "H100-SXM")
SHEETS = "roofline of Llama-3.1-8B (bf16) on H100-SXM, from spec sheets: expect ±10%"
REQUESTS = generate_conversation_workload(40)


def run(*arguments: str | Path, width: int = 160) -> Result:
    return CliRunner().invoke(application, [*map(str, arguments)], env={"COLUMNS": str(width)})


def printed(*arguments: str | Path, width: int = 160) -> str:
    result = run(*arguments, width=width)
    assert result.exit_code == 0, result.output
    return result.stdout


def told(*arguments: str | Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(printed(*arguments, "--json"))
    return parsed


def simulated(*arguments: str | Path) -> dict[str, Any]:
    return told("simulate", "--num-requests", "40", *arguments)


# --- By name ----------------------------------------------------------------------------------------------------------


def test_a_model_on_a_gpu_sets_times_and_blocks() -> None:
    one = simulated(*NAMED)
    config = EngineConfig.for_deployment("Llama-3.1-8B", "H100-SXM", max_num_seqs=32)
    assert one["metrics"]["total_time"] == simulate(REQUESTS, config).total_time
    assert one["settings"]["num_gpu_blocks"] == config.num_gpu_blocks
    assert one["settings"]["iteration_time"]["expected_error"] == 0.1
    assert one["iteration_time"] == SHEETS
    other = simulated("--model", "Llama-3.1-70B", "--gpu", "H100-SXM", "--tp", "4", "--dtype", "fp8", "--kv-dtype",
                      "fp8", "--gpu-memory-utilization", "0.8", "--max-num-seqs", "16")  # fmt: skip
    config = EngineConfig.for_deployment(
        "Llama-3.1-70B", "H100-SXM", tensor_parallel=4, dtype="fp8", kv_dtype="fp8", gpu_memory_utilization=0.8,
        max_num_seqs=16,
    )  # fmt: skip
    assert other["metrics"]["total_time"] == simulate(REQUESTS, config).total_time
    assert other["settings"] == dict(simulate(REQUESTS, config).settings) | {
        "iteration_time": other["settings"]["iteration_time"]
    }


def test_what_is_typed_is_taken_instead() -> None:
    assert simulated(*NAMED, "--num-gpu-blocks", "900")["settings"]["num_gpu_blocks"] == 900
    assert simulated(*NAMED, "--setting", "num_gpu_blocks=none")["settings"]["num_gpu_blocks"] is None
    own = simulated(*NAMED, "--iteration-time", "0.02")
    assert own["settings"]["iteration_time"] == 0.02
    assert own["settings"]["num_gpu_blocks"] > 20_000


def test_each_run_has_the_blocks_of_its_settings() -> None:
    runs = told("compare", "--policy", "vllm", "--num-requests", "5", *NAMED, "--setting", "block_size=16,64")["runs"]
    blocks = [each["settings"]["num_gpu_blocks"] for each in runs]
    assert blocks == [
        deployment_memory("Llama-3.1-8B", "H100-SXM", block_size=size, max_num_seqs=32).num_gpu_blocks
        for size in (16, 64)
    ]


def test_a_config_json_is_a_model(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA))
    for model in (path, tmp_path):
        by_file = simulated("--model", model, "--gpu", "H100-SXM")
        assert by_file["metrics"] == simulated(*NAMED)["metrics"]


def test_every_output_says_that_times_are_from_spec_sheets(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    assert SHEETS in printed("simulate", "--num-requests", "40", *NAMED, "--report", report)
    assert SHEETS in report.read_text(encoding="utf-8")
    assert SHEETS in printed("compare", "--num-requests", "40", *NAMED)
    assert SHEETS in printed("capacity", *NAMED)
    assert "±25%" in printed("simulate", "--num-requests", "5", "--model", "Mixtral-8x7B", "--gpu", "H200-SXM")
    assert "±25%" in printed("simulate", "--num-requests", "5", "--model", "Qwen3-8B", "--gpu", "L4", "--tp", "2")


def test_the_default_is_called_what_it_is(tmp_path: Path) -> None:
    usual = "about an 8B model on an H100, not calibrated"
    report = tmp_path / "report.html"
    assert usual in printed("compare", "--num-requests", "40", "--report", report)
    # Above the figures, and among the settings.
    assert report.read_text(encoding="utf-8").count(usual) >= 2
    assert usual in simulated()["iteration_time"]
    for command in ("compare", "simulate"):
        assert usual in " ".join(printed(command, "--help").replace("│", " ").split())


# --- Profiles ---------------------------------------------------------------------------------------------------------


def test_a_profile_sets_times_and_engine(tmp_path: Path) -> None:
    config = EngineConfig(
        max_num_seqs=7, num_gpu_blocks=1000, async_scheduling=True, iteration_time=AffineTime(0.004, 1e-5)
    )
    path = tmp_path / "mine.json"
    path.write_text(Profile(config=config, model="M", gpu="G").to_json())
    one = simulated("--profile", path)
    assert one["metrics"]["total_time"] == simulate(REQUESTS, config).total_time
    assert one["settings"] == dict(simulate(REQUESTS, config).settings) | {
        "iteration_time": config.to_dict()["iteration_time"]
    }
    assert "iteration time of the profile mine.json (M on G: 4 ms + 10 µs a prefill token)" in printed(
        "compare", "--num-requests", "5", "--profile", path
    )
    # What is typed is taken instead.
    changed = simulated("--profile", path, "--max-num-seqs", "9", "--setting", "async_scheduling=false")
    assert changed["metrics"]["total_time"] == simulate(REQUESTS, config.replace(
        max_num_seqs=9, async_scheduling=False
    )).total_time  # fmt: skip


def test_what_clients_of_a_profile_see_is_told_and_not_added(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    profile = Profile(config=EngineConfig(iteration_time=AffineTime(0.004)))
    profile.write(path)
    near = simulated("--profile", path)
    dataclasses.replace(profile, client_delay=0.02).write(path)
    far = simulated("--profile", path)
    assert far["metrics"] == near["metrics"]
    assert far["iteration_time"].endswith("; its clients saw 20 ms more of each TTFT and E2E, which is not added")
    assert "Clients: 20 ms more of each TTFT and E2E" in printed("profile", "show", path)


def test_pictures_say_where_their_times_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    captions = []

    def kept(figure: Any, _: Path) -> None:
        captions.append(figure.legends[0].get_title().get_text())

    for command in ("compare", "simulate"):
        monkeypatch.setattr(f"batching._command.{command}.write_figure", kept)
        printed(command, "--num-requests", "5", "--plot", tmp_path / "a.png")
    assert len(captions) == 2
    assert all("about an 8B model on an H100, not calibrated" in caption for caption in captions)


def test_a_table_becomes_a_profile(tmp_path: Path) -> None:
    table, profile = tmp_path / "measured.csv", tmp_path / "profile.json"
    table.write_text("part,x,y,seconds\nlinear,1,,0.01\ndecode,1,100,0.001\nprefill,100,0,0.002\n")
    assert "TableTime(linear 1, decode 1 x 2" in printed("profile", "import", table, "-o", profile)
    assert Profile.read(profile).iteration_time == TableTime.read(table)
    assert "imported from: measured.csv" in printed("profile", "show", profile)
    config = EngineConfig(max_num_seqs=32, iteration_time=TableTime.read(table))
    assert simulated("--profile", profile)["metrics"]["total_time"] == simulate(REQUESTS, config).total_time


def test_the_json_of_a_model_is_an_iteration_time() -> None:
    time = RooflineTime.for_deployment("Qwen3-8B", "L4")
    one = simulated("--iteration-time", json.dumps(time.to_dict()))
    assert one["settings"]["iteration_time"] == time.to_dict()
    assert one["iteration_time"] == time._phrase()
    affine = simulated("--iteration-time", "base=0.01,prefill_chunk=0.002,prefill_iteration=0.003")
    assert affine["settings"]["iteration_time"]["per_prefill_chunk"] == 0.002
    assert affine["settings"]["iteration_time"]["per_prefill_iteration"] == 0.003


# --- What is there ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["gpus", "models"])
def test_what_can_be_named_fits_a_terminal(command: str) -> None:
    known = [each.name for each in (gpus() if command == "gpus" else models())]
    lines = printed(command, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split("│")[1].strip() for line in lines if line.startswith("│")] == known
    parsed = json.loads(printed(command, "--json"))
    assert [each["name"] for each in parsed] == known


def test_one_of_them_is_told_with_all_that_is_known() -> None:
    alone = told("gpus", "h100 sxm")
    assert (alone["name"], alone["memory_type"]) == ("H100-SXM", "hbm")
    assert "memory_bandwidth  3,350,000,000,000" in printed("gpus", "H100-SXM")
    model = told("models", "Llama-3.1-8B")
    assert (model["parameters"], model["kv_bytes_per_token"]) == (8_030_261_248, 131_072)
    assert "num_hidden_layers                32" in printed("models", "Llama-3.1-8B")


def test_capacity_by_name() -> None:
    memory = deployment_memory("Llama-3.1-8B", "H100-SXM")
    parsed = told("capacity", *NAMED, "--max-seq-len", "1000")
    assert parsed["num_gpu_blocks"] == memory.num_gpu_blocks
    assert parsed["ridge_point"] == memory.ridge_point
    (held,) = parsed["contexts"]
    sequences = int(memory.concurrency(1000))
    assert (held["context"], held["sequences"]) == (1000, sequences)
    time = RooflineTime.for_deployment("Llama-3.1-8B", "H100-SXM")
    assert held["seconds"] == time.seconds(decode_tokens=sequences, context_tokens=1000 * sequences)
    shown = printed("capacity", *NAMED)
    assert f"  KV blocks of 16 tokens              {memory.num_gpu_blocks:,}" in shown
    assert [line.split("│")[1].strip() for line in shown.splitlines() if line.startswith("│")] == [
        "1,024", "4,096", "16,384", "65,536",
    ]  # fmt: skip
    assert "The model does not fit" in printed("capacity", "--model", "Llama-3.1-405B", "--gpu", "L4")
    assert told("capacity", "--model", "Llama-3.1-405B", "--gpu", "L4")["contexts"][0]["seconds"] is None


# --- What is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("simulate --model Llama-3.1-8B", "--model is given, but --gpu is not: must be both"),
        ("simulate --gpu L4", "--gpu is given, but --model is not: must be both"),
        ("simulate --tp 2", "--tp is given, but --model is not: must be both"),
        ("simulate --model Llama-3.1-8B --gpu H1000", 'name is "H1000": must be one of the catalogue\'s'),
        ("simulate --model Lama --gpu L4", 'name is "Lama": must be one of the catalogue\'s'),
        ("simulate --model none.json --gpu L4", "none.json: No such file or directory"),
        ("simulate --model Llama-3.1-70B --gpu L4", "Llama-3.1-70B (bf16) on L4 does not fit"),
        ("compare --model Llama-3.1-8B --gpu L4 --dtype f16", "--dtype is f16: must be one of bf16, fp8, int8, fp4, i"),
        ("compare --model Llama-3.1-8B --gpu L4 --kv-dtype int4", "kv_dtype is 'int4': must be one of"),
        ("compare --model Llama-3.1-8B --gpu L4 --tp 3", "tensor_parallel is 3: must be a power of two"),
        ("compare --model Llama-3.1-8B --gpu L4 --gpu-memory-utilization 2", "gpu_memory_utilization is 2.0: must be"),
        ("simulate --profile none.json", "none.json: No such file or directory"),
        ("simulate --profile x.json --gpu L4", "--gpu and --profile are given: must be one of them"),
        ("simulate --profile x.json --iteration-time 1", "--iteration-time and --profile are given: must be one"),
        ("simulate --iteration-time {", "--iteration-time is no JSON: "),
        ('simulate --iteration-time {"model":"wall"}', "--iteration-time has the model 'wall'"),
        ("capacity", "nothing is given: must be --model and --gpu, or --memory, --model-memory, "),
        ("capacity --model Llama-3.1-8B", "--gpu is missing: must be there"),
        (
            "capacity --model Llama-3.1-8B --gpu L4 --memory 1e9",
            "--memory is given beside --model: must be one of them",
        ),
        ("capacity --model Llama-3.1-8B --gpu L4 --max-seq-len 0", "context is 0: must be at least 1"),
        ("gpus H1000", 'name is "H1000": must be one of'),
        ("models Lama", 'name is "Lama": must be one of'),
        ("profile import none.csv -o profile.json", "none.csv: No such file or directory"),
        ("profile import none.csv -o profile.txt", "--output is profile.txt: must end in .json"),
        ("profile show none.json", "none.json: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    arguments: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments.split())
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.output
    assert sentence in result.stderr
