"""What the random comparisons of autoscalers share: how time goes on, and what becomes of a decision."""

import random
from collections.abc import Callable
from typing import Any

from batching import Autoscaler

Settings = dict[str, Any]

# The settings and readings are drawn: no type says which they are.
new_autoscaler: Callable[..., Any] = Autoscaler


def draw_time(generator: random.Random, now: float) -> float:
    """The time of the next decision: now and then at the very edge of a window or a period."""
    return now + generator.choice([0, 1, 14, 15, 15, 15, 20, 30, 45, 60, 300])


def follow(generator: random.Random, desired: int, current: int, most: int = 300) -> tuple[int, int]:
    """How many are ready and starting then: mostly those that are wanted."""
    total = desired if generator.random() < 0.85 else max(0, min(most, current + generator.randint(-3, 3)))
    starting = generator.randint(0, total) if generator.random() < 0.4 else 0
    return total - starting, starting
