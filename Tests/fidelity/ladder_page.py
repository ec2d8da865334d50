"""What the page about fidelity says of the measured fleet."""

from collections.abc import Iterator, Mapping
from typing import Final

from bars import NOT_THERE, knee_text
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


def _rows(of: str, climbs: Mapping[str, Climb | None]) -> Iterator[list[str]]:
    precise = climbs["precise"]
    for name, climb in climbs.items():
        if climb is None:
            yield [name, of, NOT_THERE, "", "", ""]
            continue
        yield [
            name,
            of,
            knee_text(climb),
            f"{climb.ttft.mean():.2f} s",
            "" if precise is None else f"{climb.saturated / precise.saturated:.3f}",
            "" if climb.cached is None else f"{climb.cached:.1%}",
        ]


def _rates(ladder: Ladder) -> str:
    names = list(ladder.measured)
    others = [name for name in names if name != "precise"]
    headings = ("rate", *(f"TTFT, {name}" for name in names), *(f"tokens/s, {name}" for name in others))
    rows = []
    for index, rate in enumerate(ladder.measured["precise"].rates):
        cells = [f"{rate:.0f}/s"]
        for name in names:
            climb = ladder.simulated[name]
            found = "-" if climb is None else f"{climb.ttft[index]:.2f}"
            cells.append(f"{ladder.measured[name].ttft[index]:.2f} / {found}")
        cells += [
            f"{_share(ladder.measured, name, index)} / {_share(ladder.simulated, name, index)}" for name in others
        ]
        rows.append(cells)
    return table(headings, rows)


def _share(climbs: Mapping[str, Climb | None], name: str, index: int) -> str:
    climb, precise = climbs[name], climbs["precise"]
    return "-" if climb is None or precise is None else f"{climb.throughput[index] / precise.throughput[index]:.2f}"
