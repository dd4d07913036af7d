"""The grid of the dataset page: filters, sorting, pages; a click opens a digit."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.statistics import SplitName, split_of
from core.evaluation.examples import (
    DIGIT_ORDERS,
    MOST_INK,
    OUTCOMES,
    DigitOrder,
    DigitQuery,
    find_digits,
    page_of_digit,
    predictions_for,
)
from core.inference.reader import UNSURE_BELOW
from core.runs.predictions import Predictions
from core.runs.run import Network
from core.utils.errors import DigitscopeError
from core.utils.text import percent
from pages.widgets.components.digit_grid import Cell, digit_grid, read_cell
from pages.widgets.shared.digit_choice import INDEX, SHOW_CHOSEN, open_digit
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.run_picker import chosen_run, run_in_use

_PAGE_SIZE = 120
_LABEL, _ANSWER, _READ_AS, INK, _ORDER, _DOWN = (
    "label",
    "answer",
    "read_as",
    "ink",
    "sort",
    "descending",
)
_IN_LINK: Final[dict[str, Any]] = {"bind": "query-params", "persist_state": "session"}
_ASKED = "dataset_asked"
_JUMP = "dataset-jump"
_TURNED = "dataset_turned"


def browse_view(dataset: str, split: SplitName) -> None:
    """Draw the filters, and a page of the digits that pass them.

    Args:
        dataset: name of a dataset.
        split: the split of the digits.
    """
    query = _filters(dataset, split)
    try:
        if chosen_run() or (query.needs_predictions and split == "test"):
            query = replace(query, network=Network(run_in_use()))
        indices = find_digits(query)
        network = query.network if split == "test" else None
        answers = predictions_for(network.run, dataset, split) if network else None
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/filter_alt_off:")
        if not query.needs_predictions:
            return
        indices, answers = find_digits(_without_run(query)), None
    if not len(indices):
        st.info("No digit matches these filters. Remove one.", icon=":material/filter_alt_off:")
        _clear_button()
        return
    _grid(query, indices, answers)


def _filters(dataset: str, split: SplitName) -> DigitQuery:
    run = chosen_run() or ""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        labels = _digits(
            "Label", _LABEL, ("The digit that was meant. If none is chosen, all are shown.")
        )
        more = st.popover("Sort and filter", icon=":material/tune:")
    # Folded away, so that the digits are seen at once, on a phone too.
    with more:
        order, descending = _order()
        answer = st.selectbox(
            f"Answer of {run or 'the run'}",
            OUTCOMES,
            key=_ANSWER,
            width=220,
            help="What the run in use (in the sidebar) answers on the test digits. Unsure: it "
            f"gives its answer a probability below {100 * UNSURE_BELOW:.0f} %.",
            **_IN_LINK,
        )
        read_as = _digits("Read as", _READ_AS, "What the run in use reads.")
        low, high = st.slider(
            "Ink, % of the picture",
            0.0,
            MOST_INK,
            (0.0, MOST_INK),
            step=0.5,
            key=INK,
            width=260,
            **_IN_LINK,
        )
        _jump(len(split_of(dataset, split)) - 1)
    return DigitQuery(
        dataset,
        split,
        labels,
        low,
        high,
        outcome=answer,
        predicted=read_as,
        order=order,
        descending=descending,
    )


def _jump(last: int) -> None:
    """Draw the field that opens a digit by its index."""

    def go() -> None:
        if st.session_state[_JUMP] is not None:
            open_digit(st.session_state.pop(_JUMP))

    st.number_input(
        "Go to index",
        min_value=0,
        value=None,
        step=1,
        key=_JUMP,
        on_change=go,
        placeholder=f"0 to {last:,}",
        width=160,
    )


def _digits(name: str, key: str, tip: str) -> tuple[int, ...]:
    chosen = st.pills(
        name, range(10), selection_mode="multi", wrap=True, key=key, help=tip, **_IN_LINK
    )
    return tuple(chosen)


def _order() -> tuple[DigitOrder, bool]:
    order = st.selectbox(
        "Sort by",
        DIGIT_ORDERS,
        key=_ORDER,
        width=220,
        help="Ink: how much of the picture is black. Likeness: how close a digit is to the mean "
        "image of all digits with its label. Confidence: how sure the run in use is.",
        **_IN_LINK,
    )
    return order, st.toggle("Largest first", key=_DOWN, **_IN_LINK)


def _without_run(query: DigitQuery) -> DigitQuery:
    """Return the query without the conditions that need a run's answers."""
    order = "index" if query.order == "confidence" else query.order
    return replace(query, network=None, outcome="any", predicted=(), order=order)


def _clear_button() -> None:
    def clear() -> None:
        for key in (_LABEL, _READ_AS):
            st.session_state[key] = []
        st.session_state[_ANSWER] = "any"
        st.session_state[INK] = (0.0, MOST_INK)

    st.button("Show all", icon=":material/filter_alt_off:", on_click=clear, key="dataset-clear")


def _grid(query: DigitQuery, indices: NDArray[np.intp], answers: Predictions | None) -> None:
    pages = -(-len(indices) // _PAGE_SIZE)
    # Another query begins at its first page.
    if st.session_state.get(_ASKED) not in {None, query}:
        _go_to(1)
    st.session_state[_ASKED] = query
    chosen = st.session_state.get(INDEX)
    if st.session_state.pop(SHOW_CHOSEN, False) and chosen is not None:
        _go_to(page_of_digit(indices, chosen, _PAGE_SIZE) or 1)
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        st.caption(f"{len(indices):,} of {len(split_of(query.dataset, query.split)):,} digits")
    with right:
        page = _page(pages)

    def turn(step: int) -> None:
        _go_to(min(max(page + step, 1), pages))

    shown = indices[(page - 1) * _PAGE_SIZE : page * _PAGE_SIZE]
    split = split_of(query.dataset, query.split)
    digit_grid(
        split.images[shown],
        [_cell(int(index), int(split.labels[index]), answers) for index in shown],
        key="dataset-grid",
        on_open=open_digit,
        on_turn=turn,
        chosen=chosen,
    )
    st.caption(
        "Click on a digit to open it; the arrow keys move between them. A dashed frame: the run in "
        "use misreads it, as the digit below says."
        if answers
        else "Click on a digit to open it; the arrow keys move between them."
    )


def _page(pages: int) -> int:
    """Draw the choice of a page, and return its number, from 1."""
    if pages == 1:
        return 1
    count, wanted = st.session_state.get(_TURNED, (0, 1))
    # A new widget for each jump: Streamlit warns if a widget has both a default and a state.
    return st.pagination(pages, default=min(wanted, pages), key=f"dataset-page-{count}")


def _go_to(page: int) -> None:
    count, _ = st.session_state.get(_TURNED, (0, 1))
    st.session_state[_TURNED] = (count + 1, page)


def _cell(index: int, label: int, answers: Predictions | None) -> Cell:
    words = f"Number {index}"
    if answers is None:
        return Cell(index, f"{words}, label {label}")
    sure = percent(float(answers.confidence[index]))
    return read_cell(index, words, label, int(answers.predicted[index]), f" ({sure})")
