"""What the confusions page says before any view: how many are wrong, of which digits."""

import streamlit as st

from core.answered import Answered
from core.evaluation import wilson_interval
from core.run_report import TEST_DIGITS
from core.text import percent_of
from pages.widgets.words import plain


def headline(*shown: Answered | None) -> None:
    """Draw each network's mistakes counted, and a warning where they flatter it."""
    for one in shown:
        if one:
            _line(one)


def _line(this: Answered) -> None:
    n, right = len(this), int(this.right.sum())
    low, high = wilson_interval(right, n)
    st.markdown(
        f"**{plain(this.who)}** misreads **{n - right:,}** of {n:,} digits ({_which(this)}). "
        f"Accuracy {percent_of(right, n, 2)}, 95 % interval {100 * low:.2f} to {100 * high:.2f} %."
    )
    if not this.held_out:
        st.warning(
            f"Some of these digits were among those that {plain(this.who)} was trained on, so this "
            "is no test: on new digits it will do worse.",
            icon=":material/school:",
        )


def _which(this: Answered) -> str:
    return TEST_DIGITS.get(this.dataset, "those that you have labelled")
