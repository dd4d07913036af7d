"""Experiments in the queue, without processes: what waits when, and what survives."""

from pathlib import Path
from typing import Any

import pytest

from core.experiments.experiment import Experiment, find_experiment, trial_runs
from core.jobs import experiments, scheduler, submission
from core.jobs.experiments import experiment_status
from core.runs import registry
from core.runs.permissions import Limits, read_card, shown_name
from core.utils.errors import ExperimentError, RecipeError
from tests.conftest import dense_recipe
from tests.core.jobs import test_submission
from tests.core.jobs.test_submission import ME, OTHER, NoEngine
from tests.helpers.made_experiments import SPEED, finish, small_plan

pytestmark = pytest.mark.usefixtures("only_sample", "run_folders")
engine = test_submission.engine


def begun(**options: Any) -> Experiment:
    return experiments.start_experiment(small_plan(), **{"token": ME, **options})


def waiting() -> list[str]:
    return [shown_name(run) for run in scheduler.queue()]


def end(made: Experiment, number: int, **result: Any) -> Experiment:
    """The training ends as if its process had come to the end, and the next one is put in."""
    finish(find_experiment(made.id), number, **result)
    experiments.advance()
    return find_experiment(made.id)


def test_trainings_come_one_after_the_other_as_ordinary_runs(engine: NoEngine) -> None:
    made = begun(title="  Rates\n ", preset="yalcin")
    assert made.title == "Rates"
    assert waiting() == ["Learning rate 0.001, seed 0"]
    assert engine.started == [f"{made.id}-001"]
    run = registry.find_run(f"{made.id}-001")
    assert run.info.recipe == made.plan.trial(0).recipe
    assert read_card(run.folder).owner == made.owner
    assert read_card(run.folder).experiment == made.id
    assert run.info.preset == "yalcin"
    for number in range(6):
        assert experiment_status(made, trial_runs(made)) == "going on"
        made = end(made, number)
    assert experiment_status(made, trial_runs(made)) == "finished"
    assert engine.started == [f"{made.id}-{number:03d}" for number in range(1, 7)]
    seeds = [trial_run.run.info.recipe.seed for trial_run in trial_runs(made)]
    assert seeds == [0, 0, 1, 1, 2, 2]


@pytest.mark.usefixtures("engine")
def test_who_presses_train_waits_for_one_training_and_not_for_all() -> None:
    made = begun()
    submission.submit(dense_recipe(seed=9), token=OTHER)
    made = end(made, 0)
    order = [run.id.startswith(made.id) for run in scheduler.queue()]
    assert order == [False, True]


@pytest.mark.usefixtures("engine")
def test_several_trainings_at_a_time_are_several_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_TRAININGS", "2")
    made = begun()
    assert made.submitted == 2
    assert end(made, 0).submitted == 3


@pytest.mark.usefixtures("engine")
def test_a_crash_after_a_folder_was_made_trains_nothing_twice() -> None:
    made = begun()
    forgotten = made.model_copy(update={"submitted": 0})
    experiments.write_experiment(forgotten)
    experiments.advance()
    assert find_experiment(made.id).submitted == 1
    assert len(scheduler.queue()) == 1


def test_pause_takes_what_waits_out_of_the_queue_and_resume_goes_on(engine: NoEngine) -> None:
    blocking = submission.submit(dense_recipe(seed=9), token=OTHER)
    made = begun()
    assert engine.started == [blocking.id]
    paused = experiments.pause_experiment(made, token=ME)
    assert paused.submitted == 0
    assert len(scheduler.queue()) == 1
    experiments.advance()
    assert len(scheduler.queue()) == 1
    assert experiment_status(paused, trial_runs(paused)) == "paused"
    resumed = experiments.resume_experiment(paused, token=ME)
    assert resumed.submitted == 1
    assert len(scheduler.queue()) == 2


@pytest.mark.usefixtures("engine")
def test_stop_ends_the_training_too_and_resume_takes_it_up_again() -> None:
    made = begun()
    finish(made, 0, status="running", ended_by="")
    stopped = experiments.stop_experiment(made, token=ME)
    assert read_card(stopped.run_folder(0)).stop_asked
    assert experiment_status(stopped, trial_runs(stopped)) == "ending"
    finish(stopped, 0, status="stopped", ended_by="by hand")
    assert experiment_status(stopped, trial_runs(stopped)) == "stopped"
    resumed = experiments.resume_experiment(stopped, token=ME)
    assert [trial_run.status for trial_run in trial_runs(resumed)][:2] == ["queued", "planned"]


@pytest.mark.usefixtures("engine")
def test_ten_more_seeds_come_after_those_that_are_there() -> None:
    made = begun()
    for number in range(6):
        made = end(made, number)
    made = experiments.resume_experiment(made, token=ME, more=10)
    assert made.plan.trials == 26
    assert made.submitted == 7
    assert trial_runs(made)[6].trial.seed == 3
    with pytest.raises(ExperimentError, match="ask for at most 37 more"):
        experiments.resume_experiment(made, token=ME, more=38)


@pytest.mark.usefixtures("engine")
def test_another_visitor_may_look_and_not_touch() -> None:
    made = begun()
    for change in (
        experiments.pause_experiment,
        experiments.stop_experiment,
        experiments.resume_experiment,
        experiments.delete_experiment,
    ):
        with pytest.raises(ExperimentError, match="Only the browser that started"):
            change(made, token=OTHER)
    experiments.pause_experiment(made, token=None)  # the command line may


@pytest.mark.usefixtures("engine")
def test_deleting_leaves_the_runs() -> None:
    made = end(begun(), 0)
    with pytest.raises(ExperimentError, match="is going on: stop the experiment"):
        experiments.delete_experiment(made, token=ME)
    paused = experiments.pause_experiment(made, token=ME)
    finish(paused, 1)
    experiments.delete_experiment(paused, token=ME)
    assert registry.find_run(f"{made.id}-001").info.status == "finished"
    with pytest.raises(ExperimentError, match="There is no experiment"):
        find_experiment(made.id)


@pytest.mark.usefixtures("engine")
def test_deleting_takes_the_runs_along_if_asked() -> None:
    made = end(begun(), 0)
    paused = experiments.pause_experiment(made, token=ME)
    with pytest.raises(ExperimentError, match="is going on"):  # its training is
        experiments.delete_experiment(paused, token=ME, with_runs=True)
    finish(paused, 1)
    experiments.delete_experiment(paused, token=ME, with_runs=True)
    assert not made.run_folder(0).exists()
    assert not made.run_folder(1).exists()
    with pytest.raises(ExperimentError, match="There is no experiment"):
        find_experiment(made.id)


@pytest.mark.usefixtures("engine")
def test_limits_of_a_public_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_PUBLIC", "1")
    with pytest.raises(ExperimentError, match="22 trainings, and this server allows 20"):
        experiments.start_experiment(small_plan(seeds=11), token=ME)
    with pytest.raises(RecipeError, match="at most 10 epochs"):
        experiments.start_experiment(
            small_plan().model_copy(update={"recipe": dense_recipe(epochs=11)}), token=ME
        )
    made = begun()
    with pytest.raises(ExperimentError, match="1 of your experiments are going on already"):
        begun()
    begun(token=OTHER)
    monkeypatch.setenv("DIGITSCOPE_MAX_EXPERIMENT_MINUTES", "0.05")
    made = end(made, 0)  # 2 of 3 seconds
    made = end(made, 1)
    assert made.state == "paused"
    assert "0.05 minutes" in made.problem
    assert experiment_status(made, trial_runs(made)) == "paused"


@pytest.mark.usefixtures("engine")
def test_a_full_disk_pauses_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    made = begun()
    monkeypatch.setenv("DIGITSCOPE_DISK_MB", "10")
    big = registry.own_folder() / "big"
    big.mkdir()
    (big / "file").write_bytes(bytes(12_000_000))
    made = end(made, 0)
    assert made.state == "paused"
    assert "Delete runs that you no longer need" in made.problem
    monkeypatch.delenv("DIGITSCOPE_DISK_MB")
    assert experiments.resume_experiment(made, token=ME).submitted == 2


@pytest.mark.usefixtures("engine")
def test_an_unreadable_experiment_does_not_keep_others_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = begun(), begun()
    real = experiments._put_next

    def failing(experiment: Experiment, allowed: Any) -> Experiment:
        if experiment.id == first.id:
            raise ExperimentError("cannot be written")
        return real(experiment, allowed)

    monkeypatch.setattr(experiments, "_put_next", failing)
    assert end(second, 0).submitted == 2


def test_two_in_the_same_second_have_names_of_their_own(
    engine: NoEngine, run_folders: tuple[Path, Path]
) -> None:
    names = {begun().id for _ in range(3)}
    assert len(names) == 3


def test_time_is_estimated_for_all_trainings() -> None:
    # 3 s for a process, once; six trainings, each with 1 s to start and two epochs of 0.5 s.
    assert experiments.estimated_seconds(small_plan(), SPEED, Limits()) == pytest.approx(15)
    two = Limits(trainings=2)
    assert experiments.estimated_seconds(small_plan(), SPEED, two) == pytest.approx(9)
    # A process for each training.
    cluster = Limits(engine="ray")
    assert experiments.estimated_seconds(small_plan(), SPEED, cluster) == pytest.approx(30)
