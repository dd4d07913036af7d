"""The Predict page's map of the pixels that speak for an answer, laid over the digit."""

from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.architectures import Conv
from core.attribution_pictures import Theme, overlay
from core.runs import Network
from core.second_opinions import calibrated
from core.text import NAMES
from pages.widgets.colour_legend import colour_legend
from pages.widgets.why_question import choose_question
from pages.widgets.why_words import ABOUT, EMPTY_MAP, TITLES

if TYPE_CHECKING:
    from core.attribution import Method

METHOD: Final = "predict-why-method"
_OFFERED: Final[tuple["Method", ...]] = ("occlusion", "integrated-gradients", "grad-cam")
_PX: Final = 300


def why_map(pixels: NDArray[np.uint8], network: Network) -> None:
    """Draw which pixels speak for a digit, by a method that is chosen.

    Args:
        pixels: the digit, uint8 (28, 28).
        network: a run's, finished or as it was after an epoch.

    Raises:
        RunError: the network cannot be asked.
        PictureError: the digit is blank.
    """
    st.subheader("Which pixels speak for it", anchor=False)
    answers = calibrated(network)(pixels[None])[0]
    question = choose_question("predict-why", (network, pixels.tobytes()), answers)
    method = _method(network)
    from core.attribution import explained

    with st.spinner("Asking which pixels matter …", show_time=True):
        found = explained(network, pixels, question, method)
    first = NAMES[question.digit]
    against = "against it" if question.other is None else f"for {NAMES[question.other]}"
    theme: Theme = "dark" if st.context.theme.type == "dark" else "light"
    with st.container(width=_PX):  # or as much as a phone has
        st.image(
            overlay(found, pixels, theme),
            width="stretch",
            alt=f"{TITLES[method]}: which places of the digit speak for {first}",
        )
    colour_legend(f"red: {against}", "0", f"blue: for {first}")
    if not found.any():
        st.info(EMPTY_MAP)
    st.caption(f"The line is the digit. {ABOUT[method]}")


def _method(network: Network) -> "Method":
    """Draw the choice of the method: occlusion first, the quickest that every network bears."""
    rows = network.run.info.recipe.architecture.rows()
    convolutions = any(isinstance(row.layer, Conv) for row in rows)
    offered = [one for one in _OFFERED if convolutions or one != "grad-cam"]
    state = st.session_state
    if state.get(METHOD) not in offered:
        state[METHOD] = offered[0]
    method: Method | None = st.segmented_control(
        "Method",
        offered,
        format_func=TITLES.__getitem__,
        required=True,
        key=METHOD,
        persist_state="session",
        label_visibility="collapsed",
    )
    return method or offered[0]
