"""The canvas on the home page, with the answer beside it and the next steps below."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.utils.errors import DigitscopeError, PictureError
from pages.widgets.shared.canvas import PAPER, canvas
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.run_picker import NO_RUN, network_in_use
from pages.widgets.shared.warm_up import ReadyNetwork, wake_up

_CHOSEN = "home_chosen"
_PREDICT_VIEW, _FILTERS_WAY = "look", "filters-way"


@st.fragment
def try_it() -> None:
    """Draw the canvas and, once there is a drawing, what the network in use reads in it."""
    left, right = st.columns([5, 6], gap="large")
    try:
        with left:
            pixels = canvas()
        # Only now: on a fresh server they take a second, and the canvas is there by then.
        from pages.widgets.shared.answer import show_nothing_yet

        with right:
            if pixels is None:
                show_nothing_yet()
                return
            network = network_in_use()
            if network is None:
                st.error(NO_RUN)
                return
            _answer(pixels, wake_up(network))
            _next_steps()
    except PictureError as error:
        right.warning(plain(str(error)), icon=":material/help:")
    except DigitscopeError as error:
        right.error(plain(str(error)), icon=":material/error:")


def _answer(pixels: NDArray[np.uint8], ready: ReadyNetwork) -> None:
    """Read the drawing and draw the answer. Raises PictureError if there is no digit."""
    from core.inference.reader import read_digits
    from core.preprocessing.page.detection import find_page
    from pages.widgets.shared.answer import show_answer

    page = find_page(pixels, ink="dark", paper=PAPER)
    readings = read_digits(page.digits, ready.ask, ready.temperature)
    chosen = min(st.session_state.get(_CHOSEN, 0), len(readings) - 1)
    show_answer(readings, page.signs, ready, chosen, _choose)


def _choose(index: int) -> None:
    st.session_state[_CHOSEN] = index


def _next_steps() -> None:
    """Draw the buttons that open another page with the same drawing."""
    with st.container(horizontal=True):
        if st.button("Show every step", icon=":material/stairs:"):
            _open("predict", _PREDICT_VIEW, "Preprocessing")
        if st.button("Explain the answer", icon=":material/psychology:"):
            _open("predict", _PREDICT_VIEW, "Explanation")
        if st.button("Show the feature maps", icon=":material/filter_b_and_w:"):
            _open("filters", _FILTERS_WAY, "Draw")


def _open(page: str, key: str, value: str) -> None:
    st.session_state[key] = value
    # Not without query_params: clearing those that are bound to a widget is an error.
    st.switch_page(pages()[page], query_params={})
