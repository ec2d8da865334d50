"""What Python believes of the C interface is what the header says: every function, every field, every offset."""

import ctypes
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from batching import AccumulatorEvent, EndReason, Event, RequestStatus
from batching._ffi import abi

HEADER = Path(__file__).parents[3] / "include" / "batching.h"

SCALARS: dict[str, Any] = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint8_t": ctypes.c_uint8,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "double": ctypes.c_double,
    "batching_status": ctypes.c_int32,
}
STRUCTURES = {structure.c_name: structure for structure in abi.STRUCTURES}

# The names of the constants that begin with each of these, and what Python has for them.
WORDS: dict[str, Mapping[str, int]] = {
    "BATCHING_REQUEST_": RequestStatus.__members__,
    "BATCHING_END_": EndReason.__members__,
    "BATCHING_EVENT_": Event.__members__,
    "BATCHING_POLICY_": {name.upper(): value for name, value in abi.POLICIES.items()},
    "BATCHING_QUEUE_": {name.upper(): value for name, value in abi.QUEUE_ORDERS.items()},
    "BATCHING_CONVENTION_": {name.upper(): value for name, value in abi.CONVENTIONS.items()},
    "BATCHING_PERCENTILE_": {name.upper(): value for name, value in abi.PERCENTILE_METHODS.items()},
    "BATCHING_ARRIVALS_": {name.upper(): value for name, value in abi.ARRIVALS.items()},
    "BATCHING_RAMP_": {name.upper(): value for name, value in abi.RAMPS.items()},
    "BATCHING_LENGTHS_": {name.upper(): value for name, value in abi.LENGTHS.items()},
    "BATCHING_FINISHED_": {name.upper(): value for name, value in abi.FINISHED.items()},
    "BATCHING_FAILED_": {name.upper(): value for name, value in abi.FAILED.items()},
    "BATCHING_ACCUMULATOR_": {
        **AccumulatorEvent.__members__,
        **{name.upper(): value for name, value in abi.SCOPES.items()},
    },
    "BATCHING_TIME_": {
        "DEFAULT": abi.TIME_DEFAULT,
        "CONSTANT": abi.TIME_CONSTANT,
        "AFFINE": abi.TIME_AFFINE,
        "CALLBACK": abi.TIME_CALLBACK,
    },
}


def declarations() -> str:
    """The header without comments, preprocessor lines and superfluous spaces."""
    text = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"^[ \t]*#(\\\n|[^\n])*", "", text, flags=re.MULTILINE)
    return re.sub(r"\s+", " ", text).replace('extern "C" {', "")


def python_type(declarator: str) -> Any:
    """The ctypes type of `const double *arrival_time`, with or without a name."""
    match = re.fullmatch(r"(?:const )?(?:struct )?(\w+) ?(\*{0,2}) ?\w*", declarator.strip())
    assert match, declarator
    name, star = match.groups()
    if not star:
        return SCALARS.get(name) or abi.CALLBACKS[name]
    if name in {"batching_accumulator", "batching_live_engine"}:
        return ctypes.c_void_p if star == "*" else ctypes.POINTER(ctypes.c_void_p)
    if name == "char":
        return ctypes.c_char_p
    if name == "void":
        return ctypes.c_void_p
    return ctypes.POINTER(STRUCTURES.get(name) or SCALARS[name])


def prototypes() -> dict[str, abi.Signature]:
    return {
        name: signature(result, arguments)
        for result, name, arguments in re.findall(r"([\w ]+?[ *]+)(batching_\w+)\(([^()]*)\);", declarations())
    }


def callbacks() -> dict[str, abi.Signature]:
    """The types of functions that a caller hands to the library."""
    return {
        name: signature(result, arguments)
        for result, name, arguments in re.findall(r"typedef (\w+) \(\*(\w+)\)\(([^()]*)\);", declarations())
    }


def signature(result: str, arguments: str) -> abi.Signature:
    types = [] if arguments.strip() == "void" else [python_type(argument) for argument in arguments.split(",")]
    return abi.Signature(python_type(result), types)


def structures() -> dict[str, list[tuple[str, Any]]]:
    """The names and types of the fields of each struct, in order."""
    found = {}
    for body, name in re.findall(r"typedef struct \w+ \{([^}]*)\} (\w+);", declarations()):
        fields = [field.strip() for field in body.split(";") if field.strip()]
        found[name] = [(field.split()[-1].lstrip("*"), python_type(field)) for field in fields]
    return found


def test_the_table_has_the_functions_of_the_header() -> None:
    expected = prototypes()
    assert len(expected) + len(callbacks()) == declarations().count(");")
    assert set(abi.FUNCTIONS) == set(expected)


@pytest.mark.parametrize("name", sorted(abi.FUNCTIONS))
def test_a_function_has_the_types_of_the_header(name: str) -> None:
    assert abi.FUNCTIONS[name] == prototypes()[name]


@pytest.mark.parametrize("name", sorted(abi.FUNCTIONS))
def test_the_prototype_beside_a_function_is_that_of_the_header(name: str) -> None:
    source = Path(abi.__file__).read_text(encoding="utf-8")
    comments = re.sub(r"\s+", " ", " ".join(re.findall(r"^    # (.*)$", source, flags=re.MULTILINE)))
    header = re.search(rf"[\w ]+?[ *]+{name}\([^()]*\);", declarations())
    assert header is not None
    assert header.group().strip() in comments


def test_the_callbacks_have_the_types_of_the_header() -> None:
    expected = callbacks()
    assert set(abi.CALLBACKS) == set(expected)
    for name, callback in abi.CALLBACKS.items():
        assert abi.Signature(callback._restype_, list(callback._argtypes_)) == expected[name]


def test_the_structs_have_the_fields_of_the_header() -> None:
    expected = structures()
    assert set(STRUCTURES) == set(expected)
    for name, structure in STRUCTURES.items():
        assert list(structure._fields_) == expected[name]


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_structs_have_the_layout_that_c_gives_them(tmp_path: Path) -> None:
    lines, expected = [], []
    for name, structure in STRUCTURES.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        expected.append(f"{name} {ctypes.sizeof(structure)}")
        for field, _ in structures()[name]:
            member = f"(({name} *)0)->{field}"
            lines.append(f'printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), sizeof({member}));')
            descriptor = getattr(structure, field)
            expected.append(f"{name}.{field} {descriptor.offset} {descriptor.size}")
    source, program = tmp_path / "layout.c", tmp_path / "layout"
    headers = ["#include <batching.h>", "#include <stddef.h>", "#include <stdio.h>"]
    source.write_text("\n".join([*headers, "int main(void) {", *lines, "}", ""]))
    subprocess.run(["cc", f"-I{HEADER.parent}", str(source), "-o", str(program)], check=True)
    printed = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    assert printed.splitlines() == expected


@pytest.mark.parametrize(
    ("macro", "value"),
    [
        ("BATCHING_OK", abi.OK),
        ("BATCHING_ERROR_OUT_OF_MEMORY", abi.ERROR_OUT_OF_MEMORY),
        ("BATCHING_ERROR_CANCELLED", abi.ERROR_CANCELLED),
        ("BATCHING_ERROR_BUSY", abi.ERROR_BUSY),
        ("BATCHING_COUNT_MAX", abi.COUNT_MAX),
    ],
)
def test_constants_are_those_of_the_header(macro: str, value: int) -> None:
    assert constants(macro) == {"": value}


@pytest.mark.parametrize("prefix", WORDS)
def test_the_words_of_the_engine_are_all_those_of_the_header(prefix: str) -> None:
    assert constants(prefix) == dict(WORDS[prefix])


def constants(prefix: str) -> dict[str, int]:
    """The integer constants that begin with a prefix, by what follows it."""
    defined = re.findall(rf"^#define {prefix}(\w*) (\d+)$", HEADER.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: int(value) for name, value in defined}
