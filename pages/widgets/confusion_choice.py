"""What the confusions page looks at: which digits, whose answers, which view; in the address."""

import streamlit as st

from core import datasets, runs
from core.answered import Answered
from core.my_digits import MINE
from pages.widgets.links import among, follow

MATRIX, REPORT, SURE, STRESS = "Matrix", "Report", "How sure", "Stress"
TIME, SLICES, TAKE = "Over time", "Slices", "Take away"
VIEWS = (MATRIX, REPORT, SURE, STRESS, TIME, SLICES, TAKE)
DIGITS, WITH, VIEW = "digits", "with", "explore"
_NOBODY = "no other run"


def choose_digits(run: runs.Run, *, mine: int) -> str:
    """Draw the choice of the digits, and give it. `mine`: how many the visitor has labelled."""
    there = [*datasets.available(), *([MINE] if mine else [])]
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


def _first(there: list[str], run: runs.Run) -> str:
    """The largest set of digits on which the run was tested."""
    return next((name for name in there if name in run.info.metrics), there[0])


def choose_other(run: runs.Run) -> runs.Run | None:
    """Draw the choice of a second run, and give it."""
    usable = {
        one.id: one
        for one in runs.list_runs()
        if isinstance(one, runs.Run) and one.info.model_sha256 and one.id != run.id
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


def choose_whose(name: str, this: Answered, other: Answered | None, key: str) -> Answered:
    """With two runs: draw the choice whose answers are meant, under a name, and give them."""
    if other is None:
        return this
    chosen = st.segmented_control(
        name,
        [this.who, other.who],
        default=this.who,
        required=True,
        key=f"{key}-whose",
    )
    return other if chosen == other.who else this
