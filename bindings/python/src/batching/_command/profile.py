"""`batching profile`: files that say how long iterations take."""

from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from batching._columns.display import seconds
from batching._columns.files import whole_file
from batching._command.errors import OneValue, one_sentence_errors
from batching._command.options import check_output
from batching._command.tables import console, say
from batching._engine.config import EngineConfig
from batching._engine.described import described
from batching._engine.profile import Profile
from batching._times.table import TableTime

_EXAMPLES: Final = """Examples:

\b
  batching profile import measured.csv -o profile.json
  batching profile import RTX4090 --layers 32 -o profile.json"""
_SHOW_EXAMPLES: Final = """Example:

\b
  batching profile show profile.json"""

profile_application = typer.Typer(help="Files that say how long iterations take: profiles.", rich_markup_mode=None)


@profile_application.callback()
def _commands() -> None:
    """What stands before the name of a command."""


def import_table(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="The tables, all of one layout.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The profile to write: FILE.json.")],
    gpu: Annotated[str | None, typer.Option(metavar="NAME", help="Whose rows to take, as the file calls it.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Whose rows to take, as the file calls it.")] = None,
    layers: Annotated[
        int | None, typer.Option(metavar="N", help="Layers of the model, where a file has the seconds of one of them.")
    ] = None,
) -> None:
    """Make a profile of measured seconds: a CSV of your own with the columns part, x, y, seconds, or tables of
    LLMServingSim (RTX4090 stands for RTX4090_dense.csv, RTX4090_per_sequence.csv and RTX4090_attention.csv) or
    aiconfigurator.
    """
    with one_sentence_errors():
        check_output("--output", output, (".json",))
        table = TableTime.read(*files, gpu=gpu, model=model, layers=layers)
        profile = Profile(
            config=EngineConfig(iteration_time=table),
            model=model or "",
            gpu=gpu or "",
            notes={"imported_from": [file.name for file in files]},
        )
        # A value that is out of its range is found now, and not when the profile is used.
        table.seconds(decode_tokens=1, context_tokens=1)
        with whole_file(output) as file:
            file.write(profile.to_json().encode() + b"\n")
        out = console()
        say(out, f"Profile: {output}, {table!r}")


import_table.__doc__ = f"{cleandoc(import_table.__doc__ or '')}\n\n{_EXAMPLES}"


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The profile.")],
) -> None:
    """Show what a profile says."""
    with one_sentence_errors():
        profile = Profile.read(file)
        out = console()
        for name, value in (("Model", profile.model), ("GPU", profile.gpu)):
            if value:
                say(out, f"{name}: {value}")
        say(out, f"Engine: {described(profile.config._settings())}")
        if profile.client_delay:
            say(out, f"Clients: {seconds(profile.client_delay)} more of each TTFT and E2E than the engine takes")
        for name, value in profile.notes.items():
            for line in _told(name, value):
                say(out, line)


def _told(name: str, value: Any) -> list[str]:
    """A note, a line for each of its parts if it has several levels."""
    if isinstance(value, dict):
        if any(isinstance(part, dict) for part in value.values()):
            return [line for key, part in value.items() for line in _told(f"{name}, {key}", part)]
        value = ", ".join(f"{key} {_short(part)}" for key, part in value.items())
    elif isinstance(value, list):
        return [line for part in value for line in _told(name, part)]
    return [f"{name.replace('_', ' ')}: {_short(value)}"]


def _short(value: Any) -> str:
    if isinstance(value, list):
        # From the least to the most.
        return " to ".join(map(_short, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


show.__doc__ = f"{cleandoc(show.__doc__ or '')}\n\n{_SHOW_EXAMPLES}"

profile_application.command("import", cls=OneValue)(import_table)
profile_application.command("show", cls=OneValue)(show)
