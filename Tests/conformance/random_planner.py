"""Dynamo's planner under random readings, against the restatement of its steps."""

import math
import random
from fractions import Fraction
from typing import Any

from random_support import same, slow
from scaling_support import follow, new_autoscaler


def planner_readings(generator: random.Random, settings: dict[str, Any], ready: int) -> dict[str, list[int]]:
    """Tokens of each replica: now and then at the very edge of a threshold."""
    context, tokens = settings["context_length"], settings["max_kv_tokens"]
    edges = [0, context // 10, context, settings["prefill_up_tokens"], settings["prefill_down_tokens"]]
    shares = [0.1, 0.3, 0.4, 0.6, 0.8, 1.0]
    if generator.random() < 0.3:
        # All nearly alike: where one less may be too few.
        level = generator.choice([generator.uniform(0.05, 0.9), generator.uniform(0.5, 0.6), 0.099])
        return {
            "queued_prefill_tokens": [0 if settings["component"] == "aggregated" else int(level * context / 9)] * ready,
            "scheduled_kv_tokens": [int(level * generator.uniform(0.8, 1) * tokens) for _ in range(ready)],
            "queued_kv_tokens": [0] * ready,
        }
    is_edge = generator.random() < 0.5
    most = generator.choice([0.2, 0.7, 1.5])
    return {
        "queued_prefill_tokens": [
            generator.choice(edges) if is_edge else generator.randint(0, int(most * context)) for _ in range(ready)
        ],
        "scheduled_kv_tokens": [
            int(generator.choice(shares) * tokens) if is_edge else generator.randint(0, int(most * tokens))
            for _ in range(ready)
        ],
        "queued_kv_tokens": [0 if is_edge else generator.randint(0, tokens // 5) for _ in range(ready)],
    }


def planner_settings(generator: random.Random) -> dict[str, Any]:
    """Of any component and target but an SLA."""
    return {
        "component": generator.choice(["prefill", "decode", "aggregated"]),
        "scaling_target": generator.choice(["throughput", "latency", "load"]),
        "context_length": generator.choice([1000, 8192]),
        "max_kv_tokens": generator.choice([1000, 100_000]),
        "prefill_up_tokens": 4000,
        "prefill_down_tokens": 500,
        "decode_up_percent": 80,
        "decode_down_percent": 30,
        "min_endpoint": generator.choice([1, 1, 1, 2, 3]),
        "while_starting": generator.random() < 0.5,
        "gpu_budget": generator.choice([math.inf, math.inf, 12]),
        "gpus_per_replica": generator.choice([1, 2]),
        "throughput_step": generator.choice([2, 8]),
        "throughput_interval": 180,
        "max_replicas": 100,
    }


def slow_easy(settings: dict[str, Any], readings: dict[str, list[int]], ready: int, starting: int) -> int | None:
    """The restatement's answer."""
    facts = {
        "context_length": settings["context_length"],
        "max_kv_tokens": settings["max_kv_tokens"],
        "prefill_scale_up_queue_tokens": settings["prefill_up_tokens"],
        "prefill_scale_down_queue_tokens": settings["prefill_down_tokens"],
        "decode_scale_up_kv_rate": settings["decode_up_percent"],
        "decode_scale_down_kv_rate": settings["decode_down_percent"],
    }
    component = {"aggregated": "agg"}.get(settings["component"], settings["component"])
    workers = {"num": ready, "min_endpoint": settings["min_endpoint"], "pending": starting}
    decided: int | None = slow("dynamo_planner").easy(
        component, settings["scaling_target"], workers, *readings.values(), facts
    )
    return decided


def planner_steps(generator: random.Random) -> int:
    """The load step with thresholds, with a throughput step now and then."""
    settings = planner_settings(generator)
    has_load_step = generator.random() < 0.8
    # Without it the floor hides nothing of the load step.
    has_throughput_step = generator.random() < 0.5 or not has_load_step
    autoscaler = new_autoscaler("dynamo_planner", load_step=has_load_step, **settings)
    ready, starting, now = generator.randint(0, 6), 0, 0.0
    floor, last = 0, -math.inf
    decisions = 40
    for _ in range(decisions):
        readings = planner_readings(generator, settings, ready)
        capacity = generator.choice([0.0, 0.5, 2.0]) if has_throughput_step else 0.0
        demand = generator.choice([0.0, 0.9, 3.0, 7.5, 40.0])
        decided = autoscaler.decide(now, ready, starting, capacity=capacity, demand=demand, **readings)
        current = ready + starting
        steps = capacity > 0 and now - last >= settings["throughput_interval"]
        if steps:
            last = now
            number = max(math.ceil(Fraction(demand) / Fraction(capacity)), settings["min_endpoint"])
            step = settings["throughput_step"]
            floor = min(max(number, current - step), current + step)
        budget = settings["gpu_budget"] // settings["gpus_per_replica"]
        if not has_load_step:
            expected = min(floor if steps else current, budget)
        elif starting and not settings["while_starting"]:
            expected = current
        else:
            load = slow_easy(settings, readings, ready, starting) if ready else None
            expected = min(max(current if load is None else load, floor), budget)
        same(decided, min(max(expected, 1), 100), f"at {now}: {readings}, {starting} starting", settings)
        ready, starting = follow(generator, decided, current, most=20)
        # Few are where one less matters most.
        if generator.random() < 0.3:
            ready = generator.randint(1, 3)
        now += generator.choice([5, 5, 60, 175, 180])
    return decisions


def planner_load(generator: random.Random) -> int:
    """The load step with thresholds alone, of few replicas: where one less may be too few."""
    settings = planner_settings(generator) | {"gpu_budget": math.inf, "while_starting": True}
    autoscaler = new_autoscaler("dynamo_planner", **settings)
    decisions = 20
    for _ in range(decisions):
        ready, starting = generator.randint(1, 4), generator.choice([0, 0, 0, 1])
        readings = planner_readings(generator, settings, ready)
        load = slow_easy(settings, readings, ready, starting)
        decided = autoscaler.decide(0.0, ready, starting, **readings)
        same(decided, ready + starting if load is None else load, readings, f"{starting} starting", settings)
    return decisions


def planner_sla(generator: random.Random) -> int:
    """The load step with an SLA, for one component: whether it may go down is worked out by hand."""
    component = generator.choice(["prefill", "decode"])
    kind, limit = ("ttft", 0.5) if component == "prefill" else ("itl", 0.05)
    ready, least = generator.randint(1, 6), generator.randint(1, 3)
    share = generator.choice([0.5, 0.8, 1.0])
    estimates = [generator.choice([limit, generator.uniform(0, 2 * limit), math.nan]) for _ in range(ready)]
    merged = [generator.choice([0.1 * limit, generator.uniform(0, limit), math.nan]) for _ in range(ready)]
    own = generator.choice([0.0, 0.05 * limit, limit])
    autoscaler = new_autoscaler("dynamo_planner", component=component, scaling_target="sla", min_endpoint=least,
                                down_sensitivity=share)  # fmt: skip
    columns: dict[str, Any] = {f"estimated_{kind}": estimates, f"merged_{kind}": merged}
    if component == "prefill":
        columns["own_ttft"] = [own] * ready
        room = [not math.isnan(m) and (limit - own) * share > 0 and m - own < (limit - own) * share for m in merged]
    else:
        room = [not math.isnan(m) and m < limit * share for m in merged]
    known = [estimate for estimate in estimates if not math.isnan(estimate)]
    expected = slow("dynamo_planner").sla(known, limit, ready, least, all(room)) if known else None
    decided = autoscaler.decide(0.0, **columns)
    same(decided, ready if expected is None else expected, columns, f"from {least} on, {share}, own {own}")
    return 1


def planner_both(generator: random.Random) -> int:
    """Aggregated workers with an SLA: how the two answers become one."""
    ready = generator.randint(2, 4)
    low, high = 0.001, 9.0

    def draw(is_over: bool, answer: str) -> tuple[float, float]:  # noqa: FBT001
        return high if is_over else low, {"down": low, "stay": high, "unknown": math.nan}[answer]

    answers = [(generator.random() < 0.3, generator.choice(["down", "stay", "unknown"])) for _ in range(2)]
    (ttft, merged_ttft), (itl, merged_itl) = (draw(*answer) for answer in answers)
    is_full = generator.random() < 0.2
    autoscaler = new_autoscaler("dynamo_planner", component="aggregated", scaling_target="sla", max_kv_tokens=1000)
    decided = autoscaler.decide(
        0.0,
        estimated_ttft=[ttft] * ready,
        estimated_itl=[itl] * ready,
        merged_ttft=[merged_ttft] * ready,
        merged_itl=[merged_itl] * ready,
        # Of n replicas the others would get n / (n - 1) of what each has.
        scheduled_kv_tokens=[500 * (ready - 1) // ready] * ready,
        queued_prefill_tokens=[500 if is_full else 0] * ready,
    )
    (ttft_over, prefill), (itl_over, decode) = answers
    if ttft_over or itl_over:
        expected = ready + 1
    elif decode != "down" or is_full:
        expected = ready
    else:
        expected = ready if prefill == "stay" else ready - 1
    same(decided, expected, answers, f"full: {is_full}, {ready} replicas")
    return 1


def dynamo_planner(seed: int) -> int:
    """Its steps, one kind after the other."""
    generator = random.Random(seed)
    return planner_steps(generator) + planner_load(generator) + planner_sla(generator) + planner_both(generator)
