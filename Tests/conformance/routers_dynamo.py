"""Replays the recorded decisions of NVIDIA Dynamo's KV router.

Each function takes a recording and make_router(router, workers, **settings), and returns how many of its decisions and
values agree, and how many there are. Where the real rule drew among equals, the recorded worker is booked, so that what
follows is compared with the same state.
"""

import math
from collections.abc import Iterable
from typing import Any

from router_support import MakeRouter, Recording, number

# The router's options, by the names that they have in a recording.
SETTINGS = {
    "overlap_score_credit": "overlap_score_credit",
    "overlap_score_credit_decay": "overlap_score_credit_decay",
    "prefill_load_scale": "prefill_load_scale",
    "decode_active_request_weight": "decode_active_request_weight",
    "router_temperature": "temperature",
}
SWITCHES = ("use_kv_events", "track_prefill_tokens", "assume_kv_reuse")


def settings_of(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a router, from the options of a recording."""
    settings = {name: options[option] for option, name in SETTINGS.items() if option in options}
    settings |= {option: options[option] for option in SWITCHES if option in options}
    # The old name scales the prefill term; 0 drops the credit, too.
    if options.get("overlap_score_weight") is not None:
        settings["prefill_load_scale"] = options["overlap_score_weight"]
        if options["overlap_score_weight"] == 0:
            settings["overlap_score_credit"] = 0
    return settings


class Chains:
    """Hash ids of blocks: one for each block after the same blocks before it."""

    def __init__(self) -> None:
        self.ids: dict[tuple[Any, ...], int] = {}

    def of(self, blocks: Iterable[Any]) -> list[int]:
        """Of the blocks of a prompt, from its first."""
        found = []
        chain: tuple[Any, ...] = ()
        for block in blocks:
            chain += (block,)
            found.append(self.ids.setdefault(chain, len(self.ids) + 1))
        return found


class Count:
    """How many agree, of how many."""

    def __init__(self) -> None:
        self.agree = 0
        self.total = 0

    def add(self, agrees: bool) -> None:  # noqa: FBT001
        """Counts one."""
        self.agree += agrees
        self.total += 1


def close(value: float, other: float) -> bool:
    """Equal but for how they were added up."""
    return math.isclose(value, other, rel_tol=1e-6, abs_tol=1e-6)


def cost(seen: dict[str, list[float]], worker: int, length: int, size: int, options: dict[str, Any]) -> float:
    """What a worker costs by the recorded values: specs/routing.md, section 1."""
    credit = options.get("overlap_score_credit", 1.0)
    scale = options.get("prefill_load_scale", 1.0)
    if options.get("overlap_score_weight") is not None:
        scale = options["overlap_score_weight"]
        credit = credit if scale else 0.0
    prefill = seen["active_prefill_tokens"]
    overlap = seen["overlap_blocks"][worker]
    blocks = seen["potential_decode_blocks"][worker]
    requests = options.get("decode_active_request_weight", 0.0) * seen["active_requests"][worker]
    if not options.get("track_prefill_tokens", True):
        return float(max(0.0, blocks - credit * overlap) + requests)
    excess = (prefill[worker] - min(prefill)) / size
    credit /= 1 + options.get("overlap_score_credit_decay", 0.0) * excess / max(1, math.ceil(length / size))
    raw = (seen["potential_prefill_tokens"][worker] + overlap * size) / size
    return float(scale * max(0.0, raw - credit * overlap) + blocks + requests)


def dynamo_kv(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """Decisions, the cost of the worker that was chosen, and what was seen of all workers."""
    size = recording["block_size"]
    options = recording["router"]
    workers = recording["num_workers"]
    router = make_router("dynamo_kv", workers, block_size=size, **settings_of(options))
    chains = Chains()
    count = Count()
    for operation in recording["ops"]:
        kind = operation["op"]
        if kind == "stored":
            router.stored(operation["worker"], chains.of(operation["chain"]), first=operation["from"])
        elif kind == "removed":
            router.removed(operation["worker"], [chains.of(chain)[-1] for chain in operation["chains"]])
        elif kind == "prefill_complete":
            router.first_token(number(operation["id"]))
        elif kind == "output_block":
            router.output_block(number(operation["id"]), operation["decay"])
        elif kind == "free":
            router.finished(number(operation["id"]))
        else:
            length = len(operation["blocks"]) * size + operation["tail"]
            request = {"prompt_length": length, "hash_ids": chains.of(operation["blocks"])}
            allowed, scores = router.explain(number(operation["id"]), **request)
            requests, prefill_tokens, _ = router.load()
            seen = operation["seen"]
            count.add(operation["worker"] in allowed)
            count.add(close(scores[operation["worker"]], operation["cost"]))
            for worker in range(workers):
                count.add(close(scores[worker], cost(seen, worker, length, size, options)))
                count.add(requests[worker] == seen["active_requests"][worker])
                count.add(prefill_tokens[worker] == seen["active_prefill_tokens"][worker])
            router.book(number(operation["id"]), operation["worker"], **request)
            # What was booked tells the overlap.
            after = router.load()[1][operation["worker"]] - prefill_tokens[operation["worker"]]
            tracks = options.get("track_prefill_tokens", True)
            count.add(after == (length - seen["overlap_blocks"][operation["worker"]] * size if tracks else 0))
    return count.agree, count.total


def dynamo_queue(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """Decisions, which requests are released, how many wait, and prefill tokens.

    A router chooses among equals when it releases a request, and cannot be told which: some seed draws what was
    recorded.
    """
    best = (0, 1)
    for seed in range(32):
        best = max(best, queue_with(recording, make_router, seed))
        if best[0] == best[1]:
            break
    return best


def queue_with(recording: Recording, make_router: MakeRouter, seed: int) -> tuple[int, int]:
    """The same with one seed."""
    size = recording["block_size"]
    router = make_router(
        "dynamo_kv",
        recording["num_workers"],
        seed=seed,
        block_size=size,
        queue_threshold=recording["router_queue_threshold"],
        max_num_batched_tokens=recording["max_num_batched_tokens"],
        waiting_order=recording["router_queue_policy"],
    )
    chains = Chains()
    count = Count()
    for step, operation in enumerate(recording["ops"]):
        kind = operation["op"]
        if kind == "stored":
            router.stored(operation["worker"], chains.of(operation["chain"]), first=operation["from"])
            continue
        request = number(operation["id"])
        # The recording's clock moves by so much with each of its operations.
        time = step * 0.013
        got = []
        if kind == "arrive":
            asked = {
                "time": time,
                "prompt_length": len(operation["blocks"]) * size + operation["tail"],
                "hash_ids": chains.of(operation["blocks"]),
                "priority_jump": operation.get("priority_jump", 0),
            }
            allowed, _ = router.explain(request, **asked)
            real = operation["released"][0][1] if operation["released"] else None
            if real is None or real not in allowed:
                count.add(real is None and not allowed)
                worker = router.route(request, **asked)
                got += [] if worker is None else [(request, worker)]
            else:
                count.add(real in allowed)
                router.book(request, real, **asked)
                got.append((request, real))
        elif kind == "prefill_complete":
            router.first_token(request, time)
        else:
            router.finished(request, time)
        while (released := router.release()) is not None:
            got.append((released.request, released.worker))
        count.add(got == [(number(name), worker) for name, worker, *_ in operation["released"]])
        count.add(router.load()[2] == operation["pending_after"])
        count.add(list(router.load()[1]) == operation["active_prefill_tokens_after"])
    return count.agree, count.total


def dynamo_kv_temperature(recording: Recording, make_router: MakeRouter) -> tuple[int, int]:
    """The shares of the workers: the real ones by the costs, and ours of as many decisions."""
    size = recording["block_size"]
    length = recording["isl_tokens"]
    workers = len(recording["counts"])
    temperature = recording["router_temperature"]
    router = make_router("dynamo_kv", workers, block_size=size, temperature=temperature, seed=7)
    own = [blocks - length // size for blocks in recording["potential_decode_blocks"]]
    block = 0
    for worker, blocks in enumerate(own):
        hash_ids = list(range(block + 1, block + blocks + 1))
        block += blocks
        router.book(1000 + worker, worker, prompt_length=blocks * size, hash_ids=hash_ids)
        router.first_token(1000 + worker)
    request = {"prompt_length": length, "hash_ids": list(range(10_000, 10_000 + length // size))}
    allowed, scores = router.explain(1, **request)
    count = Count()
    for score, prefill, blocks in zip(
        scores, recording["active_prefill_tokens"], recording["potential_decode_blocks"], strict=True
    ):
        count.add(close(score, (prefill + length) / size + blocks))
    least, most = min(scores), max(scores)
    shares = [
        math.exp(-(score - least) / ((most - least) * temperature)) if temperature else float(score == least)
        for score in scores
    ]
    counts = [0] * workers
    for _ in range(recording["selections"]):
        worker_of = router.route(1, **request)
        counts[-1 if worker_of is None else worker_of] += 1
        router.finished(1)
    for worker, share in enumerate(shares):
        expected = share / sum(shares)
        deviation = 4 * math.sqrt(recording["selections"] * expected * (1 - expected)) + 1
        for number_of in (recording["counts"], counts):
            count.add(abs(number_of[worker] - expected * recording["selections"]) <= deviation)
        count.add(counts[worker] == 0 or worker in allowed)
    return count.agree, count.total
