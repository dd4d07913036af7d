"""Digits behind a number of the confusions page: a grid, and the one that was clicked on."""

from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.evaluation.examples import label_issue_indices
from core.figures.prediction_charts import probability_bars
from core.figures.style import TEXT_COLORS
from core.runs.predictions import Predictions
from core.utils.text import percent
from pages.widgets.components.digit_grid import Cell, digit_grid, read_cell
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.pictures import CHART_CONFIG, enlarge

PAGE_SIZE = 60
_MARK = "⚑"


def show_digits(
    this: Predictions,
    which: NDArray[np.intp],
    *,
    key: str,
    other: Predictions | None = None,
    empty: str = "No digit is like that.",
) -> None:
    """Draw the digits `which` of `this`, in that order, in pages, and the one clicked on in detail.

    `other`: a second run's answers on the same digits, told beside the first's. `key`: of the
    widgets. `empty`: what is said where there are none.
    """
    if not len(which):
        st.info(empty, icon=":material/check:")
        return
    suspects = label_suspects(this.dataset)
    page = _page(len(which), key)
    shown = which[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    opened = f"{key}-open"

    def open_it(index: int) -> None:
        st.session_state[opened] = index

    chosen: int | None = st.session_state.get(opened)
    digit_grid(
        this.images[shown],
        [_cell(this, int(k), int(k) in suspects) for k in shown],
        key=f"{key}-grid",
        on_open=open_it,
        chosen=chosen,
    )
    marked = f" {_MARK}: a label suspect." if any(int(k) in suspects for k in shown) else ""
    if chosen is None or chosen not in which:
        st.caption(f"Click on a digit to see its ten probabilities.{marked}")
        return
    if marked:
        st.caption(marked.strip())
    one_answer(this, chosen, key=key, other=other)


def label_suspects(dataset: str) -> frozenset[int]:
    """The indices of the test digits whose label the shipped runs together contradict."""
    if dataset == "mine":
        return frozenset()
    return label_issue_indices(dataset) or frozenset()  # nobody can say: nothing is said of labels


def one_answer(
    this: Predictions, index: int, *, key: str, other: Predictions | None = None
) -> None:
    """Draw a digit large, what was answered with ten probabilities, and where to look at it."""
    label = int(this.labels[index])
    with st.container(border=True, key=f"{key}-detail"):
        picture, answers = st.columns([1, 2], gap="medium")
        with picture:
            st.image(
                enlarge(255 - this.images[index], 8),
                caption=_caption(this, index),
                width=224,
                alt=f"A digit with the label {label}",
            )
            if index in label_suspects(this.dataset):
                st.caption(
                    f"{_MARK} A label suspect: the shipped runs together contradict its label."
                )
            _links(this, index)
        with answers:
            for one in (this, other) if other else (this,):
                st.markdown(_in_words(one, index))
                st.plotly_chart(
                    probability_bars(
                        [float(p) for p in one.probabilities[index]],
                        TEXT_COLORS.get(st.context.theme.type or ""),
                    ),
                    config=CHART_CONFIG,
                    key=f"{key}-bars-{'first' if one is this else 'second'}",
                    alt="The probability that the network gives each of the ten digits",
                )


def _page(count: int, key: str) -> int:
    pages_ = -(-count // PAGE_SIZE)
    if pages_ == 1:
        return 1
    # Another list is another widget, and begins at its first page.
    return st.pagination(pages_, key=f"{key}-page-{count}")


def _caption(this: Predictions, index: int) -> str:
    if this.dataset == "mine":
        return f"Digit {index + 1} of yours, labelled {this.labels[index]}"
    return f"Test digit {index:,}, label {this.labels[index]}"


def _in_words(one: Predictions, index: int) -> str:
    read = int(one.predicted[index])
    verdict = "right" if read == one.labels[index] else "wrong"
    sure = percent(float(one.confidence[index]))
    return f"**{plain(one.name)}** reads **{read}** ({plain(sure)}): {verdict}."


def _links(this: Predictions, index: int) -> None:
    if this.dataset == "mine":
        return
    known = pages()
    digit = {"data": this.dataset, "split": "test", "index": str(index)}
    network = {"run": this.run.id} | ({} if this.epoch is None else {"epoch": str(this.epoch)})
    st.page_link(
        known["dataset"],
        label="Its numbers and neighbours",
        icon=":material/grid_on:",
        query_params={**digit, "view": "One digit"},
    )
    if "filters" in known:
        st.page_link(
            known["filters"],
            label="What the network saw",
            icon=":material/filter_b_and_w:",
            query_params={**network, **digit},
        )


def _cell(this: Predictions, index: int, suspect: bool) -> Cell:
    number = index + 1 if this.dataset == "mine" else index
    label, read = int(this.labels[index]), int(this.predicted[index])
    sure = percent(float(this.confidence[index]))
    cell = read_cell(index, f"Number {number}", label, read, f" ({sure})")
    if not suspect:
        return cell
    words, note = f"{cell.words}; its label is suspect", f"{cell.note} {_MARK}".strip()
    return replace(cell, words=words, note=note)
