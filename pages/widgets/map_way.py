"""The choice between the ways in which a map lays digits flat."""

from typing import Any, Final

import streamlit as st

from core.digit_map import WAYS, Way

WAY_NAMES: Final[dict[Way, str]] = {"pca": "PCA", "tsne": "t-SNE"}


def choose_way(key: str, **more: Any) -> Way:
    """Draw the choice, kept for the session, and give it. `more`: for the widget."""
    found: Way = st.segmented_control(
        "Map",
        WAYS,
        default="pca",
        required=True,
        format_func=WAY_NAMES.__getitem__,
        key=key,
        persist_state="session",
        **more,
    )
    return found
