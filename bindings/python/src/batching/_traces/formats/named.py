"""Columns, or keys of JSON objects, that are recognised by their names: our own, and what others call the same."""

from collections.abc import Iterable
from typing import Final

from batching._traces.formats.layout import RECORDED_TIMES, Arrival, Layout
from batching._traces.formats.rows import NANOSECONDS
from batching._traces.formats.source import Source

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
    "token_size",
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
    "prompt_size",
)
_MOMENTS: Final = (
    "arrival_time",
    "arrival",
    "arrived_at",
    "arrival_timestamp",
    "arrival_date",
    "request_arrival_time",
    "timestamp",
    "@timestamp",
    "time",
    "ts",
    "datetime",
    "date_time",
    "created_at",
    "created",
    "create_time",
    "creation_time",
    "request_timestamp",
    "request_start_time",
    "request_start",
    "requested_at",
    "start_timestamp",
    "started_at",
    "submitted_at",
    "submit_time",
    "submission_time",
    "sent_at",
    "send_time",
    "received_at",
    "receive_time",
    "event_time",
    "log_time",
    "when",
    "date",
)
_UNITS: Final = {"s": NANOSECONDS, "sec": NANOSECONDS, "seconds": NANOSECONDS, "ms": 10**6, "us": 10**3, "ns": 1}
# Nanoseconds in a unit; None: seconds or dates, by their values. The start of a request, or what comes before it, is
# its arrival only where nothing else is: beside an arrival it is a time of a recording.
ARRIVAL_NAMES: Final[dict[str, int | None]] = {
    name if unit is None else f"{name}_{unit}": None if unit is None else _UNITS[unit]
    for name in (*_MOMENTS, "client_arrival_time", "sent_time", "start_time")
    for unit in (None, *_UNITS)
}

# Words in the name of a moment, unless another says that it is a length of time, or not the beginning.
_OF_MOMENTS: Final = frozenset({"time", "times", "timestamp", "timestamps", "datetime", "date", "ts", "at", "when"})
_OF_OTHERS: Final = frozenset(
    [
        "to",
        "per",
        "first",
        "last",
        "end",
        "ended",
        "finish",
        "finished",
        "complete",
        "completed",
        "completion",
        "done",
        "response",
        "latency",
        "duration",
        "elapsed",
        "queue",
        "queued",
        "queueing",
        "wait",
        "waiting",
        "process",
        "processing",
        "execution",
        "run",
        "running",
        "service",
        "decode",
        "prefill",
        "generation",
        "inference",
        "compute",
        "total",
        "token",
        "tokens",
        "e2e",
        "ttft",
        "tpot",
        "itl",
        "zone",
        "think",
        "scheduled",
    ]
)


def normal(name: str) -> str:
    """The form in which names are compared: "Response tokens" is response_tokens."""
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def arrival_name(names: Iterable[str]) -> str | None:
    """The first of ARRIVAL_NAMES that is among names in normal form."""
    there = set(names)
    return next((name for name in ARRIVAL_NAMES if name in there), None)


def no_arrivals(source: Source, names: Iterable[str], used: Iterable[str], dates: Iterable[str] = ()) -> None:
    """Where no arrivals were found, an error if some column that is not used looks like them, by its name or because it
    holds dates: all requests would arrive at once, without a word.
    """
    told = set(dates)
    for name in names:
        words = set(normal(name).split("_"))
        if name not in used and (name in told or (words & _OF_MOMENTS and not words & _OF_OTHERS)):
            raise source.error(
                f"has times under the name {name[:60]!r}, which is none that is known for arrivals: "
                "call it arrival_time, or take it out, so that all requests arrive at once"
            )


def layout_of(names: Iterable[str]) -> tuple[Layout | None, dict[str, str]]:
    """The layout of columns of these names, in normal form, or None if none has the output length; and what each
    normal name is called in the file. An arrival whose name has no unit is taken for seconds.

    Of two names for the same thing the first of the lists above counts.
    """
    actual: dict[str, str] = {}
    for name in names:
        actual.setdefault(normal(name), name)
    output = next((name for name in OUTPUT_NAMES if name in actual), None)
    if output is None:
        return None, actual
    moment = arrival_name(actual)
    arrival = None if moment is None else Arrival(moment, ARRIVAL_NAMES[moment] or NANOSECONDS)
    # Other times are seconds: of no use beside arrivals of another kind.
    in_seconds = arrival is None or arrival.per_unit == NANOSECONDS
    is_recorded = in_seconds and "end_time" in actual
    # Of what write_results writes.
    own = {name for name in ("tokens_generated", "was_sent") if is_recorded and name in actual and name != output}
    layout = Layout(
        output=output,
        prompt=next((name for name in PROMPT_NAMES if name in actual), None),
        arrival=arrival,
        priority="priority" if "priority" in actual else None,
        tie_break="tie_break" if "tie_break" in actual else None,
        max_tokens="max_tokens" if "max_tokens" in actual else None,
        abort_time="abort_time" if in_seconds and arrival is not None and "abort_time" in actual else None,
        session="session" if "session" in actual else None,
        # Without sessions it is one of something else.
        delay="delay" if {"session", "delay"} <= actual.keys() else None,
        recorded={name: name for name in RECORDED_TIMES if name in actual and name != moment} if is_recorded else None,
        generated="tokens_generated" if "tokens_generated" in own else None,
        was_sent="was_sent" if "was_sent" in own else None,
    )
    return layout, actual
