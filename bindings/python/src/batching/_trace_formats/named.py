"""Columns, or keys of JSON objects, that are recognised by their names: our own, and what others call the same."""

from collections.abc import Iterable
from typing import Final

from batching._trace_formats.layout import RECORDED_TIMES, Arrival, Layout
from batching._trace_formats.rows import NANOSECONDS

OUTPUT_NAMES: Final = (
    "output_length",
    "output_tokens",
    "output_len",
    "output_toks",
    "num_output_tokens",
    "generated_tokens",
    "num_decode_tokens",
    "completion_tokens",
    "response_tokens",
    "tokens_generated",
)
PROMPT_NAMES: Final = (
    "prompt_length",
    "prompt_tokens",
    "prompt_len",
    "input_length",
    "input_tokens",
    "input_len",
    "input_toks",
    "num_prompt_tokens",
    "num_input_tokens",
    "context_tokens",
    "num_prefill_tokens",
    "request_tokens",
)
# Nanoseconds in a unit; None: seconds or dates, as the values tell.
ARRIVAL_NAMES: Final[dict[str, int | None]] = {
    "arrival_time": None,
    "arrival": None,
    "arrived_at": None,
    "arrival_time_s": NANOSECONDS,
    "arrival_s": NANOSECONDS,
    "arrival_time_ms": 10**6,
    "arrival_ms": 10**6,
    "arrival_time_us": 10**3,
    "arrival_time_ns": 1,
    "timestamp": None,
    "timestamp_s": NANOSECONDS,
    "timestamp_ms": 10**6,
    "timestamp_us": 10**3,
    "timestamp_ns": 1,
    "time": None,
}


def normal(name: str) -> str:
    """The form in which names are compared: "Response tokens" is response_tokens."""
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def layout_of(names: Iterable[str]) -> tuple[Layout | None, dict[str, str]]:
    """The layout of columns of these names, in normal form, or None if none has the output length; and what each
    normal name is called in the file. An arrival whose name tells no unit is taken for seconds.

    Of two names for the same thing the first of the lists above counts.
    """
    actual: dict[str, str] = {}
    for name in names:
        actual.setdefault(normal(name), name)
    output = next((name for name in OUTPUT_NAMES if name in actual), None)
    if output is None:
        return None, actual
    arrival_name = next((name for name in ARRIVAL_NAMES if name in actual), None)
    arrival = None
    if arrival_name is not None:
        arrival = Arrival(arrival_name, ARRIVAL_NAMES[arrival_name] or NANOSECONDS)
    # Other times are seconds: of no use beside arrivals that are told otherwise.
    in_seconds = arrival is None or arrival.per_unit == NANOSECONDS
    is_recorded = in_seconds and "end_time" in actual
    # Of what write_results writes.
    own = {name for name in ("tokens_generated", "was_sent") if is_recorded and name in actual and name != output}
    layout = Layout(
        output=output,
        prompt=next((name for name in PROMPT_NAMES if name in actual), None),
        arrival=arrival,
        priority="priority" if "priority" in actual else None,
        recorded={name: name for name in RECORDED_TIMES if name in actual} if is_recorded else None,
        generated="tokens_generated" if "tokens_generated" in own else None,
        was_sent="was_sent" if "was_sent" in own else None,
    )
    return layout, actual
