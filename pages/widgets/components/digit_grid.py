"""A grid of clickable pictures: a component, since Streamlit's own buttons hold no pictures.

`digit_grid` draws digits, `tile_grid` feature maps, kernels and the like from one sheet, and
`picture_grid` any pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.figures.images import digit_sheet_url, png_url

COLUMNS = 20
"""Digits in a row of the sheet; on the page, a row holds as many as there is room for."""
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
    """A picture of the grid.

    Attributes:
        index: The index or number passed to the callback.
        words: Tooltip, and text for screen readers.
        note: Short text below the picture.
        wrong: Whether it is marked as an error.
    """

    index: int
    words: str
    note: str = ""
    wrong: bool = False


def read_cell(index: int, words: str, label: int, read: int, how: str = "") -> Cell:
    """Make the cell of a digit with its prediction; a wrong one has a note such as "4 → 9".

    Args:
        index: Index of the digit.
        words: Name of the digit.
        label: Its label, 0 to 9.
        read: The prediction, 0 to 9.
        how: Text added about the prediction, such as its confidence.

    Returns:
        The cell.
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
    """Draw a grid of digits. Callbacks are called before the next run of the script.

    Args:
        images: The digits, uint8 (n, 28, 28) with n > 0.
        cells: A cell for each digit.
        key: Key of the widget.
        on_open: Called with the index of a digit that was clicked.
        on_turn: Called with 1 or -1 when the arrow keys leave the grid at its end or beginning.
        chosen: Index of the digit that is marked; None if there is none.
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
    """Draw a grid of pictures. Callbacks are called before the next run of the script.

    Args:
        sheet: URL of the image that holds all pictures.
        cells: A cell for each picture.
        columns: Pictures in a row of the sheet.
        key: Key of the widget.
        label: Name of the grid for screen readers.
        on_open: Called with the index of a picture that was clicked.
        on_turn: Called with 1 or -1 when the arrow keys leave the grid at its end or beginning.
        chosen: Index of the picture that is marked; None if there is none.
        size_px: Least width of a picture on the page, in pixels.
        aspect: Width of a picture divided by its height.
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


def tile_grid(
    sheet: NDArray[np.uint8],
    cells: Sequence[Cell],
    *,
    columns: int,
    key: str,
    on_open: Callable[[int], None],
    chosen: int | None = None,
    size_px: int = 72,
    label: str = "Feature maps",
) -> None:
    """Draw a grid of the tiles of one sheet; the arrow keys move between them.

    Args:
        sheet: RGB uint8 (h, w, 3), as `core.figures.images.feature_map_sheet` makes it.
        cells: A cell for each tile.
        columns: Tiles in a row of the sheet; on the page, a row holds as many as there is room for.
        key: Key of the widget.
        on_open: Called with the index of a tile that was clicked, before the next run of the
            script.
        chosen: Index of the tile that is marked; None if there is none.
        size_px: Least width of a tile on the page, in pixels.
        label: Name of the grid for screen readers.
    """
    rows = -(-len(cells) // columns)
    height, width = sheet.shape[0] / rows, sheet.shape[1] / columns
    picture_grid(
        png_url(sheet),
        cells,
        columns=columns,
        key=key,
        label=label,
        on_open=on_open,
        chosen=chosen,
        size_px=size_px,
        aspect=width / height,
    )
