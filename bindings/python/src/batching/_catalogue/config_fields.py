"""What stands in a config.json, with errors that name what is missing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from batching._ffi.arguments import integer, shown
from batching._ffi.errors import BatchingValueError


class Fields:
    """The fields of one file, or of a part of it."""

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        self.values: Final = values
        self._prefix: Final = prefix

    def __contains__(self, name: str) -> bool:
        """Whether it is there, and not null."""
        return self.values.get(name) is not None

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    def integer(self, name: str, default: int | None = None, maximum: int = 2**31 - 1) -> int:
        """A field that is an integer; an error if it is missing and there is no default."""
        if name in self:
            return integer(self.values[name], self._prefix + name, 0, maximum)
        if default is None:
            raise BatchingValueError(f"{self._prefix}{name} is missing: a config.json must have it")
        return default

    def sequence(self, name: str) -> Sequence[Any] | None:
        """A field that is a list; None if it is missing."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise TypeError(f"{self._prefix}{name} is {shown(value)}: must be a list")
        return value

    def first(self, names: tuple[str, ...]) -> str:
        """The first of several names that is there; otherwise the first of all."""
        return next((name for name in names if name in self), names[0])
