"""The choice between the ways in which a map lays digits flat."""

from typing import Any, Final

import streamlit as st

from core.data.projection import METHODS, Method

WAY_NAMES: Final[dict[Method, str]] = {"pca": "PCA", "tsne": "t-SNE"}


def choose_way(key: str, **more: Any) -> Method:
    """Draw the choice, kept for the session, and give it. `more`: for the widget."""
    found: Method = st.segmented_control(
        "Map",
        METHODS,
        default="pca",
        required=True,
        format_func=WAY_NAMES.__getitem__,
        key=key,
        persist_state="session",
        **more,
    )
    return found
