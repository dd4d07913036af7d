"""Precision, recall and F1 of each digit: scikit-learn's numbers, and what they mean in words."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from core.answered import Answered
from core.confusion import Counts, cell_sentence
from core.datasets import CLASSES
from core.text import NAMES, PLURALS, percent_of

_AVERAGES: Final = ("macro", "weighted")


@dataclass(frozen=True)
class Scores:
    """Of one digit, or averaged over digits; fractions 0 to 1.

    `precision`: how much of what was read as this digit is one. `recall`: how much of this digit
    was read as one. `f1`: the harmonic mean of the two. `support`: how many of it there are.
    A fraction of nothing is 0.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ClassReport:
    """The scores of the digits 0 to 9, their averages, and the accuracy, 0 to 1.

    `macro`: the plain mean; `weighted`: that by support. As in scikit-learn's
    `classification_report`, a digit that is neither a label nor an answer is left out of both.
    """

    classes: tuple[Scores, ...]
    macro: Scores
    weighted: Scores
    accuracy: float


@lru_cache(maxsize=8)
def class_report(this: Answered) -> ClassReport:
    """Score a network's answers, at least one, digit by digit."""
    # A second to import: not before it is needed.
    from sklearn.metrics import precision_recall_fscore_support as score

    labels, predicted = this.labels, this.predicted
    each = score(labels, predicted, labels=range(CLASSES), zero_division=0)
    classes = tuple(
        Scores(float(p), float(r), float(f), int(n)) for p, r, f, n in zip(*each, strict=True)
    )
    averages = (score(labels, predicted, average=how, zero_division=0) for how in _AVERAGES)
    macro, weighted = (Scores(float(p), float(r), float(f), len(this)) for p, r, f, _ in averages)
    return ClassReport(classes, macro, weighted, float(np.mean(this.right)))


def class_sentence(found: Counts, digit: int) -> str:
    """What recall and precision of a digit, 0 to 9, say of these counts."""
    return f"{_recall(found, digit)} {_precision(found, digit)}"


def _recall(found: Counts, digit: int) -> str:
    total, right = int(found[digit].sum()), int(found[digit, digit])
    if not total:
        return f"There are no {PLURALS[digit]} among these digits, so there is no recall."
    words = cell_sentence(found, digit, digit).removesuffix(".")
    return f"{words} (recall {percent_of(right, total)})."


def _precision(found: Counts, digit: int) -> str:
    answers, right = int(found[:, digit].sum()), int(found[digit, digit])
    name = f"“{NAMES[digit]}”"
    if not answers:
        return f"The answer {name} was never given, so there is no precision."
    if answers == 1:
        verdict = "right" if right else "wrong"
        return f"The only answer {name} was {verdict} (precision {percent_of(right, answers)})."
    were = "was" if right == 1 else "were"
    return (
        f"Of the {answers:,} answers {name}, {right:,} {were} right "
        f"(precision {percent_of(right, answers)})."
    )
