"""Recipes: one JSON form, bounds with sentences, the schedule by hand, the presets as published."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.data.augmentation import Augmentation
from core.recipes.presets import PRESETS, find_preset
from core.recipes.recipe import Optimizer, Recipe, Schedule
from core.utils.errors import RecipeError
from tests.conftest import dense_recipe

TUTORIALS = ["soorya", "yalcin", "kundathil", "purawr", "katariya"]


def json_with(**changes: object) -> str:
    return json.dumps({**json.loads(dense_recipe().to_json()), **changes})


@pytest.mark.parametrize("name", PRESETS)
def test_json_round_trip_of_every_preset(name: str) -> None:
    recipe = PRESETS[name].recipe
    text = recipe.to_json()
    assert Recipe.from_json(text) == recipe
    assert json.loads(text)["epochs"] == recipe.epochs


@given(
    epochs=st.integers(1, 50),
    seed=st.integers(0, 2**31 - 1),
    rate=st.floats(1e-6, 1.0),
    split=st.floats(0, 0.5),
    shear=st.floats(0, 45),
)
def test_json_round_trip_of_any_numbers(
    epochs: int, seed: int, rate: float, split: float, shear: float
) -> None:
    recipe = dense_recipe(
        epochs=epochs,
        seed=seed,
        validation_split=split,
        optimizer=Optimizer(learning_rate=rate),
        augmentation=Augmentation(shear=shear),
    )
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("epochs", [0, 51])
def test_epochs_out_of_bounds_are_a_sentence(epochs: int) -> None:
    for ask in (
        lambda: Recipe.from_json(json_with(epochs=epochs)),
        lambda: dense_recipe().changed(epochs=epochs),
    ):
        with pytest.raises(RecipeError, match=rf"epochs is {epochs}: .* (1|50)\.$"):
            ask()


@pytest.mark.parametrize("epochs", [1, 50])
def test_epochs_at_the_bounds_are_taken(epochs: int) -> None:
    assert dense_recipe(epochs=epochs).epochs == epochs


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"epochs": "many"}, r"epochs is 'many': "),
        ({"dataset": "emnist"}, r"dataset is 'emnist': .*'mnist' or 'mnist-sample'"),
        ({"scaling": "none"}, r"scaling is 'none': "),
        ({"momentum": 0.9}, "momentum is no setting of a recipe"),
        ({"optimizer": {"kind": "adam", "nesterov": True}}, r"optimizer\.nesterov is no setting"),
        ({"optimizer": {"learning_rate": math.nan}}, r"learning_rate is nan: it must be a number"),
        ({"optimizer": {"learning_rate": 2}}, r"learning_rate is 2: it must be at most 1"),
        ({"epochs": 2.5}, r"epochs is 2\.5: it must be a whole number"),
        ({"keep_best": "maybe"}, r"keep_best is 'maybe': it must be true or false"),
        ({"optimizer": 3}, r"optimizer is 3: it must be a group of settings with their names"),
        ({"architecture": {}}, r"architecture\.layers: this setting is missing"),
        ({"architecture": {"layers": 3}}, r"architecture\.layers is 3: it must be a list"),
        ({"architecture": {"layers": []}}, "at least 2 layers: add a flatten"),
        ({"architecture": {"layers": [{}, {}]}}, "a layer needs its kind"),
        (
            {"architecture": {"layers": [{"kind": "lstm"}, {}]}},
            "no layer of the kind 'lstm'; the kinds are 'conv', ",
        ),
        ({"augmentation": {"rotation": 46}}, r"augmentation\.rotation is 46: .*45"),
        ({"seed": -1}, r"seed is -1: "),
        ({"seed": 2**31}, r"seed is 2147483648: "),
        ({"architecture": {"layers": [{"kind": "flatten"}, {"kind": "pool"}]}}, "layer 2 "),
        ({"architecture": None}, r"architecture is None: "),
    ],
)
def test_faults_name_the_field_and_the_value(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(RecipeError, match=rf"^The recipe cannot be used: .*{expected}") as caught:
        Recipe.from_json(json_with(**changes))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    for word in ("Input", "input", "tuple", "Tuple", "dictionary", "pydantic"):
        assert word not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"text"', "{}", b"\xff\xfe", "{" * 5000])
def test_what_is_no_recipe_is_one_short_sentence(text: str | bytes) -> None:
    with pytest.raises(RecipeError, match="The recipe cannot be used") as caught:
        Recipe.from_json(text)
    assert len(str(caught.value)) < 300


def test_long_values_are_cut_short_in_the_sentence() -> None:
    layers = [{"kind": "flatten"}] * 500
    with pytest.raises(RecipeError, match="at most 40") as caught:
        Recipe.from_json(json_with(architecture={"layers": layers}))
    assert len(str(caught.value)) < 400


BOUNDS = [
    ("batch_size", 8, 512, 1),
    ("validation_split", 0, 0.5, 0.01),
    ("seed", 0, 2**31 - 1, 1),
    ("label_smoothing", 0, 0.3, 0.01),
]
PART_BOUNDS = [
    (Optimizer, "learning_rate", 1e-6, 1.0, 1e-7),
    (Optimizer, "beta_2", 0.9, 0.9999, 1e-5),
    (Optimizer, "momentum", 0.0, 0.99, 1e-3),
    (Optimizer, "weight_decay", 0.0, 0.2, 1e-3),
    (Schedule, "warmup", 0.0, 0.9, 1e-3),
    (Augmentation, "rotation", 0, 45, 1),
    (Augmentation, "width_shift", 0, 0.3, 0.01),
    (Augmentation, "height_shift", 0, 0.3, 0.01),
    (Augmentation, "shear", 0, 45, 1),
    (Augmentation, "zoom", 0, 0.5, 0.01),
]


@pytest.mark.parametrize(("name", "low", "high", "step"), BOUNDS)
def test_fields_are_bounded(name: str, low: float, high: float, step: float) -> None:
    base = dense_recipe(loss="categorical_crossentropy")
    for value in (low, high):
        assert getattr(base.changed(**{name: value}), name) == value
    for value in (low - step, high + step):
        with pytest.raises(RecipeError, match=f"{name} is "):
            base.changed(**{name: value})


@pytest.mark.parametrize(("part", "name", "low", "high", "step"), PART_BOUNDS)
def test_fields_of_parts_are_bounded(
    part: Any, name: str, low: float, high: float, step: float
) -> None:
    for value in (low, high):
        assert getattr(part(**{name: value}), name) == value
    for value in (low - step, high + step):
        with pytest.raises(ValidationError, match=name):
            part(**{name: value})


def test_label_smoothing_needs_one_hot_labels() -> None:
    with pytest.raises(RecipeError, match="label_smoothing needs the loss categorical"):
        dense_recipe(label_smoothing=0.1)
    assert dense_recipe(label_smoothing=0.1, loss="categorical_crossentropy").label_smoothing == 0.1


def test_validation_is_either_split_off_or_the_test_digits() -> None:
    with pytest.raises(RecipeError, match="choose one of validation_split and validate_on_test"):
        dense_recipe(validation_split=0.1, validate_on_test=True)


def test_recipes_cannot_be_changed_in_place() -> None:
    recipe = dense_recipe()
    with pytest.raises(ValidationError, match="frozen"):
        recipe.epochs = 3  # type: ignore[misc]
    assert recipe.changed(epochs=3).epochs == 3
    assert recipe.epochs == 1


def test_one_cycle_by_hand() -> None:
    schedule = Schedule(kind="one-cycle", warmup=0.5)
    # 101 steps: step 50 is exactly half way, where the climb ends.
    assert schedule.at(0, 101, 0.01) == pytest.approx(0.0004)  # 4 % of the peak
    assert schedule.at(25, 101, 0.01) == pytest.approx(0.0052)  # half way between 4 % and 100 %
    assert schedule.at(50, 101, 0.01) == pytest.approx(0.01)
    # On the cosine's way down from 100 % to 0.05 %: a quarter, a half, and the end of it.
    assert schedule.at(75, 101, 0.01) == pytest.approx((0.0005 + 0.9995 / 2) * 0.01)
    assert schedule.at(100, 101, 0.01) == pytest.approx(0.000005)


def test_constant_schedule_is_constant() -> None:
    assert {Schedule().at(step, 10, 0.02) for step in range(10)} == {0.02}


@given(st.floats(0, 0.9), st.integers(1, 400), st.floats(1e-6, 1))
def test_one_cycle_rises_once_then_falls_and_never_passes_the_peak(
    warmup: float, steps: int, peak: float
) -> None:
    schedule = Schedule(kind="one-cycle", warmup=warmup)
    rates = [schedule.at(step, steps, peak) for step in range(steps)]
    assert min(rates) > 0
    assert max(rates) <= peak * (1 + 1e-12)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_augmentation_is_active_only_if_something_changes() -> None:
    assert not Augmentation().active
    for name in Augmentation.model_fields:
        assert Augmentation(**{name: 0.1}).active


# scaling, loss, optimizer, batch, smaller last batch dropped, epochs, validation split, validated
# on the test digits
PUBLISHED: dict[str, tuple[object, ...]] = {
    "soorya": ("l2-axis-1", "sparse_categorical_crossentropy", "adam", 32, False, 5, 0.3, False),
    "yalcin": ("divide-255", "sparse_categorical_crossentropy", "adam", 32, False, 10, 0, False),
    "kundathil": ("divide-255", "categorical_crossentropy", "rmsprop", 32, False, 2, 0, False),
    "purawr": ("divide-255", "sparse_categorical_crossentropy", "adam", 32, False, 10, 0, False),
    "katariya": ("divide-255", "categorical_crossentropy", "adam", 64, True, 5, 0, True),
}


@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorials_are_trained_as_published(name: str) -> None:
    recipe = PRESETS[name].recipe
    settings = (
        recipe.scaling,
        recipe.loss,
        recipe.optimizer.kind,
        recipe.batch_size,
        recipe.drop_remainder,
        recipe.epochs,
        recipe.validation_split,
        recipe.validate_on_test,
    )
    assert settings == PUBLISHED[name]
    # None of the five sets a learning rate, a schedule or smooths labels: Keras's defaults hold.
    assert recipe.optimizer.learning_rate == 0.001
    assert recipe.schedule.kind == "constant"
    assert recipe.label_smoothing == 0


def test_yalcins_convolution_is_linear() -> None:
    convolution = PRESETS["yalcin"].recipe.architecture.layers[0]
    assert convolution.model_dump() == {
        "kind": "conv",
        "filters": 28,
        "kernel_size": 3,
        "padding": "valid",
        "activation": "linear",
        "use_bias": True,
    }


def test_katariya_has_no_batch_norm_and_its_twin_has() -> None:
    kinds = {
        name: [layer.kind for layer in PRESETS[name].recipe.architecture.layers]
        for name in ("katariya", "katariya-batchnorm")
    }
    assert "batch-norm" not in kinds["katariya"]
    assert kinds["katariya-batchnorm"].count("batch-norm") == 5
    same = {"architecture": None}
    plain, normalized = (PRESETS[name].recipe.model_dump() | same for name in kinds)
    assert plain == normalized


def test_katariyas_epoch_leaves_out_the_last_32_digits() -> None:
    recipe = PRESETS["katariya"].recipe
    assert recipe.steps_per_epoch(60_000) == 937  # 60,000 // 64, as the author's listing has it
    assert recipe.changed(drop_remainder=False).steps_per_epoch(60_000) == 938
    assert recipe.steps_per_epoch(64) == 1
    assert recipe.steps_per_epoch(20) == 1  # no epoch without a step


@pytest.mark.parametrize("size", [1, 99])
def test_too_few_training_digits_are_refused(size: int) -> None:
    with pytest.raises(RecipeError, match="must be 0, which takes all digits, or at least 100"):
        dense_recipe(train_size=size)


def test_only_katariya_augments_among_the_tutorials() -> None:
    active = [name for name in TUTORIALS if PRESETS[name].recipe.augmentation.active]
    assert active == ["katariya"]
    augmentation = PRESETS["katariya"].recipe.augmentation.model_dump()
    assert augmentation == {
        "rotation": 8,
        "width_shift": 0.08,
        "height_shift": 0.08,
        "shear": 0.3,
        "zoom": 0.08,
        "warp": 0,
        "pens": 0,
        "corruptions": 0,
        "adversarial": 0,
    }


def test_every_preset_keeps_the_samples_test_digits_out() -> None:
    for wanted in PRESETS.values():
        assert wanted.recipe.dataset == "mnist"
        assert wanted.recipe.exclude_sample_test


def test_tutorials_name_their_authors_and_ours_do_not() -> None:
    assert {name for name, wanted in PRESETS.items() if wanted.tutorial} == set(TUTORIALS)
    assert find_preset("katariya").tutorial.author == "Yash Katariya"  # type: ignore[union-attr]
    assert "99.55 %" in find_preset("katariya").tutorial.figure  # type: ignore[union-attr]


def test_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"no preset 'resnet'.*fast, best, sturdy, soorya"):
        find_preset("resnet")
