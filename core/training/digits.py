"""The digits that a recipe trains on: all training digits of its dataset, or some of them."""

import numpy as np
from numpy.typing import NDArray

from core.data import mnist
from core.data.mnist import Split
from core.recipes.recipe import Recipe


def labeled_digits(recipe: Recipe) -> Split:
    """The training digits of a recipe with their labels, before any are set aside to validate on.

    Raises:
        DatasetError: the dataset is not there.
    """
    digits = _training_split(recipe)
    if not 0 < recipe.train_size < len(digits):
        return digits
    return digits.take(stratified_indices(digits.labels, recipe.train_size, recipe.seed))


def withheld_digits(recipe: Recipe) -> Split:
    """The training digits that a recipe does not use; none if it takes all.

    Raises:
        DatasetError: the dataset is not there.
    """
    digits = _training_split(recipe)
    if not 0 < recipe.train_size < len(digits):
        return digits.take(slice(0))
    used = stratified_indices(digits.labels, recipe.train_size, recipe.seed)
    return digits.take(np.setdiff1d(np.arange(len(digits)), used))


def _training_split(recipe: Recipe) -> Split:
    return mnist.training_split(recipe.dataset, exclude_sample_test=recipe.exclude_sample_test)


def stratified_indices(labels: NDArray[np.uint8], size: int, seed: int) -> NDArray[np.intp]:
    """Choose digits at random, each class in proportion.

    Args:
        labels: 0 to 9, (n,).
        size: how many are chosen, at most n.
        seed: decides which; the digits of a smaller choice are among those of a larger one.

    Returns:
        Their indices, rising, (size,).

    Example:
        >>> stratified_indices(np.array([0, 0, 0, 0, 1, 1], np.uint8), 3, seed=0)
        array([2, 3, 5])
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    # The place of each digit among those of its class, in random order, as a part of the class.
    place = np.empty(len(labels))
    for digit in range(10):
        members = order[labels[order] == digit]
        place[members] = (np.arange(len(members)) + 0.5) / max(len(members), 1)
    return np.sort(np.argsort(place, kind="stable")[:size])
