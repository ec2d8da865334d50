"""The struct of C that says what a fleet is made of."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from batching._engine.callbacks import Callbacks
from batching._engine.config import EngineConfig
from batching._ffi.arguments import int32_column, number, shown, word
from batching._ffi.calls import initialised, pointer
from batching._ffi.errors import BatchingValueError
from batching._ffi.generated import choices, structs
from batching._fleet.chooser import ChooserName, CustomRouter, set_router
from batching._fleet.disaggregation import ROLES, Disaggregation, RoleName
from batching._fleet.operations import Admission, Faults, Scaling
from batching._routing.settings import NAMES, RouterName, RouterSettings, set_settings, set_workers

# What C calls otherwise, in the sentences of errors.
_NAMES: Final = {**NAMES, r"router\.(?=\w)": ""}

Part = TypeVar("Part", Disaggregation, Admission, Faults, Scaling)


class FleetStructure:
    """A fleet as C takes it, and what its pointers point to."""

    def __init__(
        self,
        pools: Sequence[tuple[EngineConfig, int, RoleName]],
        *,
        router: RouterName | ChooserName | CustomRouter,
        names: Sequence[str] | None,
        weights: npt.ArrayLike | None,
        settings: Mapping[str, Any],
        decode_router: RouterName | None,
        decode_settings: RouterSettings | None,
        disaggregation: Disaggregation | None,
        admission: Admission | None,
        faults: Faults | None,
        scaling: Scaling | None,
        decode_scaling: Scaling | None,
        metrics_interval: float | None,
        kv_event_lag: float,
        routing_delay: float,
    ) -> None:
        self.callbacks = Callbacks()
        """What the engines and the router call."""
        self._set_pools(pools)
        self.router = self._set_router(router, names, weights, settings)
        """The name of what decides."""
        self._set_decode_router(decode_router, decode_settings)
        self._set_parts(disaggregation, admission, faults)
        self._set_scaling("scaling", scaling)
        self._set_scaling("decode_scaling", decode_scaling)
        self._set_times(metrics_interval, kv_event_lag, routing_delay)

    def _set_pools(self, pools: Sequence[tuple[EngineConfig, int, RoleName]]) -> None:
        made = [config._structure(self.callbacks) for config, _, _ in pools]
        kind = ctypes.POINTER(structs.batching_engine_config)
        engines = (kind * len(pools))(*(ctypes.pointer(structure) for structure, _ in made))
        counts = np.array([count for _, count, _ in pools], np.int64)
        roles = np.array([ROLES[role] for _, _, role in pools], np.int32)
        self.structure = initialised(structs.batching_fleet_config)
        self.structure.pool_count = len(pools)
        self.structure.engine = engines
        self.structure.replicas = pointer(counts)
        self.structure.role = pointer(roles)
        self.names: dict[str, str] = dict(_NAMES)
        """What C calls otherwise, in the sentences of errors."""
        for _, own in made:
            self.names |= own
        self._engines = [structure for structure, _ in made]
        self._kept: list[Any] = [engines, counts, roles]
        self.replicas = int(counts.sum())
        """How many there are."""
        self._workers = int(counts[roles == ROLES["prefill"]].sum()) or self.replicas
        self._router = initialised(structs.batching_router_config)

    def keep_attribution(self) -> None:
        """Every engine keeps the parts of the times of its requests: of a fleet that runs on."""
        for engine in self._engines:
            engine.keep_attribution = 1

    def _set_router(
        self,
        router: RouterName | ChooserName | CustomRouter,
        names: Sequence[str] | None,
        weights: npt.ArrayLike | None,
        settings: Mapping[str, Any],
    ) -> str:
        """Which replica gets a request. Returns the name of what decides."""
        name, kept = set_router(self.structure, self._router, router, self.callbacks)
        self._router.workers = self._workers
        self._kept += kept + set_workers(self._router, names, weights) + set_settings(self._router, settings)
        self.structure.router = ctypes.pointer(self._router)
        return name

    def _set_decode_router(self, router: RouterName | None, settings: RouterSettings | None) -> None:
        """Where a request decodes whose prompt is computed elsewhere."""
        if router is None and settings is None:
            return
        own = initialised(structs.batching_router_config)
        own.router = self._router.router
        if router is not None:
            own.router = word(router, "decode_router", choices.ROUTER_NAMES)
        self._kept += set_settings(own, settings or {})
        self.structure.decode_router = ctypes.pointer(own)

    def _set_parts(
        self,
        disaggregation: Disaggregation | None,
        admission: Admission | None,
        faults: Faults | None,
    ) -> None:
        """What goes beyond routing."""
        if (split := _checked(disaggregation, "disaggregation", Disaggregation)) is not None:
            self.structure.disaggregation = ctypes.pointer(split._structure())
        if (taken := _checked(admission, "admission", Admission)) is not None:
            self.structure.admission = ctypes.pointer(taken._structure())
        if (failing := _checked(faults, "faults", Faults)) is not None:
            structure, kept = failing._structure()
            self._kept += kept
            self.structure.faults = ctypes.pointer(structure)

    def _set_scaling(self, name: str, scaling: Scaling | None) -> None:
        """How many replicas there are; with roles, of one of them."""
        if (scaled := _checked(scaling, name, Scaling)) is not None:
            made, kept = scaled._structure(self.callbacks)
            self._kept += kept
            setattr(self.structure, name, ctypes.pointer(made))

    def set_preferred(self, count: int, replica: npt.ArrayLike | None, decode_replica: npt.ArrayLike | None) -> None:
        """Which replica each request goes to where a rule leaves several."""
        for name, values in (("preferred_replica", replica), ("preferred_decode_replica", decode_replica)):
            if values is None:
                continue
            column = int32_column(values, name)
            if len(column) != count:
                raise BatchingValueError(
                    f"{name} has {len(column)} elements: must have one for each request, of which there are {count}"
                )
            self._kept.append(column)
            setattr(self.structure, name, pointer(column))

    def _set_times(self, metrics_interval: float | None, kv_event_lag: float, routing_delay: float) -> None:
        """How late routers know, and requests come."""
        self.structure.kv_event_lag = number(kv_event_lag, "kv_event_lag")
        self.structure.routing_delay = number(routing_delay, "routing_delay")
        if metrics_interval is not None:
            self.structure.metrics_interval = number(metrics_interval, "metrics_interval")
            if self.structure.metrics_interval == 0:
                raise BatchingValueError("metrics_interval is 0: must be greater than 0")


def _checked(value: Part | None, name: str, kind: type[Part]) -> Part | None:
    if value is not None and not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIO" else "a"
        raise TypeError(f"{name} is {shown(value)}: must be {article} {kind.__name__} or None")
    return value
