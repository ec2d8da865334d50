"""What kinds of values the fields of a configuration have: how one is checked, given to the library, written down and
read back. A kind knows nothing of single fields.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from batching._ffi.arguments import INT64_MAX, INT64_MIN, integer, number, shown
from batching._ffi.errors import BatchingValueError


class Kind(ABC):
    """One kind of values. `name` is what the sentence of an error calls the value."""

    is_seconds: bool = False
    """Whether a value is a time."""

    @abstractmethod
    def checked(self, value: Any, name: str) -> Any:
        """The value as it is kept: of one Python type, in the range of the C type."""

    def set(self, structure: Any, field: str, value: Any) -> None:
        """Put a checked value into the struct."""
        setattr(structure, field, value)

    @abstractmethod
    def parsed(self, text: str, name: str) -> Any:
        """From what is typed on a command line."""

    def plain(self, value: Any, name: str) -> Any:  # noqa: ARG002  (some kinds have values that have no JSON)
        """A checked value as JSON has it."""
        return value


class Integer(Kind):
    """An integer in a range."""

    def __init__(self, minimum: int = INT64_MIN, maximum: int = INT64_MAX, *, none_is_zero: bool = False) -> None:
        self._range: Final = (minimum, maximum)
        self._none_is_zero: Final = none_is_zero

    def checked(self, value: Any, name: str) -> int | None:
        if value is None and self._none_is_zero:
            return None
        return integer(value, name, *self._range)

    def set(self, structure: Any, field: str, value: int | None) -> None:
        setattr(structure, field, 0 if value is None else value)

    def parsed(self, text: str, name: str) -> int | None:
        if text == "none":
            return None
        try:
            return int(text)
        except ValueError:
            raise BatchingValueError(f"{name} is {shown(text)}: must be an integer") from None


class Number(Kind):
    """A double. Where None stands for the 0 of the C interface, 0 itself is an error."""

    def __init__(self, *, is_seconds: bool = False, none_is_zero: bool = False) -> None:
        self.is_seconds = is_seconds
        self._none_is_zero: Final = none_is_zero

    def checked(self, value: Any, name: str) -> float | None:
        if value is None and self._none_is_zero:
            return None
        given = number(value, name)
        if self._none_is_zero and given == 0:
            raise BatchingValueError(f"{name} is 0.0: must be above 0, or None")
        return given

    def set(self, structure: Any, field: str, value: float | None) -> None:
        setattr(structure, field, 0.0 if value is None else value)

    def parsed(self, text: str, name: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise BatchingValueError(f"{name} is {shown(text)}: must be a number") from None


class Switch(Kind):
    """True or False. The struct may have a field for the opposite, so that 0 is its default."""

    def __init__(self, opposite: str | None = None) -> None:
        self._opposite: Final = opposite

    def checked(self, value: Any, name: str) -> bool:
        return switch(value, name)

    def set(self, structure: Any, field: str, value: bool) -> None:  # noqa: FBT001  (a value as any other)
        setattr(structure, self._opposite or field, value if self._opposite is None else not value)

    def parsed(self, text: str, name: str) -> bool:
        if text not in {"true", "false"}:
            raise BatchingValueError(f"{name} is {shown(text)}: must be true or false")
        return text == "true"


class Choice(Kind):
    """A word of several, each a constant of the C interface."""

    def __init__(self, words: Mapping[str, int], otherwise: str = "") -> None:
        self._words: Final = words
        self._otherwise: Final = otherwise

    def checked(self, value: Any, name: str) -> Any:
        if isinstance(value, str) and value in self._words:
            return value
        known = ", ".join(repr(word) for word in self._words)
        error = BatchingValueError if isinstance(value, str) else TypeError
        raise error(f"{name} is {shown(value)}: must be one of {known}{self._otherwise}")

    def set(self, structure: Any, field: str, value: Any) -> None:
        setattr(structure, field, self._words[value])

    def parsed(self, text: str, name: str) -> str:  # noqa: ARG002  (it is checked when the configuration is made)
        return text


def switch(value: object, name: str) -> bool:
    """True or False, and nothing that is merely true."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{name} is {shown(value)}: must be True or False")
