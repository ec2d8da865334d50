"""What a compiled program has taken from a C header: functions, structs and constants, as the compiler sees them.

The library's own debug information describes Swift types, and says nothing of the C ones. So every function that the
header declares is defined once more, as an empty stub, and compiled with debug information; `abidw` turns that into
XML, which is read here. Constants leave no trace in a library: a program prints their types and values.
"""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

sys.path.insert(0, str(Path(__file__).parents[2] / "bindings" / "generator"))
from batching_generator import outline

SIZE_FIELD = "struct_size"


@dataclass(frozen=True)
class Field:
    """A field of a struct."""

    name: str
    offset: int
    type: str


@dataclass(frozen=True)
class Struct:
    """A struct and its fields, in the order of their offsets. Sizes and offsets are bytes."""

    size: int
    fields: tuple[Field, ...]

    @property
    def says_its_size(self) -> bool:
        """Whether it begins with struct_size, and so may grow."""
        return bool(self.fields) and self.fields[0] == Field(SIZE_FIELD, 0, "unsigned int")


@dataclass
class HeaderABI:
    """All that a header promises. The stubs are a shared library, for abidiff."""

    stubs: Path
    functions: dict[str, str] = field(default_factory=dict)
    structs: dict[str, Struct] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)


def output_of(*command: str | Path) -> str:
    """What a command prints; its errors are this program's."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def read_header(header: Path, work: Path) -> HeaderABI:
    """Compiles the header in the folder `work`, and reads what became of it."""
    work.mkdir(parents=True, exist_ok=True)
    abi = HeaderABI(stubs=work / "stubs.so")
    source = work / "stubs.c"
    declarations = declared_functions(header)
    source.write_text(
        f'#include "{header.resolve()}"\n'
        + "".join(f"{declaration} {{ __builtin_trap(); }}\n" for declaration in declarations)
    )
    # Types that no function mentions are kept: a struct may be for a later one.
    output_of(
        "gcc", "-std=c99", "-g", "-fno-eliminate-unused-debug-types", "-shared", "-fPIC", source, "-o", abi.stubs
    )  # fmt: skip
    # The name and place of the header are no part of the ABI.
    description = output_of("abidw", "--load-all-types", "--no-show-locs", abi.stubs)
    _Description(ET.fromstring(description)).fill(abi)  # noqa: S314 - abidw wrote it just now
    if len(abi.functions) != len(declarations) or not abi.functions:
        raise SystemExit(f"{header}: {len(declarations)} functions declared, but abidw tells of {len(abi.functions)}")
    abi.constants = constants(header, work)
    return abi


def declared_functions(header: Path) -> list[str]:
    """The declarations of the header's functions, each without its semicolon."""
    return list(outline.functions(header).values())


def constants(header: Path, work: Path) -> dict[str, str]:
    """The type and value of each BATCHING_ macro: "int 100". Of one with parameters its text."""
    defined = [macro for macro in outline.macros(header) if macro.name.startswith("BATCHING_")]
    result = {macro.name + macro.parameters: macro.text for macro in defined if macro.parameters}
    # More digits than a double needs, so that a changed last bit is seen.
    source = work / "constants.c"
    types = {"int": "%d", "unsigned": "%u", "long": "%ld", "unsigned long": "%lu", "long long": "%lld",
             "unsigned long long": "%llu", "double": "%.17g", "char *": '\\"%s\\"'}  # fmt: skip
    formats = ", ".join(f'{c_type}: "%s {c_type} {form}\\n"' for c_type, form in types.items())
    source.write_text(
        f'#include <stdio.h>\n#include "{header.resolve()}"\n#define FORMAT(value) _Generic((value), {formats})\n'
        "int main(void) {\n"
        + "".join(
            f'    printf(FORMAT({macro.name}), "{macro.name}", {macro.name});\n'
            for macro in defined
            if not macro.parameters
        )
        + "    return 0;\n}\n"
    )
    program = work / "constants"
    output_of("gcc", "-std=c11", "-w", source, "-o", program)
    for line in output_of(program.resolve()).splitlines():
        name, value = line.split(" ", 1)
        result[name] = value
    return result


class _Description:
    """The XML of abidw: declarations that refer to types by their ids."""

    def __init__(self, corpus: ET.Element) -> None:
        self._corpus = corpus
        self._types = {element.attrib["id"]: element for element in corpus.iter() if "id" in element.attrib}

    def fill(self, abi: HeaderABI) -> None:
        for function in self._corpus.iter("function-decl"):
            name = function.attrib["name"]
            if name.startswith("batching_"):
                abi.functions[name] = self._signature(function)
        for struct in self._corpus.iter("class-decl"):
            name = struct.attrib["name"]
            if name.startswith("batching_") and struct.get("is-declaration-only") != "yes":
                fields = [self._field(member) for member in struct.iter("data-member")]
                fields.sort(key=lambda found: found.offset)
                abi.structs[name] = Struct(int(struct.attrib["size-in-bits"]) // 8, tuple(fields))

    def _field(self, member: ET.Element) -> Field:
        variable = member.find("var-decl")
        if variable is None:
            raise SystemExit("abidw: a field without a declaration")
        bits = int(member.attrib["layout-offset-in-bits"])
        return Field(variable.attrib["name"], bits // 8, self._name(variable.attrib["type-id"]))

    def _signature(self, function: ET.Element, name: str = "") -> str:
        returned = function.find("return")
        result = "void" if returned is None else self._name(returned.attrib["type-id"])
        parameters = [
            "..." if parameter.get("is-variadic") == "yes" else self._name(parameter.attrib["type-id"])
            for parameter in function.findall("parameter")
        ]
        return f"{result} {name}({', '.join(parameters) or 'void'})"

    def _name(self, type_id: str) -> str:
        """A type's name with every typedef resolved, so that only what the machine sees is compared."""
        element = self._types[type_id]
        match element.tag:
            case "typedef-decl":
                return self._name(element.attrib["type-id"])
            case "pointer-type-def":
                target = self._types[element.attrib["type-id"]]
                if target.tag == "function-type":
                    return self._signature(target, "(*)")
                return self._name(element.attrib["type-id"]) + " *"
            case "qualified-type-def":
                qualifiers = [word for word in ("const", "volatile", "restrict") if element.get(word) == "yes"]
                return " ".join([self._name(element.attrib["type-id"]), *qualifiers])
            case "array-type-def":
                return f"{self._name(element.attrib['type-id'])} array of {element.attrib['size-in-bits']} bits"
            case "class-decl" | "type-decl" | "enum-decl" | "union-decl":
                return element.attrib["name"]
        raise SystemExit(f"abidw: a type of an unknown kind: {element.tag}")
