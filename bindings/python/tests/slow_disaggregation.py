"""Prefill and decode apart, slowly: a plain restatement of the header, with lists, and memory that never runs short.

Times are whole nanoseconds. At one time: iterations end, by replica; then prompts that are done are handed over; then
what was to happen at that time (transfers, leases); then arrivals; then replicas that have something to do start.
"""

import heapq
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from batching import Disaggregation, RequestColumns

_SECOND = 1_000_000_000
_PRESETS: dict[str, dict[str, str]] = {
    "dynamo": {
        "decider": "always",
        "decode_choice": "after_prefill",
        "transfer_tokens": "full",
        "overlap": "none",
        "reserve": "start",
        "source_release": "activation",
        "first_token": "decode",
    },
    "vllm_nixl": {
        "decider": "always",
        "decode_choice": "after_prefill",
        "transfer_tokens": "missing",
        "overlap": "none",
        "reserve": "admission",
        "source_release": "read_done",
        "first_token": "decode",
    },
    "sglang_pd": {
        "decider": "always",
        "decode_choice": "at_arrival",
        "transfer_tokens": "missing",
        "overlap": "chunk",
        "reserve": "prefill",
        "source_release": "read_done",
        "first_token": "prefill",
    },
    "llm_d": {
        "decider": "prefix_threshold",
        "decode_choice": "at_arrival",
        "transfer_tokens": "missing",
        "overlap": "none",
        "reserve": "admission",
        "source_release": "read_done",
        "first_token": "decode",
    },
}


@dataclass
class Shape:
    """The fleet, and how its replicas run."""

    sources: int
    targets: int
    budget: int
    max_num_seqs: int
    block_size: int
    base: int
    """Nanoseconds of an iteration, ..."""
    per_prefill: int
    """... and of each prompt token, ..."""
    per_decode: int
    """... and each request that decodes."""
    router: str
    caches: bool
    routing_delay: int = 0


@dataclass(eq=False)
class Job:
    """A request at one replica."""

    request: int
    known: int
    """Tokens that it has: its prompt, and what it has generated."""
    computed: int
    tokens: int
    """Generated so far."""
    end: int
    """How many that will be."""
    blocks: list[int]
    prompt: int
    last_chunk: int = 0


@dataclass(eq=False)
class Way:
    """A request between two replicas."""

    request: int
    source: int = -1
    target: int = -1
    held: bool = False
    reserved: bool = False
    sent: bool = False
    gone: bool = False
    freed: bool = False
    reserved_at: int = 0
    last_chunk: int = 0
    found: int = 0


@dataclass
class Replica:
    """One replica: a token budget, what decodes first, chunks of prompts."""

    waiting: list[Job] = field(default_factory=list)
    running: list[Job] = field(default_factory=list)
    cache: set[int] = field(default_factory=set)
    end: int | None = None
    """Of the iteration that runs."""
    work: list[tuple[Job, int]] = field(default_factory=list)
    to_reserve: list[Way] = field(default_factory=list)
    landed: list[Way] = field(default_factory=list)
    pokes: int = 0


class SlowDisaggregation:
    """Run it: `columns` are then those of `simulate_fleet`, with None for what never was."""

    def __init__(self, requests: RequestColumns, shape: Shape, split: Disaggregation) -> None:
        self.requests, self.shape, self.split = requests, shape, split
        self.words = {
            name: word if getattr(split, name) == "preset" else getattr(split, name)
            for name, word in _PRESETS[split.preset].items()
        }
        # Under its own name, it is taken for a secret.
        self.words["first"] = self.words.pop("first_token")
        if self.words["reserve"] == "prefill" or self.words["decider"] in ("prefix_threshold", "dynamo_conditional"):
            self.words["decode_choice"] = "at_arrival"
        assert requests.prompt_length is not None
        assert requests.arrival_time is not None
        self.prompts, self.arrivals = requests.prompt_length, requests.arrival_time
        self.replicas = [Replica() for _ in range(shape.sources + shape.targets)]
        self.counts: list[dict[int, int]] = [dict.fromkeys(range(shape.sources), 0), {}]
        self.counts[1] = dict.fromkeys(range(shape.sources, shape.sources + shape.targets), 0)
        self.turns = [0, 0]
        self.events: list[tuple[int, int, Any]] = []
        self.added = 0
        self.ways: dict[int, Way] = {}
        self.done: list[Way] = []
        self.links: dict[Any, list[list[Any]]] = {}
        self.link_times: dict[Any, int] = {}
        self.link_marks: dict[Any, int] = {}
        self.now = 0
        count = len(requests)
        names = (
            "routed_time start_time held_time reserved_time activated_time decode_start_time released_time "
            "first_token_time end_time replica prefill_replica prefix_cached_tokens"
        )
        self.columns: dict[str, list[int | None]] = {name: [None] * count for name in names.split()}
        self.local: set[int] = set()

    # Requests

    def prompt(self, request: int) -> int:
        """Its tokens."""
        return int(self.prompts[request])

    def blocks(self, request: int) -> list[int]:
        """Its full blocks: an id stands for all up to there."""
        if self.requests.hash_ids is None or self.requests.hash_offsets is None or not self.shape.caches:
            return []
        begin, end = self.requests.hash_offsets[request : request + 2]
        full = self.prompt(request) // self.shape.block_size
        return [int(one) for one in self.requests.hash_ids[begin:end]][:full]

    def note(self, name: str, request: int, value: int) -> None:
        """Write it down."""
        self.columns[name][request] = value

    def at(self, time: int, action: Any) -> None:
        """Later."""
        self.added += 1
        heapq.heappush(self.events, (time, self.added, action))

    # The clock

    def run(self) -> dict[str, list[int | None]]:
        """Everything."""
        arrivals = sorted((round(float(time) * _SECOND), i) for i, time in enumerate(self.arrivals))
        late: list[tuple[int, int, int, Job]] = []
        while True:
            times = [time for time, _ in arrivals[:1]] + [event[0] for event in self.events[:1]]
            times += [one.end for one in self.replicas if one.end is not None] + [one[0] for one in late]
            if not times:
                return self.columns
            now = self.now = min(times)
            for index, one in enumerate(self.replicas):
                if one.end == now:
                    self.finish(index)
                    if one.to_reserve or one.landed:
                        one.pokes = 1
                        self.control(index)
            for way in self.done:
                self.hand_over(way)
            self.done = []
            while self.events and self.events[0][0] == now:
                heapq.heappop(self.events)[2]()
            if self.split.preset == "dynamo":
                self.start_all()
            while arrivals and arrivals[0][0] == now:
                request = arrivals.pop(0)[1]
                index, job = self.arrive(request)
                late.append((now + self.shape.routing_delay, len(late), index, job))
            for one_late in [one for one in late if one[0] == now]:
                late.remove(one_late)
                self.replicas[one_late[2]].waiting.append(one_late[3])
            self.start_all()

    def start_all(self) -> None:
        """What has something to do, and does nothing, starts."""
        for index, one in enumerate(self.replicas):
            if one.end is None:
                self.start(index)

    # Routers: 0 is that of the sources

    def choose(self, which: int) -> int:
        """The next, or the first with the fewest requests."""
        own = self.counts[which]
        if self.shape.router == "round_robin":
            index = list(own)[self.turns[which] % len(own)]
            self.turns[which] += 1
        else:
            index = min(own, key=lambda one: (own[one], one))
        own[index] += 1
        return index

    # Replicas

    def start(self, index: int) -> None:
        """An iteration starts."""
        one, left, size = self.replicas[index], self.shape.budget, self.shape.block_size
        work: list[tuple[Job, int, bool]] = []
        for job in one.running:
            tokens = min(job.known - job.computed, left)
            if tokens > 0:
                one.cache.update(job.blocks[: (job.computed + tokens) // size])
                work.append((job, tokens, job.computed >= job.prompt))
                left -= tokens
        while one.waiting and left > 0 and len(one.running) < self.shape.max_num_seqs:
            job = one.waiting.pop(0)
            if job.computed == 0:
                hit = 0
                while hit < len(job.blocks) and job.blocks[hit] in one.cache:
                    hit += 1
                job.computed = min(hit, (job.prompt - 1) // size) * size
                if index < self.shape.sources or job.request in self.local:
                    self.note("prefix_cached_tokens", job.request, job.computed)
                decodes = False
            else:
                decodes = True
            tokens = min(job.known - job.computed, left)
            left -= tokens
            work.append((job, tokens, decodes))
            one.running.append(job)
            is_source = index < self.shape.sources
            if not is_source:
                self.note("decode_start_time", job.request, self.now)
            if is_source or job.request in self.local:
                self.note("start_time", job.request, self.now)
            one.cache.update(job.blocks[: (job.computed + tokens) // size])
        if not work:
            return
        prefill = sum(tokens for _, tokens, decodes in work if not decodes)
        decode = sum(decodes for _, _, decodes in work)
        one.end = self.now + self.shape.base + prefill * self.shape.per_prefill + decode * self.shape.per_decode
        one.work = [(job, tokens) for job, tokens, _ in work]

    def finish(self, index: int) -> None:
        """An iteration ends."""
        one = self.replicas[index]
        one.end = None
        for job, tokens in one.work:
            job.computed += tokens
            job.last_chunk = tokens
            if job.computed < job.known:
                continue
            job.tokens += 1
            job.known += 1
            if index < self.shape.sources:
                one.running.remove(job)
                self.prompt_done(job, index)
                continue
            if job.tokens == 1:
                self.note("first_token_time", job.request, self.now)
            if job.tokens == job.end:
                one.running.remove(job)
                self.counts[1][index] -= 1
                self.note("end_time", job.request, self.now)

    # The way

    def arrive(self, request: int) -> tuple[int, Job]:
        """It comes, and goes to a replica. Returns which, and what it is there."""
        self.note("routed_time", request, self.now)
        target = -1
        whole = Job(request, self.prompt(request), 0, 0, int(self.requests.output_length[request]), [], 0)
        whole.blocks, whole.prompt = self.blocks(request), self.prompt(request)
        if self.words["decode_choice"] == "at_arrival" or self.words["decider"] == "never":
            target = self.choose(1)
            self.note("replica", request, target)
            if self.is_local(request, target):
                self.local.add(request)
                return target, whole
        way = self.ways[request] = Way(request, target=target)
        if self.words["reserve"] == "prefill":
            self.replicas[target].to_reserve.append(way)
            self.control(target)
        source = self.choose(0)
        self.note("prefill_replica", request, source)
        whole.end = 1
        return source, whole

    def is_local(self, request: int, target: int) -> bool:
        """Whether it computes its prompt where it decodes."""
        prompt, blocks, cache = self.prompt(request), self.blocks(request), self.replicas[target].cache
        found = 0
        while found < len(blocks) and blocks[found] in cache:
            found += 1
        new = prompt - found * self.shape.block_size
        match self.words["decider"]:
            case "never":
                return True
            case "prefix_threshold":
                least = 16 if self.split.decider_tokens is None else self.split.decider_tokens
                return least == 0 or prompt < least or new < least
            case "dynamo_conditional":
                most = 2048 if self.split.decider_tokens is None else self.split.decider_tokens
                ratio = 0.7 if self.split.decider_ratio is None else self.split.decider_ratio
                return new < most and new < ratio * prompt
        return False

    def prompt_done(self, job: Job, source: int) -> None:
        """The source holds it."""
        self.counts[0][source] -= 1
        way = self.ways[job.request]
        way.source, way.last_chunk = source, job.last_chunk
        self.note("held_time", job.request, self.now)
        if self.words["first"] == "prefill":
            self.note("first_token_time", job.request, self.now)
        self.done.append(way)

    def hand_over(self, way: Way) -> None:
        """What becomes of a prompt that is done."""
        request = way.request
        way.held = True
        if self.words["first"] == "prefill" and self.requests.output_length[request] == 1:
            if way.target >= 0:
                self.counts[1][way.target] -= 1
                if way in self.replicas[way.target].to_reserve:
                    self.replicas[way.target].to_reserve.remove(way)
            self.free(way)
            way.gone = True
            self.note("end_time", request, self.now)
            return
        if way.target < 0:
            way.target = self.choose(1)
            self.note("replica", request, way.target)
        if self.split.lease is not None:
            self.at(self.now + round(self.split.lease * _SECOND), lambda: self.expire(way))
        if way.reserved:
            self.send(way, before=way.reserved_at < self.now)
            self.control(way.target)
            return
        target = self.replicas[way.target]
        if self.words["reserve"] != "prefill":
            target.to_reserve.append(way)
        if target.end is None:
            target.pokes += 1
        self.control(way.target)

    def control(self, index: int) -> None:
        """What a target does between two iterations."""
        one = self.replicas[index]
        while one.end is None:
            if one.to_reserve and self.may_reserve(one):
                one.pokes -= 1
                way = one.to_reserve.pop(0)
                way.reserved, way.reserved_at = True, self.now
                blocks = self.blocks(way.request)
                while way.found < len(blocks) and blocks[way.found] in one.cache:
                    way.found += 1
                self.note("reserved_time", way.request, self.now)
                if way.held:
                    self.send(way, before=False)
            elif one.landed:
                self.activate(one.landed.pop(0))
            else:
                break
        one.pokes = 0

    def may_reserve(self, one: Replica) -> bool:
        """Memory is ample."""
        if self.words["reserve"] == "start":
            return one.pokes > 0
        return self.words["reserve"] == "prefill" or len(one.running) < self.shape.max_num_seqs

    def send(self, way: Way, *, before: bool) -> None:
        """Its transfer begins."""
        way.sent = True
        tokens, size = self.prompt(way.request), self.shape.block_size
        if self.words["transfer_tokens"] == "missing":
            tokens = max(-(-tokens // size) - way.found, 0) * size
        amount = Fraction(tokens) * Fraction(self.split.kv_bytes_per_token)
        if before and self.words["overlap"] == "chunk":
            amount = min(amount, way.last_chunk * Fraction(self.split.kv_bytes_per_token))
        if before and self.words["overlap"] == "layer":
            amount /= self.split.layers
        latency = round(self.split.link_latency * _SECOND)
        if self.split.sharing != "none" and amount > 0:
            link = way.source if self.split.sharing == "source" else (way.source, way.target)
            self.serve(link)
            self.links.setdefault(link, []).append([amount, way])
            self.watch(link)
            return
        if amount > 0:
            latency += round(amount / Fraction(self.split.link_bandwidth) * _SECOND)
        if latency == 0:
            self.land(way)
            return
        self.at(self.now + latency, lambda: self.land_later(way))

    def serve(self, link: Any) -> None:
        """Each transfer of the link has had its equal part up to now."""
        own = self.links.get(link, [])
        passed = Fraction(self.now - self.link_times.get(link, 0), _SECOND)
        self.link_times[link] = self.now
        for row in own:
            row[0] -= passed * Fraction(self.split.link_bandwidth) / len(own)

    def watch(self, link: Any) -> None:
        """Look again when the first transfer is over."""
        own = self.links[link]
        mark = self.link_marks[link] = self.link_marks.get(link, 0) + 1
        if own:
            least = max(min(row[0] for row in own), Fraction(0))
            length = round(least * len(own) / Fraction(self.split.link_bandwidth) * _SECOND)
            self.at(self.now + length, lambda: self.end_transfer(link, mark))

    def end_transfer(self, link: Any, mark: int) -> None:
        """The first is over, unless something has changed."""
        if self.link_marks[link] != mark:
            return
        self.serve(link)
        own = self.links[link]
        first = min(own, key=lambda row: row[0])
        own.remove(first)
        self.watch(link)
        latency = round(self.split.link_latency * _SECOND)
        if latency == 0:
            self.land_later(first[1])
        else:
            self.at(self.now + latency, lambda: self.land_later(first[1]))

    def land_later(self, way: Way) -> None:
        """It lands, and what waits for the target goes on."""
        self.land(way)
        self.control(way.target)

    def land(self, way: Way) -> None:
        """The target has its KV."""
        if self.words["source_release"] == "read_done":
            self.free(way)
        target = self.replicas[way.target]
        if target.end is None:
            self.activate(way)
        else:
            target.landed.append(way)

    def activate(self, way: Way) -> None:
        """It is among the requests of the target."""
        if self.words["source_release"] == "activation":
            self.free(way)
        one = self.replicas[way.target]
        one.pokes += 1
        way.gone = True
        request, prompt = way.request, self.prompt(way.request)
        self.note("activated_time", request, self.now)
        # The token of the source is there, whether it is shown or not: the target computes it.
        first = 1 if self.words["first"] == "prefill" else 0
        job = Job(
            request, prompt + 1, prompt, first, int(self.requests.output_length[request]), self.blocks(request), 0
        )
        job.prompt = prompt
        one.cache.update(job.blocks)
        one.waiting.append(job)

    def free(self, way: Way) -> None:
        """The source frees, at the end of the iteration that it runs."""
        if not way.freed:
            way.freed = True
            end = self.replicas[way.source].end
            self.note("released_time", way.request, self.now if end is None else end)

    def expire(self, way: Way) -> None:
        """The source waits no longer; the target computes all."""
        if way.gone or way.sent:
            return
        self.free(way)
        way.gone = True
        self.replicas[way.target].to_reserve.remove(way)
        self.note("activated_time", way.request, self.now)
        prompt = self.prompt(way.request)
        output = int(self.requests.output_length[way.request])
        self.replicas[way.target].waiting.append(
            Job(way.request, prompt, 0, 0, output, self.blocks(way.request), prompt)
        )
