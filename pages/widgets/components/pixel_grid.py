"""A picture whose pixels are buttons: a component, as Plotly's heat map tells of no clicks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.figures.images import png_url

Box = tuple[int, int, int, int]
"""First row and column, and how many rows and columns."""

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
    """Draw a picture, RGB uint8 (h, w, 3), one value a pixel, at most `width` screen pixels wide.

    `on_open` is called with row and column of the pixel that was clicked, or that the arrow keys
    went to, before the next run of the script. `chosen` gets a frame, `box` a dashed one. `label`:
    what the picture shows, for a screen reader.
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
