"""Progress: kept, moved by link and file, and safe from what others send."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.lessons.lesson import find_lesson
from core.lessons.progress import READ, Progress, progress_from_link, progress_from_text
from core.utils.compact_text import pack_text
from core.utils.errors import LessonError

LESSON = find_lesson("purawr")
IMAGE, FLATTEN = LESSON.steps[0], LESSON.steps[1]
CELL = next(step for step in LESSON.steps if step.id == "matrix")
OWN_FILE = LESSON.steps[-1]


def test_guesses_are_kept_and_the_next_step_is_the_first_without_one() -> None:
    progress = Progress()
    assert progress.next_step(LESSON) is IMAGE
    progress.note(LESSON, IMAGE, "6")
    assert (progress.done(LESSON), progress.next_step(LESSON)) == (1, FLATTEN)
    progress.note(LESSON, CELL, (4, 9))
    progress.note(LESSON, OWN_FILE, READ)
    assert progress.done(LESSON) == 3
    progress.forget(LESSON, IMAGE)
    assert progress.next_step(LESSON) is IMAGE
    progress.forget(LESSON)
    assert progress.done(LESSON) == 0
    for step in LESSON.steps:
        progress.note(LESSON, step, "6")
    assert progress.next_step(LESSON).id  # never fails


def test_a_guess_of_another_kind_counts_as_none() -> None:
    progress = Progress({"purawr": {"image": 6.0, "flatten": "x", "matrix": "6"}})
    assert progress.done(LESSON) == 0


def test_link_and_file_hold_all_of_it() -> None:
    progress = Progress({"purawr": {"image": "6", "flatten": 39250.0, "matrix": (4, 9)}})
    assert progress_from_text(progress.to_text()) == progress
    assert progress_from_link(progress.to_link()) == progress


def test_another_devices_progress_is_added_and_what_is_here_stays() -> None:
    here = Progress({"purawr": {"image": "6"}})
    here.add(Progress({"purawr": {"image": "8", "flatten": 1.0}, "soorya": {"train": 97.0}}))
    assert here.guesses == {
        "purawr": {"image": "6", "flatten": 1.0},
        "soorya": {"train": 97.0},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "7",
        '{"a": 3}',
        '{"a": {"b": null}}',
        '{"a": {"b": [1, 2, 3]}}',
        '{"a": {"b": true}}',
        "[" * 5000,
        '{"a": "' + "x" * 60_000 + '"}',
    ],
)
def test_what_is_no_progress_is_refused(text: str) -> None:
    with pytest.raises(LessonError, match="Your own is unchanged"):
        progress_from_text(text)
    with pytest.raises(LessonError, match="Your own is unchanged"):
        progress_from_link(text)
    with pytest.raises(LessonError, match="Your own is unchanged"):
        progress_from_link(pack_text(text))


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    for read in (progress_from_text, progress_from_link):
        with contextlib.suppress(LessonError):
            read(text)
