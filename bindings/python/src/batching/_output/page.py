"""Pages that carry everything they need, so that they open anywhere without a network."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from batching._engine.described import written
from batching._ffi.errors import MissingExtraError
from batching._output.chart import Chart
from batching._output.run import Run
from batching._version import __version__

_HERE: Final = Path(__file__).parent


def page(template: Path, charts: Sequence[Chart], **shown: Any) -> str:
    """A page, as HTML: a template that extends page.html.jinja, with what it shows."""
    try:
        import jinja2  # noqa: PLC0415  (optional)
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise MissingExtraError("a report", (error.name or "plotly").partition(".")[0], "cli") from error
    folders = jinja2.FileSystemLoader([template.parent, _HERE])
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, loader=folders)
    return environment.get_template(template.name).render(
        version=__version__,
        charts=charts,
        figures=_script_json({chart.id: chart.figure for chart in charts}),
        plotly=get_plotlyjs(),
        **shown,
    )


def titled(names: Sequence[str]) -> str:
    """What a page of these runs is called."""
    return " against ".join(names) if len(names) <= 4 else f"{len(names)} runs"


def settings_of(runs: Sequence[Run], iteration_time: str | None) -> list[tuple[str, list[str]]]:
    """The settings of each run, defaults included, one line a setting; of the iteration time in other words."""
    lines = []
    for name in runs[0].settings:
        told = [written(run.settings[name], name) if name in run.settings else "-" for run in runs]
        in_words = name == "iteration_time" and iteration_time is not None
        lines.append((name, [str(iteration_time)] * len(runs) if in_words else told))
    return lines


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
