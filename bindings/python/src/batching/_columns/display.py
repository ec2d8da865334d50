"""How results print: one table, as text for a terminal and as HTML for a notebook."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

_MINUTE: Final = 60.0
# The clock counts whole nanoseconds: what is left of less is what subtracting doubles leaves.
_NOTHING: Final = 0.5e-9


def seconds(value: float) -> str:
    """A time in the unit in which it reads best, to three or four digits; a dash for one that is not known."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if size < _NOTHING:
        return "0 s"
    if size < 1e-3:
        return f"{value * 1e6:,.4g} µs"
    if size < 1:
        return f"{value * 1e3:,.4g} ms"
    if size < 10 * _MINUTE:
        return f"{value:,.4g} s"
    return f"{value:,.0f} s"


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,.0f}" if math.isfinite(value) else "-"


def counted(number: int, noun: str) -> str:
    """A number of things: "1 request", "2,000 requests"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def rate(value: float) -> str:
    """Something per second: two decimals where they can be seen, two digits where those would be none."""
    if not math.isfinite(value):
        return "-"
    if 0 < abs(value) < 0.1:
        return f"{value:.2g}"
    return f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def share(value: float) -> str:
    """A share of 1, as percent."""
    return f"{value:.1%}" if math.isfinite(value) else "-"


@dataclass(frozen=True)
class Table:
    """What is shown: the first column is text and stands left, the others are figures and stand right."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    keys: int = 1
    """How many of the first columns name the row."""

    def text(self) -> str:
        """Lines for a terminal, in columns of equal width."""
        shown = [list(self.headings), *map(list, self.rows)] if any(self.headings) else list(map(list, self.rows))
        widths = [max(len(row[column]) for row in shown) for column in range(len(self.headings))]
        lines = [self.title]
        for row in shown:
            cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  " + "  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
        return "\n".join(lines)

    def html(self) -> str:
        """A table for a notebook; nothing in it is taken as markup."""
        parts = ["<table>", f'<caption style="text-align:left;font-weight:bold">{escape(self.title)}</caption>']
        if any(self.headings):
            parts += ["<thead><tr>", *(f"<th>{escape(heading)}</th>" for heading in self.headings), "</tr></thead>"]
        parts.append("<tbody>")
        for label, *cells in self.rows:
            parts.append(f'<tr><th style="text-align:left">{escape(label)}</th>')
            parts += [f'<td style="text-align:right">{escape(cell)}</td>' for cell in cells]
            parts.append("</tr>")
        return "".join([*parts, "</tbody></table>"])


class Displayed(ABC):
    """Prints as a table: `print(x)` in a terminal, `x` alone at the end of a notebook's cell. repr stays one line."""

    @abstractmethod
    def _table(self) -> Table: ...

    def __str__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()


class DisplayedDict(Displayed, dict[str, Any]):
    """A dict that prints as a table, and is a dict in all else."""
