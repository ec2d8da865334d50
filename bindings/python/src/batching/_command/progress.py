"""How far long work has come, on the terminal; nothing where standard error is none."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Report = Callable[[int, int], None]
"""Gets how much is done, and how much there is."""


class Work:
    """Long work, step by step."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars

    @contextlib.contextmanager
    def step(self, description: str) -> Iterator[Report]:
        """One step: a bar that moves when the step reports, and is gone when it is over."""
        task = self._bars.add_task(description, total=None)

        def report(completed: int, total: int) -> None:
            self._bars.update(task, completed=completed, total=total)

        try:
            yield report
        finally:
            self._bars.remove_task(task)


@contextlib.contextmanager
def long_work() -> Iterator[Work]:
    """Shows a bar for each step under way."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bars:
        yield Work(bars)
