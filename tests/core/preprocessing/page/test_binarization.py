"""Rules of paper: drawn ones, whose places are known."""

import cv2
import numpy as np
import pytest

from core.preprocessing.page.binarization import find_ruled_lines, thick_ink
from core.preprocessing.page.detection import find_digits
from tests.helpers.made_pictures import Image


def squares(shape: tuple[int, int], step: int, thick: int) -> Image:
    """1 on squared paper's rules."""
    page = np.zeros(shape, np.uint8)
    for y in range(step // 2, shape[0], step):
        cv2.line(page, (0, y), (shape[1], y + 12), 1, thick)
    for x in range(step // 2, shape[1], step):
        cv2.line(page, (x, 0), (x - 12, shape[0]), 1, thick)
    return page


@pytest.mark.parametrize(("step", "soft"), [(34, 1.5), (44, 1.5)])
def test_dark_squares_whose_soft_rims_cover_most_of_the_page_hide_no_digit(
    step: int, soft: float
) -> None:
    page = np.full((800, 1200), 255, np.uint8)
    for k, text in enumerate("3852"):
        cv2.putText(page, text, (160 + 240 * k, 500), 0, 5, 0, 18, cv2.LINE_AA)
    ink = cv2.connectedComponentsWithStats((page < 128).astype(np.uint8))[2][1:, :4]
    tones = np.where(squares(page.shape, step, 5) > 0, 125.0, 215.0)
    tones = np.minimum(tones, 45 + page * (170 / 255))
    seen = cv2.GaussianBlur(tones, (0, 0), soft) + np.random.default_rng(2).normal(
        0, 1.5, page.shape
    )
    detections = find_digits(np.clip(seen, 0, 255).astype(np.uint8))
    assert len(detections) == 4
    for detection, box in zip(detections, sorted(map(tuple, ink)), strict=True):
        # A rest of a rule, less than a square long, may stay on a stroke.
        assert np.abs(np.subtract(detection.digit.box, box)).max() <= 20


def test_the_dots_where_rules_cross_go_and_a_stroke_stays() -> None:
    faint = squares((800, 1200), 60, 4)
    for y in range(30, 800, 60):
        for x in range(30, 1200, 60):  # where they cross, but for the slope of both
            row, column = y + round(12 * x / 1200), x - round(12 * y / 800)
            cv2.circle(faint, (column, row), 7, 1, -1)
    faint[100:700, 590:630] = 1
    left = np.where(find_ruled_lines(faint) > 0, 0, faint)
    assert left[100:700, 595:625].mean() > 0.99
    left[90:710, 575:645] = 0
    assert left[20:-20, 20:-20].sum() < 0.02 * faint.sum()


def test_thick_ink_is_where_strokes_are() -> None:
    smooth = 90 * squares((800, 1200), 60, 5)
    smooth[100:700, 590:630] = 120
    thick = thick_ink(smooth, 50.0)
    assert thick[100:700, 590:630].all()
    thick[80:720, 570:650] = 0
    assert not thick.any()
