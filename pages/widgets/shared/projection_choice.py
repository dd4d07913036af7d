"""The choice of the projection method of a map of digits."""

from typing import Any, Final

import streamlit as st

from core.data.projection import METHODS, Method

METHOD_NAMES: Final[dict[Method, str]] = {"pca": "PCA", "tsne": "t-SNE"}


def choose_projection(key: str, **more: Any) -> Method:
    """Draw the choice of the method, kept for the session.

    Args:
        key: Key of the widget.
        **more: Further arguments of `st.segmented_control`.

    Returns:
        The method.
    """
    method: Method = st.segmented_control(
        "Map",
        METHODS,
        default="pca",
        required=True,
        format_func=METHOD_NAMES.__getitem__,
        key=key,
        persist_state="session",
        **more,
    )
    return method
