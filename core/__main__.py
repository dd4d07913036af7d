"""`python -m core`: the command line. Exit status 0 or 1; an error is one sentence on stderr."""

import sys

import typer

from core.commands import app
from core.errors import DigitscopeError


def main() -> int:
    """Run a command and turn whatever it meets into an exit status."""
    try:
        status = app(standalone_mode=False)
    except DigitscopeError as error:
        return _fail(str(error))
    except typer.TyperException as error:
        message = error.format_message().rstrip(".")
        return _fail(f"{message}. See `python -m core --help`.")
    except (typer.Abort, KeyboardInterrupt):
        return _fail("Stopped.")
    return int(bool(status))


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
