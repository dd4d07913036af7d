"""Learning rates: what is said of them agrees with what the benchmark measured."""

import json
import re

import pytest

from core import ROOT
from core.data import mnist
from core.recipes import advice
from core.recipes.architecture import Conv, Flatten
from core.recipes.presets import PRESETS, find_preset
from core.recipes.recipe import Recipe, Schedule
from core.runs import registry
from tests.helpers.made_recipes import CYCLE, NORMED, OUT, cautions, rated, recipe

MEASURED = ROOT / "benchmarks" / "results" / "learning_rates.json"


@pytest.mark.parametrize("name", PRESETS)
def test_digits_fitted_are_those_of_the_run_that_was_really_trained(name: str):
    provenance = registry.find_run(name).info.provenance
    assert advice.training_digit_count(find_preset(name).recipe) == provenance.n_train


def test_digits_fitted_of_the_sample_are_those_that_are_there():
    n = len(mnist.load("mnist-sample").train)
    assert advice.training_digit_count(recipe(validation_split=0)) == n
    assert advice.training_digit_count(recipe(validation_split=0.25)) == 3000


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        (rated("adam", 0.1), "diverge"),
        (rated("adam", 0.03), "likely to make it diverge"),
        (rated("adam", 0.02), ""),
        (rated("rmsprop", 0.1), "diverge"),
        (rated("rmsprop", 0.01, 0.9), "diverge"),
        (rated("rmsprop", 0.001, 0.9), ""),
        (rated("sgd", 1.0), "diverge"),
        (rated("sgd", 0.1, 0.9), "diverge"),
        (rated("sgd", 0.3), ""),
        (rated("sgd", 0.03, 0.9), ""),
        (rated("adam", 0.03) | CYCLE, ""),
        (rated("adam", 0.3) | CYCLE, "diverge"),
        (rated("sgd", 1.0) | CYCLE, "likely to make it diverge"),
        (rated("sgd", 0.5) | CYCLE, ""),
        (rated("sgd", 0.15, 0.9) | CYCLE, ""),  # 1.5 with what momentum adds
        (rated("sgd", 0.21, 0.9) | CYCLE, "diverge"),
        (rated("rmsprop", 1e-6), "little will be learned"),
        (rated("rmsprop", 6e-5), ""),
        (rated("adam", 1e-6), "little will be learned"),
        (rated("adam", 6e-5), ""),
        (rated("adam", 6e-5) | CYCLE, "little will be learned"),  # half as fast on average
        (rated("sgd", 0.0003), "little will be learned"),
        (rated("sgd", 0.003), ""),
    ],
)
def test_learning_rates(changes: dict[str, object], word: str):
    warnings = cautions(recipe(**changes))
    assert set(warnings) == ({"optimizer.learning_rate"} if word else set())
    if word:
        assert word in warnings["optimizer.learning_rate"].sentence


def test_batch_norm_steadies_what_is_only_risky():
    assert cautions(recipe(*NORMED, **rated("adam", 0.03))) == {}
    assert set(cautions(recipe(*NORMED, **rated("adam", 0.1)))) == {"optimizer.learning_rate"}


def test_more_epochs_make_a_low_rate_worth_while():
    low = rated("adam", 1e-5)
    assert cautions(recipe(**low, epochs=1))
    assert cautions(recipe(**low, epochs=20)) == {}


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        (rated("adam", 1.0), "0.001 is a good start"),
        (rated("rmsprop", 1.0), "0.001 is a good start"),
        (rated("sgd", 1.0), "0.1 is a good start"),
        (rated("sgd", 1.0, 0.9), "a momentum of 0.9 will make .*0.01 is a good start"),
    ],
)
def test_a_better_rate_is_named(changes: dict[str, object], good: str):

    sentence = cautions(recipe(**changes))["optimizer.learning_rate"].sentence
    assert re.search(good, sentence)


NETWORKS = {
    "small": (Conv(filters=8), Flatten(), OUT),
    "small, batch norm": NORMED,
    "large": find_preset("yalcin").recipe.architecture.layers,
}


def measured() -> list[tuple[Recipe, float, float]]:
    """Every training that the benchmark did: its recipe, its accuracy, the best at a lower rate."""
    trainings = []
    for row in json.loads(MEASURED.read_text(encoding="utf-8"))["figures"]:
        kind, *momentum = row["optimizer"].split(", momentum ")
        below = 0.0
        for rate, reached in row["accuracy"].items():
            trained = recipe(
                *NETWORKS[row["network"]],
                **rated(kind, float(rate), float(*momentum)),
                schedule=Schedule(kind=row["schedule"]),
                epochs=2,
                batch_size=32,
                validation_split=0,
            )
            accuracy = reached or 0.0
            trainings.append((trained, accuracy, below))
            below = max(below, accuracy)
    return trainings


def test_what_is_said_of_learning_rates_agrees_with_what_was_measured():
    trainings = measured()
    assert len(trainings) == 5 * (2 * 16 + 12)
    judged = [(advice.judge_learning_rate(trained, 4000), *rest) for trained, *rest in trainings]
    assert all(accuracy < below for word, accuracy, below in judged if word == "too large")
    assert all(accuracy < 0.5 for word, accuracy, _ in judged if word == "too small")
    assert all(accuracy < below for word, accuracy, below in judged if word == "risky")
    # Whatever high rate left a network guessing, something is said of it.
    collapsed = [word for word, accuracy, below in judged if accuracy < 0.2 and below > 0.8]
    assert len(collapsed) > 50
    assert set(collapsed) == {"too large", "risky"}


def test_the_rate_that_is_advised_learned_in_every_row():
    learned = {
        (trained.optimizer, trained.schedule.kind, trained.architecture): accuracy
        for trained, accuracy, _ in measured()
    }
    advised = [
        accuracy
        for (optimizer, *_), accuracy in learned.items()
        if advice.recommended_learning_rate(optimizer) == optimizer.learning_rate
    ]
    assert len(advised) >= 10
    assert min(advised) > 0.8
