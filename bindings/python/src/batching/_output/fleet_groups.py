"""Which requests of a fleet belong together, and where they went."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from batching._columns.columns import RequestColumns
from batching._columns.sessions import numbered
from batching._ffi.calls import Int64Array
from batching._fleet.result import FleetResult

# Hash ids that are looked at for a prefix that tells prompts apart.
_DEEPEST: Final = 256


@dataclass(frozen=True, eq=False)
class Groups:
    """Requests that belong together."""

    kind: str
    """What a group is called: "session" or "prefix"."""
    says: str
    """What makes it one, in words."""
    group: Int64Array
    """The number of the group of each request, from 0 in order of their first requests; -1: it is in none."""


def groups_of(requests: RequestColumns) -> Groups | None:
    """Sessions if there are some, else requests that begin alike; None if neither is known."""
    if requests.session is not None:
        return Groups("session", "turns of one session", numbered(requests.session))
    ids, offsets = requests.hash_ids, requests.hash_offsets
    if ids is None or offsets is None or len(ids) == 0:
        return None
    lengths = np.diff(offsets)
    known = np.flatnonzero(lengths > 0)
    last = lengths[known] - 1
    deepest = min(int(last.max()), _DEEPEST)
    depth, prefix = 0, ids[offsets[known]]
    # What nearly all prompts begin with, such as a system prompt, does not tell them apart. Ids are chained: one stands
    # for all that is before it, too.
    while depth < deepest and 2 * np.unique(prefix, return_counts=True)[1].max() > len(known):
        depth += 1
        prefix = ids[offsets[known] + np.minimum(last, depth)]
    group = np.full(len(requests), -1, np.int64)
    group[known] = numbered(prefix)
    tokens = (depth + 1) * (requests.hash_block_size or 16)
    return Groups("prefix", f"requests with the same first {tokens:,} prompt tokens", group)


def largest(groups: Groups, most: int) -> tuple[Int64Array, int]:
    """The groups with the most requests, in order of their first requests, and how many groups there are."""
    sizes = np.bincount(groups.group[groups.group >= 0])
    chosen = np.argsort(-sizes, kind="stable")[:most]
    return np.sort(chosen), len(sizes)


def counts_by_replica(result: FleetResult, groups: Groups, chosen: Int64Array) -> Int64Array:
    """How many requests of each chosen group went to each replica: shape (replicas, groups)."""
    place = np.full(int(groups.group.max(initial=-1)) + 2, -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    column = place[groups.group]
    replicas = len(result.replicas)
    cells = np.empty(0, np.int64)
    # One whose prompt was computed elsewhere was at both.
    for where in (result.prefill_replica, result.replica):
        there = np.flatnonzero((groups.group >= 0) & (column >= 0) & (where >= 0))
        cells = np.append(cells, where[there].astype(np.int64) * len(chosen) + column[there])
    return np.bincount(cells, minlength=replicas * len(chosen)).reshape(replicas, len(chosen))


def stayed(result: FleetResult, groups: Groups) -> float:
    """Of the requests that follow another of their group, the share that went to the replica of the one before. NaN:
    none follows another.
    """
    # Where its prompt was looked for in a prefix cache.
    first = np.where(result.prefill_replica >= 0, result.prefill_replica, result.replica)
    there = np.flatnonzero((groups.group >= 0) & (first >= 0))
    # By group, and within it in the order in which they were routed.
    order = there[np.lexsort((there, result.routed_time[there], groups.group[there]))]
    follows = groups.group[order][1:] == groups.group[order][:-1]
    if not follows.any():
        return float("nan")
    return float(np.mean((first[order][1:] == first[order][:-1])[follows]))
