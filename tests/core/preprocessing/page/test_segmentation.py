"""Ink that is joined to centers, and what several scales say of the same thing."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.preprocessing.page import detector
from core.preprocessing.page.segmentation import Segment, find_segments, label_segments
from tests.helpers.made_pictures import Image

Floats = NDArray[np.float32]
Answer = tuple[Floats, Floats, Floats]
STRIDE = detector.STRIDE


def answer(
    shape: tuple[int, int], items: list[tuple[slice, slice, tuple[int, int], float, int]]
) -> Answer:
    """A detector's answer: rows and columns of ink, the cell of its center, score and kind."""
    ink = np.zeros((*shape, 2), np.float32)
    grid = (shape[0] // STRIDE, shape[1] // STRIDE)
    centers = np.zeros((*grid, len(detector.KINDS)), np.float32)
    offsets = np.zeros((*grid, 2), np.float32)
    y, x = np.mgrid[0 : grid[0], 0 : grid[1]] * STRIDE + STRIDE / 2
    for rows, columns, (row, column), score, kind in items:
        ink[rows, columns, kind] = 0.9
        centers[row, column, kind] = score
        middle = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        cells = np.s_[
            rows.start // STRIDE : -(-rows.stop // STRIDE),
            columns.start // STRIDE : -(-columns.stop // STRIDE),
        ]
        offsets[cells] = np.stack([middle[0] - x, middle[1] - y], axis=-1)[cells]
    return ink, centers, offsets


@pytest.fixture
def detected(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, Answer]], None]:
    """Let the detector give these answers, by the width of the padded picture; else nothing."""

    def set_answers(answers: dict[int, Answer]) -> None:
        def detect(copies: Sequence[Image]) -> list[Answer]:
            return [
                answers.get(copy.shape[1], answer((copy.shape[0], copy.shape[1]), []))
                for copy in copies
            ]

        monkeypatch.setattr(detector, "detect", detect)

    return set_answers


def indifferent(rivals: Sequence[Segment]) -> list[float]:
    return [0.5] * len(rivals)


def padded(side: int) -> int:
    """The width of a picture of that side with its pad."""
    return -(-(side + 16) // 8) * 8


def test_ink_that_touches_is_parted_by_where_it_leads(
    detected: Callable[[dict[int, Answer]], None],
) -> None:
    side = padded(128)
    left = (slice(40, 80), slice(40, 64), (15, 12), 0.9, 0)
    right = (slice(40, 80), slice(64, 88), (15, 18), 0.8, 0)
    detected({side: answer((side, side), [left, right])})
    segments = find_segments(np.full((128, 128), 255, np.uint8), indifferent)
    assert [segment.kind for segment in segments] == ["digit", "digit"]
    # The pad of 8 pixels is taken off; offsets are smoothed over one cell where they change.
    np.testing.assert_allclose(segments[0].box, (32, 32, 24, 40), atol=3)
    np.testing.assert_allclose(segments[1].box, (56, 32, 24, 40), atol=3)


def test_ink_that_leads_to_no_center_belongs_to_no_digit(
    detected: Callable[[dict[int, Answer]], None],
) -> None:
    side = padded(128)
    ink, centers, offsets = answer((side, side), [(slice(40, 80), slice(40, 64), (15, 12), 0.9, 0)])
    ink[100:104, 20:120, 0] = 0.9  # a ruled line that the detector takes for ink
    detected({side: (ink, centers, offsets)})
    (segment,) = find_segments(np.full((128, 128), 255, np.uint8), indifferent)
    np.testing.assert_allclose(segment.box, (32, 32, 24, 40), atol=2)


def test_what_two_scales_show_is_kept_once_and_the_surer_one_counts(
    detected: Callable[[dict[int, Answer]], None],
) -> None:
    large, small = padded(128), padded(64)
    part = (slice(40, 60), slice(40, 64), (12, 12), 0.6, 0)
    whole = (slice(24, 48), slice(20, 36), (8, 6), 0.9, 0)
    detected({large: answer((large, large), [part]), small: answer((small, small), [whole])})
    (segment,) = find_segments(np.full((128, 128), 255, np.uint8), indifferent)
    assert segment.score == pytest.approx(0.9)
    np.testing.assert_allclose(segment.box, (24, 32, 32, 48), atol=3)


def test_where_two_scales_show_different_ink_the_rating_decides(
    detected: Callable[[dict[int, Answer]], None],
) -> None:
    large, small = padded(128), padded(64)
    digit = (slice(48, 80), slice(48, 72), (15, 14), 0.7, 0)
    with_frame = (slice(12, 60), slice(12, 60), (8, 8), 0.8, 0)
    detected({large: answer((large, large), [digit]), small: answer((small, small), [with_frame])})

    def rate(rivals: Sequence[Segment]) -> list[float]:
        return [1.0 if max(rival.box[2:]) < 50 else 0.0 for rival in rivals]

    (segment,) = find_segments(np.full((128, 128), 255, np.uint8), rate)
    np.testing.assert_allclose(segment.box, (40, 40, 24, 32), atol=3)


def test_signs_are_told_from_digits(detected: Callable[[dict[int, Answer]], None]) -> None:
    side = padded(128)
    point = (slice(72, 80), slice(72, 80), (18, 18), 0.7, 1)
    digit = (slice(40, 80), slice(40, 64), (15, 12), 0.9, 0)
    detected({side: answer((side, side), [digit, point])})
    segments = find_segments(np.full((128, 128), 255, np.uint8), indifferent)
    assert [segment.kind for segment in segments] == ["digit", "."]


def test_a_pixel_belongs_to_the_segment_whose_ink_it_most_probably_is() -> None:
    faint = Segment("digit", 0.9, (0, 0, 4, 4), np.full((4, 4), 150, np.uint8))
    strong = Segment("digit", 0.8, (2, 0, 4, 4), np.full((4, 4), 200, np.uint8))
    labels = label_segments([faint, strong], (5, 6))
    np.testing.assert_array_equal(labels[0], [1, 1, 2, 2, 2, 2])
    assert not labels[4].any()


@pytest.mark.parametrize("shape", [(20, 20), (8, 300), (1000, 40), (3000, 4000)])
def test_pictures_of_any_shape_are_shown_in_sizes_that_the_network_takes(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, int]] = []

    def detect(copies: Sequence[Image]) -> list[Answer]:
        shapes.extend((copy.shape[0], copy.shape[1]) for copy in copies)
        return [answer(shape, []) for shape in shapes]

    monkeypatch.setattr(detector, "detect", detect)
    assert find_segments(np.zeros(shape, np.uint8), indifferent) == []
    assert shapes
    assert all(side % detector.SIZE_MULTIPLE == 0 for both in shapes for side in both)
    assert max(map(max, shapes)) < 800
    assert len(shapes) <= detector.MAX_COPIES


def test_a_real_picture_gives_the_ink_of_its_digit(digits: Image) -> None:
    page = np.full((200, 200), 255, np.uint8)
    large = cv2.resize(digits[12], (120, 120), interpolation=cv2.INTER_CUBIC)
    page[40:160, 40:160] = 255 - large
    segments = [segment for segment in find_segments(page, indifferent) if segment.kind == "digit"]
    x, y, w, h = segments[0].box
    covered = np.zeros(page.shape, bool)
    covered[y : y + h, x : x + w] = segments[0].ink > 127
    ink = page < 100
    assert (covered & ink).sum() > 0.85 * ink.sum()
    assert (covered & (page > 250)).sum() < 0.3 * covered.sum()
