"""Robustness of a run: its answers on corrupted digits (rotated, shifted, blurred, covered ...).

The idea is that of MNIST-C (Mu and Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision",
arXiv:1906.02337): a network is tried on digits that are changed as no training changed them, with
their labels kept. Rotation, shifts, scale, blur and noise are those of `core.data.augmentation`.

Errors over increasing strength are measured once and stored in the run's folder as `stress.json`.
The module also describes an augmentation, and how a run reads the changed digit, in words.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.data.augmentation import AugmentationDraw
from core.data.corruptions import (
    CORRUPTIONS,
    Corruption,
    CorruptionName,
    corrupt,
    single_corruption,
)
from core.data.statistics import split_of
from core.inference.reader import UNSURE_BELOW
from core.runs import writer
from core.runs.predictions import Predictions
from core.runs.run import Network, Run
from core.utils.background import Report
from core.utils.errors import RunError
from core.utils.text import percent
from core.utils.validation import read_only

_SIDE = 28


@dataclass(frozen=True)
class TopPrediction:
    """A run's answer, 0 to 9, and its confidence, 0 to 1."""

    digit: int
    confidence: float

    def __str__(self) -> str:
        unsure = ", so it is unsure" if self.confidence < UNSURE_BELOW else ""
        return f"{self.digit} ({percent(self.confidence)}{unsure})"


@dataclass(frozen=True)
class AugmentationHint:
    """How a changed digit is read; `is_other_digit`: the change has turned a right answer wrong."""

    text: str
    is_other_digit: bool


def top_predictions(probabilities: NDArray[np.float32]) -> list[TopPrediction]:
    """The most probable digit of each row of probabilities, float32 (n, 10).

    Example:
        >>> print(*top_predictions(np.eye(10, dtype=np.float32)[[7]]))
        7 (100 %)
    """
    return [TopPrediction(int(row.argmax()), float(row.max())) for row in probabilities]


def augmentation_hint(
    run: str, label: int, before: TopPrediction, after: TopPrediction
) -> AugmentationHint:
    """Compare how a run reads a digit as it is (`before`) and changed (`after`)."""
    if after.digit == label:
        if before.digit == label:
            return AugmentationHint(f"{run} still reads {after}.", is_other_digit=False)
        return AugmentationHint(
            f"{run} now reads {after}, as its label says; as it is, it misreads it: {before}.",
            is_other_digit=False,
        )
    if before.digit != label:
        return AugmentationHint(
            f"{run} misreads this {label} as it is: {before}. Changed, it reads {after}.",
            is_other_digit=False,
        )
    return AugmentationHint(
        f"Another digit? {run} reads {after} now; as it is, {before}. Can you still tell that it "
        f"is {label}? Then training with such changes may teach the network to. If you cannot, "
        f"they go too far: the label stays {label}, whatever the picture shows.",
        is_other_digit=True,
    )


def augmentation_score_sentence(
    run: str, labels: Sequence[int], readings: Sequence[TopPrediction]
) -> str:
    """Count the changed digits that a run reads rightly, and name its commonest mistake."""
    mistakes = Counter(
        (label, reading.digit)
        for label, reading in zip(labels, readings, strict=True)
        if reading.digit != label
    )
    right = len(labels) - mistakes.total()
    if not mistakes:
        return f"{run} reads all {len(labels)} as their labels say."
    (label, digit), times = mistakes.most_common(1)[0]
    often = f", {times} times" if times > 1 else ""
    return (
        f"{run} reads {right} of {len(labels)} as their labels say. "
        f"The commonest mistake: {label} as {digit}{often}."
    )


def describe_augmentation(change: AugmentationDraw) -> str:
    """Describe a change by its amounts.

    Example:
        >>> describe_augmentation(AugmentationDraw())
        'nothing'
    """
    amounts = [
        _describe_amount(change.rotation, "° clockwise", "° anticlockwise"),
        _describe_amount(change.right * _SIDE, " px right", " px left"),
        _describe_amount(change.down * _SIDE, " px down", " px up"),
        _describe_amount(change.shear, "° sheared, right side down", "° sheared, right side up"),
        f"{1 / (1 - change.taller):.2f} of its height" if change.taller else "",
        f"{1 / (1 - change.wider):.2f} of its width" if change.wider else "",
        f"warp {change.warp:.1f}, smoothed over {change.smoothness:.1f} px" if change.warp else "",
        f"blur {change.blur:.1f} px" if change.blur else "",
        f"noise {change.noise:.1f} of 255" if change.noise else "",
    ]
    return ", ".join(filter(None, amounts)) or "nothing"


def _describe_amount(amount: float, forth: str, back: str) -> str:
    return f"{abs(amount):.1f}{forth if amount > 0 else back}" if amount else ""


DATASET: Final = "mnist-sample"
"""Robustness is measured on the sample's 1,000 test digits: always available, and quick."""


@lru_cache(maxsize=16)
def corrupted_predictions(network: Network, corruption: Corruption) -> Predictions:
    """Let a network read the sample's test digits, corrupted. Imports TensorFlow when called.

    Args:
        network: a run's, finished or as it was after an epoch.
        corruption: how the digits are changed.

    Returns:
        The answers, with the changed pictures; each time the same object.

    Raises:
        RunError: the network cannot be opened.
    """
    digits = split_of(DATASET, "test")
    held_out = network.run.info.provenance.held_out(DATASET)
    none = np.empty((0, 10), np.float32)
    unanswered = Predictions(network, DATASET, digits.images, digits.labels, none, held_out)
    return _answer(unanswered, corruption)


@lru_cache(maxsize=16)
def corrupted_digits(predictions: Predictions, corruption: Corruption) -> Predictions:
    """Let the same network read the same digits, corrupted: for the few digits of a visitor.

    Raises RunError as `corrupted_predictions` does.
    """
    return _answer(predictions, corruption)


def _answer(predictions: Predictions, corruption: Corruption) -> Predictions:
    from core.inference.predictor import load_predictor

    images = corrupt(predictions.images, corruption)
    probabilities = load_predictor(predictions.network).probabilities(images)
    return replace(predictions, images=read_only(images), probabilities=read_only(probabilities))


ROBUSTNESS_FILE: Final = "stress.json"
_ROBUSTNESS_FORMAT: Final = 1


class RobustnessCurve(BaseModel):
    """Errors by strength of one corruption: rising values, and the number of mistakes at each."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    values: tuple[float, ...] = Field(min_length=1)
    wrong: tuple[int, ...]

    @model_validator(mode="after")
    def _fits(self) -> "RobustnessCurve":
        if len(self.values) != len(self.wrong):
            raise ValueError("not a count for each value")
        if any(a >= b for a, b in pairwise(self.values)):
            raise ValueError("values that do not rise")
        return self


class RobustnessCurves(BaseModel):
    """Content of `stress.json`: a network's SHA-256, and a curve per corruption on `n` digits."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = _ROBUSTNESS_FORMAT
    model_sha256: str
    dataset: Literal["mnist-sample"] = DATASET
    n: int = Field(ge=1)
    kinds: dict[CorruptionName, RobustnessCurve]

    @model_validator(mode="after")
    def _fits(self) -> "RobustnessCurves":
        if any(not 0 <= wrong <= self.n for curve in self.kinds.values() for wrong in curve.wrong):
            raise ValueError("counts that are not from 0 to n")
        return self


def load_robustness_curves(run: Run) -> RobustnessCurves | None:
    """Read the stored curves of a run's finished network; None if they have to be measured."""
    try:
        curves = RobustnessCurves.model_validate_json((run.folder / ROBUSTNESS_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    whole = set(curves.kinds) == {kind.name for kind in CORRUPTIONS}
    return curves if whole and curves.model_sha256 == run.info.model_sha256 else None


def measure_robustness(run: Run, report: Report) -> RobustnessCurves:
    """Let the finished network read the sample's test digits under each corruption, about 91 times.

    Imports TensorFlow when it is called. `report` is called after each time, and stops it when it
    raises. Raises RunError if the network cannot be opened.
    """
    from core.inference.predictor import open_predictor

    digits = split_of(DATASET, "test")
    report(0, 0)
    network = open_predictor(Network(run))
    corruptions = list(dict.fromkeys(_corruptions()))
    wrong: dict[Corruption, int] = {}
    for done, corruption in enumerate(corruptions):
        report(done, len(corruptions))
        answers = network.probabilities(corrupt(digits.images, corruption)).argmax(axis=1)
        wrong[corruption] = int((answers != digits.labels).sum())
    return RobustnessCurves(
        model_sha256=run.info.model_sha256,
        n=len(digits),
        kinds={
            kind.name: RobustnessCurve(
                values=kind.values,
                wrong=tuple(wrong[single_corruption(kind.name, v)] for v in kind.values),
            )
            for kind in CORRUPTIONS
        },
    )


def write_robustness_curves(run: Run, curves: RobustnessCurves) -> None:
    """Store the curves in the run's folder. Raises RunError if that fails."""
    if curves.model_sha256 != run.info.model_sha256:
        raise RunError(f"These curves are not of the network of the run {run.id!r}.")
    content = (curves.model_dump_json(indent=1) + "\n").encode()
    writer.store_derived_file(run, ROBUSTNESS_FILE, lambda file: file.write(content))


def measure_and_store_robustness(run: Run, report: Report) -> None:
    """Measure and store the curves, as a background task."""
    write_robustness_curves(run, measure_robustness(run, report))


def _corruptions() -> Iterator[Corruption]:
    """Every corruption of every curve; each curve includes the unchanged digits."""
    return (single_corruption(kind.name, value) for kind in CORRUPTIONS for value in kind.values)
