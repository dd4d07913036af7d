"""Predict: draw or upload digits; see what the network reads, how, why, and how confidently."""

from collections.abc import Callable
from functools import partial
from typing import Final, Literal, get_args

import streamlit as st

from core.inference.reader import DigitReading
from core.utils.errors import PictureError, RunError
from pages.widgets.predict.batch import choose_source
from pages.widgets.predict.boxes import show_boxes
from pages.widgets.predict.choice_buttons import explanation_choice, suggest_turn_of
from pages.widgets.predict.counterfactuals import counterfactuals_view
from pages.widgets.predict.files import choose_files
from pages.widgets.predict.preprocessing_steps import preprocessing_view
from pages.widgets.predict.source import (
    NOTHING_READ,
    PageReading,
    Source,
    choose_digit,
    chosen_digit,
    drawn,
    read_source,
    suggested_turn,
)
from pages.widgets.predict.why import explanation_view
from pages.widgets.shared.answer import show_answer, show_nothing_yet
from pages.widgets.shared.canvas import wide_sheet
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import require_app
from pages.widgets.shared.run_picker import NO_RUN, network_in_use
from pages.widgets.shared.url_state import among, follow
from pages.widgets.shared.user_digits import my_digits_view, remember
from pages.widgets.shared.warm_up import ReadyNetwork, wake_up

Way = Literal["Draw", "Upload", "Camera"]
View = Literal["Preprocessing", "Explanation", "Counterfactuals", "My digits"]
_WAYS: Final[tuple[Way, ...]] = get_args(Way)
VIEWS: Final[tuple[View, ...]] = get_args(View)
# Parameter of the view in the address. (A string below it would be shown on the page.)
_LOOK: Final = "look"


@st.fragment
def _read_digits() -> None:
    """Draw input and prediction side by side; a fragment, so that a stroke redraws only this."""
    drawing = st.session_state.get("way", _WAYS[0]) == "Draw"
    left, right = st.columns([8, 5] if drawing and wide_sheet() else [5, 6], gap="large")
    ready: ReadyNetwork | None = None
    reading = NOTHING_READ
    source: Source | None = None
    try:
        with left:
            way: Way = st.segmented_control(
                "How",
                _WAYS,
                default=_WAYS[0],
                required=True,
                label_visibility="collapsed",
                key="way",
            )
            items = [] if way == "Draw" else choose_files(way)
            source = drawn() if way == "Draw" else None
        if source or items:
            ready = _network_in_use(right)
        if ready and items:
            with left:
                source = choose_source(items, ready)
        if ready and source:
            reading = _read(source, ready, right)
            if way != "Draw":
                with left:
                    suggest_turn_of(source, suggested_turn(source, reading, ready))
                    count = len(reading.digits)
                    show_boxes(source, reading, chosen_digit(source, count) if count else None)
    except PictureError as error:
        left.error(plain(str(error)), icon=":material/broken_image:")
    except RunError as error:
        right.error(plain(str(error)), icon=":material/broken_image:")
        ready = None
    chosen = None
    readings = reading.digits
    with right:
        if source is None and not items:
            show_nothing_yet()
        elif source and ready and readings:
            at = chosen_digit(source, len(readings))
            chosen = readings[at]
            show_answer(readings, reading.page.signs, ready, at, partial(choose_digit, source))
            explanation_choice(source, reading)
            verdict = chosen.verdict
            remember(
                chosen.detection.digit.pixels,
                key=None if len(readings) == 1 else f"{at}",
                answer=None if verdict.kind == "not a digit" else verdict.digit,
            )
        elif source and ready:
            explanation_choice(source, reading)
    _look_closer(source, ready, chosen, alone=len(readings) == 1)


def _network_in_use(place: st.delta_generator.DeltaGenerator) -> ReadyNetwork | None:
    """Load the network in use; None, after a sentence in that place, if there is none."""
    with place:
        network = network_in_use()
        if network is None:
            st.error(NO_RUN)
            return None
        return wake_up(network)


def _read(
    source: Source, ready: ReadyNetwork, place: st.delta_generator.DeltaGenerator
) -> PageReading:
    """Read every digit of the picture; if none is found, draw a sentence in that place."""
    try:
        reading = read_source(source, ready)
    except PictureError as error:
        place.warning(plain(str(error)), icon=":material/help:")
        return NOTHING_READ
    if not reading.digits:
        place.info("There is no box left: draw one around a digit.", icon=":material/select:")
    return reading


@st.fragment
def _look_closer(
    source: Source | None, ready: ReadyNetwork | None, chosen: DigitReading | None, *, alone: bool
) -> None:
    """Draw the chosen view of the chosen digit; a view that is closed computes nothing."""
    follow(_LOOK, among(VIEWS))
    view: View | None = st.segmented_control(
        "Look closer",
        VIEWS,
        key=_LOOK,
        bind="query-params",
        persist_state="session",
        wrap=True,
        help="Press one to open it, and again to shut it.",
    )
    if view is None:
        return
    if view == "My digits":
        my_digits_view()
        return
    if source is None or ready is None or chosen is None:
        st.info("Draw a digit or bring a picture first.", icon=":material/draw:")
        return
    detection = chosen.detection
    views: dict[View, Callable[[], None]] = {
        "Preprocessing": lambda: preprocessing_view(detection, source.pixels, ready, alone=alone),
        "Explanation": lambda: explanation_view(detection.digit, ready.network),
        "Counterfactuals": lambda: counterfactuals_view(detection.digit, ready.network),
    }
    views[view]()


require_app()

st.set_page_config(layout="wide")  # a number, and a page with its boxes, want room
st.title("Predict", anchor=False)
st.write(
    "Draw digits, or bring pictures of them, and see what the network reads, and how sure it is."
)
_read_digits()
