"""Signals while the library works: what a handler raises stops the call, and comes out of it.

Python runs the handlers of signals in its main thread, when it next executes code of its own. During a long call that
is the interrupt callback of the library, which is asked after every few milliseconds of work, or a function that the
call was given.

An exception that leaves a callback is lost, and what C then gets is not defined. A handler runs at the very first
instruction of a callback, where no `try` of it holds yet. There are two ways out:

- A generator goes on inside the `try` in which it stopped. The interrupt callback is the `send` of one, which C calls
  without any instruction of Python in between.
- A function with several arguments is called as it is. While such functions are called, handlers outside of their `try`
  are only noted, and run inside of the next.
"""

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Generator
from threading import get_ident
from types import FrameType, TracebackType
from typing import Any, Final

from batching._ffi.generated import structs
from batching._ffi.loader import library

GO_ON: Final = 0
STOP: Final = 1

_Handler = Callable[[int, FrameType | None], Any]

# The same function as the library's, but that Python keeps its lock, and that nothing is converted: half the time.
_set_interrupt: Final = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
    ctypes.cast(library.batching_interrupt_set, ctypes.c_void_p).value or 0
)


class _MainThread:
    """The only one in which handlers of signals run."""

    def __init__(self) -> None:
        self.take_over()
        # A child has one thread: that which forked it.
        os.register_at_fork(after_in_child=self.take_over)

    def take_over(self) -> None:
        self.ident = threading.main_thread().ident


_main_thread: Final = _MainThread()


class _Watch:
    """A callback that lets Python run the handlers of signals. It serves until one of them raises."""

    def __init__(self) -> None:
        self.raised: list[BaseException | None] = [None]
        asked = _asked(self.raised)
        next(asked)
        self._callback: Any = structs.batching_interrupt_callback(asked.send)
        self.address = ctypes.cast(self._callback, ctypes.c_void_p).value


def _asked(raised: list[BaseException | None]) -> Generator[int, object, None]:
    try:
        while True:
            yield GO_ON
            if _deferred.noted:
                _deferred.run_noted()
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001  (none may pass through C; it is raised again afterwards)
        # From here to `yield` no handler can run, since nothing is called.
        raised[0] = error
        yield STOP


# Those that no call uses: calls within calls have one each.
_idle: Final[list[_Watch]] = []


def interruptible(function: Any, *arguments: Any) -> int:
    """The status of a C function that may take long. Raises what a handler of a signal raises meanwhile."""
    if get_ident() != _main_thread.ident:
        status: int = function(*arguments)
        return status
    watch = _idle.pop() if _idle else _Watch()
    before = None
    try:
        try:
            before = _set_interrupt(watch.address, None)
            status = function(*arguments)
        finally:
            # A handler may raise after this, but not before.
            _set_interrupt(before, None)
    finally:
        error = watch.raised[0]
        if error is not None:
            watch.raised[0] = None
            raise error
    _idle.append(watch)
    return status


class _Deferred:
    """The handlers of the program while others stand in their place, which only note what came."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, FrameType | None]] = []
        self._handlers: dict[int, _Handler] = {}
        self._depth = 0
        self.is_caught = True
        """Whether what a handler raises now is caught, or may go on its way."""

    def note(self, number: int, frame: FrameType | None) -> None:
        """What stands in the place of a handler."""
        if self.is_caught:
            self._handlers[number](number, frame)
        else:
            self.noted.append((number, frame))

    def run_noted(self) -> None:
        """Run the handlers of what was noted, also if one of them raises."""
        try:
            while self.noted:
                number, frame = self.noted.pop(0)
                self._handlers[number](number, frame)
        finally:
            if self.noted:
                self.run_noted()

    def enter(self) -> bool:
        """From now on handlers are noted. Returns whether they were not before."""
        was_caught = self.is_caught
        if self._depth == 0:
            self._replace_handlers()
        self.is_caught = False
        self._depth += 1
        return was_caught

    def leave(self, *, was_caught: bool) -> None:
        """As it was before. Raises what a handler raises that was noted meanwhile."""
        self._depth -= 1
        self.is_caught = was_caught
        try:
            if was_caught and self.noted:
                self.run_noted()
        finally:
            if self._depth == 0:
                self._restore_handlers()

    def _replace_handlers(self) -> None:
        try:
            for number in _SIGNALS:
                handler = _get_handler(number)
                if callable(handler) and handler != self.note:
                    self._handlers[number] = handler
                    _set_handler(number, self.note)
        except BaseException:
            self._restore_handlers()
            raise

    def _restore_handlers(self) -> None:
        # To set a handler runs those of pending signals first, which may raise: then what is left is left to do.
        try:
            while self._handlers:
                number = next(iter(self._handlers))
                if _get_handler(number) == self.note:
                    _set_handler(number, self._handlers[number])
                del self._handlers[number]
        finally:
            if self._handlers:
                self._restore_handlers()


_SIGNALS: Final = sorted(set(map(int, signal.valid_signals())) - {signal.SIGKILL, signal.SIGSTOP})
# Without the words around them, which make enumerations of numbers and take longer than all the rest.
_get_handler: Final[Any] = getattr(signal.getsignal, "__wrapped__", signal.getsignal)
_set_handler: Final[Any] = getattr(signal.signal, "__wrapped__", signal.signal)

_deferred: Final = _Deferred()


class deferred_handlers:  # noqa: N801  (used as a function)
    """A context for a call of the library that calls functions of Python, each of them `guarded`."""

    def __enter__(self) -> None:
        self._is_main = get_ident() == _main_thread.ident
        if self._is_main:
            self._was_caught = _deferred.enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_main:
            _deferred.leave(was_caught=self._was_caught)


def guarded(
    function: Callable[..., object], keep: Callable[[BaseException], None], *, holds_handlers: bool = False
) -> Callable[..., int]:
    """What C can call for a function: nothing that it, or a handler of a signal meanwhile, raises passes through C.

    With holds_handlers those wait until the library asks whether the call is to go on.
    """

    def call(*arguments: Any) -> int:
        is_main = not holds_handlers and get_ident() == _main_thread.ident
        try:
            if is_main:
                _deferred.is_caught = True
                if _deferred.noted:
                    _deferred.run_noted()
            function(*arguments)
            if is_main:
                _deferred.is_caught = False
        except BaseException as error:  # noqa: BLE001  (it is raised again after the call)
            if is_main:
                _deferred.is_caught = False
            keep(error)
            return STOP
        return GO_ON

    return call
