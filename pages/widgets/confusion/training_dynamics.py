"""The over-time view of the confusions page: mistakes by epoch, digits learned and forgotten.

A visitor steps through the epochs of a run. Charts show how many digits are wrong after each, and
when each digit was learned for good; single digits are followed over the epochs.
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
from pages.widgets.shared.pictures import CHART_CONFIG, text_color
from pages.widgets.shared.run_picker import choose_epoch


def time_controls(epochs: Sequence[int], predictions: Predictions) -> None:
    """Draw the buttons that move the slider “At epoch”, and the mistakes at its epoch.

    Args:
        epochs: the epochs whose weights are kept, ascending.
        predictions: answers at the chosen epoch.
    """
    wrong = len(predictions) - int(predictions.correct.sum())
    words = f"{wrong:,} wrong of {len(predictions):,} ({plain(predictions.run.id)})"
    epoch_controls(epochs, predictions.epoch, words, key="confusion-dynamics")


_MOST = 40
_ROWS = 12
_OPEN = "confusion-dynamics-open"


def digits_over_time(
    predictions: Predictions, by_epoch: Sequence[Predictions], indices: NDArray[np.intp]
) -> None:
    """Draw a grid of digits, and the probabilities of the one clicked on over the epochs.

    Args:
        predictions: answers at the chosen epoch.
        by_epoch: answers after each kept epoch, in the order of the epochs.
        indices: which digits to show, in this order; shape (k,).
    """
    if not len(indices):
        st.info("No digit matches.", icon=":material/check:")
        return
    shown = indices[:_MOST]
    when = (
        "the finished network"
        if predictions.epoch is None
        else f"the network after epoch {predictions.epoch}"
    )
    first = (
        f"The first {len(shown)} of {len(indices):,}" if len(indices) > len(shown) else "They are"
    )
    st.caption(
        f"{first}, as {when} reads them; a dashed frame: wrong. Click on one to see its ten "
        "probabilities over the epochs."
    )

    def open_it(index: int) -> None:
        st.session_state[_OPEN] = index

    opened: int | None = st.session_state.get(_OPEN)
    digit_grid(
        predictions.images[shown],
        [_cell(predictions, int(index)) for index in shown],
        key="confusion-dynamics-grid",
        on_open=open_it,
        chosen=opened,
    )
    if opened is not None and opened in indices:
        _digit_chart(predictions, by_epoch, opened)
    st.markdown("**How sure of the label**")
    _strip(by_epoch, shown[:_ROWS])


def _cell(predictions: Predictions, index: int) -> Cell:
    label, read = int(predictions.labels[index]), int(predictions.predicted[index])
    sure = percent(float(predictions.confidence[index]))
    return read_cell(index, f"Number {index}", label, read, f" ({sure})")


def _digit_chart(predictions: Predictions, by_epoch: Sequence[Predictions], index: int) -> None:
    label = int(predictions.labels[index])
    st.markdown(f"**Test digit {index:,}, label {label}, over the epochs**")
    st.plotly_chart(
        digit_over_epochs(
            [epoch_predictions.epoch or 0 for epoch_predictions in by_epoch],
            np.stack([epoch_predictions.probabilities[index] for epoch_predictions in by_epoch]),
            label,
            predictions.epoch,
            text_color(),
        ),
        config=CHART_CONFIG,
        key="confusion-dynamics-one",
        alt=f"The probabilities of test digit {index} over the epochs",
    )


def _strip(by_epoch: Sequence[Predictions], indices: NDArray[np.intp]) -> None:
    theme = st.context.theme.type or "light"
    labels = by_epoch[0].labels[indices]
    rows = np.arange(len(indices))
    of_truth = [
        epoch_predictions.probabilities[indices][rows, labels] for epoch_predictions in by_epoch
    ]
    st.plotly_chart(
        truth_strip(
            [epoch_predictions.epoch or 0 for epoch_predictions in by_epoch],
            np.stack(of_truth, axis=1),
            np.stack(
                [epoch_predictions.predicted[indices] for epoch_predictions in by_epoch], axis=1
            ),
            {
                f"{index} (label {label})": int(label)
                for index, label in zip(indices, labels, strict=True)
            },
            theme=theme,
            text_color=TEXT_COLORS.get(theme),
        ),
        config=CHART_CONFIG,
        key="confusion-dynamics-strip",
        alt="The probability of the label of some digits after each epoch",
    )
    st.caption(
        "A row a digit, by its index: in each field the answer after that epoch, wrong ones with "
        "✗. The redder, the less of the probability went to the label."
    )


Epochs = tuple[Predictions, ...]
_WHICH = "confusion-dynamics-which"
_FLIPPED, _NEVER = "flipped", "never"
_ERRORS, _LEARNED = "confusion-dynamics-errors", "confusion-dynamics-learned"


def training_dynamics_view(predictions: Predictions, other: Predictions | None) -> None:
    """Draw the mistakes by epoch, the matrix at the chosen one, and when each digit was learned.

    Args:
        predictions: answers of the run in use at the chosen epoch.
        other: answers of a second run to the same digits, if one is compared.
    """
    by_epoch = _answers(predictions)
    if by_epoch is None:
        return
    epochs = [_epoch(epoch_predictions) for epoch_predictions in by_epoch]
    if len(epochs) < 2:
        st.info(_too_few(predictions.run.id, epochs), icon=":material/history_toggle_off:")
        return
    time_controls(epochs, predictions)
    _over_all(predictions, by_epoch, other)
    st.header(f"The matrix {_when(predictions)}", anchor=False)
    draw_matrix(predictions, other, key="confusion-dynamics-matrix")
    st.header("When each digit was learned", anchor=False)
    _learned(predictions, by_epoch, epochs)


def _answers(predictions: Predictions) -> Epochs | None:
    """Return the answers after each epoch; None, with a hint on the page, if there are none."""
    if predictions.dataset == "mine":
        st.info(
            "Training dynamics has test digits only, not your own. Choose other test digits "
            "above, or move the slider “At epoch” and look at the matrix.",
            icon=":material/history_toggle_off:",
        )
        return None
    try:
        return all_epoch_predictions(predictions.run, predictions.dataset)
    except NotComputedError as error:
        offer_epochs(str(error), predictions.run, predictions.dataset)
        return None


def _too_few(name: str, epochs: list[int]) -> str:
    kept = f"only the weights of epoch {epochs[0]}" if epochs else "no weights of single epochs"
    return (
        f"The run “{plain(name)}” keeps {kept}, so there are no epochs to compare. Train it "
        "for more epochs, or choose another run."
    )


def _when(predictions: Predictions) -> str:
    return (
        "of the finished network"
        if predictions.epoch is None
        else f"after epoch {predictions.epoch}"
    )


def _epoch(predictions: Predictions) -> int:
    return predictions.epoch or 0


def _points(by_epoch: Epochs) -> list[tuple[int, int]]:
    return [
        (_epoch(epoch_predictions), len(epoch_predictions) - int(epoch_predictions.correct.sum()))
        for epoch_predictions in by_epoch
    ]


def _over_all(predictions: Predictions, by_epoch: Epochs, other: Predictions | None) -> None:
    theme = st.context.theme.type or "light"
    color = TEXT_COLORS.get(theme)
    error_points = {predictions.run.id: _points(by_epoch)}
    if other is not None:
        try:
            error_points[other.run.id] = _points(
                all_epoch_predictions(other.run, predictions.dataset)
            )
        except DigitscopeError as error:
            st.caption(plain(str(error)))

    def chosen() -> None:
        points = st.session_state[_ERRORS].selection.points
        if points and points[0]["x"] in dict(error_points[predictions.run.id]):
            choose_epoch(int(points[0]["x"]))

    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Wrong after each epoch**")
        st.plotly_chart(
            errors_over_epochs(error_points, predictions.epoch, color),
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
                [_epoch(epoch_predictions) for epoch_predictions in by_epoch],
                _wrong_of_each(by_epoch),
                predictions.epoch,
                theme=theme,
                text_color=color,
            ),
            config=CHART_CONFIG,
            key="confusion-dynamics-classes",
            alt="How many digits of each label are wrong after each epoch",
        )


def _wrong_of_each(by_epoch: Epochs) -> NDArray[np.intp]:
    """Errors by label and epoch, (10, epochs)."""
    columns = [
        np.bincount(epoch_predictions.labels[~epoch_predictions.correct], minlength=10)
        for epoch_predictions in by_epoch
    ]
    return np.stack(columns, axis=1)


def _learned(predictions: Predictions, by_epoch: Epochs, epochs: list[int]) -> None:
    learned_at, changes = first_learned_epochs(by_epoch), forgetting_events(by_epoch)
    counts = [int((learned_at == epoch).sum()) for epoch in [*epochs, 0]]

    def chosen() -> None:
        points = st.session_state[_LEARNED].selection.points
        if points:
            st.session_state[_WHICH] = str(points[0]["x"])

    st.write(_learned_sentence(counts, epochs, int((changes > 1).sum())))
    st.plotly_chart(
        learned_bars(epochs, counts, text_color()),
        config=CHART_CONFIG,
        key=_LEARNED,
        on_select=chosen,
        selection_mode="points",
        alt="How many digits are right for good from each epoch on",
    )
    digits_over_time(predictions, by_epoch, _choose_digits(epochs, learned_at, changes))


def _learned_sentence(counts: list[int], epochs: list[int], often: int) -> str:
    total, at_first, never = sum(counts), counts[0], counts[-1]
    return (
        f"Of {total:,} digits {at_first:,} are right for good from epoch {epochs[0]} on, "
        f"{total - at_first - never:,} from a later one, and {never:,} are wrong after epoch "
        f"{epochs[-1]}, the last that is kept. {often:,} changed more than once between right and "
        "wrong: they flip. The bars are logarithmic, and a click on one shows its digits."
    )


def _choose_digits(
    epochs: list[int], learned_at: NDArray[np.intp], changes: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Draw the choice of the digits to show, and return their indices."""
    options = [_FLIPPED, *map(str, epochs), _NEVER]
    if st.session_state.get(_WHICH) not in options:
        st.session_state[_WHICH] = _FLIPPED
    chosen: str = st.selectbox(
        "Digits", options, format_func=_option_name, key=_WHICH, persist_state="session", width=340
    )
    if chosen == _FLIPPED:
        most = np.argsort(-changes, kind="stable")
        return most[changes[most] > 1]
    return np.flatnonzero(learned_at == (0 if chosen == _NEVER else int(chosen)))


def _option_name(option: str) -> str:
    if option == _FLIPPED:
        return "that changed most often"
    return "wrong at the end" if option == _NEVER else f"right for good from epoch {option} on"
