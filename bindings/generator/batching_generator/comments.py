"""The text of comments, without their stars.

A comment that begins with a line of `=` is the head of a section: its next line is the title, and what follows up to
the closing line of `=` is what the section says.
"""

_RULE = "===="


def text_of(comment: str) -> str:
    """What a comment says, its lines without stars, and without the space that they share."""
    body = comment.removeprefix("/*").removeprefix("*").removeprefix("<").removesuffix("*/").rstrip("* \t\n")
    lines = body.split("\n")
    if len(lines) > 1 and all(not line.strip() or line.lstrip().startswith("*") for line in lines[1:]):
        lines = [lines[0].strip(), *(line.lstrip()[1:].removeprefix(" ").rstrip() for line in lines[1:])]
    else:
        lines = [line.strip() for line in lines]
    return "\n".join(lines).strip("\n").lstrip(" ")


def paragraph(comment: str) -> str:
    """The first paragraph of a text, in one line."""
    return " ".join(comment.split("\n\n", maxsplit=1)[0].split())


def section_head(comment: str) -> tuple[str, str] | None:
    """Title and text of the head of a section; None for any other comment."""
    rule, title, *text = [*text_of(comment).split("\n"), ""]
    if not rule.startswith(_RULE) or not title:
        return None
    return title.strip(), "\n".join(line for line in text if not line.startswith(_RULE)).strip("\n")
