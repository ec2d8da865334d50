"""Every example that the help shows, and every command in a sentence of the documents, runs as it stands.

They are taken from what is printed, so that an example that is added is run, too.
"""

import gzip
import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from batching import (
    EngineConfig,
    Profile,
    Result,
    generate_conversation_workload,
    simulate,
    write_results,
    write_vllm_bench,
)

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("matplotlib")
pytest.importorskip("plotly")
pytest.importorskip("jinja2")
pytest.importorskip("pyarrow")

import typer.main
from typer.testing import CliRunner

from batching._command.application import application
from documents import documents, prose

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:15:{second}.5000000,{100 + second},{second}\n" for second in range(10, 40)
)
MOONCAKE = "".join(
    json.dumps({"timestamp": 500 * turn, "input_length": 512 * turn, "output_length": 9, "hash_ids": [*range(turn)]})
    + "\n"
    for turn in range(1, 5)
)
SGLANG = {
    "backend": "sglang",
    "completed": 2,
    "duration": 4.0,
    "input_lens": [10, 20],
    "output_lens": [3, 2],
    "ttfts": [0.5, 0.25],
    "itls": [[0.25, 0.25], [0.5]],
    "errors": ["", ""],
}


MEASURED = "part,x,y,seconds\nlinear,1,,0.01\nhead,1,,0.001\ndecode,1,100,0.0001\nprefill,100,0,0.002\n"
LLMSERVINGSIM = {
    "dense": "layer,tokens,time_us\nqkv_proj,1,20.5\nqkv_proj,64,22\n",
    "per_sequence": "layer,sequences,time_us\nlm_head,1,1000\n",
    "attention": "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16,9.3\n64,0,0,0,20\n",
}


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that does something, in the tree of the parser."""
    if not hasattr(command, "commands"):
        yield words
        return
    for name, below in command.commands.items():
        yield from commands(below, (*words, name))


def in_help(words: tuple[str, ...]) -> list[str]:
    """The examples that the help of a command prints, in a terminal of the usual width."""
    printed = CliRunner().invoke(application, [*words, "--help"], env={"COLUMNS": "80"}).stdout
    return re.findall(r"^    (batching .+)$", printed, re.MULTILINE)


COMMANDS = [*commands(typer.main.get_command(application))]
EXAMPLES = [example for words in COMMANDS for example in in_help(words)]
# In a sentence: not what stands for a command or a file that the reader has.
IN_SENTENCES = [
    line
    for page in documents()
    for line in re.findall(r"`(batching [^`]+)`", prose(page))
    if len(line.split()) > 2 and not re.search(r"\b[A-Z]{2,}\b", line) and not line.startswith("batching trace info")
]


def measured_rows(run: Result) -> Iterator[dict[str, Any]]:
    """A run as LLMServingSim measures one."""
    prompts = run.requests.prompt_length
    assert prompts is not None
    for index, prompt in enumerate(prompts.tolist()):
        yield {
            "input_toks": prompt,
            "output_toks": int(run.tokens_generated[index]),
            "arrival_time": float(run.sent_time[index]),
            "queued_ts": float(run.sent_time[index]),
            "scheduled_ts": float(run.start_time[index]),
            "first_token_ts": float(run.first_token_time[index]),
            "last_token_ts": float(run.end_time[index]),
        }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the examples are typed, with the files that they read."""
    monkeypatch.chdir(tmp_path)
    run = simulate(generate_conversation_workload(20), iteration_time=0.01)
    Path("AzureLLMInferenceTrace_conv.csv").write_text(AZURE)
    Path("AzureLLMInferenceTrace_conv.csv.gz").write_bytes(gzip.compress(AZURE.encode()))
    write_vllm_bench(run, "results.json", detailed=True)
    write_results(run, "run.csv")
    Path("run.jsonl").write_text("".join(json.dumps(row) + "\n" for row in measured_rows(run)))
    Path("mooncake_trace.jsonl").write_text(MOONCAKE)
    Path("trace.jsonl").write_text(MOONCAKE)
    Path("measured.csv").write_text(MEASURED)
    for name, text in LLMSERVINGSIM.items():
        Path(f"RTX4090_{name}.csv").write_text(text)
    Path("profile.json").write_text(Profile(config=EngineConfig(iteration_time=0.01), model="Llama-3.1-8B").to_json())
    Path("sglang.jsonl").write_text(json.dumps(SGLANG) + "\n")
    return tmp_path


def test_there_are_examples_of_every_command() -> None:
    assert len(COMMANDS) >= 9
    for words in COMMANDS:
        assert in_help(words), words
    assert IN_SENTENCES


@pytest.mark.parametrize("example", [*EXAMPLES, *IN_SENTENCES])
def test_an_example_runs_as_it_stands(example: str, folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    program, *arguments = shlex.split(example)
    assert program == "batching"
    ended = CliRunner().invoke(application, arguments)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout
    if "--json" in arguments:
        json.loads(ended.stdout)
    written = {
        value
        for option, value in pairwise(arguments)
        if option in {"--plot", "--report", "--output", "--schedule-trace", "--perfetto", "-o"}
    }
    assert {path.name for path in folder.iterdir()} - before == written - before
    assert all((folder / name).stat().st_size > (500 if name == "profile.json" else 1000) for name in written)
