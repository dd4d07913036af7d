"""Starts the measurement of this machine (`core.measure`) in a process of its own, once."""

import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

import psutil
from filelock import FileLock, Timeout

from core.engines import start_apart
from core.estimate import folder, load_speed

COMMAND: Final = (sys.executable, "-m", "core.measure")
RETRY_AFTER_S: Final = 600.0
PID: Final = "pid"
_started: list[subprocess.Popen[bytes]] = []


def measure_in_background(
    command: Sequence[str] = COMMAND, *, again: bool = False, wait_s: float = RETRY_AFTER_S
) -> bool:
    """Start the measurement unless there is one that holds; whether it was started just now.

    However many servers and visitors ask, it is started once in `wait_s` seconds at most, also if
    it fails or is killed; one that other processes disturbed is taken anew after that time.
    `again`: although there is one that holds. The caller sees to it that no training is running:
    both would be slower than they are. A folder that cannot be written means that there is no
    estimate, and nothing more.
    """
    _reap()
    speed = load_speed()
    if speed and not speed.is_disturbed() and not again:
        return False
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with FileLock(folder() / "start.lock", timeout=0):
            return _start(command, wait_s)
    except (Timeout, OSError):  # another one is starting it; or nothing can be kept here
        return False


def stop_measuring() -> None:
    """End a measurement that is going on, because a training begins: it is taken again later."""
    note = folder() / PID
    try:
        process = psutil.Process(int(note.read_text()))
        if "core.measure" in _command_of(process):
            process.kill()
            (folder() / "started").unlink(missing_ok=True)
        note.unlink()
    except (OSError, ValueError, psutil.Error):  # there is none, or no longer
        return


def _command_of(process: psutil.Process) -> list[str]:
    """Its command line, which is empty for the moment in which its program is loaded."""
    for _ in range(40):
        found = process.cmdline()
        if found:
            return found
        time.sleep(0.05)
    return []


def _start(command: Sequence[str], wait_s: float) -> bool:
    """Start it if the last start is long ago, and note the time first, whatever comes of it."""
    note = folder() / "started"
    if note.exists() and time.time() - note.stat().st_mtime < wait_s:
        return False
    note.touch()
    with (folder() / "measure.log").open("wb") as log:
        _started.append(start_apart(command, log))
    (folder() / PID).write_text(str(_started[-1].pid))
    return True


def _reap() -> None:
    """Without this, a process that has ended stays in the system's table."""
    _started[:] = [process for process in _started if process.poll() is None]
