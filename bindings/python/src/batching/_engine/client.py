"""How requests are sent: closed loops, sessions and clients.

A field of the client stands in this file only: in ClientSettings, which types the keyword form, and in Client. The
checks, the struct and what reports print follow from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Final, Self, TypedDict, Unpack, get_args

from batching._engine.kinds import Choice, Integer, Kind, Number, Switch
from batching._ffi.arguments import shown
from batching._ffi.calls import initialised
from batching._ffi.generated import choices, structs

ThinkTimes = choices.ThinkTimesName
"""How think times are distributed: see `Client`."""


class ClientSettings(TypedDict, total=False):
    """The keyword arguments of Client, which says what they are."""

    max_concurrency: int | None
    clients: int | None
    ramp_up: float
    think_time: float
    think_times: ThinkTimes
    think_time_sigma: float
    sessions_go_on: bool
    seed: int


@dataclass(frozen=True, kw_only=True, repr=False)
class Client:
    """How the requests of a run are sent. It cannot be changed: `replace` makes another. Two with the same values are
    equal.

    By default requests are sent as they arrive, and the turns of a session one after the other. "Engine: clients" in
    batching.h says precisely what each of these means, and "Closed loops" in the manual how benchmark tools call it.

    Args:
        max_concurrency: the most requests in flight: one that arrives while that many are waits at the client, and is
            sent when one of them ends. As `vllm bench serve --max-concurrency`. None: no limit.
        clients: so many users, with one request in flight each: a client takes the next session, or request without
            one, when its last has ended. None: there are none, and sessions begin at their arrival times.
        ramp_up: seconds over which the clients start, one after the other.
        think_time: mean seconds from the end of one session of a client to the start of its next.
        think_times: how they are distributed: "exponential", "constant" or "lognormal".
        think_time_sigma: lognormal: standard deviation of the think time's logarithm.
        sessions_go_on: whether a session goes on after a turn that was rejected or aborted. If not, its later turns
            are not sent.
        seed: of the think times: the same seed gives the same ones.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of the range of its type. What else a value must be is checked by `simulate`.

    >>> Client(max_concurrency=64)
    Client(max_concurrency=64)
    """

    max_concurrency: Annotated[int | None, Integer(1, none_is_zero=True)] = None
    clients: Annotated[int | None, Integer(1, none_is_zero=True)] = None
    ramp_up: Annotated[float, Number(is_seconds=True)] = 0.0
    think_time: Annotated[float, Number(is_seconds=True)] = 0.0
    think_times: Annotated[ThinkTimes, Choice(choices.THINK_TIMES_NAMES)] = "exponential"
    think_time_sigma: Annotated[float, Number()] = 0.0
    sessions_go_on: Annotated[bool, Switch()] = False
    seed: Annotated[int, Integer(0, 2**64 - 1)] = 0

    def __post_init__(self) -> None:
        for name, kind in CLIENT_KINDS.items():
            self.__dict__[name] = kind.checked(getattr(self, name), name)

    def replace(self, **changes: Unpack[ClientSettings]) -> Self:
        """The same but for some fields."""
        return replace(self, **changes)

    def __repr__(self) -> str:
        given = (f"{name}={value!r}" for name, value in self._settings().items() if value != CLIENT_DEFAULTS[name])
        return f"Client({', '.join(given)})"

    def _settings(self) -> dict[str, Any]:
        """All fields by name."""
        return {name: getattr(self, name) for name in CLIENT_KINDS}

    def _structure(self) -> structs.batching_client:
        structure = initialised(structs.batching_client)
        for name, kind in CLIENT_KINDS.items():
            kind.set(structure, name, getattr(self, name))
        return structure


CLIENT_KINDS: Final[dict[str, Kind]] = {known.name: get_args(known.type)[1] for known in fields(Client)}
"""The fields of Client, and of what kind their values are."""

CLIENT_DEFAULTS: Final[dict[str, Any]] = {known.name: known.default for known in fields(Client)}


def client_of(client: Client | None, settings: Mapping[str, Any]) -> Client | None:
    """What the two forms of `simulate` mean together: a client, but for some settings; None: neither is given."""
    if client is None:
        return Client(**settings) if settings else None
    if not isinstance(client, Client):
        raise TypeError(f"client is {shown(client)}: must be a Client, or None")
    return replace(client, **settings) if settings else client


def closes_loop(client: Client | None) -> bool:
    """Whether what is sent depends on what was answered, also without sessions."""
    return client is not None and (client.max_concurrency is not None or client.clients is not None)
