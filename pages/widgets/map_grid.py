"""A grid of feature maps, kernels or other pictures in colour to click on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.layer_pictures import png_url
from pages.widgets.digit_grid import Cell, picture_grid


@dataclass(frozen=True)
class Tile:
    """A picture of the grid: its number, what a pointer or a reader is told, a short note."""

    number: int
    words: str
    note: str = ""


def tile_grid(
    sheet: NDArray[np.uint8],
    tiles: Sequence[Tile],
    *,
    columns: int,
    key: str,
    on_open: Callable[[int], None],
    chosen: int | None = None,
    size_px: int = 72,
    label: str = "Feature maps",
) -> None:
    """Draw tiles of one sheet, RGB uint8, `columns` a row, as `layer_pictures.map_sheet` makes it.

    `on_open` is called with the number of a tile that was clicked, before the next run of the
    script. On the page a tile is at least `size_px` wide, and as many stand side by side as there
    is room for. The arrow keys move between them. `label`: what they are, for a screen reader.
    """
    rows = -(-len(tiles) // columns)
    height, width = sheet.shape[0] / rows, sheet.shape[1] / columns
    picture_grid(
        png_url(sheet),
        [Cell(tile.number, tile.words, tile.note) for tile in tiles],
        columns=columns,
        key=key,
        label=label,
        on_open=on_open,
        chosen=chosen,
        size_px=size_px,
        aspect=width / height,
    )
