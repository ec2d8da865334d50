"""How autodoc reads the Python package.

What `import batching` offers lives there, and not in the private module that defines it: so a type in a signature is a
link to its page. A page is wanted for every such name. The docstrings have Google's sections; what a property says before
a colon is no type.
"""

import inspect
import re
from typing import Any

import batching
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring
from sphinx.util import logging

_SECTIONS: Any = Config(napoleon_numpy_docstring=False)


def _sections(_: Sphinx, what: Any, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """The sections of a docstring ("Args:") become fields."""
    if what in {"class", "exception", "function", "method"}:
        lines[:] = GoogleDocstring(lines, _SECTIONS, None, what, name, value, options).lines()


def _signature(
    _: Sphinx,
    what: str,
    name: str,
    value: Any,
    options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str, str | None] | None:
    """A class that only the package itself makes has no constructor to show."""
    if what == "class" and signature and re.search(r"\b_[a-z]\w*\.", signature):
        return "", returned
    return None


def _every_name_is_described(app: Sphinx, _: Any) -> None:
    described = {name for name, *_ in app.env.get_domain("py").get_objects()}
    for name in batching.__all__:
        if name != "__version__" and f"batching.{name}" not in described:
            logging.getLogger(__name__).warning(
                "batching.%s is public, and on no page of the reference", name
            )


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    for name in batching.__all__:
        value = getattr(batching, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            value.__module__ = "batching"
    app.connect("autodoc-process-docstring", _sections)
    app.connect("autodoc-process-signature", _signature)
    app.connect("env-check-consistency", _every_name_is_described)
    return {"parallel_read_safe": True}
