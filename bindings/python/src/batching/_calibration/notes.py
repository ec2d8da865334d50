"""What a reader of a calibration must know: what its log does not tell."""

import math
from typing import Final

import numpy as np

from batching._calibration.calibration import Calibration
from batching._columns.display import counted, seconds
from batching._engine.result import Result

# Where the log says less than the prior does.
_UNTOLD: Final = 0.5
# A difference in loss that says something: see "Calibration" in batching.h.
_SIGNIFICANT: Final = 6.0
_FEW: Final = 100
_WIDE: Final = 0.1
_TOGETHER: Final = 0.9
# Fewer that do not wait in the queue say nothing of a client: see "Calibration" in batching.h.
_LIGHTLY_LOADED: Final = 0.5
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
    return [
        *notes,
        *_client(found),
        *_spread(found),
        *_untold(found, result),
        f"What the log does not tell stays near what {found.prior} lets expect.",
    ]


def _client(found: Calibration) -> list[str]:
    """What clients see beside the engine, or why it is not known."""
    if found.client_delay:
        seen = f"Clients saw {seconds(found.client_delay)} more of each TTFT and E2E than the engine took"
        return [f"{seen}: errors count it, simulations do not have it."]
    unknown = "A client's delay cannot be told from this log"
    if found.share_without_queueing < _LIGHTLY_LOADED:
        return [f"{unknown}: its requests wait in the queue, but for {found.share_without_queueing:.0%} of them."]
    tried = {names[0]: value for names, value in found.correlations.items() if names[1] == "client_delay"}
    if any(tried.values()):
        # Where no single one has it, it is several together.
        together = [f"{name} (correlation {value:+.2f})" for name, value in tried.items() if abs(value) >= _TOGETHER]
        return [f"{unknown}: it is not told apart from {_listed(together or ['what prefill takes'])}."]
    return []


def _spread(found: Calibration) -> list[str]:
    """How far fits differ that are about as good."""
    means = [found.ranges.get(name, (math.nan, math.nan)) for name in ("mean_ttft", "mean_e2e")]
    if found.fits < 2 or not all(least > 0 for least, _ in means):
        return []
    ttft, e2e = (f"{most / least - 1:.1%}" for least, most in means)
    return [f"{found.fits:,} fits are about as good: their mean TTFTs differ by {ttft}, their mean E2Es by {e2e}."]


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
        if abs(correlation) > _TOGETHER and not set(both) & {*untold, "client_delay"}:
            notes.append(f"{_listed([*both])} are not told apart by this log (correlation {correlation:+.2f}).")
    if untold:
        notes.append(
            f"The log hardly tells {_listed([*untold])} ({', '.join(f'{told:.2f}' for told in untold.values())} of 1)."
        )
    return notes


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
