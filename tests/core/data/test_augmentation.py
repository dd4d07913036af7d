"""The augmentation playground's changes: each by hand, or as SciPy makes them."""

from dataclasses import astuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from core.data.augmentation import (
    Augmentation,
    AugmentationDraw,
    apply_draw,
    augmented_examples,
    displacement_fields,
    draw_augmentations,
    elastic_warp,
    example_draws,
    exceeds_training,
    gaussian_blur,
    random_draws,
)
from core.data.mnist import load
from core.evaluation.robustness import (
    TopPrediction,
    augmentation_hint,
    augmentation_score_sentence,
    describe_augmentation,
    top_predictions,
)
from core.recipes.presets import augmentation_presets, training_augmentation

Digits = NDArray[np.uint8]
EVERYTHING = AugmentationDraw(30, 0.1, 0.2, 10, 0.3, 0.3, 34, 5, 1.5, 40)


def all_by(digits: Digits, change: AugmentationDraw, seed: int = 0) -> Digits:
    return apply_draw(digits, [change] * len(digits), seed)


def test_no_change_leaves_every_pixel(digits: Digits) -> None:
    assert np.array_equal(all_by(digits, AugmentationDraw()), digits)


def test_quarter_and_half_turns_are_numpys(digits: Digits) -> None:
    clockwise = np.rot90(digits, -1, axes=(1, 2))
    assert np.array_equal(all_by(digits, AugmentationDraw(rotation=90)), clockwise)
    assert np.array_equal(
        all_by(digits, AugmentationDraw(rotation=-90)), np.rot90(digits, axes=(1, 2))
    )
    assert np.array_equal(all_by(digits, AugmentationDraw(rotation=180)), digits[:, ::-1, ::-1])


def test_a_turn_by_thirty_degrees_is_scipys(digits: Digits) -> None:
    wanted = [
        ndimage.rotate(digit.astype(float), -30, reshape=False, order=1, mode="grid-constant")
        for digit in digits
    ]
    assert np.abs(all_by(digits, AugmentationDraw(rotation=30)) - np.stack(wanted)).max() < 1


def test_shifts_go_where_they_say(digits: Digits) -> None:
    # A quarter of 28 pixels are 7.
    right, down = (
        all_by(digits, AugmentationDraw(right=0.25)),
        all_by(digits, AugmentationDraw(down=0.25)),
    )
    assert np.array_equal(right[:, :, 7:], digits[:, :, :-7])
    assert not right[:, :, :7].any()
    assert np.array_equal(down[:, 7:], digits[:, :-7])
    assert not down[:, :7].any()


def test_zoom_makes_larger_or_smaller_by_hand() -> None:
    square = np.zeros((1, 28, 28), np.uint8)
    square[:, 10:18, 10:18] = 255
    amount = float(square.sum())
    # Half of the picture over the whole of it: twice the height, the width as it was.
    tall = all_by(square, AugmentationDraw(taller=0.5))[0]
    assert tall.sum() / amount == pytest.approx(2, rel=0.01)
    assert tall[:, 10].any()
    assert not tall[:, 9].any()
    assert all_by(square, AugmentationDraw(wider=0.5)).sum() / amount == pytest.approx(2, rel=0.01)
    # One and a half pictures on one: two thirds each way.
    small = all_by(square, AugmentationDraw(taller=-0.5, wider=-0.5))
    assert small.sum() / amount == pytest.approx(4 / 9, rel=0.1)


def test_shear_takes_the_right_hand_side_down() -> None:
    line = np.zeros((1, 28, 28), np.uint8)
    line[:, 13:15] = 255
    heights = ndimage.center_of_mass
    sheared = all_by(line, AugmentationDraw(shear=20))[0]
    left, right = heights(sheared[:, :6])[0], heights(sheared[:, -6:])[0]
    # Columns 2.5 and 24.5 lie 22 apart.
    assert right - left == pytest.approx(22 * np.sin(np.radians(20)), rel=0.02)


def test_blur_is_scipys(digits: Digits) -> None:
    wanted = ndimage.gaussian_filter(
        digits.astype(np.float64), (0, 1.3, 1.3), mode="constant", truncate=4
    )
    assert np.abs(all_by(digits, AugmentationDraw(blur=1.3)) - wanted).max() < 1


def test_the_warp_is_scipys(digits: Digits) -> None:
    rough = np.random.default_rng(7).uniform(-1, 1, (2, 28, 28))
    moves = displacement_fields(rough, 34, 4)
    for part, rough_part in zip(moves, rough, strict=True):
        wanted = 34 * ndimage.gaussian_filter(rough_part, 4, mode="reflect", truncate=4)
        np.testing.assert_allclose(part, wanted, atol=1e-9)
    for digit in digits.astype(np.float64):
        places = np.indices((28, 28)) + moves
        wanted = ndimage.map_coordinates(digit, places, order=1, mode="grid-constant")
        # OpenCV may round a place to 1/32 of a pixel.
        assert np.abs(elastic_warp(digit, moves) - wanted).max() < 8


def test_the_papers_warp_moves_pixels_by_one_and_a_half() -> None:
    # A Gaussian takes the deviation of independent numbers to 1 / (2 √π sigma) of it, and that of
    # even numbers from -1 to 1 is 1 / √3: with alpha 34 and sigma 4, 1.384 pixels.
    rough = np.random.default_rng(1).uniform(-1, 1, (2, 300, 300))
    assert displacement_fields(rough, 34, 4).std() == pytest.approx(1.384, rel=0.05)


def test_a_smoothed_point_spreads_as_far_as_it_says() -> None:
    point = np.zeros((41, 41))
    point[20, 20] = 1
    spread = gaussian_blur(point, 2.0)
    rows = np.indices(point.shape)[0] - 20
    assert spread.sum() == pytest.approx(1)
    assert np.sqrt((spread * rows**2).sum()) == pytest.approx(2, rel=0.01)


def test_noise_has_its_strength_and_grows_without_changing() -> None:
    gray = np.full((1, 28, 28), 128, np.uint8)
    weak, strong = (
        all_by(gray, AugmentationDraw(noise=s), 3).astype(float) - 128 for s in (10, 20)
    )
    assert weak.std() == pytest.approx(10, rel=0.1)
    assert abs(weak.mean()) < 1.5
    assert np.abs(strong - 2 * weak).max() <= 1.5
    other = all_by(gray, AugmentationDraw(noise=10), 4).astype(float) - 128
    assert abs(np.corrcoef(weak.ravel(), other.ravel())[0, 1]) < 0.2


def test_two_like_digits_get_different_chance(digits: Digits) -> None:
    twice = all_by(digits[[0, 0]], AugmentationDraw(warp=34))
    assert not np.array_equal(twice[0], twice[1])
    assert np.array_equal(twice, all_by(digits[[0, 0]], AugmentationDraw(warp=34)))
    # The first one's does not depend on how many there are.
    assert np.array_equal(twice[0], all_by(digits[:1], AugmentationDraw(warp=34))[0])


def test_every_digit_needs_its_change(digits: Digits) -> None:
    with pytest.raises(ValueError, match="60 digits cannot take 2 changes"):
        apply_draw(digits, [AugmentationDraw()] * 2, 0)


def test_throws_fill_their_range_and_keep_within_it() -> None:
    thrown = np.array([astuple(change) for change in draw_augmentations(EVERYTHING, 2000, 5)])
    most = np.array(astuple(EVERYTHING))
    shares = thrown / most
    assert (shares[:, 7] == 1).all()  # the warp's sigma is no amount
    either, up = shares[:, :6], shares[:, [6, 8, 9]]
    assert (either.min(axis=0) < -0.99).all()
    assert (either.min(axis=0) >= -1).all()
    assert (up.min(axis=0) >= 0).all()
    assert (up.min(axis=0) < 0.01).all()
    for part in (either, up):
        assert (part.max(axis=0) > 0.99).all()
        assert (part.max(axis=0) <= 1).all()
    # Height and width are drawn each by itself, as everything is.
    together = np.corrcoef(np.hstack([either, up]).T) - np.eye(9)
    assert np.abs(together).max() < 0.1


def test_the_same_seed_throws_the_same() -> None:
    assert draw_augmentations(EVERYTHING, 9, 1) == draw_augmentations(EVERYTHING, 9, 1)
    assert draw_augmentations(EVERYTHING, 9, 1) != draw_augmentations(EVERYTHING, 9, 2)


def test_throws_are_what_a_training_sees(digits: Digits) -> None:
    augmentation = Augmentation(rotation=25, width_shift=0.1, height_shift=0.2, shear=15, zoom=0.3)
    shown = apply_draw(
        digits, draw_augmentations(training_augmentation(augmentation), len(digits), 11), 11
    )
    # A change says whither, training's draws say from where: shifts and zoom change their signs.
    draws = random_draws(len(digits), 11) * np.array([1, 1, -1, -1, -1, -1])[:, None]
    seen = augmented_examples(digits, augmentation, draws)
    assert np.abs(shown.astype(int) - seen).max() <= 1


def test_starts_are_the_presets_settings() -> None:
    changes = {start.name: start.change for start in augmentation_presets()}
    assert changes["katariya"] == AugmentationDraw(8, 0.08, 0.08, 0.3, 0.08, 0.08)
    assert changes["best"] == AugmentationDraw(12, 0.08, 0.08, 12, 0.12, 0.12, warp=25)
    assert changes["Upside down"].rotation == 180
    assert (changes["Rubber"].warp, changes["Rubber"].smoothness) == (34, 4)
    assert set(changes) == {
        "Nothing",
        "katariya",
        "katariya-batchnorm",
        "best",
        "Upside down",
        "Rubber",
    }
    assert "Yash Katariya" in next(
        start.source for start in augmentation_presets() if start.name == "katariya"
    )


@pytest.mark.parametrize(
    ("change", "beyond"),
    [
        (AugmentationDraw(), ()),
        (AugmentationDraw(45, 0.3, -0.3, -45, 0.5, -0.5), ()),
        (AugmentationDraw(rotation=-46), ("rotation beyond 45°",)),
        (AugmentationDraw(right=0.31, down=-0.31), ("shifts beyond 30 %",)),
        (AugmentationDraw(wider=-0.6), ("zoom beyond 50 %",)),
        (AugmentationDraw(shear=50), ("shear beyond 45°",)),
        (
            AugmentationDraw(warp=1, smoothness=5, blur=1, noise=1),
            ("a warp of smoothness 5", "blur", "noise"),
        ),
        (AugmentationDraw(warp=60), ()),
        (AugmentationDraw(warp=61), ("warp beyond 60",)),
    ],
)
def test_what_training_cannot_do_is_named(
    change: AugmentationDraw, beyond: tuple[str, ...]
) -> None:
    assert exceeds_training(change) == beyond


def test_six_of_each_digit_the_first_ones() -> None:
    chosen, labels = example_draws("mnist-sample", "test"), load("mnist-sample").test.labels
    assert labels[chosen].tolist() == [k for k in range(10) for _ in range(6)]
    assert chosen[0] == labels.tolist().index(0)
    assert chosen[59] == [k for k, label in enumerate(labels) if label == 9][5]
    assert not chosen.flags.writeable


def test_readings_are_the_likeliest_digits() -> None:
    probabilities = np.array([[0.1] * 9 + [0.1], [0.02] * 6 + [0.82] + [0.02] * 3], np.float32)
    probabilities[0, 3] = 0.3
    first, second = top_predictions(probabilities)
    assert (first.digit, second.digit) == (3, 6)
    assert first.confidence == pytest.approx(0.3)
    assert str(first) == "3 (30 %, so it is unsure)"
    assert str(second) == "6 (82 %)"


SIX, NINE, ZERO = (
    TopPrediction(6, 0.98),
    TopPrediction(9, 0.9),
    TopPrediction(0, 0.8),
)


@pytest.mark.parametrize(
    ("before", "after", "another", "says"),
    [
        (SIX, SIX, False, "best still reads 6 (98 %)."),
        (SIX, NINE, True, "best reads 9 (90 %) now; as it is, 6 (98 %)."),
        (NINE, SIX, False, "best now reads 6 (98 %), as its label says; as it is, it misreads it"),
        (ZERO, NINE, False, "misreads this 6 as it is: 0 (80 %). Changed, it reads 9 (90 %)."),
    ],
)
def test_the_hint_is_about_a_digit_that_became_another(
    before: TopPrediction, after: TopPrediction, another: bool, says: str
) -> None:
    said = augmentation_hint("best", 6, before, after)
    assert said.is_other_digit == another
    assert says in said.text


def test_the_score_counts_and_names_the_commonest_mistake() -> None:
    assert (
        augmentation_score_sentence("best", [6, 6], [SIX, SIX])
        == "best reads all 2 as their labels say."
    )
    once = augmentation_score_sentence("best", [6, 6], [SIX, ZERO])
    assert once == "best reads 1 of 2 as their labels say. The commonest mistake: 6 as 0."
    often = augmentation_score_sentence("best", [6, 9, 6, 6], [NINE, NINE, ZERO, NINE])
    assert often.startswith("best reads 1 of 4 ")
    assert often.endswith("The commonest mistake: 6 as 9, 2 times.")


def test_a_change_in_words() -> None:
    assert describe_augmentation(AugmentationDraw()) == "nothing"
    assert (
        describe_augmentation(AugmentationDraw(-8, 0.25, -0.05))
        == "8.0° anticlockwise, 7.0 px right, 1.4 px up"
    )
    assert (
        describe_augmentation(AugmentationDraw(taller=0.2, wider=-0.25))
        == "1.25 of its height, 0.80 of its width"
    )
    assert describe_augmentation(AugmentationDraw(warp=34, blur=1, noise=20)) == (
        "warp 34.0, smoothed over 4.0 px, blur 1.0 px, noise 20.0 of 255"
    )
