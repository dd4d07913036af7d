"""What the first layer looks for: its weights as small pictures, red below zero, blue above."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from core.layer_pictures import coloured, tiled

_LINE_PX: Final = 2


def kernel_grid(
    kernels: NDArray[np.float32],
    columns: int,
    *,
    end: float,
    zoom: int = 8,
    theme: Literal["light", "dark"] = "light",
) -> NDArray[np.uint8]:
    """Kernels (height, width, n) side by side, `columns` a row: a picture uint8 (h, w, 4), RGBA.

    `end` is the absolute weight at either end of the colours (`color_limit` of all that is
    compared); a weight of zero has the colour in the middle. Each weight is a square of `zoom`
    pixels; grey lines of 2 pixels stand around each kernel, and what is left of the last row is
    transparent. Weights that are not finite are grey too. Raises ValueError unless there is at
    least one column and one pixel a weight.
    """
    if columns < 1 or zoom < 1:
        raise ValueError(f"a grid has at least one column and pixel, not {columns} and {zoom}")
    colours = coloured(kernels.astype(np.float64), end, theme, steps=None)
    return tiled(
        colours,
        min(kernels.shape[2], columns),
        zoom=zoom,
        border_px=_LINE_PX,
        borders_shared=True,
        rest=(0, 0, 0, 0),
    )
