"""What a picture or a table says of the workload and the settings behind it, in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from batching._columns.columns import RequestColumns
from batching._columns.display import counted, rate
from batching._engine.described import described
from batching._output.run import Run


def workload_caption(requests: RequestColumns) -> str:
    """How many requests, how fast they come and how long they are."""
    told = [counted(len(requests), "request")]
    arrivals = requests.arrival_time
    span = 0.0 if arrivals is None or len(arrivals) == 0 else float(arrivals.max() - arrivals.min())
    told.append(f"{rate(len(requests) / span)} requests/s" if span > 0 else "all at once")
    for name, lengths in (("prompt", requests.prompt_length), ("output", requests.output_length)):
        if lengths is not None and len(lengths):
            told.append(f"mean {name} {float(np.mean(lengths)):,.1f} tokens")
    return ", ".join(told)


def settings_caption(runs: Iterable[Run]) -> str:
    """What all of the runs are set to: slots and iteration time, and whatever is not as by default."""
    return described(shared([run.settings for run in runs]))


def shared(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Those that are there and the same in all."""
    first = settings[0]
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in settings[1:])
    }
