"""Cautions: each rule on a recipe that deserves it, and the near miss where it must be silent."""

import pytest

from core.data.augmentation import Augmentation
from core.recipes import advice
from core.recipes.architecture import Conv, Pool
from core.recipes.presets import find_preset
from tests.helpers.made_recipes import CYCLE, NORMED, SMALL, cautions, rated, recipe


def test_a_sound_recipe_gets_no_caution():
    assert cautions(recipe()) == {}


@pytest.mark.parametrize("name", ["fast", "best"])
def test_our_own_presets_get_no_caution_on_mnist(name: str):
    assert cautions(find_preset(name).recipe) == {}


def test_what_a_newcomer_starts_from_gets_no_caution() -> None:
    assert cautions(find_preset("fast").on("mnist-sample"), 3800) == {}


def test_what_trains_too_short_reads_is_advice_that_silences_it() -> None:
    start = find_preset("fast").on("mnist-sample").changed(epochs=2)
    (caution,) = cautions(start, 3800).values()
    assert caution.mild
    assert "5 epochs" in caution.sentence
    assert cautions(start.changed(epochs=4), 3800)
    assert cautions(start.changed(epochs=5), 3800) == {}


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("soorya", set()),
        ("yalcin", {"validation_split"}),
        ("kundathil", {"validation_split"}),
        ("purawr", {"layer 4", "validation_split"}),
        ("katariya", {"validate_on_test"}),
        ("katariya-batchnorm", {"layer 1", "validate_on_test"}),
    ],
)
def test_tutorials_get_those_that_they_deserve(name: str, about: set[str]):
    assert set(cautions(find_preset(name).recipe)) == about


def test_many_parameters_are_counted_by_the_digit():
    layers = find_preset("kundathil").recipe.architecture.layers
    warnings = cautions(recipe(*layers, validation_split=0.1), 4000)
    sentence = warnings["architecture"].sentence
    assert "591,786 parameters for 4,000 digits: 148 a digit" in sentence
    assert not warnings["architecture"].mild
    assert cautions(recipe(*layers), 59_000) == {}


def test_dropout_or_augmentation_makes_it_milder():
    dropout = cautions(recipe(*find_preset("yalcin").recipe.architecture.layers))
    assert dropout["architecture"].mild
    layers = find_preset("kundathil").recipe.architecture.layers
    augmented = recipe(*layers, augmentation=Augmentation(rotation=10))
    assert cautions(augmented)["architecture"].mild


@pytest.mark.parametrize(
    ("changes", "n_train", "word"),
    [
        ({"batch_size": 512}, 500, "more than all 500 digits"),
        ({"batch_size": 512}, 512, "only 4 times"),
        ({"batch_size": 512}, 6144, "only 48 times"),
        ({"batch_size": 512}, 6145, ""),
    ],
)
def test_few_steps(changes: dict[str, object], n_train: int, word: str):
    warnings = cautions(recipe(Pool(size=4), *SMALL, **changes), n_train)
    assert set(warnings) == ({"batch_size"} if word else set())
    assert not word or word in warnings["batch_size"].sentence


def test_batch_norm_needs_more_steps_than_others():
    # 3,600 digits in batches of 64 are 57 steps an epoch.
    caution = cautions(recipe(*NORMED, epochs=3))["batch_size"]
    assert "some 200 steps, and this training has 171" in caution.sentence
    assert "4 epochs, or smaller batches" in caution.sentence
    assert caution.mild
    assert cautions(recipe(*NORMED, epochs=4)) == {}
    assert cautions(recipe(epochs=3)) == {}


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"rotation": 31}, "rotation"),
        ({"rotation": 30}, ""),
        ({"shear": 40}, "shear"),
        ({"shear": 30}, ""),
        ({"width_shift": 0.25}, "width_shift"),
        ({"height_shift": 0.25}, "height_shift"),
        ({"width_shift": 0.2, "height_shift": 0.2}, ""),
        ({"zoom": 0.4}, "zoom"),
        ({"zoom": 0.3}, ""),
        ({"zoom": 0.2, "width_shift": 0.15}, "zoom"),
    ],
)
def test_augmentation_that_goes_too_far(changes: dict[str, float], about: str):
    warnings = cautions(recipe(augmentation=Augmentation.model_validate(changes)))
    assert set(warnings) == ({f"augmentation.{about}"} if about else set())


def test_without_validation_nothing_shows_memorizing():
    warnings = cautions(recipe(validation_split=0))
    assert set(warnings) == {"validation_split"}
    assert warnings["validation_split"].mild


def test_choosing_by_the_test_digits_is_told_and_graver_if_the_run_does_it_itself():
    on_test = {"validation_split": 0, "validate_on_test": True}
    settings = cautions(recipe(**on_test))["validate_on_test"]
    assert settings.mild
    assert "better than it would on new digits" in settings.sentence
    epoch = cautions(recipe(**on_test, keep_best=True))["validate_on_test"]
    assert not epoch.mild
    assert "the epoch is chosen" in epoch.sentence


def test_early_stopping_that_cannot_or_should_not_act():
    assert "never end anything" in cautions(recipe(early_stopping=4))["early_stopping"].sentence
    assert cautions(recipe(early_stopping=3)) == {}
    cut = cautions(recipe(early_stopping=2, **CYCLE))["early_stopping"]
    assert "one-cycle" in cut.sentence


def test_the_grave_ones_come_first():
    needless_bias = (Conv(filters=4, activation="linear"), *NORMED[1:])
    warnings = advice.recipe_warnings(recipe(*needless_bias, **rated("adam", 1.0)), 4000)
    assert [caution.about for caution in warnings] == ["optimizer.learning_rate", "layer 1"]
