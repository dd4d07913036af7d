"""What a visitor can do with a training: submit it, give it orders, stop it, continue it."""

import itertools
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from core.data.mnist import Split
from core.jobs.scheduler import is_starting, queue, running, save_card, start_next, update_run
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.housekeeping import check_disk_space, folder_size
from core.runs.locks import is_being_trained, queue_lock
from core.runs.messages import Command, send_command
from core.runs.permissions import (
    MAX_TITLE,
    JobCard,
    Limits,
    check_limits,
    is_mine,
    limits,
    may_manage,
    owner_of,
    read_card,
    shown_name,
)
from core.runs.run import Provenance, Run, RunInfo
from core.runs.writer import make_run_folder, utc_now
from core.training import fine_tuning
from core.utils.errors import JobError

DOUBLE_CLICK_S = 3.0

JobStateName = Literal[
    "queued", "starting", "running", "stopping", "interrupted", "finished", "stopped", "failed"
]


@dataclass(frozen=True)
class JobState:
    """What becomes of a run. `place` in the queue: 1 is next; 0: it does not wait."""

    name: JobStateName
    place: int = 0

    @property
    def alive(self) -> bool:
        """Whether it waits or is being trained, so that it may still change."""
        return self.name in {"queued", "starting", "running", "stopping", "interrupted"}


def submit(recipe: Recipe, *, token: str, preset: str = "", title: str = "") -> Run:
    """Put a training into the queue, and start it if nothing is before it.

    `token`: the visitor's secret; `preset`: where the recipe came from. A second click within
    three seconds gives the run of the first. Raises RecipeError if the recipe passes a limit of
    this server, JobError if the visitor's part of the queue is full, or the disk.
    """
    source = Provenance(
        dataset=recipe.dataset,
        excluded_sample_test=recipe.exclude_sample_test,
        n_train=0,  # counted when it begins
        n_validation=0,
    )
    return _submit(_Job(recipe, source, preset, title), token, limits())


def fine_tune(
    parent: Run, digits: Split, settings: fine_tuning.FineTuneSettings, *, token: str
) -> Run:
    """Let a run's network learn a visitor's own digits, as a new run: queued like any other.

    The digits are written into its folder, so whoever asks for this must have been told. Anybody
    may fine-tune any run that can be seen, as anybody may train by its recipe.

    Args:
        parent: the run whose network it begins with.
        digits: the visitor's, with their labels.
        settings: how long, how fast, and how often it sees them.
        token: the visitor's secret.

    Returns:
        The new run.

    Raises:
        RunError: the parent's network cannot be read.
        JobError: it cannot be fine-tuned; or as `submit` does.
        RecipeError: as `submit` does.
    """
    allowed = limits()
    plan = fine_tuning.plan_fine_tuning(_now(parent), digits, settings, allowed)
    title = f"{shown_name(plan.parent)} + my digits"
    title = title if len(title) <= MAX_TITLE else f"{plan.parent.id[:40]} + my digits"
    job = _Job(plan.recipe, plan.provenance, plan.parent.id, title, plan.write, plan.bytes)
    return _submit(job, token, allowed)


@dataclass(frozen=True)
class _Job:
    """What is submitted; `fill` writes what else the run's folder needs, `extra` bytes of it."""

    recipe: Recipe
    source: Provenance
    preset: str
    title: str
    fill: Callable[[Path], None] = lambda folder: None
    extra: int = 0


def _submit(job: _Job, token: str, allowed: Limits) -> Run:
    check_limits(job.recipe, allowed)
    with queue_lock():
        waiting = queue()
        mine = [run for run in waiting if is_mine(run, token)]
        again = _just_submitted(job, owner_of(token))
        if again:
            return again
        if len(mine) >= allowed.queued:
            raise JobError(
                f"{len(mine)} of your trainings are waiting already, and that is how many may. "
                "Wait until one has begun, or take one out of the queue."
            )
        if len(waiting) >= allowed.waiting:
            raise JobError(
                f"{len(waiting)} trainings are waiting on this server, and that is how many may. "
                "Try it again when one has begun."
            )
        check_disk_space(_room_needed(job.recipe) + job.extra + _promised(), allowed)
        card = JobCard(
            owner=owner_of(token),
            title=job.title,
            submitted=time.time(),
            max_seconds=60 * allowed.minutes,
            max_pause_seconds=60 * allowed.pause_minutes,
        )
        run = _new_folder(job, card)
        start_next(allowed)
    return _now(run)


def resume_training(run: Run, *, token: str, epochs: int) -> Run:
    """Continue a run that has ended.

    Args:
        run: what is to be trained for longer.
        token: the visitor's secret.
        epochs: in all, those that it has been trained for among them.

    Returns:
        The run, which waits or has been started.

    Raises:
        JobError: it has not ended, has seen these epochs already, or is another visitor's.
        RunError: the state of its training was not kept, or the run is gone.
        RecipeError: the epochs pass a limit.
    """
    allowed = limits()
    run = _managed(run, token, allowed)
    run.check_can_go_on()
    recipe = run.info.recipe.changed(epochs=epochs)
    check_limits(recipe, allowed)
    with queue_lock():
        run = _now(run)
        if run.info.status in {"queued", "running"}:
            raise JobError("This run is waiting or being trained already.")
        if epochs <= run.info.epochs_done:
            raise JobError(
                f"This run has been trained for {run.info.epochs_done} epochs already: "
                "ask for more in all."
            )
        more = max(_room_needed(recipe) - folder_size(run.folder), 0)
        check_disk_space(more + _promised(), allowed)
        card = read_card(run.folder)
        fresh = {
            "submitted": time.time(),
            "attempts": 0,
            "started_at": 0.0,
            "stop_asked": 0.0,
            # The limit is on what is asked for now: its clock goes on from where it was.
            "max_seconds": 60 * allowed.minutes and run.info.seconds + 60 * allowed.minutes,
        }
        update_run(run, card.model_copy(update=fresh), status="queued", recipe=recipe, error="")
        _give(run, "go-on")
        start_next(allowed)
    return _now(run)


def stop(run: Run, *, token: str) -> None:
    """End a training and keep what was learned; take a run that waits out of the queue.

    Args:
        run: what waits or is being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's.
        RunError: the run is gone.
    """
    run = _managed(run, token, limits())
    with queue_lock():
        run = _now(run)
        card = read_card(run.folder)
        if run.info.status == "queued" and not is_starting(run, card):
            update_run(run, card, status="stopped", ended_by="by hand")
        elif run.info.status in {"queued", "running"}:
            _give(run, "stop")
            save_card(run, card.model_copy(update={"stop_asked": time.time()}))


def pause(run: Run, *, token: str) -> None:
    """Let a training wait after the batch at hand.

    Args:
        run: what waits or is being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's, or over.
        RunError: the run is gone.
    """
    _order(run, "pause", token)


def unpause(run: Run, *, token: str) -> None:
    """Let a training that waits go on.

    Args:
        run: what waits or is being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's, or over.
        RunError: the run is gone.
    """
    _order(run, "resume", token)


def run_one_step(run: Run, *, token: str) -> None:
    """Let a training do one batch, then wait.

    Args:
        run: what waits or is being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's, or over.
        RunError: the run is gone.
    """
    _order(run, "step", token)


def run_one_epoch(run: Run, *, token: str) -> None:
    """Let a training go on to the end of the epoch, then wait.

    Args:
        run: what waits or is being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's, or over.
        RunError: the run is gone.
    """
    _order(run, "epoch", token)


def set_learning_rate(run: Run, rate: float, *, token: str) -> None:
    """Change the optimizer's learning rate while it trains.

    Args:
        run: what waits or is being trained.
        rate: the new learning rate.
        token: the visitor's secret.

    Raises:
        RecipeError: the rate is out of the recipe's bounds.
        JobError: the training is another visitor's, or over.
        RunError: the run is gone.
    """
    recipe = _now(run).info.recipe
    fields = recipe.optimizer.model_dump()
    recipe.changed(optimizer={**fields, "learning_rate": rate})
    _order(run, "rate", token, rate)


def _just_submitted(job: _Job, owner: str) -> Run | None:
    since = time.time() - DOUBLE_CLICK_S
    for run in [*queue(), *running()]:
        card, info = read_card(run.folder), run.info
        same = (info.recipe, info.provenance.fine_tuned) == (job.recipe, job.source.fine_tuned)
        if card.owner == owner and card.submitted > since and same:
            return run
    return None


def _room_needed(recipe: Recipe) -> int:
    """About how many bytes a run of this recipe takes: network, checkpoint, epochs' weights."""
    weights = 4 * recipe.architecture.parameters
    moments = 2 if recipe.optimizer.kind == "adam" else 1
    epochs = min(20 * 1024 * 1024, weights // 2 * min(recipe.epochs, 20))
    return weights * (2 + moments + recipe.keep_best) + epochs + 1_000_000


def _promised() -> int:
    """Bytes that runs which wait or are being trained have yet to write."""
    going_on = [*queue(), *running()]
    return sum(max(_room_needed(one.info.recipe) - folder_size(one.folder), 0) for one in going_on)


def job_state(run: Run) -> JobState:
    """What becomes of the run now. Whether it is paused, its events tell (`core.jobs.live_run`)."""
    status, card = run.info.status, read_card(run.folder)
    if status == "queued":
        if is_starting(run, card):
            return JobState("starting")
        others = (other for other in queue() if not is_starting(other, read_card(other.folder)))
        ids = [other.id for other in others]
        return JobState("queued", ids.index(run.id) + 1 if run.id in ids else 1)
    if status != "running":
        return JobState(status)
    if not is_being_trained(run.folder):
        return JobState("interrupted")
    return JobState("stopping" if card.stop_asked else "running")


def _order(run: Run, order: Command, token: str, rate: float | None = None) -> None:
    run = _managed(run, token, limits())
    if run.info.status not in {"queued", "running"}:
        raise JobError("This training is over: it takes no more orders.")
    _give(run, order, rate)


def _give(run: Run, order: Command, rate: float | None = None) -> None:
    try:
        send_command(run.folder, order, rate)
    except OSError as error:
        raise JobError(f"The training cannot be told ({error.strerror}).") from error


def _now(run: Run) -> Run:
    """The run as it is now: a caller's may be minutes old, and another process may train it.

    What is decided under the queue's lock has to be decided by what was read under it.
    """
    return registry.read_run(run.folder)


def _managed(run: Run, token: str, allowed: Limits) -> Run:
    run = _now(run)
    if not may_manage(run, token, allowed):
        raise JobError("Only the browser that started this training may change or stop it.")
    return run


def _new_folder(job: _Job, card: JobCard) -> Run:
    stem = f"{job.preset[:40] or 'run'}-{datetime.now(UTC).astimezone():%Y%m%d-%H%M%S}"
    root = registry.own_folder()
    names = itertools.chain([stem], (f"{stem}-{k}" for k in itertools.count(2)))
    folder = next(root / name for name in names if not (root / name).exists())
    make_run_folder(folder)
    info = RunInfo(
        id=folder.name,
        status="queued",
        recipe=job.recipe,
        provenance=job.source,
        created=utc_now(),
        preset=job.preset,
    )
    run = Run(folder, info)
    try:
        job.fill(folder)
        update_run(run, card)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)  # nothing of a visitor's stays behind
        if isinstance(error, OSError):
            raise JobError(
                f"The run cannot be written ({error.strerror}). Make room on the disk, and try it "
                "again."
            ) from error
        raise
    return run
