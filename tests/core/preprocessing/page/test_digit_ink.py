"""One digit's ink, among neighbors and lines, on paper of known tones."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.preprocessing.page.digit_ink import estimate_paper, prepare_box, prepare_segment
from core.preprocessing.page.segmentation import Segment, label_segments
from core.utils.errors import PictureError
from tests.helpers.made_pictures import Image

BAR = (60, 40, 12, 60)
"""x, y, width, height of a stroke."""


def page_with(*boxes: tuple[int, int, int, int], tone: int = 40, paper: int = 220) -> Image:
    page = np.full((140, 160), paper, np.uint8)
    for x, y, w, h in boxes:
        page[y : y + h, x : x + w] = tone
    return page


def segment_of(box: tuple[int, int, int, int], score: float = 0.9) -> Segment:
    return Segment("digit", score, box, np.full((box[3], box[2]), 230, np.uint8))


def prepared(
    page: Image, segments: list[Segment], number: int = 1
) -> tuple[Image, tuple[int, ...]]:
    labels = label_segments(segments, page.shape)
    digit = prepare_segment(page, segments[number - 1], "auto", labels, number)
    return digit.pixels, digit.box


@pytest.mark.parametrize(("tone", "paper"), [(40, 220), (235, 60)])
def test_a_stroke_of_either_tone_is_found_with_its_box(tone: int, paper: int) -> None:
    pixels, box = prepared(page_with(BAR, tone=tone, paper=paper), [segment_of(BAR)])
    assert box == BAR
    assert pixels[4:24, 14].min() > 200  # 20 pixels high, in the middle of 28


def test_a_ruled_line_across_a_digit_does_not_come_with_it() -> None:
    line = (0, 66, 160, 3)
    pixels, box = prepared(page_with(BAR, line), [segment_of(BAR)])
    assert box[1] == BAR[1]
    assert box[3] == BAR[3]
    assert box[2] <= BAR[2] + 2 * 4  # no more of it than the reach to both sides
    assert pixels.max() == 255


def test_ink_that_the_detector_missed_comes_with_the_piece_it_hangs_on() -> None:
    shorter = (BAR[0], BAR[1], BAR[2], BAR[3] - 10)
    _, box = prepared(page_with(BAR), [segment_of(shorter)])
    assert box == BAR


def test_a_neighbor_that_touches_keeps_its_own_ink() -> None:
    other = (72, 40, 12, 60)
    page = page_with(BAR, other)
    segments = [segment_of(BAR), segment_of(other)]
    for number, expected in ((1, BAR), (2, other)):
        _, box = prepared(page, segments, number)
        np.testing.assert_allclose(box, expected, atol=1)


def test_a_segment_whose_ink_another_one_claims_is_no_digit() -> None:
    with pytest.raises(PictureError):
        prepared(page_with(BAR), [segment_of(BAR), segment_of(BAR)], number=2)


def test_a_piece_of_a_longer_line_is_no_digit_and_a_1_on_a_line_is_one() -> None:
    with pytest.raises(PictureError):
        prepared(page_with((60, 0, 12, 140)), [segment_of(BAR)])
    _, box = prepared(page_with(BAR, (0, 100, 160, 3)), [segment_of(BAR)])
    assert abs(box[3] - BAR[3]) <= 6


def test_paper_is_a_plane_through_what_lies_around() -> None:
    y, x = np.mgrid[0:80, 0:100].astype(np.float64)
    slope = 150 + 0.5 * x - 0.3 * y
    noise = np.random.default_rng(0).normal(0, 2, slope.shape)
    tones = np.clip(slope + noise, 0, 255).astype(np.uint8)
    tones[:, 90:94] = 20  # a frame
    paper, grain = estimate_paper(tones, np.ones(tones.shape, bool))
    assert np.abs(paper - slope).max() < 2
    assert 1 < grain < 3


def test_even_paper_has_no_grain() -> None:
    paper, grain = estimate_paper(page_with(BAR), np.ones((140, 160), bool))
    assert grain == 0
    assert (paper == 220).all()


def test_a_segment_without_ink_is_refused() -> None:
    with pytest.raises(PictureError, match="no ink"):
        prepared(page_with(), [segment_of(BAR)])


def test_all_ink_in_a_drawn_box_is_the_digit_and_what_reaches_out_is_cut_off() -> None:
    page = page_with(BAR)
    digit = prepare_box(page, (50, 30, 40, 40), "auto", None)
    assert digit.box == (BAR[0], BAR[1], BAR[2], 30)
    with pytest.raises(PictureError, match="no ink in this box"):
        prepare_box(page, (5, 5, 30, 30), "auto", None)
    with pytest.raises(PictureError, match="no ink in this box"):
        prepare_box(page, (500, 5, 30, 30), "auto", None)


def shaded(page: Image) -> NDArray[np.uint8]:
    light = np.linspace(1.0, 0.5, page.shape[1])[None, :]
    noise = np.random.default_rng(1).normal(0, 1.5, page.shape)
    return np.clip(page * light + noise, 0, 255).astype(np.uint8)


def test_a_digit_in_falling_light_is_what_it_is_in_even_light() -> None:
    page = page_with()
    cv2.ellipse(page, (80, 70), (18, 30), 0, 0, 360, 40, 7, cv2.LINE_AA)
    box = (59, 37, 43, 67)
    mask = np.where(page[37:104, 59:102] < 130, 230, 0).astype(np.uint8)
    segment = Segment("digit", 0.9, box, mask)
    even, _ = prepared(page, [segment])
    dim, _ = prepared(shaded(page), [segment])
    assert np.abs(even.astype(float) - dim).mean() < 8
