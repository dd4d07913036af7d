"""The confusions page over time: which digits a run learned after which epoch, and which flipped.

A few digits over the epochs of a training: a row to click on, and how sure a network became.

Going through the epochs of a run, with what it got wrong at each.
"""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.evaluation.epoch_predictions import (
    NotComputedError,
    all_epoch_predictions,
    first_learned_epochs,
    forgetting_events,
)
from core.figures.comparison_charts import (
    class_errors,
    digit_over_epochs,
    errors_over_epochs,
    learned_bars,
    truth_strip,
)
from core.figures.style import TEXT_COLORS
from core.runs.predictions import Predictions
from core.utils.errors import DigitscopeError
from core.utils.text import percent
from pages.widgets.components.digit_grid import Cell, digit_grid, read_cell
from pages.widgets.confusion.matrix import draw_matrix
from pages.widgets.confusion.predictions import offer_epochs
from pages.widgets.shared.epoch_player import epoch_controls
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import CHART_CONFIG
from pages.widgets.shared.run_picker import choose_epoch


def time_controls(epochs: Sequence[int], this: Predictions) -> None:
    """Draw the buttons that move the slider “At epoch”, and where it stands; `epochs`: rising."""
    wrong = len(this) - int(this.correct.sum())
    words = f"{wrong:,} wrong of {len(this):,} ({plain(this.run.id)})"
    epoch_controls(epochs, this.epoch, words, key="confusion-time")


_MOST = 40
_ROWS = 12
_OPEN = "confusion-time-open"


def digits_over_time(
    this: Predictions, over: Sequence[Predictions], which: NDArray[np.intp]
) -> None:
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


def _cell(this: Predictions, index: int) -> Cell:
    label, read = int(this.labels[index]), int(this.predicted[index])
    sure = percent(float(this.confidence[index]))
    return read_cell(index, f"Number {index}", label, read, f" ({sure})")


def _one(this: Predictions, over: Sequence[Predictions], index: int) -> None:
    label = int(this.labels[index])
    st.markdown(f"**Test digit {index:,}, label {label}, over the epochs**")
    st.plotly_chart(
        digit_over_epochs(
            [one.epoch or 0 for one in over],
            np.stack([one.probabilities[index] for one in over]),
            label,
            this.epoch,
            TEXT_COLORS.get(st.context.theme.type or ""),
        ),
        config=CHART_CONFIG,
        key="confusion-time-one",
        alt=f"The probabilities of test digit {index} over the epochs",
    )


def _strip(over: Sequence[Predictions], which: NDArray[np.intp]) -> None:
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
            text_color=TEXT_COLORS.get(theme),
        ),
        config=CHART_CONFIG,
        key="confusion-time-strip",
        alt="The probability of the label of some digits after each epoch",
    )
    st.caption(
        "A row a digit, by its index: in each field the answer after that epoch, wrong ones with "
        "✗. The redder, the less of the probability went to the label."
    )


Epochs = tuple[Predictions, ...]
WHICH = "confusion-time-which"
FLIPPED, NEVER = "flipped", "never"
_ERRORS, _LEARNED = "confusion-time-errors", "confusion-time-learnt"


def time_view(this: Predictions, other: Predictions | None) -> None:
    """Draw the mistakes at the chosen epoch, over all of them, and when which digit was learned."""
    over = _answers(this)
    if over is None:
        return
    epochs = [_epoch(one) for one in over]
    if len(epochs) < 2:
        st.info(_too_few(this.run.id, epochs), icon=":material/history_toggle_off:")
        return
    time_controls(epochs, this)
    _over_all(this, over, other)
    st.subheader(f"The matrix {_when(this)}", anchor=False)
    draw_matrix(this, other, key="confusion-time-matrix")
    st.subheader("Which digits were learnt when", anchor=False)
    _learned(this, over, epochs)


def _answers(this: Predictions) -> Epochs | None:
    """The answers after each epoch; None, with what a visitor can do, if they are not there."""
    if this.dataset == "mine":
        st.info(
            "Over time only test digits are kept, not your own. Choose other test digits above, or "
            "move the slider “At epoch” and look at the matrix.",
            icon=":material/history_toggle_off:",
        )
        return None
    try:
        return all_epoch_predictions(this.run, this.dataset)
    except NotComputedError as error:
        offer_epochs(str(error), this.run, this.dataset)
        return None


def _too_few(name: str, epochs: list[int]) -> str:
    kept = f"only the weights of epoch {epochs[0]}" if epochs else "no weights of single epochs"
    return (
        f"The run “{plain(name)}” keeps {kept}, so there is nothing to compare over time. Train "
        "it for more epochs, or choose another run."
    )


def _when(this: Predictions) -> str:
    return "of the finished network" if this.epoch is None else f"after epoch {this.epoch}"


def _epoch(one: Predictions) -> int:
    return one.epoch or 0


def _points(over: Epochs) -> list[tuple[int, int]]:
    return [(_epoch(one), len(one) - int(one.correct.sum())) for one in over]


def _over_all(this: Predictions, over: Epochs, other: Predictions | None) -> None:
    theme = st.context.theme.type or "light"
    color = TEXT_COLORS.get(theme)
    found = {this.run.id: _points(over)}
    if other is not None:
        try:
            found[other.run.id] = _points(all_epoch_predictions(other.run, this.dataset))
        except DigitscopeError as error:
            st.caption(plain(str(error)))

    def chosen() -> None:
        points = st.session_state[_ERRORS].selection.points
        if points and points[0]["x"] in dict(found[this.run.id]):
            choose_epoch(int(points[0]["x"]))

    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Wrong after each epoch**")
        st.plotly_chart(
            errors_over_epochs(found, this.epoch, color),
            config=CHART_CONFIG,
            key=_ERRORS,
            on_select=chosen,
            selection_mode="points",
            alt="How many digits are wrong after each epoch",
        )
        st.caption("Click on a point to go to its epoch.")
    with right:
        st.markdown("**Wrong of each label**")
        st.plotly_chart(
            class_errors(
                [_epoch(one) for one in over],
                _wrong_of_each(over),
                this.epoch,
                theme=theme,
                text_color=color,
            ),
            config=CHART_CONFIG,
            key="confusion-time-classes",
            alt="How many digits of each label are wrong after each epoch",
        )


def _wrong_of_each(over: Epochs) -> NDArray[np.intp]:
    """Errors by label and epoch, (10, epochs)."""
    columns = [np.bincount(one.labels[~one.correct], minlength=10) for one in over]
    return np.stack(columns, axis=1)


def _learned(this: Predictions, over: Epochs, epochs: list[int]) -> None:
    when, changes = first_learned_epochs(over), forgetting_events(over)
    counts = [int((when == epoch).sum()) for epoch in [*epochs, 0]]

    def chosen() -> None:
        points = st.session_state[_LEARNED].selection.points
        if points:
            st.session_state[WHICH] = str(points[0]["x"])

    st.write(_in_words(counts, epochs, int((changes > 1).sum())))
    st.plotly_chart(
        learned_bars(epochs, counts, TEXT_COLORS.get(st.context.theme.type or "")),
        config=CHART_CONFIG,
        key=_LEARNED,
        on_select=chosen,
        selection_mode="points",
        alt="How many digits are right for good from each epoch on",
    )
    digits_over_time(this, over, _which(epochs, when, changes))


def _in_words(counts: list[int], epochs: list[int], often: int) -> str:
    total, at_first, never = sum(counts), counts[0], counts[-1]
    return (
        f"Of {total:,} digits {at_first:,} are right for good from epoch {epochs[0]} on, "
        f"{total - at_first - never:,} from a later one, and {never:,} are wrong after epoch "
        f"{epochs[-1]}, the last that is kept. {often:,} changed more than once between right and "
        "wrong: they flip. The bars are logarithmic, and a click on one shows its digits."
    )


def _which(
    epochs: list[int], when: NDArray[np.intp], changes: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Draw the choice of the digits to be looked at, and give them."""
    options = [FLIPPED, *map(str, epochs), NEVER]
    if st.session_state.get(WHICH) not in options:
        st.session_state[WHICH] = FLIPPED
    chosen: str = st.selectbox(
        "Digits", options, format_func=_named, key=WHICH, persist_state="session", width=340
    )
    if chosen == FLIPPED:
        most = np.argsort(-changes, kind="stable")
        return most[changes[most] > 1]
    return np.flatnonzero(when == (0 if chosen == NEVER else int(chosen)))


def _named(option: str) -> str:
    if option == FLIPPED:
        return "that changed most often"
    return "wrong at the end" if option == NEVER else f"right for good from epoch {option} on"
