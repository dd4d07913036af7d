"""The confusions page's view of how sure a network is, and whether it may be."""

import streamlit as st

from core.evaluation.calibration import (
    calibration_sentence,
    confidence_histogram,
    coverage_curve,
    coverage_sentence,
    reliability,
    top_k_accuracy,
)
from core.evaluation.confusion_matrix import cell_indices
from core.figures.calibration_charts import confidence_chart, coverage_chart, reliability_diagram
from core.figures.style import TEXT_COLORS
from core.runs.predictions import Predictions
from core.utils.text import percent_of
from pages.widgets.confusion.digits import show_digits
from pages.widgets.shared.markdown import plain

_CHART = {"displayModeBar": False}
_THRESHOLD = "confusion-sure-threshold"
# Closer together where most answers are.
_THRESHOLDS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9, 99.99)
_FIRST = 90


def sure_view(this: Predictions, other: Predictions | None) -> None:
    """Draw how far the confidence of one network, or of two, can be trusted."""
    runs = {each.name: each for each in (this, other) if each is not None}
    _calibration(runs)
    _top_two(runs)
    threshold = _refusing(runs)
    _sure_and_wrong(this, other, threshold)


def _calibration(runs: dict[str, Predictions]) -> None:
    for each in runs.values():
        st.markdown(plain(calibration_sentence(each)))
    color = TEXT_COLORS.get(st.context.theme.type or "")
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Is it right as often as it says?", anchor=False)
        st.plotly_chart(
            reliability_diagram({who: reliability(each) for who, each in runs.items()}, color),
            config=_CHART,
            key="confusion-sure-reliability",
            alt="Reliability diagram: how often answers are right by how sure they are",
        )
        st.caption(
            "The **reliability diagram**: answers are put into ten bins by their confidence, the "
            "probability of the answer. A calibrated network's points lie on the dotted line: of "
            "answers that are 70 % sure, 70 % are right. Below it a network is too sure, above it "
            "not sure enough, as one is that was trained with label smoothing. Whiskers: 95 % "
            "intervals, wide where answers are few. The **expected calibration error** is the mean "
            "of the gaps (thick lines), weighted by the answers in each bin."
        )
    with right:
        st.subheader("How sure it is, right or wrong", anchor=False)
        st.plotly_chart(
            confidence_chart(
                {who: confidence_histogram(each) for who, each in runs.items()}, color
            ),
            config=_CHART,
            key="confusion-sure-histogram",
            alt="How many right and how many wrong answers have which confidence",
        )
        st.caption("A step of the upright axis is ten times as many.")
        for who, each in runs.items():
            surest = reliability(each)[-1]
            name = f"{plain(who)}: " if len(runs) > 1 else ""
            st.markdown(f"{name}{surest.sentence()}")


def _top_two(runs: dict[str, Predictions]) -> None:
    st.subheader("The second guess", anchor=False)
    for who, each in runs.items():
        n, first, second = len(each), top_k_accuracy(each, 1), top_k_accuracy(each, 2)
        wrong = n - first
        of_wrong = (
            f" Where the answer is wrong, the second guess is the label on {second - first:,} of "
            f"{wrong:,} digits."
            if wrong
            else ""
        )
        st.markdown(
            f"{plain(who)}: the label is the answer or the second most probable digit in "
            f"**{percent_of(second, n, 2)}** of cases (top-2 accuracy; the answer alone: "
            f"{percent_of(first, n, 2)}).{of_wrong}"
        )


def _refusing(runs: dict[str, Predictions]) -> float:
    st.subheader("If it may refuse to answer", anchor=False)
    chosen: float = st.select_slider(
        "It answers only when it is at least this sure",
        _THRESHOLDS,
        value=_FIRST,
        format_func=lambda percent: f"{percent:g} %",
        key=_THRESHOLD,
        persist_state="session",
    )
    threshold = chosen / 100
    for each in runs.values():
        st.markdown(plain(coverage_sentence(each, threshold)))
    curves = {who: coverage_curve(each) for who, each in runs.items()}
    st.plotly_chart(
        coverage_chart(
            {who: (curve, curve.at(threshold)) for who, curve in curves.items()},
            TEXT_COLORS.get(st.context.theme.type or ""),
        ),
        config=_CHART,
        key="confusion-sure-coverage",
        alt="How much of what is answered is wrong, by how much is answered",
    )
    st.caption(
        "Each point of the line is a threshold, the lowest at the right end, where every digit is "
        "answered; the big mark is the chosen one. Where it does not answer, people would have to "
        "read the digit."
    )
    return threshold


def _sure_and_wrong(this: Predictions, other: Predictions | None, threshold: float) -> None:
    st.subheader("Wrong, though sure", anchor=False)
    wrong = cell_indices(this, None, None, wrong_only=True)
    found = wrong[this.confidence[wrong] >= threshold]
    st.markdown(
        f"What {plain(this.name)} would still get wrong at {100 * threshold:g} %, "
        "the surest answers first."
    )
    show_digits(
        this,
        found,
        key="confusion-sure-wrong",
        other=other,
        empty="No wrong answer is so sure.",
    )
