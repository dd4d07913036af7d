"""Stress tests: the same digits turned, moved, blurred, covered ..., and what a run still reads.

The idea is that of MNIST-C (Mu and Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision",
arXiv:1906.02337): a network is tried on digits that are changed as no training changed them, with
their labels kept. Rotation, shifts, scale, blur and noise are those of `core.data.augmentation`.

How many digits a run misreads under more and more stress, measured once and kept as a file.

What a change has made of a digit, in words: its amounts, and how a run reads the result.
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
class CorruptionAccuracy:
    """What a run reads, a digit 0 to 9, and how sure it is, 0 to 1."""

    digit: int
    confidence: float

    def __str__(self) -> str:
        unsure = ", so it is unsure" if self.confidence < UNSURE_BELOW else ""
        return f"{self.digit} ({percent(self.confidence)}{unsure})"


@dataclass(frozen=True)
class AugmentationHint:
    """A sentence on what a digit is read as now; `another`: until now it was its label."""

    text: str
    another: bool


def corruption_accuracies(probabilities: NDArray[np.float32]) -> list[CorruptionAccuracy]:
    """The answers that ten probabilities for each digit, (n, 10), amount to."""
    return [CorruptionAccuracy(int(row.argmax()), float(row.max())) for row in probabilities]


def augmentation_hint(
    run: str, label: int, before: CorruptionAccuracy, after: CorruptionAccuracy
) -> AugmentationHint:
    """What a run makes of one digit, as it is and changed."""
    if after.digit == label:
        if before.digit == label:
            return AugmentationHint(f"{run} still reads {after}.", another=False)
        return AugmentationHint(
            f"{run} now reads {after}, as its label says; as it is, it misreads it: {before}.",
            another=False,
        )
    if before.digit != label:
        return AugmentationHint(
            f"{run} misreads this {label} as it is: {before}. Changed, it reads {after}.",
            another=False,
        )
    return AugmentationHint(
        f"Another digit? {run} reads {after} now; as it is, {before}. Can you still tell that it "
        f"is {label}? Then training with such changes may teach the network to. If you cannot, "
        f"they go too far: the label stays {label}, whatever the picture shows.",
        another=True,
    )


def robustness_score(run: str, labels: Sequence[int], found: Sequence[CorruptionAccuracy]) -> str:
    """How many changed digits a run reads as their labels say, and its commonest mistake."""
    mistakes = Counter(
        (label, reading.digit)
        for label, reading in zip(labels, found, strict=True)
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


def describe_hint(change: AugmentationDraw) -> str:
    """What a change does, in amounts: "8.0° clockwise, 2.2 px right", or "nothing"."""
    ways = [
        _way(change.rotation, "° clockwise", "° anticlockwise"),
        _way(change.right * _SIDE, " px right", " px left"),
        _way(change.down * _SIDE, " px down", " px up"),
        _way(change.shear, "° sheared, right side down", "° sheared, right side up"),
        f"{1 / (1 - change.taller):.2f} of its height" if change.taller else "",
        f"{1 / (1 - change.wider):.2f} of its width" if change.wider else "",
        f"warp {change.warp:.1f}, smoothed over {change.smoothness:.1f} px" if change.warp else "",
        f"blur {change.blur:.1f} px" if change.blur else "",
        f"noise {change.noise:.1f} of 255" if change.noise else "",
    ]
    return ", ".join(filter(None, ways)) or "nothing"


def _way(amount: float, forth: str, back: str) -> str:
    return f"{abs(amount):.1f}{forth if amount > 0 else back}" if amount else ""


DATASET: Final = "mnist-sample"
"""Stress tests are made on the sample's 1,000 test digits: always there, and soon answered."""


@lru_cache(maxsize=16)
def corrupted_predictions(network: Network, stress: Corruption) -> Predictions:
    """Let a network read the sample's test digits, changed. Imports TensorFlow when it is called.

    Args:
        network: a run's, finished or as it was after an epoch.
        stress: how the digits are changed.

    Returns:
        The answers, with the changed pictures; each time the same object.

    Raises:
        RunError: the network cannot be opened.
    """
    digits = split_of(DATASET, "test")
    held_out = network.run.info.provenance.held_out(DATASET)
    none = np.empty((0, 10), np.float32)
    asked = Predictions(network, DATASET, digits.images, digits.labels, none, held_out)
    return _answer(asked, stress)


@lru_cache(maxsize=16)
def corrupted_digits(this: Predictions, stress: Corruption) -> Predictions:
    """What the same network answers on the same digits, changed: for a visitor's own few digits.

    Raises RunError as `stressed` does.
    """
    return _answer(this, stress)


def _answer(asked: Predictions, stress: Corruption) -> Predictions:
    from core.inference.predictor import load_predictor

    images = corrupt(asked.images, stress)
    found = load_predictor(asked.network).probabilities(images)
    return replace(asked, images=read_only(images), probabilities=read_only(found))


ROBUSTNESS_FILE: Final = "stress.json"
ROBUSTNESS_FORMAT: Final = 1


class RobustnessCurve(BaseModel):
    """Of one kind of stress: its values, rising, and how many digits were read wrongly at each."""

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
    """What `stress.json` holds of a network, by its SHA-256: a curve a kind, of `n` digits."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = ROBUSTNESS_FORMAT
    model_sha256: str
    dataset: Literal["mnist-sample"] = DATASET
    n: int = Field(ge=1)
    kinds: dict[CorruptionName, RobustnessCurve]

    @model_validator(mode="after")
    def _fits(self) -> "RobustnessCurves":
        if any(not 0 <= wrong <= self.n for one in self.kinds.values() for wrong in one.wrong):
            raise ValueError("counts that are not from 0 to n")
        return self


def load_robustness_curves(run: Run) -> RobustnessCurves | None:
    """The curves that are kept of this very network, or None: then they have to be measured."""
    try:
        found = RobustnessCurves.model_validate_json((run.folder / ROBUSTNESS_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    whole = set(found.kinds) == {kind.name for kind in CORRUPTIONS}
    return found if whole and found.model_sha256 == run.info.model_sha256 else None


def measure_robustness(run: Run, report: Report) -> RobustnessCurves:
    """Let the finished network read the sample's test digits under each stress: 91 times or so.

    Imports TensorFlow when it is called. `report` is called after each time, and stops it when it
    raises. Raises RunError if the network cannot be opened.
    """
    from core.inference.predictor import Predictor, load_model

    digits = split_of(DATASET, "test")
    report(0, 0)
    network = Predictor(load_model(run), run.info.recipe.scaling)
    asked = list(dict.fromkeys(_stresses()))
    wrong: dict[Corruption, int] = {}
    for done, stress in enumerate(asked):
        report(done, len(asked))
        answers = network.probabilities(corrupt(digits.images, stress)).argmax(axis=1)
        wrong[stress] = int((answers != digits.labels).sum())
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


def write_robustness_curves(run: Run, found: RobustnessCurves) -> None:
    """Keep the curves in the run's folder. Raises RunError if that cannot be done."""
    if found.model_sha256 != run.info.model_sha256:
        raise RunError(f"These curves are not of the network of the run {run.id!r}.")
    content = (found.model_dump_json(indent=1) + "\n").encode()
    writer.store_derived_file(run, ROBUSTNESS_FILE, lambda file: file.write(content))


def measure_and_store_robustness(run: Run, report: Report) -> None:
    """Both, as a chore of the server."""
    write_robustness_curves(run, measure_robustness(run, report))


def _stresses() -> Iterator[Corruption]:
    """Every stress of every curve; that nothing is changed is in all of them."""
    return (single_corruption(kind.name, value) for kind in CORRUPTIONS for value in kind.values)
