"""The rule of a real router, instead of what the twins estimate: what the gateway tells a batching.Router."""

from collections.abc import Sequence

from batching import Router


class Rule:
    """A router, and the requests that it has in flight.

    Args:
        router: the name of its rule. The replicas send no KV events, and nothing waits in the gateway.
        replicas: how many there are.
    """

    def __init__(self, router: str, replicas: int) -> None:
        self._router = Router(router, replicas, use_kv_events=False)  # type: ignore[arg-type]
        self._in_flight: set[int] = set()

    def chosen(
        self, now: float, request: int, up: Sequence[bool], *, prompt: object, prompt_length: int, expected: int
    ) -> int | None:
        """The replica that it sends a request to, of those that are up. None: none is."""
        for number, is_up in enumerate(up):
            self._router.set_worker(number, up=is_up, time=now)
        if not any(up):
            return None
        # What cannot be encoded is no text to compare.
        text = prompt if isinstance(prompt, str) and prompt.isascii() else None
        replica = self._router.route(request, time=now, prompt_length=prompt_length, output_length=expected, text=text)
        self._in_flight.add(request)
        return replica

    def first_token(self, now: float, request: int) -> None:
        """A request has its first token."""
        if request in self._in_flight:
            self._router.first_token(request, now)

    def ended(self, now: float, request: int) -> None:
        """A request has its last token, or has failed, or its client has left."""
        if request in self._in_flight:
            self._in_flight.remove(request)
            self._router.finished(request, now)
