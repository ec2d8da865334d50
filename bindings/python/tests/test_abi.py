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
from batching._ffi.declared import Signature
from batching._ffi.generated import choices, constants, functions, structs

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
STRUCTURES = {structure.__name__: structure for structure in structs.STRUCTURES}


def typed(names: Mapping[str, int]) -> dict[str, int]:
    """The names that a person types, as the constants end."""
    return {name.upper(): value for name, value in names.items()}


# The names of the constants that begin with each of these, and what Python has for them.
WORDS: dict[str, Mapping[str, int]] = {
    "BATCHING_REQUEST_": RequestStatus.__members__,
    "BATCHING_END_": EndReason.__members__,
    "BATCHING_EVENT_": Event.__members__,
    "BATCHING_POLICY_": {**typed(choices.POLICY_NAMES), "CUSTOM": constants.BATCHING_POLICY_CUSTOM},
    "BATCHING_QUEUE_": typed(choices.QUEUE_ORDER_NAMES),
    "BATCHING_CONVENTION_": typed(choices.CONVENTION_NAMES),
    "BATCHING_PERCENTILE_": typed(choices.PERCENTILE_METHOD_NAMES),
    "BATCHING_ARRIVALS_": typed(choices.ARRIVALS_NAMES),
    "BATCHING_RAMP_": typed(choices.RAMP_NAMES),
    "BATCHING_LENGTHS_": typed(choices.LENGTHS_NAMES),
    "BATCHING_FINISHED_": typed(choices.FINISHED_REASON_NAMES),
    "BATCHING_FAILED_": typed(choices.FAILED_REASON_NAMES),
    "BATCHING_ACCUMULATOR_": {**AccumulatorEvent.__members__, **typed(choices.ACCUMULATOR_SCOPE_NAMES)},
    "BATCHING_ROUTER_": typed(choices.ROUTER_NAMES),
    "BATCHING_TIES_": typed(choices.TIES_NAMES),
    "BATCHING_ROUND_ROBIN_RULE_": typed(choices.ROUND_ROBIN_RULE_NAMES),
    "BATCHING_VLLM_DP_RULE_": typed(choices.VLLM_DP_RULE_NAMES),
    "BATCHING_CACHE_AWARE_RULE_": typed(choices.CACHE_AWARE_RULE_NAMES),
    "BATCHING_WAITING_ORDER_": typed(choices.WAITING_ORDER_NAMES),
    "BATCHING_SCORER_": choices.Scorer.__members__,
    "BATCHING_AUTOSCALER_": typed(choices.AUTOSCALER_NAMES),
    "BATCHING_SCALING_METRIC_": typed(choices.SCALING_METRIC_NAMES),
    "BATCHING_COMPONENT_": typed(choices.COMPONENT_NAMES),
    "BATCHING_SCALING_TARGET_": typed(choices.SCALING_TARGET_NAMES),
    "BATCHING_TIME_": {**typed(choices.TIME_MODEL_NAMES), "CALLBACK": constants.BATCHING_TIME_CALLBACK},
}


def declarations() -> str:
    """The header without comments, preprocessor lines and superfluous spaces."""
    text = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"^[ \t]*#(\\\n|[^\n])*", "", text, flags=re.MULTILINE)
    return re.sub(r"\s+", " ", text).replace('extern "C" {', "")


HANDLES = {
    "batching_accumulator",
    "batching_autoscaler",
    "batching_fleet",
    "batching_live_calibration",
    "batching_live_engine",
    "batching_profile",
    "batching_router",
}


def python_type(declarator: str) -> Any:
    """The ctypes type of `const double *arrival_time`, with or without a name."""
    match = re.fullmatch(r"(?:const )?(?:struct )?(\w+) ?(\*{0,2}) ?\w*", declarator.replace("*const *", "**").strip())
    assert match, declarator
    name, star = match.groups()
    if not star:
        return SCALARS.get(name) or structs.CALLBACKS[name]
    if name in HANDLES:
        return ctypes.c_void_p if star == "*" else ctypes.POINTER(ctypes.c_void_p)
    if name == "char":
        return ctypes.c_char_p if star == "*" else ctypes.POINTER(ctypes.c_char_p)
    if name == "void":
        return ctypes.c_void_p
    one = ctypes.POINTER(STRUCTURES.get(name) or SCALARS[name])
    return one if star == "*" else ctypes.POINTER(one)


def prototypes() -> dict[str, Signature]:
    return {
        name: signature(result, arguments)
        for result, name, arguments in re.findall(r"([\w ]+?[ *]+)(batching_\w+)\(([^()]*)\);", declarations())
    }


def callbacks() -> dict[str, Signature]:
    """The types of functions that a caller hands to the library."""
    return {
        name: signature(result, arguments)
        for result, name, arguments in re.findall(r"typedef (\w+) \(\*(\w+)\)\(([^()]*)\);", declarations())
    }


def signature(result: str, arguments: str) -> Signature:
    types = [] if arguments.strip() == "void" else [python_type(argument) for argument in arguments.split(",")]
    return Signature(python_type(result), types)


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
    assert set(functions.FUNCTIONS) == set(expected)


@pytest.mark.parametrize("name", sorted(functions.FUNCTIONS))
def test_a_function_has_the_types_of_the_header(name: str) -> None:
    assert functions.FUNCTIONS[name] == prototypes()[name]


@pytest.mark.parametrize("name", sorted(functions.FUNCTIONS))
def test_the_prototype_beside_a_function_is_that_of_the_header(name: str) -> None:
    source = Path(functions.__file__).read_text(encoding="utf-8")
    comments = re.sub(r"\s+", " ", " ".join(re.findall(r"^    # (.*)$", source, flags=re.MULTILINE)))
    header = re.search(rf"[\w ]+?[ *]+{name}\([^()]*\);", declarations())
    assert header is not None
    assert header.group().strip() in comments


def test_the_callbacks_have_the_types_of_the_header() -> None:
    expected = callbacks()
    assert set(structs.CALLBACKS) == set(expected)
    for name, callback in structs.CALLBACKS.items():
        assert Signature(callback._restype_, list(callback._argtypes_)) == expected[name]


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


def test_constants_are_all_those_of_the_header() -> None:
    known = {name: value for name, value in vars(constants).items() if name.startswith("BATCHING_")}
    assert known.pop("BATCHING_TIME_MAX") == 9_223_372_036.0
    assert known.pop("BATCHING_VERSION_NUMBER") == 1_000 * known["BATCHING_VERSION_MINOR"]
    assert known == {f"BATCHING_{name}": value for name, value in defined("BATCHING_").items()}


@pytest.mark.parametrize("prefix", WORDS)
def test_the_words_of_the_engine_are_all_those_of_the_header(prefix: str) -> None:
    assert defined(prefix) == dict(WORDS[prefix])


def defined(prefix: str) -> dict[str, int]:
    """The integer constants that begin with a prefix, by what follows it."""
    found = re.findall(
        rf"^#define {prefix}(\w*) +\(?(-?\d+)\)?$", HEADER.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    return {name: int(value) for name, value in found}
