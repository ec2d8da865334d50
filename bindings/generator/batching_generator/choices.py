"""The choices of the header: constants of which a field, a column or a parameter of type int32_t is one.

C does not tell which: there are no enumerations in the interface, whose fields have a fixed width. So the comments do.

- Of a field: the constants stand at the beginning of its comment (behind the `[count]` of a column) or right after a
  colon. `BATCHING_POLICY_...` is every whole-number constant that begins so. A constant that is named in full stands
  for its run: the constants around it without another declaration in between, which begin with the same word.
- Of a parameter: the same, right after its name in the comment of the function, with or without a colon.
- A constant that says in its comment `policy_callback`, or what else is a field of the type of a callback, is chosen by
  giving that callback. It has no name that a person could type.
- The constants right behind the typedef of a number, as batching_status, are its values.

A choice is called by the word behind BATCHING_ and by the first field or parameter that takes it: BATCHING_REQUEST_...
and status make RequestStatus. A word that both have stands once: BATCHING_QUEUE_... and queue_order make QueueOrder;
and where the field ends with the word, as prompt_lengths does, there are several such fields: Lengths.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from batching_generator.comments import paragraph
from batching_generator.model import Constant, CType, Declaration, Function, Header, HeaderError, Struct

_PREFIX = "BATCHING_"
_PUNCTUATION = ".,;:()"


@dataclass(frozen=True)
class Use:
    """A field of a struct, or a parameter of a function, that is one of the constants of a choice."""

    owner: str
    name: str
    is_input: bool
    is_column: bool
    comment: str
    place: str


@dataclass(frozen=True)
class Choice:
    """Constants, in the order of their values, and what is one of them."""

    prefix: str
    constants: tuple[Constant, ...]
    named: tuple[Constant, ...]
    uses: list[Use] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """The words of its name."""
        prefix, used = self.prefix.lower().split("_"), self.uses[0].name.split("_")
        if used[: len(prefix)] == prefix:
            return used
        return prefix if used[-len(prefix) :] == prefix else prefix + used

    @property
    def name(self) -> str:
        """The name of a class: RequestStatus."""
        return "".join(word.capitalize() for word in self.words)

    @property
    def is_input(self) -> bool:
        """Whether a caller chooses, and not the library."""
        return any(use.is_input for use in self.uses)

    @property
    def is_setting(self) -> bool:
        """Whether a caller chooses once, and not for each element of a column."""
        return any(use.is_input and not use.is_column for use in self.uses)

    def member(self, constant: Constant) -> str:
        """What is left of the name of a constant: VLLM."""
        return constant.name.removeprefix(f"{_PREFIX}{self.prefix}_")


def choices(header: Header) -> tuple[Choice, ...]:
    """All of them, in the order of their first constants."""
    found: dict[tuple[Constant, ...], Choice] = {}
    callbacks = _callback_fields(header)
    # Those with all constants of a word first: where another use names a part of them, it is of that choice.
    for constants, use in sorted(_uses(header), key=lambda made: -len(made[0])):
        ordered = tuple(sorted(constants, key=lambda one: one.value))
        whole = next((known for known in found if set(constants) <= set(known)), ordered)
        if whole not in found:
            _check(whole, use)
            named = tuple(one for one in whole if not callbacks & _words(one.comment))
            found[whole] = Choice(_common_words(whole, use), whole, named)
        found[whole].uses.append(use)
    made = sorted(found.values(), key=lambda choice: min(one.line for one in choice.constants))
    _check_names(made, header)
    return tuple(made)


def values_of(header: Header, alias: str) -> tuple[Constant, ...]:
    """The constants right behind the typedef of a number."""
    declarations = header.declarations
    start = declarations.index(header.aliases[alias]) + 1
    end = start
    while end < len(declarations) and isinstance(declarations[end], Constant):
        end += 1
    return tuple(one for one in declarations[start:end] if isinstance(one, Constant))


# --- Who takes what ---------------------------------------------------------------------------------------------------


def _uses(header: Header) -> Iterator[tuple[tuple[Constant, ...], Use]]:
    read = _read_structs(header)
    for declaration in header.declarations:
        if isinstance(declaration, Struct):
            for one in declaration.fields:
                if one.type.base == "int32_t":
                    word = _at_the_beginning(one.comment)
                    is_input = one.type.is_const if one.type.stars else declaration.name in read
                    if word:
                        use = Use(declaration.name, one.name, is_input, one.type.stars > 0, one.comment, one.place)
                        yield _constants(header, word, use), use
        if isinstance(declaration, Function):
            for parameter in declaration.parameters:
                words = _after(parameter.name, declaration.comment)
                if parameter.type == CType("int32_t") and words:
                    use = Use(
                        declaration.name,
                        parameter.name,
                        is_input=True,
                        is_column=False,
                        comment=" ".join(words),
                        place=declaration.place,
                    )
                    yield _constants(header, words[0], use), use


def _read_structs(header: Header) -> set[str]:
    """The structs that a function only reads, and those that such a struct points to, and no function writes."""
    read = {
        parameter.type.base
        for function in header.functions.values()
        for parameter in function.parameters
        if parameter.type.is_const
    }
    written = {
        parameter.type.base
        for function in header.functions.values()
        for parameter in function.parameters
        if not parameter.type.is_const and not function.name.endswith("_init")
    }
    structs = {one.name: one for one in header.declarations if isinstance(one, Struct) and one.name not in written}
    found = list(read)
    while found:
        for one in structs[name].fields if (name := found.pop()) in structs else ():
            if one.type.is_const and one.type.base in structs and one.type.base not in read:
                read.add(one.type.base)
                found.append(one.type.base)
    return read


def _at_the_beginning(comment: str) -> str | None:
    words = comment.split()
    while words and words[0].startswith("["):
        closing = next((index for index, word in enumerate(words) if word.endswith("]")), 0)
        words = words[closing + 1 :]
    before = ":"
    for word in words:
        if word.startswith(_PREFIX) and before.endswith(":"):
            return word
        before = word
    return None


def _after(name: str, comment: str) -> list[str]:
    """What is said of a parameter, and all that follows; empty if that does not begin with a constant."""
    words = comment.split()
    for index, (before, word) in enumerate(pairwise(words)):
        if before in {name, f"{name}:"} and word.startswith(_PREFIX):
            return words[index + 1 :]
    return []


def _constants(header: Header, word: str, use: Use) -> tuple[Constant, ...]:
    name = word.rstrip(_PUNCTUATION)
    whole = [one for one in header.constants if isinstance(one.value, int)]
    if name.endswith("_"):
        found = [one for one in whole if one.name.startswith(name)]
    else:
        found = _run(header.declarations, name)
    if not found:
        raise HeaderError(use.place, f"the comment of {use.name} names {word}, but there is no such constant")
    return tuple(found)


def _run(declarations: tuple[Declaration, ...], name: str) -> list[Constant]:
    run: list[Constant] = []
    for one in declarations:
        if isinstance(one, Constant) and (not run or _first_word(one) == _first_word(run[-1])):
            run.append(one)
            continue
        if any(member.name == name for member in run):
            return run
        run = [one] if isinstance(one, Constant) else []
    return run if any(member.name == name for member in run) else []


def _first_word(constant: Constant) -> str:
    return constant.name.removeprefix(_PREFIX).split("_")[0]


def _common_words(constants: tuple[Constant, ...], use: Use) -> str:
    """The words with which all begin, each of which goes on with another word: POLICY, THINK_TIMES."""
    names = [one.name.removeprefix(_PREFIX).split("_") for one in constants]
    common: list[str] = []
    for words in zip(*(name[:-1] for name in names), strict=False):
        if len(set(words)) != 1:
            break
        common.append(words[0])
    if not common:
        first = sorted({_first_word(one) for one in constants})
        raise HeaderError(use.place, f"the constants of {use.name} begin with several words: {', '.join(first)}")
    return "_".join(common)


def _callback_fields(header: Header) -> set[str]:
    return {
        one.name for struct in header.structs.values() for one in struct.fields if one.type.base in header.callbacks
    }


def _words(comment: str) -> set[str]:
    return {word.strip(_PUNCTUATION) for word in comment.split()}


# --- What must hold ---------------------------------------------------------------------------------------------------


def _check(constants: tuple[Constant, ...], use: Use) -> None:
    for value, count in Counter(one.value for one in constants).items():
        if count > 1:
            same = " and ".join(one.name for one in constants if one.value == value)
            raise HeaderError(use.place, f"{same} are of one choice, {use.name}, but both are {value}")
    for one in constants:
        if not one.comment:
            raise HeaderError(one.place, f"{one.name} has no comment /** … */ before it: say what it chooses")


def _check_names(found: list[Choice], header: Header) -> None:
    for name, count in Counter(choice.name for choice in found).items():
        if count > 1:
            raise HeaderError(header.path, f"{count} choices would be called {name}")
    known = {one.name for choice in found for one in choice.constants}
    known |= {one.name for alias in header.aliases for one in values_of(header, alias)}
    orphans: dict[str, list[Constant]] = {}
    for one in header.constants:
        if isinstance(one.value, int) and one.comment and one.name not in known:
            orphans.setdefault(_first_word(one), []).append(one)
    for word, members in orphans.items():
        if len(members) > 1:
            raise HeaderError(
                members[0].place,
                f"no field or parameter says that it is one of {_PREFIX}{word}_...: say so at the beginning of the "
                "comment of a field, or after the name of a parameter",
            )


def describe(choice: Choice) -> str:
    """What a choice is, in a sentence: what the comment of its first field says beside the constants."""
    use = choice.uses[0]
    owners = ", ".join(dict.fromkeys(one.owner for one in choice.uses if one.name == use.name))
    text = paragraph(use.comment)
    while text.startswith("["):
        text = text.partition("]")[2].strip()
    clause = " ".join(word for word in text.split(". ")[0].split(": ") if not word.startswith(_PREFIX))
    clause = clause or "One of the constants"
    return f"{clause[0].upper()}{clause[1:].rstrip(_PUNCTUATION)}: `{use.name}` of {owners}."
