"""Random operations on routers that count: least_requests, least_tokens, power_of_two, random."""

import math
import random

from random_support import Case, DifferenceError, Fleet, holds, same, slow


def least_requests(seed: int) -> int:
    """Fewest in flight over weight, with each way to settle ties."""
    generator = random.Random(seed)
    workers = generator.choice([1, 2, 3, 4, 5, 8, 13, 70])
    ties = generator.choice(["first", "random", "nginx", "haproxy"])
    weights = [generator.choice([1, 1, 2, 3, 7, 2**31 - 1]) for _ in range(workers)]
    if generator.random() < 0.4:
        weights = [1] * workers
    fleet = Fleet(generator, workers, router="least_requests", weights=weights, ties=ties, seed=seed)
    proxies = slow("proxies")
    live, credit = [0] * workers, [0] * workers
    line = proxies.HaproxyLeastConn(weights)
    decisions = 0
    for _ in range(200):
        draw = generator.random()
        if draw < 0.05:
            fleet.flip()
        elif draw < 0.4:
            left = fleet.finish()
            if left:
                live[left[1]] -= 1
                line.end(left[1])
        else:
            up = fleet.up
            equals = [w for w in up if all(live[w] * weights[v] <= live[v] * weights[w] for v in up)]
            expected, after = equals, list(credit)
            if ties == "first":
                expected = equals[:1]
            elif ties == "haproxy":
                expected = [min(up, key=lambda w: (line.key[w], line.since[w]))]
            elif ties == "nginx" and len(equals) > 1:
                expected = [proxies.smooth(after, weights, equals)]
            _, worker, chooses, score = fleet.send({}, expected)
            same(score, [count / weight for count, weight in zip(live, weights, strict=True)])
            # What a host books moves no credit.
            credit = after if chooses else credit
            live[worker] += 1
            line.live[worker] += 1
            line.place(worker)
            decisions += 1
    return decisions


def least_tokens(seed: int) -> int:
    """Fewest tokens in flight; the first of equals."""
    generator = random.Random(seed)
    workers = generator.choice([1, 2, 3, 5, 8, 33])
    fleet = Fleet(generator, workers, router="least_tokens")
    tokens = [0] * workers
    lengths: dict[int, int] = {}
    decisions = 0
    for _ in range(200):
        draw = generator.random()
        if draw < 0.05:
            fleet.flip()
        elif draw < 0.3:
            left = fleet.finish()
            if left:
                tokens[left[1]] -= lengths[left[0]]
        elif draw < 0.4 and fleet.where:
            fleet.router.first_token(generator.choice(list(fleet.where)))
        else:
            prompt, output = (generator.choice([0, 1, 5, 2**31 - 1]) for _ in range(2))
            expected = [min(fleet.up, key=tokens.__getitem__)]
            request, worker, _, score = fleet.send({"prompt_length": prompt, "output_length": output}, expected)
            same(score, [float(count) for count in tokens])
            lengths[request] = prompt + output
            tokens[worker] += prompt + output
            decisions += 1
    return decisions


def power_of_two(seed: int) -> int:
    """Whom some pair allows; and how often each is chosen."""
    generator = random.Random(seed)
    workers = generator.choice([1, 2, 3, 4, 8])
    fleet = Fleet(generator, workers, router="power_of_two", seed=seed)
    load = [0] * workers
    decisions = 0
    for _ in range(150):
        draw = generator.random()
        if draw < 0.05:
            fleet.flip()
        elif draw < 0.4:
            left = fleet.finish()
            if left:
                load[left[1]] -= 1
        else:
            chance = chances(load, fleet.up)
            _, worker, _, score = fleet.send({}, [worker for worker in fleet.up if chance[worker] > 0])
            same(score, load)
            load[worker] += 1
            decisions += 1
    check_shares(fleet, chances(load, fleet.up))
    return decisions


def chances(load: list[int], up: list[int]) -> dict[int, float]:
    """How likely power_of_two chooses each worker that is up."""
    if len(up) == 1:
        return {up[0]: 1.0}
    return dict(zip(up, slow("simple").power_of_two([load[worker] for worker in up]), strict=True))


def random_worker(seed: int) -> int:
    """All that are up, each as often."""
    generator = random.Random(seed)
    fleet = Fleet(generator, generator.choice([1, 2, 3, 8]), router="random", seed=seed)
    decisions = 20
    for _ in range(decisions):
        fleet.flip()
        fleet.send({}, fleet.up)
    check_shares(fleet, dict.fromkeys(fleet.up, 1 / len(fleet.up)))
    return decisions


def check_shares(fleet: Fleet, chance: dict[int, float]) -> None:
    """Each is drawn as often as it should be, within 5 deviations."""
    draws = 1000
    for worker, count in enumerate(fleet.shares(draws)):
        likely = chance.get(worker, 0.0)
        if count and not likely:
            raise DifferenceError(f"{worker} is drawn, which has no chance")
        error = abs(count - draws * likely)
        holds(error <= 5 * math.sqrt(draws * likely * (1 - likely)) + 1, f"{worker} is drawn {count} times", chance)


CASES: dict[str, Case] = {
    "least_requests": least_requests,
    "least_tokens": least_tokens,
    "power_of_two": power_of_two,
    "random": random_worker,
}
