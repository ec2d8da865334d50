"""What the header declares, as plain values: the parser makes them, and the writers read nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

SIZE_FIELD = "struct_size"
INIT = "_init"


class HeaderError(Exception):
    """What is wrong with the header, in one sentence that begins with its place."""

    def __init__(self, place: str, sentence: str) -> None:
        super().__init__(f"{place}: {sentence}")


@dataclass(frozen=True)
class CType:
    """A type: `const double *` has the base double, is const, and has one star.

    `const char *const *` has two, and is const all through: so are the pointers that the outermost one points to.
    """

    base: str
    is_const: bool = False
    stars: int = 0
    is_const_through: bool = False

    def __str__(self) -> str:
        const = "const " if self.is_const else ""
        pointers = ("*const " if self.is_const_through else "*") * (self.stars - 1) + "*" if self.stars else ""
        return f"{const}{self.base}{' ' if self.stars else ''}{pointers}"

    def named(self, name: str) -> str:
        """The declaration of something of this type: `const double *time`."""
        return f"{self}{'' if self.stars else ' '}{name}"


@dataclass(frozen=True)
class Field:
    """A field of a struct. Offset and size are bytes where pointers have 8."""

    name: str
    type: CType
    offset: int
    comment: str
    place: str


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function or of a callback."""

    name: str
    type: CType


@dataclass(frozen=True)
class Declaration:
    """What each declaration has. `place` is FILE:LINE."""

    name: str
    comment: str
    line: int
    place: str


@dataclass(frozen=True)
class Constant(Declaration):
    """A macro with a value."""

    value: int | float


@dataclass(frozen=True)
class Alias(Declaration):
    """Another name of a type: batching_status."""

    type: CType


@dataclass(frozen=True)
class Handle(Declaration):
    """A struct of which only the library knows what is in it."""


@dataclass(frozen=True)
class Struct(Declaration):
    """A struct with its fields."""

    size: int
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Callback(Declaration):
    """The type of a function of the caller's."""

    result: CType
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True)
class Function(Declaration):
    """A function of the library."""

    result: CType
    parameters: tuple[Parameter, ...]

    @property
    def prototype(self) -> str:
        """Its declaration, in one line."""
        parameters = ", ".join(parameter.type.named(parameter.name) for parameter in self.parameters)
        return f"{self.result.named(self.name)}({parameters or 'void'});"


@dataclass(frozen=True)
class Section:
    """A part of the header: what it says at its beginning, and what it declares, in order."""

    title: str
    text: str
    line: int
    declarations: list[Declaration] = field(default_factory=list)


@dataclass(frozen=True)
class Header:
    """All of it."""

    path: str
    sections: tuple[Section, ...]

    @cached_property
    def declarations(self) -> tuple[Declaration, ...]:
        """Of all sections, in order."""
        return tuple(declaration for section in self.sections for declaration in section.declarations)

    @cached_property
    def constants(self) -> tuple[Constant, ...]:
        """The macros, in order."""
        return tuple(found for found in self.declarations if isinstance(found, Constant))

    @cached_property
    def structs(self) -> dict[str, Struct]:
        """The structs that are not handles, in order."""
        return {found.name: found for found in self.declarations if isinstance(found, Struct)}

    @cached_property
    def handles(self) -> dict[str, Handle]:
        """The structs that only the library knows."""
        return {found.name: found for found in self.declarations if isinstance(found, Handle)}

    @cached_property
    def callbacks(self) -> dict[str, Callback]:
        """The types of functions that a caller hands to the library, in order."""
        return {found.name: found for found in self.declarations if isinstance(found, Callback)}

    @cached_property
    def aliases(self) -> dict[str, Alias]:
        """Other names of types."""
        return {found.name: found for found in self.declarations if isinstance(found, Alias)}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions, in order."""
        return {found.name: found for found in self.declarations if isinstance(found, Function)}

    def initialisers(self) -> Iterator[tuple[Struct, Function]]:
        """Each struct that has an _init function, with that, in the order of the functions."""
        for function in self.functions.values():
            if function.name.endswith(INIT) and (struct := self.structs.get(function.name.removesuffix(INIT))):
                yield struct, function
