"""The times of a run in whole nanoseconds, which add and subtract without rounding, and of their tokens."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batching._calls import Int64Array
from batching._engine_result import Result
from batching._engine_words import Event
from batching._intervals import NEVER, nanoseconds
from batching._simulators import TextbookResult


@dataclass(frozen=True, eq=False)
class RunTimes:
    """Nanoseconds at which things happened to each request; NEVER if they did not."""

    arrival: Int64Array
    start: Int64Array
    first_token: Int64Array
    end: Int64Array

    def of(self, chosen: npt.NDArray[np.bool_]) -> "RunTimes":
        """Those of some of the requests."""
        return RunTimes(self.arrival[chosen], self.start[chosen], self.first_token[chosen], self.end[chosen])


def run_times(result: Result | TextbookResult) -> RunTimes:
    """Those of all requests."""
    arrivals = result.requests.arrival_time
    return RunTimes(
        arrival=np.zeros(len(result), np.int64) if arrivals is None else nanoseconds(arrivals),
        start=nanoseconds(result.start_time),
        first_token=nanoseconds(result.first_token_time),
        end=nanoseconds(result.end_time),
    )


@dataclass(frozen=True, eq=False)
class TokenTimes:
    """Nanoseconds at which each token was there: those of request i lie from offsets[i] to offsets[i + 1]."""

    times: Int64Array
    offsets: Int64Array

    def of(self, chosen: npt.NDArray[np.bool_]) -> "TokenTimes":
        """Those of some of the requests."""
        counts = np.diff(self.offsets)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[chosen])])
        return TokenTimes(self.times[np.repeat(chosen, counts)], offsets)


def token_times(result: Result | TextbookResult) -> TokenTimes | None:
    """When each token was there, from the logs of iterations and decisions; None if the run has not kept both.

    Memory: 8 bytes a token. Time: O(rows of the log log rows).
    """
    if isinstance(result, TextbookResult) or result.iteration_log is None or result.decision_log is None:
        return None
    log, decisions = result.iteration_log, result.decision_log
    ends = nanoseconds(log.start_time) + nanoseconds(log.duration)
    relevant = np.isin(decisions.event, (Event.ADMITTED, Event.RESUMED, Event.SCHEDULED))
    rows = np.flatnonzero(relevant)
    rows = rows[np.argsort(decisions.request[rows], kind="stable")]
    request, event = decisions.request[rows], decisions.event[rows]
    scheduled = event == Event.SCHEDULED
    times = ends[decisions.iteration[rows]]
    first = nanoseconds(result.first_token_time)[request]
    # From the first token on each iteration gives one, but for those that recompute after a preemption.
    gives = scheduled & (first != NEVER) & (times >= first)
    if result.prefill_tokens > 0:
        prompts = result.requests.prompt_length
        bounds = np.searchsorted(request, np.arange(len(result) + 1))
        for index in np.flatnonzero(result.preemptions).tolist():
            span = slice(int(bounds[index]), int(bounds[index + 1]))
            prompt = 0 if prompts is None else int(prompts[index])
            gives[span] = _giving(scheduled[span].tolist(), decisions.tokens[rows[span]].tolist(), prompt)
    request, times = request[gives], times[gives]
    # In a static batch those that have all their tokens go on computing, for nothing.
    begins = np.searchsorted(request, np.arange(len(result)))
    wanted = np.arange(len(request)) - begins[request] < result.tokens_generated[request]
    counts = np.bincount(request[wanted], minlength=len(result))
    offsets = np.zeros(len(result) + 1, np.int64)
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
