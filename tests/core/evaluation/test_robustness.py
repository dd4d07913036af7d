"""Stress tests: what each change does to pictures that can be worked out by hand or by SciPy."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.data import mnist
from core.data.corruptions import (
    CORRUPTIONS,
    GRAY,
    NO_CORRUPTION,
    Corruption,
    CorruptionParameter,
    corrupt,
    describe_corruption,
    single_corruption,
)
from core.evaluation.robustness import corrupted_digits, corrupted_predictions
from core.runs import registry
from core.runs.predictions import Predictions, load_predictions
from core.runs.run import Network

Digits = NDArray[np.uint8]
PURAWR = Network(registry.find_run("purawr"))


def picture(rows: slice, columns: slice, ink: int = 255) -> Digits:
    """One picture with a rectangle of ink, (1, 28, 28)."""
    made = np.zeros((1, 28, 28), np.uint8)
    made[0, rows, columns] = ink
    return made


def test_nothing_gives_the_very_same_pictures(digits: Digits) -> None:
    assert corrupt(digits, NO_CORRUPTION) is digits


@pytest.mark.parametrize("kind", CORRUPTIONS, ids=lambda kind: kind.name)
def test_every_kind_changes_digits_and_leaves_the_given_ones_alone(
    digits: Digits, kind: CorruptionParameter
) -> None:
    before = digits.copy()
    for value in (kind.values[0], kind.values[-1]):
        if value != kind.neutral:
            after = corrupt(digits, single_corruption(kind.name, value))
            assert after.shape == digits.shape
            assert after.dtype == np.uint8
            assert (after != digits).any(axis=(1, 2)).all()
    assert (digits == before).all()


def test_a_quarter_turn_is_clockwise(digits: Digits) -> None:
    turned = np.rot90(digits, k=-1, axes=(1, 2))
    assert (corrupt(digits, single_corruption("rotation", 90)) == turned).all()


def test_a_shift_goes_right_and_down_by_whole_pixels() -> None:
    corner = picture(slice(10, 13), slice(5, 9))
    assert (corrupt(corner, Corruption(right=3)) == picture(slice(10, 13), slice(8, 12))).all()
    assert (corrupt(corner, Corruption(down=-4)) == picture(slice(6, 9), slice(5, 9))).all()


def test_a_scale_is_a_factor_about_the_middle() -> None:
    block = picture(slice(8, 20), slice(8, 20))
    small = corrupt(block, Corruption(scale=0.5))[0] > 127
    assert (np.flatnonzero(small.any(axis=0)) == np.arange(11, 17)).all()
    large = corrupt(block, Corruption(scale=1.5))[0] > 127
    assert (np.flatnonzero(large.any(axis=1)) == np.arange(5, 23)).all()


def test_blur_is_a_gaussian(digits: Digits) -> None:
    expected = gaussian_filter(digits.astype(float), (0, 1.6, 1.6), mode="constant", truncate=4)
    assert np.abs(corrupt(digits, Corruption(blur=1.6)) - expected).max() < 0.51


def test_noise_has_its_standard_deviation_and_is_the_same_each_time() -> None:
    gray = np.full((40, 28, 28), 128, np.uint8)
    noisy = corrupt(gray, Corruption(noise=20))
    assert noisy.std() == pytest.approx(20, rel=0.03)
    assert noisy.mean() == pytest.approx(128, abs=0.5)
    assert (corrupt(gray, Corruption(noise=20)) == noisy).all()
    assert (noisy[0] != noisy[1]).any()


@pytest.mark.parametrize("pixels", [-2.5, -1, -0.5, 0.5, 1, 2, 2.5])
def test_a_stroke_grows_by_so_many_pixels(pixels: float) -> None:
    stroke = picture(slice(0, 28), slice(12, 16))
    width = corrupt(stroke, Corruption(thickness=pixels))[0, 14].sum() / 255
    assert width == pytest.approx(4 + pixels, abs=0.01)


def test_ink_at_the_edge_does_not_run_into_the_next_digit() -> None:
    two = np.concatenate([picture(slice(0, 28), slice(0, 28)), np.zeros((1, 28, 28), np.uint8)])
    assert not corrupt(two, Corruption(thickness=2.5))[1].any()
    # What lies outside is background: a full picture loses its border.
    thinner = corrupt(two, Corruption(thickness=-2))[0]
    assert (thinner[1:-1, 1:-1] == 255).all()
    assert not thinner[0].any()


def test_a_hundred_percent_is_the_negative_and_half_of_it_gray(digits: Digits) -> None:
    assert (corrupt(digits, Corruption(invert=100)) == 255 - digits).all()
    assert set(np.unique(corrupt(digits, Corruption(invert=50)))) <= {127, 128}
    assert corrupt(picture(slice(0, 1), slice(0, 1)), Corruption(invert=20))[0, 0, 0] == 204
    assert corrupt(picture(slice(0, 1), slice(0, 1)), Corruption(invert=20))[0, 5, 5] == 51


@pytest.mark.parametrize("side", [1, 7, 20, 28])
def test_a_gray_square_covers_a_place_of_its_own(side: int) -> None:
    white = np.full((50, 28, 28), 255, np.uint8)
    covered = corrupt(white, Corruption(occlude=side)) == GRAY
    assert (covered.sum(axis=(1, 2)) == side**2).all()
    assert (covered.any(axis=1).sum(axis=1) == side).all()
    assert len({mask.tobytes() for mask in covered}) > 10 or side == 28
    # A digit's place does not depend on how many others there are.
    assert (
        corrupt(white[:3], Corruption(occlude=side)) == corrupt(white, Corruption(occlude=side))[:3]
    ).all()


def test_what_is_no_digit_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        corrupt(np.zeros((2, 28, 28)), Corruption(blur=1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="28"):
        corrupt(np.zeros((2, 20, 20), np.uint8), Corruption(blur=1))
    assert corrupt(np.zeros((0, 28, 28), np.uint8), Corruption(blur=1)).shape == (0, 28, 28)


@pytest.mark.parametrize("kind", CORRUPTIONS, ids=lambda kind: kind.name)
def test_a_curve_rises_within_its_slider_and_has_the_place_of_no_change(
    kind: CorruptionParameter,
) -> None:
    assert list(kind.values) == sorted(set(kind.values))
    assert (kind.values[0], kind.values[-1]) == (kind.low, kind.high)
    assert kind.neutral in kind.values
    assert len(kind.values) == 11


def test_the_words_name_what_is_done() -> None:
    assert describe_corruption(NO_CORRUPTION) == "nothing is changed"
    assert describe_corruption(Corruption(rotation=-15, invert=10)) == "rotate −15°, invert 10 %"


def test_without_stress_a_run_answers_as_it_is_stored() -> None:
    answers = corrupted_predictions(PURAWR, NO_CORRUPTION)
    kept = load_predictions(registry.find_run("purawr"), "mnist-sample")
    assert (answers.labels == kept.labels).all()
    assert np.abs(answers.probabilities - kept.probabilities).max() < 1e-3
    assert answers.held_out


def test_under_stress_it_reads_the_changed_pictures() -> None:
    turned = corrupted_predictions(PURAWR, single_corruption("rotation", 90))
    images = mnist.load("mnist-sample").test.images
    assert (turned.images == np.rot90(images, k=-1, axes=(1, 2))).all()
    assert turned.correct.mean() < 0.3
    assert not turned.images.flags.writeable
    assert not turned.probabilities.flags.writeable
    assert corrupted_predictions(PURAWR, single_corruption("rotation", 90)) is turned
    early = corrupted_predictions(Network(PURAWR.run, 1), single_corruption("rotation", 90))
    assert early.epoch == 1
    assert (early.probabilities != turned.probabilities).any()


def test_a_visitors_own_digits_are_changed_too() -> None:
    sample = mnist.load("mnist-sample").test
    none = np.empty((0, 10), np.float32)
    own = Predictions(PURAWR, "mine", sample.images[:5], sample.labels[:5], none, True)
    answers = corrupted_digits(own, single_corruption("right", 4))
    assert (answers.images[:, :, 4:] == own.images[:, :, :-4]).all()
    assert answers.probabilities.shape == (5, 10)
    assert answers.dataset == "mine"
