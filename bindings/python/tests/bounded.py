"""Children that end: each with the signals of a program that a person starts, and with bounds of its own."""

import resource
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SECONDS = 300
MEMORY = 8 << 30
# What `nohup`, a daemon or a test runner may have left ignored or blocked.
_RESTORED = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE, signal.SIGALRM)


def restore_signals() -> None:
    """Give signals the meaning that they have in a program started at a terminal. Exec keeps what is ignored."""
    for number in _RESTORED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def bound(seconds: int = SECONDS, memory: int = MEMORY, file_size: int | None = None) -> None:
    """Bound this process, a child: it ends itself, whatever becomes of its parent. The alarm outlives exec."""
    restore_signals()
    signal.alarm(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))


def start(
    command: Sequence[str | Path],
    *,
    seconds: int = SECONDS,
    memory: int = MEMORY,
    file_size: int | None = None,
    **options: Any,
) -> "subprocess.Popen[Any]":
    """Start a bounded child. `options` are those of subprocess.Popen."""
    return subprocess.Popen(
        command,
        # Nothing but system calls, whatever other threads were at.
        preexec_fn=lambda: bound(seconds, memory, file_size),  # noqa: PLW1509
        **options,
    )


def run(
    command: Sequence[str | Path],
    *,
    input: Any = None,  # noqa: A002  (the name that subprocess.run has)
    check: bool = False,
    text: bool = True,
    **options: Any,
) -> "subprocess.CompletedProcess[Any]":
    """Run a bounded child to its end, and keep what it prints."""
    pipes = {"stdin": subprocess.PIPE if input is not None else subprocess.DEVNULL,
             "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options  # fmt: skip
    with start(command, text=text, **pipes) as process:
        printed, complaints = process.communicate(input)
    ended = subprocess.CompletedProcess(command, process.returncode, printed, complaints)
    if check:
        assert ended.returncode == 0, f"{ended.returncode}: {ended.stderr}"
    return ended
