"""What can be typed: one command a file, and here how they go together."""

from typing import Final

import typer

from batching._command._capacity import capacity
from batching._command._compare import compare
from batching._command._errors import OneSentence
from batching._command._measure import metrics
from batching._command._simulate import simulate_one
from batching._command._trace import trace_application

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
)
application.command("compare")(compare)
application.command("simulate")(simulate_one)
application.command("metrics")(metrics)
application.command("capacity")(capacity)
application.add_typer(trace_application, name="trace")
