"""Does the engine decide what the real scheduler decided, and do the metrics say what the benchmark tools' own
calculators said? Replays every recording below the directories, and compares all that was recorded but the ids of the
KV blocks, which cannot be observed.

Usage: conformance.py DIRECTORY... [--engine library|slow]

Prints a line for each recording that differs, with the first difference, and how many agree. Recordings of features
that the engine does not have are left out, and counted by the keys that say so. The exit status is 1 if any differs,
cannot be read, or if there is none. JSON files of other kinds are passed over.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "Oracle"))

from oracle import metric_recordings, recordings, replay
from oracle.recordings import Recording, RecordingError

# In the order in which they are compared: causes before effects. What is not there is empty.
ITERATION_FIELDS = ["i", "t", "ab", "pre", "new", "res", "hit", "s", "run", "wait", "nrun", "nwait", "free"]
ITERATION_FIELDS += ["start", "dt", "ab2", "fin", "free2"]
EMPTY_IF_ABSENT: dict[str, Any] = {"ab": [], "new": [], "res": [], "pre": [], "ab2": [], "fin": [], "hit": {}}
RESULT_FIELDS = ["status", "output_tokens", "preemptions", "first_iter", "first_time", "finish_iter", "finish_time"]
SUMMARY_FIELDS = ["iterations", "end_time", "stalled", "truncated", "total_preemptions", "finished"]
UNOBSERVABLE = {"blk"}


@dataclass(frozen=True)
class Difference:
    """Where a run is not as recorded."""

    place: str
    field: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"{self.place}: {self.field}: expected {shortened(self.expected)}, got {shortened(self.got)}"


def shortened(value: Any) -> str:
    """As much of a value as fits on a line."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def differences(recording: Recording, result: Any) -> Iterator[Difference]:
    """All differences, in the order of the run."""
    rows = replay.iterations(recording, result)
    for number, expected in enumerate(recording.iterations):
        if number >= len(rows):
            break
        yield from row_differences(f"iteration {number}", ITERATION_FIELDS, expected, rows[number])
    yield from row_differences("summary", SUMMARY_FIELDS, recording.summary, replay.summary(result))
    if len(rows) != len(recording.iterations):
        yield Difference("run", "iterations", len(recording.iterations), len(rows))
    results = replay.results(recording, result)
    if recording.results.keys() != results.keys():
        yield Difference("results", "requests", sorted(recording.results), sorted(results))
    for name, expected in recording.results.items():
        got = results.get(name, {})
        yield from row_differences(f"request {name}", RESULT_FIELDS, expected, got)
        # One that was never reached has no time; it must not have one here either.
        for field in got.keys() - expected.keys():
            yield Difference(f"request {name}", field, None, got[field])


def row_differences(
    place: str, fields: Sequence[str], expected: dict[str, Any], got: dict[str, Any]
) -> Iterator[Difference]:
    """The fields in which a recorded row is another one."""
    unknown = expected.keys() - set(fields) - UNOBSERVABLE
    if unknown:
        raise RecordingError(f"{place}: {min(unknown)} is no field that can be compared")
    for field in fields:
        if field in expected or field in EMPTY_IF_ABSENT:
            wanted = expected.get(field, EMPTY_IF_ABSENT.get(field))
            found = got.get(field)
            # The scheduled requests are a dictionary whose order counts.
            same_order = not isinstance(wanted, dict) or list(wanted) == list(found or {})
            if wanted != found or not same_order:
                yield Difference(place, field, wanted, found)


def check(directories: Sequence[Path], engine: replay.Engine) -> int:
    """Prints the report; the exit status."""
    paths = [path for directory in directories for path in recordings.find(directory)]
    total, agreeing, unreadable = check_metrics(paths)
    left_out: Counter[tuple[Path, tuple[str, ...]]] = Counter()
    for path in paths:
        try:
            for recording in recordings.read(path):
                unknown = recordings.unknown_keys(recording)
                if unknown:
                    left_out[path.parent, tuple(unknown)] += 1
                    continue
                total += 1
                try:
                    difference = next(differences(recording, engine(recording)), None)
                except (RecordingError, KeyError, TypeError, ValueError) as error:
                    difference = None
                    unreadable += 1
                    print(f"{recording.label}: cannot be replayed: {type(error).__name__}: {error}")
                else:
                    agreeing += difference is None
                if difference is not None:
                    print(f"{recording.label}: {difference}", flush=True)
        except RecordingError as error:
            unreadable += 1
            print(error)
    print_left_out(left_out)
    print(f"{agreeing} of {total} recordings agree")
    return 0 if agreeing == total > 0 and not unreadable else 1


def print_left_out(left_out: Counter[tuple[Path, tuple[str, ...]]]) -> None:
    """Which recordings are not replayed, by directory, and why."""
    for directory in sorted({directory for directory, _ in left_out}):
        reasons = {unknown: count for (place, unknown), count in left_out.items() if place == directory}
        keys = sorted({key for unknown in reasons for key in unknown})
        print(f"{directory}: left out {sum(reasons.values())}, for keys that are not known here: {', '.join(keys)}")


def check_metrics(paths: list[Path]) -> tuple[int, int, int]:
    """The same for what benchmark tools said: recordings, those that agree, and those that cannot be compared."""
    total = agreeing = unreadable = 0
    inputs = metric_recordings.Inputs(paths)
    for path in paths:
        content = metric_recordings.load(path)
        if not metric_recordings.is_recording(content):
            continue
        total += 1
        try:
            given = inputs.of(path, content["dataset"])
            first = next(metric_recordings.differences(content, given), None)
        except (metric_recordings.MetricRecordingError, KeyError, TypeError, ValueError) as error:
            unreadable += 1
            print(f"{path}: cannot be compared: {type(error).__name__}: {error}")
            continue
        agreeing += first is None
        if first is not None:
            place, expected, got = first
            print(f"{path}: {place}: expected {shortened(expected)}, got {shortened(got)}", flush=True)
    return total, agreeing, unreadable


def main() -> int:
    """Runs the program."""
    description = __doc__ or ""
    parser = argparse.ArgumentParser(description=description.split("\n\n", maxsplit=1)[0])
    parser.add_argument("directories", type=Path, metavar="DIRECTORY", nargs="+")
    parser.add_argument("--engine", choices=list(replay.ENGINES), default="library")
    arguments = parser.parse_args()
    for directory in arguments.directories:
        if not directory.is_dir():
            parser.error(f"{directory} is no directory")
    return check(arguments.directories, replay.ENGINES[arguments.engine]())


if __name__ == "__main__":
    sys.exit(main())
