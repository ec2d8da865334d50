"""What can be typed: one command a file, and here how they go together."""

from typing import Annotated, Final

import typer

from batching._command.calibrate import calibrate_run
from batching._command.capacity import capacity
from batching._command.catalogue import gpus, models
from batching._command.compare import compare
from batching._command.errors import OneSentence, OneValue
from batching._command.fleet import fleet
from batching._command.measure import metrics
from batching._command.profile import profile_application
from batching._command.simulate import simulate_one
from batching._command.trace import trace_application
from batching._version import __version__

_EPILOG: Final = (
    "Exit codes: 0 done; 1 there was not memory enough; 2 wrong use, bad input, a file that cannot be read or written, "
    "or an extra that is not installed; 130 interrupted."
)

application = typer.Typer(
    cls=OneSentence,
    help="What happens to latency, throughput and GPU use if LLM requests are batched differently?",
    epilog=_EPILOG,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:  # noqa: FBT001  (as an option gives it)
    if wanted:
        print(f"batching {__version__}")
        raise typer.Exit


@application.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What stands before the name of a command."""


application.command("compare", cls=OneValue)(compare)
application.command("simulate", cls=OneValue)(simulate_one)
application.command("fleet", cls=OneValue)(fleet)
application.command("metrics", cls=OneValue)(metrics)
application.command("calibrate", cls=OneValue)(calibrate_run)
application.command("capacity", cls=OneValue)(capacity)
application.command("gpus", cls=OneValue)(gpus)
application.command("models", cls=OneValue)(models)
application.add_typer(profile_application, name="profile")
application.add_typer(trace_application, name="trace")
