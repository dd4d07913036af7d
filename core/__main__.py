"""`python -m core`: the command line. The exit status is 0 or 1; an error is one sentence."""

import io
import os
import sys
from collections.abc import Sequence

import typer

from core.cli.app import app
from core.utils.errors import DigitscopeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; without one, show the help.

    Args:
        arguments: The command and its options; those of this process by default.

    Returns:
        The exit status: 0, or 1 after an error, of which stderr holds one sentence.
    """
    command = list(sys.argv[1:] if arguments is None else arguments)
    _print_any_file_name()
    try:
        status = app(command or ["--help"], prog_name="python -m core", standalone_mode=False)
        sys.stdout.flush()  # here, where a full disk or a closed pipe can still be reported
    except DigitscopeError as error:
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        return _fail(f"{error}{notes}")
    except typer.TyperException as error:
        message = error.format_message().rstrip(".")
        return _fail(f"{message}. See `python -m core --help`.")
    except (typer.Abort, KeyboardInterrupt):
        return _fail("Stopped.")
    except BrokenPipeError:  # `... | head` has read enough
        _drop_output()
        return 1
    except OSError as error:
        _drop_output()
        place = f" ({error.filename})" if error.filename else ""
        return _fail(
            f"The system refused: {error.strerror or error}{place}. "
            "Check the disk and its permissions, then try again."
        )
    return int(bool(status))


def _print_any_file_name() -> None:
    """Print the bytes of a file name that are not valid text as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Discard pending output: Python would write it at exit, and be refused once more."""
    try:
        sys.stdout.flush()
    except OSError:
        null_device = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null_device, sys.stdout.fileno())
        os.close(null_device)


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
