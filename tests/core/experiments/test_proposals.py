"""Which settings a search tries, and what it prunes: judged by Optuna's own live study."""

import math

import optuna
import pytest

from core.experiments.proposals import Training, propose, setting_importance, should_prune
from core.experiments.search import Search, make_dimension
from tests.conftest import dense_recipe
from tests.helpers.made_experiments import RATE_BOUNDS, small_search

RATE, BATCH = "optimizer.learning_rate", "batch_size"
BATCHES = make_dimension(BATCH, [16, 256])
BEST_RATE = 0.004


def loss_of(training: Training, epoch: int = 10) -> float:
    """A made-up loss: the learning rate decides, the batch size hardly does."""
    rate, *others = training.values
    batch = float(others[0]) if others else 64.0
    distance = math.log10(float(rate) / BEST_RATE) ** 2 + 0.001 * math.log2(batch)
    return distance + 1 / epoch


def finished(training: Training) -> Training:
    losses = tuple(loss_of(training, epoch) for epoch in range(1, 11))
    return Training(training.values, losses, "finished", losses[-1])


def searched(search: Search, count: int) -> list[Training]:
    trainings: list[Training] = []
    for _ in range(count):
        trainings.append(finished(Training(propose(search, trainings))))
    return trainings


@pytest.mark.parametrize("seed", range(4))
def test_a_search_closes_in_on_what_is_good(seed: int) -> None:
    recipe = dense_recipe(validation_split=0.1, seed=seed)
    trainings = searched(small_search(recipe=recipe, runs=30), 30)
    distances = [abs(math.log10(float(each.values[0]) / BEST_RATE)) for each in trainings]
    assert min(distances) < math.log10(1.5)
    assert sum(distances[-10:]) < sum(distances[:10])


def test_the_same_search_asks_for_the_same_and_another_seed_for_others() -> None:
    search = small_search()
    assert searched(search, 6) == searched(search, 6)
    assert len({each.values for each in searched(search, 6)}) == 6
    other = small_search(recipe=dense_recipe(validation_split=0.1, seed=8))
    assert searched(search, 1) != searched(other, 1)


def test_what_goes_on_beside_it_says_nothing_whether_or_not_it_has_ended() -> None:
    search = small_search(parallel=2, runs=12)
    first = searched(search, 5)
    still_open = [*first, Training((0.05,))]
    ended = [*first, Training((0.05,), (0.001,), "finished", 0.001)]
    assert propose(search, ended) == propose(search, still_open)
    alone = small_search(runs=12)
    assert propose(alone, ended) != propose(alone, still_open)


def test_what_failed_is_survived() -> None:
    failed = [Training((0.01,), state="failed"), Training((0.02,), (), "pruned")]
    (value,) = propose(small_search(), failed)
    assert 0.0001 <= float(value) <= 0.1


def test_who_is_worse_at_the_first_epoch_is_pruned() -> None:
    """By hand: of five only the best goes on (a third, rounded down), of nine the best three."""
    search = small_search()  # of ten epochs
    others = [finished_at(loss) for loss in (0.5, 0.6, 0.7, 0.8)]
    tried = Training((0.05,))
    assert not should_prune(search, [*others[:3], tried], 3, [9.0])  # the first four never are
    assert should_prune(search, [*others, tried], 4, [0.55])
    assert not should_prune(search, [*others, tried], 4, [0.45])
    nine = [*others, *(finished_at(loss) for loss in (0.4, 0.9, 1.0, 1.1)), tried]
    assert not should_prune(search, nine, 8, [0.55])  # the third of nine
    assert should_prune(search, nine, 8, [0.65])  # the fourth
    assert not should_prune(small_search(pruning="none"), nine, 8, [9.0])
    assert not should_prune(search, nine, 8, [9.0] * 6)  # more than half of it is done


def finished_at(loss: float) -> Training:
    return Training((0.01,), (loss,), "finished", loss)


@pytest.mark.parametrize("pruning", ["successive halving", "Hyperband"])
def test_pruning_is_that_of_a_study_that_lives_as_long_as_the_search(pruning: str) -> None:
    recipe = dense_recipe(validation_split=0.1, epochs=10)
    search = small_search(
        recipe=recipe, dimensions=[RATE_BOUNDS, BATCHES], pruning=pruning, runs=30
    )
    pruner: optuna.pruners.BasePruner = (
        optuna.pruners.HyperbandPruner(1, 10, 3)
        if pruning == "Hyperband"
        else optuna.pruners.SuccessiveHalvingPruner(1, 3)
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=3)
    live = optuna.create_study(study_name="search", sampler=sampler, pruner=pruner)
    trainings: list[Training] = []
    lengths: list[int] = []
    for number in range(30):
        trial = live.ask()
        rate = trial.suggest_float(RATE, 0.0001, 0.1, log=True)
        values = (rate, trial.suggest_int(BATCH, 16, 256, log=True))
        trainings.append(Training(values))
        losses: list[float] = []
        for epoch in range(1, 11):
            losses.append(loss_of(trainings[number], epoch))
            trial.report(losses[-1], epoch)
            # Optuna's pruner is asked at each epoch, and heard where the search may prune.
            expected = trial.should_prune() and number >= 4 and epoch <= 5
            assert should_prune(search, trainings, number, losses) == expected
            if expected:
                break
        pruned = len(losses) < 10
        live.tell(trial, losses[-1] if not pruned else None, state=_state(pruned=pruned))
        state = "pruned" if pruned else "finished"
        trainings[number] = Training(values, tuple(losses), state, None if pruned else losses[-1])
        lengths.append(len(losses))
    assert {1, 3, 10} == set(lengths)  # some were ended at once, some later, some never


def _state(*, pruned: bool) -> optuna.trial.TrialState:
    return optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE


def test_the_setting_that_decides_is_named_first() -> None:
    search = small_search(dimensions=[BATCHES, RATE_BOUNDS], runs=40)
    swapped = [
        finished(Training((rate, batch))) for batch, rate in _random_values(search, count=40)
    ]
    trainings = [
        Training((each.values[1], each.values[0]), each.losses, "finished", each.loss)
        for each in swapped
    ]
    parts = setting_importance(search, trainings)
    assert list(parts) == [RATE, BATCH]
    assert parts[RATE] > 0.7
    assert sum(parts.values()) == pytest.approx(1)
    assert setting_importance(search, trainings[:9]) == {}
    assert setting_importance(small_search(), [Training((0.01,))] * 20) == {}


def _random_values(search: Search, count: int) -> list[tuple[float, float]]:
    sampler = optuna.samplers.RandomSampler(seed=5)
    study = optuna.create_study(sampler=sampler)
    drawn: list[tuple[float, float]] = []
    for _ in range(count):
        trial = study.ask()
        batch = trial.suggest_int(BATCH, 16, 256, log=True)
        drawn.append((batch, trial.suggest_float(RATE, 0.0001, 0.1, log=True)))
    assert search.settings == (BATCH, RATE)
    return drawn
