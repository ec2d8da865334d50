"""A fleet beside a peer in one run: NVIDIA Dynamo's offline replay (AISimulate) with its KV router. Its choices, too.

Usage: peers.py INTERPRETER. INTERPRETER has ai-dynamo-runtime installed: see "peer" in the Makefile. The trace is
Mooncake's, below $BATCHING_DATA/traces. The report is the standard output.
"""

import heapq
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from batching import EngineConfig, RequestColumns, Router, read_trace, simulate_fleet

TRACE = "mooncake_conversation_trace.jsonl.gz"
WORKERS = 4
REPETITIONS = 5
TARGET = 100


@dataclass(frozen=True)
class Engine:
    """What both simulate on each worker."""

    name: str
    num_gpu_blocks: int
    max_num_seqs: int
    max_num_batched_tokens: int
    prefill_milliseconds: float = 10.0
    decode_milliseconds: float = 5.0
    """What a pass takes: Dynamo adds both where a pass does both; ours takes the latter for each."""

    def of_dynamo(self, block_size: int) -> dict[str, Any]:
        """As its replay takes it."""
        return {
            "num_gpu_blocks": self.num_gpu_blocks,
            "block_size": block_size,
            "max_num_seqs": self.max_num_seqs,
            "max_num_batched_tokens": self.max_num_batched_tokens,
            "timing_model": {
                "type": "fixed",
                "prefill_ms": self.prefill_milliseconds,
                "decode_ms": self.decode_milliseconds,
            },
        }

    def of_ours(self, block_size: int) -> EngineConfig:
        """As the library takes it."""
        return EngineConfig(
            max_num_seqs=self.max_num_seqs,
            max_num_batched_tokens=self.max_num_batched_tokens,
            num_gpu_blocks=self.num_gpu_blocks,
            block_size=block_size,
            enable_prefix_caching=True,
            iteration_time=self.decode_milliseconds / 1e3,
        )


# What Dynamo takes by default; and with slower passes, of which there are fewer.
DEFAULTS = Engine("by default", 16_384, 256, 8192)
SLOWER = Engine("25 ms a pass", 16_384, 256, 8192, prefill_milliseconds=25.0, decode_milliseconds=25.0)
# Each prompt is computed in one pass and nothing is evicted, so that what is recorded of the requests tells all that
# the router knew.
AMPLE = Engine("ample memory", 262_144, 1024, 10_000_000, prefill_milliseconds=25.0, decode_milliseconds=25.0)


class Peer:
    """The process of dynamo_replay.py."""

    def __init__(self, interpreter: str) -> None:
        # Its log of each decision would be half of its time.
        environment = {**os.environ, "DYN_LOG": "error"}
        program = Path(__file__).with_name("dynamo_replay.py")
        self._process = subprocess.Popen(  # noqa: S603
            [interpreter, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def replay(self, trace: Path, engine: dict[str, Any], *, records: bool = False) -> dict[str, Any]:
        """What it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"trace": str(trace), "workers": WORKERS, "engine": engine, "records": records}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            sys.exit("bench: WRONG: the replay has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """It ends as its input does."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def trace_written(requests: RequestColumns, path: Path) -> RequestColumns:
    """The requests in milliseconds, as Dynamo reads them, and as a file for it.

    Its records name requests by nothing but arrival and lengths: where two have the same, the later one has an output
    token more.
    """
    assert requests.prompt_length is not None
    assert requests.arrival_time is not None
    assert requests.hash_ids is not None
    assert requests.hash_offsets is not None
    milliseconds = np.rint(requests.arrival_time * 1e3).astype(np.int64)
    output = requests.output_length.copy()
    seen = set()
    with path.open("w", encoding="utf-8") as file:
        for index, begin in enumerate(milliseconds):
            prompt = int(requests.prompt_length[index])
            while (int(begin), prompt, int(output[index])) in seen:
                output[index] += 1
            seen.add((int(begin), prompt, int(output[index])))
            ids = requests.hash_ids[requests.hash_offsets[index] : requests.hash_offsets[index + 1]]
            line = {
                "timestamp": int(begin),
                "input_length": prompt,
                "output_length": int(output[index]),
                "hash_ids": ids.tolist(),
            }
            file.write(json.dumps(line) + "\n")
    return RequestColumns(
        output,
        requests.prompt_length,
        milliseconds / 1e3,
        hash_ids=requests.hash_ids,
        hash_offsets=requests.hash_offsets,
        hash_block_size=requests.hash_block_size,
    )


def print_row(peer: Peer, trace: Path, requests: RequestColumns, engine: Engine) -> float:
    """Both in turn; returns how many times as fast ours is, by the medians."""
    block_size = requests.hash_block_size
    assert block_size is not None
    config = engine.of_ours(block_size)
    ours, theirs = [], []
    for _ in range(REPETITIONS):
        answer = peer.replay(trace, engine.of_dynamo(block_size))
        theirs.append(float(answer["seconds"]))
        started = time.perf_counter()
        result = simulate_fleet(requests, config, replicas=WORKERS, router="dynamo_kv")
        ours.append(time.perf_counter() - started)
        if answer["completed"] != len(requests) or int(result.replicas.finished.sum()) != len(requests):
            sys.exit("bench: WRONG: not all requests have finished")
    ratio = statistics.median(theirs) / statistics.median(ours)
    figures = "".join(f" {1e3 * min(times):10.1f} /{1e3 * statistics.median(times):8.1f}" for times in (ours, theirs))
    print(f"{engine.name:18} {engine.num_gpu_blocks:10,}{figures} {ratio:8.1f}x", flush=True)
    return ratio


def choices_agree(peer: Peer, trace: Path, requests: RequestColumns) -> tuple[int, int, int, int]:
    """Asks dynamo_kv at each recorded decision, from what the real router knew then.

    Returns the decisions; those in which the recorded worker is one that is allowed; those that allow just one worker;
    and those of these in which it is the recorded one.
    """
    assert requests.prompt_length is not None
    assert requests.arrival_time is not None
    assert requests.hash_ids is not None
    assert requests.hash_offsets is not None
    size = requests.hash_block_size
    assert size is not None
    answer = peer.replay(trace, AMPLE.of_dynamo(size), records=True)
    recorded = {(told["arrival"], told["input_length"], told["output_length"]): told for told in answer["requests"]}
    router = Router("dynamo_kv", WORKERS, block_size=size)
    # What ends a pass comes before what arrives at the same time: first tokens with the blocks that are stored, ends.
    later: list[tuple[float, int, int, int, list[int]]] = []
    agree = single = same = 0
    for index, arrival in enumerate(requests.arrival_time):
        now = float(np.rint(arrival * 1e3))
        while later and later[0][0] <= now:
            at, kind, request, worker, blocks = heapq.heappop(later)
            if kind == 0:
                router.stored(worker, blocks, first=0)
                router.first_token(request, at / 1e3)
            else:
                router.finished(request, at / 1e3)
        prompt = int(requests.prompt_length[index])
        begin = int(requests.hash_offsets[index])
        # Whole blocks alone are looked up and stored.
        ids = requests.hash_ids[begin : begin + prompt // size].tolist()
        told = recorded[now, prompt, int(requests.output_length[index])]
        allowed, _ = router.explain(index, prompt_length=prompt, hash_ids=ids, time=now / 1e3)
        agree += told["worker"] in allowed
        single += len(allowed) == 1
        same += list(allowed) == [told["worker"]]
        router.book(index, told["worker"], prompt_length=prompt, hash_ids=ids, time=now / 1e3)
        heapq.heappush(later, (told["first_token"], 0, index, told["worker"], ids))
        heapq.heappush(later, (told["last_token"], 1, index, told["worker"], ids))
    return len(requests), agree, single, same


def main() -> None:
    """Prints the section."""
    path = Path(os.environ.get("BATCHING_DATA", ".")) / "traces" / TRACE
    print(f"\n== Beside Dynamo's replay, {WORKERS} workers, KV router: milliseconds, best / median of {REPETITIONS}\n")
    if not path.is_file():
        print("SKIPPED      Dynamo's replay: the traces below BATCHING_DATA are not there")
        return
    if not Path(sys.argv[1]).is_file():
        print("SKIPPED      Dynamo's replay: it is not installed (make -C Benchmarks peer)")
        return
    peer = Peer(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "mooncake.jsonl"
        requests = trace_written(read_trace(path).requests, trace)
        print(f"{'Mooncake':18} {'KV blocks':>10} {'library':>20} {'replay':>20}   faster")
        engines = (DEFAULTS, SLOWER, AMPLE)
        ratios = [(engine.name, print_row(peer, trace, requests, engine)) for engine in engines]
        decisions, agree, single, same = choices_agree(peer, trace, requests)
    peer.close()
    print()
    for name, ratio in ratios:
        verdict = "reached" if ratio >= TARGET else "NOT REACHED"
        print(f"{verdict:11}  {name}: {ratio:.1f} times as fast as the replay, at least {TARGET}")
    print(
        f"choices: that of the replay in {same:,} of {single:,} in which dynamo_kv allows just one, and one that "
        f"it allows in {agree:,} of {decisions:,}"
    )
    if agree != decisions:
        sys.exit("bench: WRONG: the choices differ")


if __name__ == "__main__":
    main()
