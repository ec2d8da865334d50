"""Autoscalers under random readings, against slow restatements of their rules.

A case is a function of a seed: an autoscaler of random settings, and decisions one after the other, some of which are
not followed.
"""

import math
import random
from collections.abc import Callable
from fractions import Fraction

import random_hpa
import random_planner
from random_support import same
from scaling_support import Settings, follow, new_autoscaler

Case = Callable[[int], int]


def llm_d(seed: int) -> int:
    """Tokens demanded against tokens that replicas can hold, in rational numbers."""
    generator = random.Random(seed)
    tokens = generator.choice([1000, 64_000])
    settings: Settings = {
        "max_kv_tokens": tokens,
        "kv_threshold": generator.choice([0.5, 0.75, 1.0]),
        "queue_threshold": generator.choice([2, 5, 5.5]),
        "up_threshold": generator.choice([0.75, 1.0]),
        "down_boundary": generator.choice([0.25, 0.5]),
        "max_replicas": generator.choice([8, 50]),
    }
    if generator.random() < 0.5:
        settings |= {"max_num_batched_tokens": 512, "max_num_seqs": generator.choice([2, 256])}
    autoscaler = new_autoscaler("llm_d", **settings)
    memory = math.floor(tokens * Fraction(settings["kv_threshold"]))
    observed: list[int] = []
    last = 0
    ready, starting, now = generator.randint(0, 5), 0, 0.0
    decisions = 40
    for _ in range(decisions):
        # Such that all sums and products are exact in doubles, too.
        prompt, output = generator.choice([0, 128, 512.5]), generator.choice([0, 64, 128])
        used = [generator.choice([0, tokens, generator.randint(0, tokens)]) for _ in range(ready)]
        waiting = [generator.choice([0, 0, 1, 5, 20]) for _ in range(ready)]
        queued = generator.choice([0, 0, 10])
        decided = autoscaler.decide(
            now,
            ready,
            starting,
            scheduled_kv_tokens=used,
            waiting=waiting,
            queued_requests=queued,
            mean_prompt_length=prompt,
            mean_output_length=output,
        )
        estimate = memory
        if "max_num_seqs" in settings and output > 0:
            running = min(Fraction(512 * output) / Fraction(prompt + output), settings["max_num_seqs"])
            # The fraction is one of doubles: so are its roundings.
            estimate = min(int(float(running) * (prompt + output / 2)), memory) or memory
        capacities = []
        for tokens_used, waits in zip(used, waiting, strict=True):
            if waits >= math.floor(settings["queue_threshold"]) and tokens_used > 0:
                observed.append(tokens_used)
                capacity = tokens_used
            elif observed:
                capacity = math.floor(Fraction(sum(observed[-10:]), len(observed[-10:])))
            else:
                capacity = estimate
            capacities.append(min(capacity, memory))
        if capacities:
            ordered = sorted(capacities)
            last = (ordered[(ready - 1) // 2] + ordered[ready // 2]) // 2
        capacity = last or estimate
        demand = sum(used) + sum(waiting) * math.floor(prompt) + queued * Fraction(prompt + output)
        current = ready + starting
        lacking = demand / Fraction(settings["up_threshold"]) - current * capacity
        spare = ready * capacity - demand / Fraction(settings["down_boundary"])
        expected: int = current
        if lacking > 0:
            expected += math.ceil(lacking / capacity)
        elif spare > 0:
            expected = max(current - math.floor(spare / capacity), min(current, 1))
        expected = min(max(expected, 1), settings["max_replicas"])
        same(decided, expected, f"at {now}: {used}, {waiting}, {queued}, {starting} starting", settings)
        ready, starting = follow(generator, decided, current, most=60)
        now += 30
    return decisions


CASES: dict[str, Case] = {
    "dynamo_planner": random_planner.dynamo_planner,
    "hpa": random_hpa.hpa,
    "llm_d": llm_d,
    "queue_length": random_hpa.queue_length,
}
