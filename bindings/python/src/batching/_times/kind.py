"""What `iteration_time` of a configuration may be: a constant, a model, or a function."""

from collections.abc import Mapping
from typing import Any

from batching._ffi.arguments import number
from batching._ffi.generated import constants
from batching._times.affine import AffineTime
from batching._times.model import TimeModel, time_model_of

IterationTime = float | TimeModel
"""How long an iteration takes, as a value: seconds, or a model."""


def checked_time(value: Any, name: str) -> Any:
    """A constant, a model or a function, of one type."""
    if isinstance(value, TimeModel):
        return value._checked(name)
    return value if callable(value) else number(value, name)


def set_time(structure: Any, value: Any) -> None:
    """Put it into the struct of a configuration; of a function, that there is one."""
    if isinstance(value, TimeModel):
        value._set(structure)
    elif callable(value):
        structure.time_model = constants.BATCHING_TIME_CALLBACK
    else:
        structure.time_model = constants.BATCHING_TIME_CONSTANT
        structure.time_base = value


def names_of_time(value: Any) -> Mapping[str, str]:
    """What the C interface calls otherwise than iteration_time does."""
    if not isinstance(value, TimeModel):
        return {"time_base": "iteration_time"}
    terms = {field: f"iteration_time.{term}" for field, term in AffineTime._names.items()}
    return terms | {"time_roofline": "iteration_time", "time_table": "iteration_time"}


def read_time(value: Any, name: str = "iteration_time") -> Any:
    """From what JSON has."""
    return time_model_of(value, name) if isinstance(value, Mapping) else value
