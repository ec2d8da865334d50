"""What a picture or a table says of the workload and the settings behind it, in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from batching._columns.columns import RequestColumns
from batching._columns.display import counted, rate
from batching._columns.sessions import session_count
from batching._columns.slices import rate_of
from batching._engine.described import described
from batching._output.run import Run


def workload_caption(requests: RequestColumns, *, is_closed: bool) -> str:
    """How many requests, how fast they come, how they are sent if that is not as they come, and how long they are."""
    session = requests.session
    told = [counted(len(requests), "request")]
    if session is not None:
        told[0] += f" in {counted(session_count(session), 'session')}"
    arrivals = rate_of(requests)
    if arrivals is not None:
        told.append(f"{rate(arrivals)} {'requests' if session is None else 'sessions'}/s")
    if is_closed:
        told.append("sent as fast as the clients allow")
    elif arrivals is None:
        told.append("all at once")
    for name, lengths in (("prompt", requests.prompt_length), ("output", requests.output_length)):
        if lengths is not None and len(lengths):
            told.append(f"mean {name} {float(np.mean(lengths)):,.1f} tokens")
    return ", ".join(told)


def settings_caption(runs: Iterable[Run], iteration_time: str | None = None) -> str:
    """What all of the runs are set to: slots and iteration time, perhaps in other words, and whatever is not as by
    default.
    """
    same = shared([run.settings for run in runs])
    if iteration_time is not None and "iteration_time" in same:
        same["iteration_time"] = iteration_time
    return described(same)


def shared(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Those that are there and the same in all."""
    first = settings[0]
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in settings[1:])
    }
