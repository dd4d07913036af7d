"""The colors of signed numbers, with the numbers at which they end."""

import streamlit as st

from core.figures.images import css_gradient


def color_legend(low: str, middle: str, high: str) -> None:
    """Draw the diverging colors, red to blue, with what stands at their ends and in the middle."""
    bar = (
        f"<div style='height:10px;border-radius:3px;"
        f"background:{css_gradient(st.context.theme.type)}'>"
        "</div>"
    )
    words = "".join(f"<span>{one}</span>" for one in (low, middle, high))
    st.html(
        f"<div style='max-width:340px;font-size:0.8rem'>{bar}"
        f"<div style='display:flex;justify-content:space-between'>{words}</div></div>"
    )
