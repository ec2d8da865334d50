"""A request as a router is asked about it, in a struct that serves one request after the other."""

import ctypes
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from batching._ffi.arguments import hash_column, int32, integer, number, shown
from batching._ffi.calls import initialised, pointer
from batching._ffi.generated import structs
from batching._routing.settings import c_string

# NULL.
_NO_HASHES: Final[Any] = ctypes.POINTER(ctypes.c_uint64)()


class RoutingQuestion:
    """To make the struct takes longer than the answer. Each call that is under way has one of its own."""

    __slots__ = ("_column", "_extras", "_structure", "reference", "worker", "worker_reference")

    def __init__(self) -> None:
        self._structure = initialised(structs.batching_routing_request)
        self._extras = False
        # What the struct points to.
        self._column: npt.NDArray[np.uint64] | None = None
        self.reference = ctypes.byref(self._structure)
        self.worker = ctypes.c_int64()
        self.worker_reference = ctypes.byref(self.worker)

    def ask(
        self,
        request: int,
        time: float,
        prompt_length: int,
        output_length: int,
        *,
        hash_ids: npt.ArrayLike | None,
        text: str | None,
        session: str | None,
        priority_jump: float,
        strict_priority: int,
    ) -> bool:
        """Put the request into the struct. Returns whether the call may take long."""
        structure = self._structure
        structure.request = request if type(request) is int and -(2**63) <= request < 2**63 else _id(request)
        structure.time = number(time, "time")
        structure.prompt_length = int32(prompt_length, "prompt_length")
        structure.output_length = int32(output_length, "output_length")
        # Most requests have none of what follows.
        if not (self._extras or hash_ids is not None or text is not None or session is not None or priority_jump
                or strict_priority):  # fmt: skip
            return False
        self._extras = True
        structure.priority_jump = number(priority_jump, "priority_jump")
        structure.strict_priority = integer(strict_priority, "strict_priority")
        structure.session = None if session is None else c_string(session, "session")
        self._column = column = None if hash_ids is None else hash_column(hash_ids, "hash_ids")
        structure.hash_count = 0 if column is None else len(column)
        structure.hash_ids = _NO_HASHES if column is None else pointer(column)
        if text is not None and not isinstance(text, str):
            raise TypeError(f"text is {shown(text)}: must be a string")
        encoded = None if text is None else text.encode("utf-8", "surrogatepass")
        structure.text = encoded
        structure.text_size = 0 if encoded is None else len(encoded)
        return column is not None or encoded is not None

    def forget(self) -> None:
        """Let go of the prompt, which the caller may want to."""
        if self._extras:
            structure = self._structure
            structure.session = structure.text = None
            structure.hash_ids = _NO_HASHES
            self._column = None
            structure.hash_count = structure.text_size = structure.strict_priority = 0
            structure.priority_jump = 0.0
            self._extras = False


def _id(request: object) -> int:
    return integer(request, "request")
