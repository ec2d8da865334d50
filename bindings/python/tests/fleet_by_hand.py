"""A fleet that can be followed by hand: two replicas with one slot each, and half a second an iteration.

Round robin sends requests 0 and 2 to replica 0, and request 1 to replica 1. Request 0 has its two tokens at 0.5 and
1.0 s; request 2 waits for it, and has its token at 1.5 s; request 1 has its own at 0.5 s.
"""

from batching import EngineConfig, FleetResult, RequestColumns, simulate_fleet

CONFIG = EngineConfig(max_num_seqs=1, iteration_time=0.5)


def two_replicas() -> FleetResult:
    """The run."""
    return simulate_fleet(RequestColumns([2, 1, 1]), CONFIG, replicas=2)
