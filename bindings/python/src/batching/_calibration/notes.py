"""What a reader of a calibration must know: what its log does not tell."""

import math
from typing import Final

import numpy as np

from batching._calibration.calibration import Calibration
from batching._columns.display import counted
from batching._engine.result import Result

# Where the log says less than the prior does.
_UNTOLD: Final = 0.5
# A difference in loss that says something: see "Calibration" in batching.h.
_SIGNIFICANT: Final = 6.0
_FEW: Final = 100
_WIDE: Final = 0.1
_TOGETHER: Final = 0.9
# Standard deviation over mean.
_HARDLY_VARIES: Final = 0.1


def notes_of(found: Calibration, result: Result) -> list[str]:
    """A sentence each."""
    notes = []
    if not found.is_complete:
        notes.append(f"It ended early, after {counted(found.simulations, 'simulation')}: more may fit better.")
    if found.residuals < _FEW:
        notes.append(f"Only {counted(found.residuals, 'span')} of requests count: a longer log says more.")
    if found.spread > _WIDE:
        notes.append(
            f"Times are off by {found.spread:.0%} where they are usual: something is not as in the server, such as a "
            "limit, num_gpu_blocks or the prefix cache."
        )
    other = found.loss_of_other_scheduling
    if math.isfinite(other) and abs(other - found.loss) < _SIGNIFICANT:
        notes.append(
            f"Synchronous and asynchronous scheduling fit alike (losses {min(found.loss, other):.1f} and "
            f"{max(found.loss, other):.1f}): this log does not tell which it was."
        )
    if found.requests.hash_ids is not None and not found.config.enable_prefix_caching:
        notes.append(
            "The requests have hash ids, but config.enable_prefix_caching is False: prompts are computed whole."
        )
    if result.rejected:
        notes.append(f"The simulation rejects {counted(result.rejected, 'request')}: config is not the server's.")
    found_range = found.num_gpu_blocks_range
    if found_range is not None and found_range[0] < found_range[1]:
        least, most = found_range
        notes.append(f"{least:,} to {most:,} num_gpu_blocks fit about as well as {found.config.num_gpu_blocks:,}.")
    elif result.total_preemptions:
        notes.append(
            f"KV memory was full, with {counted(result.total_preemptions, 'preemption')}: num_gpu_blocks must be the "
            "server's, since 2% wrong makes percentiles up to 8% wrong."
        )
    return [*notes, *_untold(found, result), f"What the log does not tell stays near what {found.prior} lets expect."]


def _untold(found: Calibration, result: Result) -> list[str]:
    """Which coefficients, and why if that can be seen."""
    untold = {name: told for name, told in found.told.items() if told < _UNTOLD}
    log = result.iteration_log
    decoding = np.empty(0) if log is None else log.decode_tokens[log.decode_tokens > 0]
    notes = []
    pair: list[str] = [name for name in ("base", "per_decode_token", "per_context_token") if name in untold]
    if len(pair) > 1 and len(decoding) and float(np.std(decoding)) < _HARDLY_VARIES * float(np.mean(decoding)):
        notes.append(
            f"{_listed(pair)} are not told apart by this log: the number of sequences that decode hardly varies (mean "
            f"{np.mean(decoding):.1f}, standard deviation {np.std(decoding):.1f})."
        )
        untold = {name: told for name, told in untold.items() if name not in pair}
    for both, correlation in found.correlations.items():
        # One that the log does not tell at all is told apart from nothing.
        if abs(correlation) > _TOGETHER and not set(both) & set(untold):
            notes.append(f"{_listed([*both])} are not told apart by this log (correlation {correlation:+.2f}).")
    if untold:
        notes.append(
            f"The log hardly tells {_listed([*untold])} ({', '.join(f'{told:.2f}' for told in untold.values())} of 1)."
        )
    return notes


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
