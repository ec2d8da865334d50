"""Ctrl-C while the command `batching` is still being loaded: it ends as it does later, and not with a traceback.

The package imports this module first, and so `begin` has run before anything else of it is loaded.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType


def begin() -> None:
    """From now on Ctrl-C ends the process at once: an exception could come out of any import, and as another one.

    Does nothing in other programs that import the package, and where the process ignores or handles Ctrl-C already.
    """
    if _is_the_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_process)


def end() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end_process:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_the_command() -> bool:
    if threading.current_thread() is not threading.main_thread():
        return False
    is_module = any(pair == ("-m", "batching") for pair in zip(sys.orig_argv[:-1], sys.orig_argv[1:], strict=True))
    return is_module or (bool(sys.argv) and Path(sys.argv[0]).name == "batching")


def _end_process(_signal: int, _frame: FrameType | None) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)


begin()
