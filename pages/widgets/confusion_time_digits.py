"""A few digits over the epochs of a training: a row to click on, and how sure a network became."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.answered import Answered
from core.epoch_figures import digit_over_epochs, truth_strip
from core.palette import TEXT
from core.text import percent
from pages.widgets.answer import CHART_CONFIG
from pages.widgets.digit_grid import Cell, digit_grid, read_cell

_MOST = 40
_ROWS = 12
_OPEN = "confusion-time-open"


def digits_over_time(this: Answered, over: Sequence[Answered], which: NDArray[np.intp]) -> None:
    """Draw the digits `which`, as `this` reads them, and the one clicked on over the epochs."""
    if not len(which):
        st.info("No digit is like that.", icon=":material/check:")
        return
    shown = which[:_MOST]
    when = "the finished network" if this.epoch is None else f"the network after epoch {this.epoch}"
    first = f"The first {len(shown)} of {len(which):,}" if len(which) > len(shown) else "They are"
    st.caption(
        f"{first}, as {when} reads them; a dashed frame: wrong. Click on one to see its ten "
        "probabilities over the epochs."
    )

    def open_it(index: int) -> None:
        st.session_state[_OPEN] = index

    opened: int | None = st.session_state.get(_OPEN)
    digit_grid(
        this.images[shown],
        [_cell(this, int(k)) for k in shown],
        key="confusion-time-grid",
        on_open=open_it,
        chosen=opened,
    )
    if opened is not None and opened in which:
        _one(this, over, opened)
    st.markdown("**How sure of the label**")
    _strip(over, shown[:_ROWS])


def _cell(this: Answered, index: int) -> Cell:
    label, read = int(this.labels[index]), int(this.predicted[index])
    sure = percent(float(this.confidence[index]))
    return read_cell(index, f"Number {index}", label, read, f" ({sure})")


def _one(this: Answered, over: Sequence[Answered], index: int) -> None:
    label = int(this.labels[index])
    st.markdown(f"**Test digit {index:,}, label {label}, over the epochs**")
    st.plotly_chart(
        digit_over_epochs(
            [one.epoch or 0 for one in over],
            np.stack([one.probabilities[index] for one in over]),
            label,
            this.epoch,
            TEXT.get(st.context.theme.type or ""),
        ),
        config=CHART_CONFIG,
        key="confusion-time-one",
        alt=f"The probabilities of test digit {index} over the epochs",
    )


def _strip(over: Sequence[Answered], which: NDArray[np.intp]) -> None:
    theme = st.context.theme.type or "light"
    labels = over[0].labels[which]
    rows = np.arange(len(which))
    of_truth = [one.probabilities[which][rows, labels] for one in over]
    st.plotly_chart(
        truth_strip(
            [one.epoch or 0 for one in over],
            np.stack(of_truth, axis=1),
            np.stack([one.predicted[which] for one in over], axis=1),
            {f"{k} (label {label})": int(label) for k, label in zip(which, labels, strict=True)},
            theme=theme,
            text_colour=TEXT.get(theme),
        ),
        config=CHART_CONFIG,
        key="confusion-time-strip",
        alt="The probability of the label of some digits after each epoch",
    )
    st.caption(
        "A row a digit, by its index: in each field the answer after that epoch, wrong ones with "
        "✗. The redder, the less of the probability went to the label."
    )
