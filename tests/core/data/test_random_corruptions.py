"""Random warps and corruptions of training digits."""

import numpy as np
import pytest

from core.data.augmentation import displacement_fields, elastic_warp
from core.data.mnist import load
from core.data.random_corruptions import _KINDS, change_at_random

DIGITS = load("mnist-sample").train.images[:200].astype(np.float32)


def changed(warp: float = 0.0, corruptions: float = 0.0, seed: int = 0) -> np.ndarray:
    return change_at_random(DIGITS, warp, corruptions, np.random.default_rng(seed))


def test_nothing_changes_if_nothing_is_asked_for() -> None:
    np.testing.assert_allclose(changed(), DIGITS, atol=1e-3)


def test_about_the_asked_share_of_the_digits_is_corrupted() -> None:
    corrupted = np.abs(changed(corruptions=0.3) - DIGITS).max(axis=(1, 2)) > 1
    assert 0.2 < corrupted.mean() < 0.4


def test_the_same_seed_gives_the_same_digits() -> None:
    assert (changed(20, 1, seed=3) == changed(20, 1, seed=3)).all()
    assert (changed(20, 1, seed=3) != changed(20, 1, seed=4)).any()


def test_all_stays_on_the_gray_scale() -> None:
    many = changed(60, 1)
    assert many.dtype == np.float32
    assert many.min() >= 0
    assert many.max() <= 255


def test_a_warp_moves_ink_and_keeps_its_amount() -> None:
    warped = changed(warp=34)
    assert np.abs(warped - DIGITS).mean() > 3
    assert warped.mean() == pytest.approx(DIGITS.mean(), rel=0.03)


def test_a_warp_is_as_strong_as_that_of_the_playground() -> None:
    generator = np.random.default_rng(1)
    moves = [displacement_fields(generator.uniform(-1, 1, (2, 28, 28)), 17, 4) for _ in DIGITS]
    shown = [elastic_warp(digit, move) for digit, move in zip(DIGITS, moves, strict=True)]
    # A training draws alpha from 0 to 34, so 17 on average.
    by_training = np.abs(changed(warp=34) - DIGITS).mean()
    assert by_training == pytest.approx(np.abs(np.stack(shown) - DIGITS).mean(), rel=0.2)


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.__name__.strip("_"))
def test_every_kind_leaves_a_digit_that_resembles_itself(kind: object) -> None:
    """Each picture is nearer to its own digit than to most others, or to its negative's outline."""
    assert callable(kind)
    generator = np.random.default_rng(5)
    light = DIGITS[:60] / 255
    corrupted = np.stack([np.clip(kind(digit, generator), 0, 1) for digit in light])
    assert np.abs(corrupted - light).max(axis=(1, 2)).min() > 0
    # Edges are where they were: of all digits, the own one's edges fit best.
    own = [_correlation(_edges(a), _edges(b)) for a, b in zip(corrupted, light, strict=True)]
    others = [_correlation(_edges(corrupted[k]), _edges(light[(k + 7) % 60])) for k in range(60)]
    assert np.mean(own) > np.mean(others) + 0.1


def _edges(digit: np.ndarray) -> np.ndarray:
    down, right = np.gradient(digit)
    return np.hypot(down, right).ravel()


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])
