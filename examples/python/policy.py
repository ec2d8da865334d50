"""A scheduler of your own against vLLM's: a fair share for each tenant, by the Virtual Token Counter.

VTC (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024): a counter for each tenant adds up what it
was served, one for a prompt token and two for an output token; whoever waits of the tenant with the least goes first. A
tenant that had nothing to do is lifted to the least of those that have, so that it saves up no claim.

First come, first served, both tenants wait in one queue, as long for one as for the other. Under VTC the light one,
which asks for less than half of what is served, waits for little more than a free slot; the heavy one waits for its own
requests, and hardly longer than before. Nobody is preempted and no slot is left empty: the end and the throughput stay.
"""

import numpy as np
import numpy.typing as npt

import batching

INPUT_WEIGHT, OUTPUT_WEIGHT = 1.0, 2.0

# Tenant 0 sends ten times as many requests as tenant 1; together twice what the replica can serve.
trace = batching.generate_workload(
    660, prompt_length_range=(200, 200), output_length_range=(100, 100), arrival_rate=22.0, seed=3
)
tenant = np.arange(len(trace)) % 11 // 10


class VirtualTokenCounter:
    """The policy: first come first served within a tenant, and never preempts."""

    def __init__(self) -> None:
        self.counters = np.zeros(2)
        self.had_requests = np.zeros(2, bool)

    def __call__(self, view: batching.PolicyView, decision: batching.PolicyDecision) -> None:
        """Decide an iteration."""
        owner = tenant[view.request]
        running, waiting = np.arange(view.running_count), np.arange(view.running_count, view.count)
        self._lift(owner)
        # The running first: everyone who decodes, and the prompt that the budget has cut, if there is one.
        uncomputed = view.uncomputed_tokens
        budget = view.max_num_batched_tokens - int((uncomputed[running] == 1).sum())
        decision.decode_rest = True
        for row in running[uncomputed[running] > 1]:
            budget -= self._compute(decision, row, min(uncomputed[row], budget))
        np.add.at(self.counters, owner[running[uncomputed[running] == 1]], OUTPUT_WEIGHT)
        # Then the waiting, each time of the tenant with the least counter.
        queues = [list(waiting[owner[waiting] == number]) for number in (0, 1)]
        free = view.max_num_seqs - view.running_count
        while budget > 0 and free > 0 and any(queues):
            number = min((number for number in (0, 1) if queues[number]), key=lambda number: self.counters[number])
            row = queues[number].pop(0)
            # And for the first output token, which the prompt yields.
            self.counters[number] += INPUT_WEIGHT * view.prompt_tokens[row] + OUTPUT_WEIGHT
            budget -= self._compute(decision, row, min(uncomputed[row], budget))
            free -= 1

    @staticmethod
    def _compute(decision: batching.PolicyDecision, row: int, tokens: int) -> int:
        if tokens > 0:
            decision.schedule(row, tokens)
        return int(tokens)

    def _lift(self, owner: npt.NDArray[np.int64]) -> None:
        has_requests = np.isin([0, 1], owner)
        if self.had_requests.any():
            for number in np.flatnonzero(has_requests & ~self.had_requests):
                self.counters[number] = max(self.counters[number], self.counters[self.had_requests].min())
        self.had_requests = has_requests


policies: dict[str, batching.Policy | batching.CustomPolicy] = {"vllm": "vllm", "VTC": VirtualTokenCounter()}
for name, policy in policies.items():
    result = batching.simulate(
        trace,
        policy=policy,
        max_num_seqs=16,
        iteration_time=batching.AffineTime(base=0.008, per_prefill_token=20e-6, per_decode_token=100e-6),
    )
    e2e = result.end_time - np.asarray(trace.arrival_time)
    means = [e2e[tenant == number].mean() for number in (0, 1)]
    print(f"{name:5} mean E2E: the heavy tenant {means[0]:5.2f} s, the light one {means[1]:5.2f} s")
    print(f"      all of it served after {result.total_time:.1f} s, throughput {result.throughput:.0f} tokens/s")
