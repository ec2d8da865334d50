"""Who writes the files of a fleet. The writers know the results, and so the results cannot import them."""

import os
from collections.abc import Mapping
from typing import Any, Final, Protocol


class FleetFiles(Protocol):
    """Writes the files of fleets."""

    def report(self, result: Any, path: str | os.PathLike[str], options: Mapping[str, Any]) -> None:
        """What `FleetResult.report` does."""

    def perfetto(self, result: Any, path: str | os.PathLike[str], window: tuple[float, float] | None) -> None:
        """What `FleetResult.perfetto` does."""


_FILES: Final[list[FleetFiles]] = []


def written_by(files: FleetFiles) -> None:
    """The files of fleets are written by this from now on."""
    _FILES[:] = [files]


def fleet_files() -> FleetFiles:
    """What writes them."""
    return _FILES[0]
