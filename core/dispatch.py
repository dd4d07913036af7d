"""The queue of trainings: what waits, what runs, what comes next, what was broken off.

The queue is the set of run folders whose status is "queued", in the order in which they were
submitted; there is no other list that could disagree with it. A run is being trained while a
process that is alive holds its lock. Whoever changes any of this holds the queue's lock, so several
servers, and every training at its end, may look after one folder of runs.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from core import runs
from core.engines import LOCAL, Engine
from core.errors import DigitscopeError, JobError
from core.job_card import JobCard, read_card, write_card
from core.limits import Limits, limits
from core.locks import is_being_trained, queue_lock
from core.measuring import stop_measuring
from core.run_writer import write_info
from core.runs import Run

START_GRACE_S = 60.0
"""How long a process may take from its start until it holds the run's lock."""
MAX_STARTS = 3
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


def look_after(engine: Engine = LOCAL) -> None:
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
    alive = sum(_tended(run, engine) for run in running())
    waiting = queue()
    starting = {run.id for run in waiting if is_starting(run, read_card(run.folder), engine)}
    alive += len(starting)
    for run in waiting:
        if alive >= allowed.trainings:
            return
        if run.id not in starting:
            with _on_its_own(run):
                alive += _start(run, engine)


def _tended(run: Run, engine: Engine) -> bool:
    """Look after a run that is being trained, or says so; whether it is."""
    card = read_card(run.folder)
    if not is_being_trained(run.folder):
        with _on_its_own(run):
            _take_up(run, card)
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


def _start(run: Run, engine: Engine) -> bool:
    """Start a run's training; whether a process was started."""
    card = read_card(run.folder)
    if card.attempts >= MAX_STARTS:
        _give_up(run, card)
        return False
    attempt = {"attempts": card.attempts + 1, "started_at": time.time(), "process_token": 0}
    card = card.model_copy(update=attempt)
    keep(run, card)
    stop_measuring()
    try:
        token = engine.start(run.folder)
    except OSError as error:
        reason = f"No training can be started on this machine ({error.strerror})."
        change(run, card, status="failed", ended_by="fault", error=reason)
        return False
    keep(run, card.model_copy(update={"process_token": token}))
    return True


def _take_up(run: Run, card: JobCard) -> None:
    """A run that says it is being trained, and is not: its process died."""
    current = runs.read(run.folder)  # it may have ended a moment ago
    if current.info.status != "running" or is_being_trained(run.folder):
        return
    if card.stop_asked:  # and it did not end by itself
        change(current, card, status="stopped", ended_by="by hand")
    elif not card.submitted:  # on the command line: who started it may continue it
        _give_up(current, card)
    else:
        # Another server may have started that process: nobody waits for it any more. One that got
        # further than the one before it is worth any number of starts.
        attempts = 0 if _has_got_on(run, card) else card.attempts
        fresh = {"started_at": 0.0, "process_token": 0, "attempts": attempts}
        change(current, card.model_copy(update=fresh), status="queued")


def _has_got_on(run: Run, card: JobCard) -> bool:
    try:
        return (run.folder / runs.CHECKPOINT).stat().st_mtime > card.started_at
    except OSError:
        return False


def _give_up(run: Run, card: JobCard) -> None:
    done = run.info.epochs_done
    kept = (
        f"What it had learnt by then is kept ({done} whole epochs): it can be continued."
        if (run.folder / runs.CHECKPOINT).exists()
        else "It had not yet learnt anything that could be kept. Train it again."
    )
    change(run, card, status="failed", ended_by="fault", error=f"{ENDED_OUTSIDE} {kept}")


def is_starting(run: Run, card: JobCard, engine: Engine = LOCAL) -> bool:
    """Whether a process was started for a run that waits, and is not known to have ended."""
    if is_being_trained(run.folder):
        return True
    fresh = time.time() - card.started_at < START_GRACE_S
    return bool(card.started_at) and fresh and not engine.has_ended(card.process_token)


def change(run: Run, card: JobCard, **changes: object) -> None:
    """Write a run's card, and its `run.json` with changes; only while no process trains it.

    Raises JobError if it cannot be written.
    """
    keep(run, card)
    try:
        write_info(run.folder, run.info.model_copy(update=changes))
    except OSError as error:
        raise _unwritable(error) from error


def keep(run: Run, card: JobCard) -> None:
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
    root = runs.own_folder()
    found = runs.list_runs()
    return [run for run in found if isinstance(run, Run) and run.folder.parent == root]
