"""Conversations, whose tokens the caller counts. As `vllm bench serve` does, the first two turns are prompt and output;
nothing is shuffled or left out for its length.
"""

from collections.abc import Callable
from typing import Any, Final

from batching._ffi.arguments import integer

CountTokens = Callable[[str], int]

CONVERSATIONS: Final = ("conversations", "conversation")
"""The names of what holds the turns."""
NO_CONVERSATION: Final = "a conversation without two turns of text"
NOT_COUNTED: Final = "a conversation without lengths, and no count_tokens to count them"

_TEXTS: Final = ("value", "content")


def counted(turns: object, count_tokens: CountTokens | None) -> tuple[int, int] | str:
    """The tokens of the prompt and of the output, or why there are none."""
    texts = [_text(turn) for turn in turns[:2]] if isinstance(turns, list) else []
    if len(texts) < 2 or not all(isinstance(text, str) for text in texts):
        return NO_CONVERSATION
    if count_tokens is None:
        return NOT_COUNTED
    prompt, output = (integer(count_tokens(text), "what count_tokens returns") for text in texts)
    return prompt, output


def _text(turn: object) -> Any:
    if not isinstance(turn, dict):
        return None
    return next((turn[key] for key in _TEXTS if key in turn), None)
