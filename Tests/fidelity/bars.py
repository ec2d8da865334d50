"""What is to be reached, and whether it is."""

from collections.abc import Iterator
from dataclasses import dataclass

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


def bars(runs: list[tuple[MeasuredRun, list[RunErrors]]], loops: list[LoopErrors]) -> Iterator[Bar]:
    """All of them."""
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
