"""The layout that compiled programs rely on, as assertions in C: sizes, offsets, types, and the values of constants."""

from itertools import groupby

from batching_generator.model import Callback, Constant, Declaration, Header, Struct

_WHY = """\
/*
 * The layout of every struct of batching.h where pointers have 8 bytes, and the value of every constant: it is what a
 * compiled program holds us to. To append a field is to change a size here, and nothing else.
 */
// clang-format off
#include <assert.h>
#include <stddef.h>

"""
_MACROS = """\
#define SIZE(type, size) static_assert(sizeof(type) == (size), "size of " #type)
#define FIELD(type, field, offset, field_type) \\
    static_assert(offsetof(type, field) == (offset), "offset of " #type "." #field); \\
    static_assert(_Generic(((type *)0)->field, field_type: 1, default: 0), "type of " #type "." #field)
#define CALLBACK(type, result, ...) \\
    static_assert(_Generic((type)0, result (*)(__VA_ARGS__): 1, default: 0), "type of " #type)
#define VALUE(name, value) static_assert(name == (value), "value of " #name)

static_assert(sizeof(void *) == 8, "a platform with 8-byte pointers");
"""


def layout(header: Header) -> str:
    """A file that compiles if the header's ABI is the one that it was generated from."""
    parts = []
    for kind, declarations in groupby(header.declarations, key=type):
        asserted = "".join(map(_assertions, declarations))
        parts.append(f"\n{asserted}" if kind is Constant else asserted)
    aliases = "".join(
        f'static_assert(_Generic(({one.name})0, {one.type}: 1, default: 0), "{one.name} is an {one.type}");\n'
        for one in header.aliases.values()
    )
    return (
        f"// Generated from {header.path} by `make generate`: change that, not this.\n{_WHY}"
        f'#include "{header.path.rpartition("/")[2]}"\n\n{_MACROS}{aliases}{"".join(parts)}'
    )


def _assertions(declaration: Declaration) -> str:
    name = declaration.name
    match declaration:
        case Struct():
            fields = "".join(f"FIELD({name}, {one.name}, {one.offset}, {one.type});\n" for one in declaration.fields)
            return f"\nSIZE({name}, {declaration.size});\n{fields}"
        case Callback():
            types = ", ".join(str(parameter.type) for parameter in declaration.parameters)
            return f"\nCALLBACK({name}, {declaration.result}, {types});\n"
        case Constant():
            return _value(declaration)
    return ""


def _value(constant: Constant) -> str:
    """In C a double may only stand in an assertion where it is cast at once."""
    if isinstance(constant.value, int):
        return f"VALUE({constant.name}, {constant.value});\n"
    typed = f'static_assert(_Generic({constant.name}, double: 1, default: 0), "type of {constant.name}");\n'
    return f"{typed}VALUE((int64_t){constant.name}, {int(constant.value)});\n" if constant.value.is_integer() else typed
