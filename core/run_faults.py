"""How a training that broke off says so in its run folder."""

import time
from contextlib import suppress
from pathlib import Path

from core.errors import DigitscopeError
from core.events import Ended, as_line
from core.run_writer import RunWriter, why_unwritable


def note_failure(writer: RunWriter, error: BaseException, seconds: float) -> None:
    """Only the folder is told: whoever listens is told by the error itself, or is what failed."""
    reason = _sentence(error, writer.folder)
    writer.fail(reason)
    with suppress(OSError):
        writer.event(as_line(Ended(time.time(), "failed", seconds, reason, "fault")))


def _sentence(error: BaseException, folder: Path) -> str:
    """A sentence for visitors: what TensorFlow says of itself is for the log."""
    if isinstance(error, DigitscopeError):
        return str(error)
    if isinstance(error, OSError):
        return why_unwritable(error, folder)
    if isinstance(error, KeyboardInterrupt):
        return "The training was broken off in the terminal."
    return (
        f"The training broke off because of a fault inside ({type(error).__name__}). "
        "The log of its process says more."
    )
