"""Which spans lie within which. Spans are numbered as they come, and may come before the spans around them."""

import re
from array import array
from typing import Final

import numpy as np

from batching._ffi.calls import Int64Array
from batching._traces.formats.rows import BoolArray

_HEX: Final = re.compile(r"[0-9a-fA-F]{1,32}")
_NO_ID: Final = 0
_ODD: Final = 0x9E37_79B9_7F4A_7C15
_MASK: Final = 2**64 - 1


class SpanTree:
    """The ids of spans and of their parents, of 64 bits each: those of a trace and of a span in it, mixed."""

    def __init__(self) -> None:
        self._ids = array("Q")
        self._parents = array("Q")

    def add(self, trace: object, span: object, parent: object) -> int:
        """The number of a span. Ids are hexadecimal texts; what is none is unknown, and so is one of zeros alone."""
        mixed = _bits(trace) * _ODD
        for ids, told in ((self._ids, _bits(span)), (self._parents, _bits(parent))):
            ids.append(_NO_ID if told == _NO_ID else (mixed + told) & _MASK)
        return len(self._ids) - 1

    def known(self) -> tuple[Int64Array, BoolArray]:
        """For each span the number of its parent, or -1, and whether a span of the same id came before it."""
        ids, parents = (np.array(told, np.uint64) for told in (self._ids, self._parents))
        if not len(ids):
            return np.zeros(0, np.int64), np.zeros(0, np.bool_)
        distinct, firsts, ranks = np.unique(ids, return_index=True, return_inverse=True)
        places = np.minimum(np.searchsorted(distinct, parents), len(distinct) - 1)
        are_here = (distinct[places] == parents) & (parents != _NO_ID)
        came_before = (firsts[ranks] != np.arange(len(ids))) & (ids != _NO_ID)
        return np.where(are_here, firsts[places], -1), came_before


def nearest(parents: Int64Array, wanted: BoolArray) -> Int64Array:
    """For each span the nearest of itself and the spans around it that is wanted, or -1."""
    numbers = np.arange(len(parents))
    towards = np.where(wanted | (parents < 0), numbers, parents)
    # Each step doubles how far it goes, so that neither long chains nor circles take longer.
    for _ in range(len(parents).bit_length()):
        towards = towards[towards]
    return np.where(wanted[towards], towards, -1)


def _bits(text: object) -> int:
    return int(text, 16) & _MASK if isinstance(text, str) and _HEX.fullmatch(text) else _NO_ID
