"""The gateway of examples/ when something goes wrong: over HTTP, with replicas that do as they are told.

Whatever happens, each request is counted once as it ended, and no twin keeps a request that no server has.
"""

import asyncio
import importlib
import importlib.util
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from batching import AffineTime, LiveEngine

aiohttp = pytest.importorskip("aiohttp")
web = pytest.importorskip("aiohttp.web")

FOLDER = Path(__file__).parents[3] / "examples" / "python" / "gateway"


def program_file() -> Any:
    """Under another name than __main__, which is pytest."""
    spec = importlib.util.spec_from_file_location("gateway_program", FOLDER / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Its files import each other by their names.
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(FOLDER)
    gateway_file: Any = importlib.import_module("gateway")
    lengths_file: Any = importlib.import_module("lengths")
    twin_file: Any = importlib.import_module("twin")
    program: Any = program_file()

# A twin with iterations of 10 ms takes 40 s for what is asked, far longer than any test: what it has lost by then was
# taken back, and did not just end.
MAX_TOKENS = 4096
FOR_EVER = 3600.0
SECONDS_UNTIL_IT_HANGS = 120.0
ASKED = {"prompt": [1, 2, 3], "max_tokens": MAX_TOKENS}

Behaviour = Callable[[Any], Awaitable[Any]]


def event(text: str = " word", reason: str | None = None) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "text": text, "finish_reason": reason}]}).encode() + b"\n\n"


async def streaming(request: Any) -> Any:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


def answers(tokens: int, pause: float = 0.0) -> Behaviour:
    async def behave(request: Any) -> Any:
        response = await streaming(request)
        for place in range(1, tokens + 1):
            await asyncio.sleep(pause)
            await response.write(event(reason="stop" if place == tokens else None))
        await response.write(b"data: [DONE]\n\n")
        return response

    return behave


def breaks_off(after: int | None) -> Behaviour:
    """After so many tokens; None: before it has answered anything."""

    async def behave(request: Any) -> Any:
        if after is not None:
            response = await streaming(request)
            for _ in range(after):
                await response.write(event())
            # In the middle of the answer, but after what was written.
            request.transport.close()
        request.transport.abort()
        await asyncio.sleep(FOR_EVER)

    return behave


def says(*lines: bytes) -> Behaviour:
    async def behave(request: Any) -> Any:
        response = await streaming(request)
        for line in lines:
            await response.write(line)
        return response

    return behave


def refuses(status: int) -> Behaviour:
    async def behave(_: Any) -> Any:
        return web.json_response({"error": {"message": f"I say {status}"}}, status=status)

    return behave


class Endless:
    """Says the same for ever, and notes when it is left."""

    def __init__(self, line: bytes | None, pause: float = 0.005) -> None:
        self.line = line
        self.pause = pause
        self.was_left = asyncio.Event()

    async def __call__(self, request: Any) -> Any:
        try:
            response = await streaming(request)
            while True:
                if self.line is not None:
                    await response.write(self.line)
                await asyncio.sleep(self.pause)
        finally:
            self.was_left.set()


@contextmanager
def closed_port() -> Iterator[socket.socket]:
    """A socket that refuses connections until it listens, and a port that no other program gets."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken


def application(behaviour: Behaviour) -> Any:
    async def handler(request: Any) -> Any:
        return await behaviour(request)

    made = web.Application()
    made.router.add_post("/v1/completions", handler)
    return made


class Routed:
    """A gateway, what it knows, and a client of it."""

    def __init__(self, gateway: Any, url: str, twins: list[Any], session: Any) -> None:
        self.gateway, self.url, self.twins, self.session = gateway, url, twins, session

    async def ask(self, asked: Any = ASKED) -> tuple[int, list[Any], Any]:
        """The status, the events or the whole answer, and the headers."""
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        async with self.session.post(self.url + "/v1/completions", data=body) as response:
            if response.content_type == "application/json":
                return response.status, [await response.json()], response.headers
            lines = (await response.text()).splitlines()
            return response.status, [json.loads(line[6:]) for line in lines if line.startswith("data: {")], None

    def stop_clock(self) -> Callable[[float], None]:
        """The gateway's clock stands, until it is told to go on, so many seconds later."""
        stopped_at, clock = self.gateway.now(), self.gateway.now
        self.gateway.now = lambda: stopped_at

        def go_on(later: float) -> None:
            begin = clock()
            self.gateway.now = lambda: stopped_at + later + clock() - begin

        return go_on

    async def settled(self, **expected: int) -> None:
        """No request is in flight any more, here or in a twin, and so many have ended in each way."""
        deadline = time.monotonic() + SECONDS_UNTIL_IT_HANGS
        while any(self.in_flight()) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        assert not any(self.in_flight())
        async with self.session.get(self.url + "/metrics") as response:
            families = text_string_to_metric_families(await response.text())
        ended = {
            sample.labels["finished_reason"]: int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "vllm:request_success_total"
        }
        assert {reason: count for reason, count in ended.items() if count} == expected
        assert self.gateway.accumulator.state.arrived == sum(expected.values())
        for twin in self.twins:
            state = twin.state(self.gateway.now())
            assert state.submitted == twin.sent == state.finished + state.aborted

    def in_flight(self) -> list[int]:
        state = self.gateway.accumulator.state
        twins = [twin.state(self.gateway.now()) for twin in self.twins]
        return [state.running, state.waiting, *(twin.pending + twin.waiting + twin.running for twin in twins)]


@asynccontextmanager
async def routed(
    *replicas: Behaviour | str, routing: str = "estimate", silence: float = 5.0, iteration_time: float = 0.01
) -> AsyncIterator[Routed]:
    """A gateway before replicas that behave so, or are at that URL."""
    async with AsyncExitStack() as stack:
        urls = [
            replica
            if isinstance(replica, str)
            else await stack.enter_async_context(program.served(application(replica)))
            for replica in replicas
        ]
        twins = [twin_file.Twin(url, AffineTime(iteration_time), 8) for url in urls]
        # A port that is closed refuses at once: whatever takes longer is up, on a machine that is busy.
        gateway = gateway_file.Gateway(twins, routing, silence, connecting=SECONDS_UNTIL_IT_HANGS)
        url = await stack.enter_async_context(program.served(gateway.application()))
        yield Routed(gateway, url, twins, await stack.enter_async_context(aiohttp.ClientSession()))


def url_of(port: Any) -> str:
    return f"http://127.0.0.1:{port.getsockname()[1]}"


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * SECONDS_UNTIL_IT_HANGS):
            await test

    asyncio.run(bounded())


@pytest.mark.parametrize("routing", ["estimate", "round robin"])
def test_a_request_for_a_replica_that_is_down_is_sent_to_another(routing: str) -> None:
    async def test() -> None:
        with closed_port() as down:
            async with routed(url_of(down), answers(3), answers(3), routing=routing) as at:
                for _ in range(6):
                    status, events, _ = await at.ask()
                    assert (status, len(events)) == (200, 3)
                # It was tried once, though it was always free.
                assert at.twins[0].sent == 1
                await at.settled(stop=6)

    run(test())


def test_if_all_are_down_it_says_so_at_once_and_tries_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twin_file, "REST", 1.0)

    async def test() -> None:
        with closed_port() as first, closed_port() as second:
            async with routed(url_of(first), url_of(second)) as at:
                # Both within the rest, however slow the machine is.
                go_on = at.stop_clock()
                for _ in range(2):
                    status, (answer,), headers = await at.ask()
                    assert (status, headers["Retry-After"]) == (503, "2")
                    assert "no replica is up" in answer["error"]["message"]
                assert [twin.sent for twin in at.twins] == [1, 1]
                await at.settled(error=2)
                runner = web.AppRunner(application(answers(2)))
                await runner.setup()
                await web.SockSite(runner, second).start()
                go_on(1.0)
                assert (await at.ask())[0] == 200
                assert [twin.sent for twin in at.twins] == [2, 2]
                await at.settled(error=2, stop=1)
                await runner.cleanup()

    run(test())


def test_a_replica_that_breaks_off_before_it_answers() -> None:
    async def test() -> None:
        async with routed(breaks_off(None), answers(3)) as at:
            # It may have begun: no other server is asked to do it again.
            status, (answer,), _ = await at.ask()
            assert status == 502
            assert answer["error"]["message"].startswith("the replica failed: ")
            # And it rests.
            assert [(await at.ask())[0] for _ in range(2)] == [200, 200]
            assert [twin.sent for twin in at.twins] == [1, 2]
            await at.settled(error=1, stop=2)

    run(test())


def test_a_replica_that_breaks_off_in_the_middle_of_an_answer() -> None:
    async def test() -> None:
        async with routed(breaks_off(3)) as at:
            status, events, _ = await at.ask()
            assert status == 200
            assert [choice["text"] for one in events[:-1] for choice in one["choices"]] == [" word"] * 3
            assert events[-1]["error"]["message"].startswith("the replica failed: ")
            # It is the only one, and rests.
            assert (await at.ask())[0] == 503
            await at.settled(error=2)

    run(test())


@pytest.mark.parametrize(
    "lines",
    [
        [event()],
        [event(), b'data: {"error": {"message": "out of memory"}}\n\n', b"data: [DONE]\n\n"],
        [event(), b"data: {no JSON\n\n"],
        [event(), b'data: {"choices": [{"index": 0}]}\n\n'],
        [event(), b'data: {"choices": [7]}\n\n'],
        [event(), b'data: {"choices": 7}\n\n'],
        [event(), b'data: {"choices": ' + b"[" * 200_000 + b"\n\n"],
        [event(), b"data: {" + b" " * 1_000_000 + b"}\n\n"],
    ],
)
def test_an_answer_without_an_end_or_sense(lines: list[bytes]) -> None:
    async def test() -> None:
        async with routed(says(*lines)) as at:
            for _ in range(2):
                # The next one's may be better: it is not taken out of service for that.
                status, events, _ = await at.ask() if len(lines) == 1 else (200, await raw(at), None)
                assert status == 200
                assert "the replica failed: " in str(events)
            assert at.twins[0].sent == 2
            await at.settled(error=2)

    async def raw(at: Routed) -> list[Any]:
        async with at.session.post(at.url + "/v1/completions", json=ASKED) as response:
            return [await response.text()]

    run(test())


def test_a_connection_that_the_replica_closes_once_it_is_idle_is_not_used_again() -> None:
    async def replica(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # It promises to keep the connection, but the time is up just as the next request comes.
        await reader.readuntil(b"}")
        said = event(reason="stop")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(said))
        writer.write(said)
        await reader.read(1)
        writer.close()

    async def test() -> None:
        server = await asyncio.start_server(replica, "127.0.0.1")
        async with server, routed(url_of(server.sockets[0])) as at:
            for _ in range(3):
                assert (await at.ask())[0] == 200
            await at.settled(stop=3)

    run(test())


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_a_replica_that_answers_an_error(status: int) -> None:
    async def test() -> None:
        async with routed(refuses(status)) as at:
            found, (answer,), _ = await at.ask()
            assert (found, answer["error"]["message"]) == (status, f"I say {status}")
            assert (await at.ask())[0] == status
            # One that says that it is not available is left alone.
            assert at.twins[0].sent == (1 if status == 503 else 2)
            await at.settled(error=2)

    run(test())


def test_a_replica_or_a_network_that_is_silent_is_given_up() -> None:
    async def silent(_: Any) -> None:
        await asyncio.sleep(FOR_EVER)

    async def test() -> None:
        async with routed(silent, Endless(None), silence=0.3) as at:
            assert (await at.ask())[0] == 502
            status, events, _ = await at.ask()
            assert (status, list(events[0])) == (200, ["error"])
            await at.settled(error=2)

    run(test())


@pytest.mark.parametrize("tokens", [0, 3])
def test_a_client_that_leaves_is_noticed_by_the_twin_and_by_the_replica(tokens: int) -> None:
    async def test() -> None:
        replica = Endless(event() if tokens else None)
        async with routed(replica) as at:
            async with at.session.post(at.url + "/v1/completions", json=ASKED) as response:
                for _ in range(2 * tokens):
                    await response.content.readline()
                assert at.twins[0].state(at.gateway.now()).running == 1
                response.close()
            await asyncio.wait_for(replica.was_left.wait(), SECONDS_UNTIL_IT_HANGS)
            await at.settled(abort=1)
            assert at.twins[0].state(at.gateway.now()).aborted == 1

    run(test())


async def write_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


def test_a_client_that_stops_reading_is_given_up() -> None:
    async def test() -> None:
        # What the kernel takes for a client that does not read are some megabytes.
        replica = Endless(event("x" * 60_000), pause=0.0)
        async with routed(replica, silence=0.5) as at:
            host, port = at.url.removeprefix("http://").split(":")
            body = json.dumps(ASKED).encode()
            reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
            writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert b"200" in await reader.readline()
            await asyncio.wait_for(replica.was_left.wait(), SECONDS_UNTIL_IT_HANGS)
            await at.settled(abort=1)
            # And what it did not read is not kept for it: the connection is gone.
            with pytest.raises(ConnectionError):
                await write_for_ever(writer)

    run(test())


def test_a_request_that_no_twin_would_serve_is_refused_and_sent_nowhere() -> None:
    async def test() -> None:
        async with routed(answers(3), answers(3)) as at:
            for twin in at.twins:
                twin._engine = LiveEngine(policy="continuous", max_model_len=100, iteration_time=0.01)
            # Prompt and answer together: at most 100 tokens.
            assert (await at.ask({"prompt": [1] * 100, "max_tokens": 1}))[0] == 503
            assert [twin.sent for twin in at.twins] == [0, 0]
            assert (await at.ask({"prompt": [1] * 99, "max_tokens": 1}))[0] == 200
            await at.settled(error=1, stop=1)

    run(test())


def test_a_request_that_comes_when_all_places_are_taken_is_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_file, "MAX_IN_FLIGHT", 1)

    async def test() -> None:
        async with routed(Endless(event())) as at:
            async with at.session.post(at.url + "/v1/completions", json=ASKED) as response:
                assert response.status == 200
                status, (answer,), headers = await at.ask()
                assert (status, headers["Retry-After"]) == (503, "2")
                assert "as many requests are in flight as may be: 1" in answer["error"]["message"]
                response.close()
            await at.settled(abort=1)

    run(test())


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"no JSON", 400, "Expecting value"),
        (b"\xff", 400, "utf-8"),
        (b"", 400, "Expecting value"),
        (b"[" * 100_000, 400, "recursion"),
        (b"[]", 400, "must be a JSON object"),
        (b"{}", 400, "prompt must be"),
        (b'{"max_tokens": 2}', 400, "prompt must be"),
        (b'{"prompt": ["two", "prompts"], "max_tokens": 2}', 400, "prompt must be"),
        (b'{"prompt": "\\ud800", "max_tokens": 2}', 400, "utf-8"),
        (b'{"prompt": "a"}', 400, "max_tokens is None: must be an integer from 1 to 4096"),
        (b'{"prompt": "a", "max_tokens": true}', 400, "max_tokens is True: must be"),
        (b'{"prompt": "a", "max_tokens": 4097}', 400, "max_tokens is 4097: must be"),
        (b'{"prompt": "a", "max_tokens": 2, "stream": false}', 400, "stream must be true"),
        (b'{"prompt": "a", "max_tokens": 2, "n": 2}', 400, "n must be 1"),
    ],
)
def test_a_request_that_makes_no_sense_is_told_so_and_is_no_request(body: bytes, status: int, told: str) -> None:
    async def test() -> None:
        async with routed(answers(1)) as at:
            found, (answer,), _ = await at.ask(body)
            assert (found, told in answer["error"]["message"]) == (status, True), answer
            await at.settled()
            assert at.twins[0].sent == 0

    run(test())


def test_a_prompt_of_megabytes_is_refused() -> None:
    async def test() -> None:
        async with (
            routed(answers(1)) as at,
            at.session.post(at.url + "/v1/completions", json={"prompt": "x" * 2_000_000, "max_tokens": 2}) as response,
        ):
            assert response.status == 413
            await at.settled()

    run(test())


def test_what_is_expected_of_answers() -> None:
    lengths = lengths_file.OutputLengths()
    assert lengths.expected(0, 1000) == 1000
    for tokens in (10, 20, 31):
        lengths.finished(tokens)
    # The mean is 20 1/3. Never more than may be.
    assert (lengths.expected(0, 1000), lengths.expected(30, 1000), lengths.expected(30, 40)) == (21, 51, 40)
    for _ in range(1000):
        lengths.finished(2)
    assert (lengths.expected(0, 1000), lengths.expected(0, 1)) == (16, 1)


def test_a_twin_expects_what_answers_are_long_and_keeps_one_that_goes_on() -> None:
    async def test() -> None:
        has_gone_on, may_end = asyncio.Event(), asyncio.Event()

        async def long(request: Any) -> Any:
            response = await streaming(request)
            for place in range(1, 101):
                if place == 61:
                    has_gone_on.set()
                    await may_end.wait()
                await response.write(event(reason="stop" if place == 100 else None))
            await response.write(b"data: [DONE]\n\n")
            return response

        behaviours = iter([answers(40), answers(40), long])

        async def replica(request: Any) -> Any:
            return await next(behaviours)(request)

        async with routed(replica, iteration_time=0.0125) as at:
            for _ in range(2):
                assert len((await at.ask())[1]) == 40
            go_on = at.stop_clock()
            asked = asyncio.create_task(at.ask())
            await has_gone_on.wait()
            while at.gateway.accumulator.state.gaps < 59:
                await asyncio.sleep(0.001)
            # It has 60 tokens. A twin that goes on expecting 40 of them is done after half a second.
            twin = at.twins[0]
            assert twin.state(at.gateway.now() + 0.75).running == 1
            go_on(0.75)
            may_end.set()
            assert len((await asked)[1]) == 100
            await at.settled(stop=3)

    run(test())


def test_the_wait_counts_twice() -> None:
    async def test() -> None:
        async with routed(answers(1), answers(1), answers(1)) as at:
            # Where it would be done first it would also wait longest; where it would wait least it would take too long.
            for twin, estimate in zip(at.twins, [(0.3, 0.5), (0.1, 0.6), (0.0, 0.8)], strict=True):
                twin.estimated = lambda *_, told=estimate: told
            assert (await at.ask())[0] == 200
            assert [twin.sent for twin in at.twins] == [0, 1, 0]

    run(test())


def test_a_request_for_much_is_expected_to_use_what_others_did() -> None:
    async def test() -> None:
        replica = Endless(None)
        behaviours: Iterator[Behaviour] = iter([answers(20), *[replica] * 8])

        async def first(request: Any) -> Any:
            return await next(behaviours)(request)

        async with routed(first) as at:
            assert (await at.ask())[0] == 200
            waiting = [asyncio.create_task(at.ask()) for _ in range(8)]
            twin = at.twins[0]
            while twin.sent < 9:
                await asyncio.sleep(0.001)
            # The eight slots are taken for 20 iterations of 10 ms, and then it is the ninth's turn: not after 4,096.
            ttft, e2e = twin.estimated(at.gateway.now(), 3, at.gateway.output_lengths.expected(0, MAX_TOKENS))
            assert ttft <= 0.22
            assert e2e == pytest.approx(ttft + 0.19)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await at.settled(stop=1, abort=8)

    run(test())
