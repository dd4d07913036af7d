"""Legend of the diverging color scale for signed numbers."""

import streamlit as st

from core.figures.images import css_gradient


def color_legend(low: str, middle: str, high: str) -> None:
    """Draw the diverging color scale, red to blue.

    Args:
        low: Label at the red end.
        middle: Label in the middle.
        high: Label at the blue end.
    """
    bar = (
        f"<div style='height:10px;border-radius:3px;"
        f"background:{css_gradient(st.context.theme.type)}'>"
        "</div>"
    )
    words = "".join(f"<span>{text}</span>" for text in (low, middle, high))
    st.html(
        f"<div style='max-width:340px;font-size:0.8rem'>{bar}"
        f"<div style='display:flex;justify-content:space-between'>{words}</div></div>"
    )
