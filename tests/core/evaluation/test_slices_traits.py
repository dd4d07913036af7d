"""What is measured on pictures: judged by drawn shapes whose measures are known, and by OpenCV."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import mnist
from core.data.statistics import class_similarity, ink_share
from core.evaluation.slices import MEASURES, morphometry, stroke_thickness
from core.runs import registry
from core.runs.predictions import load_predictions
from tests.helpers.made_answers import answered

SAMPLE = mnist.load("mnist-sample").test
FINE = 16


def bar(width: float, height: float = 20, lean: float = 0, turn: float = 0) -> NDArray[np.uint8]:
    """A bar around the middle, sheared to the right or turned by degrees."""
    y, x = (np.indices((28 * FINE, 28 * FINE)) + 0.5) / FINE - 14
    angle = math.radians(turn)
    along, across = (
        y * math.cos(angle) + x * math.sin(angle),
        x * math.cos(angle) - y * math.sin(angle),
    )
    inside = (abs(along) < height / 2) & (
        abs(across + along * math.tan(math.radians(lean))) < width / 2
    )
    return np.rint(255 * inside.reshape(28, FINE, 28, FINE).mean(axis=(1, 3))).astype(np.uint8)


def measured(*images: NDArray[np.uint8], labels: list[int] | None = None) -> dict[str, list[float]]:
    pictures = np.stack(images)
    answers = answered(
        labels or [1] * len(images), [1] * len(images), images=pictures, dataset="mine"
    )
    return {key: values.tolist() for key, values in morphometry(answers).items()}


@pytest.mark.parametrize("width", [1, 2, 3, 4, 6, 8])
def test_the_thickness_of_a_bar_is_its_width_up_to_its_ends(width: int) -> None:
    # The distance from the rim is a hip roof over the bar, whose mean is width/4 - width²/(12·20).
    expected = width - width**2 / (3 * 20)
    thickness = stroke_thickness(np.stack([bar(width, turn=turn) for turn in (0, 30, 45, 90)]))
    assert thickness[[0, 3]] == pytest.approx(expected, abs=0.03)
    assert thickness == pytest.approx(expected, abs=0.3)  # stairs have a longer rim


@pytest.mark.parametrize("width", [1.5, 2.25, 3.5, 4.75])
def test_gray_rims_count_for_the_part_of_a_pixel_that_they_are(width: float) -> None:
    assert stroke_thickness(bar(width)[None])[0] == pytest.approx(width - width**2 / 60, abs=0.25)


def test_a_thickness_does_not_depend_on_the_neighbors_in_the_list() -> None:
    full = np.full((28, 28), 255, np.uint8)
    alone = stroke_thickness(bar(3)[None])[0]
    assert stroke_thickness(np.stack([full, bar(3), full]))[1] == alone
    # A square of 28: the mean distance over a pyramid is a sixth of the side.
    assert stroke_thickness(full[None])[0] == pytest.approx(4 * 28 / 6, rel=0.03)


@pytest.mark.parametrize("lean", [-35, -12, 0, 20, 40])
def test_the_slant_is_the_angle_of_the_shear_and_right_is_positive(lean: float) -> None:
    assert measured(bar(3, lean=lean))["slant"][0] == pytest.approx(lean, abs=1)


def test_the_slant_is_that_of_opencvs_moments_on_real_digits() -> None:
    slant = morphometry(load_predictions(registry.find_run("best"), "mnist-sample"))["slant"]
    for index in range(0, 1000, 97):
        moments = cv2.moments(SAMPLE.images[index])
        expected = -math.degrees(math.atan(moments["mu11"] / moments["mu02"]))
        assert slant[index] == pytest.approx(expected, abs=1e-3)


def test_width_is_that_of_the_box_and_size_the_mean_distance_from_the_middle() -> None:
    measures = measured(bar(4), bar(10))
    assert measures["width"] == pytest.approx([0.2, 0.5])
    # Of a rectangle: the square root of (width² + height²) / 12.
    expected = [math.sqrt((side**2 + 20**2) / 12) for side in (4, 10)]
    assert measures["size"] == pytest.approx(expected, rel=0.01)


def test_ink_and_rarity_are_those_of_the_dataset_page() -> None:
    measures = morphometry(load_predictions(registry.find_run("best"), "mnist-sample"))
    assert measures["ink"] == pytest.approx(ink_share("mnist-sample", "test"), rel=1e-5)
    assert measures["rarity"] == pytest.approx(
        1 - class_similarity("mnist-sample", "test"), abs=1e-6
    )


def test_a_visitors_digit_is_compared_with_the_samples_mean_of_its_label() -> None:
    mean = SAMPLE.images[SAMPLE.labels == 1].mean(axis=0)
    picture = bar(3)
    cosine = (mean * picture).sum() / np.linalg.norm(mean) / np.linalg.norm(picture.astype(float))
    as_one, as_zero = measured(picture, picture, labels=[1, 0])["rarity"]
    assert as_one == pytest.approx(1 - cosine, abs=1e-5)
    assert as_zero > as_one + 0.2


def test_an_empty_picture_and_a_line_have_finite_measures() -> None:
    line = np.zeros((28, 28), np.uint8)
    line[14, 4:24] = 255
    measures = measured(np.zeros((28, 28), np.uint8), line)
    assert all(np.isfinite(values).all() for values in measures.values())
    assert measures["thickness"][0] == 0
    assert measures["slant"] == [0, 0]
    assert measures["width"] == [1, 20]


def test_every_trait_is_measured_and_read_only() -> None:
    measures = morphometry(load_predictions(registry.find_run("best"), "mnist-sample"))
    assert set(measures) == set(MEASURES)
    for values in measures.values():
        assert (values.dtype, values.shape) == (np.float32, (1000,))
        assert not values.flags.writeable


def test_two_runs_on_the_same_digits_share_the_measures() -> None:
    assert morphometry(load_predictions(registry.find_run("best"), "mnist-sample")) is morphometry(
        load_predictions(registry.find_run("yalcin"), "mnist-sample")
    )
