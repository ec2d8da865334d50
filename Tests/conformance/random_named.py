"""Random operations on routers that go by names, by what is told, or by lengths: round_robin (sets), session, vllm_dp,
bucket.
"""

import functools
import math
import random

from random_support import Case, Fleet, Settings, holds, same, slow

# Of one to four bytes.
LETTERS = "ab-/0189é漢🙂"


def names_of(generator: random.Random, workers: int) -> list[str]:
    """Different names, some of them long."""
    names: set[str] = set()
    while len(names) < workers:
        names.add("".join(generator.choices(LETTERS, k=generator.randrange(1, 130))))
    return generator.sample(sorted(names), workers)


def some_names(generator: random.Random, workers: int) -> tuple[list[str] | None, list[str]]:
    """What a router is given, and what its workers are called."""
    given = names_of(generator, workers) if generator.random() < 0.7 else None
    return given, given or [f"worker-{worker}" for worker in range(workers)]


def round_robin_sets(seed: int) -> int:
    """A counter for each set of workers that are up, also of sets that come back."""
    generator = random.Random(seed)
    workers = generator.choice([1, 2, 3, 4, 11, 64, 65, 130])
    given, names = some_names(generator, workers)
    fleet = Fleet(generator, workers, router="round_robin", names=given, round_robin_rule="sets")
    model = slow("production_stack").RoundRobin(names)
    known = [fleet.up]
    decisions = 0
    for _ in range(300):
        draw = generator.random()
        if draw < 0.1:
            fleet.flip()
            known.append(fleet.up)
        elif draw < 0.2:
            fleet.set_up(generator.choice(known))
        else:
            before = dict(model.next)
            worker = model.route(fleet.up)
            _, _, chooses, _ = fleet.send({}, [worker])
            decisions += 1
            if not chooses:
                model.next = before
    return decisions


def session(seed: int) -> int:
    """The ring; and the rates that requests without a session go by."""
    generator = random.Random(seed)
    workers = generator.choice([1, 2, 3, 5, 9])
    given, names = some_names(generator, workers)
    window = generator.choice([0.5, 1.0, 3.0, 60.0])
    fleet = Fleet(generator, workers, router="session", names=given, stats_window=window)
    rates = slow("production_stack").Qps(window)
    model = slow("production_stack").Session(names, rates)
    model.point = functools.cache(model.point)
    users = ["".join(generator.choices(LETTERS, k=generator.randrange(0, 140))) for _ in range(30)]
    # Around the ends of MD5's blocks.
    users += ["x" * length for length in (54, 55, 56, 63, 64, 65, 119, 120, 128, 9000)]
    pace, decisions = 1.0, 100
    for _ in range(decisions):
        # Times just at the end of the window are the rule; bursts fill it.
        if generator.random() < 0.02:
            pace = generator.choice([0.0, 1 / 64, 0.25, 1.0])
        fleet.time += pace * generator.choice([0, 0, 0.25, 0.25, 0.5, 0.1, 3.0])
        if generator.random() < 0.1:
            fleet.flip()
        if generator.random() < 0.1:
            # To ask about a later time changes nothing.
            fleet.router.explain(fleet.first, time=fleet.time + 100)
        user = generator.choice([None, generator.choice(users)])
        expected = model.route(fleet.up, fleet.time, user)
        _, worker, _, score = fleet.send({"time": fleet.time, "session": user}, [expected])
        if user is None:
            for place, rate in enumerate(score):
                is_known = place in rates.times
                holds(rate == rates.of(place, fleet.time) if is_known else math.isnan(rate), "rates", score)
        rates.routed(worker, fleet.time)
    return decisions


def vllm_dp(seed: int) -> int:
    """Scores, the local copy of what was told, and the start of the scan."""
    generator = random.Random(seed)
    workers = generator.choice([1, 2, 3, 4, 8, 17])
    rule, slow_rule = generator.choice([("from_0_27", "0.33"), ("until_0_26", "0.11")])
    clients = generator.choice([1, 2, 3, 5])
    index = generator.randrange(clients)
    fleet = Fleet(generator, workers, router="vllm_dp", client_count=clients, client_index=index, vllm_dp_rule=rule)
    model = slow("vllm_dplb").VllmDplb(workers, clients, index, slow_rule)
    decisions = 0
    for _ in range(250):
        draw = generator.random()
        if draw < 0.1:
            most = generator.choice([1, 3, 50, 2**50])
            waiting, running = ([generator.randint(0, most) for _ in range(workers)] for _ in range(2))
            usage = [generator.choice([0.0, 0.5, 1.0, generator.random()]) for _ in range(workers)]
            model.stats(zip(waiting, running, usage, strict=True))
            fleet.router.observe(waiting=waiting, running=running, kv_usage=usage)
        elif draw < 0.35:
            left = fleet.finish()
            if left:
                model.finish([left[0]])
        elif draw < 0.4:
            fleet.flip()
        else:
            # The restatement knows none that are down: these are never the lowest.
            running = [row[1] for row in model.counts]
            for worker in set(range(workers)) - set(fleet.up):
                model.counts[worker][1] = math.inf
            waiting, start = [row[0] for row in model.counts], model.start
            expected = model.route("?")
            model.finish(["?"])
            for worker in range(workers):
                model.counts[worker][1] = running[worker]
            request, worker, chooses, _ = fleet.send({}, [expected])
            if not chooses:
                model.start = start
                for place in range(workers):
                    model.counts[place][0] = waiting[place]
            model.route(request, data_parallel_rank=worker)
            decisions += 1
    return decisions


def bucket(seed: int) -> int:
    """The characters, or hash ids, that were sent."""
    generator = random.Random(seed)
    workers = generator.choice([1, 2, 3, 5, 8])
    absolute, relative = generator.choice([0, 1, 64, 500]), generator.choice([0.5, 1.0, 1.5, 4.0])
    settings = {"balance_abs_threshold": absolute, "balance_rel_threshold": relative}
    fleet = Fleet(generator, workers, router="bucket", seed=seed, **settings)
    sent = [0] * workers
    decisions = 200
    for _ in range(decisions):
        if generator.random() < 0.05:
            fleet.flip()
        model = slow("simple").Bucket(fleet.up, absolute, relative)
        model.sent = {worker: sent[worker] for worker in fleet.up}
        length = generator.choice([0, 1, 3, 50, 300])
        question: Settings = {"hash_ids": [generator.getrandbits(64) for _ in range(length)]}
        if generator.random() < 0.8:
            question = {"text": "".join(generator.choices(LETTERS, k=length))}
        _, worker, _, score = fleet.send(question, model.route(length))
        same(score, [float(count) for count in sent])
        sent[worker] += length
        if generator.random() < 0.3:
            fleet.finish()
    return decisions


CASES: dict[str, Case] = {
    "round_robin": round_robin_sets,
    "session": session,
    "vllm_dp": vllm_dp,
    "bucket": bucket,
}
