"""Renaming and deleting runs, taking that back, and keeping all runs within the disk's quota.

A deleted run is moved, not removed: it lies in `.trash` of the runs folder until its room is needed
or somebody deletes a run an hour later. Several servers may share the folder, so whoever changes or
moves a run holds the queue's lock. Emptying the trash needs no lock: a folder is renamed before it
is removed, and of two who rename it one comes too late.
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

TRASH = ".trash"
MB = 1_000_000
MIN_FREE_BYTES = 100 * MB
"""What a training leaves free on the disk, for the system and for others."""

_GONE = ".gone"


@dataclass(frozen=True)
class Deleted:
    """A run in the trash: what it was called, where it lies now, where it came from.

    The last part of `home` is the run's id.
    """

    name: str
    folder: Path
    home: Path


def why_not_allowed(run: Run | BrokenRun, token: str, allowed: Limits) -> str:
    """Why the visitor with this token may not rename or delete the run; empty if they may."""
    if isinstance(run, BrokenRun) and run.folder in {own_folder(), registry.SHIPPED_FOLDER}:
        return "This is the folder of all runs: it cannot be deleted here."
    if may_manage(run, token, allowed):
        return ""
    if is_shipped(run):
        return "This run came with Digitscope: it can be neither renamed nor deleted."
    return "Only the browser that started this run may rename or delete it."


def is_busy(run: Run) -> bool:
    """Whether the run waits for its training, is in it, or a process still writes its end."""
    status = read_run(run.folder).info.status
    return status in {"queued", "running"} or is_being_trained(run.folder)


def rename_run(run: Run, title: str, *, token: str, allowed: Limits) -> str:
    """Give the run a title and return it as it is kept: without line breaks and outer spaces.

    An empty title takes the old one away, so that the run is called by its id again. Raises
    JobError if the visitor may not, the title is longer than 60 characters or the disk is full,
    RunError if the run is gone.
    """
    words = "".join(char if char.isprintable() else " " for char in title)
    kept = " ".join(words.split())
    if len(kept) > MAX_TITLE:
        raise JobError(
            f"A name has at most {MAX_TITLE} characters, this one has {len(kept)}: shorten it."
        )
    with queue_lock():
        _check(run, token, allowed)
        try:
            card = read_card(run.folder).model_copy(
                update={"title": "" if kept == run.id else kept}
            )
            write_card(run.folder, card)
        except OSError as error:
            raise _explained(error, run, "renamed") from error
    return kept


def delete_run(
    run: Run | BrokenRun,
    *,
    token: str,
    allowed: Limits,
    busy: Callable[[Run], bool] = is_busy,
) -> Deleted:
    """Move the run into the trash; what has lain there for an hour is removed for good.

    `busy` says whether the run waits for its training or is in it: it is asked under the queue's
    lock, of the run as it is now, so that no training starts meanwhile. A damaged run is busy
    only while a process still trains it. Raises JobError if the visitor may not or the run
    is busy, RunError if it is gone.
    """
    with queue_lock():
        _check(run, token, allowed)
        now = _as_it_is_now(run)
        if is_being_trained(run.folder) or (now and busy(now)):
            raise JobError(
                f"The run {run.id!r} is waiting or being trained. Stop it first, then delete it."
            )
        name = read_card(run.folder).title or run.id
        target = own_folder() / TRASH / f"{run.id}.{time.time_ns()}"
        try:
            target.parent.mkdir(exist_ok=True)
            run.folder.rename(target)
        except OSError as error:
            raise _explained(error, run, "deleted") from error
        empty_trash()
    return Deleted(name, target, run.folder)


def undo_delete(deleted: Deleted, *, token: str) -> None:
    """Put a deleted run back where it was.

    Raises JobError if it is another visitor's, RunError if it is no longer in the trash or another
    run has its place.
    """
    with queue_lock():
        if not deleted.folder.is_dir():
            raise RunError(
                f"The run {deleted.home.name!r} cannot be brought back: it is no longer in the "
                "trash."
            )
        if read_card(deleted.folder).owner not in {"", owner_of(token)}:
            raise JobError("Only the browser that started this run may bring it back.")
        if deleted.home.exists():
            raise RunError(
                f"The run {deleted.home.name!r} cannot be brought back: another run is called so "
                "meanwhile. Delete that one first."
            )
        try:
            deleted.folder.rename(deleted.home)
        except OSError as error:
            raise RunError(
                f"The run {deleted.home.name!r} cannot be brought back ({error.strerror})."
            ) from error


def empty_trash(older_than_s: float = 3600) -> int:
    """Remove for good what was deleted longer ago than that; returns the bytes that came free."""
    before = time.time() - older_than_s
    return sum(_remove(entry) for when, entry in _trash() if when < before)


def folder_size(folder: Path) -> int:
    """The bytes of all files in a folder and those below it; 0 if it is gone."""
    try:
        with os.scandir(folder) as entries:
            return sum(_size_of_entry(entry) for entry in entries)
    except OSError:
        return 0


def used_bytes() -> int:
    """What all visitors' runs take on the disk, deleted ones in the trash included."""
    return folder_size(own_folder())


def check_disk_space(needed_bytes: int, allowed: Limits) -> None:
    """Make sure that a run of this size fits: into the quota, and onto the disk.

    Takes it from the trash where that is enough, oldest first. Raises JobError that names what is
    used and what is allowed, and leaves the trash alone, where it is not.
    """
    lacking = _shortage(needed_bytes, allowed)
    if lacking <= 0:
        return
    in_trash = [entry for _, entry in _trash()]
    if lacking > sum(folder_size(entry) for entry in in_trash):
        raise JobError(_no_room(needed_bytes, allowed))
    for entry in in_trash:
        if lacking > 0:
            lacking -= _remove(entry)
    if _shortage(needed_bytes, allowed) > 0:
        raise JobError(_no_room(needed_bytes, allowed))


def _shortage(needed: int, allowed: Limits) -> int:
    over_quota = used_bytes() + needed - allowed.disk_mb * MB
    return max(over_quota, needed + MIN_FREE_BYTES - _free_bytes())


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
        f"{needed / MB:,.0f} MB, and {MIN_FREE_BYTES / MB:,.0f} MB must stay. Delete runs that you "
        "no longer need."
    )


def _as_it_is_now(run: Run | BrokenRun) -> Run | None:
    """The run read again: the page may have drawn it before a training began. None if damaged."""
    try:
        return read_run(run.folder)
    except RunError:
        return None


def _check(run: Run | BrokenRun, token: str, allowed: Limits) -> None:
    """Raise unless the run is still there and the visitor's own."""
    there = run.folder if isinstance(run, BrokenRun) else run.folder / "run.json"
    if not there.exists():
        raise gone_error(run)
    if reason := why_not_allowed(run, token, allowed):
        raise JobError(reason)


def gone_error(run: Run | BrokenRun) -> RunError:
    """The error for a run that was there a moment ago."""
    return RunError(
        f"The run {run.id!r} is no longer there: it was deleted, perhaps in another tab."
    )


def _explained(error: OSError, run: Run | BrokenRun, done: str) -> DigitscopeError:
    if not run.folder.exists():
        return gone_error(run)
    if error.errno in DISK_FULL:
        return JobError(
            f"The disk is full, so the run {run.id!r} could not be {done}. Delete other runs first."
        )
    return JobError(f"The run {run.id!r} could not be {done} ({error.strerror}). Try it again.")


def _trash() -> list[tuple[float, Path]]:
    """What lies in the trash, oldest first: (when it was deleted in Unix seconds, folder)."""
    try:
        entries = list((own_folder() / TRASH).iterdir())
    except OSError:
        return []
    return sorted((_deleted_at(entry), entry) for entry in entries)


def _deleted_at(entry: Path) -> float:
    """Read from the name; 0 for what is half removed already, or was put there by hand."""
    stamp = entry.name.rpartition(".")[2]
    return int(stamp) / 1e9 if stamp.isdecimal() else 0.0


def _remove(entry: Path) -> int:
    """Remove a folder for good and return the bytes that came free.

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
