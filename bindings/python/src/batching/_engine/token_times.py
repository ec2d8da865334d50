"""When each token of a run was there, read from its logs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns
from batching._columns.intervals import NEVER, nanoseconds
from batching._columns.token_times import TokenTimes
from batching._engine.logs import DecisionLog, IterationLog
from batching._ffi.generated.choices import Event


def token_times(
    requests: RequestColumns,
    columns: Mapping[str, npt.NDArray[Any]],
    iterations: IterationLog,
    decisions: DecisionLog,
    *,
    are_prefilled: bool,
) -> TokenTimes:
    """When each token was there, from the logs of a run and from the columns of its result. `are_prefilled`: whether
    prompts were computed at all.

    Memory: 8 bytes a token. Time: O(rows of the log log rows).
    """
    count = len(requests)
    ends = nanoseconds(iterations.start_time) + nanoseconds(iterations.duration)
    relevant = np.isin(decisions.event, (Event.ADMITTED, Event.RESUMED, Event.SCHEDULED))
    rows = np.flatnonzero(relevant)
    rows = rows[np.argsort(decisions.request[rows], kind="stable")]
    request, event = decisions.request[rows], decisions.event[rows]
    scheduled = event == Event.SCHEDULED
    times = ends[decisions.iteration[rows]]
    first = nanoseconds(columns["first_token_time"])[request]
    # From the first token on each iteration gives one, but for those that recompute after a preemption.
    gives = scheduled & (first != NEVER) & (times >= first)
    if are_prefilled:
        prompts = requests.prompt_length
        bounds = np.searchsorted(request, np.arange(count + 1))
        for index in np.flatnonzero(columns["preemptions"]).tolist():
            span = slice(int(bounds[index]), int(bounds[index + 1]))
            prompt = 0 if prompts is None else int(prompts[index])
            gives[span] = _giving(scheduled[span].tolist(), decisions.tokens[rows[span]].tolist(), prompt)
    request, times = request[gives], times[gives]
    # In a static batch those that have all their tokens go on computing, for nothing.
    begins = np.searchsorted(request, np.arange(count))
    wanted = np.arange(len(request)) - begins[request] < columns["tokens_generated"][request]
    counts = np.bincount(request[wanted], minlength=count)
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return TokenTimes(times[wanted], offsets)


def _giving(scheduled: list[bool], tokens: list[int], prompt: int) -> list[bool]:
    """Which rows of one request give a token: those after which its prompt and all it has generated are computed."""
    gives = []
    computed = generated = 0
    for is_scheduled, count in zip(scheduled, tokens, strict=True):
        computed = computed + count if is_scheduled else count
        complete = is_scheduled and computed >= prompt + generated
        generated += complete
        gives.append(complete)
    return gives
