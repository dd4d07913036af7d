"""The queue of trainings: what waits, what runs, what comes next, what was broken off.

The queue is the set of run folders whose status is "queued", in the order in which they were
submitted; there is no other list that could disagree with it. A run is being trained while a
process that is alive holds its lock. Whoever changes any of this holds the queue's lock, so several
servers, and every training at its end, may look after one folder of runs.

Where trainings run. An engine starts the training of a queued run, and can end it by force.

Everything else between the product and a training goes through the run folder, so an engine for
other machines needs these four calls and a folder that they share.

Starts the measurement of this machine (`core.jobs.speed_benchmark`) in a process of its own, once.
"""

import logging
import os
import secrets
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO, Final, Protocol

import psutil
from filelock import FileLock, Timeout

from core import ROOT
from core.jobs.time_estimate import load_speed, speed_folder
from core.runs import registry
from core.runs.locks import is_being_trained, queue_lock
from core.runs.permissions import JobCard, Limits, limits, read_card, write_card
from core.runs.run import CHECKPOINT, Run
from core.runs.writer import write_info
from core.utils.errors import DigitscopeError, JobError

LOG = "worker.log"
TERMINATION_WAIT_S = 5.0
MAX_REMEMBERED = 1000


class Engine(Protocol):
    """What `core.jobs.submission` asks of an engine."""

    def start(self, folder: Path) -> int:
        """Begin to train the run of this folder; a number by which this start is known.

        Raises OSError if that is impossible.
        """

    def has_ended(self, start: int) -> bool:
        """Whether what was started then is known to be over; False for another server's."""

    def kill(self, folder: Path) -> None:
        """End what trains this folder at once, however it was started."""

    def tidy(self) -> None:
        """Let go of what has ended; called every few seconds."""


class LocalEngine:
    """Processes on this machine, each of its own session: they outlive the server."""

    def __init__(self) -> None:
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._ended: deque[int] = deque(maxlen=MAX_REMEMBERED)
        self._lock = Lock()  # every visitor's page asks

    def start(self, folder: Path) -> int:
        with (folder / LOG).open("ab") as log:
            process = start_detached(_command(folder), log)
        number = secrets.randbits(52)  # a process's own number may come again
        with self._lock:
            self._started[number] = process
        return number

    def has_ended(self, start: int) -> bool:
        self.tidy()
        return start in self._ended

    def kill(self, folder: Path) -> None:
        wanted = _command(folder)[1:]
        for process in psutil.process_iter(["cmdline"]):
            if (process.info["cmdline"] or [])[1:] == wanted:
                with suppress(psutil.Error):  # it ended by itself, or will in a moment
                    process.kill()
                    process.wait(TERMINATION_WAIT_S)
        self.tidy()

    def tidy(self) -> None:
        # A process that has ended stays in the system's table until its parent asks for it.
        with self._lock:
            over = [number for number, one in self._started.items() if one.poll() is not None]
            for number in over:
                del self._started[number]
            self._ended.extend(over)


def start_detached(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program of ours in a session of its own, so that it outlives the server.

    Raises OSError if that is impossible.
    """
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "core.jobs.worker", str(folder.resolve())]


LOCAL: Engine = LocalEngine()
BENCHMARK_COMMAND: Final = (sys.executable, "-m", "core.jobs.speed_benchmark")
RETRY_AFTER_S: Final = 600.0
PID_FILE: Final = "pid"
_started: list[subprocess.Popen[bytes]] = []


def start_benchmark(
    command: Sequence[str] = BENCHMARK_COMMAND,
    *,
    again: bool = False,
    wait_s: float = RETRY_AFTER_S,
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
        speed_folder().mkdir(parents=True, exist_ok=True)
        with FileLock(speed_folder() / "start.lock", timeout=0):
            return _start_benchmark(command, wait_s)
    except (Timeout, OSError):  # another one is starting it; or nothing can be kept here
        return False


def stop_benchmark() -> None:
    """End a measurement that is going on, because a training begins: it is taken again later."""
    note = speed_folder() / PID_FILE
    try:
        process = psutil.Process(int(note.read_text()))
        if "core.jobs.speed_benchmark" in _command_of(process):
            process.kill()
            (speed_folder() / "started").unlink(missing_ok=True)
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


def _start_benchmark(command: Sequence[str], wait_s: float) -> bool:
    """Start it if the last start is long ago, and note the time first, whatever comes of it."""
    note = speed_folder() / "started"
    if note.exists() and time.time() - note.stat().st_mtime < wait_s:
        return False
    note.touch()
    with (speed_folder() / "measure.log").open("wb") as log:
        _started.append(start_detached(command, log))
    (speed_folder() / PID_FILE).write_text(str(_started[-1].pid))
    return True


def _reap() -> None:
    """Without this, a process that has ended stays in the system's table."""
    _started[:] = [process for process in _started if process.poll() is None]


START_GRACE_S = 60.0
"""How long a process may take from its start until it holds the run's lock."""
MAX_ATTEMPTS = 3
STOP_GRACE_S = 60.0
ENDED_OUTSIDE = (
    "The training process was ended from outside, perhaps because the machine ran out of memory."
)


def queue() -> list[Run]:
    """The runs that wait, the next one first."""
    waiting = [run for run in _own() if run.info.status == "queued"]
    return sorted(waiting, key=lambda run: (read_card(run.folder).submitted, run.id))


def running() -> list[Run]:
    """The runs that are being trained, or whose process was broken off a moment ago."""
    return [run for run in _own() if run.info.status == "running"]


def tick(engine: Engine = LOCAL) -> None:
    """Start what is next in the queue, take up what was broken off, end what does not stop.

    May be called at any time, by anybody, as often as they like.
    """
    engine.tidy()
    if queue() or running():
        with queue_lock():
            start_next(limits(), engine)


def start_next(allowed: Limits, engine: Engine = LOCAL) -> None:
    """`look_after` for those who hold the queue's lock already.

    A run that cannot be read or written is left out: it must not keep the others waiting.
    """
    alive = sum(_check_running(run, engine) for run in running())
    waiting = queue()
    starting = {run.id for run in waiting if is_starting(run, read_card(run.folder), engine)}
    alive += len(starting)
    for run in waiting:
        if alive >= allowed.trainings:
            return
        if run.id not in starting:
            with _on_its_own(run):
                alive += _start_run(run, engine)


def _check_running(run: Run, engine: Engine) -> bool:
    """Look after a run that is being trained, or says so; whether it is."""
    card = read_card(run.folder)
    if not is_being_trained(run.folder):
        with _on_its_own(run):
            _recover(run, card)
        return False
    if card.stop_asked and time.time() - max(card.stop_asked, _last_sign(run)) > STOP_GRACE_S:
        engine.kill(run.folder)
    return True


@contextmanager
def _on_its_own(run: Run) -> Iterator[None]:
    try:
        yield
    except (DigitscopeError, OSError) as error:
        logging.getLogger(__name__).warning("%s: %s", run.id, error)


def _last_sign(run: Run) -> float:
    """When the training last wrote anything, Unix seconds: testing can take a while."""
    files = (run.folder / name for name in ("events.jsonl", "model.keras", "run.json"))
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def _start_run(run: Run, engine: Engine) -> bool:
    """Start a run's training; whether a process was started."""
    card = read_card(run.folder)
    if card.attempts >= MAX_ATTEMPTS:
        _give_up(run, card)
        return False
    attempt = {"attempts": card.attempts + 1, "started_at": time.time(), "process_token": 0}
    card = card.model_copy(update=attempt)
    keep_ticking(run, card)
    stop_benchmark()
    try:
        token = engine.start(run.folder)
    except OSError as error:
        reason = f"No training can be started on this machine ({error.strerror})."
        change_queue(run, card, status="failed", ended_by="fault", error=reason)
        return False
    keep_ticking(run, card.model_copy(update={"process_token": token}))
    return True


def _recover(run: Run, card: JobCard) -> None:
    """A run that says it is being trained, and is not: its process died."""
    current = registry.read_run(run.folder)  # it may have ended a moment ago
    if current.info.status != "running" or is_being_trained(run.folder):
        return
    if card.stop_asked:  # and it did not end by itself
        change_queue(current, card, status="stopped", ended_by="by hand")
    elif not card.submitted:  # on the command line: who started it may continue it
        _give_up(current, card)
    else:
        # Another server may have started that process: nobody waits for it any more. One that got
        # further than the one before it is worth any number of starts.
        attempts = 0 if _made_progress(run, card) else card.attempts
        fresh = {"started_at": 0.0, "process_token": 0, "attempts": attempts}
        change_queue(current, card.model_copy(update=fresh), status="queued")


def _made_progress(run: Run, card: JobCard) -> bool:
    try:
        return (run.folder / CHECKPOINT).stat().st_mtime > card.started_at
    except OSError:
        return False


def _give_up(run: Run, card: JobCard) -> None:
    done = run.info.epochs_done
    kept = (
        f"What it had learnt by then is kept ({done} whole epochs): it can be continued."
        if (run.folder / CHECKPOINT).exists()
        else "It had not yet learnt anything that could be kept. Train it again."
    )
    change_queue(run, card, status="failed", ended_by="fault", error=f"{ENDED_OUTSIDE} {kept}")


def is_starting(run: Run, card: JobCard, engine: Engine = LOCAL) -> bool:
    """Whether a process was started for a run that waits, and is not known to have ended."""
    if is_being_trained(run.folder):
        return True
    fresh = time.time() - card.started_at < START_GRACE_S
    return bool(card.started_at) and fresh and not engine.has_ended(card.process_token)


def change_queue(run: Run, card: JobCard, **changes: object) -> None:
    """Write a run's card, and its `run.json` with changes; only while no process trains it.

    Raises JobError if it cannot be written.
    """
    keep_ticking(run, card)
    try:
        write_info(run.folder, run.info.model_copy(update=changes))
    except OSError as error:
        raise _unwritable(error) from error


def keep_ticking(run: Run, card: JobCard) -> None:
    """Write a run's card. Raises JobError if it cannot be written."""
    try:
        write_card(run.folder, card)
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> JobError:
    return JobError(
        f"The run cannot be written ({error.strerror}). Make room on the disk, and try it again."
    )


def _own() -> list[Run]:
    root = registry.own_folder()
    found = registry.list_runs()
    return [run for run in found if isinstance(run, Run) and run.folder.parent == root]
