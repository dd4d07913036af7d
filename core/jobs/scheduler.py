"""The queue of trainings: what waits, what runs, what comes next, what was interrupted.

The queue is the set of run folders whose status is "queued", in the order in which they were
submitted; there is no other list that could disagree with it. A run is being trained while a living
process holds its lock. Whoever changes any of this holds the queue's lock, so several servers, and
every training at its end, may schedule the runs of one folder.

An engine (`core.jobs.engine`) starts the training of a queued run, and can end it by force.
Everything else between the product and a training goes through the run folder.

The measurement of this machine's speed (`core.jobs.speed_benchmark`) is started from here too, in
a process of its own: it must not run beside a training.
"""

import logging
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from filelock import FileLock, Timeout

from core.jobs.engine import LOCAL, Engine, start_detached, this_servers_engine
from core.jobs.time_estimate import load_speed, speed_folder
from core.runs import registry
from core.runs.locks import is_being_trained, queue_lock
from core.runs.permissions import JobCard, Limits, limits, read_card, write_card
from core.runs.run import CHECKPOINT, Run
from core.runs.writer import write_info
from core.utils.errors import DigitscopeError, JobError
from core.utils.memory import free_memory_mb

_BENCHMARK = "core.jobs.speed_benchmark"
# What this program was called in the version before. A process that it started may outlive the
# update, and has to be found as well. Can go with the next version.
_OLD_BENCHMARK = "core.measure"

_BENCHMARK_COMMAND: Final = (sys.executable, "-m", _BENCHMARK)
_RETRY_AFTER_S: Final = 600.0
_PID_FILE: Final = "pid"
_benchmarks: list[subprocess.Popen[bytes]] = []


def start_benchmark(
    command: Sequence[str] = _BENCHMARK_COMMAND,
    *,
    again: bool = False,
    wait_s: float = _RETRY_AFTER_S,
) -> bool:
    """Start to measure this machine, unless its speed is known.

    However many servers and visitors ask, it is started once in `wait_s` seconds at most, also if
    it fails or is killed. A measurement that other processes disturbed is repeated after that time.
    The caller makes sure that no training is running: each would slow the other down. If the runs
    folder cannot be written, nothing is started, and pages show no estimate.

    Args:
        command: the program and its arguments.
        again: measure although the speed is known.
        wait_s: seconds between two starts.

    Returns:
        Whether it was started by this call.
    """
    _reap()
    speed = load_speed()
    if speed and not speed.is_disturbed() and not again:
        return False
    try:
        speed_folder().mkdir(parents=True, exist_ok=True)
        with FileLock(speed_folder() / "start.lock", timeout=0):
            return _start_benchmark(command, wait_s)
    except (Timeout, OSError):  # another server is starting it; or nothing can be written here
        return False


def stop_benchmark() -> None:
    """End a measurement that is going on, because a training begins: it is repeated later."""
    pid_file = speed_folder() / _PID_FILE
    try:
        process = psutil.Process(int(pid_file.read_text()))
        if not {_BENCHMARK, _OLD_BENCHMARK}.isdisjoint(_command_line(process)):
            process.kill()
            (speed_folder() / "started").unlink(missing_ok=True)
        pid_file.unlink()
    except (OSError, ValueError, psutil.Error):  # there is none, or no longer
        return


def _command_line(process: psutil.Process) -> list[str]:
    """A process's arguments, which are empty for the moment in which its program is loaded."""
    for _ in range(40):
        arguments = process.cmdline()
        if arguments:
            return arguments
        time.sleep(0.05)
    return []


def _start_benchmark(command: Sequence[str], wait_s: float) -> bool:
    """Start it if the last start is long ago, and note the time first, whatever comes of it."""
    last_start = speed_folder() / "started"
    if last_start.exists() and time.time() - last_start.stat().st_mtime < wait_s:
        return False
    last_start.touch()
    with (speed_folder() / "measure.log").open("wb") as log:
        _benchmarks.append(start_detached(command, log))
    (speed_folder() / _PID_FILE).write_text(str(_benchmarks[-1].pid))
    return True


def _reap() -> None:
    """Without this, a process that has ended stays in the system's table."""
    _benchmarks[:] = [process for process in _benchmarks if process.poll() is None]


_WANTED_FOR_S: Final = 900.0
"""So long after a visitor was on the training page, a process is kept ready for a training."""
_ROOM_TO_START_MB: Final = 1500
"""Memory that has to be free for a process that waits: it takes 330 MB, the training more."""
_ROOM_TO_STAY_MB: Final = 500
_last_wanted = -math.inf


def expect_training() -> None:
    """Note that somebody is on the training page; `prepare_worker` does the rest."""
    global _last_wanted  # noqa: PLW0603 - the server has one training page
    _last_wanted = time.monotonic()


def has_worker_ready() -> bool:
    """Whether a process waits for the next training, or is about to."""
    return LOCAL.has_warm_worker


def prepare_worker() -> None:
    """Have a process ready for a training that is expected, so that it begins seconds sooner.

    It is called every few seconds. It starts a process that imports TensorFlow and waits, while
    nothing else is trained or measured and memory is free; and ends it when nobody wants it any
    more, or the memory is needed.

    Raises:
        SettingError: a setting of this server is not valid.
    """
    allowed = limits()
    is_wanted = time.monotonic() - _last_wanted < _WANTED_FOR_S
    is_wanted &= allowed.warm_worker and allowed.engine == "local"
    if LOCAL.has_warm_worker:
        if not is_wanted or free_memory_mb() < _ROOM_TO_STAY_MB:
            LOCAL.end_warm_worker()
    elif is_wanted and free_memory_mb() >= _ROOM_TO_START_MB:
        _reap()
        if not (_benchmarks or running() or queue()):
            LOCAL.start_warm_worker()


_START_GRACE_S = 60.0
"""How long a process may take from its start until it holds the run's lock."""
MAX_ATTEMPTS = 3
"""So often a training is started that makes no progress."""
_STOP_GRACE_S = 60.0
"""After so long without a sign of life, a training that was asked to stop is ended by force."""
_ENDED_OUTSIDE = (
    "The training process was ended from outside, perhaps because the machine ran out of memory."
)


def queue() -> list[Run]:
    """The runs that wait, the next one first."""
    waiting = [run for run in _own_runs() if run.info.status == "queued"]
    return sorted(waiting, key=lambda run: (read_card(run.folder).submitted, run.id))


def running() -> list[Run]:
    """The runs that are being trained, or whose process died a moment ago."""
    return [run for run in _own_runs() if run.info.status == "running"]


def tick() -> None:
    """Start the next runs of the queue, recover interrupted ones, end those that do not stop.

    May be called at any time, by any process, as often as it likes.

    Raises:
        JobError: the queue's lock cannot be had.
        SettingError: a limit of this server is not valid.
    """
    this_servers_engine().tidy()
    if queue() or running():
        with queue_lock():
            start_next(limits())


def start_next(allowed: Limits) -> None:
    """Do what `tick` does; for callers that hold the queue's lock already.

    A run that cannot be read or written is left out: it must not keep the others waiting.

    Args:
        allowed: this server's limits.
    """
    engine = this_servers_engine()
    alive = sum(_check_running(run, engine) for run in running())
    waiting = queue()
    starting = {run.id for run in waiting if is_starting(run, read_card(run.folder))}
    alive += len(starting)
    for run in waiting:
        if alive >= allowed.trainings:
            return
        if run.id not in starting:
            with _log_errors(run):
                alive += _start_run(run, engine)


def _check_running(run: Run, engine: Engine) -> bool:
    """Recover a run whose process died, end one that does not stop; whether it is trained."""
    card = read_card(run.folder)
    if not is_being_trained(run.folder):
        with _log_errors(run):
            _recover(run, card)
        return False
    if (
        card.stop_asked
        and time.time() - max(card.stop_asked, _last_sign_of_life(run)) > _STOP_GRACE_S
    ):
        engine.kill(run.folder)
    return True


@contextmanager
def _log_errors(run: Run) -> Iterator[None]:
    """Log what goes wrong with one run, so that the others are scheduled all the same."""
    try:
        yield
    except (DigitscopeError, OSError) as error:
        logging.getLogger(__name__).warning("%s: %s", run.id, error)


def _last_sign_of_life(run: Run) -> float:
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
    save_card(run, card)
    stop_benchmark()
    try:
        token = engine.start(run.folder)
    except OSError as error:
        reason = f"No training can be started on this machine ({error.strerror})."
        update_run(run, card, status="failed", ended_by="fault", error=reason)
        return False
    save_card(run, card.model_copy(update={"process_token": token}))
    return True


def _recover(run: Run, card: JobCard) -> None:
    """Queue or end a run that is said to be trained although its process died."""
    current = registry.read_run(run.folder)  # it may have ended a moment ago
    if current.info.status != "running" or is_being_trained(run.folder):
        return
    if card.stop_asked:  # and it did not end by itself
        update_run(current, card, status="stopped", ended_by="by hand")
    elif not card.submitted:  # on the command line: who started it may continue it
        _give_up(current, card)
    else:
        # Another server may have started that process: nobody waits for it any more. One that got
        # further than the one before it is worth any number of starts.
        attempts = 0 if has_saved_since(run.folder, card.started_at) else card.attempts
        reset = {"started_at": 0.0, "process_token": 0, "attempts": attempts}
        update_run(current, card.model_copy(update=reset), status="queued")


def has_saved_since(folder: Path, since: float) -> bool:
    """Whether the training of a run's folder saved a checkpoint after `since`, Unix seconds."""
    try:
        return (folder / CHECKPOINT).stat().st_mtime > since
    except OSError:
        return False


def _give_up(run: Run, card: JobCard) -> None:
    done = run.info.epochs_done
    kept = (
        f"What it learned is kept ({done} whole epochs): you can continue it."
        if (run.folder / CHECKPOINT).exists()
        else "It had not saved anything yet. Train it again."
    )
    update_run(run, card, status="failed", ended_by="fault", error=f"{_ENDED_OUTSIDE} {kept}")


def is_starting(run: Run, card: JobCard) -> bool:
    """Whether a process was started for a queued run and is not known to have ended.

    Args:
        run: with the status "queued".
        card: the run's card.
    """
    if is_being_trained(run.folder):
        return True
    recent = time.time() - card.started_at < _START_GRACE_S
    return (
        bool(card.started_at) and recent and not this_servers_engine().has_ended(card.process_token)
    )


def update_run(run: Run, card: JobCard, **changes: object) -> None:
    """Write a run's card, and its `run.json` with changes; only while no process trains it.

    Args:
        run: as it is before.
        card: the new card.
        **changes: fields of `RunInfo`.

    Raises:
        JobError: the folder cannot be written.
    """
    save_card(run, card)
    try:
        write_info(run.folder, run.info.model_copy(update=changes))
    except OSError as error:
        raise _unwritable(error) from error


def save_card(run: Run, card: JobCard) -> None:
    """Write a run's card. Raises JobError if the folder cannot be written."""
    try:
        write_card(run.folder, card)
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> JobError:
    return JobError(
        f"The run cannot be written ({error.strerror}). Make room on the disk, and try it again."
    )


def _own_runs() -> list[Run]:
    root = registry.own_folder()
    runs = registry.list_runs()
    return [run for run in runs if isinstance(run, Run) and run.folder.parent == root]
