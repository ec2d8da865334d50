"""Closed loops as benchmark tools have them: tasks that wait for an asyncio.Semaphore, on a clock that jumps from one
event to the next, send at the same times.

How the tools do it, in words: `vllm bench serve` (vllm/benchmarks/serve.py, 2026) makes a task for each request when
that is due, as it had computed before; the task takes a semaphore of --max-concurrency, then notes the time from which
TTFT and E2EL count, asks the server, and gives the semaphore back. SGLang's bench_serving
(python/sglang/benchmark/serving.py) does the same, and with conversations holds the semaphore until the last turn is
answered. AIPerf (docs/tutorials/multi-turn.md) has a slot for each conversation, too, and keeps it between turns.

The server takes a fixed time for each request, however many there are: an engine with a slot for each, and iterations
of 1/512 s, at whose ends all arrives. Such times are whole nanoseconds, and sums of them are exact in a double.
"""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import numpy as np
import pytest

from batching import RequestColumns, simulate

TICK = 1 / 512


class JumpingSelector(selectors.BaseSelector):
    """Nothing to select from, and no time to wait: waiting moves the clock."""

    now = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "every task waits for another"
        self.now += timeout
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


def run_at_once(main: Coroutine[Any, Any, None]) -> None:
    """Runs a program of asyncio on a clock of its own."""
    selector = JumpingSelector()

    class JumpingLoop(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return selector.now

    with asyncio.Runner(loop_factory=lambda: JumpingLoop(selector)) as runner:
        runner.run(main)


class Benchmark:
    """A client of the server above: when each request came to it, and when it was sent."""

    def __init__(self, services: Sequence[float], limit: int | None) -> None:
        self.services = services
        self.limit = limit
        self.arrived = [0.0] * len(services)
        self.sent = [0.0] * len(services)
        self.ended = [0.0] * len(services)

    async def ask(self, request: int) -> None:
        clock = asyncio.get_running_loop()
        self.sent[request] = clock.time()
        await asyncio.sleep(self.services[request])
        self.ended[request] = clock.time()

    def semaphore(self) -> AbstractAsyncContextManager[None]:
        return asyncio.Semaphore(self.limit) if self.limit else nullcontext()

    async def send_requests(self, due: Sequence[float]) -> None:
        """As vLLM does: one task a request, made when it is due."""
        clock, semaphore = asyncio.get_running_loop(), self.semaphore()

        async def limited(request: int) -> None:
            async with semaphore:
                await self.ask(request)

        tasks = []
        for request, time in enumerate(due):
            if time > clock.time():
                await asyncio.sleep(time - clock.time())
            self.arrived[request] = clock.time()
            tasks.append(asyncio.create_task(limited(request)))
        await asyncio.gather(*tasks)

    async def send_conversations(self, turns: Sequence[Sequence[int]], due: Sequence[float], delay: float) -> None:
        """As SGLang, without delays, and AIPerf do: a conversation keeps its place from the first turn to the last."""
        clock, semaphore = asyncio.get_running_loop(), self.semaphore()

        async def limited(requests: Sequence[int]) -> None:
            async with semaphore:
                for place, request in enumerate(requests):
                    if place:
                        await asyncio.sleep(delay)
                    await self.ask(request)

        tasks = []
        for requests, time in zip(turns, due, strict=True):
            if time > clock.time():
                await asyncio.sleep(time - clock.time())
            tasks.append(asyncio.create_task(limited(requests)))
        await asyncio.gather(*tasks)


SERVER: dict[str, Any] = {"max_num_seqs": 1000, "max_num_batched_tokens": 100_000, "iteration_time": TICK}


@pytest.mark.parametrize("limit", [None, 1, 2, 7, 50])
@pytest.mark.parametrize("gap", [0, 2, 9])
def test_requests_are_sent_when_vllm_bench_serve_sends_them(limit: int | None, gap: int) -> None:
    for seed in range(20):
        draw = np.random.default_rng([seed, gap])
        lengths = draw.integers(1, 60, 80)
        # With ties; a gap of 0 is a request rate of infinity.
        due = np.cumsum(draw.integers(0, gap + 1, 80)) * TICK
        tool = Benchmark((lengths * TICK).tolist(), limit)
        run_at_once(tool.send_requests(due.tolist()))
        result = simulate(RequestColumns(lengths, np.ones_like(lengths), due), **SERVER, max_concurrency=limit)
        assert result.arrival_time.tolist() == tool.arrived
        assert result.sent_time.tolist() == tool.sent
        assert result.end_time.tolist() == tool.ended
        if limit is not None and limit < 10:
            assert (result.sent_time > result.arrival_time).any()


@pytest.mark.parametrize("limit", [1, 3, 20])
@pytest.mark.parametrize("delay", [0, 13])
def test_turns_are_sent_when_tools_send_them_that_limit_conversations(limit: int, delay: int) -> None:
    for seed in range(20):
        draw = np.random.default_rng([seed, delay])
        counts = draw.integers(1, 6, 30)
        session = np.repeat(np.arange(30), counts)
        lengths = draw.integers(1, 40, len(session))
        due = np.cumsum(draw.integers(0, 20, 30)) * TICK
        turns = [np.flatnonzero(session == number).tolist() for number in range(30)]
        tool = Benchmark((lengths * TICK).tolist(), limit)
        run_at_once(tool.send_conversations(turns, due.tolist(), delay * TICK))
        is_first = np.diff(session, prepend=-1) > 0
        columns = RequestColumns(
            lengths, np.ones_like(lengths), due[session], session=session, delay=np.where(is_first, 0, delay * TICK)
        )
        result = simulate(columns, **SERVER, clients=limit)
        assert result.sent_time.tolist() == tool.sent
        assert result.end_time.tolist() == tool.ended


def test_a_limit_of_requests_is_none_of_conversations() -> None:
    # Two conversations of two turns and one in flight: they take turns, where a slot for a conversation would let the
    # first finish.
    columns = RequestColumns([512] * 4, session=[0, 0, 1, 1])
    taken_in_turns = simulate(columns, **SERVER, max_concurrency=1)
    assert taken_in_turns.sent_time.tolist() == [0.0, 2.0, 1.0, 3.0]
    assert simulate(columns, **SERVER, clients=1).sent_time.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_the_clock_jumps() -> None:
    tool = Benchmark([3 * TICK, TICK, TICK], 1)
    run_at_once(tool.send_requests([0.0, TICK, 10 * TICK]))
    assert tool.arrived == [0.0, TICK, 10 * TICK]
    assert tool.sent == [0.0, 3 * TICK, 10 * TICK]
    assert tool.ended == [3 * TICK, 4 * TICK, 11 * TICK]
