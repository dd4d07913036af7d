"""Locks between processes: of the queue, and of each run that is being trained.

The system releases them when their holder dies, however it dies.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
from filelock import FileLock, Timeout

from core.runs.registry import own_folder
from core.utils.errors import JobError, RunError
from core.utils.files import write_atomically

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_QUEUE_WAIT_S = 20.0
_WORKER_WAIT_S = 3.0
_LOCK_FILE = "worker.lock"
_TRAINER_LOCK_FILE = "trainer.lock"
_PID_FILE = "worker.pid"


@contextmanager
def queue_lock() -> Iterator[None]:
    """Hold the lock of the runs folder while runs are started, renamed, moved or deleted.

    Several servers may share the folder.

    Raises:
        JobError: the folder cannot be written, or another process keeps the lock.
    """
    folder = own_folder()
    lock = FileLock(folder / ".queue.lock", timeout=_QUEUE_WAIT_S)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise JobError(
            "Another program is busy with the runs for a long time. Try it again in a minute."
        ) from error
    except OSError as error:
        raise JobError(
            f"The folder for runs cannot be written ({error.strerror}), so nothing can be trained "
            "or changed here. Give the app a folder that it may write to."
        ).at(folder) from error
    try:
        yield
    finally:
        lock.release()


def worker_lock(folder: Path) -> FileLock:
    """The lock that a process holds while it trains the run of this folder."""
    return FileLock(folder / _LOCK_FILE, timeout=0)


def take_worker_lock(folder: Path) -> FileLock:
    """Take the lock of a run that is to be trained.

    Raises:
        RunError: another process holds it.
        OSError: the folder cannot be written.
    """
    lock = worker_lock(folder)
    try:
        # A process that asks whether a run is being trained holds its lock for a moment.
        lock.acquire(timeout=_WORKER_WAIT_S)
    except Timeout as error:
        raise RunError(f"The run {folder.name!r} is being trained by another process.") from error
    try:
        _write_process(folder)
    except OSError:
        lock.release()
        raise
    return lock


def take_trainer_lock(folder: Path, wait_s: float) -> FileLock:
    """Take the lock of a process that trains in a folder whose worker lock another machine holds.

    Args:
        folder: of the run.
        wait_s: how long to wait for a process that trains there still.

    Raises:
        RunError: another process goes on training there.
        OSError: the folder cannot be written.
    """
    # One thread of a trainer takes it, another releases it.
    lock = FileLock(folder / _TRAINER_LOCK_FILE, thread_local=False)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        raise RunError(
            f"The run {folder.name!r} is still being trained by another machine. Continue it in a "
            "minute."
        ) from error
    return lock


def _write_process(folder: Path) -> None:
    """Note which process trains. Its number alone may come again; with its start it does not."""
    process = psutil.Process()
    fields = {"pid": process.pid, "started": process.create_time()}
    content = json.dumps(fields).encode() + b"\n"
    write_atomically(folder / _PID_FILE, lambda file: file.write(content))


def read_process(folder: Path) -> bytes:
    """What is noted of the process that holds, or held last, the lock of a run.

    It differs from that of any other process, and is the same wherever the folder is seen.

    Raises:
        OSError: nothing is noted there.
    """
    return (folder / _PID_FILE).read_bytes()


def training_process(folder: Path) -> psutil.Process | None:
    """The process of this machine that holds the lock of a run; None if there is none."""
    if not is_being_trained(folder):
        return None
    try:
        fields = json.loads(read_process(folder))
        process = psutil.Process(fields["pid"])
        is_same: bool = process.create_time() == fields["started"]
    except (OSError, ValueError, TypeError, KeyError, psutil.Error):
        return None
    return process if is_same else None


def is_being_trained(folder: Path) -> bool:
    """Whether a living process trains the run of this folder."""
    try:
        with (folder / _LOCK_FILE).open("rb") as file:
            return _is_locked(file)
    except OSError:  # never trained here, or the folder is just being deleted
        return False


def _is_locked(file: IO[bytes]) -> bool:
    """Try to get a shared lock: any number of processes may ask at a time."""
    if fcntl is None:
        try:
            with FileLock(file.name, timeout=0):
                return False
        except Timeout:
            return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
