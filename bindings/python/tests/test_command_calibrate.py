"""`batching calibrate`, and the picture of a calibration."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batching import (
    AffineTime,
    EngineConfig,
    Profile,
    calibrate,
    generate_conversation_workload,
    plot_calibration,
    read_trace,
    simulate,
    write_results,
)

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")
pytest.importorskip("pyarrow")

from typer.testing import CliRunner, Result

from batching._command.application import application

SERVER = EngineConfig(max_num_seqs=16, iteration_time=AffineTime(0.006, 3e-5, 2e-5, 5e-8))
REQUESTS = generate_conversation_workload(120, 3)


def run(*arguments: str | Path, width: int = 80) -> Result:
    return CliRunner().invoke(application, [*map(str, arguments)], env={"COLUMNS": str(width)})


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "run.csv"
    write_results(simulate(REQUESTS, SERVER), path)
    return path


def test_a_log_becomes_a_profile_that_simulates_the_same(log: Path, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    result = run("calibrate", log, "--max-num-seqs", "16", "-o", profile, "--simulations", "600")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    for word in ("TTFT measured", "error", "per_prefill_token", "how much the log says", "Profile: "):
        assert word in result.stdout
    found = Profile.read(profile)
    assert found.config.max_num_seqs == 16
    truth, again = simulate(REQUESTS, SERVER), simulate(REQUESTS, found.config)
    assert again.total_time == pytest.approx(truth.total_time, rel=0.005)
    # The command takes it, and shows it.
    assert (
        "of the profile profile.json" in run("simulate", "--profile", profile, "--num-requests", "20", width=400).stdout
    )
    shown = run("profile", "show", profile).stdout
    assert "remarks: " in shown
    assert "errors, in sample, ttft: mean" in shown.replace("_", " ")


def test_json_is_the_profile(log: Path, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    result = run("calibrate", log, "--max-num-seqs", "16", "-o", profile, "--json", "--simulations", "300")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads(profile.read_text())
    python = calibrate(read_trace(log), EngineConfig(max_num_seqs=16), simulations=300)
    assert json.loads(result.stdout) == python.to_dict()


def test_half_is_tested_on_the_other(log: Path) -> None:
    result = run("calibrate", log, "--max-num-seqs", "16", "--half", "--json", "--simulations", "600")
    assert result.exit_code == 0, result.output
    notes = json.loads(result.stdout)["notes"]
    trace = read_trace(log)
    assert trace.recorded is not None
    assert notes["fitted_on"]["observed_until"] == pytest.approx(np.sort(trace.recorded.end_time)[59])
    assert notes["errors"]["in_sample"]["requests"] == 60
    assert notes["errors"]["out_of_sample"]["requests"] == 60
    assert abs(notes["errors"]["out_of_sample"]["e2e"]["mean"]) < 0.01
    assert (
        "not fitted to: 60 requests"
        in run("calibrate", log, "--max-num-seqs", "16", "--half", "--simulations", "50").stdout
    )


def test_pictures_and_the_page(log: Path, tmp_path: Path) -> None:
    picture, page = tmp_path / "calibration.png", tmp_path / "calibration.html"
    result = run(
        "calibrate", log, "--max-num-seqs", "16", "--model", "Llama-3.1-8B", "--gpu", "H100-SXM", "--plot", picture,
        "--report", page, "--simulations", "50",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    html = page.read_text()
    assert "Llama-3.1-8B on H100-SXM" in html
    assert "data:image/png;base64," in html
    assert "http" not in html


def test_hash_ids_may_stand_in_a_file_of_their_own(log: Path, tmp_path: Path) -> None:
    ids = tmp_path / "ids.jsonl.gz"
    ids.write_bytes(gzip.compress("".join(f'{{"hash_ids": [{index}]}}\n' for index in range(120)).encode()))
    arguments: tuple[str | Path, ...] = (
        "calibrate",
        log,
        "--max-num-seqs",
        "16",
        "--simulations",
        "50",
        "--json",
        "--hash-ids",
        ids,
    )
    assert "--num-gpu-blocks is not" in run(*arguments, width=400).output
    arguments = (*arguments, "--num-gpu-blocks", "9000")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["engine"]["enable_prefix_caching"] is True
    ids.write_text('{"hash_ids": [1]}\n')
    assert "has the hash ids of 1 request: must have those of 120" in run(*arguments, width=400).output
    ids.write_text("{}\n")
    assert "line 1 has no hash_ids" in run(*arguments, width=400).output
    ids.write_text("{")
    assert "line 1 is no JSON" in run(*arguments, width=400).output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--max-num-seqs", "16", "-o", "profile.txt"], "--output is profile.txt: must end in .json"),
        (["--max-num-seqs", "16", "--plot", "x.pdf"], "--plot is x.pdf: must end in .png or .svg"),
        (["--max-num-seqs", "16", "--gpu", "L4"], "gpu is given, but model is not"),
        (["--max-num-seqs", "0"], "max_num_seqs is 0"),
        (["--max-num-seqs", "16", "--scheduling", "x"], "scheduling is 'x'"),
        (["--max-num-seqs", "16", "--dtype", "x"], "--dtype is x: must be one of"),
        (["--max-num-seqs", "16", "--setting", "block_size=8,16"], "--setting has several values"),
        (["--max-num-seqs", "16", "--setting", "clients=3"], "--setting clients is given: must be a field of"),
        ([], "--max-num-seqs"),
    ],
)
def test_what_is_wrong_is_a_sentence(log: Path, arguments: list[str], sentence: str) -> None:
    result = run("calibrate", log, *arguments, width=400)
    assert result.exit_code == 2
    assert sentence in str(result.output) + str(result.exception)


def test_a_trace_without_answers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("arrival_time,prompt_length,output_length\n0,10,20\n1,10,20\n")
    assert (
        "when requests arrived, not when they were answered"
        in run("calibrate", path, "--max-num-seqs", "8", width=400).output
    )


def test_the_picture_shows_what_the_errors_say() -> None:
    recorded = simulate(REQUESTS, SERVER).recorded()
    half = float(np.median(recorded.end_time))
    found = calibrate(recorded, SERVER, simulations=100, observed_until=half)
    figure = plot_calibration(found)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title.partition("$:")[0].strip("$") for title in titles] == [
        r"\bf{TTFT}", r"\bf{TPOT}", r"\bf{E2E}", r"\bf{Running}", r"\bf{Waiting}",
    ]  # fmt: skip
    for axes in figure.axes:
        assert [line.get_label() for line in axes.get_lines()][:2] == ["measured", "simulated"]
    given: Any = 5
    with pytest.raises(TypeError, match="calibration is 5: must be a Calibration"):
        plot_calibration(given)
