"""Fine-tuning: a finished network learns a visitor's own digits on top of MNIST.

A network that is trained on new examples alone soon forgets the old ones: "catastrophic
interference" (McCloskey and Cohen, 1989, "Catastrophic interference in connectionist networks";
Kirkpatrick et al., 2017, "Overcoming catastrophic forgetting in neural networks"). The simplest
remedy is rehearsal (Robins, 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal"): old
examples are mixed with the new. Here each epoch shows some thousand digits of the run's own
dataset, and repeats the visitor's digits, augmented each time, until they are a given share.

`plan_fine_tuning` describes the new run; the worker then trains it like any other run. Its folder
holds the network that it begins with and the visitor's digits, so it needs neither its parent nor
the visitor any more. These digits are the only drawings of a visitor that are written to disk,
because the training needs them to resume after a fault and to say what it learned. They are deleted
with the folder. Nothing here needs TensorFlow until a network is passed in.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from core.data import mnist
from core.data.augmentation import Augmentation
from core.data.mnist import CLASSES, DatasetName, Split
from core.recipes.advice import training_digit_count
from core.recipes.recipe import Optimizer, Recipe, Schedule
from core.runs.permissions import Limits
from core.runs.predictions import score_predictions
from core.runs.run import FineTuned, Metrics, OwnPart, Provenance, Run, RunInfo, StoredPredictions
from core.runs.writer import RunWriter
from core.training.digits import labeled_digits
from core.training.start_network import write_start_network
from core.utils.errors import JobError, RunError
from core.utils.files import NPZ_ERRORS, write_atomically
from core.utils.validation import Predict

USER_DIGITS_FILE: Final = "own_digits.npz"
_HELD_OUT_SHARE: Final = 0.25
"""The share of the own digits that is held out, to test on digits never trained on."""
_HASH_BYTES: Final = 32  # of a SHA-256
_TEST_DIGITS: Final[dict[DatasetName, str]] = {
    "mnist": "MNIST's test digits",
    "mnist-sample": "the sample's test digits",
}
REHEARSED_DIGITS: Final = 6_000
"""The most digits of the dataset in an epoch: few enough for half a minute with `best`."""
MAX_REPEATS: Final = 50
"""How often an epoch shows one own digit at most, so that a few are not memorized."""
_MIN_HELD_OUT: Final = 10
"""With fewer digits held out, their accuracy says little."""
_FINE_TUNE_BATCH: Final = 64
_GENTLE_AUGMENTATION: Final = Augmentation(
    rotation=8, width_shift=0.06, height_shift=0.06, shear=6.0, zoom=0.08
)
"""For networks that were trained without augmentation: a repeated digit would be memorized."""


@dataclass(frozen=True, eq=False)
class UserDigitSet:
    """A visitor's digits, and which of them are held out.

    Attributes:
        digits: n digits with their labels.
        held_out: bool (n,).
        seen_before: uint8 (k, 32), SHA-256 of the own digits that the parent network was already
            trained on: these cannot be held out any more.
    """

    digits: Split
    held_out: NDArray[np.bool_]
    seen_before: NDArray[np.uint8]

    @property
    def trained_on(self) -> Split:
        """The digits that are trained on."""
        return self.digits.take(~self.held_out)

    @property
    def held_out_digits(self) -> Split:
        """The digits that are held out."""
        return self.digits.take(self.held_out)

    @property
    def sha256(self) -> str:
        """The SHA-256 of pixels, labels and parts, in this order."""
        parts = (self.digits.images, self.digits.labels, self.held_out, self.seen_before)
        return hashlib.sha256(b"".join(array.tobytes() for array in parts)).hexdigest()


def split_user_digits(digits: Split, seen: Iterable[bytes] = ()) -> UserDigitSet:
    """Choose which digits are held out: a quarter of each label, and at least one if possible.

    At least one digit is always trained on, and so is what the network has seen already. Labels
    with too few digits for a quarter give one each until a quarter of all is held out, labels with
    the most digits first. The SHA-256 decides which digits of a label are taken: as good as random,
    and always the same.

    Args:
        digits: the visitor's digits.
        seen: SHA-256 of digits that the network was trained on (`digits_seen_by`).

    Raises:
        ValueError: there are no digits.
    """
    if not len(digits):
        raise ValueError("there are no digits to divide")
    seen_hashes = set(seen)
    hashes = digit_hashes(digits.images)
    held_out = np.zeros(len(digits), np.bool_)
    candidates = {
        label: _candidates(digits, label, hashes, seen_hashes) for label in range(CLASSES)
    }
    for label_candidates in candidates.values():
        held_out[
            [label_candidates.pop() for _ in range(int(len(label_candidates) * _HELD_OUT_SHARE))]
        ] = True
    wanted = min(max(1, round(len(digits) * _HELD_OUT_SHARE)), len(digits) - 1)
    while held_out.sum() < wanted and any(candidates.values()):
        fullest = max(candidates, key=lambda label: len(candidates[label]))
        held_out[candidates[fullest].pop()] = True
    seen_before = np.frombuffer(b"".join(sorted(seen_hashes)), np.uint8).reshape(-1, _HASH_BYTES)
    return UserDigitSet(digits, held_out, seen_before)


def _candidates(digits: Split, label: int, hashes: list[bytes], seen: set[bytes]) -> list[int]:
    unseen = [int(k) for k in np.flatnonzero(digits.labels == label) if hashes[k] not in seen]
    return sorted(unseen, key=lambda k: hashes[k])


def digit_hashes(images: NDArray[np.uint8]) -> list[bytes]:
    """The SHA-256 of each digit's pixels: uint8 (n, 28, 28) to n times 32 bytes."""
    return [hashlib.sha256(image.tobytes()).digest() for image in images]


def save_user_digits(folder: Path, user_digits: UserDigitSet) -> None:
    """Write the digits into a run's folder. Raises OSError if the disk is full."""
    arrays = {
        "images": user_digits.digits.images,
        "labels": user_digits.digits.labels,
        "held_out": user_digits.held_out,
        "seen_before": user_digits.seen_before,
    }
    write_atomically(folder / USER_DIGITS_FILE, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def load_user_digits(run: Run) -> UserDigitSet:
    """The own digits of a fine-tuned run.

    Raises:
        RunError: they are missing, damaged, or not those that the run began with.
    """
    tuned = run.info.provenance.fine_tuned
    try:
        # Opened here, because np.load leaves a file open that it cannot read.
        with (
            (run.folder / USER_DIGITS_FILE).open("rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            digits = Split(archive["images"], archive["labels"])
            user_digits = UserDigitSet(digits, archive["held_out"], archive["seen_before"])
    except NPZ_ERRORS as error:
        raise RunError(_lost_digits_text(run)) from error
    if tuned is None or user_digits.sha256 != tuned.own_sha256:
        raise RunError(_lost_digits_text(run))
    return user_digits


def _lost_digits_text(run: Run) -> str:
    return (
        f"The digits that the run {run.id!r} is fine-tuned on are missing or damaged, so its "
        "training cannot go on. Fine-tune again."
    )


def digits_seen_by(run: Run) -> frozenset[bytes]:
    """The SHA-256 of every own digit that a run's network was ever trained on; usually none.

    Raises:
        RunError: the digits are lost, so nobody can tell.
    """
    if run.info.provenance.fine_tuned is None:
        return frozenset()
    user_digits = load_user_digits(run)
    before = (row.tobytes() for row in user_digits.seen_before)
    return frozenset([*digit_hashes(user_digits.trained_on.images), *before])


def has_seen_any(run: Run, images: NDArray[np.uint8]) -> bool:
    """Whether a run was trained on any of these digits, or this cannot be ruled out."""
    try:
        seen = digits_seen_by(run)
    except RunError:
        return True
    return bool(seen) and not seen.isdisjoint(digit_hashes(images))


def training_mixture(run: Run) -> Split:
    """The digits of each epoch of a fine-tuning: some of the dataset, then the own ones, repeated.

    The dataset's digits are evenly spread over it. The own digits differ at each repetition,
    because the recipe augments every digit.

    Raises:
        RunError: the own digits are lost.
        DatasetError: the dataset cannot be loaded.
    """
    recipe, tuned = run.info.recipe, run.info.provenance.fine_tuned
    if tuned is None:
        raise ValueError(f"the run {run.id!r} is not fine-tuned")
    own_digits = load_user_digits(run).trained_on
    dataset_digits = labeled_digits(recipe)
    evenly = np.linspace(0, len(dataset_digits) - 1, tuned.rehearsed).round().astype(np.intp)
    repeated = np.resize(np.arange(len(own_digits)), tuned.own_per_epoch)
    return Split(
        np.concatenate([dataset_digits.images[evenly], own_digits.images[repeated]]),
        np.concatenate([dataset_digits.labels[evenly], own_digits.labels[repeated]]),
    )


def record_user_metrics(writer: RunWriter, predict: Predict, when: str) -> None:
    """Record in `run.json` how a network does on the own digits; nothing if it is not fine-tuned.

    A network that diverged gets no metrics.

    Args:
        writer: of the run's folder.
        predict: the network.
        when: "own_before" or "own_after".
    """
    if writer.info.provenance.fine_tuned is None:
        return
    own_digits = load_user_digits(Run(writer.folder, writer.info))
    parts: dict[OwnPart, Split] = {
        "trained on": own_digits.trained_on,
        "held out": own_digits.held_out_digits,
    }
    try:
        metrics = {
            part: _score(predict, digits, part) for part, digits in parts.items() if len(digits)
        }
    except RunError:
        metrics = {}
    writer.update(**{when: metrics})


def _score(predict: Predict, digits: Split, part: OwnPart) -> Metrics:
    answers = StoredPredictions(digits.labels, predict(digits.images))
    return score_predictions(answers, held_out=part == "held out")


@dataclass(frozen=True)
class BeforeAndAfter:
    """The metrics of the parent and of the fine-tuned run on the same digits.

    Attributes:
        digits: which digits, in words.
        before: of the parent.
        after: of the fine-tuned run; None if it is not there yet.
    """

    digits: str
    before: Metrics
    after: Metrics | None


def before_and_after(info: RunInfo) -> tuple[BeforeAndAfter, ...]:
    """Old and new digits, before and after; empty if the run is not fine-tuned."""
    tuned = info.provenance.fine_tuned
    if tuned is None:
        return ()
    parent_metrics = tuned.parent_metrics
    rows = [
        BeforeAndAfter(words, parent_metrics[name], info.metrics.get(name))
        for name, words in _TEST_DIGITS.items()
        if name in parent_metrics
    ]
    rows += [
        BeforeAndAfter(f"your digits, {part}", before, info.own_after.get(part))
        for part, before in info.own_before.items()
    ]
    return tuple(rows)


class FineTuneSettings(BaseModel):
    """What a visitor chooses. Raises pydantic's ValidationError, a ValueError, out of bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=3, ge=1, le=10)
    learning_rate: float = Field(default=0.0005, ge=1e-5, le=0.01)
    share: float = Field(
        default=0.25, ge=0.05, le=0.5, description="of own digits among those of an epoch"
    )


@dataclass(frozen=True)
class FineTunePlan:
    """A fine-tuning that can be submitted: what its run will hold.

    Attributes:
        parent: the run whose network it begins with.
        recipe: how it is trained.
        provenance: what it is trained on.
        user_digits: the visitor's digits, divided.
        network: the content of the parent's `model.keras`.
    """

    parent: Run
    recipe: Recipe
    provenance: Provenance
    user_digits: UserDigitSet
    network: bytes

    def write(self, folder: Path) -> None:
        """Write digits and network into a run's folder. Raises OSError if the disk is full."""
        save_user_digits(folder, self.user_digits)
        write_start_network(folder, self.network)

    @property
    def bytes(self) -> int:
        """The most bytes that these files take."""
        return len(self.network) + self.user_digits.digits.images.nbytes + 10_000


def plan_fine_tuning(
    parent: Run, digits: Split, settings: FineTuneSettings, limits: Limits
) -> FineTunePlan:
    """Plan a fine-tuning of a run on own digits; nothing is written.

    Args:
        parent: the run whose network it begins with.
        digits: the visitor's digits.
        settings: what the visitor chose.
        limits: of the server.

    Raises:
        JobError: there are no digits, or the run was not tested, so nothing could be compared.
        RunError: the run's network cannot be read.
    """
    if not len(digits):
        raise JobError(
            "There are no digits of yours to fine-tune on. Draw some on the Predict page, and say "
            "there what you meant."
        )
    if not parent.info.model_sha256 or not parent.info.metrics:
        raise JobError(
            f"The run {parent.id!r} has no tested network that could be fine-tuned. Choose another."
        )
    network = parent.check_model()
    user_digits = split_user_digits(digits, digits_seen_by(parent))
    recipe = _recipe_for(parent, settings, limits)
    rehearsed = min(REHEARSED_DIGITS, training_digit_count(recipe))
    trained = len(user_digits.trained_on)
    tuned = FineTuned(
        parent=parent.id,
        parent_sha256=parent.info.model_sha256,
        parent_metrics=parent.info.metrics,
        base_recipe=parent.info.from_scratch,
        rehearsed=rehearsed,
        own_trained=trained,
        own_held_out=len(user_digits.held_out_digits),
        own_per_epoch=user_digits_per_epoch(trained, rehearsed, settings.share),
        own_sha256=user_digits.sha256,
    )
    return FineTunePlan(parent, recipe, _provenance(parent, recipe, tuned), user_digits, network)


def describe_plan(plan: FineTunePlan) -> str:
    """What would be trained on and what held out, in sentences, with the risks."""
    tuned = plan.provenance.fine_tuned
    if tuned is None:
        raise ValueError("a plan is of a fine-tuning")
    share = tuned.own_per_epoch / (tuned.own_per_epoch + tuned.rehearsed)
    text = (
        f"Each epoch shows {tuned.rehearsed:,} digits of {plan.recipe.dataset} and "
        f"{_count(tuned.own_trained, 'digit')} of yours "
        f"{tuned.own_per_epoch / tuned.own_trained:.0f} times, changed a little each time: "
        f"{100 * share:.0f} % of what it sees. "
    )
    if not tuned.own_held_out:
        return text + (
            "None of yours can be kept back, so nobody will be able to say whether it reads your "
            "hand better or has learned these pictures by heart: label more of them first."
        )
    text += f"{_count(tuned.own_held_out, 'digit')} of yours it never sees, to test it by."
    if tuned.own_held_out < _MIN_HELD_OUT:
        text += " That is few, so the figure on them will be coarse: more digits say more."
    return text


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _recipe_for(parent: Run, settings: FineTuneSettings, limits: Limits) -> Recipe:
    """The recipe of a fine-tuning: the parent's own, but for few epochs at a small learning rate.

    The rate rises and falls in one cycle, so that Adam's first steps, whose moments are not known
    yet, do no harm. The run's own dataset is rehearsed where it is available and permitted.
    """
    fields: dict[str, object] = {
        "dataset": _rehearsed_dataset(parent.info.recipe.dataset, limits),
        "optimizer": Optimizer(kind="adam", learning_rate=settings.learning_rate),
        "schedule": Schedule(kind="one-cycle"),
        "batch_size": _FINE_TUNE_BATCH,
        "drop_remainder": False,
        "epochs": settings.epochs,
        "validation_split": 0.0,
        "validate_on_test": False,
        "early_stopping": 0,
        "keep_best": False,
    }
    if not parent.info.recipe.augmentation.active:
        fields["augmentation"] = _GENTLE_AUGMENTATION
    plain = {name: _as_plain(value) for name, value in fields.items()}
    return parent.info.recipe.changed(**plain)


def _as_plain(value: object) -> object:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _rehearsed_dataset(dataset: DatasetName, limits: Limits) -> DatasetName:
    """The run's own dataset; the sample, a part of it, where it would have to be downloaded."""
    available = [name for name in mnist.available() if name in limits.datasets]
    if dataset in available or not available:
        return dataset
    return available[-1]


def user_digits_per_epoch(own: int, rehearsed: int, share: float) -> int:
    """How many own digits an epoch shows, repetitions included.

    Each is shown at least once and at most `MAX_REPEATS` times, so with few digits the share is
    smaller than requested.

    Args:
        own: the number of own digits.
        rehearsed: the number of the dataset's digits in an epoch.
        share: of the own digits in an epoch, above 0 and below 1.

    Example:
        >>> user_digits_per_epoch(own=100, rehearsed=6000, share=0.25)
        2000
        >>> user_digits_per_epoch(own=4, rehearsed=6000, share=0.25)
        200
    """
    wanted = round(rehearsed * share / (1 - share))
    return max(own, min(wanted, MAX_REPEATS * own))


def _provenance(parent: Run, recipe: Recipe, tuned: FineTuned) -> Provenance:
    """All that the network has seen: the parent's digits, the rehearsed and the own ones."""
    before = parent.info.provenance
    full = "mnist" in {before.dataset, recipe.dataset}
    clean = recipe.dataset == "mnist-sample" or recipe.exclude_sample_test
    return Provenance(
        dataset="mnist" if full else "mnist-sample",
        # For a run on the sample alone it stays as it was: nothing could be excluded there.
        excluded_sample_test=before.held_out("mnist-sample") and clean
        if full
        else before.excluded_sample_test,
        n_train=0,  # counted when it begins
        n_validation=0,
        fine_tuned=tuned,
        seen_unlabeled=before.seen_unlabeled,
    )
