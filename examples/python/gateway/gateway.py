"""The gateway: an HTTP server that sends each request to the replica whose twin says that it would be done first.

    POST /v1/completions  {"prompt": text or token ids, "max_tokens": n}; the answer is a stream of server-sent events
    GET /metrics          what the accumulator was told, for Prometheus
    GET /replicas         the twins, as JSON

Why the E2E latency and not the TTFT: a slow replica with a free slot has the first token soon, and the last one late.
A service whose readers mind the wait more than the pace would compare TTFTs.

The engine's calls take microseconds, so they are made on the event loop itself. Between two awaits nothing else
happens: the replica that is chosen is still the best one when the request is submitted to its twin.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Any, Final, Literal

import aiohttp
from aiohttp import web

from batching import Accumulator
from twin import Twin

Routing = Literal["estimate", "round robin"]

# With as many gaps between tokens the accumulator is never full. What nobody uses of it takes address space only.
MAX_IN_FLIGHT: Final = 1024
MAX_TOKENS: Final = 4096


class Gateway:
    """Routes requests to replicas, and measures what becomes of them. Made on the event loop, whose clock it uses."""

    def __init__(self, twins: Sequence[Twin], routing: Routing = "estimate") -> None:
        self.accumulator = Accumulator(max_requests=MAX_IN_FLIGHT, max_gaps=MAX_IN_FLIGHT * MAX_TOKENS)
        self._twins = twins
        self._next = itertools.cycle(twins) if routing == "round robin" else None
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
        return application

    async def _connected(self, _: web.Application) -> AsyncIterator[None]:
        # No limit on connections: whoever waited for one would wait where no twin sees it. No limit on the time of an
        # answer either.
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            yield

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = await request.json()
            prompt_length, max_tokens = lengths(asked)
        except ValueError as error:
            return problem(400, str(error))
        if self.accumulator.state.running + self.accumulator.state.waiting == MAX_IN_FLIGHT:
            return problem(503, f"there are already {MAX_IN_FLIGHT} requests in flight")
        exchange = self._sent(prompt_length, max_tokens)
        try:
            return await self._forward(request, asked, exchange)
        except asyncio.CancelledError:
            # The client has left. Leaving _forward has closed the connection to the replica, which stops generating.
            exchange.failed("abort")
            raise
        except Exception:
            # Whatever it is, the twin must not go on with a request that nobody serves.
            exchange.failed("error")
            raise

    def _sent(self, prompt_length: int, max_tokens: int) -> "Exchange":
        now = self.now()
        estimates = [(twin.estimated(now, prompt_length, max_tokens), twin) for twin in self._twins]
        if self._next is not None:
            chosen = next(self._next)
            ((ttft, _),) = (estimate for estimate, twin in estimates if twin is chosen)
        else:
            # Equally good ones are taken in their order.
            (ttft, _), chosen = min(estimates, key=lambda candidate: candidate[0][1])
        number = next(self._numbers)
        self.accumulator.arrived(number, now, prompt_length)
        # The most that there can be: what it really will be nobody knows yet.
        chosen.submit(now, number, prompt_length, max_tokens)
        return Exchange(self, chosen, number, now, ttft)

    async def _forward(self, request: web.Request, asked: Any, exchange: "Exchange") -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            async with self._session.post(exchange.twin.url + "/v1/completions", json=asked) as answer:
                if answer.status != 200:
                    exchange.failed("error")
                    return web.Response(
                        status=answer.status, body=await answer.read(), content_type=answer.content_type
                    )
                await response.prepare(request)
                # A line at a time: events, and the empty lines that end them.
                async for line in answer.content:
                    exchange.read(line)
                    await response.write(line)
            if not exchange.is_over:
                raise aiohttp.ClientPayloadError("the answer has no end")
        except (aiohttp.ClientError, ConnectionResetError) as error:
            # Both sides fail with the same errors. If it was the client's, there is nobody to tell.
            if request.transport is None or request.transport.is_closing():
                exchange.failed("abort")
                return response
            exchange.failed("error")
            if not response.prepared:
                return problem(502, f"the replica failed: {error}")
            message = {"error": {"message": f"the replica failed: {error}"}}
            await response.write(b"data: " + json.dumps(message).encode() + b"\n\n")
        return response

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
                    "twin": asdict(twin.state(now)),
                }
                for twin in self._twins
            ]
        )


class Exchange:
    """One request on its way: tells the accumulator and the twin what becomes of it, and its end once."""

    def __init__(self, gateway: Gateway, twin: Twin, number: int, arrival: float, estimated_ttft: float) -> None:
        self.twin = twin
        self.is_over = False
        self._gateway = gateway
        self._number = number
        self._arrival = arrival
        self._estimated_ttft = estimated_ttft
        self._has_tokens = False

    def read(self, line: bytes) -> None:
        """A line of the answer: each event with a text is taken for a token."""
        if self.is_over or not line.startswith(b"data: {"):
            return
        event = json.loads(line.removeprefix(b"data: "))
        for choice in event.get("choices", []):
            now = self._gateway.now()
            if choice["text"]:
                self._gateway.accumulator.tokens(self._number, now)
                if not self._has_tokens:
                    self.twin.compare(now - self._arrival, self._estimated_ttft)
                self._has_tokens = True
            if choice["finish_reason"] is not None:
                # With the last token, and not once the connection is closed: so vLLM's client measures E2E latency.
                self.is_over = True
                reason: Literal["length", "stop"] = "length" if choice["finish_reason"] == "length" else "stop"
                self._gateway.accumulator.finished(self._number, now, reason)
                self.twin.finished(now, self._number)

    def failed(self, reason: Literal["error", "abort"]) -> None:
        """It will have no more tokens. If it has had its last, nothing is wrong."""
        if self.is_over:
            return
        self.is_over = True
        now = self._gateway.now()
        self._gateway.accumulator.failed(self._number, now, reason)
        self.twin.aborted(now, self._number)


def lengths(asked: Any) -> tuple[int, int]:
    """The prompt's tokens and the most that the answer may have; a ValueError says what is wrong."""
    if not isinstance(asked, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - as of JSON that cannot be read
    prompt, max_tokens = asked.get("prompt"), asked.get("max_tokens")
    if not isinstance(prompt, str | list):
        raise ValueError("prompt must be a text or a list of token ids")  # noqa: TRY004 - the same
    if type(max_tokens) is not int or not 1 <= max_tokens <= MAX_TOKENS:
        raise ValueError(f"max_tokens must be an integer from 1 to {MAX_TOKENS}")
    # Crude, but the tokenizer would take longer than the estimate: English has some four bytes a token.
    return (len(prompt) if isinstance(prompt, list) else -(-len(prompt.encode()) // 4)), max_tokens


def problem(status: int, message: str) -> web.Response:
    """An answer that says what is wrong."""
    return web.json_response({"error": {"message": message}}, status=status)
