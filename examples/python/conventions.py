"""Which tool is right? One run, measured as three benchmark tools would.

Six requests to a server: two are answered with time to spare, one with a single token, one late, one without a token,
and one fails. The tools differ in what the run lasted, in what an answer without tokens counts, and in whether a single
token can be good under an objective on TPOT.

conventions.expected: 15 tokens came in the 4 s from the first arrival to the last end, in 3 s if the request that
failed is left out; vLLM counts the empty answer as one token. The first and the second request are good, by vLLM and
SGLang also that with one token. TTFTs are 0.25, 0.25, 0.25 and 1.0 s, so p99 is 0.25 + 0.97 x 0.75 s.
"""

from math import nan

import batching

run = batching.RecordedRequests(
    arrival_time=[0.0, 2.0, 0.5, 1.0, 2.0, 1.5],
    first_token_time=[0.25, 2.25, 0.75, 2.0, nan, nan],
    end_time=[1.25, 3.0, 0.75, 2.5, 2.5, 4.0],
    prompt_length=[100, 20, 50, 100, 10, 80],
    output_length=[5, 4, 1, 5, 0, 0],
    success=[True, True, True, True, True, False],
)
objectives = batching.SLO(ttft=0.5, tpot=0.25)

for convention in ("vllm", "sglang", "aiperf"):
    metrics = batching.measure(run, convention=convention, percentiles=(99,), slo=objectives)
    print(f"{convention:6}  {metrics.completed} completed, {metrics.failed} failed in {metrics.duration:.1f} s")
    print(f"        {metrics.output_throughput:.2f} tokens/s, goodput {metrics.request_goodput:.3f} requests/s")
    print(f"        TTFT {metrics.ttft.mean * 1e3:.1f} ms, {metrics.ttft.percentiles[99] * 1e3:.1f} ms at p99")
