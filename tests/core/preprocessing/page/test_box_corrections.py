"""Boxes that somebody put right: added, moved, removed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.preprocessing.mnist_format import Box, PreparedDigit
from core.preprocessing.page.box_corrections import (
    PreparedPage,
    add_box,
    clip_box,
    in_reading_order,
    move_box,
    remove_box,
)
from core.preprocessing.page.detection import FoundDigit, find_page
from core.utils.errors import PictureError


def found_at(box: Box, line: int = 0, number: int = 0) -> FoundDigit:
    return FoundDigit(PreparedDigit(np.zeros((28, 28), np.uint8), (), box), line, number)


def places(detections: tuple[FoundDigit, ...]) -> list[tuple[int, int, int]]:
    """Left end, line and number of each digit."""
    return [(detection.digit.box[0], detection.line, detection.number) for detection in detections]


def bars(*lefts: int, tops: tuple[int, ...] = (20,)) -> NDArray[np.uint8]:
    """Upright strokes, 8×60, black on white, in a picture of 300×200."""
    picture = np.full((200, 300), 255, np.uint8)
    for top in tops:
        for left in lefts:
            picture[top : top + 60, left : left + 8] = 0
    return picture


def test_a_box_stays_inside_its_picture() -> None:
    assert clip_box((-5, 10, 20, 20), 100, 50) == (0, 10, 15, 20)
    assert clip_box((90, 40, 30, 30), 100, 50) == (90, 40, 10, 10)
    assert clip_box((99, 49, 1, 1), 100, 50) == (96, 46, 4, 4)


def test_a_moved_box_is_read_anew_and_kept_as_it_was_drawn() -> None:
    ground = PreparedPage(bars(40, 120))
    before = find_page(ground.picture).digits
    assert len(before) == 2
    # Half of the second stroke: the ink in the box is half as long, but scaled to the same height.
    after, index = move_box(ground, before, 1, (110, 15, 30, 35))
    assert index == 1
    assert after[1].digit.box == (110, 15, 30, 35)
    assert after[0] is before[0] or after[0].digit is before[0].digit
    widths = [
        int((detection.digit.pixels.max(axis=0) > 127).sum()) for detection in (before[1], after[1])
    ]
    assert widths[1] > widths[0]


def test_a_box_carried_past_another_changes_places_with_it() -> None:
    ground = PreparedPage(bars(40, 120, 200))
    two = remove_box(find_page(ground.picture).digits, 2)
    after, index = move_box(ground, two, 0, (190, 10, 30, 80))
    assert [left for left, *_ in places(after)] == [120, 190]
    assert index == 1


def test_a_new_box_joins_the_line_and_the_number_it_stands_in() -> None:
    ground = PreparedPage(bars(40, 70, 230))
    two = in_reading_order([found_at((40, 20, 8, 60)), found_at((230, 20, 8, 60), number=1)])
    after, index = add_box(ground, two, (65, 15, 20, 70))
    assert index == 1
    assert places(after) == [(40, 0, 0), (65, 0, 0), (230, 0, 1)]


def test_a_new_box_below_gets_a_line_of_its_own() -> None:
    ground = PreparedPage(bars(40, tops=(20, 120)))
    above = (found_at((40, 20, 8, 60)),)
    after, index = add_box(ground, above, (35, 115, 20, 70))
    assert (index, [detection.line for detection in after]) == (1, [0, 1])
    below = (found_at((40, 120, 8, 60)),)
    after, index = add_box(ground, below, (35, 15, 20, 70))
    assert (index, [detection.line for detection in after]) == (0, [0, 1])


def test_removing_a_whole_line_counts_the_others_anew() -> None:
    page = tuple(found_at((40, y, 8, 8), line=k, number=k) for k, y in enumerate((0, 20, 40)))
    assert [(detection.line, detection.number) for detection in remove_box(page, 1)] == [
        (0, 0),
        (1, 1),
    ]
    with pytest.raises(IndexError):
        remove_box(page, 3)


def test_a_box_around_nothing_is_refused_with_a_sentence() -> None:
    ground = PreparedPage(bars(40))
    with pytest.raises(PictureError, match="no ink"):
        add_box(ground, find_page(ground.picture).digits, (200, 100, 40, 40))
