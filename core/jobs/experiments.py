"""Experiments in the queue: start one, keep it going, pause, stop, extend and delete it.

The trainings of an experiment are put into the queue one after the other, not all at once: only as
many of them wait as may run at a time, and of a search only those whose settings can be proposed
already. So a visitor who presses Train beside an experiment of fifty runs waits for one of them,
and not for fifty. `advance` puts the next ones in; servers call it every few seconds, and each
training at its end, so an experiment goes on without a server too.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from functools import partial

from core.experiments.experiment import (
    Experiment,
    TrialRun,
    experiment_file,
    find_experiment,
    list_experiments,
    trial_runs,
    write_experiment,
)
from core.experiments.plan import MAX_SEEDS, combinations_of, make_plan
from core.experiments.proposals import propose, should_prune
from core.experiments.search import MAX_SEARCH_RUNS, AnyPlan, Search, make_search
from core.experiments.search_results import trainings_of, validation_losses
from core.jobs import submission
from core.jobs.scheduler import is_starting, queue, start_next
from core.jobs.time_estimate import MachineSpeed, estimate_time
from core.runs import registry
from core.runs.housekeeping import move_to_trash
from core.runs.locks import queue_lock
from core.runs.permissions import (
    MAX_TITLE,
    JobCard,
    Limits,
    check_limits,
    limits,
    may_manage_owned,
    new_card,
    owner_of,
    read_card,
)
from core.runs.run import CHECKPOINT, Run
from core.runs.writer import utc_now
from core.utils.errors import DigitscopeError, ExperimentError, RunError
from core.utils.text import shortened

Token = str | None
"""A visitor's secret; None on the command line, where everything may be managed."""


def estimated_seconds(plan: AnyPlan, speed: MachineSpeed, allowed: Limits) -> float:
    """Estimate how long all trainings of a plan take on an otherwise idle machine.

    Trainings that go on at the same time count as being each as quick as by itself. On this machine
    a process is started for the first of them only; on a cluster, for each.

    Args:
        plan: what is trained.
        speed: what was measured on the machine.
        allowed: the server's limits.

    Returns:
        The time; of a search that of its trainings in the middle of its bounds, none of them
        pruned, or its budget in minutes if that is less.
    """
    launches = allowed.engine == "ray"
    launch = 0.0 if launches else speed.launch
    if isinstance(plan, Search):
        at_once = min(allowed.trainings, plan.parallel)
        seconds = plan.runs * estimate_time(plan.middle(), speed, launches=launches).total
        seconds = seconds / at_once + launch
        return min(seconds, 60 * plan.minutes / at_once) if plan.minutes else seconds
    each = (
        estimate_time(combination.recipe, speed, launches=launches).total
        for combination in combinations_of(plan)
    )
    return plan.seeds * sum(each) / allowed.trainings + launch


def start_experiment(
    plan: AnyPlan, *, token: Token, title: str = "", preset: str = ""
) -> Experiment:
    """Start an experiment: its first trainings are put into the queue.

    Args:
        plan: what it trains.
        token: the visitor's secret.
        title: how pages call it; without one they say its id.
        preset: the preset or run that the recipe came from.

    Returns:
        The new experiment.

    Raises:
        RecipeError: one of its recipes passes a limit of this server.
        ExperimentError: it passes a limit of this server, or cannot be written.
        JobError: the folder of runs cannot be written.
    """
    allowed = limits()
    _check_plan(plan, allowed)
    with queue_lock():
        owner = "" if token is None else owner_of(token)
        _check_count(owner, allowed)
        experiment = Experiment(
            id=submission.free_name("experiment", _is_taken),
            plan=plan,
            created=utc_now(),
            owner=owner,
            title=shortened(" ".join(title.split()), MAX_TITLE),
            preset=preset,
        )
        write_experiment(experiment)
        experiment = _put_next(experiment, allowed)
        start_next(allowed)
    return experiment


def advance() -> None:
    """Put the next trainings of all experiments that are going on into the queue.

    May be called at any time, by any process, as often as it likes.

    Raises:
        JobError: the queue's lock cannot be had.
        SettingError: a limit of this server is not valid.
    """
    if not _unfinished():
        return
    with queue_lock():
        allowed = limits()
        for experiment in _unfinished():
            try:
                _put_next(experiment, allowed)
            except DigitscopeError as error:  # it must not keep the others waiting
                logging.getLogger(__name__).warning("%s: %s", experiment.id, error)
        start_next(allowed)


def pause_experiment(experiment: Experiment, *, token: Token) -> Experiment:
    """Begin no further training of an experiment; one that is being trained goes on to its end.

    Args:
        experiment: which is going on.
        token: the visitor's secret.

    Raises:
        ExperimentError: it is another visitor's, or gone.
    """
    with queue_lock():
        return _held(_managed(experiment, token), state="paused")


def stop_experiment(experiment: Experiment, *, token: Token) -> Experiment:
    """End an experiment, and the training of it that is going on; what was learned is kept.

    Args:
        experiment: which is going on or paused.
        token: the visitor's secret.

    Raises:
        ExperimentError: it is another visitor's, or gone.
        JobError: a training cannot be told.
    """
    with queue_lock():
        stopped = _held(_managed(experiment, token), state="stopped")
        for trial_run in trial_runs(stopped):
            if trial_run.status in {"queued", "running"} and trial_run.run is not None:
                submission.stop_under_lock(trial_run.run)
    return stopped


def resume_experiment(experiment: Experiment, *, token: Token, more: int = 0) -> Experiment:
    """Go on with an experiment that was paused or stopped, or give it more to train.

    Args:
        experiment: any.
        token: the visitor's secret.
        more: so many seeds are added to its plan, or so many trainings to its search. A search
            that is extended has no limit of minutes any more.

    Raises:
        ExperimentError: it is another visitor's or gone, or passes a limit.
        RecipeError: its trainings would become too many.
    """
    allowed = limits()
    with queue_lock():
        current = _managed(experiment, token)
        plan = _extended(current.plan, more)
        _check_plan(plan, allowed)
        if current.state == "stopped":
            _take_up_stopped(current)
        resumed = current.model_copy(update={"plan": plan, "state": "going on", "problem": ""})
        write_experiment(resumed)
        resumed = _put_next(resumed, allowed)
        start_next(allowed)
    return resumed


def may_be_added(plan: AnyPlan) -> int:
    """How many seeds, or trainings of a search, may be added to a plan."""
    if isinstance(plan, Search):
        return MAX_SEARCH_RUNS - plan.runs
    return MAX_SEEDS - plan.seeds


def _extended(plan: AnyPlan, more: int) -> AnyPlan:
    """The plan with more seeds, or more trainings of a search."""
    if not more:
        return plan
    if more > may_be_added(plan):
        has, most = (
            (f"{plan.runs} trainings", MAX_SEARCH_RUNS)
            if isinstance(plan, Search)
            else (f"{plan.seeds} seeds", MAX_SEEDS)
        )
        raise ExperimentError(
            f"This experiment has {has}, and {most} are the most: ask for at most "
            f"{may_be_added(plan)} more."
        )
    if isinstance(plan, Search):
        return make_search(
            plan.recipe,
            plan.dimensions,
            runs=plan.runs + more,
            pruning=plan.pruning,
            parallel=plan.parallel,
        )
    return make_plan(plan.recipe, plan.factors, plan.seeds + more)


def delete_experiment(experiment: Experiment, *, token: Token, with_runs: bool = False) -> None:
    """Delete an experiment that is not going on.

    Args:
        experiment: to be deleted.
        token: the visitor's secret.
        with_runs: whether its runs are deleted, too; else they stay as ordinary runs.

    Raises:
        ExperimentError: it is another visitor's, going on, or cannot be deleted.
        RunError: a run of it cannot be deleted; the experiment stays.
        JobError: the same.
    """
    with queue_lock():
        current = _managed(experiment, token)
        runs = trial_runs(current)
        if experiment_status(current, runs) in {"going on", "ending"}:
            raise ExperimentError(
                f"A training of the experiment {current.name!r} is going on: stop the experiment, "
                "wait for its end, then delete it."
            )
        if with_runs:
            for trial_run in runs:
                if trial_run.run is not None:
                    move_to_trash(trial_run.run)
        try:
            experiment_file(current.id).unlink()
        except OSError as error:
            raise ExperimentError(
                f"The experiment {current.name!r} cannot be deleted ({error.strerror})."
            ) from error


def experiment_status(experiment: Experiment, runs: Sequence[TrialRun]) -> str:
    """Say where an experiment is.

    It is "going on", "ending" (paused or stopped while its last training goes on), "paused",
    "stopped" or "finished".

    Args:
        experiment: any.
        runs: its trainings.
    """
    if any(trial_run.status in {"queued", "running"} for trial_run in runs):
        return "going on" if experiment.state == "going on" else "ending"
    if experiment.submitted >= experiment.plan.trials:
        return "finished"
    return experiment.state


def may_manage_experiment(experiment: Experiment, token: Token, allowed: Limits) -> bool:
    """Whether a visitor may pause, stop, extend and delete an experiment."""
    return token is None or may_manage_owned(experiment.owner, token, allowed)


def _unfinished() -> list[Experiment]:
    """The experiments that have trainings to put into the queue, the oldest first."""
    return [
        experiment
        for experiment in reversed(list_experiments())
        if isinstance(experiment, Experiment)
        and experiment.state == "going on"
        and experiment.submitted < experiment.plan.trials
    ]


def _put_next(experiment: Experiment, allowed: Limits) -> Experiment:
    """Put as many trainings into the queue as may run at a time; under the queue's lock."""
    ids = {experiment.run_folder(number).name for number in range(experiment.submitted)}
    waiting = sum(run.id in ids for run in queue())
    while waiting < allowed.trainings and experiment.submitted < experiment.plan.trials:
        state, problem = "paused", _overtime(experiment, allowed)
        if not problem and (problem := _budget_used_up(experiment)):
            state = "stopped"
        if not problem:
            try:
                proposed = _proposed(experiment)
                if proposed is None:  # it knows too little yet
                    break
                experiment = proposed
                _put(experiment, allowed)
            except DigitscopeError as error:
                problem = str(error)
        if problem:
            experiment = experiment.model_copy(update={"state": state, "problem": problem})
        else:
            experiment = experiment.model_copy(update={"submitted": experiment.submitted + 1})
        write_experiment(experiment)
        if problem:
            break
        waiting += 1
    return experiment


def _proposed(experiment: Experiment) -> Experiment | None:
    """The experiment with the settings of its next training; None if these are not known yet."""
    search, number = experiment.plan, experiment.submitted
    if not isinstance(search, Search) or len(experiment.proposals) > number:
        return experiment
    runs = trial_runs(experiment)
    if not all(trial_run.has_ended for trial_run in runs[: search.known_before(number)]):
        return None
    values = propose(search, trainings_of(runs))
    proposed = experiment.model_copy(update={"proposals": (*experiment.proposals, values)})
    # Before its run: one that is there after a crash was made of these values.
    write_experiment(proposed)
    return proposed


def prune_of(run: Run, card: JobCard) -> Callable[[], bool] | None:
    """How a training learns after each epoch whether its search ends it.

    Args:
        run: that is about to be trained.
        card: its card.

    Returns:
        A function that answers after each epoch; None if nothing prunes this training. Whoever
        goes on with one that was pruned, or had ended, has it trained to its end.
    """
    if not card.experiment or run.info.ended_by:
        return None
    try:
        experiment = find_experiment(card.experiment)
    except ExperimentError:  # deleted: its runs are ordinary ones
        return None
    if not isinstance(experiment.plan, Search) or experiment.plan.pruning == "none":
        return None
    return partial(_is_pruned, experiment.id, run.id)


def _is_pruned(experiment_id: str, run_id: str) -> bool:
    """Whether the search of a training that goes on ends it after its present epoch."""
    try:
        experiment = find_experiment(experiment_id)
    except ExperimentError:
        return False
    runs = trial_runs(experiment)
    number = next((n for n, each in enumerate(runs) if each.run and each.run.id == run_id), None)
    if number is None or not isinstance(experiment.plan, Search):
        return False
    return should_prune(
        experiment.plan, trainings_of(runs), number, validation_losses(runs[number])
    )


def _budget_used_up(experiment: Experiment) -> str:
    """A sentence if a search has used up the minutes that it was given; else empty."""
    search = experiment.plan
    if not isinstance(search, Search) or not search.minutes:
        return ""
    if _trained_seconds(experiment) < 60 * search.minutes:
        return ""
    return (
        f"The {search.minutes:g} minutes of training that this search was given are used up. Add "
        "trainings to go on."
    )


def _trained_seconds(experiment: Experiment) -> float:
    return sum(each.run.info.seconds for each in trial_runs(experiment) if each.run)


def _put(experiment: Experiment, allowed: Limits) -> None:
    trial = experiment.trial(experiment.submitted)
    folder = experiment.run_folder(trial.number)
    if folder.exists():  # a server died after it had made the folder
        return
    recipe = trial.recipe
    check_limits(recipe, allowed)
    title = shortened(f"{trial.combination.name}, seed {trial.seed}", MAX_TITLE)
    card = new_card(experiment.owner, title, allowed, experiment=experiment.id)
    submission.queue_run(folder, recipe, card, preset=experiment.preset, allowed=allowed)


def _overtime(experiment: Experiment, allowed: Limits) -> str:
    """A sentence if an experiment has used up its time on this server; else empty."""
    if not allowed.experiment_minutes:
        return ""
    if _trained_seconds(experiment) < 60 * allowed.experiment_minutes:
        return ""
    return (
        f"This server gives an experiment {allowed.experiment_minutes:g} minutes of training, and "
        "they are used up. Its finished runs stay."
    )


def _held(experiment: Experiment, *, state: str) -> Experiment:
    """The experiment in another state; its runs that wait and never began leave the queue."""
    submitted = experiment.submitted
    while submitted:
        folder = experiment.run_folder(submitted - 1)
        try:
            run = registry.read_run(folder)
        except RunError:
            break
        if not _never_began(run):
            break
        shutil.rmtree(folder, ignore_errors=True)
        submitted -= 1
    held = experiment.model_copy(update={"state": state, "submitted": submitted, "problem": ""})
    write_experiment(held)
    return held


def _take_up_stopped(experiment: Experiment) -> None:
    """Put the trainings that were stopped with the experiment into the queue again."""
    for trial_run in trial_runs(experiment):
        run = trial_run.run
        if run is not None and run.info.status == "stopped" and run.info.ended_by == "by hand":
            submission.resume_under_lock(run, run.info.recipe)


def _never_began(run: Run) -> bool:
    if run.info.status != "queued" or (run.folder / CHECKPOINT).exists():
        return False
    return not is_starting(run, read_card(run.folder))


def _managed(experiment: Experiment, token: Token) -> Experiment:
    """The experiment as it is now, if the visitor may manage it; under the queue's lock."""
    current = find_experiment(experiment.id)
    if not may_manage_experiment(current, token, limits()):
        raise ExperimentError(
            "Only the browser that started this experiment may change or stop it."
        )
    return current


def _check_plan(plan: AnyPlan, allowed: Limits) -> None:
    if plan.trials > allowed.experiment_runs:
        raise ExperimentError(
            f"These are {plan.trials:,} trainings, and this server allows "
            f"{allowed.experiment_runs:,} for an experiment: vary fewer values, or ask for fewer "
            "seeds."
        )
    recipes = (
        plan.corners()
        if isinstance(plan, Search)
        else [combination.recipe for combination in combinations_of(plan)]
    )
    for recipe in recipes:
        check_limits(recipe, allowed)


def _check_count(owner: str, allowed: Limits) -> None:
    """Raise ExperimentError if a visitor has as many experiments as may go on at once."""
    going_on = [experiment for experiment in _unfinished() if experiment.owner == owner]
    if len(going_on) >= allowed.experiments:
        raise ExperimentError(
            f"{len(going_on)} of your experiments are going on already, and that is how many may. "
            "Wait until one has ended, or stop one."
        )


def _is_taken(name: str) -> bool:
    """Whether an experiment has this id, or had it and left runs."""
    runs = registry.own_folder().glob(f"{name}-[0-9][0-9][0-9]*")
    return experiment_file(name).exists() or any(runs)
