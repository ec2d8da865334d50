"""What Swift's side of the C functions takes from the header: the _init functions, choices and names of statuses."""

from batching_generator.choices import Choice, choices, values_of
from batching_generator.model import Function, Header, Struct

_HEAD = "// Generated from {path} by `make generate`: change that, not this.\n// swift-format-ignore-file\n"
_STATUS = "batching_status"
# Of a field that is not 0 after _init the comment says what it is.
_INITIALLY = "Initially "


def initialisers(header: Header) -> str:
    """The _init functions. A struct's `argument` is what its _init function calls it.

    Where the comment of a field says `Initially`, the struct has an `initial` in Swift, which is written.
    """
    parts = [_initialiser(struct, function) for struct, function in header.initialisers()]
    return _HEAD.format(path=header.path) + "import Batching\nimport CBatching\n\n" + "\n".join(parts)


def _initialiser(struct: Struct, function: Function) -> str:
    pointer, size = (parameter.name for parameter in function.parameters)
    body = f" try {struct.name}.initialize({pointer}, size: {size}) "
    if any(_INITIALLY in field.comment for field in struct.fields):
        body = f"\n       {body.rstrip()}\n        {struct.name}.initial.write(to: {pointer})\n    "
    return (
        f"extension {struct.name}: VersionedStruct {{\n"
        f'    static let argument: StaticString = "{pointer}"\n}}\n\n'
        f'@implementation @_cdecl("{function.name}")\n'
        f"public func {function.name}(\n"
        f"    _ {pointer}: UnsafeMutablePointer<{struct.name}>!, _ {size}: UInt32\n"
        f") -> {_STATUS} {{\n"
        f"    status {{ () throws(BatchingError) in{body}}}\n}}\n"
    )


def choice_lists(header: Header) -> str:
    """The constants of each choice that a caller makes: so what goes through all of them leaves none out."""
    parts = [_choice(choice) for choice in choices(header) if choice.is_input]
    return (
        f"{_HEAD.format(path=header.path)}import CBatching\n\n"
        "/// Which constants a caller may choose from.\n"
        f"enum Choices {{\n{''.join(parts)}}}\n"
    )


def list_name(choice: Choice) -> str:
    """What the list of a choice is called: queueOrder."""
    return choice.name[0].lower() + choice.name[1:]


def _choice(choice: Choice) -> str:
    uses = ", ".join(f"`{use.name}` of {use.owner}" for use in choice.uses)
    names = "".join(f"        {one.name},\n" for one in choice.constants)
    return f"    /// {uses}.\n    static let {list_name(choice)}: [Int32] = [\n{names}    ]\n"


def status_names(header: Header) -> str:
    """The function that names a status."""
    cases = "".join(f'        case {one.name}: "{one.name}"\n' for one in values_of(header, _STATUS))
    return (
        f"{_HEAD.format(path=header.path)}import CBatching\n\n"
        f'@implementation @_cdecl("{_STATUS}_name")\n'
        f"public func {_STATUS}_name(_ status: {_STATUS}) -> UnsafePointer<CChar>! {{\n"
        f"    let name: StaticString =\n        switch status {{\n{cases}"
        '        default: "unknown status"\n        }\n'
        "    return UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)\n}\n"
    )
