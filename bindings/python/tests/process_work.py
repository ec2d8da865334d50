"""What the processes of test_processes.py do: in a module of its own, so that a new process can import it."""

import hashlib

from batching import SLO, Accumulator, AffineTime, RequestColumns, generate_requests, measure, simulate, simulate_static
from engine_digests import digest
from oracle.cases import SeededSource, a_case

ACCUMULATED = 60


def told(seed: int) -> str:
    """A digest of what each part of the library tells, on inputs that the seed decides."""
    requests = generate_requests(300, seed=seed)
    run = simulate(requests, num_gpu_blocks=500, iteration_time=AffineTime(base=0.01, per_context_token=1e-7))
    textbook = simulate_static(requests, 8)
    parts = [
        digest(a_case(SeededSource(seed))).encode(),
        run.end_time.tobytes(),
        repr(measure(run.recorded(), slo=SLO(ttft=1.0))).encode(),
        textbook.end_time.tobytes(),
        repr(textbook.metrics()).encode(),
        accumulated((0, ACCUMULATED)).save(),
    ]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def accumulated(part: tuple[int, int]) -> Accumulator:
    """The live traffic of some of the requests."""
    live = Accumulator(slo=SLO(ttft=0.1))
    for request in range(*part):
        begin = request * 0.25
        live.arrived(request, begin, prompt_length=request)
        live.tokens(request, begin + 0.01 * (request % 17))
        live.tokens(request, begin + 0.5, count=3)
        live.finished(request, begin + 0.5)
    return live


def ends(requests: RequestColumns) -> bytes:
    """For requests that were sent to another process."""
    return simulate(requests, max_num_seqs=8).end_time.tobytes()
