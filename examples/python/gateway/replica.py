"""A replica to try the gateway with: a small HTTP server with continuous batching, in real time and without a model.

It speaks the streaming form of `POST /v1/completions`, as vLLM does. Its "model" says the prompt once more, a word a
token, and stops at its end unless `max_tokens` comes first; so whoever asks knows what the answer has to be.
"""

import asyncio
import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from batching import AffineTime


@dataclass(eq=False)
class Answer:
    """What one request is answered, word by word."""

    prompt_length: int
    words: list[str]
    finish_reason: Literal["stop", "length"]
    said: int = 0
    is_gone: bool = False
    """Whether its client has left."""
    stream: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    @property
    def is_over(self) -> bool:
        """Whether its slot is free again."""
        return self.is_gone or self.said == len(self.words)


class Replica:
    """Batches as the policy `continuous` does: a request joins when a slot is free, with its whole prompt at once."""

    def __init__(self, iteration_time: AffineTime, max_num_seqs: int) -> None:
        self._iteration_time = iteration_time
        self._max_num_seqs = max_num_seqs
        self._waiting: deque[Answer] = deque()
        self._running: list[Answer] = []
        self._somebody_came = asyncio.Event()
        self._finished = 0
        self._aborted = 0

    def application(self) -> web.Application:
        """The HTTP side, which also starts and stops the loop that batches."""
        application = web.Application()
        application.router.add_post("/v1/completions", self._complete)
        application.router.add_get("/load", self._load)
        application.cleanup_ctx.append(self._batching)
        return application

    async def _batching(self, _: web.Application) -> Any:
        loop = asyncio.create_task(self._batch())
        yield
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop

    async def _batch(self) -> None:
        clock = asyncio.get_running_loop().time
        end = clock()
        while True:
            joined = self._admit()
            if not self._running:
                self._somebody_came.clear()
                await self._somebody_came.wait()
                end = clock()
                continue
            # From the end of the iteration before, not from now: what the bookkeeping takes must not add up.
            end += self._duration(joined)
            await asyncio.sleep(end - clock())
            self._generate()

    def _admit(self) -> list[Answer]:
        joined = []
        while self._waiting and len(self._running) < self._max_num_seqs:
            answer = self._waiting.popleft()
            if answer.is_gone:
                self._aborted += 1
                continue
            joined.append(answer)
            self._running.append(answer)
        return joined

    def _duration(self, joined: list[Answer]) -> float:
        time = self._iteration_time
        prefill = sum(answer.prompt_length for answer in joined)
        decoding = len(self._running) - len(joined)
        return time.base + time.per_prefill_token * prefill + time.per_decode_token * decoding

    def _generate(self) -> None:
        for answer in self._running:
            if not answer.is_gone:
                answer.stream.put_nowait(answer.words[answer.said])
                answer.said += 1
        self._finished += sum(answer.is_over and not answer.is_gone for answer in self._running)
        self._aborted += sum(answer.is_gone for answer in self._running)
        self._running = [answer for answer in self._running if not answer.is_over]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        prompt, limit = asked["prompt"], asked["max_tokens"]
        words = prompt.split() if isinstance(prompt, str) else [str(token) for token in prompt]
        if not words:
            return web.json_response({"error": {"message": "prompt has no words"}}, status=400)
        answer = Answer(len(words), words[:limit], "stop" if len(words) <= limit else "length")
        self._waiting.append(answer)
        self._somebody_came.set()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            for place in range(1, len(answer.words) + 1):
                text = " " + await answer.stream.get()
                reason = answer.finish_reason if place == len(answer.words) else None
                choice = {"index": 0, "text": text, "finish_reason": reason}
                await response.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
            await response.write(b"data: [DONE]\n\n")
        except ConnectionResetError:
            # The client has left, and there is nobody to tell.
            return response
        finally:
            # Whoever has left gives its slot back at the end of the iteration.
            answer.is_gone = True
        return response

    async def _load(self, _: web.Request) -> web.Response:
        running, waiting = len(self._running), len(self._waiting)
        return web.json_response(
            {"running": running, "waiting": waiting, "finished": self._finished, "aborted": self._aborted}
        )
