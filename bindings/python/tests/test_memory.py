"""Where there is no memory a call raises MemoryError, and what was there before goes on."""

import sys

import bounded

# Of 3,600 slots, with 169,000 bins each for the samples of six metrics, the counters alone take 2.4 GB.
PROGRAM = """
import batching

live = batching.Accumulator()
live.arrived(7, 0.0, prompt_length=100)
try:
    batching.Accumulator(slot_count=3600)
except MemoryError as error:
    assert isinstance(error, batching.BatchingMemoryError), type(error)
    assert isinstance(error, batching.BatchingError)
    assert "not enough memory" in str(error), error
else:
    raise SystemExit("there was enough memory")
live.tokens(7, 0.25)
live.finished(7, 0.5)
assert live.measure().ttft.mean == 0.25
"""


def test_a_lack_of_memory_is_a_memory_error_and_leaves_the_other_handles_as_they_are() -> None:
    child = bounded.run([sys.executable, "-c", PROGRAM], memory=1 << 30)
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")
