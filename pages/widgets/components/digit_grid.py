"""A grid of digits to click on: a component, since Streamlit's own buttons hold no pictures.

A grid of feature maps, kernels or other pictures in color to click on.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.figures.images import digit_sheet_url, png_url

COLUMNS = 20
"""Of the sheet; on the page as many stand side by side as there is room for."""
_SIZE_PX = 44
_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "digitscope_digits",
    html='<div class="digits" role="group"></div>',
    css=(_HERE / "digit_grid.css").read_text(encoding="utf-8"),
    js=(_HERE / "digit_grid.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Cell:
    """A picture of the grid: its index, what a pointer or a reader is told, a short note."""

    index: int
    words: str
    note: str = ""
    wrong: bool = False


def read_cell(index: int, words: str, label: int, read: int, how: str = "") -> Cell:
    """A digit with what was read in it; misread, its note says as what: "4 → 9".

    `words`: which digit it is, `how`: what more is told of the answer, such as how sure it is.
    """
    wrong = read != label
    note = f"{label} → {read}" if wrong else ""
    return Cell(index, f"{words}, label {label}, read as {read}{how}", note, wrong)


def digit_grid(
    images: NDArray[np.uint8],
    cells: Sequence[Cell],
    *,
    key: str,
    on_open: Callable[[int], None],
    on_turn: Callable[[int], None] | None = None,
    chosen: int | None = None,
) -> None:
    """Draw digits, uint8 (n, 28, 28) with n > 0 and a cell for each.

    `on_open` is called with the index of a digit that was clicked, `on_turn` with 1 or -1 when the
    arrow keys leave the grid at its end or its beginning; both before the next run of the script.
    """
    picture_grid(
        digit_sheet_url(images, COLUMNS),
        cells,
        columns=COLUMNS,
        key=key,
        label="Digits",
        on_open=on_open,
        on_turn=on_turn,
        chosen=chosen,
    )


def picture_grid(
    sheet: str,
    cells: Sequence[Cell],
    *,
    columns: int,
    key: str,
    label: str,
    on_open: Callable[[int], None],
    on_turn: Callable[[int], None] | None = None,
    chosen: int | None = None,
    size_px: int = _SIZE_PX,
    aspect: float = 1.0,
) -> None:
    """The same for pictures of any kind: `sheet`, an image's address, holds `columns` a row.

    `label`: what they are, for a screen reader. On the page a picture is at least `size_px` wide;
    `aspect` is its width divided by its height.
    """

    def opened() -> None:
        index = st.session_state[key].opened
        if index is not None:
            on_open(int(index))

    def turned() -> None:
        step = st.session_state[key].turned
        if step is not None and on_turn:
            on_turn(1 if int(step) > 0 else -1)

    _component(
        key=key,
        data={
            "columns": columns,
            "digits": [asdict(cell) for cell in cells],
            "sheet": sheet,
            "chosen": chosen,
            "label": label,
            "across": size_px,
            "aspect": aspect,
        },
        on_opened_change=opened,
        on_turned_change=turned,
    )


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
