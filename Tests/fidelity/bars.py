"""What is to be reached, and whether it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from ladder import AWARE, BLIND, SATURATED, Climb, Ladder
from loops import LoopErrors
from measured_runs import MeasuredRun
from runs import RunErrors


@dataclass(frozen=True)
class Bar:
    """Something to be reached."""

    what: str
    wanted: str
    got: str
    reached: bool


def bars(
    runs: list[tuple[MeasuredRun, list[RunErrors]]], loops: list[LoopErrors], ladder: Ladder | None
) -> Iterator[Bar]:
    """All of them."""
    yield from _of_runs(runs, loops)
    if ladder is not None:
        yield from _of_ladder(ladder)


def _of_runs(runs: list[tuple[MeasuredRun, list[RunErrors]]], loops: list[LoopErrors]) -> Iterator[Bar]:
    for kind, what, mean, percentile in (
        ("whole", "calibrated on the whole run (in sample)", 0.01, 0.02),
        ("half", "calibrated on the first half, the rest tested", 0.02, 0.03),
    ):
        for run, rows in runs:
            own = [row for row in rows if row.kind == kind]
            worst = max(row.worst_mean for row in own), max(row.worst_percentile for row in own)
            yield Bar(
                f"{run.files.name}: {what}",
                f"means within {mean:.0%}, percentiles within {percentile:.0%}",
                f"the worst of {len(own)} rows: {worst[0]:.1%}, {worst[1]:.1%}",
                worst[0] <= mean and worst[1] <= percentile,
            )
    for run, rows in runs:
        (row,) = (row for row in rows if row.kind == "names")
        error = row.latencies["tpot"]["mean"]
        yield Bar(f"{run.files.name}: names only", "mean TPOT within 10%", f"{error:+.1%}", abs(error) <= 0.1)
    for gpu, most in (("H100-SXM", 0.05), ("H200-SXM", 0.07)):
        (loop,) = (row for row in loops if row.gpu == gpu and row.model == "names only")
        what = f"closed loops on {gpu}: names only, {loop.rows} rows"
        got = f"{loop.tpot_mean:.1%}"
        yield Bar(what, f"mean absolute error of mean TPOT at most {most:.0%}", got, loop.tpot_mean <= most)
    (loop,) = (row for row in loops if row.model != "names only" and row.sample == "no")
    yield Bar(
        f"closed loops on {loop.gpu}: {loop.model}, {loop.rows} rows",
        "median absolute error of TPOT at most 4.5%, of TTFT at most 6%",
        f"{loop.tpot_median:.1%}, {loop.ttft_median:.1%}",
        loop.tpot_median <= 0.045 and loop.ttft_median <= 0.06,
    )
    for run, rows in runs:
        found = sorted({row.cached_tokens for row in rows if row.kind in {"whole", "half"}})
        yield Bar(
            f"{run.files.name}: prompt tokens found in the prefix cache, under all calibrated models",
            f"exactly {run.files.cached_tokens:,}",
            ", ".join(f"{value:,}" for value in found),
            found == [run.files.cached_tokens],
        )


def _of_ladder(ladder: Ladder) -> Iterator[Bar]:
    measured, simulated = ladder.measured, ladder.simulated
    least = min(simulated[name].saturated for name in AWARE)
    most = max(simulated[name].saturated for name in BLIND)
    yield Bar(
        f"llm-d's ladder: output tokens/s, the mean from {SATURATED:.0f}/s on",
        f"{' and '.join(AWARE)} ahead of {' and '.join(BLIND)}",
        f"the least of the ones {least:,.0f}, the most of the others {most:,.0f}",
        least > most,
    )
    for name, climb in simulated.items():
        yield Bar(
            f"llm-d's ladder, {name}: the knee",
            f"within one step of {knee_text(measured[name])}",
            knee_text(climb),
            abs(climb.knee - measured[name].knee) <= 1,
        )
    for name, climb in simulated.items():
        if name == "precise":
            continue
        wanted = measured[name].saturated / measured["precise"].saturated
        found = climb.saturated / simulated["precise"].saturated
        yield Bar(
            f"llm-d's ladder, {name}: output tokens/s of those of precise, from {SATURATED:.0f}/s on",
            f"within 15% of {wanted:.3f}",
            f"{found:.3f}, {found / wanted - 1:+.1%}",
            abs(found / wanted - 1) <= 0.15,
        )


def knee_text(climb: Climb) -> str:
    """The rate of the knee."""
    return f"{climb.rates[climb.knee]:.0f}/s" if climb.knee < len(climb.rates) else "none"
