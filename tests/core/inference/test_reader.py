"""Numbers from digits: what was read, line by line."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.inference.reader import (
    AnswerKind,
    AnswerVerdict,
    DigitReading,
    answer_kind,
    classify_answer,
    digit_evidence,
    group_lines,
    read_digits,
)
from core.preprocessing.mnist_format import Box, PreparedDigit
from core.preprocessing.page.detection import FoundDigit, FoundSign
from tests.helpers.sample_digits import sample_digits


def found_at(box: Box, line: int = 0, number: int = 0) -> FoundDigit:
    return FoundDigit(PreparedDigit(np.zeros((28, 28), np.uint8), (), box), line, number)


def reading(digit: int, line: int, number: int, kind: AnswerKind = "sure") -> DigitReading:
    verdict = AnswerVerdict(kind, digit, 0, 0.9, 0.9)
    return DigitReading(found_at((0, 0, 1, 1), line, number), np.zeros(10, np.float32), verdict)


def test_digits_that_stand_together_are_a_number_and_lines_stay_apart() -> None:
    page = [reading(4, 0, 0), reading(7, 0, 0), reading(1, 0, 1), reading(9, 1, 2)]
    assert group_lines(page) == ("47 1", "9")
    assert group_lines([]) == ()


def test_what_is_no_digit_keeps_its_place_in_the_number() -> None:
    number = [reading(4, 0, 0), reading(7, 0, 0, "not a digit"), reading(1, 0, 0, "unsure")]
    assert group_lines(number) == ("4?1",)


def test_all_digits_are_asked_for_in_one_batch_and_each_gets_its_own_answer() -> None:
    batches: list[tuple[int, ...]] = []

    def ask(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A network that reads the number of a line of ink: the brightest row divided by two."""
        batches.append(pixels.shape)
        rows = pixels.sum(axis=2).argmax(axis=1) // 2
        return np.eye(10, dtype=np.float32)[rows]

    detections = []
    for k in (3, 5):
        pixels = np.zeros((28, 28), np.uint8)
        pixels[2 * k] = 255
        detections.append(FoundDigit(PreparedDigit(pixels, (), (0, 0, 1, 1)), 0, 0))
    assert [digit.verdict.digit for digit in read_digits(detections, ask)] == [3, 5]
    assert batches == [(2, 28, 28)]
    assert read_digits([], ask) == ()


def test_signs_stand_where_they_were_written() -> None:
    point = FoundSign(".", (5, 0, 2, 2), 0, 0)
    minus = FoundSign("-", (0, 0, 9, 2), 1, 1)
    whole, tenth, below = reading(3, 0, 0), reading(7, 0, 0), reading(4, 1, 1)
    page = [moved(whole, 0), moved(tenth, 10), moved(below, 12)]
    assert group_lines(page, (point, minus)) == ("3.7", "-4")


def moved(answer: DigitReading, left: int) -> DigitReading:
    digit = replace(answer.detection.digit, box=(left, 0, 4, 9))
    return replace(answer, detection=replace(answer.detection, digit=digit))


def test_an_answer_that_the_detector_doubts_is_never_sure() -> None:
    assert answer_kind(confidence=0.99, digitness=0.9, score=0.9) == "sure"
    assert answer_kind(confidence=0.99, digitness=0.9, score=0.3) == "unsure"
    assert answer_kind(confidence=0.99, digitness=0.0, score=0.3) == "not a digit"


def test_what_one_of_two_networks_is_very_sure_of_the_other_need_not_be() -> None:
    # ln(0.98 / 0.02) = 3.89 and 2 ln(0.5 / 0.5) = 0; ln(0.4 / 0.6) = -0.41 and 2 ln(0.9 / 0.1) =
    # 4.39; ln(0.4 / 0.6) = -0.41 and 2 ln(0.6 / 0.4) = 0.81.
    assert answer_kind(confidence=0.99, digitness=0.98, score=0.5) == "sure"
    assert answer_kind(confidence=0.99, digitness=0.4, score=0.9) == "sure"
    assert answer_kind(confidence=0.99, digitness=0.4, score=0.6) == "unsure"
    assert digit_evidence(0.4, 0.6) == pytest.approx(0.4055, abs=1e-4)


def test_a_clear_digit_among_pieces_of_a_word_is_unsure_beside_a_poor_digit_it_is_sure() -> None:
    images, labels = sample_digits()
    pixels = np.stack([images[labels == 7][0]] * 3)
    certain = np.full((3, 10), 0.001, np.float32)
    certain[:, 7] = 0.991
    (alone,) = classify_answer(pixels[:1], certain[:1], scores=[0.8])
    in_word = classify_answer(pixels, certain, scores=[0.8, 0.02, 0.02])
    in_number = classify_answer(pixels[:2], certain[:2], scores=[0.8, 0.4])
    assert alone.kind == "sure"
    assert [verdict.kind for verdict in in_word] == ["unsure"] * 3
    assert [verdict.kind for verdict in in_number] == ["sure", "sure"]


def test_what_the_gate_refuses_and_the_detector_is_sure_of_is_unsure() -> None:
    assert answer_kind(confidence=0.99, digitness=0.0, score=0.8) == "unsure"
    assert answer_kind(confidence=0.99, digitness=0.0) == "not a digit"
