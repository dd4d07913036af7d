"""The digits of a recipe: all, or some, each class in proportion, and those that are left out."""

import numpy as np
import pytest

from core.data import mnist
from core.recipes.advice import training_digit_count, withheld_digit_count
from core.training.digits import labeled_digits, stratified_indices, withheld_digits
from core.training.trainer import split_validation
from tests.conftest import dense_recipe

pytestmark = pytest.mark.usefixtures("only_sample")
LABELS = mnist.load("mnist-sample").train.labels


@pytest.mark.parametrize("size", [100, 1000, 3999])
def test_each_class_keeps_its_share(size: int) -> None:
    chosen = stratified_indices(LABELS, size, seed=3)
    assert len(set(chosen.tolist())) == size
    assert (np.diff(chosen) > 0).all()
    shares = np.bincount(LABELS) * size / len(LABELS)
    assert np.abs(np.bincount(LABELS[chosen], minlength=10) - shares).max() <= 1


def test_the_seed_decides_which_and_more_digits_hold_the_fewer() -> None:
    few, more = (set(stratified_indices(LABELS, size, seed=5).tolist()) for size in (200, 700))
    assert few < more
    assert set(stratified_indices(LABELS, 200, seed=5).tolist()) == few
    assert set(stratified_indices(LABELS, 200, seed=6).tolist()) != few


def test_digits_are_trained_on_or_withheld_never_both() -> None:
    recipe = dense_recipe(train_size=500)
    labeled, withheld = labeled_digits(recipe), withheld_digits(recipe)
    assert (len(labeled), len(withheld)) == (500, 3500)
    everything = np.concatenate([labeled.images, withheld.images])
    hashes = {image.tobytes() for image in everything}
    assert hashes == {image.tobytes() for image in mnist.load("mnist-sample").train.images}
    assert not {image.tobytes() for image in labeled.images} & {
        image.tobytes() for image in withheld.images
    }


@pytest.mark.parametrize("size", [0, 4000, 60_000])
def test_a_size_that_is_not_less_takes_all(size: int) -> None:
    recipe = dense_recipe(train_size=size)
    assert len(labeled_digits(recipe)) == 4000
    assert len(withheld_digits(recipe)) == 0
    assert withheld_digit_count(recipe) == 0


def test_counts_without_loading_are_those_of_the_digits() -> None:
    recipe = dense_recipe(train_size=500, validation_split=0.2)
    fitted, validation = split_validation(labeled_digits(recipe), recipe)
    assert (len(fitted), len(validation or ())) == (400, 100)
    assert training_digit_count(recipe) == 400
    assert withheld_digit_count(recipe) == 3500
    # 59,000 without the sample's test digits.
    assert withheld_digit_count(dense_recipe(dataset="mnist", train_size=1000)) == 58_000
