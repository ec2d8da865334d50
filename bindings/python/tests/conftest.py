"""What holds for every test: the same examples each time, signals as at a terminal, and an end."""

import faulthandler
import os
import resource
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

import bounded

# Every test run tries the same examples, so that a failure is one that can be had again.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

# Many times what the longest takes, also on a machine that has other things to do.
_SECONDS_UNTIL_A_TEST_HANGS = 1800
_MEMORY = 16 << 30
# Tests may capture what is written as errors.
_COMPLAINTS = os.dup(2)

bounded.restore_signals()
# What restoring has made the default action, Python makes an exception.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
_hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY if _hard == resource.RLIM_INFINITY else min(_MEMORY, _hard), _hard))


@pytest.fixture(autouse=True)
def _every_test_ends() -> Iterator[None]:
    """A test that hangs ends the run, and says where it hung."""
    faulthandler.dump_traceback_later(_SECONDS_UNTIL_A_TEST_HANGS, exit=True, file=_COMPLAINTS)
    yield
    faulthandler.cancel_dump_traceback_later()
