"""The colours of all pictures, on paper and in the report: one colour has one meaning on a page.

What time and slots are used for has the colours of Okabe and Ito (2008), which the colour-blind can distinguish; runs
have others, and differ in dashes and widths, too.
"""

from typing import Final, NamedTuple

GENERATING: Final = "#0072B2"
NEXT_REQUEST: Final = "#56B4E9"
PREFILL: Final = "#F0E442"
HELD: Final = "#D55E00"
FREE: Final = "#F6CFB4"
WAITING_FOR_CLIENT: Final = "#C4C4C4"
WAITING: Final = "#8A8A8A"
WAITING_FOR_MEMORY: Final = "#6A6A9E"
SLOWED_BY_PREFILL: Final = "#B5A642"
PREEMPTED: Final = "#8B1A1A"
RUNNING: Final = "#1B7F5C"
KV_MEMORY: Final = "#7A5CC7"
# Of heat maps, and of what replicas have in the pages of fleets.
QUEUED: Final = "#C45A11"
ROUTED: Final = "#2F6FB5"
FOUND: Final = "#7A5CC7"
PROMPT: Final = "#8A8000"

PARTS: Final = {
    "waiting_for_client": WAITING_FOR_CLIENT,
    "waiting_for_slot": WAITING,
    "waiting_for_memory": WAITING_FOR_MEMORY,
    "prefill": PREFILL,
    "decode": GENERATING,
    "slowed_by_prefill": SLOWED_BY_PREFILL,
    "preempted": PREEMPTED,
    "held_in_batch": HELD,
}
"""Of each part of the time of a request, as the attribution calls it. Decoding is generating tokens."""

_RUNS: Final = ("#CC79A7", "#009E73", "#E69F00", "#9467BD", "#8C564B", "#17A2B8", "#C2185B", "#6B8E23")
_DASHES: Final = 6


class RunLine(NamedTuple):
    """How the curves of a run are drawn."""

    colour: str
    dash: int
    """Which of six: 0 is solid, the others have gaps, through which the curves below are seen."""
    width: float
    """Points. The later a run, and the higher its curve lies, the narrower: so the one below is seen on both sides."""


def run_line(index: int) -> RunLine:
    """That of the run with this index. The first 48 differ in colour or dashes."""
    # A colour that comes again has the next dash.
    dash = (index + 5 * (index // len(_RUNS))) % _DASHES
    return RunLine(_RUNS[index % len(_RUNS)], dash, max(1.6, 4.0 - 0.8 * index))
