"""What the gateway knows of one replica: a twin of it, to which happens what happens to the replica.

The twin calibrates itself: from time to time its iteration times are fitted to the newest answers of the replica.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from batching import AffineTime, EngineConfig, Event, LiveCalibration, LiveEngine, LiveEngineState

_ENDS: Final = {Event.FINISHED, Event.ABORTED, Event.REJECTED}

# Seconds in which none is sent to a replica that failed. One that refuses at once is always free: without a rest it
# would look like the best, and draw all requests to it.
REST: Final = 2.0

# Answers after which the times are fitted anew, to the newest of them, and how long that may take: some 50 simulations,
# each of a few milliseconds.
_ANSWERS: Final = 25
_WINDOW: Final = 150
_SIMULATIONS: Final = 50
_SECONDS: Final = 0.2

# First tokens whose errors count: the newest, so that a calibration shows.
_COMPARED: Final = 30


def fitted(calibration: LiveCalibration) -> AffineTime | None:
    """The times that fit to it, or None if there is too little: takes a while, and may be called in another thread."""
    found = calibration.fit(seconds=_SECONDS, simulations=_SIMULATIONS)
    return None if found is None else found.iteration_time


@dataclass
class Sent:
    """A request that the replica has."""

    time: float
    prompt_length: int
    output_length: int


class Twin:
    """A live engine beside the replica at `url`.

    Every call says what time it is, and moves the clock there first: what is asked, submitted or corrected then is at
    the clock, never before it, which the engine would refuse. The times have to come from one clock that does not go
    back, in seconds from when the twin was made. (A time at which the clock is already changes nothing.)
    """

    def __init__(self, url: str, iteration_time: AffineTime, max_num_seqs: int) -> None:
        self.url = url
        self.sent = 0
        self.iteration_time = iteration_time
        self.calibrations = 0
        self._rests_until = -math.inf
        # The replicas of this example batch so. For vLLM: no policy, and its max_num_seqs, max_num_batched_tokens and
        # number of KV blocks, which it logs when it starts.
        self._config = EngineConfig(policy="continuous", max_num_seqs=max_num_seqs)
        self._engine = LiveEngine(self._config, iteration_time=iteration_time)
        self._in_flight: set[int] = set()
        self._sent: dict[int, Sent] = {}
        self._calibration = LiveCalibration(self._config, window=_WINDOW)
        self._answers = 0
        self._ttft_errors: deque[float] = deque(maxlen=_COMPARED)

    def estimated(self, now: float, prompt_length: int, output_length: int) -> tuple[float, float]:
        """The TTFT and the E2E latency that a request would have here.

        Infinity if it would never be served: because it is too long, or none may be sent to the replica now.
        """
        self._advance(now)
        if now < self._rests_until:
            return math.inf, math.inf
        estimate = self._engine.estimate(prompt_length=prompt_length, output_length=output_length)
        return _or_infinity(estimate.ttft), _or_infinity(estimate.e2e)

    def submit(self, now: float, request: int, prompt_length: int, output_length: int) -> None:
        """The request was sent to the replica."""
        self._advance(now)
        self._engine.submit(request, prompt_length=prompt_length, output_length=output_length)
        self._in_flight.add(request)
        self._sent[request] = Sent(now, prompt_length, output_length)
        self._calibration.arrived(request, now, prompt_length, expected_output_length=output_length)
        self.sent += 1

    def expect(self, now: float, request: int, output_length: int) -> None:
        """The answer will be longer than was said when it was submitted."""
        self._advance(now)
        self._sent[request].output_length = output_length
        if request in self._in_flight:
            self._engine.set_output_length(request, output_length)

    def rest(self, now: float) -> None:
        """The replica cannot be reached, broke off, or says that it is not available: none is sent there for now."""
        self._rests_until = now + REST

    def compare(self, now: float, request: int, estimated_ttft: float) -> None:
        """The first token came: how wrong was the estimate?"""
        self._calibration.first_token(request, now)
        self._ttft_errors.append(now - self._sent[request].time - estimated_ttft)

    @property
    def mean_ttft_error(self) -> float:
        """Seconds by which the newest first tokens came later than estimated. Far from 0: the times are not right."""
        return sum(self._ttft_errors) / max(len(self._ttft_errors), 1)

    def finished(self, now: float, request: int, tokens: int) -> None:
        """The replica has given the last token: what the twin has by now is all.

        The real count would do, too, if the twin kept pace exactly; but one that is a little slow would be later with
        each request, until it shows a queue that the replica does not have.
        """
        self._advance(now)
        # An answer without text has the token that ends it.
        self._calibration.finished(request, now, max(tokens, 1))
        self._sent.pop(request, None)
        self._answers += 1
        # A twin that is a little fast is done already.
        if request in self._in_flight:
            self._engine.set_output_length(request, 1)

    def aborted(self, now: float, request: int) -> None:
        """The client has left, or the replica failed."""
        self._advance(now)
        self._calibration.failed(request, now)
        self._sent.pop(request, None)
        if request in self._in_flight:
            self._engine.abort(request)

    def state(self, now: float) -> LiveEngineState:
        """What the twin holds now."""
        self._advance(now)
        return self._engine.state

    def to_fit(self) -> LiveCalibration | None:
        """What its times can be fitted to, as a copy; None: it is not time for it."""
        if self._answers < _ANSWERS:
            return None
        self._answers = 0
        return self._calibration.fork()

    def adopt(self, now: float, iteration_time: AffineTime) -> None:
        """From now on iterations take so long. A new twin is told when the requests came that the replica has."""
        self.iteration_time = iteration_time
        self.calibrations += 1
        self._engine = LiveEngine(self._config, iteration_time=iteration_time)
        self._in_flight = set(self._sent)
        for request, sent in self._sent.items():
            self._engine.submit(
                request,
                prompt_length=sent.prompt_length,
                output_length=sent.output_length,
                arrival_time=sent.time,
            )
        self._advance(now)

    def _advance(self, now: float) -> None:
        self._engine.advance(now)
        # Polled at once: events are kept until somebody takes them, and an id may be named only while it is in flight.
        self._in_flight.difference_update(event.request for event in self._engine.poll() if event.event in _ENDS)


def _or_infinity(seconds: float) -> float:
    return math.inf if math.isnan(seconds) else seconds
