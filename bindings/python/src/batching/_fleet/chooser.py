"""What decides which replica a request goes to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from batching._engine.callbacks import Callbacks
from batching._ffi.arguments import word
from batching._ffi.calls import Float64Array, Int32Array, Int64Array
from batching._ffi.generated import choices, structs
from batching._routing.settings import RouterName

ChooserName = Literal["estimated_ttft", "estimated_e2e"]

_ESTIMATED: Final = {"estimated_ttft": 100, "estimated_e2e": 110}
_CALLBACK: Final = 120


@dataclass(frozen=True, slots=True)
class RouterView:
    """The replicas as a router of yours sees them for a request. Its columns are valid during the call."""

    request: int
    """The index of the request."""
    time: float
    """Seconds: now."""
    prompt_length: int
    """Its prompt tokens."""
    output_length: int
    """Tokens that it will generate: what no real router knows."""
    session: int
    """Its session; -1: it has none."""
    is_up: Int32Array
    """1: the worker can be chosen."""
    in_flight: Int64Array
    """Requests that went there and have not ended."""
    queued_tokens: Int64Array
    """Prompt tokens of those of them without a first token."""
    waiting: Int64Array
    """Requests that wait there."""
    running: Int64Array
    """Requests that run there."""
    kv_use: Float64Array
    """Share of its KV blocks in use; 0.0 without a limit."""
    cached_tokens: Int64Array
    """Tokens at the start of this prompt that are in its prefix cache."""


CustomRouter = Callable[[RouterView], int]


def set_router(
    fleet: structs.batching_fleet_config,
    routing: structs.batching_router_config,
    router: RouterName | ChooserName | CustomRouter,
    callbacks: Callbacks,
) -> tuple[str, list[Any]]:
    """Write what decides into the structs of C. Returns its name, and what must live as long as they."""
    if callable(router):
        asked = callbacks.router(lambda view: router(_view(view)))
        fleet.chooser = _CALLBACK
        fleet.router_callback = asked
        return "custom", [asked]
    if router in _ESTIMATED:
        fleet.chooser = _ESTIMATED[router]
        return router, []
    routing.router = word(router, "router", {**choices.ROUTER_NAMES, **_ESTIMATED})
    return router, []


def _view(told: Any) -> RouterView:
    def column(name: str) -> npt.NDArray[Any]:
        return np.ctypeslib.as_array(getattr(told, name), (told.count,))

    return RouterView(
        request=told.request,
        time=told.time,
        prompt_length=told.prompt_length,
        output_length=told.output_length,
        session=told.session,
        is_up=column("is_up"),
        in_flight=column("in_flight"),
        queued_tokens=column("queued_tokens"),
        waiting=column("waiting"),
        running=column("running"),
        kv_use=column("kv_use"),
        cached_tokens=column("cached_tokens"),
    )
