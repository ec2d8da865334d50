"""What the replays of routers share."""

from collections.abc import Callable
from typing import Any

from batching import Router

Recording = dict[str, Any]
MakeRouter = Callable[..., Router]


def number(name: str) -> int:
    """The id of a request: "r12" is 12."""
    return int(name[1:])
