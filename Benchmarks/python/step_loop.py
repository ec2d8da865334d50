"""Continuous batching as a learner writes it: every iteration gives every active request its next token.

Whole nanoseconds instead of float seconds are the one thing that a learner would not do. They cost nothing here, and
the results can then be compared with the library's to the last bit.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Request:
    """A request; times in nanoseconds."""

    id: int
    output_length: int
    arrival_time: int
    start_time: int | None = None
    first_token_time: int | None = None
    end_time: int | None = None
    tokens_generated: int = 0

    def is_complete(self) -> bool:
        """Whether it has all its tokens."""
        return self.tokens_generated >= self.output_length


def simulate_step_by_step(requests: Iterable[Request], max_batch_size: int, time_per_token: int) -> list[Request]:
    """Runs the requests, which it changes, and returns them in order of completion."""
    waiting = deque(sorted(requests, key=lambda request: request.arrival_time))
    active: list[Request] = []
    completed: list[Request] = []
    current_time = 0
    while waiting or active:
        if not active:
            current_time = max(current_time, waiting[0].arrival_time)
        while waiting and len(active) < max_batch_size and waiting[0].arrival_time <= current_time:
            request = waiting.popleft()
            request.start_time = current_time
            active.append(request)

        current_time += time_per_token
        for request in active:
            request.tokens_generated += 1
            if request.first_token_time is None:
                request.first_token_time = current_time
            if request.is_complete():
                request.end_time = current_time
                completed.append(request)
        active = [request for request in active if not request.is_complete()]
    return completed
