"""Center lines and pens of the benchmarks: shapes drawn by hand, counted by hand or by OpenCV."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks._pens import draw
from benchmarks.stroke_digits import by_pen
from core.preprocessing.mnist_format import find_digit
from core.preprocessing.pens import Lines, center_lines, lines_of, thin


def blank(side: int = 60) -> NDArray[np.uint8]:
    return np.zeros((side, side), np.uint8)


def pieces(ink: NDArray[np.bool_]) -> int:
    return int(cv2.connectedComponents(ink.astype(np.uint8), connectivity=8)[0]) - 1


def holes(ink: NDArray[np.bool_]) -> int:
    ground = (~np.pad(ink, 1)).astype(np.uint8)
    return int(cv2.connectedComponents(ground, connectivity=4)[0]) - 2


def shapes() -> dict[str, NDArray[np.bool_]]:
    ring, eight, cross, two, wide = blank(), blank(), blank(), blank(), blank()
    cv2.circle(ring, (30, 30), 18, 1, 9)
    cv2.circle(eight, (30, 18), 10, 1, 5)
    cv2.circle(eight, (30, 40), 11, 1, 5)
    cv2.line(cross, (8, 30), (52, 30), 1, 7)
    cv2.line(cross, (30, 8), (30, 52), 1, 7)
    cv2.line(two, (8, 10), (50, 10), 1, 5)
    cv2.line(two, (10, 30), (50, 50), 1, 7)
    cv2.rectangle(wide, (5, 20), (54, 40), 1, -1)
    made = {"ring": ring, "eight": eight, "cross": cross, "two": two, "wide": wide}
    return {name: shape > 0 for name, shape in made.items()}


@pytest.mark.parametrize("name", list(shapes()))
def test_thinning_keeps_pieces_and_holes_and_leaves_one_pixel(name: str) -> None:
    ink = shapes()[name]
    lines = thin(ink)
    assert not (lines & ~ink).any()
    assert pieces(lines) == pieces(ink)
    assert holes(lines) == holes(ink)
    # One pixel wide: no square of 2×2 is full.
    assert not (lines[:-1, :-1] & lines[1:, :-1] & lines[:-1, 1:] & lines[1:, 1:]).any()
    assert (thin(lines) == lines).all()


def test_a_bar_becomes_its_middle_line() -> None:
    bar = blank() > 0
    bar[20:29, 5:55] = True  # nine rows, the middle one is 24
    rows, columns = np.nonzero(thin(bar))
    inner = (columns > 12) & (columns < 48)
    assert (rows[inner] == 24).all()
    assert sorted(columns[inner]) == list(range(13, 48))


def test_a_square_of_four_pixels_does_not_vanish() -> None:
    square = blank(6) > 0
    square[2:4, 2:4] = True
    assert thin(square).any()


def test_nothing_stays_nothing() -> None:
    assert not thin(blank() > 0).any()
    assert len(lines_of(blank() > 0).points) == 0


def test_lines_of_a_cross_have_four_ends_and_no_spurs() -> None:
    lines = lines_of(shapes()["cross"])
    ends = np.bincount(lines.edges.ravel(), minlength=len(lines.points)) == 1
    assert ends.sum() == 4
    # Near the middle of each of its four tips, half a stroke in at most.
    tips = np.array([[8, 30], [52, 30], [30, 8], [30, 52]])
    far = np.hypot(*(lines.points[ends][:, None] - tips[None]).transpose(2, 0, 1)).min(axis=1)
    assert far.max() < 5


@pytest.mark.parametrize("width", [8, 21, 40])
def test_a_pen_draws_a_stroke_of_its_width_with_round_ends(width: int) -> None:
    lines = Lines(np.array([[80.0, 140.0], [200.0, 140.0]]), np.array([[0, 1]]))
    ink = 255 - draw(lines, width, 280, 280).astype(float)
    # The ink of a round-capped stroke: its length times the width, and a disc.
    expected = 120 * width + np.pi * width**2 / 4
    assert ink.sum() / 255 == pytest.approx(expected, rel=0.04)
    assert ink[:, 140].sum() / 255 == pytest.approx(width, abs=1.1)


def test_a_drawn_digit_keeps_three_pens_and_the_canvas() -> None:
    lines = Lines(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0, 1]]))
    for seed in range(20):
        page = by_pen(lines, 40, np.random.default_rng(seed), pens_high=3)
        assert page.shape == (280, 280)
        # Its edge is smoothed over a pixel: half of one may lie on the border.
        assert page[[0, -1]].min() >= 120
        assert page[:, [0, -1]].min() >= 120
        # The center line is at least 120 px high, and a pen comes to it.
        assert (page.min(axis=1) < 128).sum() >= 120 + 40 - 2


def test_a_digit_redrawn_with_its_own_width_is_the_digit() -> None:
    """An 8 of rings 2.5 px wide: thinned and redrawn it is nearly what it was."""
    big = np.zeros((280, 280), np.uint8)
    cv2.circle(big, (140, 95), 42, 255, 25, cv2.LINE_AA)
    cv2.circle(big, (140, 185), 48, 255, 25, cv2.LINE_AA)
    digit = find_digit(255 - big, ink="dark", paper=255).pixels
    lines = center_lines(digit)
    page = draw(lines.moved(np.eye(2) * 10, np.full(2, 5.0)), 25, 280, 280)
    again = find_digit(page, ink="dark", paper=255).pixels
    assert np.abs(again.astype(int) - digit).mean() < 6
    assert holes(again > 127) == 2
