"""A digit with a box around some of their pixels: where a number inside a network looks."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.palette import ANSWER, rgb
from core.receptive import Field

_LINE: Final = 2


def boxed(image: NDArray[np.uint8], field: Field | None, zoom: int) -> NDArray[np.uint8]:
    """A digit, uint8 (28, 28), black on white, with a box around a receptive field: RGB uint8.

    `zoom`: pixels a side for each pixel of the digit. The box lies just inside the field's edge and
    has a white line within, so that it can be seen on ink too. Without a field there is no box.
    """
    grey = (255 - image).repeat(zoom, axis=0).repeat(zoom, axis=1)
    picture = np.repeat(grey[..., None], 3, axis=2)
    if field is None:
        return picture
    top, bottom = field.rows.first * zoom, (field.rows.last + 1) * zoom
    left, right = field.columns.first * zoom, (field.columns.last + 1) * zoom
    for inset, colour in ((_LINE, (255, 255, 255)), (0, rgb(ANSWER))):
        _frame(picture[top + inset : bottom - inset, left + inset : right - inset], colour)
    return picture


def _frame(part: NDArray[np.uint8], colour: tuple[int, ...]) -> None:
    """Draw a line along the edge of a part of a picture."""
    part[:_LINE] = part[-_LINE:] = colour
    part[:, :_LINE] = part[:, -_LINE:] = colour
