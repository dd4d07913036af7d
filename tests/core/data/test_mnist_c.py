"""MNIST-C's corruptions, each against what it must be, worked out in another way."""

import numpy as np
import pytest
from scipy.ndimage import affine_transform, label, rotate, shift

from core.data import mnist
from core.data.mnist_c import MNIST_C, MNIST_C_BY_NAME, corrupt_mnist_c

IMAGES = mnist.load("mnist-sample").test.images[:40]
NAMES = [corruption.name for corruption in MNIST_C]


def changed(name: str) -> np.ndarray:
    return corrupt_mnist_c(IMAGES, name).astype(int)


def nearest(pictures: np.ndarray, *candidates: np.ndarray) -> np.ndarray:
    """The mean absolute difference of each picture to the one of its candidates that is nearest."""
    return np.min([np.abs(pictures - other).mean(axis=(1, 2)) for other in candidates], axis=0)


def test_they_are_the_papers_fifteen() -> None:
    assert NAMES == [
        "shot_noise",
        "impulse_noise",
        "glass_blur",
        "motion_blur",
        "shear",
        "scale",
        "rotate",
        "brightness",
        "translate",
        "stripe",
        "fog",
        "spatter",
        "dotted_line",
        "zigzag",
        "canny_edges",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_changes_every_digit_and_is_the_same_again(name: str) -> None:
    pictures = corrupt_mnist_c(IMAGES, name)
    assert (pictures.shape, pictures.dtype) == (IMAGES.shape, np.uint8)
    assert (pictures != IMAGES).any(axis=(1, 2)).all()
    np.testing.assert_array_equal(pictures, corrupt_mnist_c(IMAGES, name))
    # A digit's change depends on its place alone, so a part of the digits is changed alike.
    if MNIST_C_BY_NAME[name].change.__name__ in {"_brightness", "_stripe", "_scale"}:
        np.testing.assert_array_equal(pictures[:5], corrupt_mnist_c(IMAGES[:5], name))


def test_brightness_adds_half_the_scale() -> None:
    assert np.abs(changed("brightness") - np.minimum(IMAGES + 127.5, 255)).max() <= 1


def test_stripe_is_the_negative_of_the_outer_quarters() -> None:
    expected = IMAGES.astype(int)
    expected[:, :, :7], expected[:, :, 21:] = 255 - expected[:, :, :7], 255 - expected[:, :, 21:]
    np.testing.assert_allclose(changed("stripe"), expected, atol=1)


def test_translate_moves_by_three_pixels_both_ways() -> None:
    ways = [
        np.array([shift(digit, (down, right), order=0) for digit in IMAGES]).astype(int)
        for down in (-3, 3)
        for right in (-3, 3)
    ]
    assert nearest(changed("translate"), *ways).max() < 1
    hits = [(nearest(changed("translate"), way) < 1).sum() for way in ways]
    assert min(hits) > 0


def test_rotate_is_scipys_rotation_by_23_degrees() -> None:
    degrees = np.degrees(0.4)
    ways = [
        np.array(
            [
                rotate(digit.astype(float), sign * degrees, reshape=False, order=1)
                for digit in IMAGES
            ]
        )
        for sign in (-1, 1)
    ]
    assert nearest(changed("rotate"), *ways).max() < 3


@pytest.mark.parametrize(
    ("name", "matrices"),
    [
        # (row, column) to (row, column): each output pixel is read from there.
        ("scale", [np.eye(2) / 0.7]),
        ("shear", [np.array([[np.cos(0.4), 0], [sign * np.sin(0.4), 1]]) for sign in (-1, 1)]),
    ],
)
def test_scale_and_shear_are_scipys(name: str, matrices: list[np.ndarray]) -> None:
    middle = np.full(2, 13.5)
    ways = [
        np.array(
            [
                affine_transform(digit.astype(float), matrix, middle - matrix @ middle, order=1)
                for digit in IMAGES
            ]
        )
        for matrix in matrices
    ]
    assert nearest(changed(name), *ways).max() < 3


def test_shot_noise_counts_three_photons_for_full_ink() -> None:
    many = np.repeat(IMAGES[:1], 3000, axis=0)
    pictures = corrupt_mnist_c(many, "shot_noise")
    assert set(np.unique(pictures)) <= {0, 85, 170, 255}
    assert (pictures[:, IMAGES[0] == 0] == 0).all()
    full = IMAGES[0] > 250
    # Poisson with mean 3, cut off at 3: none of three photons in exp(-3) of the cases.
    assert (pictures[:, full] == 0).mean() == pytest.approx(np.exp(-3), abs=0.01)


def test_impulse_noise_is_salt_and_pepper_on_17_percent() -> None:
    pictures = changed("impulse_noise")
    empty, full = IMAGES == 0, IMAGES == 255
    assert (pictures[empty] == 255).mean() == pytest.approx(0.085, abs=0.01)
    assert (pictures[full] == 0).mean() == pytest.approx(0.085, abs=0.02)


@pytest.mark.parametrize("name", ["glass_blur", "motion_blur"])
def test_blurs_keep_the_ink_and_lower_its_peak(name: str) -> None:
    pictures = changed(name)
    ink = pictures.sum(axis=(1, 2)) / IMAGES.sum(axis=(1, 2))
    assert np.median(ink) == pytest.approx(1, abs=0.08)
    assert (
        np.abs(np.diff(pictures, axis=2)).max() < np.abs(np.diff(IMAGES.astype(int), axis=2)).max()
    )


def test_fog_is_brighter_and_hides_contrast() -> None:
    pictures = changed("fog")
    assert pictures.min() >= 0
    means = pictures.mean(axis=(1, 2))
    assert means.mean() > 2 * IMAGES.mean()
    # What is left of the digit: full ink is a quarter of the scale above the fog around it.
    ink, paper = IMAGES > 250, IMAGES == 0
    gaps = [p[i].mean() - p[q].mean() for p, i, q in zip(pictures, ink, paper, strict=True)]
    assert np.mean(gaps) == pytest.approx(64, abs=12)


def test_spatter_covers_ink_with_dark_gray() -> None:
    pictures = changed("spatter")
    drops = (pictures != IMAGES) & (np.abs(pictures - IMAGES.astype(int)) > 2)
    assert 0.02 < drops.mean() < 0.25
    assert pictures[drops & (IMAGES == 0)].max() <= 63


def test_a_dotted_line_leaves_every_other_pair_of_columns() -> None:
    added = changed("dotted_line") - IMAGES.astype(int)
    assert (added[:, :, [0, 1, 4, 5, 8, 9, 24, 25]] == 0).all()
    assert (added[:, :, [2, 3, 6, 7, 26]].max(axis=1) > 0).mean() > 0.8


def test_a_zigzag_is_one_piece_across_the_picture() -> None:
    blank = np.zeros((12, 28, 28), np.uint8)
    for picture in corrupt_mnist_c(blank, "zigzag"):
        _, count = label(picture > 60, structure=np.ones((3, 3)))
        columns = np.flatnonzero((picture > 60).any(axis=0))
        rows = np.flatnonzero((picture > 60).any(axis=1))
        if rows.min() > 0 and rows.max() < 27:  # not cut by the upper or lower edge
            assert count == 1
        assert columns.min() <= 3
        assert columns.max() >= 20


def test_canny_edges_are_thin_and_around_the_strokes() -> None:
    pictures = changed("canny_edges")
    assert set(np.unique(pictures)) == {0, 255}
    share = (pictures > 0).mean() / (IMAGES > 127).mean()
    assert 0.4 < share < 1.6
    core = (IMAGES > 250) & (np.roll(IMAGES, 1, 1) > 250) & (np.roll(IMAGES, -1, 1) > 250)
    core &= (np.roll(IMAGES, 1, 2) > 250) & (np.roll(IMAGES, -1, 2) > 250)
    assert (pictures[core] > 0).mean() < 0.2  # the middle of a stroke is no edge


def test_other_shapes_and_names_are_refused() -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        corrupt_mnist_c(IMAGES[0], "fog")
    with pytest.raises(KeyError):
        corrupt_mnist_c(IMAGES, "rain")
