"""The calibration view of the confusions page: how far a network's confidence can be trusted."""

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
from core.runs.predictions import Predictions
from core.utils.text import percent_of
from pages.widgets.confusion.digits import show_digits
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import text_color

_CHART = {"displayModeBar": False}
_THRESHOLD = "confusion-calibration-threshold"
# Percent. Closer together where most answers are.
_THRESHOLDS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9, 99.99)
_FIRST = 90


def calibration_view(predictions: Predictions, other: Predictions | None) -> None:
    """Draw the calibration of one network, or of two: reliability, coverage, confident mistakes.

    Args:
        predictions: answers of the network in use.
        other: answers of a second network to the same digits, if one is compared.
    """
    runs = {shown.name: shown for shown in (predictions, other) if shown is not None}
    _calibration(runs)
    _top_two(runs)
    threshold = _refusing(runs)
    _sure_and_wrong(predictions, other, threshold)


def _calibration(runs: dict[str, Predictions]) -> None:
    for predictions in runs.values():
        st.markdown(plain(calibration_sentence(predictions)))
    color = text_color()
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Is it right as often as it says?", anchor=False)
        st.plotly_chart(
            reliability_diagram(
                {name: reliability(predictions) for name, predictions in runs.items()}, color
            ),
            config=_CHART,
            key="confusion-calibration-reliability",
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
        st.header("How sure it is, right or wrong", anchor=False)
        st.plotly_chart(
            confidence_chart(
                {name: confidence_histogram(predictions) for name, predictions in runs.items()},
                color,
            ),
            config=_CHART,
            key="confusion-calibration-histogram",
            alt="How many right and how many wrong answers have which confidence",
        )
        st.caption("The vertical axis is logarithmic.")
        for name, predictions in runs.items():
            surest = reliability(predictions)[-1]
            prefix = f"{plain(name)}: " if len(runs) > 1 else ""
            st.markdown(f"{prefix}{surest.sentence()}")


def _top_two(runs: dict[str, Predictions]) -> None:
    st.header("The second most probable digit", anchor=False)
    for name, predictions in runs.items():
        n, first, second = (
            len(predictions),
            top_k_accuracy(predictions, 1),
            top_k_accuracy(predictions, 2),
        )
        wrong = n - first
        of_wrong = (
            f" Where the answer is wrong, the second guess is the label on {second - first:,} of "
            f"{wrong:,} digits."
            if wrong
            else ""
        )
        st.markdown(
            f"{plain(name)}: the label is the answer or the second most probable digit in "
            f"**{percent_of(second, n, 2)}** of cases (top-2 accuracy; the answer alone: "
            f"{percent_of(first, n, 2)}).{of_wrong}"
        )


def _refusing(runs: dict[str, Predictions]) -> float:
    st.header("Refusing uncertain answers", anchor=False)
    chosen: float = st.select_slider(
        "It answers only when it is at least this sure",
        _THRESHOLDS,
        value=_FIRST,
        format_func=lambda percent: f"{percent:g} %",
        key=_THRESHOLD,
        persist_state="session",
    )
    threshold = chosen / 100
    for predictions in runs.values():
        st.markdown(plain(coverage_sentence(predictions, threshold)))
    curves = {name: coverage_curve(predictions) for name, predictions in runs.items()}
    st.plotly_chart(
        coverage_chart(
            {name: (curve, curve.at(threshold)) for name, curve in curves.items()},
            text_color(),
        ),
        config=_CHART,
        key="confusion-calibration-coverage",
        alt="How much of what is answered is wrong, by how much is answered",
    )
    st.caption(
        "Each point of the line is a threshold, the lowest at the right end, where every "
        "digit is answered; the big mark is the chosen one. Digits without an answer would "
        "have to be read by people."
    )
    return threshold


def _sure_and_wrong(predictions: Predictions, other: Predictions | None, threshold: float) -> None:
    st.header("Wrong, though sure", anchor=False)
    wrong = cell_indices(predictions, None, None, wrong_only=True)
    sure_and_wrong = wrong[predictions.confidence[wrong] >= threshold]
    st.markdown(
        f"What {plain(predictions.name)} would still get wrong at {100 * threshold:g} %, "
        "the surest answers first."
    )
    show_digits(
        predictions,
        sure_and_wrong,
        key="confusion-calibration-wrong",
        other=other,
        empty="No wrong answer is that confident.",
    )
