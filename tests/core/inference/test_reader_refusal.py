"""Sure, unsure, or not a digit: the rule, case by case, and on digits and things drawn here."""

import cv2
import numpy as np
import pytest

from core.data import mnist
from core.inference.reader import (
    AnswerVerdict,
    answer_kind,
    classify_answer,
)
from core.inference.temperature import run_temperature
from core.preprocessing.digitness import DIGITNESS_THRESHOLD, LIKELY_DIGITNESS
from core.preprocessing.mnist_format import find_digit
from core.runs import registry


def answers(*rows: dict[int, float]) -> np.ndarray:
    """Ten probabilities for each row; what is not named shares the rest."""
    made = []
    for row in rows:
        rest = (1 - sum(row.values())) / (10 - len(row))
        made.append([row.get(k, rest) for k in range(10)])
    return np.array(made, np.float32)


@pytest.mark.parametrize(
    ("confidence", "digitness", "kind"),
    [
        (0.99, 0.99, "sure"),
        (0.69, 0.99, "unsure"),
        (0.99, 0.29, "unsure"),
        (0.99, 0.21, "unsure"),
        (0.5, 0.21, "not a digit"),
        (0.99, 0.06, "not a digit"),
        (0.3, 0.0, "not a digit"),
    ],
)
def test_the_rule(confidence: float, digitness: float, kind: str) -> None:
    assert answer_kind(confidence, digitness) == kind


def test_the_limits_are_in_order() -> None:
    assert 0 < DIGITNESS_THRESHOLD < LIKELY_DIGITNESS < 1


def drawn(*ways: list[tuple[int, int]], pen: int = 16) -> np.ndarray:
    page = np.full((280, 280), 255, np.uint8)
    for way in ways:
        cv2.polylines(page, [np.array(way, np.int32)], False, 0, pen, cv2.LINE_AA)
    return find_digit(page, ink="dark", paper=255).pixels


def test_digit_second_and_confidence_of_each() -> None:
    seven = drawn([(80, 60), (200, 60), (130, 220)], [(110, 140), (200, 140)])
    cross = drawn([(60, 60), (220, 220)], [(220, 60), (60, 220)])
    pixels = np.stack([seven, seven, cross])
    verdicts = classify_answer(pixels, answers({7: 0.9}, {7: 0.5, 1: 0.4}, {4: 0.95}))
    assert [verdict.kind for verdict in verdicts] == ["sure", "unsure", "not a digit"]
    assert [(verdict.digit, verdict.second) for verdict in verdicts[:2]] == [(7, 0), (7, 1)]
    assert verdicts[0].confidence == pytest.approx(0.9, abs=1e-6)
    assert verdicts[2].digit == 4
    assert verdicts[2].digitness < DIGITNESS_THRESHOLD < verdicts[0].digitness


def test_temperature_makes_surer_but_does_not_change_the_answer() -> None:
    seven = drawn([(80, 60), (200, 60), (130, 220)])[None]
    given = answers({7: 0.6, 1: 0.3})
    (plain,), (cold,) = classify_answer(seven, given), classify_answer(seven, given, 0.5)
    assert (plain.kind, cold.kind) == ("unsure", "sure")
    assert (plain.digit, plain.second) == (cold.digit, cold.second) == (7, 1)
    # By hand: 0.36 of 0.36 + 0.09 + 8 · 0.0125².
    assert cold.confidence == pytest.approx(0.36 / (0.45 + 8 * 0.0125**2), abs=1e-4)
    with pytest.raises(ValueError, match="above 0"):
        classify_answer(seven, given, 0.0)


def test_none_at_all_and_what_does_not_fit() -> None:
    nothing = np.zeros((0, 28, 28), np.uint8)
    assert classify_answer(nothing, np.zeros((0, 10), np.float32)) == ()
    with pytest.raises(ValueError, match="do not go with"):
        classify_answer(nothing, answers({1: 0.5}))
    with pytest.raises(ValueError, match="uint8"):
        classify_answer(np.zeros((1, 28, 28), np.float32), answers({1: 0.5}))  # type: ignore[arg-type]


@pytest.mark.parametrize("run_id", ["best", "yalcin"])
def test_any_run_reads_its_test_digits_without_refusing_them(run_id: str) -> None:
    run = registry.find_run(run_id)
    stored = run.predictions("mnist-sample")
    assert stored is not None
    images = mnist.load("mnist-sample").test.images
    verdicts = classify_answer(images, stored.probabilities, run_temperature(run))
    kinds = [verdict.kind for verdict in verdicts]
    assert kinds.count("not a digit") <= 10  # 1 %
    assert kinds.count("sure") >= 960
    sure = [
        verdict.digit == label
        for verdict, label in zip(verdicts, stored.labels, strict=True)
        if verdict.kind == "sure"
    ]
    assert np.mean(sure) > 0.985
    assert isinstance(verdicts[0], AnswerVerdict)
