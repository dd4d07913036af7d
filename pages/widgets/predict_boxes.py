"""The uploaded picture with a box around each digit, and what happens when one is put right."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from core.box_corrections import added, moved, removed
from core.errors import PictureError
from core.page_digits import Found
from core.reading import Reading
from core.strokes import Box
from pages.widgets.answer import ReadyNetwork, in_words
from pages.widgets.picture_boxes import BoxCard, BoxEvents, picture_boxes
from pages.widgets.predict_source import Source, choose_digit, find_anew, is_put_right, put_right
from pages.widgets.words import plain

_TURN = "predict_boxes_turn"
_REFUSED = "predict_boxes_refused"
_KINDS = {"sure": "sure", "unsure": "unsure", "not a digit": "none"}


def show_boxes(
    source: Source, readings: Sequence[Reading], ready: ReadyNetwork, chosen: int | None
) -> None:
    """Draw the picture with its boxes; none, if nothing was found in it."""
    state = st.session_state
    found = [one.found for one in readings]

    def correct(change: Callable[[], tuple[tuple[Found, ...], int]]) -> None:
        state[_TURN] = state.get(_TURN, 0) + 1
        try:
            after, index = change()
        except (PictureError, IndexError) as error:
            state[_REFUSED] = str(error) if isinstance(error, PictureError) else ""
            return
        put_right(source, ready, after)
        choose_digit(source, index)

    def put(index: int, box: Box) -> None:
        correct(partial(moved, source.ground, found, index, box))

    def draw(box: Box) -> None:
        correct(partial(added, source.ground, found, box))

    def drop(index: int) -> None:
        correct(lambda: (removed(found, index), max(0, index - 1)))

    picture_boxes(
        source.pixels,
        [
            BoxCard(
                one.found.digit.box,
                one.text,
                f"Digit {k + 1}: {in_words(one)}",
                _KINDS[one.verdict.kind],
            )
            for k, one in enumerate(readings)
        ],
        key="predict-boxes",
        chosen=chosen,
        turn=state.get(_TURN, 0),
        events=BoxEvents(partial(choose_digit, source), put, draw, drop),
    )
    refused = state.pop(_REFUSED, "")
    if refused:
        st.warning(plain(refused), icon=":material/help:")
    if is_put_right(source):
        st.button(
            "Find the boxes anew",
            icon=":material/restart_alt:",
            type="tertiary",
            on_click=find_anew,
            args=(source,),
        )
