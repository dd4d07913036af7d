"""What is worked out of a run after its training, and kept in its folder, as another file."""

from collections.abc import Callable
from typing import IO, Any

from core import runs
from core.errors import RunError
from core.run_writer import DISK_FULL, write_whole
from core.runs import Run


def keep(run: Run, name: str, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file of that name whole into the folder of a run that is still as it was.

    Raises RunError if the run was deleted or trained on meanwhile, or nothing can be written.
    """
    if runs.read(run.folder).info.model_sha256 != run.info.model_sha256:
        raise RunError(
            f"The run {run.id!r} was trained on meanwhile, so this is of its old network and was "
            "thrown away. Start it again."
        )
    try:
        write_whole(run.folder / name, write)
    except FileNotFoundError as error:
        raise RunError(f"The run {run.id!r} was deleted meanwhile. Choose another run.") from error
    except OSError as error:
        full = error.errno in DISK_FULL
        why = "the disk is full" if full else error.strerror or "the system refused"
        then = "Delete runs that are no longer needed" if full else "Give the app access to it"
        raise RunError(
            f"What was worked out cannot be kept in the folder of the run {run.id!r} ({why}). "
            f"{then}, then start it again."
        ).at(run.folder) from error
