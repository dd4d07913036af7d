"""What a lesson measures in: the visitor's own run, or the shipped one, and their drawing."""

import streamlit as st

from core.lessons.drawing import read_drawing
from core.lessons.lesson import Lesson, Step
from core.lessons.measures import Drawing, Subject
from core.preprocessing.image_files import decode_image
from core.runs import registry
from core.runs.permissions import is_mine
from core.runs.run import Run
from core.utils.errors import LessonError
from pages.widgets.shared.canvas import DRAWING
from pages.widgets.shared.run_picker import network_in_use
from pages.widgets.shared.warm_up import wake_up


def lesson_run(lesson: Lesson, token: str) -> tuple[Run | None, bool]:
    """The run that a lesson is about: the visitor's newest by its preset, else the shipped one.

    Args:
        lesson: The lesson.
        token: The visitor's token.

    Returns:
        The run, and whether it is the visitor's own; None if the lesson has no run.

    Raises:
        RunError: The shipped run cannot be read.
    """
    if not lesson.run:
        return None, False
    own = [
        run
        for run in registry.list_runs()
        if isinstance(run, Run)
        and run.info.preset == lesson.run
        and run.info.model_sha256
        and is_mine(run, token)
    ]
    if own:
        return max(own, key=lambda run: run.info.created), True
    return registry.find_run(lesson.run), False


def subject_of(step: Step, run: Run | None) -> Subject:
    """What a step measures in. Reads the visitor's drawing if the step asks for it.

    Args:
        step: The step.
        run: The lesson's run.

    Raises:
        DigitscopeError: There is no drawing, or no digit in it, or no network to read it.
    """
    needs_drawing = any(measured.of_drawing for measured in step.measured().values())
    return Subject(run, _drawing() if needs_drawing else None)


def _drawing() -> Drawing | None:
    png = st.session_state.get(DRAWING)
    if not png:
        return None
    network = network_in_use()
    if network is None:
        raise LessonError("There is no network to read the drawing. Train one first.")
    ready = wake_up(network)
    return read_drawing(decode_image(png, "The drawing").pixels, ready.ask, ready.temperature)
