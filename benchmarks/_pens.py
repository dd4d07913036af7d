"""Center lines drawn on a canvas by a pen of any width, as a browser draws them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from core.preprocessing.pens import Lines, Picture

_SUBPIXELS: Final = 16


def draw(lines: Lines, width: float, height_px: int, width_px: int) -> Picture:
    """The lines drawn by a round pen, black on white: uint8 (height_px, width_px).

    Args:
        lines: in pixels of the canvas, with at least one point.
        width: of the pen in pixels; edges are smoothed over one pixel, as a browser does.
        height_px, width_px: the canvas.
    """
    apart = np.full((height_px, width_px), 255, np.uint8)
    dots = np.rint(lines.points * _SUBPIXELS).astype(np.int32)
    alone = np.stack([dots, dots], axis=1)
    segments = np.concatenate([alone, dots[lines.edges]])
    cv2.polylines(apart, list(segments), False, 0, 1, cv2.LINE_8, 4)
    far = cv2.distanceTransform(apart, cv2.DIST_L2, 5)
    ink = np.clip(width / 2 + 0.5 - far, 0, 1)
    return np.rint(255 * (1 - ink)).astype(np.uint8)
