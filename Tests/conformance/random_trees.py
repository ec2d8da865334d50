"""Random operations on routers that keep a tree of prompts: cache_aware, prefix_trie, ray_prefix.

The models of their rules are in random_tree_models.py.
"""

import math
import random
from typing import Any

from random_support import Case, DifferenceError, Settings, flip_one, new_router, same
from random_tree_models import CacheAwareModel, Model, Prompt, RayModel, TrieModel

ALPHABETS = ("ab", "abc ", "aé", "a一", "a😀b")
IDS = ([1, 2], [7, 2**64 - 1], [300, 70_000, 2**40], [0, 1])


class Prompts:
    """Prompts that share prefixes of all lengths."""

    def __init__(self, generator: random.Random) -> None:
        self.random = generator
        self.is_text = generator.random() < 0.6
        self.alphabet: list[Any] = list(generator.choice(ALPHABETS)) if self.is_text else generator.choice(IDS)
        self.known: list[Prompt] = [()]
        self.longest = generator.choice((3, 20, 60, 300))

    def some(self) -> Prompt:
        """One that begins like another, and goes on with a pattern."""
        stem = self.random.choice(self.known)
        if self.random.random() < 0.7:
            stem = stem[: self.random.randint(0, len(stem))]
        more = self.random.randint(0, self.longest)
        unit = self.random.choices(self.alphabet, k=self.random.randint(1, 40))
        prompt = (stem + tuple((unit * more)[:more]))[:1500]
        if len(self.known) < 40:
            self.known.append(prompt)
        return prompt

    def question(self, prompt: Prompt) -> Settings:
        """The prompt, as a router is asked about it."""
        return {"text": "".join(prompt)} if self.is_text else {"hash_ids": list(prompt)}


class Comparison:
    """A router, a model, and the requests in flight."""

    def __init__(self, seed: int, router: str, settings: Settings, generator: random.Random) -> None:
        self.random, self.prompts = generator, Prompts(generator)
        workers = generator.choice((1, 2, 3, 5, 9))
        self.router = new_router(router, workers, seed=seed, **settings)
        self.model: Model
        if router == "cache_aware":
            self.model = CacheAwareModel(workers, settings)
        elif router == "prefix_trie":
            self.model = TrieModel(workers, settings, is_text=self.prompts.is_text)
        else:
            self.model = RayModel(workers, settings)
        self.flying: list[int] = []
        self.up, self.time = set(range(workers)), 0.0

    def disturb(self) -> None:
        """Time passes; something may leave, go down or be evicted."""
        generator = self.random
        self.time += generator.choice((0, 0.125, 1.0))
        if self.flying and generator.random() < 0.45:
            request = self.flying.pop(generator.randrange(len(self.flying)))
            self.router.finished(request, self.time)
            self.model.finish(request)
        if generator.random() < 0.08:
            worker = flip_one(generator, self.router, self.up, self.time)
            if worker is not None:
                self.model.set_worker(worker, up=worker in self.up)
        if generator.random() < 0.04:
            size = generator.choice((0, 3, 20, 200))
            self.router.evict(size)
            self.model.evict(size)

    def send(self, request: int) -> bool:
        """Routes a request, or books it. Returns whether a decision was compared."""
        prompt = self.prompts.some()
        question = {**self.prompts.question(prompt), "time": self.time}
        chooses = self.random.random() < 0.8
        if chooses:
            worker = self.decided(request, prompt, question)
        else:
            worker = self.random.choice(sorted(self.up))
            self.router.book(request, worker, **question)
        self.model.book(request, prompt, worker, self.time)
        self.flying.append(request)
        return chooses

    def decided(self, request: int, prompt: Prompt, question: Settings) -> int:
        """The router's worker, which the model must allow."""
        # An eviction that is due comes before a decision; to explain changes nothing.
        if not isinstance(self.model, CacheAwareModel):
            self.model.pass_time(self.time)
        same(self.router.explain(request, **question).allowed, self.model.allowed(prompt), f"request {request}")
        self.model.pass_time(self.time)
        expected = self.model.allowed(prompt)
        worker = self.router.route(request, **question)
        if worker is None or worker not in expected:
            raise DifferenceError(f"{worker} is none of {expected}", f"request {request}")
        return worker


def run(seed: int, router: str, settings: Settings, generator: random.Random) -> int:
    """One case."""
    comparison = Comparison(seed, router, settings, generator)
    decisions = 0
    for request in range(generator.choice((20, 60, 150))):
        comparison.disturb()
        decisions += comparison.send(request)
    return decisions


def cache_aware(seed: int) -> int:
    """The rules of three gateways."""
    generator = random.Random(seed)
    choose = generator.choice
    settings = {
        "cache_aware_rule": choose(("sglang", "vllm", "smg")),
        "cache_threshold": choose((0.0, 0.1, 0.3, 0.5, 0.9)),
        "balance_abs_threshold": choose((0, 1, 2, 4, 64)),
        "balance_rel_threshold": choose((1.0001, 1.1, 1.5)),
        "eviction_interval": choose((math.inf, 0.5, 3, 60)),
        "max_tree_size": choose((1, 5, 50, 500)),
    }
    return run(seed, "cache_aware", settings, generator)


def prefix_trie(seed: int) -> int:
    """production-stack's trie of chunks."""
    generator = random.Random(seed)
    choose = generator.choice
    settings = {
        "chunk_size": choose((1, 2, 5, 16, 128)),
        "prefix_min_match_length": choose((0, 1, 5, 32, 128)),
        "stats_window": choose((0.5, 3, 60)),
    }
    return run(seed, "prefix_trie", settings, generator)


def ray_prefix(seed: int) -> int:
    """Ray Serve's prefix-aware router."""
    generator = random.Random(seed)
    settings = {
        "imbalanced_threshold": generator.choice((None, 0, 1, 3)),
        "match_rate_threshold": generator.choice((0, 0.1, 0.5, 0.9)),
    }
    return run(seed, "ray_prefix", settings, generator)


CASES: dict[str, Case] = {"cache_aware": cache_aware, "prefix_trie": prefix_trie, "ray_prefix": ray_prefix}
