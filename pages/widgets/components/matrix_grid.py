"""A clickable confusion matrix: a component, since Plotly's heat map reports no clicks."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import streamlit as st

from core.evaluation.confusion_matrix import MatrixCell

Place = tuple[int | None, int | None]
"""A cell (true label, prediction); one of them is None for a whole row or column."""

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
    """Draw the matrix with the totals of its rows and columns.

    Args:
        cells: Ten rows of ten cells.
        totals: The sums of the rows, and the sums of the columns.
        key: Key of the widget.
        label: Name of the matrix for screen readers.
        on_open: Called with the cell, row or column that was clicked, before the next run of the
            script.
        chosen: The place that is marked; None if there is none.
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
