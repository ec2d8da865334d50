"""A load for the gateway: clients that come at random, and check that they are answered with what they asked for."""

import asyncio
import json
import random

import aiohttp

import batching


async def send(url: str, count: int, *, arrival_rate: float, longest: int, max_tokens: int, seed: int) -> int:
    """Send so many requests, so many a second, of up to so many words, which is also how long the answers are.

    Returns how many answers were not what the replicas should say.
    """
    workload = batching.generate_workload(count, arrival_rate=arrival_rate, seed=seed)
    random_number = random.Random(seed)  # noqa: S311 - a load, and no secret
    arrivals = [] if workload.arrival_time is None else workload.arrival_time.tolist()
    prompts = [_prompt(random_number, random_number.randint(4, longest)) for _ in range(count)]
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def client(arrival: float, prompt: str) -> bool:
        await asyncio.sleep(start + arrival - loop.time())
        return await answer(session, url, prompt, max_tokens) == prompt.split()[:max_tokens]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        right = await asyncio.gather(
            *(client(arrival, prompt) for arrival, prompt in zip(arrivals, prompts, strict=True))
        )
    return count - sum(right)


async def answer(session: aiohttp.ClientSession, url: str, prompt: str, max_tokens: int) -> list[str]:
    """The words that a prompt is answered."""
    words = []
    asked = {"prompt": prompt, "max_tokens": max_tokens, "stream": True}
    async with session.post(url + "/v1/completions", json=asked) as response:
        async for line in response.content:
            if line.startswith(b"data: {"):
                event = json.loads(line.removeprefix(b"data: "))
                words += [choice["text"].strip() for choice in event.get("choices", [])]
    return words


def _prompt(random_number: random.Random, words: int) -> str:
    return " ".join(random_number.choice(["how", "many", "batches", "fit", "into", "one", "GPU"]) for _ in range(words))
