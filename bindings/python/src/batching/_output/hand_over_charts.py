"""The charts of hand-overs from replicas that prefill to those that decode: what is between, and who sends to whom."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._ffi.calls import Float64Array
from batching._fleet.result import FleetResult
from batching._output.chart import Chart, numbers
from batching._output.hand_overs import HandOvers, Span, hand_overs, sent_bytes
from batching._output.heat_map import heat_map, height_of
from batching._output.palette import GENERATING, HELD, ROUTED, WAITING, WAITING_FOR_MEMORY

_BINS: Final = 240
_MOST_REPLICAS: Final = 64
_PERCENTILES: Final = (1, 25, 50, 75, 99)
_UNITS: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes"))


def hand_over_charts(name: str, result: FleetResult) -> list[Chart]:
    """Those of a run whose replicas prefill or decode, with ids that begin with `name`; none of another."""
    if not result.is_split:
        return []
    hands = hand_overs(result)
    sizes = sent_bytes(result, hands)
    made = [_over_time(f"{name}-between", result, hands)]
    if sizes is not None:
        made.append(_bytes_over_time(f"{name}-bytes", result, hands, sizes))
    return [*made, _pairs(f"{name}-pairs", result, hands), _waits(f"{name}-waits", hands)]


def _over_time(chart: str, result: FleetResult, hands: HandOvers) -> Chart:
    kinds: list[tuple[str, str, Span]] = [
        ("waiting for KV blocks", WAITING_FOR_MEMORY, hands.waiting_for_memory),
        ("in transfer", ROUTED, hands.in_transfer),
        ("waiting to decode", WAITING, hands.waiting_for_decode),
    ]
    traces = [
        _area(kind, colour, result, averages(span, np.ones(len(hands)), result.duration), "%{y:.3~g} at %{x:.4g} s")
        for kind, colour, span in kinds
    ]
    says = (
        f"{len(hands):,} of {len(result):,} requests had their prompts computed elsewhere. How many of them were "
        "between the two replicas: waiting until the target has KV blocks, in transfer, and waiting there for an "
        f"iteration; on average over stretches of {result.duration / _BINS:.3g} s. A transfer counts until the target "
        "has taken it in, after the iteration under way."
    )
    return Chart(chart, "Between prefill and decode", says, _stacked(traces, "requests", legend=True), 300)


def _bytes_over_time(chart: str, result: FleetResult, hands: HandOvers, sizes: Float64Array) -> Chart:
    levels = averages(hands.in_transfer, np.where(hands.is_sent, sizes, 0.0), result.duration)
    highest = float(levels.max(initial=0.0))
    unit, name = next((own for own in _UNITS if highest >= own[0]), _UNITS[-1])
    whole, whole_name = next((own for own in _UNITS if sizes[hands.is_sent].sum() >= own[0]), _UNITS[-1])
    trace = _area("KV", ROUTED, result, levels / unit, f"%{{y:.3~g}} {name} at %{{x:.4g}} s")
    says = (
        f"KV of the prompts in transfer; {sizes[hands.is_sent].sum() / whole:,.3g} {whole_name} of them in all. Less "
        "is sent where the target has some of it in its prefix cache, and only the rest is asked for."
    )
    return Chart(chart, "KV in transfer", says, _stacked([trace], name, legend=False), 240)


def _area(name: str, colour: str, result: FleetResult, values: Float64Array, hover: str) -> dict[str, Any]:
    width = result.duration / _BINS
    return {
        "type": "scatter",
        "mode": "lines",
        "stackgroup": "one",
        "name": name,
        "x": numbers((np.arange(_BINS, dtype=np.float64) + 0.5) * width),
        "y": numbers(values),
        "line": {"color": colour, "width": 1, "shape": "hvh"},
        "hovertemplate": hover,
    }


def _stacked(traces: list[dict[str, Any]], unit: str, *, legend: bool) -> dict[str, Any]:
    layout = {
        "xaxis": {"title": {"text": "time, seconds"}},
        "yaxis": {"title": {"text": unit}, "rangemode": "tozero"},
        "showlegend": legend,
    }
    return {"data": traces, "layout": layout}


def averages(span: Span, weight: Float64Array, duration: float) -> Float64Array:
    """How much there is between begin and end of each, by its weight, on average over equal stretches of the run."""
    edges = np.linspace(0.0, 1e9 * duration, _BINS + 1)
    if duration <= 0:
        return np.zeros(_BINS)
    filled = np.zeros(_BINS + 1)
    # Up to each edge: what has begun counts from its begin on, and what has ended no more from its end on.
    for moments, sign in ((span[0], 1.0), (span[1], -1.0)):
        order = np.argsort(moments, kind="stable")
        place = np.searchsorted(moments[order], edges, side="right")
        weights = np.concatenate([[0.0], np.cumsum(weight[order])])
        moved = np.concatenate([[0.0], np.cumsum(weight[order] * moments[order])])
        filled += sign * (weights[place] * edges - moved[place])
    made: Float64Array = np.maximum(np.diff(filled) / (edges[1] - edges[0]), 0.0)
    return made


def _pairs(chart: str, result: FleetResult, hands: HandOvers) -> Chart:
    """How many requests went from which replica to which."""
    roles = [result.role_of(replica) for replica in range(len(result.replicas))]
    sources = [replica for replica, role in enumerate(roles) if role == "prefill"][:_MOST_REPLICAS]
    targets = [replica for replica, role in enumerate(roles) if role == "decode"][:_MOST_REPLICAS]
    values = pair_counts(hands, sources, targets)
    figure = heat_map(values, float(values.max(initial=0.0)), ROUTED) | {
        "x": targets,
        "y": sources,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "%{z} requests from replica %{y} to replica %{x}<extra></extra>",
    }
    alone = int(np.count_nonzero((result.prefill_replica < 0) & (result.replica >= 0)))
    says = "Requests by the replica that computed their prompt (P) and the one in which they decode (D)."
    if alone:
        says += f" {alone:,} more did both where they decode."
    if len(sources) == _MOST_REPLICAS or len(targets) == _MOST_REPLICAS:
        says += f" At most the first {_MOST_REPLICAS} of each kind are shown."
    layout = {
        "xaxis": {"title": {"text": "decode"}, "tickvals": targets, "ticktext": [f"D{own}" for own in targets]},
        "yaxis": {
            "title": {"text": "prefill"},
            "tickvals": sources,
            "ticktext": [f"P{own}" for own in sources],
            "autorange": "reversed",
        },
        "showlegend": False,
    }
    return Chart(chart, "From where to where", says, {"data": [figure], "layout": layout}, height_of(len(sources)))


def pair_counts(hands: HandOvers, sources: list[int], targets: list[int]) -> npt.NDArray[np.float64]:
    """How many requests went from each source to each target: shape (sources, targets)."""
    values = np.zeros((len(sources), len(targets)))
    most = max([*sources, *targets], default=0) + 1
    row, column = np.full(most + 1, -1), np.full(most + 1, -1)
    row[sources], column[targets] = np.arange(len(sources)), np.arange(len(targets))
    known = (hands.source < most) & (hands.target < most)
    places = row[hands.source[known]], column[hands.target[known]]
    drawn = (places[0] >= 0) & (places[1] >= 0)
    np.add.at(values, (places[0][drawn], places[1][drawn]), 1.0)
    return values


def _waits(chart: str, hands: HandOvers) -> Chart:
    """How long each step takes."""
    kinds: list[tuple[str, str, Span]] = [
        ("waiting for KV blocks", WAITING_FOR_MEMORY, hands.waiting_for_memory),
        ("in transfer", ROUTED, hands.in_transfer),
        ("waiting to decode", GENERATING, hands.waiting_for_decode),
        ("held at the source", HELD, hands.held_at_source),
    ]
    traces = []
    for kind, colour, (begin, end) in kinds:
        took = (end - begin)[hands.is_sent] / 1e9
        if len(took) == 0:
            continue
        low, first, middle, third, high = (float(f"{own:.7g}") for own in np.percentile(took, _PERCENTILES))
        traces.append({
            "type": "box", "orientation": "h", "name": kind, "y": [kind],
            "lowerfence": [low], "q1": [first], "median": [middle], "q3": [third], "upperfence": [high],
            "line": {"color": colour, "width": 1.5}, "fillcolor": f"{colour}55",
        })  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "seconds"}, "rangemode": "tozero"},
        "yaxis": {"autorange": "reversed", "automargin": True},
        "showlegend": False,
    }
    says = (
        "How long requests whose KV was sent were in each step: the box from p25 to p75, with the median; the whiskers "
        "from p1 to p99. Their KV takes blocks of the source as long as it is held there."
    )
    return Chart(chart, "Waits around the transfer", says, {"data": traces, "layout": layout}, 250)
