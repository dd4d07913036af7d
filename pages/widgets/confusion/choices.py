"""What the confusions page looks at: which digits, whose answers, which view; in the address.

What the confusions page says before any view: how many are wrong, of which digits.
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

MATRIX, REPORT, SURE, STRESS = "Matrix", "Report", "How sure", "Stress"
TIME, SLICES, TAKE = "Over time", "Slices", "Take away"
VIEWS = (MATRIX, REPORT, SURE, STRESS, TIME, SLICES, TAKE)
DIGITS, WITH, VIEW = "digits", "with", "explore"
_NOBODY = "no other run"


def choose_digits(run: Run, *, mine: int) -> str:
    """Draw the choice of the digits, and give it. `mine`: how many the visitor has labeled."""
    there = [*mnist.available(), *([USER_DIGITS] if mine else [])]
    asked = follow(DIGITS, among(there))
    if asked and asked not in there:
        st.warning(
            "The link asks for digits that are not here: these are others. On the Dataset page, "
            "all 70,000 digits of MNIST can be downloaded.",
            icon=":material/link_off:",
        )
    if st.session_state.get(DIGITS) not in {None, *there}:
        del st.session_state[DIGITS]
    chosen = st.segmented_control(
        "Test digits",
        there,
        default=None if DIGITS in st.session_state else _first(there, run),
        required=True,
        key=DIGITS,
        bind="query-params",
        persist_state="session",
        help="mnist: its 10,000 test digits. mnist-sample: 1,000 test digits, which are always "
        "there. mine: those that you have drawn or uploaded and labelled on the Predict page.",
    )
    return chosen or there[0]


def _first(there: list[str], run: Run) -> str:
    """The largest set of digits on which the run was tested."""
    return next((name for name in there if name in run.info.metrics), there[0])


def choose_other(run: Run) -> Run | None:
    """Draw the choice of a second run, and give it."""
    usable = {
        one.id: one
        for one in registry.list_runs()
        if isinstance(one, Run) and one.info.model_sha256 and one.id != run.id
    }
    options = [_NOBODY, *usable]
    asked = follow(WITH, among(options))
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
    if asked and asked not in options:
        st.warning(
            "The link compares with a run that is not here, or with itself.",
            icon=":material/link_off:",
        )
    return usable.get(chosen)


def choose_whose(name: str, this: Predictions, other: Predictions | None, key: str) -> Predictions:
    """With two runs: draw the choice whose answers are meant, under a name, and give them."""
    if other is None:
        return this
    chosen = st.segmented_control(
        name,
        [this.name, other.name],
        default=this.name,
        required=True,
        key=f"{key}-whose",
    )
    return other if chosen == other.name else this


def headline(*shown: Predictions | None) -> None:
    """Draw each network's mistakes counted, and a warning where they flatter it."""
    for one in shown:
        if one:
            _line(one)


def _line(this: Predictions) -> None:
    n, right = len(this), int(this.correct.sum())
    low, high = wilson_interval(right, n)
    st.markdown(
        f"**{plain(this.name)}** misreads **{n - right:,}** of {n:,} digits ({_which(this)}). "
        f"Accuracy {percent_of(right, n, 2)}, 95 % interval {100 * low:.2f} to {100 * high:.2f} %."
    )
    if not this.held_out:
        st.warning(
            f"Some of these digits were among those that {plain(this.name)} was trained on, so "
            "this is no test: on new digits it will do worse.",
            icon=":material/school:",
        )


def _which(this: Predictions) -> str:
    return TEST_DIGITS.get(this.dataset, "those that you have labelled")
