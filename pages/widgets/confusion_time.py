"""The confusions page over time: which digits a run learnt after which epoch, and which flipped."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.answered import Answered
from core.epoch_answers import NotComputedError, flips, learnt_when, over_epochs
from core.epoch_figures import class_errors, errors_over_epochs, learnt_bars
from core.errors import DigitscopeError
from core.palette import TEXT
from pages.widgets.answer import CHART_CONFIG
from pages.widgets.confusion_answers import offer_epochs
from pages.widgets.confusion_matrix import draw_matrix
from pages.widgets.confusion_time_controls import time_controls
from pages.widgets.confusion_time_digits import digits_over_time
from pages.widgets.run_picker import choose_epoch
from pages.widgets.words import plain

Epochs = tuple[Answered, ...]
WHICH = "confusion-time-which"
FLIPPED, NEVER = "flipped", "never"
_ERRORS, _LEARNT = "confusion-time-errors", "confusion-time-learnt"


def time_view(this: Answered, other: Answered | None) -> None:
    """Draw the mistakes at the chosen epoch, over all of them, and when which digit was learnt."""
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
    _learnt(this, over, epochs)


def _answers(this: Answered) -> Epochs | None:
    """The answers after each epoch; None, with what a visitor can do, if they are not there."""
    if this.dataset == "mine":
        st.info(
            "Over time only test digits are kept, not your own. Choose other test digits above, or "
            "move the slider “At epoch” and look at the matrix.",
            icon=":material/history_toggle_off:",
        )
        return None
    try:
        return over_epochs(this.run, this.dataset)
    except NotComputedError as error:
        offer_epochs(str(error), this.run, this.dataset)
        return None


def _too_few(name: str, epochs: list[int]) -> str:
    kept = f"only the weights of epoch {epochs[0]}" if epochs else "no weights of single epochs"
    return (
        f"The run “{plain(name)}” keeps {kept}, so there is nothing to compare over time. Train "
        "it for more epochs, or choose another run."
    )


def _when(this: Answered) -> str:
    return "of the finished network" if this.epoch is None else f"after epoch {this.epoch}"


def _epoch(one: Answered) -> int:
    return one.epoch or 0


def _points(over: Epochs) -> list[tuple[int, int]]:
    return [(_epoch(one), len(one) - int(one.right.sum())) for one in over]


def _over_all(this: Answered, over: Epochs, other: Answered | None) -> None:
    theme = st.context.theme.type or "light"
    colour = TEXT.get(theme)
    found = {this.run.id: _points(over)}
    if other is not None:
        try:
            found[other.run.id] = _points(over_epochs(other.run, this.dataset))
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
            errors_over_epochs(found, this.epoch, colour),
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
                text_colour=colour,
            ),
            config=CHART_CONFIG,
            key="confusion-time-classes",
            alt="How many digits of each label are wrong after each epoch",
        )


def _wrong_of_each(over: Epochs) -> NDArray[np.intp]:
    """Errors by label and epoch, (10, epochs)."""
    columns = [np.bincount(one.labels[~one.right], minlength=10) for one in over]
    return np.stack(columns, axis=1)


def _learnt(this: Answered, over: Epochs, epochs: list[int]) -> None:
    when, changes = learnt_when(over), flips(over)
    counts = [int((when == epoch).sum()) for epoch in [*epochs, 0]]

    def chosen() -> None:
        points = st.session_state[_LEARNT].selection.points
        if points:
            st.session_state[WHICH] = str(points[0]["x"])

    st.write(_in_words(counts, epochs, int((changes > 1).sum())))
    st.plotly_chart(
        learnt_bars(epochs, counts, TEXT.get(st.context.theme.type or "")),
        config=CHART_CONFIG,
        key=_LEARNT,
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
