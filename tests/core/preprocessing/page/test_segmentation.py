"""Fragments, cuts and dirt in photos: what the gate says of pieces ."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.preprocessing.page.detection import FoundDigit, find_digits
from tests.helpers.sample_digits import sample_digits

Picture = NDArray[np.uint8]
SIDE = 160
"""Pixels that a digit's 28 are enlarged to."""


@pytest.fixture(scope="module")
def digits() -> dict[int, Picture]:
    """Of each class the first digit of the sample, 160 pixels large, ink 255."""
    images, labels = sample_digits()
    return {
        k: cv2.resize(
            images[np.flatnonzero(labels == k)[0]],
            (SIDE, SIDE),
            interpolation=cv2.INTER_CUBIC,
        )
        for k in range(10)
    }


def photo(ink: Picture) -> Picture:
    """Dark ink on gray paper whose light falls from left to right, with a camera's grain."""
    height, width = ink.shape
    light = np.linspace(215, 165, width)[None, :] * np.ones((height, 1))
    grain = np.random.default_rng(3).normal(0, 2, ink.shape)
    return np.clip(light * (1 - 0.7 * ink / 255.0) + grain, 0, 255).astype(np.uint8)


def sheet(height: int, width: int) -> Picture:
    return np.zeros((height, width), np.uint8)


def put(ink: Picture, digit: Picture, x: int, y: int) -> tuple[int, int, int, int]:
    """Write a digit; the box of its ink."""
    ink[y : y + SIDE, x : x + SIDE] = np.maximum(ink[y : y + SIDE, x : x + SIDE], digit)
    left, top, width, height = cv2.boundingRect((digit > 64).astype(np.uint8))
    return x + left, y + top, width, height


def near(detection: FoundDigit, box: tuple[int, int, int, int]) -> bool:
    return bool(np.all(np.abs(np.subtract(detection.digit.box, box)) <= 12))


@pytest.mark.parametrize(("k", "gaps"), [(3, (60, 92)), (2, (60, 100)), (0, (80,)), (9, (80,))])
def test_a_digit_in_fragments_is_one(
    digits: dict[int, Picture], k: int, gaps: tuple[int, int]
) -> None:
    ink = sheet(320, 360)
    broken = digits[k].copy()
    for y in gaps:  # where the pen did not touch the paper
        broken[y : y + 6] = 0
    box = put(ink, broken, 90, 80)
    (detection,) = find_digits(photo(ink))
    assert near(detection, box)


def test_dirt_beside_a_digit_is_dropped(digits: dict[int, Picture]) -> None:
    ink = sheet(420, 560)
    box = put(ink, digits[3], 60, 40)
    cv2.line(ink, (330, 350), (470, 362), 255, 12)
    cv2.rectangle(ink, (390, 120), (510, 150), 255, -1)
    (detection,) = find_digits(photo(ink))
    assert near(detection, box)


def test_what_stands_in_a_line_of_digits_stays(digits: dict[int, Picture]) -> None:
    ink = sheet(300, 1000)
    for place, k in enumerate((3, 5, 8, 2)):
        put(ink, digits[k], 30 + 190 * (place + (place > 1)), 70)
    for dx in (25, 60):  # a number sign between them
        cv2.line(ink, (430 + dx, 95), (420 + dx, 205), 255, 9)
    for y in (130, 170):
        cv2.line(ink, (430, y), (515, y), 255, 9)
    assert len(find_digits(photo(ink))) == 5


def test_nothing_of_a_drawing_is_dropped(digits: dict[int, Picture]) -> None:
    ink = sheet(420, 560)
    put(ink, digits[3], 60, 40)
    cv2.rectangle(ink, (390, 60), (510, 150), 255, -1)
    assert len(find_digits(255 - ink, ink="dark", paper=255)) == 2
