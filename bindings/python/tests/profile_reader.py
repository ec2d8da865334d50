"""What the library itself makes of a profile: without the reader in Python."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from batching import AffineTime
from batching._ffi.calls import check, initialised, pointer
from batching._ffi.generated import structs
from batching._ffi.loader import library
from batching._times.model import TimeModel

WHOLE: Final[dict[str, Any]] = {
    "format": "batching profile",
    "version": 1,
    "model": "Llama-3.1-8B",
    "gpu": "L4",
    "client_delay": 0.002,
    "iteration_time": {"base": 0.005, "per_decode_token": 0.0001},
    "engine": {"max_num_seqs": 8, "num_gpu_blocks": 500},
    "notes": {"remarks": ["none"], "errors": {"p50": -0.01}},
}
"""A profile with all fields."""


class NativeProfile:
    """What batching_profile_get gives out."""

    def __init__(self, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        self.handle = ctypes.c_void_p()
        check(library.batching_profile_create(content, len(content), ctypes.byref(self.handle)))
        self.config = initialised(structs.batching_engine_config)
        self.facts = initialised(structs.batching_profile_facts)
        check(
            library.batching_profile_get(self.handle, ctypes.byref(self.config), ctypes.byref(self.facts)),
        )


@contextmanager
def native_profile(text: str | bytes) -> Iterator[NativeProfile]:
    """A profile as long as it is needed. Raises: as the library says."""
    profile = NativeProfile(text)
    try:
        yield profile
    finally:
        check(library.batching_profile_destroy(profile.handle))


def columns_of(config: Any, count: int, prompts: Any, outputs: Any, arrivals: Any) -> dict[str, Any]:
    """The columns of a run with a struct of the C interface."""
    requests = initialised(structs.batching_requests)
    requests.count = count
    requests.prompt_length, requests.output_length = pointer(prompts), pointer(outputs)
    requests.arrival_time = pointer(arrivals)
    results = initialised(structs.batching_results)
    results.capacity = count
    columns = {name: np.zeros(count) for name in ("start_time", "first_token_time", "end_time")}
    for name, column in columns.items():
        setattr(results, name, pointer(column))
    check(
        library.batching_simulate(ctypes.byref(config), ctypes.byref(requests), ctypes.byref(results), None),
    )
    return columns


def differences(native: Any, own: Any, model: Any) -> list[str]:
    """The fields of two configurations that differ, with those of what they point to."""
    # What Python leaves in the field that only other models look at does not matter.
    unused = () if isinstance(model, float | AffineTime) else ("time_base",)
    found = _differences(native, own, "config", ("time_roofline", "time_table", *unused))
    if isinstance(model, TimeModel):
        for name in ("time_roofline", "time_table"):
            one, other = getattr(native, name), getattr(own, name)
            if bool(one) != bool(other):
                found.append(name)
            elif one:
                found += _differences(one.contents, other.contents, name, ())
    return found


def _differences(one: Any, other: Any, name: str, without: tuple[str, ...]) -> list[str]:
    found = []
    for field, kind in one._fields_:
        first, second = getattr(one, field), getattr(other, field)
        if field in without:
            continue
        if hasattr(kind, "contents"):
            found += [] if _values(one, field) == _values(other, field) else [f"{name}.{field}"]
        elif bytes(kind(first)) != bytes(kind(second)) if not _is_function(kind) else bool(first) != bool(second):
            found.append(f"{name}.{field}: {first!r}, {second!r}")
    return found


def _is_function(kind: Any) -> bool:
    return hasattr(kind, "_restype_") or kind is ctypes.c_void_p


def _values(table: Any, field: str) -> list[float]:
    """A column of a table: as many as its axes say."""
    place = getattr(table, field)
    return [place[index] for index in range(_length(table, field))] if place else []


_LENGTHS = {
    "linear": ("linear_count",),
    "head": ("head_count",),
    "decode_sequences": ("decode_sequence_count",),
    "decode_contexts": ("decode_context_count",),
    "decode_seconds": ("decode_sequence_count", "decode_context_count"),
    "prefill_tokens": ("prefill_token_count",),
    "prefill_contexts": ("prefill_context_count",),
    "prefill_seconds": ("prefill_token_count", "prefill_context_count"),
}


def _length(table: Any, field: str) -> int:
    counts = _LENGTHS.get(field) or _LENGTHS.get(field.split("_", maxsplit=1)[0], ())
    length = 1
    for count in counts:
        length *= getattr(table, count)
    return length if counts else 0
