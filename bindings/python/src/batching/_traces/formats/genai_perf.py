"""A request in GenAI-Perf's profile_export.json: when it was sent, and text with the time of each chunk of its answer.

Tokens are those that the server counted (`usage` in a chunk) or that the caller counts; else a chunk is taken for a
token, and the prompt for none.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from batching._ffi.arguments import INT32_MAX, integer
from batching._traces.formats.conversations import CountTokens
from batching._traces.formats.json_rows import nanoseconds, whole
from batching._traces.formats.json_values import BROKEN, parsed
from batching._traces.formats.recordings import Record
from batching._traces.formats.rows import no_integer, no_time


def genai_perf_record(request: Mapping[str, Any], count_tokens: CountTokens | None) -> Record | str:
    """The request, or why it cannot be used."""
    start = nanoseconds(request.get("timestamp"), 1)
    if start is None:
        return no_time("timestamp")
    times, outputs = request.get("response_timestamps"), request.get("response_outputs")
    if not isinstance(times, list) or not isinstance(outputs, list) or len(times) != len(outputs):
        return "response_timestamps and response_outputs that are not equally long"
    tokens: list[int] = []
    texts: list[str] = []
    usage: dict[str, Any] = {}
    for time, output in zip(times, outputs, strict=True):
        moment = nanoseconds(time, 1)
        if moment is None:
            return no_time("response_timestamps")
        text = ""
        for chunk in _chunks(output):
            usage = chunk["usage"] if isinstance(chunk.get("usage"), dict) else usage
            text += _text(chunk)
        # What has no text, such as the role at the beginning and the end of the stream, is no token.
        if text:
            tokens.append(moment)
            texts.append(text)
    prompt, answer = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if count_tokens is not None:
        prompt = integer(count_tokens(_prompt(request.get("request_inputs"))), "what count_tokens returns")
        answer = integer(count_tokens("".join(texts)), "what count_tokens returns")
    prompt_length, output_length = (
        whole(default if told is None else told, 0, INT32_MAX) for told, default in ((prompt, 0), (answer, len(tokens)))
    )
    if prompt_length is None or output_length is None:
        return no_integer("tokens", 0)
    first, last = (tokens[0], tokens[-1]) if tokens else (None, None)
    return Record(prompt_length, output_length, start, tokens, first, last, success=bool(tokens))


def _chunks(output: object) -> Iterator[dict[str, Any]]:
    """The objects in a response: of server-sent events each has its own."""
    if isinstance(output, str):
        yield {"text_output": output}
    elif isinstance(output, dict) and isinstance(response := output.get("response"), str):
        for line in response.splitlines():
            value = parsed(line.removeprefix("data:").strip().encode("utf-8", "replace"))
            if value is not BROKEN and isinstance(value, dict):
                yield value
    elif isinstance(output, dict):
        yield output


def _text(chunk: Mapping[str, Any]) -> str:
    if isinstance(text := chunk.get("text_output"), str):
        return text
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    parts = [choice, *(part for name in ("delta", "message") if isinstance(part := choice.get(name), dict))]
    # What a model thinks is generated, too.
    texts = (part.get(name) for part in parts for name in ("text", "content", "reasoning_content"))
    return "".join(text for text in texts if isinstance(text, str))


def _prompt(inputs: object) -> str:
    """The text of a prompt, as it was sent."""
    if not isinstance(inputs, dict):
        return ""
    payload = inputs.get("payload")
    value = parsed(payload.encode("utf-8", "replace")) if isinstance(payload, str) else inputs
    return "\n".join(_texts(value)) if isinstance(value, dict) else ""


def _texts(value: Mapping[str, Any]) -> Iterator[str]:
    for name in ("text_input", "prompt"):
        if isinstance(text := value.get(name), str):
            yield text
    messages = value.get("messages")
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        parts = content if isinstance(content, list) else [{"text": content}]
        yield from (part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))
