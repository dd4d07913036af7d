"""Searches in the queue, without processes: what is proposed when, and what survives."""

from typing import Any

import pytest

from core.experiments.experiment import Experiment, find_experiment, trial_runs, write_experiment
from core.experiments.search import Search, make_dimension
from core.jobs import experiments, scheduler
from core.jobs.experiments import experiment_status, prune_of
from core.runs import registry
from core.runs.permissions import JobCard, Limits, read_card
from core.utils.errors import ExperimentError, RecipeError
from tests.core.jobs import test_submission
from tests.core.jobs.test_submission import ME, NoEngine
from tests.helpers.made_experiments import SPEED, finish, small_plan, small_search

pytestmark = pytest.mark.usefixtures("only_sample", "run_folders")
engine = test_submission.engine


def begun(**changes: Any) -> Experiment:
    return experiments.start_experiment(small_search(**changes), token=ME)


def end(made: Experiment, number: int, **result: Any) -> Experiment:
    finish(find_experiment(made.id), number, **result)
    experiments.advance()
    return find_experiment(made.id)


def test_each_training_is_proposed_after_the_one_before_it_has_ended(engine: NoEngine) -> None:
    made = begun()
    for number in range(6):
        assert made.submitted == len(made.proposals) == number + 1
        run = registry.find_run(f"{made.id}-{number + 1:03d}")
        assert run.info.recipe.optimizer.learning_rate == made.proposals[number][0]
        assert run.info.recipe.seed == 7
        assert read_card(run.folder).experiment == made.id
        experiments.advance()  # nothing more may be put in while it goes on
        assert find_experiment(made.id).submitted == number + 1
        made = end(made, number, val_loss=0.1 * (number + 1))
    assert experiment_status(made, trial_runs(made)) == "finished"
    assert len(engine.started) == 6
    assert len(set(made.proposals)) == 6
    assert isinstance(find_experiment(made.id).plan, Search)


@pytest.mark.usefixtures("engine")
def test_two_at_a_time_wait_for_the_first_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_TRAININGS", "2")
    made = begun(parallel=2)
    assert made.submitted == 2
    finish(find_experiment(made.id), 1)
    experiments.advance()  # the third may know the first, which goes on
    assert find_experiment(made.id).submitted == 2
    assert end(made, 0).submitted == 4


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("proposal_written", [True, False])
def test_a_crash_proposes_nothing_anew(*, proposal_written: bool) -> None:
    made = end(begun(), 0)
    forgotten: dict[str, Any] = {"submitted": 1}
    if not proposal_written:
        forgotten["proposals"] = made.proposals[:1]
    write_experiment(made.model_copy(update=forgotten))
    experiments.advance()
    again = find_experiment(made.id)
    assert (again.submitted, again.proposals) == (2, made.proposals)
    assert trial_runs(again)[1].run.info.recipe == again.trial(1).recipe
    assert len(scheduler.queue()) == 1


@pytest.mark.usefixtures("engine")
def test_a_search_goes_on_after_a_pause_with_the_same_values() -> None:
    made = begun()
    finish(made, 0, status="running", ended_by="")
    paused = experiments.pause_experiment(find_experiment(made.id), token=ME)
    finish(paused, 0)
    experiments.advance()
    assert find_experiment(made.id).submitted == 1
    resumed = experiments.resume_experiment(paused, token=ME)
    assert resumed.submitted == 2


@pytest.mark.usefixtures("engine")
def test_what_failed_or_was_deleted_does_not_hold_the_search_up() -> None:
    made = end(begun(), 0, status="failed", ended_by="fault")
    made = end(made, 1, status="stopped", ended_by="by hand")
    assert made.submitted == 3
    assert [each.status for each in trial_runs(made)] == ["failed", "stopped", "queued"]


@pytest.mark.usefixtures("engine")
def test_minutes_that_are_used_up_end_it_and_more_trainings_go_on() -> None:
    made = end(begun(minutes=0.03), 0)  # each takes 2 seconds
    assert made.state == "stopped"
    assert "0.03 minutes of training that this search was given are used up" in made.problem
    more = experiments.resume_experiment(made, token=ME, more=2)
    assert (more.plan.trials, more.submitted, more.problem) == (8, 2, "")
    with pytest.raises(ExperimentError, match="ask for at most 192 more"):
        experiments.resume_experiment(more, token=ME, more=193)


def test_limits_of_the_server_hold_at_every_corner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITSCOPE_MAX_EPOCHS", "12")
    with pytest.raises(RecipeError, match="12"):
        begun(dimensions=[make_dimension("epochs", [2, 13])])
    monkeypatch.setenv("DIGITSCOPE_MAX_EXPERIMENT_RUNS", "5")
    with pytest.raises(ExperimentError, match="6 trainings, and this server allows 5"):
        begun()


def test_the_time_is_that_of_the_middle_and_never_above_the_budget() -> None:
    # 3 s for a process, once; six trainings, each with 1 s to start and ten epochs of 0.5 s.
    alone = Limits()
    assert experiments.estimated_seconds(small_search(), SPEED, alone) == pytest.approx(39)
    assert experiments.estimated_seconds(small_search(minutes=0.5), SPEED, alone) == 30
    # Epochs from 2 to 8 are 5 on average.
    epochs = small_search(dimensions=[make_dimension("epochs", [2, 8])])
    assert experiments.estimated_seconds(epochs, SPEED, alone) == pytest.approx(24)
    two = small_search(parallel=2)
    four = Limits(trainings=4)
    assert experiments.estimated_seconds(two, SPEED, four) == pytest.approx(21)


@pytest.mark.usefixtures("engine")
def test_only_trainings_of_a_pruning_search_are_pruned() -> None:
    made = begun()
    for number in range(4):
        made = end(made, number, val_loss=0.3)
    finish(made, 4, val_loss=0.9, status="running", ended_by="")
    run = registry.find_run(f"{made.id}-005")
    prune = prune_of(run, read_card(run.folder))
    assert prune is not None
    assert prune()  # 1.0 after its first epoch, where the others had 0.4
    finish(made, 4, val_loss=0.1, status="running", ended_by="")
    assert not prune()
    experiments.delete_experiment(_ended(made), token=ME)
    assert not prune()
    assert prune_of(run, JobCard()) is None
    assert prune_of(run, read_card(run.folder)) is None  # its search is gone


def _ended(made: Experiment) -> Experiment:
    finish(made, 4)
    stopped = find_experiment(made.id).model_copy(update={"state": "stopped"})
    write_experiment(stopped)
    return stopped


@pytest.mark.usefixtures("engine")
def test_a_grid_and_a_search_without_pruning_end_nothing_early() -> None:
    for plan in (small_plan(), small_search(pruning="none")):
        made = experiments.start_experiment(plan, token=ME)
        run = registry.find_run(f"{made.id}-001")
        assert prune_of(run, read_card(run.folder)) is None
        experiments.stop_experiment(made, token=ME)


@pytest.mark.usefixtures("engine")
def test_who_goes_on_with_a_pruned_training_has_it_trained_to_its_end() -> None:
    made = begun()
    finish(made, 0, status="stopped", ended_by="pruning")
    run = registry.find_run(f"{made.id}-001")
    assert prune_of(run, read_card(run.folder)) is None
    assert [each.status for each in trial_runs(find_experiment(made.id))] == ["pruned"]
