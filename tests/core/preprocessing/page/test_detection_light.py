"""Shadows told from ink: digits of known places under shadows that a photo could have."""

import cv2
import numpy as np
import pytest

from core.preprocessing.page.detection import find_page
from tests.helpers.made_pictures import Image

# Corners of shadows over an 8, a 2 and a 9.
EIGHT = [(288, 532), (18, 744), (201, 100), (400, 654), (559, -6)]
TWO = [(308, -19), (425, 390), (25, 618), (649, 510), (73, 347)]
NINE = [(440, 693), (148, -34), (380, 283), (46, 265)]


def lit(page: Image, corners: list[tuple[int, int]], depth: float, soft: float) -> Image:
    """A grainy photo of a drawing, 0 on 255, on which a shadow with these corners lies."""
    shade = np.zeros(page.shape, np.float32)
    cv2.fillPoly(shade, [np.array(corners, np.int32)], 1.0)
    light = 1 - depth * cv2.GaussianBlur(shade, (0, 0), soft)
    grain = np.random.default_rng(7).normal(0, 2, page.shape)
    seen = cv2.GaussianBlur(60 + page * (150 / 255), (0, 0), 0.8) * light + grain
    return np.clip(seen, 0, 255).astype(np.uint8)


def drawn(shape: tuple[int, int], text: str, at: tuple[int, int], size: float, pen: int) -> Image:
    page = np.full(shape, 255, np.uint8)
    cv2.putText(page, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 0, pen, cv2.LINE_AA)
    return page


def around(page: Image) -> tuple[int, ...]:
    return tuple(cv2.boundingRect((page < 128).astype(np.uint8)))


@pytest.mark.parametrize("soft", [4, 5])
def test_the_point_of_a_shadow_on_a_digit_is_no_ink(soft: float) -> None:
    page = drawn((500, 360), "2", (80, 240), 3, 7)
    corners = [(60, 90), (230, 230), (360, 100), (360, 500), (190, 500)]
    (detection,) = find_page(lit(page, corners, 0.35, soft)).digits
    assert np.abs(np.subtract(detection.digit.box, around(page))).max() <= 8


def test_a_bold_digit_that_is_half_in_the_shadow_stays_whole() -> None:
    page = drawn((700, 700), "8", (210, 500), 12, 70)
    (detection,) = find_page(
        lit(page, [(0, 150), (330, 100), (300, 700), (0, 700)], 0.4, 12)
    ).digits
    assert np.abs(np.subtract(detection.digit.box, around(page))).max() <= 18


@pytest.mark.parametrize("text", ["2", "6", "9"])
def test_grainy_strokes_are_one_piece_and_not_their_grain(text: str) -> None:
    page = drawn((900, 800), text, (230, 640), 14, 55)
    bumps = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, page.shape), (0, 0), 1.2)
    covered = (255 - page.astype(np.float64)) * np.clip(0.6 + bumps, 0.3, 1)
    picture = lit((255 - covered).astype(np.uint8), [(500, 0), (800, 0), (800, 900)], 0.35, 20)
    (detection,) = find_page(picture).digits
    assert np.abs(np.subtract(detection.digit.box, around(page))).max() <= 18


def test_shadows_crossing_each_other_do_not_turn_ink_and_paper_over() -> None:
    page = drawn((700, 650), "1", (290, 400), 6, 14)
    picture = lit(page, [(0, 350), (460, 0), (650, 0), (650, 120), (450, 150), (430, 330)], 0.45, 7)
    darker = lit(np.full_like(page, 255), [(0, 200), (650, 40), (650, 250), (60, 340)], 0.4, 7)
    both = np.clip(picture * (darker / 210.0), 0, 255).astype(np.uint8)
    (detection,) = find_page(both).digits
    assert np.abs(np.subtract(detection.digit.box, around(page))).max() <= 35


def test_a_table_without_grain_around_a_photographed_sheet_is_no_drawing() -> None:
    page = drawn((600, 640), "0", (230, 400), 7, 24)
    seen = cv2.warpAffine(
        lit(page, [(0, 0), (200, 0), (260, 300), (0, 400)], 0.3, 20),
        cv2.getRotationMatrix2D((320, 300), 7, 0.82),
        (640, 600),
        borderValue=40,
    )
    (detection,) = find_page(np.asarray(seen, np.uint8)).digits
    assert 80 < detection.digit.box[2] < 140
    assert 120 < detection.digit.box[3] < 220


@pytest.mark.xfail(strict=True, reason="the detector does not see a thin 1 in this deep shadow")
def test_a_shadow_that_comes_in_from_the_border_takes_no_digit_with_it() -> None:
    page = drawn((600, 500), "1", (220, 330), 4, 9)
    corners = [(200, 200), (330, 180), (499, 150), (499, 430), (260, 320)]
    (detection,) = find_page(lit(page, corners, 0.5, 6)).digits
    assert np.abs(np.subtract(detection.digit.box, around(page))).max() <= 8


@pytest.mark.parametrize(
    ("text", "at", "size", "pen", "depth", "soft", "corners"),
    [
        ("8", (144, 454), 6, 18, 0.4, 4, EIGHT),
        ("2", (137, 450), 6, 18, 0.5, 7, TWO),
        ("9", (175, 421), 4, 20, 0.3, 7, NINE),
    ],
)
def test_a_digit_in_the_point_of_a_dark_shadow_is_found(
    text: str,
    at: tuple[int, int],
    size: float,
    pen: int,
    depth: float,
    soft: float,
    corners: list[tuple[int, int]],
) -> None:
    page = drawn((700, 650), text, at, size, pen)
    (detection,) = find_page(lit(page, corners, depth, soft)).digits
    assert np.abs(np.subtract(detection.digit.box, around(page))).max() <= 8
