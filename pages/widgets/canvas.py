"""The drawing canvas: black ink on white in both themes, like paper."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit_drawable_canvas import st_canvas

SIDE = 280
PEN_WIDTHS = (4, 40)
PEN_WIDTH = 18


def canvas() -> NDArray[np.uint8] | None:
    """Draw the canvas with its pen width and clear button.

    Returns the drawing, uint8 (280, 280, 4) RGBA, or None before the first stroke.
    """
    tries = st.session_state.setdefault("canvas_tries", 0)
    width = st.slider(
        "Pen width", *PEN_WIDTHS, PEN_WIDTH, format="%d px", key="pen_width", width=SIDE
    )
    result = st_canvas(
        stroke_width=width,
        stroke_color="#000000",
        background_color="#ffffff",
        height=SIDE,
        width=SIDE,
        return_image_data=True,
        # A new key is a new, empty canvas.
        key=f"canvas-{tries}",
    )
    st.button(
        "Clear",
        icon=":material/delete:",
        on_click=lambda: st.session_state.update(canvas_tries=tries + 1),
    )
    drawn = bool(result.json_data and result.json_data.get("objects"))
    picture: NDArray[np.uint8] | None = result.image_data
    return picture if drawn else None
