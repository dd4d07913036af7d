"""A confusion matrix to click on: a component, since Plotly's heat map tells of no clicks here."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import streamlit as st

from core.evaluation.confusion_matrix import MatrixCell

Place = tuple[int | None, int | None]
"""A cell (true label, answer); None where a whole row or column is meant."""

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "digitscope_matrix",
    html='<div class="matrix"><table role="grid"></table></div>',
    css=(_HERE / "matrix_grid.css").read_text(encoding="utf-8"),
    js=(_HERE / "matrix_grid.js").read_text(encoding="utf-8"),
)


def matrix_grid(
    cells: Sequence[Sequence[MatrixCell]],
    totals: tuple[Sequence[int], Sequence[int]],
    *,
    key: str,
    label: str,
    on_open: Callable[[Place], None],
    chosen: Place | None = None,
) -> None:
    """Draw ten rows of ten cells; `totals` of rows and columns stand at their ends.

    `label`: what the matrix shows, for a screen reader. `on_open` is called with the cell, row or
    column that was clicked, before the next run of the script.
    """

    def opened() -> None:
        place = st.session_state[key].opened
        if place is not None:
            true, read = place
            on_open((None if true is None else int(true), None if read is None else int(read)))

    _component(
        key=key,
        data={
            "rows": [[asdict(cell) for cell in row] for row in cells],
            "down": list(totals[0]),
            "across": list(totals[1]),
            "chosen": chosen,
            "label": label,
        },
        on_opened_change=opened,
    )
