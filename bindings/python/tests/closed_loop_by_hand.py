"""A closed loop that can be followed by hand: two requests in flight, iterations of a second.

| request | arrives | tokens | sent                    | first token | end |
|---------|---------|--------|-------------------------|-------------|-----|
| 0       | 0.0     | 2      | 0                       | 1           | 2   |
| 1       | 0.0     | 1      | 0                       | 1           | 1   |
| 2       | 0.0     | 3      | 1, as 1 ends            | 2           | 4   |
| 3       | 0.5     | 1      | 2, as 0 ends            | 3           | 3   |
"""

from typing import Any, Final

from batching import RequestColumns, Result, simulate

REQUESTS: Final = RequestColumns([2, 1, 3, 1], [1, 1, 1, 1], [0.0, 0.0, 0.0, 0.5])
SENT: Final = [0.0, 0.0, 1.0, 2.0]
FIRST_TOKEN: Final = [1.0, 1.0, 2.0, 3.0]
END: Final = [2.0, 1.0, 4.0, 3.0]
CLIENT_QUEUE: Final = [0.0, 0.0, 1.0, 1.5]
E2E: Final = [2.0, 1.0, 3.0, 1.0]
E2E_WITH_CLIENT_QUEUE: Final = [2.0, 1.0, 4.0, 2.5]

TRACE: Final = "arrival_time,prompt_length,output_length\n0,1,2\n0,1,1\n0,1,3\n0.5,1,1\n"
"""The requests as a file."""

# A conversation of two turns, the second 2 s after the answer to the first, and a request of its own: 0 is sent at 0
# and ends at 1, 1 is sent at 3 and ends at 4, and 2, sent at 0.5, joins at 1 and ends at 2.
CONVERSATION: Final = RequestColumns([1, 1, 1], [1, 1, 1], [0.0, 0.0, 0.5], session=[7, 7, 8], delay=[0.0, 2.0, 0.0])
CONVERSATION_TRACE: Final = (
    "arrival_time,prompt_length,output_length,session,delay\n0,1,1,7,0\n0,1,1,7,2\n0.5,1,1,8,0\n"
)
CONVERSATION_SENT: Final = [0.0, 3.0, 0.5]
CONVERSATION_END: Final = [1.0, 4.0, 2.0]


def two_in_flight(**settings: Any) -> Result:
    """The run of the table."""
    return simulate(REQUESTS, iteration_time=1.0, max_concurrency=2, **settings)
