"""A blank picture with the mark of a sign in its middle, and the box that is drawn on it."""

import numpy as np
import streamlit as st

from pages.widgets.components.box_editor import BoxEvents, SignCard, picture_boxes


def _nothing(*_: object) -> None:
    """Nothing is opened, moved or removed here."""


def _added(box: tuple[int, int, int, int]) -> None:
    st.session_state["added"] = box


picture_boxes(
    np.full((200, 400, 3), 255, np.uint8),
    [],
    [SignCard((180, 96, 40, 8), "-", "Sign: minus")],
    key="boxes",
    chosen=None,
    turn=0,
    events=BoxEvents(_nothing, _nothing, _added, _nothing),
)
st.write("Drawn:", str(st.session_state.get("added", "nothing")))
