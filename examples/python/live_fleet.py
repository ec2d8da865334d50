"""A gateway asks its twin of a fleet: where would the next request go, and when would it have its first token?

The twin is a `LiveFleet` that is told of requests as they arrive. Here the arrivals are a script; a gateway has those
of its clients, and moves the clock by its own. A request whose first token would come too late is turned away at
once, which leaves room for those that can still be served in time. An estimate knows nothing of what comes later: a
prompt that is computed beside a request delays it a little more.
"""

import batching

SLO_TTFT = 1.0
"""Seconds."""

# About an 8B model on an H100, with room for 16 requests in each of two replicas.
replica = batching.EngineConfig(
    max_num_seqs=16,
    num_gpu_blocks=2_000,
    iteration_time=batching.AffineTime(base=5.5e-3, per_prefill_token=2.8e-5, per_decode_token=2e-5),
)
twin = batching.LiveFleet(replica, replicas=2, router="least_requests")

# A burst, and then what comes usually: arrival in seconds, prompt and output in tokens.
arrivals = [(0.05 * index, 2_000 + 500 * (index % 3), 300) for index in range(60)]
arrivals += [(4.0 + 0.5 * index, 1_000, 200) for index in range(4)]

turned_away = 0
for request, (now, prompt, output) in enumerate(arrivals):
    twin.advance(now)
    expected = twin.estimate(prompt_length=prompt, output_length=output)
    is_late = expected.ttft > SLO_TTFT
    turned_away += is_late
    if request % 8 == 0:
        verdict = "turned away" if is_late else f"replica {expected.replica}"
        print(f"{now:5.2f} s  request {request:2}: first token after {expected.ttft * 1e3:6.1f} ms, {verdict}")
    if not is_late:
        twin.submit(request, prompt_length=prompt, output_length=output)

twin.advance()
served = [event.outcome for event in twin.poll() if event.outcome is not None]
print(f"{len(served)} served, {turned_away} turned away")
print(f"the latest first token came after {max(one.ttft for one in served) * 1e3:.1f} ms")
