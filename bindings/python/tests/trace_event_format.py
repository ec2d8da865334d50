"""A strict reader of the part of Chrome's Trace Event Format that traces of schedules use.

Whatever is not as the format says is an AssertionError.
"""

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

_FIELDS = {
    "s": {"ph", "cat", "name", "id", "pid", "tid", "ts"},
    "t": {"ph", "cat", "name", "id", "pid", "tid", "ts"},
    "f": {"ph", "cat", "name", "id", "pid", "tid", "ts", "bp"},
    "X": {"ph", "name", "pid", "tid", "ts", "dur", "args"},
    "C": {"ph", "name", "pid", "tid", "ts", "args"},
    "i": {"ph", "name", "pid", "tid", "ts", "s", "args"},
    "M": {"ph", "name", "pid", "tid", "args"},
}
_METADATA = {"process_name": "name", "thread_name": "name", "process_sort_index": "sort_index"}
_METADATA["thread_sort_index"] = "sort_index"


class Trace:
    """The events of a valid trace, with times in whole nanoseconds under "ts" and "dur"."""

    def __init__(self, text: str) -> None:
        whole = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
        assert set(whole) == {"displayTimeUnit", "traceEvents"}
        assert whole["displayTimeUnit"] in {"ms", "ns"}
        self.events: list[dict[str, Any]] = whole["traceEvents"]
        self.processes: dict[int, str] = {}
        self.tracks: dict[tuple[int, int], str] = {}
        for event in self.events:
            self._check(event)
        self.slices: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
        for event in self.events:
            if event["ph"] == "X":
                self.slices[event["pid"], event["tid"]].append(event)
        assert {event["pid"] for event in self.events} <= set(self.processes)
        assert set(self.slices) <= set(self.tracks)
        for slices in self.slices.values():
            _check_nesting(slices)

    def _check(self, event: dict[str, Any]) -> None:
        phase = event["ph"]
        assert set(event) == _FIELDS[phase], event
        assert type(event["name"]) is str
        assert event["name"]
        assert type(event["pid"]) is int
        assert type(event["tid"]) is int
        assert type(event.get("args", {})) is dict
        for field in {"ts", "dur"} & set(event):
            assert type(event[field]) in {int, Decimal}, event
            event[field] = Decimal(event[field]) * 1000
            assert event[field] == int(event[field]) >= 0, "a time is no whole number of nanoseconds"
            event[field] = int(event[field])
        if phase == "M":
            (key,) = event["args"]
            assert key == _METADATA[event["name"]]
            assert type(event["args"][key]) is (str if key == "name" else int)
            if event["name"] == "process_name":
                assert event["pid"] not in self.processes
                self.processes[event["pid"]] = event["args"]["name"]
            elif event["name"] == "thread_name":
                assert (event["pid"], event["tid"]) not in self.tracks
                self.tracks[event["pid"], event["tid"]] = event["args"]["name"]
        elif phase == "C":
            assert event["args"]
            assert all(type(value) in {int, Decimal} for value in event["args"].values())
        elif phase == "i":
            assert event["s"] in {"g", "p", "t"}

    def of(self, process: str) -> list[dict[str, Any]]:
        """The slices of a process, in the order of the file."""
        (number,) = [pid for pid, name in self.processes.items() if name == process]
        return [event for event in self.events if event["ph"] == "X" and event["pid"] == number]

    def counter(self, name: str) -> list[tuple[int, int]]:
        """Time and value of each event of a counter, in order of time."""
        events = [event for event in self.events if event["ph"] == "C" and event["name"] == name]
        moments = [event["ts"] for event in events]
        assert moments == sorted(moments)
        return [(event["ts"], event["args"]["value"]) for event in events]


def _no_constant(text: str) -> Any:
    raise AssertionError(f"{text} is no JSON")


def _check_nesting(slices: list[dict[str, Any]]) -> None:
    """On one track two slices are apart, or one is within the other."""
    open_until: list[int] = []
    for event in sorted(slices, key=lambda event: (event["ts"], -event["dur"])):
        begin, end = event["ts"], event["ts"] + event["dur"]
        while open_until and open_until[-1] <= begin:
            open_until.pop()
        assert not open_until or end <= open_until[-1], f"{event} overlaps another slice of its track"
        open_until.append(end)
