"""The gateway: an HTTP server that asks the twins of its replicas which of them should have a request.

    POST /v1/completions  {"prompt": text or token ids, "max_tokens": n}; the answer is a stream of server-sent events
    GET /metrics          what the accumulator was told, for Prometheus
    GET /replicas         the twins, as JSON: how wrong their estimates are, and what their calibration has found

It goes where E2E latency + TTFT is least. Not the TTFT alone: a slow replica with a free slot has the first token
soon, and the last one late. Nor the E2E latency alone: a request that waits lets those behind it wait as well, and
were nobody to count that, the fast replicas would fill up to where the slow one is no worse. With these replicas at
90% of what they can bear, to count the wait twice takes a seventh off the mean E2E latency.

A replica that cannot be reached is left alone for a while, and the request goes to another: 503 if there is none. One
that breaks off is left alone, too, but the request, which may have been begun, fails: 502, or an event with an error
where the stream has begun. What a replica refuses is passed on.

The engine's calls take microseconds, so they are made on the event loop itself. Between two awaits nothing else
happens: the replica that is chosen is still the best one when the request is submitted to its twin.
"""

import asyncio
import itertools
import json
import math
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final, Literal

import aiohttp
from aiohttp import web
from aiohttp.http import HttpProcessingError

from batching import Accumulator
from lengths import OutputLengths
from rule import Rule
from twin import REST, Twin, fitted

Routing = Literal["estimate", "round robin"]

# With as many gaps between tokens the accumulator is never full. What nobody uses of it takes address space only.
MAX_IN_FLIGHT: Final = 1024
MAX_TOKENS: Final = 4096

# Seconds between two looks whether a twin is to be calibrated.
CALIBRATED_EVERY: Final = 0.5

# The replica is gone, does not answer in time, or what it answers is no answer.
FAILURES: Final = (aiohttp.ClientError, OSError)
NONSENSE: Final = (HttpProcessingError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
# No connection: the replica has seen nothing of the request, so another may have it.
UNREACHABLE: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class ClientLeftError(Exception):
    """The client takes no more of its answer."""


class Gateway:
    """Routes requests to replicas, and measures what becomes of them. Made on the event loop, whose clock it uses.

    Args:
        twins: one for each replica.
        routing: by what the twins estimate, or one after the other.
        silence: seconds after which a replica that sends nothing, or a client that takes nothing, is given up.
        connecting: seconds after which a replica that cannot be connected to counts as down.
        router: the name of a rule of batching.Router, which then chooses instead; the twins say who is up.
    """

    def __init__(
        self,
        twins: Sequence[Twin],
        routing: Routing = "estimate",
        silence: float = 60.0,
        connecting: float = 3.0,
        router: str | None = None,
    ) -> None:
        self.accumulator = Accumulator(max_requests=MAX_IN_FLIGHT, max_gaps=MAX_IN_FLIGHT * MAX_TOKENS)
        self.output_lengths = OutputLengths()
        self._twins = twins
        self._turns = itertools.cycle(twins) if routing == "round robin" else None
        self.rule = None if router is None else Rule(router, len(twins))
        self._silence = silence
        self._connecting = connecting
        self._numbers = itertools.count()
        # The clocks of twins and accumulator begin at 0; that of the loop anywhere. Unlike time.time() it never goes
        # back.
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()

    def now(self) -> float:
        """Seconds since the start."""
        return self._loop.time() - self._start

    def application(self) -> web.Application:
        """The HTTP side. Serve it with handler_cancellation, so that it is noticed when a client leaves."""
        application = web.Application()
        application.router.add_post("/v1/completions", self._complete)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/replicas", self._replicas)
        application.cleanup_ctx.append(self._connected)
        application.cleanup_ctx.append(self._calibrating)
        return application

    async def _calibrating(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._calibrate())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _calibrate(self) -> None:
        """Fits the times of the twins to what their replicas did, one after the other, beside the event loop."""
        while True:
            await asyncio.sleep(CALIBRATED_EVERY)
            for twin in self._twins:
                if (copy := twin.to_fit()) is not None and (found := await asyncio.to_thread(fitted, copy)) is not None:
                    twin.adopt(self.now(), found)

    async def _connected(self, _: web.Application) -> AsyncIterator[None]:
        # No limit on connections: whoever waited for one would wait where no twin sees it. A new one for each request:
        # one that was kept may be closed by the replica just as it is used again. No limit on the time of an answer.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connecting, sock_read=self._silence)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            yield

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = json.loads(await request.read())
            prompt_length, max_tokens = lengths(asked)
        except (ValueError, RecursionError) as error:
            return problem(400, str(error))
        if self.accumulator.state.running + self.accumulator.state.waiting >= MAX_IN_FLIGHT:
            return problem(503, f"as many requests are in flight as may be: {MAX_IN_FLIGHT}")
        exchange = Exchange(self, next(self._numbers), asked["prompt"], prompt_length, max_tokens)
        try:
            for _ in self._twins:
                if (twin := self._chosen(exchange)) is None:
                    break
                try:
                    return await self._forward(request, asked, exchange, twin)
                except UNREACHABLE:
                    exchange.withdraw()
                    twin.rest(self.now())
            return problem(503, "no replica is up that could take the request")
        except asyncio.CancelledError:
            # The client has left. Leaving _forward has closed the connection to the replica, which stops generating.
            exchange.failed("abort")
            raise
        except ClientLeftError:
            exchange.failed("abort")
            # What it did not read would otherwise keep the connection open. After that nothing can be answered.
            if request.transport is not None:
                request.transport.abort()
            raise asyncio.CancelledError from None
        finally:
            # Whatever it was: a twin must not go on with a request that nobody serves.
            exchange.failed("error")

    def _chosen(self, exchange: "Exchange") -> Twin | None:
        """The replica to send it to, whose twin then has it. None: no twin would serve it."""
        now = self.now()
        estimates = {twin: twin.estimated(now, exchange.prompt_length, exchange.expected) for twin in self._twins}
        if self.rule is not None:
            up = [math.isfinite(estimates[twin][1]) for twin in self._twins]
            return exchange.routed(self.rule, now, up, estimates, self._twins)
        # Equally good ones are taken in their order.
        best = sorted(self._twins, key=lambda twin: sum(estimates[twin]))
        order = best if self._turns is None else itertools.islice(self._turns, len(self._twins))
        for twin in order:
            ttft, e2e = estimates[twin]
            if math.isfinite(e2e):
                exchange.submit(twin, now, ttft)
                return twin
        return None

    async def _forward(self, request: web.Request, asked: Any, exchange: "Exchange", twin: Twin) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            async with self._session.post(twin.url + "/v1/completions", json={**asked, "stream": True}) as answer:
                if answer.status != 200:
                    if answer.status == 503:
                        twin.rest(self.now())
                    body = await answer.read()
                    return web.Response(status=answer.status, body=body, content_type=answer.content_type)
                await self._taken(response.prepare(request))
                # A line at a time: events, and the empty lines that end them.
                async for line in answer.content:
                    exchange.read(line)
                    await self._taken(response.write(line))
            if not exchange.is_over:
                raise ValueError("its answer has no end")
        except UNREACHABLE:
            raise
        except (*FAILURES, *NONSENSE) as error:
            # The client's side raises none of these here. After nonsense the next answer may well be one.
            if isinstance(error, FAILURES):
                twin.rest(self.now())
            message = f"the replica failed: {error}"
            if not response.prepared:
                return problem(502, message)
            event = {"error": {"message": message}}
            await self._taken(response.write(b"data: " + json.dumps(event).encode() + b"\n\n"))
        return response

    async def _taken(self, sent: Awaitable[Any]) -> None:
        """What is sent to the client, which might have left, or stopped to read."""
        try:
            async with asyncio.timeout(self._silence):
                await sent
        except OSError as error:
            raise ClientLeftError from error

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self.accumulator.prometheus("echo", max_model_len=MAX_TOKENS).encode(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _replicas(self, _: web.Request) -> web.Response:
        now = self.now()
        return web.json_response(
            [
                {
                    "url": twin.url,
                    "sent": twin.sent,
                    "mean_ttft_error": twin.mean_ttft_error,
                    "calibrations": twin.calibrations,
                    "iteration_time": asdict(twin.iteration_time),
                    "twin": asdict(twin.state(now)),
                }
                for twin in self._twins
            ]
        )


class Exchange:
    """One request on its way: tells the accumulator and the twin what becomes of it, and its end once."""

    def __init__(self, gateway: Gateway, number: int, prompt: object, prompt_length: int, max_tokens: int) -> None:
        self._prompt = prompt
        self.prompt_length = prompt_length
        self.expected = gateway.output_lengths.expected(0, max_tokens)
        self.is_over = False
        self._gateway = gateway
        self._number = number
        self._max_tokens = max_tokens
        self._tokens = 0
        self._half_way = self.expected // 2
        self._twin: Twin | None = None
        gateway.accumulator.arrived(number, gateway.now(), prompt_length)

    def routed(
        self,
        rule: Rule,
        now: float,
        up: Sequence[bool],
        estimates: Mapping[Twin, tuple[float, float]],
        twins: Sequence[Twin],
    ) -> Twin | None:
        """Where a router sends it."""
        replica = rule.chosen(
            now, self._number, up, prompt=self._prompt, prompt_length=self.prompt_length, expected=self.expected
        )
        if replica is None:
            return None
        self.submit(twins[replica], now, estimates[twins[replica]][0])
        return twins[replica]

    def submit(self, twin: Twin, now: float, estimated_ttft: float) -> None:
        """It is sent to a replica."""
        twin.submit(now, self._number, self.prompt_length, self.expected)
        self._twin, self._estimated_ttft = twin, estimated_ttft

    def withdraw(self) -> None:
        """It did not get there, or will have no more tokens."""
        if self._gateway.rule is not None:
            self._gateway.rule.ended(self._gateway.now(), self._number)
        if self._twin is not None:
            self._twin.aborted(self._gateway.now(), self._number)
            self._twin = None

    def read(self, line: bytes) -> None:
        """A line of the answer: each event with a text is taken for a token."""
        if self.is_over or self._twin is None or not line.startswith(b"data: {"):
            return
        event = json.loads(line.removeprefix(b"data: "))
        for choice in event.get("choices", []):
            now = self._gateway.now()
            if choice["text"]:
                self._has_token(now, self._twin)
            if (reason := choice.get("finish_reason")) is not None:
                # With the last token, and not once the connection is closed: so vLLM's client measures E2E latency.
                self.is_over = True
                self._gateway.accumulator.finished(self._number, now, "length" if reason == "length" else "stop")
                self._gateway.output_lengths.finished(self._tokens)
                self._twin.finished(now, self._number, self._tokens)
                if self._gateway.rule is not None:
                    self._gateway.rule.ended(now, self._number)

    def _has_token(self, now: float, twin: Twin) -> None:
        self._gateway.accumulator.tokens(self._number, now)
        self._tokens += 1
        if self._tokens == 1:
            twin.compare(now, self._number, self._estimated_ttft)
            if self._gateway.rule is not None:
                self._gateway.rule.first_token(now, self._number)
        # Half-way: long before the twin takes it for done.
        if self._tokens >= self._half_way and self.expected < self._max_tokens:
            self.expected = self._gateway.output_lengths.expected(self._tokens, self._max_tokens)
            self._half_way = (self._tokens + self.expected) // 2
            twin.expect(now, self._number, self.expected)

    def failed(self, reason: Literal["error", "abort"]) -> None:
        """It will have no more tokens. If it has had its last, nothing is wrong."""
        if self.is_over:
            return
        self.is_over = True
        self._gateway.accumulator.failed(self._number, self._gateway.now(), reason)
        self.withdraw()


def lengths(asked: Any) -> tuple[int, int]:
    """The prompt's tokens and the most that the answer may have; a ValueError says what is wrong."""
    if not isinstance(asked, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - as of JSON that cannot be read
    prompt, max_tokens = asked.get("prompt"), asked.get("max_tokens")
    if not (isinstance(prompt, str) or (isinstance(prompt, list) and all(type(token) is int for token in prompt))):
        raise ValueError("prompt must be a text or a list of token ids")
    if type(max_tokens) is not int or not 1 <= max_tokens <= MAX_TOKENS:
        raise ValueError(f"max_tokens is {str(max_tokens)[:40]}: must be an integer from 1 to {MAX_TOKENS}")
    if asked.get("stream", True) is not True or asked.get("n", 1) != 1:
        raise ValueError("one answer, as a stream, is all that there is: stream must be true, and n must be 1")
    # Crude, but the tokenizer would take longer than the estimate: English has some four bytes a token.
    return (len(prompt) if isinstance(prompt, list) else -(-len(prompt.encode()) // 4)), max_tokens


def problem(status: int, message: str) -> web.Response:
    """An answer that says what is wrong."""
    headers = {"Retry-After": str(math.ceil(REST))} if status == 503 else {}
    return web.json_response({"error": {"message": message}}, status=status, headers=headers)
