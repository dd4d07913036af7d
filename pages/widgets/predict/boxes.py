"""The uploaded picture with a box around each digit, and the visitor's corrections of the boxes."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from core.inference.reader import DigitReading
from core.preprocessing.mnist_format import Box
from core.preprocessing.page.box_corrections import add_box, move_box, remove_box
from core.preprocessing.page.detection import FoundDigit, FoundSign
from core.utils.errors import PictureError
from pages.widgets.components.box_editor import BoxCard, BoxEvents, SignCard, picture_boxes
from pages.widgets.predict.choice_buttons import turn_buttons
from pages.widgets.predict.source import (
    PageReading,
    Source,
    choose_digit,
    discard_corrections,
    is_corrected,
    keep_correction,
)
from pages.widgets.shared.answer import describe_reading
from pages.widgets.shared.markdown import plain

_TURN = "predict_boxes_turn"
_REFUSED = "predict_boxes_refused"
_KINDS = {"sure": "sure", "unsure": "unsure", "not a digit": "none"}
_SIGN_NAMES = {".": "point", ",": "comma", "-": "minus", "/": "slash"}


def show_boxes(source: Source, reading: PageReading, chosen: int | None) -> None:
    """Draw the picture with a box around each digit, its signs marked, and buttons to turn it.

    Args:
        source: The picture.
        reading: What was read in it.
        chosen: Index of the chosen digit; None if there is none.
    """
    state = st.session_state
    detections = reading.page.digits

    def correct(change: Callable[[], tuple[tuple[FoundDigit, ...], int]]) -> None:
        state[_TURN] = state.get(_TURN, 0) + 1
        try:
            after, index = change()
        except (PictureError, IndexError) as error:
            state[_REFUSED] = str(error) if isinstance(error, PictureError) else ""
            return
        keep_correction(source, after)
        choose_digit(source, index)

    def put(index: int, box: Box) -> None:
        correct(partial(move_box, source.ground, detections, index, box))

    def draw(box: Box) -> None:
        correct(partial(add_box, source.ground, detections, box))

    def drop(index: int) -> None:
        correct(lambda: (remove_box(detections, index), max(0, index - 1)))

    picture_boxes(
        source.pixels,
        [_card(k, digit) for k, digit in enumerate(reading.digits)],
        [_sign_card(sign) for sign in reading.page.signs],
        key="predict-boxes",
        chosen=chosen,
        turn=state.get(_TURN, 0),
        events=BoxEvents(partial(choose_digit, source), put, draw, drop),
    )
    refused = state.pop(_REFUSED, "")
    if refused:
        st.warning(plain(refused), icon=":material/help:")
    with st.container(horizontal=True, gap="medium"):
        turn_buttons(source)
        if is_corrected(source):
            st.button(
                "Detect the digits again",
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=discard_corrections,
                args=(source,),
            )


def _card(index: int, reading: DigitReading) -> BoxCard:
    """Return what the picture shows at a digit."""
    words = f"Digit {index + 1}: {describe_reading(reading)}"
    return BoxCard(reading.detection.digit.box, reading.text, words, _KINDS[reading.verdict.kind])


def _sign_card(sign: FoundSign) -> SignCard:
    return SignCard(sign.box, sign.text, f"Sign: {_SIGN_NAMES[sign.text]}")
