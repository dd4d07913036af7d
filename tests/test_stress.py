"""Stress tests: what each change does to pictures that can be worked out by hand or by SciPy."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core import datasets, runs
from core.answered import Answered, stored
from core.runs import Network
from core.stress import (
    GREY,
    KINDS,
    NOTHING,
    Kind,
    Stress,
    apply,
    in_words,
    only,
    stressed,
    stressed_digits,
)

Digits = NDArray[np.uint8]
PURAWR = Network(runs.find("purawr"))


def picture(rows: slice, columns: slice, ink: int = 255) -> Digits:
    """One picture with a rectangle of ink, (1, 28, 28)."""
    made = np.zeros((1, 28, 28), np.uint8)
    made[0, rows, columns] = ink
    return made


def test_nothing_gives_the_very_same_pictures(digits: Digits) -> None:
    assert apply(digits, NOTHING) is digits


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_changes_digits_and_leaves_the_given_ones_alone(
    digits: Digits, kind: Kind
) -> None:
    before = digits.copy()
    for value in (kind.values[0], kind.values[-1]):
        if value != kind.nothing:
            after = apply(digits, only(kind.name, value))
            assert after.shape == digits.shape
            assert after.dtype == np.uint8
            assert (after != digits).any(axis=(1, 2)).all()
    assert (digits == before).all()


def test_a_quarter_turn_is_clockwise(digits: Digits) -> None:
    turned = np.rot90(digits, k=-1, axes=(1, 2))
    assert (apply(digits, only("rotation", 90)) == turned).all()


def test_a_shift_goes_right_and_down_by_whole_pixels() -> None:
    corner = picture(slice(10, 13), slice(5, 9))
    assert (apply(corner, Stress(right=3)) == picture(slice(10, 13), slice(8, 12))).all()
    assert (apply(corner, Stress(down=-4)) == picture(slice(6, 9), slice(5, 9))).all()


def test_a_scale_is_a_factor_about_the_middle() -> None:
    block = picture(slice(8, 20), slice(8, 20))
    small = apply(block, Stress(scale=0.5))[0] > 127
    assert (np.flatnonzero(small.any(axis=0)) == np.arange(11, 17)).all()
    large = apply(block, Stress(scale=1.5))[0] > 127
    assert (np.flatnonzero(large.any(axis=1)) == np.arange(5, 23)).all()


def test_blur_is_a_gaussian(digits: Digits) -> None:
    expected = gaussian_filter(digits.astype(float), (0, 1.6, 1.6), mode="constant", truncate=4)
    assert np.abs(apply(digits, Stress(blur=1.6)) - expected).max() < 0.51


def test_noise_has_its_standard_deviation_and_is_the_same_each_time() -> None:
    grey = np.full((40, 28, 28), 128, np.uint8)
    noisy = apply(grey, Stress(noise=20))
    assert noisy.std() == pytest.approx(20, rel=0.03)
    assert noisy.mean() == pytest.approx(128, abs=0.5)
    assert (apply(grey, Stress(noise=20)) == noisy).all()
    assert (noisy[0] != noisy[1]).any()


@pytest.mark.parametrize("pixels", [-2.5, -1, -0.5, 0.5, 1, 2, 2.5])
def test_a_stroke_grows_by_so_many_pixels(pixels: float) -> None:
    stroke = picture(slice(0, 28), slice(12, 16))
    width = apply(stroke, Stress(thickness=pixels))[0, 14].sum() / 255
    assert width == pytest.approx(4 + pixels, abs=0.01)


def test_ink_at_the_edge_does_not_run_into_the_next_digit() -> None:
    two = np.concatenate([picture(slice(0, 28), slice(0, 28)), np.zeros((1, 28, 28), np.uint8)])
    assert not apply(two, Stress(thickness=2.5))[1].any()
    # What lies outside is background: a full picture loses its border.
    thinner = apply(two, Stress(thickness=-2))[0]
    assert (thinner[1:-1, 1:-1] == 255).all()
    assert not thinner[0].any()


def test_a_hundred_percent_is_the_negative_and_half_of_it_grey(digits: Digits) -> None:
    assert (apply(digits, Stress(invert=100)) == 255 - digits).all()
    assert set(np.unique(apply(digits, Stress(invert=50)))) <= {127, 128}
    assert apply(picture(slice(0, 1), slice(0, 1)), Stress(invert=20))[0, 0, 0] == 204
    assert apply(picture(slice(0, 1), slice(0, 1)), Stress(invert=20))[0, 5, 5] == 51


@pytest.mark.parametrize("side", [1, 7, 20, 28])
def test_a_grey_square_covers_a_place_of_its_own(side: int) -> None:
    white = np.full((50, 28, 28), 255, np.uint8)
    covered = apply(white, Stress(occlude=side)) == GREY
    assert (covered.sum(axis=(1, 2)) == side**2).all()
    assert (covered.any(axis=1).sum(axis=1) == side).all()
    assert len({one.tobytes() for one in covered}) > 10 or side == 28
    # A digit's place does not depend on how many others there are.
    assert (apply(white[:3], Stress(occlude=side)) == apply(white, Stress(occlude=side))[:3]).all()


def test_what_is_no_digit_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        apply(np.zeros((2, 28, 28)), Stress(blur=1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="28"):
        apply(np.zeros((2, 20, 20), np.uint8), Stress(blur=1))
    assert apply(np.zeros((0, 28, 28), np.uint8), Stress(blur=1)).shape == (0, 28, 28)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_curve_rises_within_its_slider_and_has_the_place_of_no_change(kind: Kind) -> None:
    assert list(kind.values) == sorted(set(kind.values))
    assert (kind.values[0], kind.values[-1]) == (kind.low, kind.high)
    assert kind.nothing in kind.values
    assert len(kind.values) == 11


def test_the_words_name_what_is_done() -> None:
    assert in_words(NOTHING) == "nothing is changed"
    assert in_words(Stress(rotation=-15, invert=10)) == "rotate −15°, invert 10 %"


def test_without_stress_a_run_answers_as_it_is_stored() -> None:
    found = stressed(PURAWR, NOTHING)
    kept = stored(runs.find("purawr"), "mnist-sample")
    assert (found.labels == kept.labels).all()
    assert np.abs(found.probabilities - kept.probabilities).max() < 1e-3
    assert found.held_out


def test_under_stress_it_reads_the_changed_pictures() -> None:
    turned = stressed(PURAWR, only("rotation", 90))
    images = datasets.load("mnist-sample").test.images
    assert (turned.images == np.rot90(images, k=-1, axes=(1, 2))).all()
    assert turned.right.mean() < 0.3
    assert not turned.images.flags.writeable
    assert not turned.probabilities.flags.writeable
    assert stressed(PURAWR, only("rotation", 90)) is turned
    early = stressed(Network(PURAWR.run, 1), only("rotation", 90))
    assert early.epoch == 1
    assert (early.probabilities != turned.probabilities).any()


def test_a_visitors_own_digits_are_changed_too() -> None:
    sample = datasets.load("mnist-sample").test
    none = np.empty((0, 10), np.float32)
    own = Answered(PURAWR, "mine", sample.images[:5], sample.labels[:5], none, True)
    found = stressed_digits(own, only("right", 4))
    assert (found.images[:, :, 4:] == own.images[:, :, :-4]).all()
    assert found.probabilities.shape == (5, 10)
    assert found.dataset == "mine"
