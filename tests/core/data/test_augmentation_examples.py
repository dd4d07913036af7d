"""The preview shows what training sees: the same maps as the TensorFlow pipeline's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data.augmentation import (
    Augmentation,
    augmented_examples,
    random_draws,
)

Digits = NDArray[np.uint8]


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(rotation=45),
        Augmentation(shear=45),
        Augmentation(width_shift=0.3),
        Augmentation(height_shift=0.3),
        Augmentation(zoom=0.5),
        Augmentation(rotation=20, shear=15, width_shift=0.2, height_shift=0.1, zoom=0.3),
        Augmentation(rotation=45, shear=45, width_shift=0.3, height_shift=0.3, zoom=0.5),
    ],
    ids=str,
)
def test_it_agrees_with_training(digits: Digits, augmentation: Augmentation) -> None:
    tf = pytest.importorskip("tensorflow")
    from core.training.input_pipeline import augment

    seed = tf.constant([3, 4])
    seen = augment(tf.cast(digits, tf.float32)[..., None], augmentation, seed).numpy()[..., 0]
    draws = tf.random.stateless_uniform([6, len(digits)], seed, -1.0, 1.0).numpy()
    shown = augmented_examples(digits, augmentation, draws.astype(np.float64))
    assert shown.dtype == np.uint8
    assert np.abs(shown.astype(np.float32) - seen).max() <= 1
    assert (shown != digits).any()


def test_nothing_is_changed_where_nothing_is_asked_for(digits: Digits) -> None:
    shown = augmented_examples(digits, Augmentation(), random_draws(len(digits), 1))
    assert np.array_equal(shown, digits)


def test_a_shift_of_whole_pixels_by_hand(digits: Digits) -> None:
    # 0.25 of 28 pixels are 7. A draw of 1 reads 7 rows further down: the digit moves up.
    draws = np.zeros((6, len(digits)))
    draws[2] = 1
    shown = augmented_examples(digits, Augmentation(height_shift=0.25), draws)
    assert np.array_equal(shown[:, :21], digits[:, 7:])
    assert not shown[:, 21:].any()


def test_draws_are_repeatable_and_within_their_range() -> None:
    draws = random_draws(1000, 5)
    assert draws.shape == (6, 1000)
    assert -1 <= draws.min() < -0.99
    assert 0.99 < draws.max() < 1
    assert np.array_equal(draws, random_draws(1000, 5))
    assert not np.array_equal(draws, random_draws(1000, 6))
