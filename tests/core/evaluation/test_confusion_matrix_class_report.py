"""Each digit's precision, recall and F1: scikit-learn's numbers, and what is said of them."""

import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, classification_report

from core.evaluation.confusion_matrix import (
    ClassReport,
    ClassScores,
    class_report_sentence,
    count_confusions,
    per_class_report,
)
from core.runs import predictions, registry
from tests.helpers.made_answers import answered as made

DIGIT = st.integers(0, 9)


def as_dict(scores: ClassScores) -> dict[str, float]:
    names = ("precision", "recall", "f1-score", "support")
    return dict(zip(names, dataclasses.astuple(scores), strict=True))


def agrees_with_scikit_learn(report: ClassReport, labels: object, read: object) -> None:
    expected = classification_report(labels, read, output_dict=True, zero_division=0)
    for digit, scores in enumerate(report.classes):
        if str(digit) in expected:
            assert as_dict(scores) == expected[str(digit)]
        else:
            assert scores == ClassScores(0, 0, 0, 0)
    assert as_dict(report.macro) == expected["macro avg"]
    assert as_dict(report.weighted) == expected["weighted avg"]
    assert report.accuracy == pytest.approx(accuracy_score(labels, read))


@settings(max_examples=40)
@given(st.lists(st.tuples(DIGIT, DIGIT), min_size=1, max_size=60))
def test_all_numbers_are_those_of_its_classification_report(pairs: list[tuple[int, int]]) -> None:
    labels, read = zip(*pairs, strict=True)
    agrees_with_scikit_learn(per_class_report(made(labels, read)), labels, read)


def test_so_are_those_of_a_shipped_run() -> None:
    answers = predictions.load_predictions(registry.find_run("purawr"), "mnist-sample")
    agrees_with_scikit_learn(per_class_report(answers), answers.labels, answers.predicted)


def test_by_hand() -> None:
    # Four nines, of which three are read as nines; one four is read as a nine too.
    report = per_class_report(made([9, 9, 9, 9, 4, 4], [9, 9, 9, 4, 9, 4]))
    nine, four = report.classes[9], report.classes[4]
    assert (nine.precision, nine.recall, nine.support) == (0.75, 0.75, 4)
    assert (four.precision, four.recall, four.f1) == (0.5, 0.5, 0.5)
    assert report.macro.f1 == pytest.approx((0.75 + 0.5) / 2)
    assert report.weighted.f1 == pytest.approx((4 * 0.75 + 2 * 0.5) / 6)
    assert report.accuracy == pytest.approx(4 / 6)


def test_it_is_worked_out_once() -> None:
    answers = made([1, 2], [1, 1])
    assert per_class_report(answers) is per_class_report(answers)


def test_the_two_sentences_of_a_digit() -> None:
    labels = [9] * 1009 + [4] * 8
    read = [9] * 997 + [4] * 12 + [9] * 8
    counts = count_confusions(made(labels, read))
    assert class_report_sentence(counts, 9) == (
        "Of 1,009 nines, 997 were read as nines (recall 98.8 %). "
        "Of the 1,005 answers “nine”, 997 were right (precision 99.2 %)."
    )
    assert class_report_sentence(counts, 4) == (
        "None of the 8 fours was read as a four (recall 0.0 %). "
        "Of the 12 answers “four”, 0 were right (precision 0.0 %)."
    )


def test_an_empty_class_is_told_as_such() -> None:
    counts = count_confusions(made([0, 8, 8], [0, 8, 0]))
    assert class_report_sentence(counts, 5) == (
        "There are no fives among these digits, so there is no recall. "
        "The answer “five” was never given, so there is no precision."
    )
    assert class_report_sentence(counts, 0) == (
        "The only zero was read as a zero (recall 100.0 %). "
        "Of the 2 answers “zero”, 1 was right (precision 50.0 %)."
    )
    assert class_report_sentence(counts, 8) == (
        "Of 2 eights, 1 was read as an eight (recall 50.0 %). "
        "The only answer “eight” was right (precision 100.0 %)."
    )


def test_a_page_that_needs_no_report_does_not_wait_for_scikit_learn() -> None:
    script = "import core.evaluation.confusion_matrix, sys; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
