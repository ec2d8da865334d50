"""How long an iteration takes, term by term: "Engine: iteration times" of include/batching.h, written down once more.

Doubles are added in the order of the header, and what does not depend on the iteration is divided first: so the bits
are the same. p, c, n, context and q are what the header calls p, c, n, C and Q.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


class SlowTime(ABC):
    """A model of the iteration time."""

    @abstractmethod
    def seconds(self, p: int, c: int, n: int, context: int, q: float) -> float: ...


@dataclass(frozen=True)
class SlowAffineTime(SlowTime):
    """BATCHING_TIME_AFFINE: seconds."""

    base: float = 0.0
    per_prefill_token: float = 0.0
    per_decode_token: float = 0.0
    per_context_token: float = 0.0
    per_prefill_context: float = 0.0
    per_prefill_iteration: float = 0.0
    per_prefill_chunk: float = 0.0
    startup: float = 0.0
    """Added by the engine, which knows the first iteration of a run."""

    def seconds(self, p: int, c: int, n: int, context: int, q: float) -> float:
        if p + n == 0:
            return 0.0
        seconds = self.base + self.per_prefill_token * p + self.per_decode_token * n
        seconds = seconds + self.per_context_token * context + self.per_prefill_context * q
        seconds = seconds + self.per_prefill_chunk * c
        return seconds + self.per_prefill_iteration if p else seconds


@dataclass(frozen=True)
class SlowRooflineTime(SlowTime):
    """BATCHING_TIME_ROOFLINE: the fields of batching_roofline."""

    layers: float = 0.0
    linear_bytes: float = 0.0
    linear_flops: float = 0.0
    experts: float = 0.0
    experts_per_token: float = 0.0
    expert_bytes: float = 0.0
    expert_flops: float = 0.0
    head_bytes: float = 0.0
    head_flops: float = 0.0
    kv_bytes: float = 0.0
    window_bytes: float = 0.0
    window: float = 0.0
    attention_flops: float = 0.0
    window_attention_flops: float = 0.0
    allreduce_bytes: float = 0.0
    tensor_parallel: float = 1.0
    memory_bandwidth: float = 0.0
    linear_peak: float = 0.0
    expert_peak: float = 0.0
    head_peak: float = 0.0
    attention_peak: float = 0.0
    link_bandwidth: float = 0.0
    bandwidth_share: float = 0.0
    gemm_share: float = 0.0
    expert_bandwidth_share: float = 0.0
    expert_gemm_share: float = 0.0
    head_share: float = 0.0
    kv_share: float = 0.0
    attention_share: float = 0.0
    link_share: float = 0.0
    allreduce_latency: float = 0.0
    per_iteration: float = 0.0
    per_layer: float = 0.0
    per_sequence: float = 0.0
    per_prefill_iteration: float = 0.0

    def seconds(self, p: int, c: int, n: int, context: int, q: float) -> float:
        if p + n == 0:
            return 0.0
        before_attention = self._linear(p + n) + self._experts(p + n) + self._head(n + c)
        before_attention += self._allreduces(p + n)
        before_attention += self.per_iteration + self.per_layer * self.layers + self.per_sequence * (n + c)
        if p:
            before_attention += self.per_prefill_iteration
        seconds = self._decode(before_attention, n, context)
        return seconds + self._prefill(p, c, q) if p else seconds

    def _linear(self, tokens: int) -> float:
        memory = _over(self.linear_bytes, self.memory_bandwidth * self.bandwidth_share)
        arithmetic = _over(self.linear_flops, self.linear_peak * self.gemm_share) * tokens
        return math.sqrt(memory * memory + arithmetic * arithmetic)

    def _experts(self, tokens: int) -> float:
        if self.experts == 0:
            return 0.0
        missed = 1 - self.experts_per_token / self.experts
        read = self.experts * (1 - _power(missed, tokens))
        memory = _over(self.expert_bytes, self.memory_bandwidth * self.expert_bandwidth_share) * read
        flops = self.expert_flops * self.experts_per_token
        arithmetic = _over(flops, self.expert_peak * self.expert_gemm_share) * tokens
        return math.sqrt(memory * memory + arithmetic * arithmetic)

    def _head(self, sequences: int) -> float:
        memory = _over(self.head_bytes, self.memory_bandwidth * self.bandwidth_share)
        arithmetic = _over(self.head_flops, self.head_peak * self.head_share) * sequences
        return math.sqrt(memory * memory + arithmetic * arithmetic)

    def _allreduces(self, tokens: int) -> float:
        parallel = self.tensor_parallel
        if parallel <= 1:
            return 0.0
        count = 2 * self.layers
        sent = 2 * (parallel - 1) / parallel * self.allreduce_bytes
        a_token = count * _over(sent, self.link_bandwidth * self.link_share)
        return count * (self.allreduce_latency * math.log2(parallel)) + tokens * a_token

    def _decode(self, before: float, n: int, context: int) -> float:
        """What stands before it, and decode attention."""
        rate = self.memory_bandwidth * self.kv_share
        full, window = _over(self.kv_bytes, rate), _over(self.window_bytes, rate)
        edge = n * self.window
        if window == 0 or context >= edge:
            return (before + edge * window) + full * context
        return before + (full + window) * context

    def _prefill(self, p: int, c: int, q: float) -> float:
        peak, rate = self.attention_peak * self.attention_share, self.memory_bandwidth * self.kv_share
        pairs = max(q - float(p) * p / (2 * c), 0.0)
        arithmetic = pairs * _over(self.attention_flops, peak)
        arithmetic += min(pairs, self.window * p) * _over(self.window_attention_flops, peak)
        mean = q / p
        reading = mean * _over(self.kv_bytes, rate) + min(mean, self.window) * _over(self.window_bytes, rate)
        return max(arithmetic, c * reading)


@dataclass(frozen=True)
class SlowTableTime(SlowTime):
    """BATCHING_TIME_TABLE: the fields of batching_time_table; rows of grids as sequences."""

    linear_tokens: Sequence[float] = ()
    linear_seconds: Sequence[float] = ()
    head_sequences: Sequence[float] = ()
    head_seconds: Sequence[float] = ()
    decode_sequences: Sequence[float] = ()
    decode_contexts: Sequence[float] = ()
    decode_seconds: Sequence[Sequence[float]] = ()
    prefill_tokens: Sequence[float] = ()
    prefill_contexts: Sequence[float] = ()
    prefill_seconds: Sequence[Sequence[float]] = ()
    linear_scale: float = 1.0
    head_scale: float = 1.0
    decode_scale: float = 1.0
    prefill_scale: float = 1.0
    per_iteration: float = 0.0
    per_sequence: float = 0.0
    per_prefill_iteration: float = 0.0

    def seconds(self, p: int, c: int, n: int, context: int, q: float) -> float:
        if p + n == 0:
            return 0.0
        before = _on_curve(self.linear_tokens, self.linear_seconds, p + n, self.linear_scale)
        before += _on_curve(self.head_sequences, self.head_seconds, n + c, self.head_scale)
        before += self.per_iteration + self.per_sequence * (n + c)
        if p:
            before += self.per_prefill_iteration
        seconds = self._decode(before, n, context) if n and self.decode_sequences else before
        return seconds + self._prefill(p, c, q) if p and self.prefill_tokens else seconds

    def _decode(self, before: float, n: int, context: int) -> float:
        """What stands before it, and decode attention: on a line over the sum of contexts, as the engine needs it."""
        contexts, scale = self.decode_contexts, self.decode_scale
        columns = [_in_column(self.decode_sequences, self.decode_seconds, n, column) for column in range(len(contexts))]
        if context >= contexts[-1]:
            return before + scale * columns[-1] / contexts[-1] * context
        if context < contexts[0]:
            return before + scale * columns[0]
        place = bisect_right(contexts, context) - 1
        rise = scale * (columns[place + 1] - columns[place]) / (contexts[place + 1] - contexts[place])
        return (before + (scale * columns[place] - rise * contexts[place])) + rise * context

    def _prefill(self, p: int, c: int, q: float) -> float:
        """All chunks as one with as many tokens and pairs; or as pieces of what was measured, with as many pairs."""
        pairs = max(q - float(p) * p / (2 * c), 0.0)
        size = min(float(p), self.prefill_tokens[-1])
        pieces = p / size
        before = pairs / p - size / 2
        if before >= 0:
            return pieces * self._chunk(size, before)
        first, alone = self.prefill_scale * self.prefill_seconds[0][0], self._chunk(size, 0)
        return pieces * (first + (alone - first) * (pairs / (p * size / 2)))

    def _chunk(self, tokens: float, before: float) -> float:
        contexts, scale = self.prefill_contexts, self.prefill_scale
        columns = [
            _in_column(self.prefill_tokens, self.prefill_seconds, tokens, column) for column in range(len(contexts))
        ]
        if before >= contexts[-1]:
            return scale * (before / contexts[-1] * columns[-1] if contexts[-1] else columns[-1])
        if before <= contexts[0]:
            return scale * columns[0]
        place = bisect_right(contexts, before) - 1
        share = (before - contexts[place]) / (contexts[place + 1] - contexts[place])
        low = columns[place]
        return scale * (low if share == 0 else low + share * (columns[place + 1] - low))


def _over(work: float, speed: float) -> float:
    """Where there is nothing to do no speed is needed."""
    return work / speed if work else 0.0


def _power(base: float, exponent: int) -> float:
    """By squaring, from the lowest bit on: what pow gives differs from one machine to another."""
    result = 1.0
    while exponent:
        if exponent % 2:
            result *= base
        base *= base
        exponent //= 2
    return result


def _on_curve(places: Sequence[float], values: Sequence[float], at: float, scale: float) -> float:
    if not places:
        return 0.0
    if at <= places[0] or len(places) == 1:
        return scale * values[0]
    # Beyond the last it goes on as between the last two.
    place = min(bisect_right(places, at) - 1, len(places) - 2)
    rise = (values[place + 1] - values[place]) / (places[place + 1] - places[place])
    return scale * (values[place] + rise * (at - places[place]))


def _in_column(rows: Sequence[float], values: Sequence[Sequence[float]], at: float, column: int) -> float:
    """Between the rows of one column of a grid."""
    if at <= rows[0]:
        return values[0][column]
    if at >= rows[-1]:
        return values[-1][column]
    row = bisect_right(rows, at) - 1
    share = (at - rows[row]) / (rows[row + 1] - rows[row])
    low = values[row][column]
    return low if share == 0 else low + share * (values[row + 1][column] - low)
