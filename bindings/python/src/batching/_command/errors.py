"""What goes wrong, in one sentence on standard error, and the exit code of its kind."""

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn, cast

import typer
import typer.core

from batching._ffi.errors import BatchingError

NO_MEMORY: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

# The base of what the parser of options raises. Versions of typer have it in different places.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


class OneSentence(typer.core.TyperGroup):
    """A group of commands whose mistakes in use are one sentence as well."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run a command, and exit. Without a word: list the commands."""
        extra["standalone_mode"] = False
        arguments = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(arguments or ["--help"], *rest, **extra)
            # Here, and not when the interpreter ends, where it could not be reported.
            if sys.stdout is not None:
                sys.stdout.flush()
        except _USAGE_ERROR as error:
            _tell(" ".join(cast(typer.BadParameter, error).format_message().split()))
            sys.exit(WRONG_USE)
        except typer.Abort:
            _tell("interrupted")
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            _end_quietly()
        except SystemExit as ended:
            # The parser takes it for a mistake.
            if isinstance(ended.__context__, BrokenPipeError):
                _end_quietly()
            raise
        except OSError as error:
            _discard_output()
            _tell(f"standard output: {error.strerror or error}")
            sys.exit(WRONG_USE)
        sys.exit(code if isinstance(code, int) else 0)


class OneValue(typer.core.TyperCommand):
    """A command that does not take the last of several values for an option that has one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that are left; an error if an option is there twice that has one value."""
        _, _, order = self.make_parser(ctx).parse_args(args=[*args])
        for parameter, times in Counter(cast(list[Any], order)).items():
            is_option = parameter.param_type_name == "option"
            is_single = is_option and not (parameter.multiple or parameter.is_flag)
            if times > 1 and is_single:
                often = "twice" if times == 2 else f"{times} times"
                raise _USAGE_ERROR(f"{max(parameter.opts, key=len)} is given {often}")
        return super().parse_args(ctx, args)


@contextlib.contextmanager
def one_sentence_errors() -> Iterator[None]:
    """What a user can do wrong ends the command with one sentence, not with a traceback."""
    try:
        yield
    except BrokenPipeError:
        _end_quietly()
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
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)


def _end_quietly() -> NoReturn:
    """What reads the output has enough, which is no mistake. 128 + SIGPIPE, as a shell reports it of others."""
    _discard_output()
    sys.exit(BROKEN_PIPE)


def _discard_output() -> None:
    """What is still to be written is not, so that the interpreter does not try it once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
