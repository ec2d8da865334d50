"""An engine that runs as its host's time goes by: a digital twin of a server."""

import ctypes
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, NoReturn, Self, Unpack

import numpy as np
import numpy.typing as npt

from batching._columns.columns import RequestColumns, _Columns
from batching._columns.display import Displayed, Table, count, seconds, share
from batching._engine.attribution import PARTS, Attribution, AttributionParts, attributed_columns
from batching._engine.callbacks import Callbacks, Iteration
from batching._engine.config import NAMES, EngineConfig, EngineSettings, configured, takes_settings
from batching._engine.kinds import switch
from batching._engine.policy import CustomPolicy
from batching._ffi.arguments import INT64_MAX, int32, int64_column, integer, number, number_of, shown
from batching._ffi.calls import Float64Array, Int32Array, Int64Array, check, initialised, pointer
from batching._ffi.generated import constants, structs
from batching._ffi.generated.choices import Event, RequestStatus
from batching._ffi.handles import Handle
from batching._ffi.loader import library
from batching._ffi.signals import interruptible
from batching._ffi.state_bytes import byte_column, saved
from batching._live.estimates import Estimate, EstimateColumns, Question, Questions
from batching._live.logs import CollectedLogs, LiveEngineLogs, UntoldLogs
from batching._live.single import OF_ONE, columns_of, ids_of, single


class LiveEngineEvent(NamedTuple):
    """What happened to a request."""

    time: float
    """Seconds."""
    request: int
    """Its id."""
    event: Event
    """ADMITTED, RESUMED, PREEMPTED, FIRST_TOKEN, FINISHED, ABORTED or REJECTED."""
    tokens: int
    """Admitted, resumed: found in the prefix cache; rejected: its RequestStatus; otherwise: generated."""
    attribution: AttributionParts | None = None
    """Finished, aborted: the parts of its time. None: another event, or an engine without attribution."""


class LiveEngineEventColumns(_Columns):
    """What happened, as read-only columns: those of LiveEngineEvent, in order of time."""

    time: Float64Array
    request: Int64Array
    event: Int32Array
    tokens: Int32Array
    attribution: Attribution | None
    """The parts of the time of the request of each event, if that has finished or was aborted, and NaN otherwise. None:
    an engine without attribution."""

    def __init__(
        self, columns: dict[str, npt.NDArray[Any]], attributed: dict[str, npt.NDArray[Any]] | None = None
    ) -> None:
        self._keep(**columns)
        status = None if attributed is None else _statuses(self.event, self.tokens)
        self.__dict__["attribution"] = None if attributed is None or status is None else Attribution(attributed, status)

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        return f"LiveEngineEventColumns({number_of(len(self), 'event')})"


def _statuses(event: Int32Array, tokens: Int32Array) -> Int32Array:
    """What became of the request of each event."""
    status = np.full(len(event), RequestStatus.UNFINISHED, np.int32)
    status[event == Event.FINISHED] = RequestStatus.FINISHED
    status[event == Event.ABORTED] = RequestStatus.ABORTED
    return np.where(event == Event.REJECTED, tokens, status)


@dataclass(frozen=True)
class LiveEngineState(Displayed):
    """What an engine holds now, as of its clock. Times are seconds."""

    clock: float
    """Where the clock is."""
    submitted: int
    """Requests ever submitted: the sum of the next six."""
    pending: int
    """Requests that have not arrived yet."""
    waiting: int
    """Requests that wait, those preempted included."""
    running: int
    """Requests that run."""
    finished: int
    """Requests that have finished."""
    rejected: int
    """Requests that were rejected."""
    aborted: int
    """Requests that were aborted."""
    tokens_in_flight: int
    """Tokens of the running requests whose KV is there, without those of the iteration under way."""
    kv_blocks_used: int
    """KV blocks in use, those for the iteration under way included."""
    kv_blocks_usable: int | None
    """KV blocks in all. None: no limit."""
    iterations: int
    """Iterations that have begun."""
    preemptions: int
    """Preemptions so far."""
    next_iteration_end: float | None
    """When the iteration under way ends. None: none is."""
    is_stuck: bool
    """Whether nothing goes on, though there are requests, until one comes or leaves."""
    events: int
    """Events that were not polled."""
    keeps_attribution: bool
    """Whether the event that ends a request tells the parts of its time."""
    host_kv_blocks: int
    """KV blocks in the host memory of kv_offload, or on their way there."""
    disk_kv_blocks: int
    """The same on disk."""
    host_kv_hits: int
    """Tokens of prompts found in host memory so far, and not in the prefix cache."""
    disk_kv_hits: int
    """The same on disk."""
    host_kv_loaded: int
    """Tokens loaded from host memory, also for requests that come back after a preemption."""
    disk_kv_loaded: int
    """The same from disk."""
    host_kv_blocks_written: int
    """KV blocks written to host memory."""
    disk_kv_blocks_written: int
    """The same to disk."""
    kv_load_time: float
    """Seconds that loads took, summed over the iterations."""

    @property
    def kv_use(self) -> float:
        """The share of the KV blocks in use; 0.0 if there is no limit."""
        return self.kv_blocks_used / self.kv_blocks_usable if self.kv_blocks_usable else 0.0

    def _table(self) -> Table:
        rows = [
            ("clock", seconds(self.clock)),
            ("pending", count(self.pending)),
            ("waiting", count(self.waiting)),
            ("running", count(self.running)),
            ("finished", count(self.finished)),
            ("rejected", count(self.rejected)),
            ("aborted", count(self.aborted)),
            ("tokens in flight", count(self.tokens_in_flight)),
            ("KV blocks in use", share(self.kv_use)),
            ("iterations", count(self.iterations)),
            ("preemptions", count(self.preemptions)),
        ]
        return Table("Live engine", ("", ""), rows)


_STATE_NAMES: Final = tuple(field.name for field in fields(LiveEngineState))

# To look one up takes a tenth of what it takes to call Event.
_EVENTS: Final = {event.value: event for event in Event}
# Of requests that have run, or waited, to their end.
_WITH_PARTS: Final = {Event.FINISHED.value, Event.ABORTED.value}
# Events that are made into objects without a look at signals.
_PIECE: Final = 1 << 16


def _listed(told: LiveEngineEventColumns, start: int) -> list[LiveEngineEvent]:
    """A piece of events, each an object of its own."""
    columns = [column[start : start + _PIECE].tolist() for column in (told.time, told.request, told.event, told.tokens)]
    if told.attribution is None:
        return [
            LiveEngineEvent(time, request, _EVENTS[event], tokens)
            for time, request, event, tokens in zip(*columns, strict=True)
        ]
    parts = [getattr(told.attribution, name)[start : start + _PIECE].tolist() for name in PARTS]
    attributed = zip(*parts, strict=True)
    return [
        LiveEngineEvent(time, request, _EVENTS[event], tokens, AttributionParts(*own) if event in _WITH_PARTS else None)
        for time, request, event, tokens, own in zip(*columns, attributed, strict=True)
    ]


class LiveEngine(Handle):
    """An engine of `simulate` that runs as its host's time goes by, as a twin of a real server.

    Requests are submitted while it runs, leave, or get another length; `poll` returns what has happened, `estimate`
    what would become of a request that was not sent yet. In whatever slices requests are submitted and the clock is
    moved, the decisions are those of `simulate` with all of them.

    The clock is where `advance` has moved it. Requests can be submitted in any order as long as none arrives before the
    clock. An iteration that starts before the clock and ends after it is under way: what its end brings is known once
    the clock is there.

    Args:
        config: how the engine schedules, what memory it has and how long its iterations take. None: EngineConfig().
        attribution: whether the event that ends a request tells the parts of its time, as Result.attribution does. A
            function for iteration_time is then asked a second time for iterations with prefill and decodes.
        settings: fields of EngineConfig, by name; they replace those of config. LiveEngine(max_num_seqs=8) is
            LiveEngine(EngineConfig(max_num_seqs=8)).

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: a value is out of its range, or two contradict each other.
        MemoryError: there is no memory.

    One thread at a time may use it: another, or a callback of it, gets a BatchingBusyError. If a function for policy or
    iteration_time raises, `advance` raises that, as it raises a ValueError if what one answers is not valid. Nothing
    was done of that answer: it can be called again, and asks again.

    A policy of your own sees as `request` of a row what you called it in `submit`. `estimate` and copies ask the same
    function, about what would be: if it remembers anything from one call to the next, as fair queueing does, put that
    aside meanwhile.

    >>> engine = LiveEngine(max_num_seqs=2, iteration_time=0.25)
    >>> engine.submit(7, prompt_length=100, output_length=3, arrival_time=1.0)
    >>> engine.advance(1.625)
    >>> engine.estimate(prompt_length=50, output_length=2).ttft
    0.375
    >>> [event.event.name for event in engine.poll()]
    ['ADMITTED', 'FIRST_TOKEN']
    """

    @takes_settings(EngineConfig)
    def __init__(
        self, config: EngineConfig | None = None, *, attribution: bool = False, **settings: Unpack[EngineSettings]
    ) -> None:
        callbacks = Callbacks()
        structure, self._names = configured(config, settings)._structure(callbacks)
        structure.keep_attribution = switch(attribution, "attribution")
        # The library keeps the functions, not the struct.
        self._callbacks, self._config = callbacks, structure
        handle = self._owned(library.batching_live_engine_destroy)
        check(library.batching_live_engine_create(ctypes.byref(structure), ctypes.byref(handle)), self._names)
        self._take(handle)

    def _take(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle
        # What estimates need: to make it takes longer than the answer. Each call that is under way has one of its own.
        self._questions: list[Question] = []
        self._untold = UntoldLogs()
        # Where the clock is, as far as it is known; never ahead of it.
        self._clock: float | None = None

    def submit(
        self,
        request: int,
        *,
        prompt_length: int,
        output_length: int,
        arrival_time: float | None = None,
        priority: int = 0,
        hash_ids: npt.ArrayLike | None = None,
        hash_block_size: int | None = None,
        hash_covers_output: bool = False,
        max_tokens: int | None = None,
    ) -> None:
        """One request comes. If it can never be served, it is rejected when it arrives, which is an event.

        Args:
            request: what you call it: any integer, but none that is in flight.
            prompt_length: tokens; at least 0.
            output_length: tokens that are expected; at least 1.
            arrival_time: seconds; not before the clock. None: now.
            priority: with queue_order "priority": lower is more urgent.
            hash_ids: with prefix caching: the chained hashes of its blocks.
            hash_block_size: tokens that one of them stands for; None: a KV block. The same for all requests.
            hash_covers_output: whether they go on over the output. The same for all requests.
            max_tokens: tokens that the client asked for, at least output_length; asynchronous scheduling plans with
                them. None: always output_length.

        Time: microseconds; `submit_columns` takes many at once.
        """
        columns = single(
            prompt_length=prompt_length,
            output_length=output_length,
            arrival_time=arrival_time,
            priority=priority,
            hash_ids=hash_ids,
            hash_block_size=hash_block_size,
            hash_covers_output=hash_covers_output,
            max_tokens=max_tokens,
        )
        self._submit(columns, int64_column([integer(request, "request")], "ids"), OF_ONE)

    def submit_columns(self, requests: RequestColumns, ids: npt.ArrayLike | None = None) -> None:
        """Requests come, all or none.

        Args:
            requests: not before the clock, in any order. Without arrival_time they arrive now.
            ids: int64, shape (count,): what you call them. None: each has the number of those submitted before it.

        Time: about 100 ns a request.
        """
        self._submit(requests, ids_of(requests, ids))

    def _submit(self, requests: RequestColumns, ids: Int64Array | None, names: Mapping[str, str] | None = None) -> None:
        structure = requests._structure()
        check(
            interruptible(library.batching_live_engine_submit, self._handle, ctypes.byref(structure), pointer(ids)),
            names,
        )

    def advance(self, time: float = math.inf, *, iterations: int | None = None) -> None:
        """Move the clock on, and do what happens until then.

        Args:
            time: seconds; if the clock is there already, nothing happens. Infinity: until nothing is left to do, and
                no other request comes; the clock is then at the end of the last iteration.
            iterations: the most iterations that it schedules; the clock is then where the next would be. None: no
                limit.

        Raises: what a function for policy or iteration_time raises, and what a handler of a signal raises meanwhile:
            KeyboardInterrupt at Ctrl-C. It can be called again then.
        """
        self._advance(self._callbacks, library.batching_live_engine_advance, time, iterations)

    def advance_logged(
        self,
        time: float = math.inf,
        *,
        iterations: int | None = None,
        log_iterations: bool = True,
        log_decisions: bool = True,
        log_queues: bool = False,
    ) -> LiveEngineLogs:
        """The same with logs of what it does in this call: those of `simulate`, but that requests have their ids.

        The rows of all calls, one call after the other, are those of one run with all requests, also where a copy goes
        on. What happened in a call without a log has no row in it, nor may an iteration that was under way then.

        Args:
            time: as for `advance`.
            iterations: as for `advance`.
            log_iterations: whether to tell each iteration that ends.
            log_decisions: whether to tell each decision.
            log_queues: whether the decisions tell also which requests run and which wait in each iteration.

        Raises: what `advance` raises. The rows up to there come with those of the next call.

        Time: as `simulate` with logs, and some 10 us.
        """
        callbacks = self._callbacks.beside()
        logs = CollectedLogs(
            callbacks,
            iterations=switch(log_iterations, "log_iterations"),
            decisions=switch(log_decisions, "log_decisions"),
            queues=switch(log_queues, "log_queues"),
        )
        self._untold.precede(logs)
        try:
            self._advance(callbacks, library.batching_live_engine_advance_logged, time, iterations, *logs.arguments)
        except BaseException:
            self._untold.keep(logs)
            raise
        self._untold.forget(logs)
        return logs.told()

    def _advance(
        self, callbacks: Callbacks, function: Any, time: float, iterations: int | None, *arguments: Any
    ) -> None:
        most = 0 if iterations is None else integer(iterations, "iterations", 1, INT64_MAX)
        until = time if isinstance(time, float) and time == math.inf else number(time, "time")
        self._clock = None
        check(callbacks.run(function, self._handle, until, most, *arguments), self._names)
        self._clock = None

    def poll(self) -> list[LiveEngineEvent]:
        """What happened since it was last asked, in order of time."""
        told = self.poll_columns()
        # In pieces: between them handlers of signals can run.
        return [event for start in range(0, len(told), _PIECE) for event in _listed(told, start)]

    def poll_columns(self) -> LiveEngineEventColumns:
        """The same as columns, without an object an event."""
        state = self._observed()
        capacity = state.events
        columns: dict[str, npt.NDArray[Any]] = {
            "time": np.empty(capacity, np.float64),
            "request": np.empty(capacity, np.int64),
            "event": np.empty(capacity, np.int32),
            "tokens": np.empty(capacity, np.int32),
        }
        events = initialised(structs.batching_live_engine_events)
        events.capacity = capacity
        for name, column in columns.items():
            setattr(events, name, pointer(column))
        attributed = attributed_columns(capacity) if state.keeps_attribution else None
        if attributed is not None:
            parts = initialised(structs.batching_attribution)
            parts.capacity = capacity
            for name, column in attributed.items():
                setattr(parts, name, pointer(column))
            events.attribution = ctypes.pointer(parts)
        check(interruptible(library.batching_live_engine_poll, self._handle, ctypes.byref(events)))
        # Another thread may have taken some since they were counted.
        taken = slice(events.count)
        return LiveEngineEventColumns(
            {name: column[taken] for name, column in columns.items()},
            None if attributed is None else {name: column[taken] for name, column in attributed.items()},
        )

    def abort(self, request: int) -> None:
        """A request leaves: its client is gone. If it runs, it does so at the end of the iteration under way; if that
        gives its last token, it has finished instead.
        """
        check(library.batching_live_engine_abort(self._handle, integer(request, "request")))

    def set_output_length(self, request: int, output_length: int) -> None:
        """How many tokens a request will have generated in the end. If it has as many, it has finished: now, or, if it
        runs, at the end of the iteration under way.
        """
        length = int32(output_length, "output_length")
        check(library.batching_live_engine_set_output_length(self._handle, integer(request, "request"), length))

    @property
    def state(self) -> LiveEngineState:
        """What it holds now."""
        told = self._observed()
        values = {name: getattr(told, name) for name in _STATE_NAMES}
        values["is_stuck"] = bool(told.is_stuck)
        values["keeps_attribution"] = bool(told.keeps_attribution)
        values["kv_blocks_usable"] = None if told.kv_blocks_usable < 0 else told.kv_blocks_usable
        values["next_iteration_end"] = None if math.isnan(told.next_iteration_end) else told.next_iteration_end
        return LiveEngineState(**values)

    def _observed(self) -> structs.batching_live_engine_state:
        state = initialised(structs.batching_live_engine_state)
        check(library.batching_live_engine_observe(self._handle, ctypes.byref(state)))
        return state

    def estimate(
        self,
        *,
        prompt_length: int,
        output_length: int,
        arrival_time: float | None = None,
        priority: int = 0,
        hash_ids: npt.ArrayLike | None = None,
        hash_block_size: int | None = None,
        hash_covers_output: bool = False,
    ) -> Estimate:
        """What would become of a request if it came, and no other. The engine stays as it is.

        Args: those of `submit`.

        Time: a copy of what is in flight, and what it takes to run that to the end of the request: some microseconds.
        """
        if hash_ids is not None:
            columns = single(
                prompt_length=prompt_length,
                output_length=output_length,
                arrival_time=arrival_time,
                priority=priority,
                hash_ids=hash_ids,
                hash_block_size=hash_block_size,
                hash_covers_output=hash_covers_output,
            )
            return self._estimate_columns(columns, OF_ONE)[0]
        try:
            question = self._questions.pop()
        except IndexError:
            question = Question()
        question.prompt_length.value = int32(prompt_length, "prompt_length")
        question.output_length.value = int32(output_length, "output_length")
        question.priority.value = int32(priority, "priority")
        given = None if arrival_time is None else number(arrival_time, "arrival_time")
        arrival = self._asked(given, question.arguments, OF_ONE)
        answer = question.answer(arrival)
        self._questions.append(question)
        return answer

    def estimate_columns(self, requests: RequestColumns) -> EstimateColumns:
        """What would become of each of many requests if it came, and no other. The engine stays as it is.

        Args:
            requests: not before the clock, in any order. Without arrival_time they arrive now.

        Time: that of `estimate` for each, less what it takes to call it.
        """
        return self._estimate_columns(columns_of(requests))

    def _estimate_columns(self, requests: RequestColumns, names: Mapping[str, str] | None = None) -> EstimateColumns:
        questions = Questions(requests)
        given = 0.0 if requests.arrival_time is not None else None
        arrival = self._asked(given, questions.arguments, names or {})
        return questions.answer(arrival)

    def _asked(
        self, given: float | None, arguments: Callable[[float], tuple[Any, Any]], names: Mapping[str, str]
    ) -> float:
        """Have an estimate made of what arrives when it is said, or now. Returns when that is."""
        while True:
            now = self._clock
            arrival = given if given is not None else self._observed().clock if now is None else now
            if given is None:
                self._clock = arrival
            status = self._callbacks.run(library.batching_live_engine_estimate, self._handle, *arguments(arrival))
            if (
                status == constants.BATCHING_ERROR_INVALID_ARGUMENT
                and given is None
                and self._observed().clock != arrival
            ):
                # Another thread has moved the clock since.
                self._clock = None
                continue
            check(status, {**self._names, **names} if status else None)
            return arrival

    def fork(self) -> Self:
        """An independent copy, for a what-if. It has no events yet, and its functions are the same."""
        copy = type(self).__new__(type(self))
        handle = copy._owned(library.batching_live_engine_destroy)
        check(interruptible(library.batching_live_engine_fork, self._handle, ctypes.byref(handle)))
        copy._names, copy._callbacks, copy._config = self._names, self._callbacks, self._config
        copy._take(handle)
        return copy

    def __copy__(self) -> Self:
        return self.fork()

    def __deepcopy__(self, memo: object) -> Self:
        return self.fork()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a LiveEngine cannot be pickled, since its functions cannot: use save and load")

    def save(self) -> bytes:
        """Everything but its callbacks, events that were not polled included: the same state gives the same bytes.

        From them `load` makes an engine that goes on as this one would, in this process or another.
        """
        return saved(library.batching_live_engine_save, self._handle)

    @classmethod
    def load(
        cls,
        data: bytes | bytearray | memoryview,
        *,
        policy: CustomPolicy | None = None,
        iteration_time: Callable[[Iteration], float] | None = None,
    ) -> Self:
        """An engine as it was when `save` gave these.

        Args:
            data: what save gave.
            policy: the function, if that one had one; it is asked from now on.
            iteration_time: likewise.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: they are not those of an engine of this version, or were changed; or a function is missing.
            MemoryError: there is no memory.
        """
        column = byte_column(data, "data")
        callbacks = Callbacks()
        config = initialised(structs.batching_engine_config)
        for name, function in (("policy", policy), ("iteration_time", iteration_time)):
            if function is not None and not callable(function):
                raise TypeError(f"{name} is {shown(function)}: must be a function, or None")
        if policy is not None:
            config.policy_callback = callbacks.policy(policy)
        if iteration_time is not None:
            config.time_callback = callbacks.iteration_time(iteration_time)
        self = cls.__new__(cls)
        self._names, self._callbacks, self._config = NAMES, callbacks, config
        handle = self._owned(library.batching_live_engine_destroy)
        check(
            interruptible(
                library.batching_live_engine_load,
                pointer(column),
                len(column),
                ctypes.byref(config),
                ctypes.byref(handle),
            ),
            self._names,
        )
        self._take(handle)
        return self

    def __repr__(self) -> str:
        state = self._observed()
        return f"LiveEngine(at {state.clock!r} s, {state.running} running, {state.waiting} waiting)"
