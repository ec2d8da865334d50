"""The replicas of a fleet: pools of engines that are alike."""

from collections.abc import Sequence
from typing import Final

from batching._engine.config import EngineConfig
from batching._ffi.arguments import integer, shown, word
from batching._ffi.errors import BatchingValueError
from batching._fleet.disaggregation import ROLES, RoleName

Pool = tuple[EngineConfig, int] | tuple[EngineConfig, int, RoleName]
Pools = EngineConfig | Sequence[Pool]

_USUAL_REPLICAS: Final = 4
_MOST_REPLICAS: Final = 65_536


def pools_of(config: Pools | None, replicas: int | None) -> list[tuple[EngineConfig, int, RoleName]]:
    """What is given, with a role for each. One engine: that many replicas of it."""
    if config is None or isinstance(config, EngineConfig):
        number = _USUAL_REPLICAS if replicas is None else integer(replicas, "replicas", 1, _MOST_REPLICAS)
        return [(EngineConfig() if config is None else config, number, "both")]
    if isinstance(config, (str, bytes)) or not isinstance(config, Sequence):
        raise TypeError(
            f"config is {shown(config)}: must be an EngineConfig, a list of (EngineConfig, replicas) or None"
        )
    if replicas is not None:
        raise BatchingValueError(f"replicas is {shown(replicas)}: must be None where config has pools")
    if not config:
        raise BatchingValueError("config is empty: must have at least one pool")
    pools: list[tuple[EngineConfig, int, RoleName]] = []
    for index, pool in enumerate(config):
        if not isinstance(pool, tuple) or len(pool) not in (2, 3) or not isinstance(pool[0], EngineConfig):
            raise TypeError(
                f"config[{index}] is {shown(pool)}: must be an EngineConfig, replicas and, if they have one, a role"
            )
        number = integer(pool[1], f"config[{index}][1]", 1, _MOST_REPLICAS)
        role: RoleName = "both"
        if len(pool) == 3:
            word(pool[2], f"config[{index}][2]", ROLES)
            role = pool[2]
        pools.append((pool[0], number, role))
    return pools
