"""The parts of batching.hpp that follow from the header: which columns each struct has, and which choices there are."""

import textwrap

from batching_generator.choices import Choice, choices, describe
from batching_generator.model import Constant, Field, Header, Struct

WIDTH = 120
_DISTRIBUTION = "batching_distribution"
_COLUMN = ("[count]", "[capacity]")
# What C++ calls otherwise: constants whose names are words of the language, which would not compile, and those beside
# them; and four choices.
_CONSTANTS = {
    "BATCHING_POLICY_STATIC": "static_batching",
    "BATCHING_POLICY_DYNAMIC": "dynamic_batching",
    "BATCHING_POLICY_CONTINUOUS": "continuous_batching",
    "BATCHING_TIME_DEFAULT": "default_time",
}
_CHOICES = {
    "finished_reason": "finish_reason",
    "failed_reason": "failure_reason",
    "router": "router_name",
    "autoscaler": "autoscaler_name",
}


def parts(header: Header) -> dict[str, str]:
    """The text of each part, by its name."""
    lists = {struct.name: columns for struct in header.structs.values() if (columns := _columns(header, struct))}
    defined = "".join(_list_of_columns(name, columns) for name, columns in lists.items())
    undefined = "".join(f"#undef {_macro(name)}\n" for name in sorted(lists))
    return {
        "columns": f"// clang-format off\n{defined}// clang-format on\n",
        "choices": "\n".join(_choice(choice) for choice in choices(header)),
        "no more columns": undefined,
    }


def _columns(header: Header, struct: Struct) -> list[Field]:
    """What a caller gives one by one: pointers to an element for every row, or to distributions."""
    if f"{struct.name}_init" not in header.functions:
        return []
    return [
        field
        for field in struct.fields
        if field.type.stars and (field.comment.startswith(_COLUMN) or field.type.base == _DISTRIBUTION)
    ]


def _macro(struct: str) -> str:
    return f"BATCHING_HPP_{struct.removeprefix('batching_').upper()}"


def _list_of_columns(struct: str, columns: list[Field]) -> str:
    lines = textwrap.wrap(
        " ".join(f"column({field.name})" for field in columns), WIDTH - len(" \\"), initial_indent="    ",
        subsequent_indent="    ",
    )  # fmt: skip
    return f"#define {_macro(struct)}(column) \\\n" + " \\\n".join(lines) + "\n"


def _choice(choice: Choice) -> str:
    name = "_".join(choice.words)
    members = "".join(f"        {_member(choice, one)} = {one.name},\n" for one in choice.constants)
    comment = textwrap.fill(describe(choice), WIDTH, initial_indent="/// ", subsequent_indent="/// ")
    return f"{comment}\nstruct {_CHOICES.get(name, name)} {{\n    enum value : std::int32_t {{\n{members}    }};\n}};\n"


def _member(choice: Choice, constant: Constant) -> str:
    return _CONSTANTS.get(constant.name, choice.member(constant).lower())
