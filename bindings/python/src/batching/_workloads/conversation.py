"""A generated workload that follows the published statistics of a real one: the Azure conversation trace of 2023.

Source: AzureLLMInferenceTrace_conv.csv in Azure/AzurePublicDataset, licence CC-BY-4.0: 19,366 requests in 3,501.722 s
of a production service (Patel et al., "Splitwise", ISCA 2024). Only the statistics below are taken from it.
"""

from typing import Final

import numpy as np

from batching._columns.columns import RequestColumns
from batching._ffi.calls import Int32Array
from batching._ffi.float_mode import in_standard_mode
from batching._workloads.workload import generate_columns, number_of_requests

CONVERSATION_ARRIVAL_RATE: Final = 5.53
"""Requests per second: 19,366 in 3,501.722 s."""

# Quantiles, in thousandths, and the trace's lengths there, in tokens. Between two of them lengths are taken as uniform,
# which gives both means within 1.5% of the published ones: 1154.70 and 211.13.
_QUANTILES: Final = (0, 10, 50, 100, 200, 250, 300, 400, 500, 600, 700, 750, 800, 850, 900, 950, 990, 995, 999, 1000)
# fmt: off
_PROMPT_LENGTHS: Final = (
    2, 29, 181, 207, 387, 396, 403, 703, 1020, 1071, 1130, 1189, 1315, 1876, 2734, 4083, 4142, 4831, 6179, 14050
)
_OUTPUT_LENGTHS: Final = (
    7, 16, 41, 54, 77, 85, 91, 103, 129, 177, 384, 395, 400, 411, 424, 451, 601, 643, 954, 1000
)
# fmt: on

# The variates, the requests, and what it takes to make the ones into the others.
_BYTES_PER_REQUEST: Final = 80

# Uniform variates are integers below this, and all that follows is integer arithmetic: the same on every platform.
_VARIATES: Final = 2**30


@in_standard_mode
def generate_conversation_workload(num_requests: int, seed: int = 42) -> RequestColumns:
    """Seeded requests that follow the Azure conversation trace of 2023: Poisson arrivals at 5.53 requests a second,
    prompts of 1155 and outputs of 211 tokens in the mean, both heavily skewed.

    Lengths are drawn by the inverse of their distribution, piecewise linear through the trace's quantiles; prompt and
    output are independent, which in the trace they are not.

    Args:
        num_requests: at least 0.
        seed: from 0 to 2**64 - 1; the same seed gives the same bytes on every platform.

    Errors, time and memory: as generate_workload.
    """
    number_of_requests(num_requests, _BYTES_PER_REQUEST)
    # Lengths of outputs begin at 1, so one is taken off again.
    prompts, outputs, arrivals = generate_columns(
        num_requests, (0, _VARIATES - 1), (1, _VARIATES), CONVERSATION_ARRIVAL_RATE, seed
    )
    return RequestColumns(
        output_length=_inverse_distribution(outputs - 1, _OUTPUT_LENGTHS),
        prompt_length=_inverse_distribution(prompts, _PROMPT_LENGTHS),
        arrival_time=arrivals,
    )


def _inverse_distribution(variates: Int32Array, lengths: tuple[int, ...]) -> Int32Array:
    """The length below which variate / _VARIATES of all requests are, rounded to the nearest token."""
    bounds = np.array(_QUANTILES, np.int64) * _VARIATES // 1000
    values = np.array(lengths, np.int64)
    segment = np.searchsorted(bounds, variates, side="right") - 1
    width = bounds[segment + 1] - bounds[segment]
    rise = (variates - bounds[segment]) * (values[segment + 1] - values[segment])
    drawn: Int32Array = (values[segment] + (rise + width // 2) // width).astype(np.int32)
    return drawn
