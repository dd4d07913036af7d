"""The controls above the views of the confusions page, and the count of mistakes below them.

A visitor chooses the test digits, a second run, and the view; each choice is a parameter of the
page's address.
"""

import streamlit as st

from core.data import mnist
from core.data.mnist import TEST_DIGITS
from core.evaluation.comparison import wilson_interval
from core.evaluation.user_digits import USER_DIGITS
from core.runs import registry
from core.runs.predictions import Predictions
from core.runs.run import Run
from core.utils.text import percent_of
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.url_state import among, follow

MATRIX, REPORT, CALIBRATION = "Matrix", "Per-class report", "Calibration"
ROBUSTNESS, DYNAMICS, SLICES = "Robustness", "Training dynamics", "Slices"
DOWNLOAD = "Download"
QUESTIONS = {
    MATRIX: "Which digits does it read as which?",
    REPORT: "How well does it read each digit?",
    CALIBRATION: "Is it right as often as it is sure?",
    ROBUSTNESS: "Which changes make it fail?",
    DYNAMICS: "How did its mistakes change during training?",
    SLICES: "Which kinds of digits does it misread?",
    DOWNLOAD: "What can be taken along as a file?",
}
VIEWS = tuple(QUESTIONS)
FORMER_NAMES = {
    "Report": REPORT,
    "How sure": CALIBRATION,
    "Stress": ROBUSTNESS,
    "Over time": DYNAMICS,
    "Take away": DOWNLOAD,
}
DIGITS, WITH, VIEW = "digits", "with", "explore"
_NOBODY = "no other run"


def choose_digits(run: Run, *, user_digit_count: int) -> str:
    """Draw the choice of the test digits.

    Args:
        run: the run in use; the default is the largest set of digits that it was tested on.
        user_digit_count: how many digits the visitor has labeled; 0 hides their own set.

    Returns:
        The name of the chosen set: a dataset's, or `mine`.
    """
    available = [*mnist.available(), *([USER_DIGITS] if user_digit_count else [])]
    requested = follow(DIGITS, among(available))
    if requested and requested not in available:
        st.warning(
            "The digits of this link are not on this machine; others are shown. On the "
            "Dataset page, all 70,000 digits of MNIST can be downloaded.",
            icon=":material/link_off:",
        )
    if st.session_state.get(DIGITS) not in {None, *available}:
        del st.session_state[DIGITS]
    chosen = st.segmented_control(
        "Test digits",
        available,
        default=None if DIGITS in st.session_state else _first(available, run),
        required=True,
        key=DIGITS,
        bind="query-params",
        persist_state="session",
        help="mnist: its 10,000 test digits. mnist-sample: 1,000 test digits, which are always "
        "there. mine: those that you have drawn or uploaded and labeled on the Predict page.",
    )
    return chosen or available[0]


def _first(available: list[str], run: Run) -> str:
    """The largest set of digits on which the run was tested."""
    return next((name for name in available if name in run.info.metrics), available[0])


def choose_other_run(run: Run) -> Run | None:
    """Draw the choice of a second run, and return it; None if there is none to compare with."""
    usable = {
        candidate.id: candidate
        for candidate in registry.list_runs()
        if isinstance(candidate, Run) and candidate.info.model_sha256 and candidate.id != run.id
    }
    options = [_NOBODY, *usable]
    requested = follow(WITH, among(options))
    if st.session_state.get(WITH) not in {None, *options}:
        del st.session_state[WITH]
    chosen = st.selectbox(
        "Compare with",
        options,
        key=WITH,
        bind="query-params",
        persist_state="session",
        width=220,
        help="The matrix then shows the difference, and the page lists the digits that only one of "
        "the two reads rightly.",
    )
    if requested and requested not in options:
        st.warning(
            "The link compares with a run that is not here, or with the run itself.",
            icon=":material/link_off:",
        )
    return usable.get(chosen)


def choose_predictions(
    name: str, predictions: Predictions, other: Predictions | None, key: str
) -> Predictions:
    """Draw the choice between two runs' answers, if there are two.

    Args:
        name: the label of the control.
        predictions: answers of the run in use.
        other: answers of the second run, if there is one.
        key: prefix of the control's key.

    Returns:
        The chosen answers; those of the run in use if there is no second run.
    """
    if other is None:
        return predictions
    chosen = st.segmented_control(
        name,
        [predictions.name, other.name],
        default=predictions.name,
        required=True,
        key=f"{key}-whose",
    )
    return other if chosen == other.name else predictions


def error_counts(*shown: Predictions | None) -> None:
    """Draw each network's count of mistakes, with a warning if it was trained on these digits."""
    for predictions in shown:
        if predictions:
            _count_line(predictions)


def _count_line(predictions: Predictions) -> None:
    n, right = len(predictions), int(predictions.correct.sum())
    low, high = wilson_interval(right, n)
    st.markdown(
        f"**{plain(predictions.name)}** misreads **{n - right:,}** of {n:,} digits "
        f"({_describe_digits(predictions)}). Accuracy {percent_of(right, n, 2)}, 95 % "
        f"interval {100 * low:.2f} to {100 * high:.2f} %."
    )
    if not predictions.held_out:
        st.warning(
            f"Some of these digits were among those that {plain(predictions.name)} was trained "
            "on, so this is no test: on new digits it will do worse.",
            icon=":material/school:",
        )


def _describe_digits(predictions: Predictions) -> str:
    return TEST_DIGITS.get(predictions.dataset, "those that you have labeled")
