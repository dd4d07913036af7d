"""The grid of digits behind a number of the confusions page, and the details of one of them."""

from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.evaluation.examples import label_issue_indices
from core.figures.prediction_charts import probability_bars
from core.runs.predictions import Predictions
from core.utils.text import percent
from pages.widgets.components.digit_grid import Cell, digit_grid, read_cell
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.pictures import CHART_CONFIG, enlarge, text_color

_PAGE_SIZE = 60
_MARK = "⚑"


def show_digits(
    predictions: Predictions,
    indices: NDArray[np.intp],
    *,
    key: str,
    other: Predictions | None = None,
    empty: str = "No digit matches.",
) -> None:
    """Draw a paged grid of digits, and the one that was clicked on in detail.

    Args:
        predictions: answers of a run, with the digits.
        indices: which digits to show, in this order; shape (k,).
        key: prefix of the widgets' keys.
        other: a second run's answers to the same digits, shown beside the first's.
        empty: the sentence that stands there if there are no digits.
    """
    if not len(indices):
        st.info(empty, icon=":material/check:")
        return
    suspects = label_suspects(predictions.dataset)
    page = _page(len(indices), key)
    shown = indices[(page - 1) * _PAGE_SIZE : page * _PAGE_SIZE]
    opened = f"{key}-open"

    def open_it(index: int) -> None:
        st.session_state[opened] = index

    chosen: int | None = st.session_state.get(opened)
    digit_grid(
        predictions.images[shown],
        [_cell(predictions, int(index), int(index) in suspects) for index in shown],
        key=f"{key}-grid",
        on_open=open_it,
        chosen=chosen,
    )
    marked = f" {_MARK}: a label suspect." if any(int(index) in suspects for index in shown) else ""
    if chosen is None or chosen not in indices:
        st.caption(f"Click on a digit to see its ten probabilities.{marked}")
        return
    if marked:
        st.caption(marked.strip())
    show_details(predictions, chosen, key=key, other=other)


def label_suspects(dataset: str) -> frozenset[int]:
    """Return the indices of the test digits whose label the shipped runs together contradict.

    Empty for a visitor's own digits, and if the shipped runs have no answers to the dataset.
    """
    if dataset == "mine":
        return frozenset()
    return label_issue_indices(dataset) or frozenset()


def show_details(
    predictions: Predictions, index: int, *, key: str, other: Predictions | None = None
) -> None:
    """Draw a digit enlarged, each run's probabilities, and links to pages about it."""
    label = int(predictions.labels[index])
    with st.container(border=True, key=f"{key}-detail"):
        picture, answers = st.columns([1, 2], gap="medium")
        with picture:
            st.image(
                enlarge(255 - predictions.images[index], 8),
                caption=_caption(predictions, index),
                width=224,
                alt=f"A digit with the label {label}",
            )
            if index in label_suspects(predictions.dataset):
                st.caption(
                    f"{_MARK} A label suspect: the shipped runs together contradict its label."
                )
            _links(predictions, index)
        with answers:
            for answerer in (predictions, other) if other else (predictions,):
                st.markdown(_answer_sentence(answerer, index))
                st.plotly_chart(
                    probability_bars(
                        [float(p) for p in answerer.probabilities[index]],
                        text_color(),
                    ),
                    config=CHART_CONFIG,
                    key=f"{key}-bars-{'first' if answerer is predictions else 'second'}",
                    alt="The probability that the network gives each of the ten digits",
                )


def _page(count: int, key: str) -> int:
    pages_ = -(-count // _PAGE_SIZE)
    if pages_ == 1:
        return 1
    # Another list is another widget, and begins at its first page.
    return st.pagination(pages_, key=f"{key}-page-{count}")


def _caption(predictions: Predictions, index: int) -> str:
    if predictions.dataset == "mine":
        return f"Digit {index + 1} of yours, labeled {predictions.labels[index]}"
    return f"Test digit {index:,}, label {predictions.labels[index]}"


def _answer_sentence(predictions: Predictions, index: int) -> str:
    read = int(predictions.predicted[index])
    verdict = "right" if read == predictions.labels[index] else "wrong"
    sure = percent(float(predictions.confidence[index]))
    return f"**{plain(predictions.name)}** reads **{read}** ({plain(sure)}): {verdict}."


def _links(predictions: Predictions, index: int) -> None:
    if predictions.dataset == "mine":
        return
    page_by_key = pages()
    digit = {"data": predictions.dataset, "split": "test", "index": str(index)}
    network = {"run": predictions.run.id} | (
        {} if predictions.epoch is None else {"epoch": str(predictions.epoch)}
    )
    st.page_link(
        page_by_key["dataset"],
        label="Its numbers and neighbors",
        icon=":material/grid_on:",
        query_params={**digit, "view": "Single digit"},
    )
    if "filters" in page_by_key:
        st.page_link(
            page_by_key["filters"],
            label="What the network saw",
            icon=":material/filter_b_and_w:",
            query_params={**network, **digit},
        )


def _cell(predictions: Predictions, index: int, suspect: bool) -> Cell:
    number = index + 1 if predictions.dataset == "mine" else index
    label, read = int(predictions.labels[index]), int(predictions.predicted[index])
    sure = percent(float(predictions.confidence[index]))
    cell = read_cell(index, f"Number {number}", label, read, f" ({sure})")
    if not suspect:
        return cell
    words, note = f"{cell.words}; its label is suspect", f"{cell.note} {_MARK}".strip()
    return replace(cell, words=words, note=note)
