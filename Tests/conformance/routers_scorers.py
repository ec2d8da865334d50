"""Replays recordings of llm-d's endpoint picker through a router, one decision after the other.

`make_router(router, workers, **settings)` gives a `batching.Router`, or what behaves as one.
"""

from typing import Any

from router_support import MakeRouter, Recording

SCORERS = {
    "queue": "queue",
    "running": "running",
    "kv": "kv_usage",
    "load-aware": "load_aware",
    "active": "active",
    "token-load": "token_load",
    "prefix": "prefix",
}
COLUMNS = {
    "waiting": "waiting",
    "running": "running",
    "kv_usage": "kv_usage",
    "inflight_requests": "in_flight_requests",
    "inflight_tokens": "in_flight_tokens",
}


def is_close(one: float, other: float) -> bool:
    """Whether two values are the same but for rounding."""
    return abs(one - other) <= 1e-6 * max(1.0, abs(other))


def settings_of(recording: Recording, scorers: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings of a router with some of the scorers of a recording."""
    return {
        "scorer": [SCORERS[scorer["type"]] for scorer in scorers],
        "scorer_weight": [scorer["weight"] for scorer in scorers],
        "scorer_threshold": [scorer.get("threshold", scorer.get("idle_threshold", 0)) for scorer in scorers],
        "scorer_max_busy": [scorer.get("max_busy_score", 1) for scorer in scorers],
        "block_size": recording["block_size_tokens"],
        "max_prefix_blocks": recording["max_prefix_blocks"],
        "lru_blocks_per_worker": recording["lru_blocks_per_worker"],
    }


def llm_d_epp(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """How many decisions and values agree, and of how many.

    A decision: the recorded worker has the highest total of the recorded scores, and the router allows all that have it
    and no other. Values: the totals; each score, from a router with that scorer alone; blocks of the prompt that match.
    """
    workers, scorers = recording["num_workers"], recording["scorers"]
    router = make_router("scorers", workers, **settings_of(recording, scorers))
    single = [
        make_router("scorers", workers, **settings_of(recording, [{**scorer, "weight": 1}])) for scorer in scorers
    ]
    agree = total = 0
    for number, operation in enumerate(recording["ops"]):
        columns = {name: [metrics[field] for metrics in operation["metrics"]] for field, name in COLUMNS.items()}
        for each in (router, *single):
            each.observe(**columns)
        allowed, scores = router.explain(number, text=operation["text"])
        totals = [0.0] * workers
        for scorer, row in zip(scorers, operation["scores"], strict=True):
            for worker, score in enumerate(row):
                totals[worker] += min(1.0, max(0.0, score)) * scorer["weight"]
        best = [worker for worker in range(workers) if is_close(totals[worker], max(totals))]
        total += 1
        agree += operation["worker"] in allowed and allowed == best
        total += workers
        agree += sum(map(is_close, scores, totals))
        for scorer, own, row in zip(scorers, single, operation["scores"], strict=True):
            got = own.explain(number, text=operation["text"])[1]
            total += workers
            agree += sum(is_close(score, min(1.0, max(0.0, real))) for score, real in zip(got, row, strict=True))
            if scorer["type"] == "prefix":
                total += workers
                blocks = [round(share * operation["total_blocks"]) for share in got]
                agree += sum(one == other for one, other in zip(blocks, operation["match_blocks"], strict=True))
        for each in (router, *single):
            each.book(number, operation["worker"], text=operation["text"])
    return agree, total
