"""What the docstrings show is what happens."""

import doctest
import importlib
import pkgutil
from collections.abc import Callable
from typing import Literal, get_origin

import pytest

import batching

MODULES = [
    module.name
    for module in pkgutil.walk_packages(batching.__path__, "batching.")
    # These need an extra, run as a program, or are the shared library.
    if module.name not in {"batching._output.drawing", "batching.__main__", "batching.libbatching"}
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed == 0


def test_some_docstrings_have_examples() -> None:
    finder = doctest.DocTestFinder()
    examples = [test.examples for name in MODULES for test in finder.find(importlib.import_module(name))]
    assert sum(map(len, examples)) >= 5


def test_every_public_name_is_documented() -> None:
    for name in batching.__all__:
        public = getattr(batching, name)
        # A Literal has no text of its own: it is its values; nor has a type of functions.
        if name != "__version__" and get_origin(public) not in {Literal, Callable}:
            assert public.__doc__, name
