"""Replays recorded decisions of real routers: proxies, Ray's power of two, production-stack, sglang-router, vLLM.

Each function takes a recording and `make_router(router, workers, **settings)`, and returns how many of its decisions
agree, and how many there are: where one worker is allowed, it must be the only one; where several are, exactly those.
"""

from collections.abc import Container
from typing import Any

from batching import Router

from router_support import MakeRouter, Recording, number


def set_up(router: Router, workers: int, up: Container[int], time: float = 0.0) -> None:
    """Has just these workers up."""
    for worker in range(workers):
        router.set_worker(worker, up=worker in up, time=time)


def proxy(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """NGINX's and HAProxy's rules."""
    settings: dict[str, Any] = {"router": "round_robin", "round_robin_rule": "smooth"}
    if recording["rule"] == "least_conn":
        settings = {"router": "least_requests", "ties": recording["router"]}
    router = make_router(workers=len(recording["weights"]), weights=recording["weights"], **settings)
    agree = total = 0
    for operation in recording["ops"]:
        request = number(operation["id"])
        if operation["op"] == "end":
            router.finished(request)
            continue
        allowed, _ = router.explain(request)
        total += 1
        agree += allowed == [operation["worker"]] == [router.route(request)]
    return agree, total


def ray_pow2(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """The pair is given: all others are taken down for the decision."""
    workers = recording["num_workers"]
    router = make_router(router="power_of_two", workers=workers)
    load: list[int] = [0] * workers
    where: dict[int, int] = {}
    agree = total = 0
    for operation in recording["ops"]:
        request = number(operation["id"])
        if operation["op"] == "finish":
            load[where.pop(request)] -= 1
            router.finished(request)
            continue
        worker, pair = operation["worker"], operation["pair"]
        everywhere, _ = router.explain(request)
        set_up(router, workers, pair)
        allowed, score = router.explain(request)
        set_up(router, workers, range(workers))
        is_tie = load[pair[0]] == load[pair[1]]
        total += 1
        agree += (
            worker in everywhere
            and allowed == (sorted(pair) if is_tie else [worker])
            and (not is_tie or worker == pair[0])
            and score == load
        )
        router.book(request, worker)
        load[worker] += 1
        where[request] = worker
    return agree, total


def production_stack(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """A counter for each set of workers, and sessions."""
    settings: dict[str, Any] = {"router": "round_robin", "round_robin_rule": "sets"}
    if recording["policy"].endswith("session"):
        settings = {"router": "session", "stats_window": recording["stats_window_s"]}
    workers = recording["num_workers"]
    router = make_router(workers=workers, names=recording["urls"], **settings)
    agree = total = 0
    for operation in recording["ops"]:
        request, time = number(operation["id"]), operation["t"]
        set_up(router, workers, operation["up"], time)
        question: dict[str, Any] = {"time": time, "session": operation.get("session")}
        allowed, _ = router.explain(request, **question)
        total += 1
        agree += allowed == [operation["worker"]] == [router.route(request, **question)]
    return agree, total


production_stack_roundrobin = production_stack_session = production_stack


def round_robin(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """Workers are numbered in the order of the recorded router."""
    order = recording["order"]
    router = make_router(router="round_robin", workers=len(order))
    agree = 0
    for request, worker in enumerate(recording["workers"]):
        allowed, _ = router.explain(request)
        agree += [order[place] for place in allowed] == [worker] == [order[router.route(request)]]
    return agree, len(recording["workers"])


def bucket(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """The prompts are of as many characters as the recorded ones."""
    order = recording["order"]
    options = dict(zip(recording["args"][::2], recording["args"][1::2], strict=True))
    absolute = options.get("--balance-abs-threshold", 64)
    relative = options.get("--balance-rel-threshold", 1.5)
    settings = {"balance_abs_threshold": absolute, "balance_rel_threshold": relative}
    router = make_router(router="bucket", workers=len(order), **settings)
    sent = dict.fromkeys(order, 0)
    agree = total = 0
    for operation in recording["ops"]:
        request = number(operation["id"])
        if operation["op"] == "finish":
            router.finished(request)
            continue
        worker, text = operation["worker"], "é" * operation["chars"]
        allowed, score = router.explain(request, text=text)
        low, high = min(sent.values()), max(sent.values())
        is_out_of_balance = high - low > absolute and high > relative * low
        least = [place for place, name in enumerate(order) if sent[name] == low]
        total += 1
        agree += (
            worker in [order[place] for place in allowed]
            and allowed == (least if is_out_of_balance else [0])
            and score == [sent[name] for name in order]
        )
        router.book(request, order.index(worker), text=text)
        sent[worker] += operation["chars"]
    return agree, total


def vllm_dplb(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """Requests that name an engine are booked."""
    router = make_router(
        router="vllm_dp",
        workers=recording["num_engines"],
        client_count=recording["client_count"],
        client_index=recording["client_index"],
        vllm_dp_rule="until_0_26" if recording["vllm"] == "0.11.0" else "from_0_27",
    )
    agree = total = 0
    in_flight: set[int] = set()
    for operation in recording["ops"]:
        if operation["op"] == "stats":
            counts = [row + [0.0] * (3 - len(row)) for row in operation["counts"]]
            columns = ("waiting", "running", "kv_usage")
            router.observe(**{name: [row[place] for row in counts] for place, name in enumerate(columns)})
        elif operation["op"] == "finish":
            for request in map(number, operation["ids"]):
                if request in in_flight:
                    router.finished(request)
                    in_flight.discard(request)
        else:
            request, engine = number(operation["id"]), operation["engine"]
            in_flight.add(request)
            total += 1
            if operation.get("data_parallel_rank") is not None:
                router.book(request, operation["data_parallel_rank"])
                agree += operation["data_parallel_rank"] == engine
                continue
            allowed, _ = router.explain(request)
            agree += allowed == [engine] == [router.route(request)]
    return agree, total
