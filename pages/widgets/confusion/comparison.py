"""Two runs on the same digits: what one fixed and broke, and whether chance explains it."""

import numpy as np
import streamlit as st

from core.evaluation.comparison import compare_paired, detectable_difference_sentence
from core.runs.predictions import Predictions
from pages.widgets.confusion.digits import show_digits
from pages.widgets.shared.markdown import plain


def draw_comparison(predictions: Predictions, other: Predictions) -> None:
    """Draw the paired comparison, and the digits on which the two runs differ.

    Args:
        predictions: answers of the run in use.
        other: answers of the second run, to the same digits.
    """
    # As a change from the other to the run in use, which is what a visitor wants to judge.
    pair = compare_paired(other, predictions)
    st.header("What changed", anchor=False)
    st.write(plain(pair.sentence()))
    st.caption(detectable_difference_sentence(pair.disagree))
    lists = {
        f"fixed ({len(pair.fixed)})": (
            pair.fixed,
            f"{other.name} is wrong, {predictions.name} right",
        ),
        f"broken ({len(pair.broken)})": (
            pair.broken,
            f"{other.name} is right, {predictions.name} wrong",
        ),
        f"both wrong ({len(pair.same_mistake) + len(pair.other_mistake)})": (
            np.concatenate([pair.same_mistake, pair.other_mistake]),
            "both are wrong",
        ),
    }
    kinds = [name.split(" (")[0] for name in lists]
    kind = st.segmented_control(
        "Which digits",
        kinds,
        default=kinds[0],
        required=True,
        format_func=dict(zip(kinds, lists, strict=True)).__getitem__,
        key="confusion-pair-kind",
        label_visibility="collapsed",
        persist_state="session",
    )
    indices, meaning = lists[dict(zip(kinds, lists, strict=True))[kind]]
    st.caption(f"On these, {plain(meaning)}.")
    show_digits(predictions, indices, key=f"confusion-pair-{kind}", other=other)
