"""Recordings of what benchmark tools' own calculators returned: finds them, and compares the library's figures.

A recording is a JSON object with `tool`, `dataset` and `metrics`. What it was made from is a JSON object with `name`
(the dataset) and `requests`, in integer microseconds; the one in the folder `inputs` beside the recording's own folder,
or else any below the directory.
"""

import gzip
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import batching
import numpy as np
from batching import SLO, RecordedRequests

KEYS = {"tool", "dataset", "metrics"}
INPUT_KEYS = {"name", "requests", "time_unit"}

RELATIVE_TOLERANCE = 1e-12
DEVIATION_TOLERANCE = 1e-9
"""Of standard deviations, in shares of the figure; and of milliseconds where all values are equal, since the tools then
report what rounding leaves."""

# Audio, which has no requests here; units, which are words; and the clock of the machine on which it was recorded.
NOT_COMPARED = {"rtfx", "unit", "goodput_slos_ms", "min_request_timestamp", "max_response_timestamp"}

Difference = tuple[str, Any, Any]
"""Where, what was recorded, what the library says."""


class MetricRecordingError(Exception):
    """A recording cannot be compared."""


def load(path: Path) -> Any:
    """What a file holds; None if it is no JSON."""
    try:
        content = path.read_bytes()
        return json.loads(gzip.decompress(content) if path.name.endswith(".gz") else content)
    except (OSError, ValueError, EOFError):
        return None


def is_recording(content: Any) -> bool:
    """Whether this is what a tool's calculator returned."""
    return isinstance(content, dict) and content.keys() >= KEYS


class Inputs:
    """What recordings were made from."""

    def __init__(self, paths: list[Path]) -> None:
        self._found: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
        for path in paths:
            content = load(path)
            if isinstance(content, dict) and content.keys() >= INPUT_KEYS:
                self._found.setdefault(content["name"], []).append((path, content))

    def of(self, recording: Path, dataset: str) -> dict[str, Any]:
        """The requests of a dataset, the nearest to a recording."""
        found = self._found.get(dataset, [])
        if not found:
            raise MetricRecordingError(f"there are no inputs named {dataset!r}")
        beside = recording.parent.parent / "inputs"
        return next((content for path, content in found if path.parent == beside), found[0][1])


def recorded_requests(given: dict[str, Any]) -> RecordedRequests:
    """The requests of a dataset."""
    requests = given["requests"]
    times: list[int] = []
    offsets = [0]
    for request in requests:
        if request["success"] or request["itl_us"]:
            times += np.cumsum([request["start_us"] + request["ttft_us"], *request["itl_us"]]).tolist()
        offsets.append(len(times))
    seconds: dict[str, Any] = {
        name: [(request["start_us"] + (request[field] if field else 0)) / 1e6 for request in requests]
        for name, field in (("arrival_time", None), ("first_token_time", "ttft_us"), ("end_time", "latency_us"))
    }
    return RecordedRequests(
        output_length=[request["output_len"] for request in requests],
        prompt_length=[request["prompt_len"] for request in requests],
        success=np.array([request["success"] for request in requests], bool),
        token_times=np.array(times) / 1e6,
        token_offsets=offsets,
        **seconds,
    )


def figures(content: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What the library says, under the recording's own names."""
    recorded = recorded_requests(given)
    limits = given.get("goodput_slo_ms") or {}
    slo = SLO(**{{"e2el": "e2e"}.get(name, name): limit / 1e3 for name, limit in limits.items()}) if limits else None
    duration = given["duration_us"] / 1e6
    tools: dict[str, Callable[[], dict[str, Any]]] = {
        "vllm": lambda: {
            "metrics": batching.vllm_metrics(
                recorded, duration=duration, slo=slo, percentiles=content.get("percentiles", (99,))
            ),
            "output_lens_sum": batching.measure(recorded).total_output_tokens,
        },
        "sglang": lambda: _sglang(content, recorded, duration, slo),
        "aiperf": lambda: {
            "metrics": batching.aiperf_metrics(recorded, slo=slo),
            "effective_concurrency": batching.aiperf_effective_concurrency(recorded),
            "error_records": batching.measure(recorded).failed,
        },
    }
    if content["tool"] not in tools:
        raise MetricRecordingError(f"{content['tool']!r} is no tool that is known")
    return tools[content["tool"]]()


def _sglang(content: dict[str, Any], recorded: RecordedRequests, duration: float, slo: SLO | None) -> dict[str, Any]:
    told = batching.sglang_metrics(recorded, duration=duration, slo=slo)
    prefix = "steady_state_"
    stretches = {
        name: batching.sglang_steady_state(recorded, float(name.removeprefix(prefix)))
        for name in content
        if name.startswith(prefix)
    }
    return {"metrics": told, "goodput": told, **stretches}


def differences(content: dict[str, Any], given: dict[str, Any]) -> Iterator[Difference]:
    """All figures that are not as recorded."""
    got = figures(content, given)
    for section, expected in content.items():
        if section in got:
            yield from _compared(section, expected, got[section])
        elif section == "metrics" or section.startswith("steady_state"):
            raise MetricRecordingError(f"{section} cannot be compared")


def _compared(place: str, expected: Any, got: Any) -> Iterator[Difference]:
    if isinstance(expected, dict):
        for name, value in expected.items():
            if name in NOT_COMPARED:
                continue
            if not isinstance(got, dict) or name not in got:
                yield f"{place}.{name}", value, "nothing"
            else:
                yield from _compared(f"{place}.{name}", value, got[name])
    elif isinstance(expected, list):
        if not isinstance(got, list) or len(got) != len(expected):
            yield place, expected, got
        else:
            for index, (wanted, found) in enumerate(zip(expected, got, strict=True)):
                yield from _compared(f"{place}[{index}]", wanted, found)
    elif not _agree(place, expected, got):
        yield place, expected, got


def _agree(place: str, expected: Any, got: Any) -> bool:
    expected = math.inf if expected == "inf" else expected
    if isinstance(expected, bool | str | None) or isinstance(got, bool | str | None):
        return bool(expected == got)
    if "std" in place.rsplit(".", maxsplit=1)[-1]:
        return math.isclose(expected, got, rel_tol=DEVIATION_TOLERANCE, abs_tol=DEVIATION_TOLERANCE)
    return math.isclose(expected, got, rel_tol=RELATIVE_TOLERANCE)
