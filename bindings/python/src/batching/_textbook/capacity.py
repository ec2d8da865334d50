"""Two back-of-the-envelope calculations: how intense a batch is, and how large it may be."""

import ctypes

from batching._ffi.arguments import integer, number
from batching._ffi.calls import check
from batching._ffi.loader import library


def calculate_arithmetic_intensity_with_batch(
    batch_size: int, model_memory_bytes: float, flops_per_token: float = 2.0
) -> float:
    """Arithmetic intensity of decoding a batch: floating-point operations per byte of weights read.

    One forward pass reads the weights once, model_memory_bytes, and does flops_per_token x model_memory_bytes
    operations for each of the batch_size tokens: so the intensity is flops_per_token x batch_size, whatever the model's
    size (Williams et al., "Roofline", CACM 2009, on when that makes memory or arithmetic the limit).

    Args:
        batch_size: sequences decoded together; at least 1.
        model_memory_bytes: bytes of weights; finite, above 0.
        flops_per_token: operations per byte of weights and token; finite, above 0. 2.0: a multiply and an add.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, or the result is beyond a double.

    >>> calculate_arithmetic_intensity_with_batch(32, 14e9)
    64.0
    """
    intensity = ctypes.c_double()
    check(
        library.batching_arithmetic_intensity_calculate(
            integer(batch_size, "batch_size"),
            number(model_memory_bytes, "model_memory_bytes"),
            number(flops_per_token, "flops_per_token"),
            ctypes.byref(intensity),
        )
    )
    return intensity.value


def optimal_batch_size(memory_budget: float, model_memory: float, kv_cache_per_token: float, max_seq_len: int) -> int:
    """The largest number of sequences whose KV cache fits beside the model: the largest n with

        model_memory + n x max_seq_len x kv_cache_per_token <= memory_budget

    decided without rounding, exact at the boundary for all doubles. 0 if not even one sequence fits.

    Args:
        memory_budget: bytes, or any one unit used throughout; finite, at least 0.
        model_memory: the same; finite, at least 0.
        kv_cache_per_token: the same, for one token; finite, above 0.
        max_seq_len: tokens, prompt and output together; at least 1.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, or n is beyond 2**63 - 1.

    >>> optimal_batch_size(80e9, 14e9, 524_288, 2048)
    61
    """
    batch_size = ctypes.c_int64()
    check(
        library.batching_optimal_batch_size_calculate(
            number(memory_budget, "memory_budget"),
            number(model_memory, "model_memory"),
            number(kv_cache_per_token, "kv_cache_per_token"),
            integer(max_seq_len, "max_seq_len"),
            ctypes.byref(batch_size),
        )
    )
    return batch_size.value
