"""The report view of the confusions page: scores by digit, top confusions, significance."""

import numpy as np
import streamlit as st

from core.data.mnist import CLASSES
from core.evaluation.comparison import (
    compare_paired,
    detectable_difference_sentence,
    smallest_detectable_difference,
)
from core.evaluation.confusion_matrix import (
    ClassReport,
    ClassScores,
    cell_indices,
    cell_sentence,
    class_prototype,
    class_report_sentence,
    count_confusions,
    per_class_report,
    top_confusions,
)
from core.figures.images import digit_sheet_png
from core.runs.predictions import Predictions
from core.utils.text import DIGIT_NAMES, DIGIT_PLURALS, digit_with_article, percent
from pages.widgets.confusion.digits import show_digits
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import enlarge

_CLASS = "confusion-report-class"
_ENLARGED = 3
_EXAMPLES = (10, 30, 100)


def report_view(predictions: Predictions, other: Predictions | None) -> None:
    """Draw the report on one network's answers, beside a second one's if there is one.

    Args:
        predictions: answers of the run in use.
        other: answers of a second run to the same digits, if one is compared.

    Raises:
        DigitscopeError: if the two answered different digits.
    """
    _table(predictions, other)
    _one_class(predictions, other)
    _top(predictions)
    _luck(predictions, other)


def _table(predictions: Predictions, other: Predictions | None) -> None:
    st.header("Digit by digit", anchor=False)
    lines, others = (
        _lines(per_class_report(predictions)),
        _lines(per_class_report(other)) if other else None,
    )
    rows = [
        {
            "digit": name,
            "precision": scores.precision,
            "recall": scores.recall,
            "F1": scores.f1,
            "support": scores.support,
            **(
                {"other recall": others[name].recall, "other F1": others[name].f1} if others else {}
            ),
        }
        for name, scores in lines.items()
    ]
    fractions = ("precision", "recall", "F1", "other recall", "other F1")
    table, words = st.columns([3, 2], gap="large")
    table.dataframe(
        rows,
        hide_index=True,
        height="content",
        width="content",
        column_config={
            "digit": st.column_config.TextColumn(pinned=True, width=110),
            **{name: st.column_config.NumberColumn(format="%.4f", width=80) for name in fractions},
            "support": st.column_config.NumberColumn(format="localized", width=80),
        },
        alt="Precision, recall, F1 and support of each digit, and their averages",
    )
    with words:
        _what_they_mean(other)


def _what_they_mean(other: Predictions | None) -> None:
    beside = f" “Other” is {plain(other.name)}." if other else ""
    st.caption(
        "**Precision**: of what was read as this digit, how much is one. **Recall**: of this "
        "digit, how much was read as one. A network that answers “nine” at the slightest doubt "
        "has a high recall for nines and a low precision. **F1** is high only if both are: their "
        "harmonic mean, 2 · P · R / (P + R). **Support**: how many of this digit there are. The "
        "macro average takes all digits as equals, the weighted one counts each by its support. "
        f"The numbers are those of scikit-learn's `classification_report`.{beside}"
    )


def _lines(report: ClassReport) -> dict[str, ClassScores]:
    lines = {str(digit): scores for digit, scores in enumerate(report.classes)}
    return {**lines, "macro avg": report.macro, "weighted avg": report.weighted}


def _one_class(predictions: Predictions, other: Predictions | None) -> None:
    st.header("One digit", anchor=False)
    digit: int = st.segmented_control(
        "Digit",
        list(range(CLASSES)),
        default=CLASSES - 1,
        required=True,
        key=_CLASS,
        persist_state="session",
        label_visibility="collapsed",
    )
    st.markdown(
        f"{plain(predictions.name)}: {class_report_sentence(count_confusions(predictions), digit)}"
    )
    if other is not None:
        st.markdown(f"{plain(other.name)}: {class_report_sentence(count_confusions(other), digit)}")
    missed = cell_indices(predictions, digit, None, wrong_only=True)
    mistaken = cell_indices(predictions, None, digit, wrong_only=True)
    kinds = {
        f"{DIGIT_PLURALS[digit].capitalize()} read as something else ({len(missed):,})": missed,
        f"Others read as {digit_with_article(digit)} ({len(mistaken):,})": mistaken,
    }
    for place, (title, indices) in enumerate(kinds.items()):
        with st.expander(title, key=f"confusion-report-{digit}-{place}"):
            show_digits(
                predictions, indices, key=f"confusion-report-{digit}-{place}-digits", other=other
            )


def _top(predictions: Predictions) -> None:
    st.header("Top confusions", anchor=False)
    confusions = top_confusions(predictions)
    if not confusions:
        st.info("None of these digits is misread.", icon=":material/check:")
        return
    with st.grid(min_column_width=165, gap="small"):
        for true, read, often in confusions:
            with st.container(border=True, height="stretch"):
                _pair(predictions, true, read, often)
    st.caption(
        "Left: the digit with the most confident mistake of this kind. Right, for comparison: "
        "a typical digit of the class it was read as (of those read correctly, the most "
        "similar to their mean)."
    )


def _pair(predictions: Predictions, true: int, read: int, often: int) -> None:
    surest = int(cell_indices(predictions, true, read)[0])
    beside = class_prototype(predictions, read)
    shown = [surest] if beside is None else [surest, beside]
    pictures = np.stack([enlarge(predictions.images[k], _ENLARGED) for k in shown])
    st.markdown(f"**{true} → {read}**, {often:,} {'time' if often == 1 else 'times'}")
    st.image(
        digit_sheet_png(pictures, len(shown)),
        width=28 * _ENLARGED * len(shown),
        alt=f"A {DIGIT_NAMES[true]} that was read as {digit_with_article(read)}"
        + ("" if beside is None else f", and an ordinary {DIGIT_NAMES[read]}"),
    )
    st.caption(
        f"{cell_sentence(count_confusions(predictions), true, read)} The surest of them: "
        f"number {surest:,}, {percent(float(predictions.confidence[surest]))} sure."
    )


def _luck(predictions: Predictions, other: Predictions | None) -> None:
    st.header("When is a difference more than chance?", anchor=False)
    if other is None:
        needs = ", ".join(
            f"on {n} such digits a difference of {smallest_detectable_difference(n)}"
            for n in _EXAMPLES
        )
        st.markdown(
            "Two runs tested on the same digits differ only on those that just one of them reads "
            "rightly. How uneven the split of these must be to be more than chance depends on how "
            f"many they are: {needs}. Choose a second run to see it for the two."
        )
        return
    # As a change from the other run to the run in use.
    pair = compare_paired(other, predictions)
    st.markdown(plain(pair.sentence()))
    st.markdown(detectable_difference_sentence(pair.disagree))
    same, unlike = len(pair.same_mistake), len(pair.other_mistake)
    st.caption(
        f"Both are wrong on {same + unlike:,} digits: {same:,} with the same answer, "
        f"{unlike:,} with different ones. The test is about these two networks, not about "
        "their recipes: another seed alone changes the results."
    )
