"""The gateway of examples/ under a real load over HTTP: no request is lost, and its own figures are what was sent."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import bounded
from batching import AffineTime

aiohttp = pytest.importorskip("aiohttp")

GATEWAY = Path(__file__).parents[3] / "examples" / "python" / "gateway"
# Gateway, replicas and clients share one machine: where that is busy, a replica is late, and not down.
COMMAND = [sys.executable, str(GATEWAY), "--connecting", str(bounded.SECONDS)]


@contextmanager
def gateway(*arguments: str) -> Iterator[str]:
    """A gateway at a free port, which has to end without a complaint."""
    process = bounded.start(
        [*COMMAND, "--serve", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("Serving at ").strip()
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate()
        assert (process.returncode, complaints) == (0, "")
    finally:
        process.kill()
        process.wait()


@dataclass
class Client:
    """One request, and what came back."""

    prompt: list[int] | str
    max_tokens: int
    leaves_after: int | None = None
    """Tokens after which it closes the connection. None: it stays to the end."""
    status: int = 0
    words: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    is_done: bool = False

    @property
    def expected(self) -> list[str]:
        # The replicas say the prompt once more.
        said = self.prompt.split() if isinstance(self.prompt, str) else list(map(str, self.prompt))
        return said[: self.max_tokens]

    @property
    def prompt_length(self) -> int:
        return len(self.prompt) if isinstance(self.prompt, list) else -(-len(self.prompt.encode()) // 4)

    @property
    def reason(self) -> str:
        said = len(self.prompt.split() if isinstance(self.prompt, str) else self.prompt)
        return "stop" if said <= self.max_tokens else "length"

    async def run(self, session: Any, url: str) -> None:
        asked = {"prompt": self.prompt, "max_tokens": self.max_tokens}
        async with session.post(url + "/v1/completions", json=asked) as response:
            self.status = response.status
            async for line in response.content:
                if self.leaves_after is not None and len(self.words) >= self.leaves_after:
                    response.close()
                    return
                if line.startswith(b"data: {"):
                    (choice,) = json.loads(line[6:])["choices"]
                    self.words.append(choice["text"].strip())
                    self.reasons += [choice["finish_reason"]] if choice["finish_reason"] else []
                self.is_done |= line.strip() == b"data: [DONE]"


def clients() -> list[Client]:
    """Two hundred who stay, half of whose answers end before max_tokens, and thirty who ask for much and leave."""
    stay = [Client([1000 + place] * (4 + place % 37), 16) for place in range(160)]
    stay += [Client(f"the client {place} asks in words", 16 if place % 2 else 3) for place in range(40)]
    # An answer of a thousand tokens takes 20 s at the least.
    leave = [Client([7] * 1000, 1000, leaves_after=place % 4) for place in range(30)]
    # Those that leave come last: until they do, their thousand tokens are a reason to send the others elsewhere.
    return stay + leave


async def loaded(url: str, all_clients: list[Client]) -> tuple[str, str, list[Any], list[Any]]:
    """Sends all at once; the metrics and their content type, the gateway's replicas, and what those say themselves."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def read(address: str) -> Any:
            async with session.get(address) as response:
                return await response.json()

        async with asyncio.timeout(bounded.SECONDS):
            await asyncio.gather(*(client.run(session, url) for client in all_clients))
        # A request leaves at the end of an iteration, and twins end their last one on time: wait for that.
        deadline = time.monotonic() + bounded.SECONDS
        while True:
            replicas = await read(url + "/replicas")
            loads = [await read(replica["url"] + "/load") for replica in replicas]
            if (
                not any(map(in_flight, [replica["twin"] for replica in replicas] + loads))
                or time.monotonic() > deadline
            ):
                break
            await asyncio.sleep(0.05)
        async with session.get(url + "/metrics") as response:
            return await response.text(), response.headers["Content-Type"], replicas, loads


def in_flight(state: dict[str, int]) -> int:
    return state["running"] + state["waiting"] + state.get("pending", 0)


def samples(text: str) -> dict[str, float]:
    return {
        sample.name + sample.labels.get("finished_reason", ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_a_load_over_http() -> None:
    all_clients = clients()
    with gateway() as url:
        text, content_type, replicas, loads = asyncio.run(loaded(url, all_clients))
    stayed = [client for client in all_clients if client.leaves_after is None]
    left = [client for client in all_clients if client.leaves_after is not None]

    for client in stayed:
        assert (client.status, client.words, client.reasons, client.is_done) == (
            200, client.expected, [client.reason], True
        )  # fmt: skip
    assert {client.reason for client in stayed} == {"stop", "length"}

    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(text)
    for reason in ("stop", "length"):
        assert found[f"vllm:request_success_total{reason}"] == sum(client.reason == reason for client in stayed)
    assert found["vllm:request_success_totalabort"] == len(left)
    assert found["vllm:request_success_totalerror"] == 0
    assert found["vllm:num_requests_running"] == found["vllm:num_requests_waiting"] == 0
    assert found["vllm:e2e_request_latency_seconds_count"] == len(stayed)
    assert found["vllm:request_generation_tokens_sum"] == sum(len(client.expected) for client in stayed)
    assert found["vllm:request_prompt_tokens_sum"] == sum(client.prompt_length for client in stayed)
    # Of those that left, it counts what it passed on until it noticed.
    received = sum(len(client.words) for client in all_clients)
    asked = sum(client.max_tokens for client in left) + sum(len(client.expected) for client in stayed)
    assert received <= found["vllm:generation_tokens_total"] < asked

    for replica, load in zip(replicas, loads, strict=True):
        twin = replica["twin"]
        assert in_flight(twin) == in_flight(load) == 0
        assert twin["rejected"] == twin["events"] == 0
        # A twin that was calibrated is a new one.
        assert twin["submitted"] == twin["finished"] + twin["aborted"] <= replica["sent"]
        assert replica["calibrations"] > 0 or twin["submitted"] == replica["sent"]
        # What happened to the replica happened to its twin.
        assert load["finished"] + load["aborted"] == replica["sent"]
    assert sum(replica["sent"] for replica in replicas) == len(all_clients)
    assert sum(load["finished"] for load in loads) == len(stayed)
    # The third takes three times as long for a token.
    assert replicas[2]["sent"] < min(replicas[0]["sent"], replicas[1]["sent"])


def test_twins_find_out_how_fast_their_replicas_are() -> None:
    all_clients = [Client([place] * (4 + place % 37), 16) for place in range(240)]
    with gateway("--guess") as url:
        # In waves, so that all replicas have enough of them.
        for first in range(0, 240, 80):
            _, _, replicas, _ = asyncio.run(loaded(url, all_clients[first : first + 80]))
        deadline = time.monotonic() + bounded.SECONDS
        while min(replica["calibrations"] for replica in replicas) == 0 and time.monotonic() < deadline:
            _, _, replicas, _ = asyncio.run(loaded(url, [Client([7] * 20, 16) for _ in range(40)]))
    assert [client.words for client in all_clients] == [client.expected for client in all_clients]
    assert min(replica["calibrations"] for replica in replicas) > 0
    # All began alike; the third takes three times as long for a token.
    fast, also_fast, slow = [AffineTime(**replica["iteration_time"]).seconds(decode_tokens=4) for replica in replicas]
    assert slow > 1.5 * max(fast, also_fast)


async def statuses(url: str, bodies: list[bytes]) -> list[int]:
    async with aiohttp.ClientSession() as session:
        found = []
        for body in bodies:
            async with session.post(url + "/v1/completions", data=body) as response:
                assert (await response.json())["error"]["message"]
                found.append(response.status)
        return found


def test_what_cannot_be_answered_is_told_and_takes_no_place() -> None:
    bad = [b"no JSON", b"[]", b'{"prompt": 1, "max_tokens": 2}', b'{"prompt": "a", "max_tokens": 0}', b"\xff"]
    # This one only the replica refuses, long before its twin would be done with it.
    refused = b'{"prompt": "", "max_tokens": 500}'
    with gateway("--routing", "round robin") as url:
        assert asyncio.run(statuses(url, [*bad, *[refused] * 3])) == [400] * 8
        text, _, replicas, _ = asyncio.run(loaded(url, []))
    assert [replica["sent"] for replica in replicas] == [1, 1, 1]
    assert [replica["twin"]["aborted"] for replica in replicas] == [1, 1, 1]
    assert samples(text)["vllm:request_success_totalerror"] == 3


def test_the_demonstration_measures_both_ways() -> None:
    ended = bounded.run([*COMMAND, "--requests", "12"], check=True)
    lines = ended.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[:2]] == ["round robin", "estimate"]
    assert all("; 12 answers, 0 of them wrong; " in line for line in lines[:2])
    assert lines[0].endswith("to each replica: 4 4 4")
