"""What vLLM's `bench serve` tells about requests, from the arrays of its --save-detailed, one request at a time."""

import math
from typing import Any

import numpy as np


def sampled(detail: dict[str, Any]) -> dict[str, list[float]]:
    """The sample of each metric, in seconds, of the requests without an error."""
    samples: dict[str, list[float]] = {"ttft": [], "tpot": [], "itl": [], "e2el": []}
    for index, error in enumerate(detail["errors"]):
        if error:
            continue
        ttft, latency, length = detail["ttfts"][index], detail["latencies"][index], detail["output_lens"][index]
        samples["ttft"].append(ttft)
        samples["e2el"].append(latency)
        samples["itl"] += detail["itls"][index]
        if length > 1:
            samples["tpot"].append((latency - ttft) / (length - 1))
    return samples


def most_per_second(detail: dict[str, Any], *, rounding: bool = False) -> tuple[int, int]:
    """The most chunks in a second from the first start, and the most requests in one, each counted in every second
    that it touches. In whole nanoseconds, so that no sum of gaps is rounded to the wrong side of a second; or with that
    rounding, as vLLM does it.
    """
    second = 1.0 if rounding else 10**9

    def whole(seconds: float) -> float:
        return seconds if rounding else round(seconds * 1e9)

    good = [index for index, error in enumerate(detail["errors"]) if not error]
    if not good:
        return 0, 0
    origin = min(whole(detail["start_times"][index]) for index in good)
    chunks: dict[int, int] = {}
    active: dict[int, int] = {}
    for index in good:
        start = whole(detail["start_times"][index]) - origin
        moment = start + whole(detail["ttfts"][index])
        moments = [moment]
        for gap in detail["itls"][index]:
            moment += whole(gap)
            moments.append(moment)
        for moment in moments:
            bucket = int(moment // second)
            chunks[bucket] = chunks.get(bucket, 0) + 1
        end = start + whole(detail["latencies"][index])
        for bucket in range(int(start // second), int(end // second) + 1):
            active[bucket] = active.get(bucket, 0) + 1
    return max(chunks.values()), max(active.values())


def statistics(metric: str, seconds: list[float], percentiles: list[float]) -> dict[str, float]:
    """The fields of one metric, from NumPy as in vLLM."""
    values = 1e3 * np.array(seconds or [0.0])
    fields = {
        f"mean_{metric}_ms": float(values.mean()),
        f"median_{metric}_ms": float(np.median(values)),
        f"std_{metric}_ms": float(values.std()),
    }
    for share in percentiles:
        word = str(int(share)) if share == math.floor(share) else str(share)
        fields[f"p{word}_{metric}_ms"] = float(np.percentile(values, share))
    return fields
