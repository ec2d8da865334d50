"""The C reference of the manual: a page for each section of the header, with what it says and what it declares.

A page has the words of the section's head, and a directive of Sphinx's C domain for each declaration, with its comment,
in the order of the header.
"""

from batching_generator.model import (
    Alias,
    Callback,
    Constant,
    Declaration,
    Function,
    Handle,
    Header,
    Section,
    Struct,
)
from batching_generator.prose import escaped, markdown

_HEAD = "<!-- Generated from {path} by `make generate`: change that, not this. -->\n"


def pages(header: Header) -> dict[str, str]:
    """The text of each page, by its file name."""
    made = {page_name(section): _page(header, section) for section in header.sections}
    entries = "".join(f"{name.removesuffix('.md')}\n" for name in made)
    return {"index.md": f"{_HEAD.format(path=header.path)}# C\n\n```{{toctree}}\n{entries}```\n", **made}


def page_name(section: Section) -> str:
    """What the page of "Engine: your policy" is called: engine-your-policy.md."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in section.title.lower()).split()) + ".md"


def _page(header: Header, section: Section) -> str:
    text = markdown(section.text, f"{header.path}:{section.line}", headings=True)
    blocks = [f"# {escaped(section.title)}", *([text] if text else []), *map(_directive, section.declarations)]
    return _HEAD.format(path=header.path) + "\n\n".join(blocks) + "\n"


def _directive(declaration: Declaration) -> str:
    text = markdown(declaration.comment, declaration.place)
    match declaration:
        case Struct():
            members = [
                _fenced("c:member", one.type.named(one.name), markdown(one.comment, one.place), 4)
                for one in declaration.fields
            ]
            return _fenced("c:struct", declaration.name, "\n\n".join([text, *members]), 5)
        case Function() | Callback():
            name = declaration.name if isinstance(declaration, Function) else f"(*{declaration.name})"
            parameters = ", ".join(one.type.named(one.name) for one in declaration.parameters) or "void"
            kind = "c:function" if isinstance(declaration, Function) else "c:type"
            return _fenced(kind, f"{declaration.result.named(name)}({parameters})", text, 4)
        case Constant():
            return _fenced("c:macro", declaration.name, text, 4)
        case Alias():
            return _fenced("c:type", declaration.type.named(declaration.name), text, 4)
        case Handle():
            return _fenced("c:struct", declaration.name, text, 4)
        case _:
            raise TypeError(f"no directive for {declaration}")


def _fenced(directive: str, signature: str, text: str, backticks: int) -> str:
    """A directive; one that is inside of another, or a literal, has fewer backticks."""
    fence = "`" * backticks
    body = f"{text}\n" if text else ""
    return f"{fence}{{{directive}}} {signature}\n{body}{fence}"
