"""Predict: draw a digit or upload one, and see what the network reads and what it saw."""

import streamlit as st

from core.errors import PictureError
from core.preprocessing import find_digit
from pages.widgets.answer import show_answer, show_nothing_yet
from pages.widgets.canvas import PAPER, canvas
from pages.widgets.my_digits import remember
from pages.widgets.navigation import through_app
from pages.widgets.run_picker import chosen_epoch, chosen_run
from pages.widgets.upload import uploaded
from pages.widgets.words import plain


@st.fragment
def _read_a_digit() -> None:
    """Input on the left, answer on the right; a fragment, so that a stroke redraws only this."""
    left, right = st.columns([5, 6], gap="large")
    with left:
        way = st.segmented_control(
            "How",
            ["Draw", "Upload"],
            default="Draw",
            required=True,
            label_visibility="collapsed",
            key="way",
        )
        try:
            picture = uploaded("upload") if way == "Upload" else canvas()
        except PictureError as error:
            st.error(plain(str(error)), icon=":material/broken_image:")
            picture = None
    with right:
        if picture is None:
            show_nothing_yet()
            return
        try:
            if way == "Upload":
                digit = find_digit(picture)
            else:
                digit = find_digit(picture, ink="dark", paper=PAPER)
        except PictureError as error:
            st.warning(plain(str(error)), icon=":material/help:")
            return
        show_answer(digit, chosen_run(), chosen_epoch())
        remember(digit.pixels)


through_app()

st.title("Predict")
st.write(
    "Draw a digit, or upload a picture of one, and see what the network reads, and how sure it is."
)
_read_a_digit()
