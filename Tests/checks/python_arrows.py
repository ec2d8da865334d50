#!/usr/bin/env python3
"""Fails if a module of the Python package imports one that lies above its own, or if modules import each other in a
circle: `python_arrows.py bindings/python/src/batching`.

Every import counts: those in functions, those for types alone, and those by `importlib.import_module`. An import in a
function is allowed only for the modules of LAZY, which would else slow down or break `import batching`.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Which sub-packages each one may import: those that are named, and what these may.
ARROWS: Final = {
    "_version": "",
    "_ffi": "_version",
    "_columns": "_ffi",
    "_routing": "_ffi",
    "_scaling": "_ffi",
    "_metrics": "_columns",
    "_workloads": "_columns",
    "_traces": "_columns",
    "_catalogue": "_columns",
    "_times": "_catalogue",
    "_engine": "_metrics _times",
    "_textbook": "_metrics _workloads",
    "_live": "_engine",
    "_fleet": "_live _routing _scaling",
    "_calibration": "_engine _traces",
    "_output": "_traces _calibration _live _fleet _engine _textbook _metrics _workloads",
    # The public names.
    "__init__": "_output _scaling",
    "_command": "_output",
    "__main__": "_command",
}

# What a function may import, and why not the module around it.
LAZY: Final = {
    "_command.application": "needs typer and rich",
    "_command.report": "needs jinja2 and plotly",
    "_output.drawing": "needs matplotlib",
    "_output.drawing_calibration": "needs matplotlib",
    "_output.drawing_times": "needs matplotlib",
    "_output.results_table": "needs pyarrow",
    "_traces.formats": "some need pyarrow, and most programs read no trace",
}


@dataclass(frozen=True)
class Import:
    """That one module imports another."""

    line: int
    target: str
    """Within the package, such as `_ffi.calls`; `__init__` for the package itself."""
    in_function: bool


def check(package: Path) -> list[str]:
    """What is wrong: a sentence each, with file and line."""
    paths = dict(sorted((_name(path, package), path) for path in package.rglob("*.py")))
    allowed = _allowed()
    wrong = []
    imports = {}
    for name, path in paths.items():
        layer = name.split(".")[0]
        if layer not in ARROWS:
            wrong.append(f"{path}:1: {layer} has no place in ARROWS of {Path(__file__).name}")
        found = list(_imports(name, path, package.name, set(paths)))
        imports[name] = list(dict.fromkeys(one.target for one in found))
        for one in found:
            place = f"{path}:{one.line}"
            above = one.target.split(".")[0]
            if above != layer and above not in allowed.get(layer, set()):
                wrong.append(f"{place}: {layer} imports {above}, which is not below it")
            if one.in_function and not any(f"{one.target}.".startswith(f"{lazy}.") for lazy in LAZY):
                wrong.append(f"{place}: {one.target} is imported in a function, and is not in LAZY")
    return [*wrong, *(f"{paths[circle[0]]}:1: a circle: {' -> '.join(circle)}" for circle in _circles(imports))]


def _name(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def _allowed() -> dict[str, set[str]]:
    """For each sub-package all that is below it. The table is in order, so that it has no circle itself."""
    below: dict[str, set[str]] = {}
    for layer, named in ARROWS.items():
        below[layer] = {each for name in named.split() for each in {name, *below[name]}}
    return below


def _imports(name: str, path: Path, package: str, modules: set[str]) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"), path)
    in_functions = {
        inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(outer)
    }
    # What a relative import is relative to.
    here = [package, *name.split(".")]
    if path.name != "__init__.py" or name == "__init__":
        here.pop()
    for node in ast.walk(tree):
        for target in _targets(node, here):
            if target.split(".")[0] != package:
                continue
            within = target.removeprefix(package).removeprefix(".") or "__init__"
            # The longest part of the name that is a module; a name that ends with a dot stands for all below it.
            if within.endswith("."):
                named = sorted(module for module in modules if module.startswith(within)) or [within.rstrip(".")]
            else:
                while within not in modules and "." in within:
                    within = within.rpartition(".")[0]
                named = [within if within in modules else "__init__"]
            yield from (Import(node.lineno, module, node in in_functions) for module in named)  # type: ignore[attr-defined]


def _targets(node: ast.AST, here: list[str]) -> list[str]:
    """The full names that a statement or a call imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        start = here[: len(here) - node.level + 1] if node.level else []
        base = ".".join([*start, *([node.module] if node.module else [])])
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if function in {"import_module", "__import__"} and node.args:
            return [_text(node.args[0], node.lineno)]
    return []


def _text(argument: ast.expr, line: int) -> str:
    """A text, or the beginning of one that is completed at run time: that ends with a dot."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    first = argument.values[0] if isinstance(argument, ast.JoinedStr) else None
    if isinstance(first, ast.Constant) and str(first.value).endswith("."):
        return str(first.value)
    raise SystemExit(f"line {line}: import_module needs a text, or f'a.module.{{of_these}}', to be checked")


def _circles(imports: dict[str, list[str]]) -> list[list[str]]:
    """One circle for each import that closes one, found from the modules in order of their names."""
    circles = []
    done: set[str] = set()
    for start, first in imports.items():
        path = [start]
        rest = [iter(first)]
        while rest:
            target = next(rest[-1], None)
            if target is None:
                rest.pop()
                done.add(path.pop())
            elif target in path:
                circles.append([*path[path.index(target) :], target])
            elif target not in done and target in imports:
                path.append(target)
                rest.append(iter(imports[target]))
    return circles


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
