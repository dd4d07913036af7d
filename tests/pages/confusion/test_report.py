"""The confusions page's report: its numbers, its sentences, its pictures, its doors."""

import pytest
from sklearn.metrics import classification_report, confusion_matrix
from streamlit.testing.v1 import AppTest

from core.evaluation.comparison import compare_paired, smallest_detectable_difference
from core.runs import predictions, registry
from tests.helpers.views import said


def page() -> None:
    import numpy as np
    import streamlit as st

    from core.runs import predictions, registry
    from core.runs.predictions import Predictions
    from core.utils.errors import DigitscopeError
    from pages.widgets.confusion.report import report_view
    from tests.helpers.made_answers import answered as made

    def of(name: str | None) -> Predictions | None:
        if name == "flawless":
            digits = predictions.load_predictions(registry.find_run("fast"), "mnist-sample")
            return made(digits.labels, digits.labels, images=digits.images, run=name)
        if name == "lonely":  # nothing but nines, one of them read as a four
            return made([9, 9, 9], [9, 4, 9], images=np.zeros((3, 28, 28), np.uint8), run=name)
        return (
            predictions.load_predictions(registry.find_run(name), "mnist-sample") if name else None
        )

    try:
        answers = of(st.session_state.get("run", "purawr"))
        assert answers is not None
        report_view(answers, of(st.session_state.get("other")))
    except DigitscopeError as error:
        st.error(str(error))


@pytest.fixture
def view() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def test_the_table_holds_scikit_learns_numbers(view: AppTest) -> None:
    view.run()
    answers = predictions.load_predictions(registry.find_run("purawr"), "mnist-sample")
    expected = classification_report(answers.labels, answers.predicted, output_dict=True)
    table = view.dataframe[0].value
    names = [*map(str, range(10)), "macro avg", "weighted avg"]
    assert table["digit"].tolist() == names
    for column, key in (("precision", "precision"), ("recall", "recall"), ("F1", "f1-score")):
        assert table[column].tolist() == [expected[name][key] for name in names]
    assert table["support"].tolist() == [100] * 10 + [1000] * 2
    assert "other F1" not in table


def test_a_chosen_digit_is_told_in_words_and_its_mistakes_can_be_seen(view: AppTest) -> None:
    view.session_state["confusion-report-class"] = 8
    view.run()
    answers = predictions.load_predictions(registry.find_run("purawr"), "mnist-sample")
    matrix = confusion_matrix(answers.labels, answers.predicted)
    right, count = matrix[8, 8], matrix[:, 8].sum()
    assert f"Of 100 eights, {right} were read as eights (recall {right}.0 %)" in said(view)
    assert f"Of the {count} answers “eight”, {right} were right" in said(view)
    titles = [expander.label for expander in view.expander]
    assert titles == [
        f"Eights read as something else ({100 - right})",
        f"Others read as an eight ({count - right})",
    ]


def test_the_top_confusions_are_the_largest_cells(view: AppTest) -> None:
    view.run()
    answers = predictions.load_predictions(registry.find_run("purawr"), "mnist-sample")
    matrix = confusion_matrix(answers.labels, answers.predicted)
    off = sorted((int(matrix[t, r]) for t in range(10) for r in range(10) if t != r), reverse=True)
    shown = [element.value for element in view.markdown if "→" in element.value]
    assert len(shown) == 5
    for words, often in zip(shown, off, strict=False):
        true, read = (int(words.replace("*", "")[k]) for k in (0, 4))
        assert matrix[true, read] == often
        assert f", {often} time" in words
    # The surest example of each: a number that really is in that cell.
    captions = [element.value for element in view.caption if "The surest of them" in element.value]
    for words, caption in zip(shown, captions, strict=True):
        index = int(caption.split("number ")[1].split(", ")[0].replace(",", ""))
        assert f"**{answers.labels[index]} → {answers.predicted[index]}**" in words


def test_alone_it_says_what_a_difference_would_take(view: AppTest) -> None:
    view.run()
    assert f"on 30 such digits a difference of {smallest_detectable_difference(30)}" in said(view)


def test_with_another_run_its_numbers_and_the_test_stand_beside(view: AppTest) -> None:
    view.session_state["other"] = "best"
    view.run()
    answers, other = (
        predictions.load_predictions(registry.find_run(run), "mnist-sample")
        for run in ("purawr", "best")
    )
    expected = classification_report(other.labels, other.predicted, output_dict=True)
    table = view.dataframe[0].value
    assert table["other F1"][3] == expected["3"]["f1-score"]
    assert table["other recall"][10] == expected["macro avg"]["recall"]
    words = said(view)
    pair = compare_paired(other, answers)
    assert f"{len(pair.fixed)} by purawr alone" in words
    assert f"On {pair.disagree} digits only one of the two is right" in words
    assert f"Both are wrong on {int((~answers.correct & ~other.correct).sum())} digits" in words


def test_a_run_without_mistakes_has_no_confusions(view: AppTest) -> None:
    view.session_state["run"] = "flawless"
    view.run()
    assert "None of these digits is misread" in said(view)


def test_empty_classes_are_told_and_break_nothing(view: AppTest) -> None:
    view.session_state["run"] = "lonely"
    view.session_state["confusion-report-class"] = 4
    view.run()
    assert "There are no fours among these digits, so there is no recall" in said(view)
    assert "The only answer “four” was wrong" in said(view)
    assert view.dataframe[0].value["support"].tolist() == [0] * 9 + [3, 3, 3]


def test_runs_on_other_digits_are_refused(view: AppTest) -> None:
    view.session_state["other"] = "lonely"
    view.run()
    assert not view.exception
    assert "have not answered the same digits" in view.error[0].value
