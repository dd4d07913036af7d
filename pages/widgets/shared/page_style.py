"""The style sheet of every page: contrast, space, and how a page looks on paper."""

from pathlib import Path
from typing import Final

import streamlit as st

_STYLE: Final = Path(__file__).with_name("page_style.css")


def apply_style() -> None:
    """Add the style sheet to the page; it takes no room there."""
    st.html(_STYLE)
