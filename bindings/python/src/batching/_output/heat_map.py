"""Heat maps, and axes of replicas, as plotly.js draws them."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._fleet.result import FleetResult

_FEW: Final = 6
# More names than these would overlap; every n-th is written then.
_MOST_NAMED: Final = 24
_INITIALS: Final = {"prefill": "P", "decode": "D"}


def heat_map(values: npt.NDArray[np.float64], highest: float, colour: str) -> dict[str, Any]:
    """What the page gives the colours of its theme, through this one."""
    shown = [[float(f"{value:.4g}") for value in row] for row in values.tolist()]
    # A count has no ticks between whole numbers.
    ticks = {"dtick": 1} if highest <= _FEW and bool((values == np.rint(values)).all()) else {}
    return {"type": "heatmap", "z": shown, "zmin": 0, "zmax": highest or 1.0, "meta": colour, "colorbar": ticks}


def replicas_on(axis: str, result: FleetResult, first: int, count: int) -> dict[str, Any]:
    """An axis of replicas from a number on: whole numbers, with what each does where not all do the same."""
    made: dict[str, Any] = {"title": {"text": axis}, "tickformat": "d"}
    if not result.is_split:
        return made | ({"dtick": 1} if count <= 12 else {})
    shown = range(first, first + count, max(1, -(-count // _MOST_NAMED)))
    names = [f"{_INITIALS.get(result.role_of(replica), '')}{replica}" for replica in shown]
    return made | {"tickvals": list(shown), "ticktext": names}


def height_of(rows: int) -> int:
    """Pixels of a chart with so many rows."""
    return 110 + max(60, min(420, 26 * rows))
