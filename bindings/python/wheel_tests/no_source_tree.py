"""Refuses a Python process everything below a folder: imports, files, libraries.

test_wheel.py puts it into the environments in which it tries the wheel, and names the source tree: what works there
works on a machine that never had one.
"""

import os
import sys

_FORBIDDEN = os.path.realpath(os.environ["FORBIDDEN_FOLDER"]) + os.sep
_EVENTS = {"open", "os.listdir", "os.scandir", "os.chdir", "ctypes.dlopen"}


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event in _EVENTS and isinstance(arguments[0], str | bytes | os.PathLike):
        path = os.path.realpath(os.fsdecode(arguments[0])) + os.sep
        if path.startswith(_FORBIDDEN):
            raise PermissionError(f"{path} is not there for users: {event}")


sys.addaudithook(_refuse)
