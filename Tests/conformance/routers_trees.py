"""Replays recorded decisions of routers that keep a tree of prompts: cache_aware, prefix_trie, ray_prefix.

Each function returns how many decisions and values agree, and how many there are.
"""

import math

from router_support import MakeRouter, Recording, number


def cache_aware(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """sglang-router, vllm-router and smg, whose clocks evict nothing here."""
    options = dict(zip(recording["args"][::2], recording["args"][1::2], strict=True))
    # The order of the workers breaks ties: they are numbered by it.
    order = recording.get("order", range(recording["num_workers"]))
    place = {worker: number for number, worker in enumerate(order)}
    router = make_router(
        "cache_aware",
        recording["num_workers"],
        cache_aware_rule=recording["router"],
        cache_threshold=options.get("--cache-threshold"),
        balance_abs_threshold=options.get("--balance-abs-threshold"),
        balance_rel_threshold=options.get("--balance-rel-threshold"),
        eviction_interval=math.inf,
    )
    agree = total = 0
    for operation in recording["ops"]:
        if operation["op"] == "finish":
            router.finished(number(operation["id"]))
        elif operation["op"] == "evict":
            router.evict(operation["max_size"])
        else:
            request, worker = number(operation["id"]), place[operation["worker"]]
            allowed, _ = router.explain(request, text=operation["text"])
            total += 1
            agree += worker in allowed
            if len(allowed) == 1:
                total += 1
                agree += router.route(request, text=operation["text"]) == worker
            else:
                router.book(request, worker, text=operation["text"])
    return agree, total


def production_stack_prefixaware(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """Which worker, and which workers match by how much."""
    workers = recording["num_workers"]
    router = make_router(
        "prefix_trie",
        workers,
        prefix_min_match_length=recording["prefix_min_match_length"],
        stats_window=recording["stats_window_s"],
    )
    up = set(range(workers))
    agree = total = 0
    for operation in recording["ops"]:
        for worker in up ^ set(operation["up"]):
            router.set_worker(worker, up=worker in operation["up"], time=operation["t"])
        up = set(operation["up"])
        request = number(operation["id"])
        prompt = {"text": operation["text"], "time": operation["t"]}
        allowed, score = router.explain(request, **prompt)
        total += 1
        agree += operation["worker"] in allowed
        if operation["match_length"] >= recording["prefix_min_match_length"]:
            total += 2
            agree += allowed == sorted(operation["matched"])
            agree += all(score[worker] == operation["match_length"] for worker in allowed)
        else:
            total += 1
            agree += allowed == [operation["worker"]]
        router.book(request, operation["worker"], **prompt)
    return agree, total


def ray_prefix_aware(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """Which worker, and which candidates there are."""
    threshold = recording["imbalanced_threshold"]
    router = make_router(
        "ray_prefix",
        recording["num_workers"],
        imbalanced_threshold=threshold,
        match_rate_threshold=recording["match_rate_threshold"],
    )
    agree = total = 0
    for operation in recording["ops"]:
        request = number(operation["id"])
        if operation["op"] == "finish":
            router.finished(request)
            continue
        allowed, score = router.explain(request, text=operation["text"])
        total += 2
        agree += operation["worker"] in allowed
        if operation["candidates"]:
            # Those whose queues are compared.
            agree += [worker for worker, queue in enumerate(score) if not math.isnan(queue)] == operation["candidates"]
            total += 1
            agree += router.route(request, text=operation["text"]) == operation["worker"]
        else:
            agree += all(worker in allowed or score[worker] == max(score) for worker in range(len(score)))
            router.book(request, operation["worker"], text=operation["text"])
    return agree, total
