"""What goes wrong, in one sentence on standard error, and the exit code that tells its kind."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn, cast

import typer
import typer.core

from batching._errors import BatchingError

NO_MEMORY: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130

# The base of what the parser of options raises. Versions of typer have it in different places.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


class OneSentence(typer.core.TyperGroup):
    """A group of commands whose mistakes in use are told in one sentence, too."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run a command, and exit. Without a word: tell what there is."""
        extra["standalone_mode"] = False
        arguments = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(arguments or ["--help"], *rest, **extra)
        except _USAGE_ERROR as error:
            _tell(" ".join(cast(typer.BadParameter, error).format_message().split()))
            sys.exit(WRONG_USE)
        except typer.Abort:
            _tell("interrupted")
            sys.exit(INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


@contextlib.contextmanager
def one_sentence_errors() -> Iterator[None]:
    """What a user can do wrong ends the command with one sentence, not with a traceback."""
    try:
        yield
    except BrokenPipeError:
        # Who reads the output has enough, which is no mistake: left to the parser, which knows how to end quietly.
        raise
    except OSError as error:
        _tell(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        raise typer.Exit(WRONG_USE) from None
    except MemoryError as error:
        _tell(str(error) or "there is not memory enough")
        raise typer.Exit(NO_MEMORY) from None
    except (BatchingError, TypeError) as error:
        _tell(str(error))
        raise typer.Exit(WRONG_USE) from None
    except KeyboardInterrupt:
        _tell("interrupted")
        raise typer.Exit(INTERRUPTED) from None


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)
