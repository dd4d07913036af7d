"""What a visitor can do with a training: submit it, pause it, stop it, continue it.

Each of these checks first that the visitor may do it, and acts through the run folder: on its card
and status while no process trains it, else by a command that the process reads.
"""

import itertools
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from core.data.mnist import Split
from core.jobs.scheduler import is_starting, queue, running, save_card, start_next, update_run
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.ensembles import PRESET, plan_ensemble
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
    new_card,
    owner_of,
    read_card,
    shown_name,
    write_card,
)
from core.runs.run import Provenance, Run, RunInfo
from core.runs.writer import make_run_folder, utc_now
from core.training import fine_tuning, pseudo_labels
from core.utils.errors import JobError

DOUBLE_CLICK_S = 3.0

JobStateName = Literal[
    "queued", "starting", "running", "stopping", "interrupted", "finished", "stopped", "failed"
]


@dataclass(frozen=True)
class JobState:
    """Where a run is on its way from the queue to its end.

    Attributes:
        name: the state.
        queue_position: in the queue, 1 is next; 0 if it is not queued.
    """

    name: JobStateName
    queue_position: int = 0

    @property
    def alive(self) -> bool:
        """Whether it is queued or being trained, so that it may still change."""
        return self.name in {"queued", "starting", "running", "stopping", "interrupted"}


def submit(recipe: Recipe, *, token: str, preset: str = "", title: str = "") -> Run:
    """Put a training into the queue, and start it if nothing is before it.

    Args:
        recipe: what to train. The same recipe twice within three seconds (a double click) gives
            the run of the first call.
        token: the visitor's secret.
        preset: the preset or run that the recipe came from.
        title: of the new run.

    Returns:
        The new run, which waits or has been started.

    Raises:
        RecipeError: the recipe passes a limit of this server.
        JobError: the queue is full, or the visitor's part of it, or the disk.
    """
    return _submit(_Job(recipe, _from_nothing(recipe), preset, title), token, limits())


def queue_run(folder: Path, recipe: Recipe, card: JobCard, *, preset: str, allowed: Limits) -> Run:
    """Put a training into the queue, whatever waits there; for callers that hold its lock.

    Args:
        folder: of the new run, which does not exist.
        recipe: what to train.
        card: whose it is, its title and its limits.
        preset: the preset or run that the recipe came from.
        allowed: this server's limits.

    Raises:
        JobError: the disk is full, or the folder cannot be written.
        RunError: the folder cannot be made.
    """
    check_disk_space(_room_needed(recipe) + _bytes_to_come(), allowed)
    make_run_folder(folder)
    return _queued(folder, _Job(recipe, _from_nothing(recipe), preset, card.title), card)


def _from_nothing(recipe: Recipe) -> Provenance:
    """The provenance of a training that begins with random weights."""
    return Provenance(
        dataset=recipe.dataset,
        excluded_sample_test=recipe.exclude_sample_test,
        n_train=0,  # counted when it begins
        n_validation=0,
    )


def fine_tune(
    parent: Run, digits: Split, settings: fine_tuning.FineTuneSettings, *, token: str
) -> Run:
    """Let a run's network learn a visitor's own digits, as a new run: queued like any other.

    The digits are written into its folder, so the visitor must have been told that. Anybody may
    fine-tune any run that can be seen, as anybody may train by its recipe.

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
    plan = fine_tuning.plan_fine_tuning(_reread(parent), digits, settings, allowed)
    title = f"{shown_name(plan.parent)} + my digits"
    title = title if len(title) <= MAX_TITLE else f"{plan.parent.id[:40]} + my digits"
    job = _Job(plan.recipe, plan.provenance, plan.parent.id, title, plan.write, plan.bytes)
    return _submit(job, token, allowed)


def pseudo_label(parent: Run, settings: pseudo_labels.PseudoLabelSettings, *, token: str) -> Run:
    """Let a run's network go on with pseudo-labels, as a new run: queued like any other.

    Args:
        parent: the run whose network it begins with; anybody may use any run that can be seen.
        settings: how long and how fast.
        token: the visitor's secret.

    Returns:
        The new run.

    Raises:
        RunError: the parent's network cannot be read.
        JobError: it cannot go on so; or as `submit` does.
        RecipeError: as `submit` does.
    """
    allowed = limits()
    plan = pseudo_labels.plan_pseudo_labels(_reread(parent), settings)
    title = f"{shown_name(plan.parent)} + pseudo-labels"
    title = title if len(title) <= MAX_TITLE else f"{plan.parent.id[:40]} + pseudo-labels"
    job = _Job(plan.recipe, plan.provenance, plan.parent.id, title, plan.write, len(plan.network))
    return _submit(job, token, allowed)


@dataclass(frozen=True)
class _Job:
    """A training to submit; `write_files` adds `extra_bytes` to the run's folder."""

    recipe: Recipe
    provenance: Provenance
    preset: str
    title: str
    write_files: Callable[[Path], None] = lambda folder: None
    extra_bytes: int = 0


def _submit(job: _Job, token: str, allowed: Limits) -> Run:
    check_limits(job.recipe, allowed)
    with queue_lock():
        waiting = queue()
        own_runs = [run for run in waiting if is_mine(run, token)]
        first = _just_submitted(job, owner_of(token))
        if first:
            return first
        if len(own_runs) >= allowed.queued:
            raise JobError(
                f"{len(own_runs)} of your trainings are in the queue, which is the limit. Wait "
                "until one has started, or remove one."
            )
        if len(waiting) >= allowed.waiting:
            raise JobError(
                f"{len(waiting)} trainings are in this server's queue, which is the limit. Try "
                "again when one has started."
            )
        check_disk_space(_room_needed(job.recipe) + job.extra_bytes + _bytes_to_come(), allowed)
        run = _new_folder(job, new_card(owner_of(token), job.title, allowed))
        start_next(allowed)
    return _reread(run)


def make_ensemble(members: Sequence[Run], *, token: str, title: str = "") -> Run:
    """Make a new run whose answers are the averages of those of other runs; nothing is trained.

    Args:
        members: the runs, in their order in the ensemble. Anybody may use any run that can be seen.
        token: the visitor's secret.
        title: of the new run.

    Returns:
        The new run, which can be used at once.

    Raises:
        RunError: these runs cannot be averaged.
        JobError: the disk is full, or a limit of the server.
    """
    allowed = limits()
    plan = plan_ensemble([_reread(member) for member in members])
    with queue_lock():
        check_disk_space(plan.bytes + _bytes_to_come(), allowed)
        folder = _make_folder(PRESET)
        try:
            write_card(folder, JobCard(owner=owner_of(token), title=title, submitted=time.time()))
            return Run(folder, plan.write(folder))
        except BaseException as error:
            _discard(folder, error)
            raise


def resume_training(run: Run, *, token: str, epochs: int) -> Run:
    """Continue a run that has ended.

    Args:
        run: to be trained for longer.
        token: the visitor's secret.
        epochs: in all, including those that it has been trained for.

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
        run = _reread(run)
        if run.info.status in {"queued", "running"}:
            raise JobError("This run is already queued or training.")
        if epochs <= run.info.epochs_done:
            raise JobError(
                f"This run has been trained for {run.info.epochs_done} epochs already: "
                "ask for more in all."
            )
        resume_under_lock(run, recipe)
        start_next(allowed)
    return _reread(run)


def resume_under_lock(run: Run, recipe: Recipe) -> None:
    """Queue a run that has ended, to go on by a recipe; for callers that hold the queue's lock.

    Args:
        run: as it is now.
        recipe: its own, perhaps with more epochs.

    Raises:
        JobError: the disk is full.
    """
    allowed = limits()
    more = max(_room_needed(recipe) - folder_size(run.folder), 0)
    check_disk_space(more + _bytes_to_come(), allowed)
    card = read_card(run.folder)
    changes = {
        "submitted": time.time(),
        "attempts": 0,
        "started_at": 0.0,
        "stop_asked": 0.0,
        # The limit holds for this continuation: the clock goes on from where it was.
        "max_seconds": 60 * allowed.minutes and run.info.seconds + 60 * allowed.minutes,
    }
    update_run(run, card.model_copy(update=changes), status="queued", recipe=recipe, error="")
    _send(run, "go-on")


def stop(run: Run, *, token: str) -> None:
    """End a training and keep what was learned; take a queued run out of the queue.

    Args:
        run: queued or being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's.
        RunError: the run is gone.
    """
    run = _managed(run, token, limits())
    with queue_lock():
        stop_under_lock(run)


def stop_under_lock(run: Run) -> None:
    """Do what `stop` does, whoever asks; for callers that hold the queue's lock."""
    run = _reread(run)
    card = read_card(run.folder)
    if run.info.status == "queued" and not is_starting(run, card):
        update_run(run, card, status="stopped", ended_by="by hand")
    elif run.info.status in {"queued", "running"}:
        _send(run, "stop")
        save_card(run, card.model_copy(update={"stop_asked": time.time()}))


def pause(run: Run, *, token: str) -> None:
    """Let a training wait after the batch at hand.

    Args:
        run: queued or being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's, or over.
        RunError: the run is gone.
    """
    _command(run, "pause", token)


def unpause(run: Run, *, token: str) -> None:
    """Let a paused training go on.

    Args:
        run: queued or being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's, or over.
        RunError: the run is gone.
    """
    _command(run, "resume", token)


def run_one_step(run: Run, *, token: str) -> None:
    """Let a training do one batch, then wait.

    Args:
        run: queued or being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's, or over.
        RunError: the run is gone.
    """
    _command(run, "step", token)


def run_one_epoch(run: Run, *, token: str) -> None:
    """Let a training go on to the end of the epoch, then wait.

    Args:
        run: queued or being trained.
        token: the visitor's secret.

    Raises:
        JobError: it is another visitor's, or over.
        RunError: the run is gone.
    """
    _command(run, "epoch", token)


def set_learning_rate(run: Run, rate: float, *, token: str) -> None:
    """Change the optimizer's learning rate while it trains.

    Args:
        run: queued or being trained.
        rate: the new learning rate.
        token: the visitor's secret.

    Raises:
        RecipeError: the rate is out of the recipe's bounds.
        JobError: the training is another visitor's, or over.
        RunError: the run is gone.
    """
    recipe = _reread(run).info.recipe
    fields = recipe.optimizer.model_dump()
    recipe.changed(optimizer={**fields, "learning_rate": rate})
    _command(run, "rate", token, rate)


def _just_submitted(job: _Job, owner: str) -> Run | None:
    since = time.time() - DOUBLE_CLICK_S
    for run in [*queue(), *running()]:
        card, info = read_card(run.folder), run.info
        same = info.recipe == job.recipe and _begins_alike(info.provenance, job.provenance)
        if card.owner == owner and card.submitted > since and same:
            return run
    return None


def _begins_alike(first: Provenance, second: Provenance) -> bool:
    """Whether two trainings begin with the same network and the same digits of a visitor."""
    return (first.fine_tuned, first.pseudo_labeled) == (second.fine_tuned, second.pseudo_labeled)


def _room_needed(recipe: Recipe) -> int:
    """About how many bytes a run of this recipe takes: network, checkpoint, epochs' weights."""
    weights = 4 * recipe.architecture.parameters
    moments = 2 if recipe.optimizer.kind == "adam" else 1
    epochs = min(20 * 1024 * 1024, weights // 2 * min(recipe.epochs, 20))
    return weights * (2 + moments + recipe.keep_best) + epochs + 1_000_000


def _bytes_to_come() -> int:
    """Bytes that queued and running trainings have yet to write."""
    runs = [*queue(), *running()]
    return sum(max(_room_needed(run.info.recipe) - folder_size(run.folder), 0) for run in runs)


def job_state(run: Run) -> JobState:
    """The state of a run. Whether it is paused, only its events tell (`LiveRun.paused`)."""
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


def _command(run: Run, command: Command, token: str, rate: float | None = None) -> None:
    run = _managed(run, token, limits())
    if run.info.status not in {"queued", "running"}:
        raise JobError("This training has ended: it takes no more commands.")
    _send(run, command, rate)


def _send(run: Run, command: Command, rate: float | None = None) -> None:
    try:
        send_command(run.folder, command, rate)
    except OSError as error:
        raise JobError(f"The training cannot be told ({error.strerror}).") from error


def _reread(run: Run) -> Run:
    """The run as it is now: a caller's may be minutes old, and another process may train it.

    Decisions under the queue's lock must rest on what was read under it.
    """
    return registry.read_run(run.folder)


def _managed(run: Run, token: str, allowed: Limits) -> Run:
    run = _reread(run)
    if not may_manage(run, token, allowed):
        raise JobError("Only the browser that started this training may change or stop it.")
    return run


def _make_folder(preset: str) -> Path:
    """Make the folder of a new run, named by its preset and the time."""
    root = registry.own_folder()
    folder = root / free_name(preset[:40] or "run", lambda name: (root / name).exists())
    make_run_folder(folder)
    return folder


def free_name(start: str, is_taken: Callable[[str], bool]) -> str:
    """A name of this time that is not taken, such as "fast-20261130-221500" or "...-2"."""
    stem = f"{start}-{datetime.now(UTC).astimezone():%Y%m%d-%H%M%S}"
    names = itertools.chain([stem], (f"{stem}-{k}" for k in itertools.count(2)))
    return next(name for name in names if not is_taken(name))


def _discard(folder: Path, error: BaseException) -> None:
    """Remove a folder that could not be filled: no files of a visitor stay behind.

    Raises JobError if the disk is full or the like.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if isinstance(error, OSError):
        raise JobError(
            f"The run cannot be written ({error.strerror}). Make room on the disk, and try it "
            "again."
        ) from error


def _new_folder(job: _Job, card: JobCard) -> Run:
    return _queued(_make_folder(job.preset), job, card)


def _queued(folder: Path, job: _Job, card: JobCard) -> Run:
    """Write a queued run into a new folder."""
    info = RunInfo(
        id=folder.name,
        status="queued",
        recipe=job.recipe,
        provenance=job.provenance,
        created=utc_now(),
        preset=job.preset,
    )
    run = Run(folder, info)
    try:
        job.write_files(folder)
        update_run(run, card)
    except BaseException as error:
        _discard(folder, error)
        raise
    return run
