"""The charts of the page of fleets: load of the replicas over time, what they got, and where requests went."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from batching._ffi.calls import Float64Array
from batching._ffi.generated.choices import RequestStatus
from batching._fleet.result import FleetResult
from batching._output.chart import Chart, is_skewed, latency_charts, numbers
from batching._output.fleet_figures import FleetRun
from batching._output.fleet_groups import counts_by_replica, groups_of, largest, stayed
from batching._output.hand_over_charts import hand_over_charts
from batching._output.heat_map import heat_map, height_of, replicas_on
from batching._output.palette import FOUND, GENERATING, PROMPT, QUEUED, ROUTED, RUNNING
from batching._output.timeline import LATENCIES

MOST_DRAWN: Final = 6
"""So many runs have charts of their replicas."""
_MOST_REPLICAS: Final = 64
_MOST_GROUPS: Final = 40
_BINS: Final = 120
# Of the ends of whiskers and boxes, and the line within.
_PERCENTILES: Final = (1, 25, 50, 75, 99)


def fleet_charts(runs: Sequence[FleetRun]) -> list[Chart]:
    """All of them, in the order of the page: those of run i have ids that begin with `fleet-i-`."""
    made = latency_charts({run.name: run.values for run in runs})
    drawn = runs[:MOST_DRAWN]
    loads = [_loads(run.result) for run in drawn]
    # One scale for all runs, so that the same colour is the same load.
    highest = [max((float(load[row].max(initial=0)) for load in loads), default=0.0) for row in range(2)]
    for index, (run, load) in enumerate(zip(drawn, loads, strict=True)):
        made += _charts_of(f"fleet-{index}", run.result, load, highest)
    return made


class _Load(NamedTuple):
    """Requests in each replica (rows) and stretch of time (columns), on average over that."""

    running: Float64Array
    waiting: Float64Array


def _loads(result: FleetResult) -> _Load:
    replicas = min(len(result.replicas), _MOST_REPLICAS)
    running, waiting = np.zeros((replicas, _BINS)), np.zeros((replicas, _BINS))
    if result.duration > 0:
        for replica in range(replicas):
            timeline = result._load_of(replica, None, _BINS).timeline
            if timeline is not None:
                running[replica], waiting[replica] = timeline.running, timeline.waiting
    return _Load(running, waiting)


def _charts_of(name: str, result: FleetResult, load: _Load, highest: Sequence[float]) -> list[Chart]:
    over_time = f"A row for each replica{_left_out(result)}, on average over stretches of "
    over_time += f"{result.duration / _BINS:.3g} s. The same colour is the same number in all runs."
    over_time += " P: it prefills; D: it decodes." if result.is_split else ""
    made = [
        _over_time(f"{name}-over-running", "Requests running", f"Requests in a slot. {over_time}",
                   load.running, (result, highest[0], RUNNING)),
        _over_time(f"{name}-over-waiting", "Requests waiting", f"Requests that were sent and have no slot yet. "
                   f"{over_time}", load.waiting, (result, highest[1], QUEUED)),
        _who_went_where(f"{name}-over-where", result),
        _bars(f"{name}-of-requests", "Requests of each replica", "Requests that were routed to it.",
              result.replicas.requests[:_MOST_REPLICAS].astype(np.float64), (result, "requests", ROUTED)),
    ]  # fmt: skip
    queries = result.replicas.prefix_cache_queries[:_MOST_REPLICAS]
    if result.prefix_cache_queries:
        hits = 100 * result.replicas.prefix_cache_hits[:_MOST_REPLICAS] / np.maximum(queries, 1)
        says = (
            f"Of the prompt tokens looked up, how many were in its prefix cache; {result.prefix_hit_rate:.1%} of all."
        )
        made.append(
            _bars(f"{name}-of-hits", "Prefix hits of each replica", says, hits, (result, "% of prompt tokens", FOUND))
        )
    made += hand_over_charts(f"{name}-split", result)
    for key, colour in (("ttft", PROMPT), ("e2e", GENERATING)):
        made.append(_latency_of_replicas(f"{name}-of-{key}", key, colour, result))
    return made


def _over_time(chart: str, title: str, says: str, values: Float64Array, style: tuple[FleetResult, float, str]) -> Chart:
    """A row for each replica of a run, up to this value, in this colour."""
    result, highest, colour = style
    duration = result.duration
    width = duration / _BINS if duration > 0 else 1.0
    figure = heat_map(values, highest, colour) | {
        "x0": float(f"{width / 2:.7g}"),
        "dx": float(f"{width:.7g}"),
        "y0": 0,
        "dy": 1,
        "hovertemplate": "replica %{y} at %{x:.4g} s: %{z:.3~g}<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "time, seconds"}},
        "yaxis": _replica_axis(result, len(values)),
        "showlegend": False,
    }
    return Chart(chart, title, says, {"data": [figure], "layout": layout}, height_of(len(values)))


def _who_went_where(chart: str, result: FleetResult) -> Chart:
    """Groups of requests by replica; without groups, when requests went to which replica."""
    groups = groups_of(result.requests)
    title = "Who went where"
    if groups is None:
        replicas = min(len(result.replicas), _MOST_REPLICAS)
        last = float(np.nanmax(result.routed_time, initial=0.0))
        edges = np.linspace(0.0, last if last > 0 else 1.0, _BINS + 1)
        values = np.zeros((replicas, _BINS))
        for replica in range(replicas):
            there = (result.replica == replica) | (result.prefill_replica == replica)
            values[replica] = np.histogram(result.routed_time[there], edges)[0]
        width = float(edges[1])
        figure = heat_map(values, float(values.max(initial=0)), ROUTED) | {
            "x0": float(f"{width / 2:.7g}"), "dx": float(f"{width:.7g}"), "y0": 0, "dy": 1,
            "hovertemplate": "%{z} requests to replica %{y} at %{x:.4g} s<extra></extra>",
        }  # fmt: skip
        says = f"Requests routed to each replica{_left_out(result)} over time, in stretches of {width:.3g} s."
        says += " One whose prompt is computed elsewhere counts at both, when it is routed." if result.is_split else ""
        axis: dict[str, Any] = {"title": {"text": "time, seconds"}}
        return Chart(chart, title, says, _figure(figure, axis, result, replicas), height_of(replicas))
    chosen, total = largest(groups, _MOST_GROUPS)
    values = counts_by_replica(result, groups, chosen)[:_MOST_REPLICAS].astype(np.float64)
    figure = heat_map(values, float(values.max(initial=0)), ROUTED) | {
        "x0": 0, "dx": 1, "y0": 0, "dy": 1, "xgap": 1, "ygap": 1,
        "text": [[f"{groups.kind} {number}" for number in chosen.tolist()]] * len(values),
        "hovertemplate": "%{z} requests of %{text} to replica %{y}<extra></extra>",
    }  # fmt: skip
    which = f"the {_MOST_GROUPS} largest of {total:,}" if total > _MOST_GROUPS else f"all {total}"
    says = f"A column for each {groups.kind}: {groups.says}; {which}, in order of their first request. "
    says += "One that stays at its replica has one cell."
    share = stayed(result, groups)
    if np.isfinite(share):
        says += f" {share:.1%} of the later requests of a {groups.kind} went to the replica of the one before."
    axis = {"title": {"text": groups.kind}, "showticklabels": False}
    return Chart(chart, title, says, _figure(figure, axis, result, len(values)), height_of(len(values)))


def _bars(chart: str, title: str, says: str, values: Float64Array, style: tuple[FleetResult, str, str]) -> Chart:
    """A bar for each replica of a run, in this unit and colour."""
    result, unit, colour = style
    figure = {
        "type": "bar",
        "x": list(range(len(values))),
        "y": numbers(values),
        "marker": {"color": colour},
        "hovertemplate": "replica %{x}: %{y:,.4~g}<extra></extra>",
    }
    layout = {
        "xaxis": replicas_on("replica", result, 0, len(values)),
        "yaxis": {"title": {"text": unit}, "rangemode": "tozero"},
        "showlegend": False,
    }
    return Chart(chart, title, says, {"data": [figure], "layout": layout}, 260)


def _latency_of_replicas(chart: str, key: str, colour: str, result: FleetResult) -> Chart:
    name, meaning = LATENCIES[key]
    begin = result.sent_time
    end = result.first_token_time if key == "ttft" else result.end_time
    took = np.where(result.status == RequestStatus.FINISHED, end - begin, np.nan)
    replicas, rows, all_values = [], [], []
    for replica in range(min(len(result.replicas), _MOST_REPLICAS)):
        values = took[(result.replica == replica) & np.isfinite(took)]
        if len(values):
            replicas.append(replica)
            rows.append(np.percentile(values, _PERCENTILES))
            all_values.append(values)
    columns = np.array(rows, np.float64).reshape(-1, len(_PERCENTILES)).T
    figure = {
        "type": "box",
        "x": replicas,
        **{
            field: numbers(column)
            for field, column in zip(("lowerfence", "q1", "median", "q3", "upperfence"), columns, strict=True)
        },
        "line": {"color": colour, "width": 1.5},
        # Through which the line of the median is seen.
        "fillcolor": f"{colour}55",
    }
    skewed = bool(rows) and is_skewed(np.concatenate([columns[0], columns[-1]]))
    axis: dict[str, Any] = {"title": {"text": f"{name}, seconds"}, "type": "log" if skewed else "linear"}
    axis |= {"dtick": 1} if skewed else {"rangemode": "tozero"}
    layout = {
        "xaxis": replicas_on("replica", result, 0, min(len(result.replicas), _MOST_REPLICAS)),
        "yaxis": axis,
        "showlegend": False,
    }
    says = (
        f"{meaning[0].upper()}{meaning[1:]}, of the finished requests of each replica: the box from p25 to p75, with "
    )
    says += "the median; the whiskers from p1 to p99."
    says += " A request counts where it decodes." if result.is_split else ""
    return Chart(chart, f"{name} of each replica", says, {"data": [figure], "layout": layout}, 280)


def _figure(figure: dict[str, Any], axis: dict[str, Any], result: FleetResult, replicas: int) -> dict[str, Any]:
    return {"data": [figure], "layout": {"xaxis": axis, "yaxis": _replica_axis(result, replicas), "showlegend": False}}


def _replica_axis(result: FleetResult, replicas: int) -> dict[str, Any]:
    return replicas_on("replica", result, 0, replicas) | {"range": [replicas - 0.5, -0.5]}


def _left_out(result: FleetResult) -> str:
    """What is said where not all replicas are drawn."""
    replicas = len(result.replicas)
    return f" (the first {_MOST_REPLICAS} of {replicas:,})" if replicas > _MOST_REPLICAS else ""
