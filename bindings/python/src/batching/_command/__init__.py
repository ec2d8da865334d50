"""The command `batching`, also `python -m batching`. Needs the extra [cli]; a picture also [plot], a trace also
[traces].
"""

import sys

from batching._ffi import interruption
from batching._ffi.errors import MissingExtraError


def main() -> None:
    """Run the command with the arguments of the process."""
    interruption.begin()
    try:
        import rich  # noqa: F401, PLC0415
        import typer  # noqa: F401, PLC0415
    except ImportError as error:
        print(MissingExtraError("the command", error.name or "typer and rich", "cli"), file=sys.stderr)
        raise SystemExit(2) from None
    from batching._command.application import application  # noqa: PLC0415  (needs both)

    interruption.end()
    application(prog_name="batching")
