"""The matrix view of the confusions page: a click on a number of the matrix shows its digits."""

import streamlit as st

from core.evaluation.confusion_matrix import (
    CELL_VALUES,
    CLASS_ORDERS,
    CellStyle,
    ClassOrder,
    cell_indices,
    cell_sentence,
    class_order,
    count_confusions,
    matrix_cells,
    matrix_totals,
    top_confusions,
)
from core.runs.predictions import Predictions
from pages.widgets.components.matrix_grid import Place, matrix_grid
from pages.widgets.confusion.choices import choose_predictions
from pages.widgets.confusion.comparison import draw_comparison
from pages.widgets.confusion.digits import show_digits
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.url_state import follow, write

_CELL = "cell"
"""Parameter of the address for the chosen cell: `9-4`; `9-` is a row, `-4` a column."""
_KEY = "confusion-matrix"
_VALUES = {"counts": "counts", "row": "% of the label", "column": "% of the answer"}
_ORDERS = {"digit": "0 to 9", "similarity": "confused side by side"}


def matrix_view(predictions: Predictions, other: Predictions | None) -> None:
    """Draw the matrix of a run, or the difference of two, and the digits behind it.

    Args:
        predictions: answers of the run in use.
        other: answers of a second run to the same digits, if one is compared.
    """
    draw_matrix(predictions, other, key=_KEY)
    if other:
        draw_comparison(predictions, other)


def draw_matrix(predictions: Predictions, other: Predictions | None, *, key: str) -> None:
    """Draw the matrix with its options, and the digits of the chosen cell, row or column.

    Args:
        predictions: answers of a run.
        other: answers to subtract; with them the matrix shows differences.
        key: prefix of the widgets' keys.
    """
    style = _style_controls(key)
    counts, others = count_confusions(predictions), count_confusions(other) if other else None
    if other:
        # The diagonal tells the mistakes once more, with the sign turned.
        st.caption(
            f"Differences: {plain(predictions.name)} minus {plain(other.name)}. "
            f"Blue: {plain(predictions.name)} is better there; orange: worse."
        )
    _follow_link()
    order = class_order(counts if others is None else counts + others, style)
    matrix_grid(
        matrix_cells(counts, style, others),
        matrix_totals(counts, order),
        key=f"{key}-grid",
        label=f"Confusion matrix of {predictions.name}: true labels down, answers across",
        on_open=_open,
        chosen=st.session_state.get(_CELL),
    )
    _chosen(predictions, other, key)


def chosen_style() -> CellStyle:
    """Return the options chosen in the matrix view, for the other views; else the defaults."""
    session, default = st.session_state, CellStyle()
    return CellStyle(
        session.get(f"{_KEY}-values", default.values),
        session.get(f"{_KEY}-diagonal", default.diagonal),
        session.get(f"{_KEY}-log", default.log),
        session.get(f"{_KEY}-order", default.order),
    )


def _style_controls(key: str) -> CellStyle:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        values = st.segmented_control(
            "Show",
            CELL_VALUES,
            default="counts",
            required=True,
            format_func=_VALUES.__getitem__,
            key=f"{key}-values",
            persist_state="session",
            help="% of the label: of all digits with this label, how many were read so (recall). "
            "% of the answer: of all digits read so, how many have this label (precision).",
        )
        with st.popover("Display", icon=":material/tune:"):
            order, diagonal, log = _display_controls(key)
    return CellStyle(values, diagonal, log, order)


def _display_controls(key: str) -> tuple[ClassOrder, bool, bool]:
    """Draw the options that few change; they would push the matrix off a small screen."""
    order = st.segmented_control(
        "Order",
        CLASS_ORDERS,
        default="digit",
        required=True,
        format_func=_ORDERS.__getitem__,
        key=f"{key}-order",
        persist_state="session",
    )
    diagonal = st.toggle(
        "Right answers too",
        value=True,
        key=f"{key}-diagonal",
        persist_state="session",
        help="The diagonal of the matrix. Without it, the colors show mistakes only.",
    )
    log = st.toggle(
        "Logarithmic colors",
        value=True,
        key=f"{key}-log",
        persist_state="session",
        help="Makes a single mistake visible beside hundreds of right answers.",
    )
    return order, diagonal, log


def _open(place: Place) -> None:
    """Choose a cell; choosing it again closes it."""
    if st.session_state.get(_CELL) == place:
        place = (None, None)
    st.session_state[_CELL] = None if place == (None, None) else place
    write(_CELL, None if place == (None, None) else _cell_parameter(place))


def _cell_parameter(place: Place) -> str:
    return "-".join("" if digit is None else str(digit) for digit in place)


def parse_cell(text: str) -> Place | None:
    """Parse the address parameter of a cell, row or column; None if it is malformed."""
    parts = text.split("-")
    if len(parts) != 2 or not all(
        part == "" or (len(part) == 1 and part in "0123456789") for part in parts
    ):
        return None
    true, read = (int(part) if part else None for part in parts)
    return None if true is None and read is None else (true, read)


def _follow_link() -> None:
    st.session_state.setdefault(_CELL, None)
    requested = follow(_CELL, parse_cell)
    if requested and parse_cell(requested) is None:
        st.warning(
            "The link asks for a cell that does not exist. A cell is written 9-4: the label, then "
            "the answer.",
            icon=":material/link_off:",
        )
    elif not requested and st.session_state[_CELL]:
        write(
            _CELL, _cell_parameter(st.session_state[_CELL])
        )  # chosen in another view, or on an earlier visit


def _chosen(predictions: Predictions, other: Predictions | None, key: str) -> None:
    place: Place | None = st.session_state[_CELL]
    if place is None:
        st.caption(_invitation(predictions))
        return
    true, read = place
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(_title(place), anchor=False)
        st.button(
            "Close",
            icon=":material/close:",
            type="tertiary",
            on_click=_open,
            args=(place,),
            key=f"{key}-close",
        )
    whose = choose_predictions("Digits of", predictions, other, key)
    counts = count_confusions(whose)
    wrong_only = False
    if true is not None and read is not None:
        st.write(cell_sentence(counts, true, read))
    else:
        if true is not None:
            st.write(cell_sentence(counts, true, true))
        elif read is not None:
            st.write(_column_sentence(whose, read))
        wrong_only = st.toggle(
            "Mistakes only", value=True, key=f"{key}-mistakes", persist_state="session"
        )
    indices = cell_indices(whose, true, read, wrong_only=wrong_only)
    second = other if whose is predictions else predictions
    show_digits(
        whose,
        indices,
        key=f"{key}-digits",
        other=second if other else None,
        empty="There is no digit." if not wrong_only else "There is no mistake.",
    )


def _invitation(predictions: Predictions) -> str:
    invitation = (
        "Click on a number to see its digits, or on a digit at the edge for its row or column."
    )
    top = top_confusions(predictions, 1)
    if not top:
        return invitation
    true, read, often = top[0]
    return (
        f"{invitation} The most frequent mistake: {true} read as {read}, {often} times."
        if (often > 1)
        else invitation
    )


def _title(place: Place) -> str:
    true, read = place
    if true is None:
        return f"Read as {read}"
    return f"Label {true}" if read is None else f"{true} read as {read}"


def _column_sentence(predictions: Predictions, read: int) -> str:
    """Return how many of the digits that were read as one digit have that label."""
    of_answer = count_confusions(predictions)[:, read]
    total, right = int(of_answer.sum()), int(of_answer[read])
    if not total:
        return f"Nothing was read as {read}."
    return f"Of {total:,} digits read as {read}, {right:,} are labeled {read}."
