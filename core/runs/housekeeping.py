"""Renaming and deleting runs, undoing a deletion, and keeping all runs within the disk quota.

A deleted run is moved, not removed: it lies in `.trash` of the runs folder until its space is
needed, or another run is deleted more than an hour later. Several servers may share the folder, so
a run is changed or moved under the queue's lock. Emptying the trash needs no lock: a folder is
renamed before it is removed, and only one of two processes can rename it.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.runs import registry
from core.runs.locks import is_being_trained, queue_lock
from core.runs.permissions import (
    MAX_TITLE,
    Limits,
    is_shipped,
    may_manage,
    owner_of,
    read_card,
    write_card,
)
from core.runs.registry import own_folder, read_run
from core.runs.run import BrokenRun, Run
from core.utils.errors import DigitscopeError, JobError, RunError
from core.utils.files import DISK_FULL

_TRASH = ".trash"
MB = 1_000_000
_MIN_FREE_BYTES = 100 * MB
"""What a training leaves free on the disk, for the system and for others."""

_GONE = ".gone"


@dataclass(frozen=True)
class Deleted:
    """A run in the trash.

    Attributes:
        name: its title, or its id.
        folder: where it lies now.
        original_folder: where it came from; the last part is the run's id.
    """

    name: str
    folder: Path
    original_folder: Path


def why_not_allowed(run: Run | BrokenRun, token: str, allowed: Limits) -> str:
    """Say why a visitor may not rename or delete a run.

    Args:
        run: that is to be changed.
        token: the visitor's secret.
        allowed: this server's limits.

    Returns:
        A sentence; empty if the visitor may.
    """
    if isinstance(run, BrokenRun) and run.folder in {own_folder(), registry.SHIPPED_FOLDER}:
        return "This is the folder of all runs: it cannot be deleted here."
    if may_manage(run, token, allowed):
        return ""
    if is_shipped(run):
        return "This run came with Digitscope: it can be neither renamed nor deleted."
    return "Only the browser that started this run may rename or delete it."


def is_busy(run: Run) -> bool:
    """Whether the run is queued, is being trained, or a process still writes to it."""
    status = read_run(run.folder).info.status
    return status in {"queued", "running"} or is_being_trained(run.folder)


def rename_run(run: Run, title: str, *, token: str, allowed: Limits) -> str:
    """Give a run a title.

    Args:
        run: to be renamed.
        title: without a title, if empty, the run is called by its id again.
        token: the visitor's secret.
        allowed: this server's limits.

    Returns:
        The title as it is kept: without line breaks and outer spaces.

    Raises:
        JobError: the visitor may not, the title has more than 60 characters, or the disk is full.
        RunError: the run is gone.
    """
    printable = "".join(char if char.isprintable() else " " for char in title)
    new_title = " ".join(printable.split())
    if len(new_title) > MAX_TITLE:
        raise JobError(
            f"A name has at most {MAX_TITLE} characters, this one has {len(new_title)}: shorten it."
        )
    with queue_lock():
        _check(run, token, allowed)
        try:
            card = read_card(run.folder).model_copy(
                update={"title": "" if new_title == run.id else new_title}
            )
            write_card(run.folder, card)
        except OSError as error:
            raise _storage_error(error, run, "renamed") from error
    return new_title


def delete_run(
    run: Run | BrokenRun,
    *,
    token: str,
    allowed: Limits,
    busy: Callable[[Run], bool] = is_busy,
) -> Deleted:
    """Move a run into the trash; what has lain there for an hour is removed for good.

    Args:
        run: to be deleted.
        token: the visitor's secret.
        allowed: this server's limits.
        busy: whether a run is queued or being trained. It is called under the queue's lock with
            the run as it is now, so that no training starts meanwhile. A damaged run is busy only
            while a process trains it.

    Returns:
        What `undo_delete` needs.

    Raises:
        JobError: the visitor may not, or the run is busy.
        RunError: the run is gone.
    """
    with queue_lock():
        _check(run, token, allowed)
        current = _reread(run)
        if is_being_trained(run.folder) or (current and busy(current)):
            raise JobError(
                f"The run {run.id!r} is waiting or being trained. Stop it first, then delete it."
            )
        return move_to_trash(run)


def move_to_trash(run: Run | BrokenRun) -> Deleted:
    """Move a run into the trash; under the queue's lock, and only while no process trains it.

    Raises:
        RunError: the run is gone.
        JobError: it cannot be moved.
    """
    name = read_card(run.folder).title or run.id
    target = own_folder() / _TRASH / f"{run.id}.{time.time_ns()}"
    try:
        target.parent.mkdir(exist_ok=True)
        run.folder.rename(target)
    except OSError as error:
        raise _storage_error(error, run, "deleted") from error
    empty_trash()
    return Deleted(name, target, run.folder)


def undo_delete(deleted: Deleted, *, token: str) -> None:
    """Put a deleted run back where it was.

    Args:
        deleted: what `delete_run` returned.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's.
        RunError: it is no longer in the trash, or another run has its place.
    """
    home = deleted.original_folder
    with queue_lock():
        if not deleted.folder.is_dir():
            raise RunError(
                f"The run {home.name!r} cannot be brought back: it is no longer in the trash."
            )
        if read_card(deleted.folder).owner not in {"", owner_of(token)}:
            raise JobError("Only the browser that started this run may bring it back.")
        if home.exists():
            raise RunError(
                f"The run {home.name!r} cannot be brought back: another run is called so "
                "meanwhile. Delete that one first."
            )
        try:
            deleted.folder.rename(home)
        except OSError as error:
            raise RunError(
                f"The run {home.name!r} cannot be brought back ({error.strerror})."
            ) from error


def empty_trash(older_than_s: float = 3600) -> int:
    """Remove old runs in the trash for good.

    Args:
        older_than_s: seconds since they were deleted.

    Returns:
        The bytes that were freed.
    """
    before = time.time() - older_than_s
    return sum(_remove(entry) for deleted_at, entry in _trash() if deleted_at < before)


def folder_size(folder: Path) -> int:
    """The bytes of all files in a folder and those below it; 0 if it is gone."""
    try:
        with os.scandir(folder) as entries:
            return sum(_size_of_entry(entry) for entry in entries)
    except OSError:
        return 0


def used_bytes() -> int:
    """The bytes of all visitors' runs, including those in the trash."""
    return folder_size(own_folder())


def check_disk_space(needed_bytes: int, allowed: Limits) -> None:
    """Make sure that a run fits into the quota and onto the disk.

    Empties as much of the trash as is needed, oldest first; if all of it would not be enough, it is
    left alone.

    Args:
        needed_bytes: the size of the run.
        allowed: this server's limits.

    Raises:
        JobError: it does not fit; the error names what is used and what is allowed.
    """
    missing = _shortage(needed_bytes, allowed)
    if missing <= 0:
        return
    in_trash = [entry for _, entry in _trash()]
    if missing > sum(folder_size(entry) for entry in in_trash):
        raise JobError(_no_room(needed_bytes, allowed))
    for entry in in_trash:
        if missing > 0:
            missing -= _remove(entry)
    if _shortage(needed_bytes, allowed) > 0:
        raise JobError(_no_room(needed_bytes, allowed))


def _shortage(needed: int, allowed: Limits) -> int:
    """Bytes that have to be freed; zero or less if there is room."""
    over_quota = used_bytes() + needed - allowed.disk_mb * MB
    return max(over_quota, needed + _MIN_FREE_BYTES - _free_bytes())


def _free_bytes() -> int:
    folder = own_folder().absolute()
    return shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free


def _no_room(needed: int, allowed: Limits) -> str:
    used, free = used_bytes(), _free_bytes()
    if used + needed > allowed.disk_mb * MB:
        return (
            f"The runs take {used / MB:,.0f} of the {allowed.disk_mb:,} MB that this server allows "
            f"for all of them, and this one may need {needed / MB:,.0f} MB. Delete runs that you "
            "no longer need, or ask who runs the server for more (DIGITSCOPE_DISK_MB)."
        )
    return (
        f"The disk of this server is nearly full: {free / MB:,.0f} MB are free, this run may need "
        f"{needed / MB:,.0f} MB, and {_MIN_FREE_BYTES / MB:,.0f} MB must stay. Delete runs that "
        "you no longer need."
    )


def _reread(run: Run | BrokenRun) -> Run | None:
    """The run as it is now: a page may have read it before a training began. None if damaged."""
    try:
        return read_run(run.folder)
    except RunError:
        return None


def _check(run: Run | BrokenRun, token: str, allowed: Limits) -> None:
    """Raise unless the run still exists and the visitor may manage it."""
    path = run.folder if isinstance(run, BrokenRun) else run.folder / "run.json"
    if not path.exists():
        raise gone_error(run)
    if reason := why_not_allowed(run, token, allowed):
        raise JobError(reason)


def gone_error(run: Run | BrokenRun) -> RunError:
    """The error for a run that was there a moment ago."""
    return RunError(
        f"The run {run.id!r} is no longer there: it was deleted, perhaps in another tab."
    )


def _storage_error(error: OSError, run: Run | BrokenRun, done: str) -> DigitscopeError:
    if not run.folder.exists():
        return gone_error(run)
    if error.errno in DISK_FULL:
        return JobError(
            f"The disk is full, so the run {run.id!r} could not be {done}. Delete other runs first."
        )
    return JobError(f"The run {run.id!r} could not be {done} ({error.strerror}). Try it again.")


def _trash() -> list[tuple[float, Path]]:
    """The folders in the trash, oldest first: (time of deletion in Unix seconds, folder)."""
    try:
        entries = list((own_folder() / _TRASH).iterdir())
    except OSError:
        return []
    return sorted((_deleted_at(entry), entry) for entry in entries)


def _deleted_at(entry: Path) -> float:
    """Time of deletion, from the name; 0 for what is half removed, or was put there by hand."""
    stamp = entry.name.rpartition(".")[2]
    return int(stamp) / 1e9 if stamp.isdecimal() else 0.0


def _remove(entry: Path) -> int:
    """Remove a folder for good and return the bytes that were freed.

    It is renamed first, so that nobody can bring back half a run.
    """
    size = folder_size(entry)
    gone = entry if entry.name.endswith(_GONE) else entry.with_name(entry.name + _GONE)
    try:
        entry.rename(gone)
    except OSError:
        return 0
    shutil.rmtree(gone, ignore_errors=True)
    return size - folder_size(gone)


def _size_of_entry(entry: os.DirEntry[str]) -> int:
    try:
        if entry.is_dir(follow_symlinks=False):
            return folder_size(Path(entry.path))
        return entry.stat(follow_symlinks=False).st_size
    except OSError:  # a file that a training has just renamed or thinned out
        return 0
