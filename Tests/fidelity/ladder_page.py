"""What the page about fidelity says of the measured fleet."""

from collections.abc import Iterator, Mapping
from typing import Final

from bars import knee_text
from ladder import BLOCK_SIZE, KNEE, MAX_NUM_BATCHED_TOKENS, MAX_NUM_SEQS, SATURATED, SEEDS, Climb, Ladder
from tables import table

_HEAD: Final = f"""## A measured fleet

llm-d's ladder ([llm-d-kv-cache](https://github.com/llm-d/llm-d-kv-cache), benchmarking/73-capacity, Apache-2.0): eight
replicas of vLLM with Qwen3-32B in bf16, each on two H100; four configurations of llm-d's endpoint picker; 16 rates from
3 to 60 requests/s. 150 groups have a system prompt of 6,000 tokens each, and five questions of 1,200 tokens each; an
answer has 1,000. The 750 prompts are asked in one shuffled order, from the first in each stage, and a stage begins when
all of the one before has ended. The first stage warms up, and is not counted. All prompts together take 73% of the KV
memory of the fleet.

Simulated from names only: `RooflineTime.for_deployment`, and `scorers` ([Routers](guide/routers/scorers.md)) with the
weights of the configurations. KV blocks are those of the servers; the last rows have those that names alone give. What
the report does not say is as by default: {MAX_NUM_BATCHED_TOKENS:,} tokens and {MAX_NUM_SEQS:,} sequences (vLLM's for
such a GPU), synchronous scheduling, KV blocks of {BLOCK_SIZE} tokens, metrics scraped every 50 ms. Each figure is the
mean of {len(SEEDS)} runs with other arrivals, orders of the prompts and random choices. The knee is the first rate
whose mean TTFT is above {KNEE:.0f} s. How the report counts output tokens/s is not known, so that only ratios are
compared: to those of precise, of means over the rates from {SATURATED:.0f}/s on. Here they are the tokens of a stage
over the time from its first arrival to its last end. TTFT has no gateway, network and tokenisation in it."""


def ladder_parts(ladder: Ladder) -> Iterator[str]:
    """In Markdown: paragraphs and tables."""
    yield _HEAD
    share = ladder.tokens_by_names / ladder.server_tokens - 1
    by_names = f"simulated, with KV blocks by names ({share:+.1%})"
    rows = [
        row
        for of, climbs in (
            ("measured", ladder.measured),
            ("simulated", ladder.simulated),
            (by_names, ladder.by_names),
        )
        for row in _rows(of, climbs)
    ]
    yield table(("router", "", "knee", "mean TTFT, all rates", "output tokens/s of precise's", "cached"), rows)
    yield "Mean TTFT in seconds, and output tokens/s of those of precise; measured / simulated:"
    yield _rates(ladder)


def _rows(of: str, climbs: Mapping[str, Climb]) -> Iterator[list[str]]:
    for name, climb in climbs.items():
        yield [
            name,
            of,
            knee_text(climb),
            f"{climb.ttft.mean():.2f} s",
            f"{climb.saturated / climbs['precise'].saturated:.3f}",
            "" if climb.cached is None else f"{climb.cached:.1%}",
        ]


def _rates(ladder: Ladder) -> str:
    names = list(ladder.measured)
    others = [name for name in names if name != "precise"]
    headings = ("rate", *(f"TTFT, {name}" for name in names), *(f"tokens/s, {name}" for name in others))
    both = (ladder.measured, ladder.simulated)
    rows = []
    for index, rate in enumerate(ladder.measured["precise"].rates):
        cells = [f"{rate:.0f}/s"]
        cells += [" / ".join(f"{climbs[name].ttft[index]:.2f}" for climbs in both) for name in names]
        cells += [" / ".join(f"{_share(climbs, name, index):.2f}" for climbs in both) for name in others]
        rows.append(cells)
    return table(headings, rows)


def _share(climbs: Mapping[str, Climb], name: str, index: int) -> float:
    return float(climbs[name].throughput[index] / climbs["precise"].throughput[index])
