"""Which pieces of ink are one digit, where no other digit shows how high digits are."""

import cv2
import numpy as np

from core.preprocessing.page.detection import find_page
from tests.helpers.made_pictures import Image


def sheet() -> Image:
    return np.full((400, 400), 255, np.uint8)


def curve(page: Image, points: list[tuple[int, int]]) -> None:
    cv2.polylines(page, [np.array(points, np.int32)], False, 0, 16, cv2.LINE_AA)


def count(page: Image) -> int:
    return len(find_page(page, ink="dark", paper=255).digits)


def test_the_flat_halves_of_a_broken_3_are_one_digit() -> None:
    page = sheet()
    curve(page, [(130, 90), (240, 90), (180, 160), (250, 170)])
    curve(page, [(120, 260), (180, 300), (250, 250)])
    assert count(page) == 1


def test_upright_digits_above_each_other_stay_two() -> None:
    page = sheet()
    for y in (170, 340):
        cv2.putText(page, "5", (150, y), cv2.FONT_HERSHEY_SIMPLEX, 4, 0, 12, cv2.LINE_AA)
    assert count(page) == 2


def test_a_wide_7_that_is_alone_is_one_digit_and_two_wide_pairs_are_four() -> None:
    wide = [(60, 120), (330, 120), (170, 170), (70, 290), (170, 170), (280, 180)]
    page = sheet()
    curve(page, wide)
    assert count(page) == 1
    page = np.full((400, 1000), 255, np.uint8)
    for x in (100, 500):  # 17 and 17, each of which touches at the top
        curve(page, [(x, 130), (x + 60, 100), (x + 60, 290)])
        curve(page, [(x + 60, 110), (x + 300, 110), (x + 240, 290)])
    assert count(page) == 4
