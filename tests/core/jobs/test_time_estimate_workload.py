"""The work of a training step, counted by hand, and what a unit of it takes, found from times."""

import numpy as np
import pytest

from core.data.augmentation import Augmentation
from core.jobs.time_estimate import (
    LAYER_WORK_KINDS,
    TYPICAL_COSTS,
    fit_costs,
    inference_work,
    training_step_work,
)
from core.recipes.architecture import BatchNorm, Conv, Dense, Dropout, Flatten, Pool
from core.recipes.presets import PRESETS
from core.recipes.recipe import Recipe
from tests.conftest import conv_recipe, dense_recipe


def network(*layers: object, **changes: object) -> Recipe:
    last = Dense(units=10, activation="softmax")
    return conv_recipe(architecture={"layers": [*layers, last]}, **changes)


def test_multiply_adds_by_hand() -> None:
    work = inference_work(network(Conv(filters=8), Pool(), Conv(filters=32), Flatten()))
    # 26×26 places, 9 taps, one channel in; the 8 filters take a block of 16; forwards, and the
    # kernel's gradient.
    assert work["first"] == 2 * 26 * 26 * 9 * 16
    # 11×11 places, 9 taps; the 8 channels take a block of 16; forwards and both gradients.
    assert work["multiply"] == 3 * 11 * 11 * 9 * 16 * 32
    assert work["dense"] == 3 * (11 * 11 * 32) * 10
    # Each convolution's input and output (in blocks of 16), its ReLU, and what the pool reads.
    assert work["touched"] == (784 + 676 * 16 + 5408) + 5408 + (1352 + 2 * 3872)


def test_the_picture_needs_no_gradient() -> None:
    assert inference_work(dense_recipe())["dense"] == 2 * 784 * 10


def test_a_step_has_a_batch_of_digits_and_one_update() -> None:
    recipe = network(Flatten(), BatchNorm(), Dropout(), batch_size=100)
    work = training_step_work(recipe)
    assert work["norm"] == work["dropout"] == 100 * 784
    assert work["weight"] == recipe.architecture.parameters == 4 * 784 + 7850
    assert work["augmented"] == 0
    augmented = recipe.changed(augmentation=Augmentation(rotation=5))
    assert training_step_work(augmented)["augmented"] == 100


# --- the fit --------------------------------------------------------------------------------------


def test_costs_are_found_again() -> None:
    # A machine 3 times slower than the typical one, at dense layers 6 times.
    true = {kind: 3 * cost for kind, cost in TYPICAL_COSTS.items()}
    true["dense"] *= 2
    recipes = [preset.recipe for preset in PRESETS.values()]
    recipes += [network(Flatten(), Dense(units=900), batch_size=size) for size in (32, 256)]
    works = [training_step_work(recipe) for recipe in recipes]
    times = [sum(true[kind] * work[kind] for kind in LAYER_WORK_KINDS) for work in works]
    costs = fit_costs(works, times)
    again = [sum(costs[kind] * work[kind] for kind in LAYER_WORK_KINDS) for work in works]
    np.testing.assert_allclose(again, times, rtol=0.1)
    assert (
        costs["dense"] / costs["multiply"]
        > 1.6 * TYPICAL_COSTS["dense"] / TYPICAL_COSTS["multiply"]
    )


def test_nothing_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fit_costs([], [])
