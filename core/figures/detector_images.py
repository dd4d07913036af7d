"""The digit detector's answer as a picture: ink in two colors, centers as marks of two shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.figures.style import LINE_STYLES, TEXT_COLORS, rgb

if TYPE_CHECKING:
    from core.explain.detector_layers import CopyAnswer, InkKind

KIND_COLORS: Final[dict[InkKind, str]] = {"digit": LINE_STYLES[0][0], "sign": LINE_STYLES[1][0]}
"""Colors of a digit's ink and of a sign's."""
MARKS: Final[dict[InkKind, str]] = {"digit": "+", "sign": "○"}
"""The marks of the centers, as characters for a legend."""
_COLOR_SHARE: Final = 0.65
"""Of a pixel of ink; the rest is its tone, so that the picture can still be seen."""
_ARM_PX: Final = 8
_RADIUS_PX: Final = 9
_HALO_PX: Final = 5
_LINE_PX: Final = 2


def tint_ink(pixels: NDArray[np.uint8], ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Color the ink of a picture; every other pixel stays gray.

    Args:
        pixels: uint8 (height, width).
        ink: uint8 (height, width): 1 for a digit's ink, 2 for a sign's, 0 elsewhere.

    Returns:
        RGB uint8 (height, width, 3).
    """
    picture = np.repeat(pixels[..., None], 3, axis=2).astype(np.float32)
    for number, color in enumerate(KIND_COLORS.values(), start=1):
        inked = ink == number
        picture[inked] += (np.array(rgb(color), np.float32) - picture[inked]) * _COLOR_SHARE
    return np.rint(picture).astype(np.uint8)


def answer_image(answer: CopyAnswer, width: int) -> NDArray[np.uint8]:
    """Draw what the detector finds in a copy: colored ink, and a mark at each center.

    A digit's center is a cross, a sign's a circle, both dark with a white rim, so that they can be
    seen on ink and on paper, and told apart without color.

    Args:
        answer: of the detector.
        width: about so many pixels the drawing is wide; small copies are enlarged without blur.

    Returns:
        RGB uint8 (height, width, 3).
    """
    zoom = max(1, round(width / answer.pixels.shape[1]))
    tinted = tint_ink(answer.pixels, answer.ink)
    picture = np.ascontiguousarray(tinted.repeat(zoom, axis=0).repeat(zoom, axis=1))
    dark = rgb(TEXT_COLORS["light"])
    for color, thickness in (((255, 255, 255), _HALO_PX), (dark, _LINE_PX)):
        for center in answer.centers:
            x, y = (zoom * place + zoom // 2 for place in (center.x, center.y))
            if center.kind == "digit":
                cv2.line(picture, (x - _ARM_PX, y), (x + _ARM_PX, y), color, thickness)
                cv2.line(picture, (x, y - _ARM_PX), (x, y + _ARM_PX), color, thickness)
            else:
                cv2.circle(picture, (x, y), _RADIUS_PX, color, thickness, cv2.LINE_AA)
    return picture
