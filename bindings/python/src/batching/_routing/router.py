"""Routers: which worker gets a request, as a real router decides."""

import ctypes
import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, NoReturn, Self, Unpack

import numpy as np
import numpy.typing as npt

from batching._ffi.arguments import float64_column, hash_column, int64_column, integer, number, number_of, shown, word
from batching._ffi.calls import check, initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, constants, structs
from batching._ffi.handles import Handle
from batching._ffi.loader import library
from batching._ffi.signals import interruptible
from batching._routing.question import RoutingQuestion
from batching._routing.settings import (
    NAMES,
    RouterName,
    RouterSettings,
    set_settings,
    set_workers,
    takes_router_settings,
)


class Explanation(NamedTuple):
    """What a router thinks of a request: see Router.explain."""

    allowed: list[int]
    """The workers that it could go to, in order. Empty: it would wait, or no worker is up."""
    score: list[float]
    """What the rule compares, for each worker; NaN where it looks at none."""


class RouterLoad(NamedTuple):
    """What is in flight, as a router counts it."""

    requests: list[int]
    """Requests at each worker."""
    prefill_tokens: list[int]
    """Prompt tokens at each worker of requests without a first token, less what was cached."""
    waiting: int
    """Requests that wait in its queue."""


class Released(NamedTuple):
    """A request that waited and has been routed."""

    request: int
    """Its id."""
    worker: int
    """Where it goes."""


_METRICS: Final = ("waiting", "running", "kv_usage", "in_flight_requests", "in_flight_tokens")


def routers() -> list[str]:
    """The names of the routers that there are.

    >>> routers()[:3]
    ['round_robin', 'random', 'power_of_two']
    """
    return list(choices.ROUTER_NAMES)


class Router(Handle):
    """Decides which worker gets a request as a real router does: by its rule, from what it is told.

    It talks to no network and has no clock: `route` decides, and is told of everything else. Where a rule leaves
    several workers, it takes the first or a random one, as the real router does; random draws are seeded.

    A setting that is None has the default of the real router. Each belongs to the routers that are named; the others do
    not look at it.

    Args:
        router: its rule: one of `routers()`.
        workers: how many workers there are, numbered from 0; all are up.
        names: session, round_robin (sets): what each is called. None: "worker-0", "worker-1" and so on.
        weights: least_requests, round_robin (smooth): how much each takes; None: all 1.
        ties: least_requests: which of equals it takes: "first", "random", "nginx" or "haproxy".
        seed: of random draws.
        block_size: tokens of a block of hash_ids. None: 16.
        stats_window: session, prefix_trie: seconds over which requests a second are counted. None: 60.
        round_robin_rule: "counter", "sets" (a counter for each set of workers that are up) or "smooth" (NGINX).
        vllm_dp_rule: "from_0_27" or "until_0_26": of which vLLM.
        cache_aware_rule: "sglang", "vllm" or "smg": of which gateway.
        client_count: vllm_dp: API-server processes. None: 1.
        client_index: vllm_dp: which of them it is, from 0.
        use_kv_events: dynamo_kv: whether KV events tell what workers hold. False: what was routed to them.
        track_prefill_tokens: dynamo_kv: whether prefill tokens count.
        assume_kv_reuse: dynamo_kv: whether requests share blocks.
        overlap_score_credit: dynamo_kv: credit for a block that is cached. None: 1.0.
        overlap_score_credit_decay: dynamo_kv: by how much the credit falls with the backlog.
        prefill_load_scale: dynamo_kv: what a block to prefill costs. None: 1.0.
        decode_active_request_weight: dynamo_kv: what a request in flight costs.
        temperature: dynamo_kv: of the softmax over the costs. 0: the least cost.
        queue_threshold: dynamo_kv: a worker with more than this x max_num_batched_tokens prefill tokens is busy, and
            requests wait while all are. None: none waits.
        max_num_batched_tokens: dynamo_kv: of each worker. None: 8192.
        waiting_order: dynamo_kv: which waiting request is next: "fcfs", "lcfs" or "wspt".
        index_ttl: dynamo_kv without KV events: seconds until a block that was routed is forgotten. None: 120.
        cache_threshold: cache_aware: a match is more than this share of a prompt. None: 0.3.
        balance_abs_threshold: cache_aware, bucket: loads that differ by more are out of balance. None: 64.
        balance_rel_threshold: cache_aware, bucket: if they differ by more than this factor, too. None: 1.5.
        eviction_interval: cache_aware: seconds between evictions. None: 60; math.inf: only `evict` evicts.
        max_tree_size: cache_aware: what eviction leaves of each worker. None: 67,108,864.
        match_rate_threshold: ray_prefix: a match is at least this share of a prompt. None: 0.1.
        imbalanced_threshold: ray_prefix: queues that differ by more are out of balance. None: never.
        chunk_size: prefix_trie, aibrix_prefix: characters of a chunk. None: 128, or 4.
        prefix_min_match_length: prefix_trie: characters (or hash ids) that must match.
        aibrix_imbalance: aibrix_prefix: requests in flight that differ by more are out of balance. None: 8.
        scorer: scorers: which scores are added: "queue", "running", "kv_usage", "load_aware", "active", "token_load",
            "prefix", "precise_prefix". None: prefix, queue and kv_usage, by 3, 2 and 2.
        scorer_weight: scorers: by how much each counts. None: all by 1.
        scorer_threshold: scorers: of each: of load_aware (0: 128), token_load (0: 4,194,304) and active.
        scorer_max_busy: scorers: of each: of active: the score of the least busy. None: 1.
        max_prefix_blocks: scorers: blocks of a prompt that are looked up. None: 256.
        lru_blocks_per_worker: scorers: blocks that its index keeps of each worker. None: 31,250.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range.
        MemoryError: there is no memory.

    One thread at a time may use it: another gets a BatchingBusyError.

    >>> router = Router("least_requests", workers=2)
    >>> router.route(7), router.route(8), router.route(9)
    (0, 1, 0)
    >>> router.finished(8)
    >>> router.route(10)
    1
    """

    @takes_router_settings
    def __init__(
        self,
        router: RouterName = "dynamo_kv",
        workers: int = 1,
        *,
        names: Sequence[str] | None = None,
        weights: npt.ArrayLike | None = None,
        **settings: Unpack[RouterSettings],
    ) -> None:
        config = initialised(structs.batching_router_config)
        config.router = word(router, "router", choices.ROUTER_NAMES)
        config.workers = integer(workers, "workers")
        # The struct points to them.
        columns = [*set_workers(config, names, weights), *set_settings(config, settings)]
        handle = self._owned(library.batching_router_destroy)
        check(library.batching_router_create(ctypes.byref(config), ctypes.byref(handle)), NAMES)
        del columns
        self._name = router
        self._workers: int = config.workers
        self._questions: list[RoutingQuestion] = []
        self._handle = handle

    @property
    def router(self) -> str:
        """The name of its rule."""
        return self._name

    @property
    def workers(self) -> int:
        """How many workers there are."""
        return self._workers

    def route(
        self,
        request: int,
        *,
        time: float = 0.0,
        prompt_length: int = 0,
        output_length: int = 0,
        hash_ids: npt.ArrayLike | None = None,
        text: str | None = None,
        session: str | None = None,
        priority_jump: float = 0.0,
        strict_priority: int = 0,
    ) -> int | None:
        """Decide which worker gets a request, and count it there until `finished`.

        Args:
            request: what you call it: any integer that is not in flight.
            time: seconds, of any clock that does not go back.
            prompt_length: tokens.
            output_length: tokens that are expected; 0: unknown.
            hash_ids: the chained hashes of its blocks, 64 bits each: for routers that compare prompts. An array of
                int64 or uint64 is not copied.
            text: the prompt, for routers that compare characters.
            session: session, vtc: the name of its session or user.
            priority_jump: dynamo_kv with a queue: seconds by which it goes ahead.
            strict_priority: dynamo_kv with a queue: larger goes before all smaller.

        Returns: the number of the worker. None: it waits, and `release` will tell.

        Raises:
            ValueError: its id is in flight, no worker is up, or a value is out of its range.

        Time: some microseconds; O(workers), and O(elements of the prompt) for those that compare prompts.
        """
        question = self._questions.pop() if self._questions else RoutingQuestion()
        try:
            is_long = question.ask(
                request,
                time,
                prompt_length,
                output_length,
                hash_ids=hash_ids,
                text=text,
                session=session,
                priority_jump=priority_jump,
                strict_priority=strict_priority,
            )
            arguments = (self._handle, question.reference, question.worker_reference)
            call = library.batching_router_route
            check(interruptible(call, *arguments) if is_long else call(*arguments))
            worker = question.worker.value
        finally:
            question.forget()
            self._questions.append(question)
        return None if worker == constants.BATCHING_WORKER_NONE else worker

    def explain(
        self,
        request: int,
        *,
        time: float = 0.0,
        prompt_length: int = 0,
        output_length: int = 0,
        hash_ids: npt.ArrayLike | None = None,
        text: str | None = None,
        session: str | None = None,
        priority_jump: float = 0.0,
        strict_priority: int = 0,
    ) -> Explanation:
        """Tell which workers the rule allows, and how it scores each; nothing changes. The arguments are those of
        `route`; the id may be in flight.
        """
        allowed, score = np.empty(self._workers, np.int32), np.empty(self._workers, np.float64)
        question = RoutingQuestion()
        question.ask(
            request,
            time,
            prompt_length,
            output_length,
            hash_ids=hash_ids,
            text=text,
            session=session,
            priority_jump=priority_jump,
            strict_priority=strict_priority,
        )
        check(
            interruptible(
                library.batching_router_explain, self._handle, question.reference, pointer(allowed), pointer(score)
            )
        )
        return Explanation(np.flatnonzero(allowed).tolist(), score.tolist())

    def book(
        self,
        request: int,
        worker: int,
        *,
        time: float = 0.0,
        prompt_length: int = 0,
        output_length: int = 0,
        hash_ids: npt.ArrayLike | None = None,
        text: str | None = None,
        session: str | None = None,
        priority_jump: float = 0.0,
        strict_priority: int = 0,
    ) -> None:
        """Count a request at a worker that you have chosen, as if it had been routed there; the worker must be up. The
        other arguments are those of `route`.
        """
        question = RoutingQuestion()
        question.ask(
            request,
            time,
            prompt_length,
            output_length,
            hash_ids=hash_ids,
            text=text,
            session=session,
            priority_jump=priority_jump,
            strict_priority=strict_priority,
        )
        check(interruptible(library.batching_router_book, self._handle, question.reference, integer(worker, "worker")))

    def first_token(self, request: int, time: float = 0.0) -> None:
        """A request has its first token: its prefill is complete."""
        check(library.batching_router_first_token(self._handle, integer(request, "request"), number(time, "time")))

    def output_block(self, request: int, weight: float | None = None) -> None:
        """A request has begun another block of output (dynamo_kv).

        Args:
            request: its id.
            weight: by which its output, and what of its prompt no other request has, counts from now on, in [0, 1].
                None: as before.
        """
        value = math.nan if weight is None else number(weight, "weight")
        check(library.batching_router_output_block(self._handle, integer(request, "request"), value))

    def finished(self, request: int, time: float = 0.0) -> None:
        """A request is not in flight any more: it has its last token, has failed, was aborted, or waits no more."""
        check(library.batching_router_finished(self._handle, integer(request, "request"), number(time, "time")))

    def set_worker(self, worker: int, *, up: bool, time: float = 0.0) -> None:
        """A worker is up or down. One that is down gets no requests; those it has stay counted until they finish."""
        if not isinstance(up, bool):
            raise TypeError(f"up is {shown(up)}: must be True or False")
        check(
            library.batching_router_set_worker(self._handle, integer(worker, "worker"), int(up), number(time, "time"))
        )

    def observe(
        self,
        *,
        waiting: npt.ArrayLike | None = None,
        running: npt.ArrayLike | None = None,
        kv_usage: npt.ArrayLike | None = None,
        in_flight_requests: npt.ArrayLike | None = None,
        in_flight_tokens: npt.ArrayLike | None = None,
    ) -> None:
        """Take in what workers tell of themselves, or what was scraped: a value for each worker. What is None stays as
        it was told before.

        Args:
            waiting: requests that wait.
            running: requests that run.
            kv_usage: the share of KV blocks in use, in [0, 1].
            in_flight_requests: scorers: instead of the router's own count, until the next.
            in_flight_tokens: scorers: the same of tokens.
        """
        given = dict(zip(_METRICS, (waiting, running, kv_usage, in_flight_requests, in_flight_tokens), strict=True))
        metrics = initialised(structs.batching_worker_metrics)
        metrics.count = self._workers
        columns = []
        for name, values in given.items():
            if values is None:
                continue
            column = float64_column(values, name) if name == "kv_usage" else int64_column(values, name)
            if len(column) != self._workers:
                raise BatchingValueError(
                    f"{name} has {number_of(len(column), 'element')}: must have as many as there are workers, "
                    f"{self._workers}"
                )
            columns.append(column)
            setattr(metrics, name, pointer(column))
        check(library.batching_router_observe(self._handle, ctypes.byref(metrics)))
        del columns

    def stored(self, worker: int, hash_ids: npt.ArrayLike, first: int = 0) -> None:
        """A worker has stored blocks in its prefix cache (KV events).

        Args:
            worker: its number.
            hash_ids: the chained hashes of a prompt's blocks, from its beginning.
            first: hash_ids[first:] were stored; what comes before them says where they belong.
        """
        column = hash_column(hash_ids, "hash_ids")
        index = integer(first, "first")
        if index > len(column):
            raise BatchingValueError(f"first is {index}: must be at most {len(column)}, the number of hash_ids")
        self._change_index(library.batching_router_stored, worker, column, index)

    def removed(self, worker: int, hash_ids: npt.ArrayLike) -> None:
        """A worker has removed blocks from its prefix cache."""
        self._change_index(library.batching_router_removed, worker, hash_column(hash_ids, "hash_ids"))

    def _change_index(self, function: Any, worker: int, column: npt.NDArray[np.uint64], *first: int) -> None:
        check(interruptible(function, self._handle, integer(worker, "worker"), pointer(column), len(column), *first))

    def evict(self, max_tree_size: int) -> None:
        """Evict until each worker has at most so many elements in the tree (cache_aware)."""
        check(interruptible(library.batching_router_evict, self._handle, integer(max_tree_size, "max_tree_size")))

    def release(self) -> Released | None:
        """A request that waited has been routed. Call it after `first_token`, `finished`, `stored` and `set_worker`,
        until it returns None.
        """
        request, worker = ctypes.c_int64(), ctypes.c_int64()
        check(library.batching_router_release(self._handle, ctypes.byref(request), ctypes.byref(worker)))
        return None if worker.value == constants.BATCHING_WORKER_NONE else Released(request.value, worker.value)

    def load(self) -> RouterLoad:
        """What is in flight at each worker."""
        requests, tokens = np.empty(self._workers, np.int64), np.empty(self._workers, np.int64)
        waiting = ctypes.c_int64()
        check(library.batching_router_load(self._handle, pointer(requests), pointer(tokens), ctypes.byref(waiting)))
        return RouterLoad(requests.tolist(), tokens.tolist(), waiting.value)

    def fork(self) -> Self:
        """An independent copy, for a what-if: it decides as this router does if both are told the same from now on.

        Time: a copy of all that it keeps, at the speed of memory.
        """
        copy = type(self).__new__(type(self))
        handle = copy._owned(library.batching_router_destroy)
        check(interruptible(library.batching_router_fork, self._handle, ctypes.byref(handle)))
        copy._name, copy._workers, copy._questions = self._name, self._workers, []
        copy._handle = handle
        return copy

    def __copy__(self) -> Self:
        return self.fork()

    def __deepcopy__(self, memo: object) -> Self:
        return self.fork()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Router cannot be pickled")

    def __repr__(self) -> str:
        load = self.load()
        return f"Router({self._name!r}, {number_of(self._workers, 'worker')}, {sum(load.requests)} in flight)"
