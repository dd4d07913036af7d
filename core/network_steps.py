"""A network as a few steps from the digit to its answer, each with a picture of what it gives.

Layers that only change numbers in place (batch normalisation, activation, dropout) or their order
(flatten) make no step of their own: they are named on the way from one step to the next.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.architectures import Activation, BatchNorm, Dense, Dropout, Flatten, Row
from core.layer_pictures import BORDER_PX, as_maps, even_columns, map_sheet, strongest

_IN_PLACE: Final = (BatchNorm, Activation, Dropout, Flatten)
_TILE_PX: Final = 60
"""About so many pixels of the picture a map has."""
_CELL_PX: Final = 6
_ACROSS: Final = 32
"""Single numbers stand so many a row."""


@dataclass(frozen=True)
class Step:
    """A layer, and the layers in place between it and the next."""

    row: Row
    then: tuple[Row, ...]

    @property
    def leaves(self) -> Row:
        """The layer whose values go on: the last one in place, before any that flattens them."""
        placed = takewhile(lambda row: not isinstance(row.layer, Flatten), self.then)
        return [self.row, *placed][-1]


@dataclass(frozen=True)
class Shown:
    """Pictures side by side, RGB uint8: `count` of them, all single numbers if `cells`."""

    sheet: NDArray[np.uint8]
    channels: tuple[int, ...]
    columns: int
    cells: bool


def steps(rows: Iterable[Row]) -> tuple[tuple[Row, ...], list[Step]]:
    """The layers in place right after the digit, and the steps, of which the last is the answer."""
    ways: list[list[Row]] = [[]]
    found: list[Row] = []
    for row in rows:
        if isinstance(row.layer, _IN_PLACE):
            ways[-1].append(row)
        else:
            found.append(row)
            ways.append([])
    first, *others = map(tuple, ways)
    return first, [Step(row, then) for row, then in zip(found, others, strict=True)]


def shown(values: NDArray[np.float32], theme: str | None, most: int) -> Shown:
    """A picture of what a layer gives for a digit, (h, w, n) or (n,).

    Of maps the `most` strongest, the strongest first, each with colours of its own; of single
    numbers all, in their order.
    """
    maps = as_maps(values)
    height, width, n = maps.shape
    if height * width == 1:
        columns = even_columns(n, _ACROSS)
        sheet = map_sheet(maps, columns=columns, scale="common", theme=theme, zoom=_CELL_PX)
        return Shown(sheet, tuple(range(n)), columns, cells=True)
    return pictures(maps, strongest(values, most), theme)


def pictures(
    maps: NDArray[np.float32], channels: list[int], theme: str | None, end: float | None = None
) -> Shown:
    """Some maps or kernels, (h, w, n), side by side; the colours of each are its own, or `end`."""
    zoom = max(1, (_TILE_PX - 2 * BORDER_PX) // maps.shape[0])
    sheet = map_sheet(
        maps[..., channels], columns=len(channels), scale="each", theme=theme, zoom=zoom, end=end
    )
    return Shown(sheet, tuple(channels), len(channels), cells=False)


def reads_the_digit(rows: Iterable[Row]) -> str | None:
    """The name of the dense layer that reads the digit's 784 numbers themselves, if there is one.

    Its weights can be seen as pictures of 28×28.
    """
    first = steps(rows)[1][0].row
    return first.name if isinstance(first.layer, Dense) else None
