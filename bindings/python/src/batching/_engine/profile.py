"""What is known of the times of one deployment: what a file keeps, and the command reads again."""

import ctypes
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self, Unpack

from batching._columns.files import whole_file
from batching._engine.config import EngineConfig, EngineSettings
from batching._engine.described import written
from batching._ffi.arguments import number, shown
from batching._ffi.calls import check
from batching._ffi.errors import BatchingValueError
from batching._ffi.loader import library
from batching._times.kind import IterationTime
from batching._times.model import TimeModel

_FORMAT: Final = "batching profile"
_VERSION: Final = 1


@dataclass(frozen=True, kw_only=True, repr=False)
class Profile:
    """How an engine of one deployment is set, how long its iterations take, and what is known about that.

    `simulate(requests, Profile.read("profile.json").config)` simulates it.

    >>> from batching import AffineTime
    >>> profile = Profile(config=EngineConfig(iteration_time=AffineTime(0.01)), model="Llama-3.1-8B", gpu="L4")
    >>> Profile.from_json(profile.to_json()) == profile
    True
    """

    config: EngineConfig
    """How it is set, its iteration time included."""
    model: str = ""
    """What it serves."""
    gpu: str = ""
    """What it runs on."""
    client_delay: float = 0.0
    """Seconds that its clients see more of each TTFT and E2E than the engine takes: network, HTTP and tokenizer, there
    and back. What is simulated has it not."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What else is known, as JSON has it: what it was fitted on, and its errors."""

    @property
    def iteration_time(self) -> IterationTime:
        """That of config."""
        time = self.config.iteration_time
        assert isinstance(time, float | TimeModel), "a function has no JSON form"  # noqa: S101
        return time

    def replace(self, **changes: Unpack[EngineSettings]) -> Self:
        """The same but for some fields of config."""
        return replace(self, config=self.config.replace(**changes))

    def to_json(self) -> str:
        """As a file has it. Fields of config that are as by default are left out, and a client_delay of 0.0.

        Raises:
            TypeError: client_delay is not a number.
            ValueError: it is negative; policy or iteration_time is a function, or a number is not finite.
        """
        default = EngineConfig().to_dict()
        engine = {name: value for name, value in self.config.to_dict().items() if value != default[name]}
        told = {
            "format": _FORMAT,
            "version": _VERSION,
            "model": self.model,
            "gpu": self.gpu,
            "iteration_time": self.config.to_dict()["iteration_time"],
            **({"client_delay": _delay(self.client_delay)} if self.client_delay else {}),
            "engine": {name: value for name, value in engine.items() if name != "iteration_time"},
            "notes": dict(self.notes),
        }
        return json.dumps(told, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """From what `to_json` gives.

        Raises:
            TypeError: a value is of the wrong type.
            ValueError: it is no such JSON object, or one of another version; a field is unknown, there twice, or its
                value out of range. "Profiles" in batching.h says what the library refuses: this refuses that, too.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BatchingValueError(f"the profile is no JSON: {error}") from None
        if not isinstance(values, dict) or values.get("format") != _FORMAT:
            raise BatchingValueError(
                f'the profile is {shown(values)}: must be a JSON object whose "format" is {_FORMAT!r}'
            )
        if values.get("version") != _VERSION:
            raise BatchingValueError(f"the profile is of version {shown(values.get('version'))}: must be of {_VERSION}")
        for name, kind, what in _KINDS:
            if name in values and not isinstance(values[name], kind):
                raise TypeError(f"{name} of the profile is {shown(values[name])}: must be {what}")
        if "iteration_time" not in values:
            raise BatchingValueError("iteration_time of the profile is missing: a profile must have it")
        config = EngineConfig.from_dict({**values.get("engine", {}), "iteration_time": values["iteration_time"]})
        delay = _delay(values.get("client_delay", 0.0))
        _check(text)
        return cls(
            config=config,
            model=values.get("model", ""),
            gpu=values.get("gpu", ""),
            client_delay=delay,
            notes=values.get("notes", {}),
        )

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """From a file.

        Raises: an OSError if it cannot be read; as from_json, with the path in front.
        """
        try:
            return cls.from_json(Path(path).read_bytes())
        except BatchingValueError as error:
            raise BatchingValueError(f"{os.fspath(path)}: {error}") from None
        except TypeError as error:
            raise TypeError(f"{os.fspath(path)}: {error}") from None

    def write(self, path: str | os.PathLike[str]) -> None:
        """To a file, which takes its name once it is complete. Raises: as to_json, and an OSError."""
        text = self.to_json()
        with whole_file(path) as file:
            file.write(text.encode() + b"\n")

    def __repr__(self) -> str:
        what = " on ".join(part for part in (self.model, self.gpu) if part)
        return f"Profile({what}{': ' if what else ''}{written(self.config.iteration_time, 'iteration_time')})"


def _check(text: str | bytes) -> None:
    """Whether a program in C, C++ or Swift could read it."""
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    handle = ctypes.c_void_p()
    check(library.batching_profile_create(content, len(content), ctypes.byref(handle)))
    library.batching_profile_destroy(handle)


def _delay(value: object) -> float:
    delay = number(value, "client_delay of the profile")
    if not 0 <= delay < math.inf:
        raise BatchingValueError(f"client_delay of the profile is {shown(value)}: must be finite, and at least 0")
    return delay


_KINDS: Final = (
    ("model", str, "a string"),
    ("gpu", str, "a string"),
    ("engine", dict, "an object"),
    ("notes", dict, "an object"),
)
