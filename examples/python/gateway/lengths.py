"""How long will an answer be? `max_tokens` is a limit and no forecast: many ask for far more than they use.

A twin that was told the limit would see its replica full for as long as that could last, and send who comes next where
there is no need to. So the gateway expects of an answer the mean of those before; and of one that goes on, that it goes
on as long as a new one would. (As if it might end at each token with the same probability. A service that knows more of
its requests, by their users or prompts, keeps a mean for each kind.)
"""

import math
from typing import Final

# The last hundred answers or so count: a service changes with the hour.
_REMEMBERED: Final = 100
# Below it there is little to gain, and an answer would outrun what is expected of it.
_LEAST: Final = 16


class OutputLengths:
    """The mean of what has finished so far, the latest counting most."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._finished = 0

    def finished(self, tokens: int) -> None:
        """An answer has ended. How long one would have been whose client left is not known."""
        self._finished += 1
        self._mean += (tokens - self._mean) / min(self._finished, _REMEMBERED)

    def expected(self, tokens: int, max_tokens: int) -> int:
        """Of an answer that has so many tokens already. Before any has finished: all that there can be."""
        return min(tokens + max(math.ceil(self._mean), _LEAST), max_tokens) if self._finished else max_tokens
