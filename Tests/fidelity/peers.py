"""What other simulators of serving say of their errors, or what others found: facts, with where they stand."""

from typing import Final

PEERS: Final = (
    (
        "LLMServingSim 2",
        "kernels of the model, profiled in vLLM on the GPU",
        "on the two runs above: in their tables; on 32 runs on H100: E2E mean 38%, median 19%",
        "its repository, bench/examples; BLIS's comparison",
    ),
    (
        "BLIS, trained-physics",
        "config.json, spec sheet, 14 coefficients fitted to 15 runs on H100",
        (
            "36 other runs, median: E2E 6.7%, p90 7.5%, p99 9.2%; TTFT 17.6%, 21.3%, 29.0%; ITL 7.1%; "
            "E2E on A100 15.7%, on L40S 13.3%"
        ),
        "its repository",
    ),
    (
        "Vidur",
        "operations of the model, profiled on the GPU; a random forest",
        "its paper: under 9%; 4 runs on H100: E2E mean 8.9%, p99 27%, TTFT 18%",
        "its paper; BLIS's comparison",
    ),
    (
        "AIConfigurator",
        "tables of kernels by GPU and framework; no simulation of single requests",
        "9 runs: E2E 17%, ITL 21%, TTFT 809%; on kernels left out of its tables: median 1 to 5%",
        "BLIS's comparison; its repository",
    ),
    (
        "LLM-Emu",
        "latencies of steps sampled from profiles, in a real vLLM",
        "TPOT and ITL 4.8%, E2E 5.3%, throughput 1.9%, TTFT 10.4%",
        "its abstract",
    ),
    ("Dynamo's mocker", "nothing, a profiler's file, or AIConfigurator", "none published", "its repository"),
    ("splitwise-sim", "measured times of prompts and tokens", "none published", "its repository"),
)
"""Name, what it must know, its errors, and where they stand."""
