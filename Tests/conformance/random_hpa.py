"""Slow restatements of Kubernetes' HorizontalPodAutoscaler and of KEDA under random readings: whole histories, and no
windows; rational numbers.
"""

import math
import random
from collections.abc import Sequence
from fractions import Fraction

from random_support import same
from scaling_support import Settings, draw_time, follow, new_autoscaler


def thousandths(value: float) -> int:
    """Kubernetes counts in whole thousandths."""
    return round(Fraction(value) * 1000)


def shared_settings(generator: random.Random) -> Settings:
    """What both have."""
    least = generator.choice([0, 1, 1, 2, 3])
    return {
        "min_replicas": least,
        "max_replicas": generator.choice([least + 1, least + 4, 30, 200]),
        "target": generator.choice([1, 2.5, 4, 10, 64]),
        "tolerance": generator.choice([0, 0.1, 0.1, 0.25]),
        "up_window": generator.choice([0, 0, 20, 60]),
        "down_window": generator.choice([0, 15, 60, 300]),
        "up_percent": generator.choice([0, 10, 100, 100, 250]),
        "up_replicas": generator.choice([0, 1, 4, 4]),
        "up_period": generator.choice([15, 60]),
        "down_percent": generator.choice([0, 10, 50, 100]),
        "down_replicas": generator.choice([0, 1, 3]),
        "down_period": generator.choice([15, 60]),
    }


class SlowBehavior:
    """How an HPA gets from what a metric asks for to a number: all that was wanted and done since ever."""

    def __init__(self, settings: Settings, least: int) -> None:
        self.settings, self.least = settings, least
        self.most: int = settings["max_replicas"]
        self.wanted: list[tuple[float, int]] = []
        self.changes: list[tuple[float, int]] = []

    def changed(self, now: float, period: float) -> int:
        """Replicas that came less those that went, in the last seconds."""
        return sum(change for time, change in self.changes if time > now - period)

    def decide(self, now: float, current: int, wanted: int | None) -> int:
        """The number of replicas, which counts as done."""
        if not self.wanted:
            self.wanted.append((now, current))
        desired = self.number(now, current, wanted)
        if desired != current:
            self.changes.append((now, desired - current))
        return desired

    def number(self, now: float, current: int, wanted: int | None) -> int:
        """The number of replicas."""
        if current > self.most:
            return self.most
        if current < self.least:
            return self.least
        if wanted is None:
            return current
        settings = self.settings
        low = min([wanted, *(n for time, n in self.wanted if time > now - settings["up_window"])])
        high = max([wanted, *(n for time, n in self.wanted if time > now - settings["down_window"])])
        self.wanted.append((now, wanted))
        stable = low if current < low else min(current, high)
        if stable > current:
            start = current - self.changed(now, settings["up_period"])
            by_percent: int = math.ceil(start * (1 + Fraction(settings["up_percent"], 100)))
            limit: int = max(by_percent, start + settings["up_replicas"], 0)
            return min(stable, self.most, max(limit, current))
        if stable < current:
            start = current - self.changed(now, settings["down_period"])
            by_percent = max(math.floor(start * (1 - Fraction(settings["down_percent"], 100))), 0)
            limit = min(by_percent, start - settings["down_replicas"])
            return max(stable, self.least, min(limit, current))
        return current


def is_near(ratio: Fraction, tolerance: float) -> bool:
    """Whether nothing changes. The edges are those of doubles, which none of the drawn ratios meets otherwise."""
    return 1 - tolerance <= float(ratio) <= 1 + tolerance


def hpa_wish(settings: Settings, ready: Sequence[float | None], starting: int) -> int | None:
    """What the metric asks for; None: nothing was measured. `ready`: a value for each pod; None: it has none."""
    target, tolerance = thousandths(settings["target"]), settings["tolerance"]
    current = len(ready) + starting
    pods = {pod: thousandths(value) for pod, value in enumerate(ready) if value is not None}
    if not pods:
        return None
    missing = [pod for pod, value in enumerate(ready) if value is None]

    def ratio_of(values: dict[int, int]) -> Fraction:
        return Fraction(sum(values.values()) // len(values), target)

    ratio = ratio_of(pods)
    if not missing and not (starting and ratio > 1):
        return current if is_near(ratio, tolerance) else math.ceil(ratio * len(pods))
    for pod in missing:
        if ratio < 1:
            pods[pod] = target
        elif ratio > 1:
            pods[pod] = 0
    if ratio > 1:
        for pod in range(starting):
            pods[len(ready) + pod] = 0
    again = ratio_of(pods)
    if is_near(again, tolerance) or (ratio < 1 < again) or (again < 1 < ratio):
        return current
    wish = math.ceil(again * len(pods))
    turned = wish > current if again < 1 else wish < current
    return current if turned else wish


def hpa(seed: int) -> int:
    """Kubernetes' HorizontalPodAutoscaler."""
    generator = random.Random(seed)
    settings = shared_settings(generator)
    autoscaler = new_autoscaler("hpa", scaling_metric="given", **settings)
    behavior = SlowBehavior(settings, settings["min_replicas"])
    ready, starting, now = generator.randint(1, 6), 0, float(generator.randint(0, 1000))
    load = 1.0
    decisions = 60
    for _ in range(decisions):
        load = generator.choice([load, load, generator.choice([0, 0.3, 0.9, 1, 1.1, 1.5, 4])])
        values = [
            None
            if generator.random() < 0.05
            else generator.choice([round(load * settings["target"] * generator.uniform(0.5, 1.5), 3), load])
            for _ in range(ready)
        ]
        metric = [math.nan if value is None else value for value in values]
        decided = autoscaler.decide(now, ready, starting, metric=metric)
        current = ready + starting
        # Without replicas it is off.
        expected = behavior.decide(now, current, hpa_wish(settings, values, starting)) if current else 0
        same(decided, expected, f"at {now}: {values}, {starting} starting", settings)
        ready, starting = follow(generator, decided, current)
        now = draw_time(generator, now)
    return decisions


def queue_length(seed: int) -> int:
    """KEDA."""
    generator = random.Random(seed)
    settings = shared_settings(generator)
    settings["activation"] = generator.choice([0, 0, 3])
    settings["cooldown"] = generator.choice([0, 30, 300])
    autoscaler = new_autoscaler("queue_length", scaling_metric="in_flight", **settings)
    least = settings["min_replicas"]
    behavior = SlowBehavior(settings, max(least, 1))
    target = thousandths(settings["target"])
    ready, starting, now = generator.randint(0, 6), 0, 0.0
    active: list[float] = []
    decisions = 60
    for _ in range(decisions):
        busy = generator.random() < 0.5
        waiting = [generator.randint(0, 30) if busy else 0 for _ in range(ready)]
        running = [generator.randint(0, 5) if busy else 0 for _ in range(ready)]
        outside = generator.choice([0, 0, 2, 500]) if busy else 0
        decided = autoscaler.decide(now, ready, starting, waiting=waiting, running=running, queued_requests=outside)
        total, current = sum(waiting) + sum(running) + outside, ready + starting
        is_active = total > settings["activation"]
        if current == 0:
            expected = max(1, least) if is_active else least
        elif least == 0 and not is_active and all(now - time > settings["cooldown"] for time in active):
            expected = 0
        else:
            is_enough = is_near(Fraction(total * 1000, target * current), settings["tolerance"])
            wish = current if is_enough else math.ceil(Fraction(total * 1000, target))
            expected = behavior.decide(now, current, wish)
        if is_active:
            active.append(now)
        same(decided, expected, f"at {now}: {total} in {ready} + {starting}", settings)
        ready, starting = follow(generator, decided, current)
        now = draw_time(generator, now)
    return decisions
