"""Enlarged digits, and the common configuration of Plotly's charts."""

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.figures.style import TEXT_COLORS

CHART_CONFIG = {"displayModeBar": False}


def enlarge(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Enlarge an image without blurring it.

    Args:
        pixels: The image, uint8 (h, w) or (h, w, 3).
        factor: Side of a pixel's square, in screen pixels.

    Returns:
        The image, uint8, `factor` times as high and wide.
    """
    return np.asarray(
        cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST), np.uint8
    )


def text_color() -> str | None:
    """The color of text on charts in the visitor's theme; None where the theme is not known."""
    return TEXT_COLORS.get(st.context.theme.type or "")
