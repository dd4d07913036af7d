"""A picture whose pixels are buttons: a component, since Plotly's heat map reports no clicks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.figures.images import png_url

Box = tuple[int, int, int, int]
"""First row, first column, number of rows, number of columns."""

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "digitscope_pixels",
    html='<div class="pixels" tabindex="0" role="slider"><b></b><i></i></div>',
    css=(_HERE / "pixel_grid.css").read_text(encoding="utf-8"),
    js=(_HERE / "pixel_grid.js").read_text(encoding="utf-8"),
)


def pixel_grid(
    rgb: NDArray[np.uint8],
    *,
    key: str,
    on_open: Callable[[int, int], None],
    chosen: tuple[int, int] | None,
    box: Box | None = None,
    label: str,
    width: int = 340,
) -> None:
    """Draw a picture whose pixels can be clicked, or reached with the arrow keys.

    Args:
        rgb: The picture, RGB uint8 (h, w, 3).
        key: Key of the widget.
        on_open: Called with the row and column of the chosen pixel, before the next run of the
            script.
        chosen: Row and column of the pixel that gets a frame; None if there is none.
        box: Pixels that get a dashed frame; None if there are none.
        label: Name of the picture for screen readers.
        width: Largest width on the page, in screen pixels.
    """

    def opened() -> None:
        place = st.session_state[key].opened
        if place is not None:
            on_open(int(place[0]), int(place[1]))

    _component(
        key=key,
        data={
            "picture": png_url(rgb),
            "rows": rgb.shape[0],
            "columns": rgb.shape[1],
            "chosen": chosen,
            "box": box,
            "label": label,
            "width": width,
        },
        on_opened_change=opened,
    )
