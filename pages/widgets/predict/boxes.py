"""The uploaded picture with a box around each digit, and the visitor's corrections of the boxes."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from core.inference.reader import DigitReading
from core.preprocessing.mnist_format import Box
from core.preprocessing.page.detection import FoundDigit, add_box, move_box, remove_box
from core.utils.errors import PictureError
from pages.widgets.components.box_editor import BoxCard, BoxEvents, picture_boxes
from pages.widgets.predict.reading import describe_reading
from pages.widgets.predict.source import (
    Source,
    choose_digit,
    discard_corrections,
    is_corrected,
    keep_correction,
)
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.warm_up import ReadyNetwork

_TURN = "predict_boxes_turn"
_REFUSED = "predict_boxes_refused"
_KINDS = {"sure": "sure", "unsure": "unsure", "not a digit": "none"}


def show_boxes(
    source: Source, readings: Sequence[DigitReading], ready: ReadyNetwork, chosen: int | None
) -> None:
    """Draw the picture with a box around each digit.

    Args:
        source: The picture.
        readings: The readings of its digits; empty if none was found.
        ready: The network in use.
        chosen: Index of the chosen digit; None if there is none.
    """
    state = st.session_state
    detections = [reading.detection for reading in readings]

    def correct(change: Callable[[], tuple[tuple[FoundDigit, ...], int]]) -> None:
        state[_TURN] = state.get(_TURN, 0) + 1
        try:
            after, index = change()
        except (PictureError, IndexError) as error:
            state[_REFUSED] = str(error) if isinstance(error, PictureError) else ""
            return
        keep_correction(source, ready, after)
        choose_digit(source, index)

    def put(index: int, box: Box) -> None:
        correct(partial(move_box, source.ground, detections, index, box))

    def draw(box: Box) -> None:
        correct(partial(add_box, source.ground, detections, box))

    def drop(index: int) -> None:
        correct(lambda: (remove_box(detections, index), max(0, index - 1)))

    picture_boxes(
        source.pixels,
        [_card(k, reading) for k, reading in enumerate(readings)],
        key="predict-boxes",
        chosen=chosen,
        turn=state.get(_TURN, 0),
        events=BoxEvents(partial(choose_digit, source), put, draw, drop),
    )
    refused = state.pop(_REFUSED, "")
    if refused:
        st.warning(plain(refused), icon=":material/help:")
    if is_corrected(source):
        st.button(
            "Find the boxes anew",
            icon=":material/restart_alt:",
            type="tertiary",
            on_click=discard_corrections,
            args=(source,),
        )


def _card(index: int, reading: DigitReading) -> BoxCard:
    """Return what the picture shows at a digit."""
    words = f"Digit {index + 1}: {describe_reading(reading)}"
    return BoxCard(reading.detection.digit.box, reading.text, words, _KINDS[reading.verdict.kind])
