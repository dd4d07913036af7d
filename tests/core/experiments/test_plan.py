"""Plans: what is trained, in which order, and what is refused."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.experiments.links import plan_from_link, plan_to_link
from core.experiments.plan import (
    combinations_of,
    make_factor,
    make_plan,
)
from core.experiments.settings import VARIABLE_SETTINGS, suggested_values, value_in
from core.recipes.architecture import Architecture, Conv, Dense, Dropout, Flatten
from core.recipes.descriptions import GLOSSARY
from core.recipes.presets import PRESETS
from core.utils.compact_text import pack_text
from core.utils.errors import RecipeError
from tests.conftest import conv_recipe, dense_recipe

FAST = PRESETS["fast"].on("mnist-sample")


def test_each_combination_comes_with_a_seed_before_any_comes_with_the_next() -> None:
    rates = make_factor("optimizer.learning_rate", ["0.001", 0.01])
    filters = make_factor("conv.filters", [8, 16])
    plan = make_plan(conv_recipe(seed=7), [rates, filters], seeds=3)
    trained = [
        (trial.recipe.optimizer.learning_rate, trial.recipe.architecture.layers[0].filters)
        for trial in plan.all_trials()
    ]
    grid = [(0.001, 8), (0.001, 16), (0.01, 8), (0.01, 16)]
    assert trained == grid * 3
    assert [trial.recipe.seed for trial in plan.all_trials()] == [7] * 4 + [8] * 4 + [9] * 4
    assert plan.describe() == "4 combinations × 3 seeds = 12 trainings"
    # Nothing else was changed.
    assert plan.trial(0).recipe.changed(
        optimizer=conv_recipe().optimizer, architecture=conv_recipe().architecture
    ) == conv_recipe(seed=7)


def test_more_seeds_leave_the_trainings_that_are_there_in_their_places() -> None:
    rates = make_factor("optimizer.learning_rate", [0.001, 0.01])
    few, more = (make_plan(dense_recipe(), [rates], seeds) for seeds in (2, 5))
    recipes = [[trial.recipe for trial in plan.all_trials()] for plan in (few, more)]
    assert recipes[1][:4] == recipes[0]


def test_a_plan_without_settings_repeats_the_recipe() -> None:
    plan = make_plan(dense_recipe(seed=3), seeds=4)
    assert [trial.recipe for trial in plan.all_trials()] == [
        dense_recipe(seed=seed) for seed in (3, 4, 5, 6)
    ]
    assert plan.describe() == "one recipe × 4 seeds = 4 trainings"


@pytest.mark.parametrize("name", VARIABLE_SETTINGS)
def test_each_setting_can_be_varied_and_is_the_only_one_that_changes(name: str) -> None:
    setting = VARIABLE_SETTINGS[name]
    layers = (Conv(filters=8), Dropout(rate=0.5), Flatten(), Dense(units=10, activation="softmax"))
    recipe = conv_recipe(
        architecture=Architecture(layers=layers), loss="categorical_crossentropy", train_size=500
    )
    before = value_in(recipe, name)
    middle = {"train_size": 1000, "batch_size": 32}.get(name)
    wanted = middle or (setting.choices[-1] if setting.choices else setting.high)
    changed = setting.applied(recipe, setting.checked(wanted))
    assert value_in(changed, name) == wanted != before
    assert setting.applied(changed, before) == recipe
    assert name in GLOSSARY


NOT_A_PLAN = [
    (lambda: make_plan(FAST, seeds=1), "nothing varies"),
    (lambda: make_plan(FAST, seeds=51), "1 to 50 seeds, not 51"),
    (lambda: make_plan(FAST, seeds=0), "1 to 50 seeds, not 0"),
    (lambda: make_factor("epochs", []), "no values to try"),
    (lambda: make_factor("epochs", [5, "5"]), "a value is there twice"),
    (lambda: make_factor("epochs", ["1.5"]), "write a whole number"),
    (lambda: make_factor("epochs", [math.nan]), "write a whole number"),
    (lambda: make_factor("epochs", [True]), "write a whole number"),
    (lambda: make_factor("epochs", ["1e999"]), "write a whole number"),
    (lambda: make_factor("epochs", [51]), "from 1 to 50"),
    (lambda: make_factor("optimizer.kind", ["adamw"]), "choose from adam, rmsprop, sgd"),
    (lambda: make_factor("seed", [1]), "is no setting that can be varied"),
    (
        lambda: make_plan(
            FAST,
            [make_factor("epochs", range(1, 51)), make_factor("batch_size", range(8, 58))],
            4,
        ),
        "these are 10,000 trainings, and 1,000 are the most",
    ),
    (
        lambda: make_plan(FAST, [make_factor("epochs", [1]), make_factor("epochs", [2])]),
        "a setting is varied twice",
    ),
    (
        lambda: make_plan(FAST, [make_factor("epochs", [k, k + 1]) for k in (1, 3, 5, 7)]),
        "At most 3 settings",
    ),
    (
        lambda: make_plan(FAST, [make_factor("optimizer.momentum", [0, 0.9])]),
        "“Momentum 0” and “Momentum 0.9” train the very same network",
    ),
    (
        lambda: make_plan(dense_recipe(), [make_factor("conv.filters", [8, 16])]),
        "no convolution",
    ),
    (
        lambda: make_plan(dense_recipe(), [make_factor("dropout.rate", [0, 0.5])]),
        "no dropout layer",
    ),
    (lambda: make_plan(FAST.changed(seed=2**31 - 2), seeds=3), "begin with a smaller seed"),
    (  # one corner of the grid only
        lambda: make_plan(
            FAST,
            [
                make_factor("augmentation.adversarial", [0, 0.1]),
                make_factor("scaling", ["divide-255", "l2-axis-1"]),
            ],
        ),
        "Adversarial push 0.1, Pixel scaling l2-axis-1: The recipe cannot be used",
    ),
]


@pytest.mark.parametrize(("make", "words"), NOT_A_PLAN)
def test_what_is_no_plan_is_refused_in_a_sentence(make: object, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        make()
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_link_gives_the_same_plan() -> None:
    rates = make_factor("optimizer.learning_rate", [0.001, 0.01])
    kinds = make_factor("optimizer.kind", ["adam", "sgd"])
    plan = make_plan(FAST, [rates, kinds], seeds=2)
    link = plan_to_link(plan)
    assert plan_from_link(link) == plan
    assert combinations_of(plan_from_link(link)) == combinations_of(plan)
    assert link.isascii()
    assert link.replace("-", "").replace("_", "").isalnum()
    with pytest.raises(RecipeError, match="Copy the whole link again"):
        plan_from_link(link[:-9])


@given(st.text(max_size=60))
def test_no_link_whatever_breaks_the_page(text: str) -> None:
    for damaged in (text, f"1{text}", f"1{pack_text(text)}"):
        with pytest.raises(RecipeError):
            plan_from_link(damaged)


@pytest.mark.parametrize(
    "fields", [[], {"recipe": 1}, {"recipe": "1", "factors": [[]], "seeds": 2}, {"seeds": "x"}]
)
def test_a_link_that_was_changed_by_hand_is_refused(fields: object) -> None:
    with pytest.raises(RecipeError):
        plan_from_link("1" + pack_text(json.dumps(fields)))


def test_suggested_values_lie_around_the_recipes_own() -> None:
    for name, setting in VARIABLE_SETTINGS.items():
        if setting.choices:
            continue
        values = suggested_values(setting, FAST)
        assert values == [setting.checked(value) for value in values], name
        assert len(values) >= 2, name
