"""Searches as plans: what can be searched, what is said of the rest, and their form in links."""

from typing import Any

import pytest

from core.experiments.links import plan_from_link, plan_to_link
from core.experiments.plan import Plan
from core.experiments.search import Search, make_dimension, make_search
from core.experiments.settings import VARIABLE_SETTINGS, suggested_bounds
from core.recipes.presets import FAST
from core.utils.compact_text import pack_text
from core.utils.errors import RecipeError
from tests.conftest import dense_recipe
from tests.helpers.made_experiments import RATE_BOUNDS, small_plan, small_search

KINDS = make_dimension("optimizer.kind", ["adam", "sgd"])


def test_a_training_has_the_proposed_values_and_the_seed_of_all() -> None:
    search = small_search(dimensions=[RATE_BOUNDS, KINDS])
    trial = search.trial(3, [0.0123, "sgd"])
    assert (trial.number, trial.seed) == (3, 7)
    assert trial.combination.name == "Learning rate 0.0123, Optimizer SGD"
    assert trial.recipe.optimizer.learning_rate == 0.0123
    assert trial.recipe.optimizer.kind == "sgd"
    assert search.describe() == "a search of 2 settings with 6 trainings"
    assert small_search(minutes=3).describe().endswith("within 3 minutes of training")


@pytest.mark.parametrize(
    ("setting", "values", "words"),
    [
        ("optimizer.learning_rate", ["0.01"], "two bounds"),
        ("optimizer.learning_rate", ["0.01", "0.001"], "0.01 is not below"),
        ("optimizer.learning_rate", ["0.01", "0.01"], "0.01 is not below"),
        ("optimizer.learning_rate", ["a", "0.01"], "write a number"),
        ("optimizer.learning_rate", ["0.1", "2"], "from 1e-06 to 1"),
        ("optimizer.learning_rate", [0.1, 0.2, 0.3], "its lower and its upper bound"),
        ("optimizer.kind", ["adam"], "two choices at least"),
        ("optimizer.kind", ["adam", "adam"], "give each once"),
        ("optimizer.kind", ["adam", "lion"], "choose from"),
        ("color", [1, 2], "no setting that can be varied"),
    ],
)
def test_what_is_no_dimension_is_said(setting: str, values: list[Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        make_dimension(setting, values)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dimensions": []}, "1 to 6 settings"),
        ({"dimensions": [RATE_BOUNDS, RATE_BOUNDS]}, "searched twice"),
        ({"runs": 3}, "4 to 200 trainings, not 3"),
        ({"runs": 201}, "4 to 200 trainings, not 201"),
        ({"minutes": -1}, "minutes"),
        ({"pruning": "sometimes"}, "no pruning 'sometimes'"),
        ({"parallel": 0}, "1 to 16 at a time"),
        ({"recipe": dense_recipe()}, "validates on nothing"),
        ({"recipe": dense_recipe(validate_on_test=True)}, "validates on the test digits"),
    ],
)
def test_what_is_no_search_is_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        small_search(**changes)


def test_a_corner_that_cannot_be_trained_is_named() -> None:
    dimensions = [
        make_dimension("conv.filters", [4, 8]),
        make_dimension("conv.kernel_size", [3, VARIABLE_SETTINGS["conv.kernel_size"].high]),
    ]
    # Three convolutions without padding, and a pooling layer between them.
    with pytest.raises(RecipeError, match=r"^Filters 4, Kernel size"):
        make_search(FAST.recipe, dimensions)


def test_a_proposal_waits_for_all_but_those_that_may_go_on_beside_it() -> None:
    one, three = small_search(), small_search(parallel=3)
    assert [one.known_before(number) for number in range(4)] == [0, 1, 2, 3]
    assert [three.known_before(number) for number in range(5)] == [0, 0, 0, 1, 2]


def test_numbers_keep_four_digits_and_stay_inside() -> None:
    assert RATE_BOUNDS.rounded(0.00123456) == 0.001235
    assert RATE_BOUNDS.rounded(0.0999999) == 0.1
    assert make_dimension("batch_size", [16, 64]).rounded(33) == 33
    assert KINDS.rounded("sgd") == "sgd"


def test_a_link_gives_the_same_search_and_never_a_grid() -> None:
    search = small_search(dimensions=[RATE_BOUNDS, KINDS], minutes=2.5, parallel=2)
    decoded = plan_from_link(plan_to_link(search))
    assert isinstance(decoded, Search)
    assert decoded == search
    assert isinstance(plan_from_link(plan_to_link(small_plan())), Plan)


@pytest.mark.parametrize(
    "fields",
    [
        '{"recipe": 3}',
        '{"recipe": "x", "search": []}',
        "[1, 2]",
        "null",
        '{"recipe": "x", "search": 7, "runs": null}',
    ],
)
def test_a_damaged_link_is_said(fields: str) -> None:
    with pytest.raises(RecipeError):
        plan_from_link("1" + pack_text(fields))


def test_bounds_are_suggested_around_the_own_value() -> None:
    recipe = FAST.recipe
    low, high = suggested_bounds(VARIABLE_SETTINGS["optimizer.learning_rate"], recipe)
    own = recipe.optimizer.learning_rate
    assert (low, high) == pytest.approx((own / 10, own * 10))
    for name, setting in VARIABLE_SETTINGS.items():
        if setting.kind != "choice":
            low, high = suggested_bounds(setting, recipe)
            assert setting.low <= low < high <= setting.high, name
            make_dimension(name, [low, high])
