"""What can be typed, and what goes wrong in one sentence."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from batching._command._comparison import Comparison, draw, simulate
from batching._command._progress import long_work
from batching._command._report import as_json, as_table
from batching._command._workload import generated, replayed
from batching._errors import BatchingError

PICTURE_SUFFIXES: Final = (".png", ".svg")

application = typer.Typer(
    help="What happens to latency, throughput and GPU use if LLM requests are batched differently?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@application.callback()
def _commands() -> None:
    """Keeps `compare` a word to type, even while it is the only command."""


@application.command()
def compare(  # noqa: PLR0917  (options, which nobody passes by position)
    trace: Annotated[
        Path | None,
        typer.Option(help="Replay this Azure trace (CSV: TIMESTAMP,ContextTokens,GeneratedTokens), gzipped or not."),
    ] = None,
    num_requests: Annotated[int, typer.Option(help="Requests to generate; not used with --trace.")] = 2000,
    batch_size: Annotated[int, typer.Option(help="The batch of the one, the slots of the other.")] = 32,
    time_per_token: Annotated[float, typer.Option(help="Seconds that one iteration takes.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Of the generated requests; not used with --trace.")] = 42,
    plot: Annotated[Path | None, typer.Option(help="Draw both schedules and latencies: FILE.png or FILE.svg.")] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Static against continuous batching on the same requests.

    Without --trace the requests are generated after the published statistics of the Azure conversation trace of 2023.
    """
    with _one_sentence_errors():
        _check_picture(plot)
        with long_work() as work:
            if trace is not None:
                with work.step(f"reading {trace.name}") as progress:
                    workload = replayed(trace, progress)
            else:
                workload = generated(num_requests, seed)
            with work.step("simulating") as progress:
                comparison: Comparison = simulate(workload, batch_size, time_per_token, progress)
            if plot is not None:
                with work.step("drawing"):
                    draw(comparison, plot)
        if json:
            print(as_json(comparison))
        else:
            as_table(comparison)
            if plot is not None:
                print(f"Picture: {plot}")


def _check_picture(path: Path | None) -> None:
    if path is None:
        return
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise BatchingError(f"--plot is {path}: must end in {' or '.join(PICTURE_SUFFIXES)}")
    if not path.parent.is_dir():
        raise BatchingError(f"--plot is {path}: there is no directory {path.parent}")


@contextlib.contextmanager
def _one_sentence_errors() -> Iterator[None]:
    """What a user can do wrong ends the command with one sentence and exit code 2, not with a traceback."""
    try:
        yield
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else str(error), file=sys.stderr)
        raise typer.Exit(2) from None
    except BatchingError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
