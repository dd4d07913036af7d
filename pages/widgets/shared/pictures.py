"""Small pictures and charts: how digits are enlarged, how Plotly's charts are set up."""

import cv2
import numpy as np
from numpy.typing import NDArray

CHART_CONFIG = {"displayModeBar": False}


def enlarge(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """The pixels as squares of `factor` screen pixels, not blurred by the browser."""
    return np.asarray(
        cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST), np.uint8
    )
