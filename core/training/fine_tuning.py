"""Fine-tuning: a finished network learns a visitor's own digits on top of MNIST.

A network that is trained on new examples alone soon forgets the old ones: "catastrophic
interference" (McCloskey and Cohen, 1989, "Catastrophic interference in connectionist networks";
Kirkpatrick et al., 2017, "Overcoming catastrophic forgetting in neural networks"). The plainest
remedy is rehearsal (Robins, 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal"): old
examples are shown among the new. Here each epoch shows some thousand digits of the run's own
dataset, and the visitor's digits so often, each time changed a little, that they are a share of it.

What comes of it is a run of its own, trained by the same worker as any other
(`core.training.fine_tuning` is what that worker does otherwise). Nothing here needs TensorFlow.

The own digits in a fine-tuned run's folder: what it was trained on, and what was kept back.

They are the one thing of a visitor's drawing that is written to disk: a training has to keep what
it learns from, or it could neither go on after a fault nor say what it learned. They go with the
run's folder.

A fine-tuned run while it is trained and afterwards: what it begins with, sees, and became.

How one is asked for, and why it sees what it sees, stands in `core.training.fine_tuning`. In its
folder lie the network that it begins with and the visitor's own digits, so it needs neither its
parent nor the visitor any more. Nothing here needs TensorFlow until a network is handed in.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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
from core.utils.errors import JobError, RunError
from core.utils.files import NPZ_FAULTS, write_whole

USER_DIGITS_FILE: Final = "own_digits.npz"
HELD_OUT_SHARE: Final = 0.25
"""The part of the own digits that is kept back, to measure on digits never trained on."""
_PRINT: Final = 32  # bytes of a SHA-256


@dataclass(frozen=True, eq=False)
class UserDigitSet:
    """Own digits, and which of them are kept back.

    Attributes:
        digits: n of them, with their labels.
        held_out: bool (n,).
        seen_before: uint8 (k, 32), SHA-256 of the own digits which the network that is fine-tuned
            was trained on already: they can be held out no more.
    """

    digits: Split
    held_out: NDArray[np.bool_]
    seen_before: NDArray[np.uint8]

    @property
    def trained_on(self) -> Split:
        """The digits that are trained on."""
        return self.digits.take(~self.held_out)

    @property
    def kept_back(self) -> Split:
        """The digits that are not."""
        return self.digits.take(self.held_out)

    @property
    def sha256(self) -> str:
        """Of pixels, labels and parts, in their order."""
        parts = (self.digits.images, self.digits.labels, self.held_out, self.seen_before)
        return hashlib.sha256(b"".join(array.tobytes() for array in parts)).hexdigest()


def split_user_digits(digits: Split, seen: Iterable[bytes] = ()) -> UserDigitSet:
    """Choose which digits are kept back: a quarter of each label, and at least one if there can be.

    At least one is always trained on, and what the network has seen already (`seen`, as of
    `seen_by`) is. Labels with too few digits for a quarter give one each until a quarter of all is
    kept back, those with most digits first. Which digit of a label is taken goes by its SHA-256:
    as good as by chance, and always the same. Raises ValueError if there are no digits.
    """
    if not len(digits):
        raise ValueError("there are no digits to divide")
    known = set(seen)
    prints = digit_hashes(digits.images)
    held_out = np.zeros(len(digits), np.bool_)
    ways = {label: _candidates(digits, label, prints, known) for label in range(CLASSES)}
    for found in ways.values():
        held_out[[found.pop() for _ in range(int(len(found) * HELD_OUT_SHARE))]] = True
    wanted = min(max(1, round(len(digits) * HELD_OUT_SHARE)), len(digits) - 1)
    while held_out.sum() < wanted and any(ways.values()):
        fullest = max(ways, key=lambda label: len(ways[label]))
        held_out[ways[fullest].pop()] = True
    listed = np.frombuffer(b"".join(sorted(known)), np.uint8).reshape(-1, _PRINT)
    return UserDigitSet(digits, held_out, listed)


def _candidates(digits: Split, label: int, prints: list[bytes], seen: set[bytes]) -> list[int]:
    unseen = [int(k) for k in np.flatnonzero(digits.labels == label) if prints[k] not in seen]
    return sorted(unseen, key=lambda k: prints[k])


def digit_hashes(images: NDArray[np.uint8]) -> list[bytes]:
    """The SHA-256 of each digit's pixels: uint8 (n, 28, 28) to n times 32 bytes."""
    return [hashlib.sha256(image.tobytes()).digest() for image in images]


def save_user_digits(folder: Path, own: UserDigitSet) -> None:
    """Write the digits into a run's folder. Raises OSError if the disk is full."""
    arrays = {
        "images": own.digits.images,
        "labels": own.digits.labels,
        "held_out": own.held_out,
        "seen_before": own.seen_before,
    }
    write_whole(folder / USER_DIGITS_FILE, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def load_user_digits(run: Run) -> UserDigitSet:
    """The own digits of a fine-tuned run.

    Raises RunError if they are gone, damaged, or not those that it was begun with.
    """
    tuned = run.info.provenance.fine_tuned
    try:
        # Opened here, because np.load leaves a file open that it cannot read.
        with (
            (run.folder / USER_DIGITS_FILE).open("rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            digits = Split(archive["images"], archive["labels"])
            own = UserDigitSet(digits, archive["held_out"], archive["seen_before"])
    except NPZ_FAULTS as error:
        raise RunError(_lost(run)) from error
    if tuned is None or own.sha256 != tuned.own_sha256:
        raise RunError(_lost(run))
    return own


def _lost(run: Run) -> str:
    return (
        f"The digits that the run {run.id!r} is fine-tuned on are missing or damaged, so its "
        "training cannot go on. Fine-tune again."
    )


def digits_seen_by(run: Run) -> frozenset[bytes]:
    """The SHA-256 of every own digit that a run's network was ever trained on; mostly none.

    Raises RunError if that cannot be known any more.
    """
    if run.info.provenance.fine_tuned is None:
        return frozenset()
    own = load_user_digits(run)
    before = (row.tobytes() for row in own.seen_before)
    return frozenset([*digit_hashes(own.trained_on.images), *before])


def has_seen_any(run: Run, images: NDArray[np.uint8]) -> bool:
    """Whether a run was trained on any of these digits, or nobody can say that it was not."""
    try:
        seen = digits_seen_by(run)
    except RunError:
        return True
    return bool(seen) and not seen.isdisjoint(digit_hashes(images))


START_FILE: Final = "start.keras"
"""The file in the run's folder with the network that it begins with."""
DigitRead = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def training_mixture(run: Run) -> Split:
    """What each epoch of a fine-tuning shows: digits of the dataset, then the own ones, repeated.

    Those of the dataset are every so many-th of it. The own ones differ each time they come,
    because the recipe changes every digit at random. Raises RunError if the own digits are lost,
    DatasetError if the dataset cannot be loaded.
    """
    recipe, tuned = run.info.recipe, run.info.provenance.fine_tuned
    if tuned is None:
        raise ValueError(f"the run {run.id!r} is not fine-tuned")
    own = load_user_digits(run).trained_on
    known = mnist.training_split(recipe.dataset, exclude_sample_test=recipe.exclude_sample_test)
    evenly = np.linspace(0, len(known) - 1, tuned.rehearsed).round().astype(np.intp)
    again = np.resize(np.arange(len(own)), tuned.own_per_epoch)
    return Split(
        np.concatenate([known.images[evenly], own.images[again]]),
        np.concatenate([known.labels[evenly], own.labels[again]]),
    )


def load_start_weights(model: Any, run: Run) -> None:
    """Give a network, a `keras.Model`, the weights that the fine-tuning begins with.

    As everywhere, only weights are read from the file, after its SHA-256 was compared. Raises
    RunError if it is not the parent's network.
    """
    tuned = run.info.provenance.fine_tuned
    file = run.folder / START_FILE
    from core.recipes.keras_model import build_model

    bare = build_model(run.info.recipe.architecture)
    lost = RunError(
        f"The network that the run {run.id!r} was to begin with is missing or damaged. "
        "Fine-tune again."
    )
    try:
        known = hashlib.sha256(file.read_bytes()).hexdigest()
        if tuned is None or known != tuned.parent_sha256:
            raise lost
        bare.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        raise lost from error
    model.set_weights(bare.get_weights())


def record_user_metrics(writer: RunWriter, read: DigitRead, when: str) -> None:
    """Keep in `run.json` how a network does on the own digits; nothing if it is not fine-tuned.

    `when`: "own_before" or "own_after". A network that diverged is not noted.
    """
    if writer.info.provenance.fine_tuned is None:
        return
    own = load_user_digits(Run(writer.folder, writer.info))
    parts: dict[OwnPart, Split] = {"trained on": own.trained_on, "held out": own.kept_back}
    try:
        found = {part: _score(read, digits, part) for part, digits in parts.items() if len(digits)}
    except RunError:
        found = {}
    writer.update(**{when: found})


def _score(read: DigitRead, digits: Split, part: OwnPart) -> Metrics:
    answers = StoredPredictions(digits.labels, read(digits.images))
    return score_predictions(answers, held_out=part == "held out")


@dataclass(frozen=True)
class BeforeAndAfter:
    """How the parent and the fine-tuned run did on the same digits; `after`: None if not yet."""

    digits: str
    before: Metrics
    after: Metrics | None


_TEST_DIGITS: Final[dict[DatasetName, str]] = {
    "mnist": "MNIST's test digits",
    "mnist-sample": "the sample's test digits",
}


def before_and_after(info: RunInfo) -> tuple[BeforeAndAfter, ...]:
    """Old and new digits, before and after; empty if the run is not fine-tuned."""
    tuned = info.provenance.fine_tuned
    if tuned is None:
        return ()
    known = tuned.parent_metrics
    rows = [
        BeforeAndAfter(words, known[name], info.metrics.get(name))
        for name, words in _TEST_DIGITS.items()
        if name in known
    ]
    rows += [
        BeforeAndAfter(f"your digits, {part}", before, info.own_after.get(part))
        for part, before in info.own_before.items()
    ]
    return tuple(rows)


REHEARSED_DIGITS: Final = 6_000
"""Digits of the dataset in an epoch, at most: few enough for half a minute with `best`."""
MAX_REPEATS: Final = 50
"""How often an epoch shows one own digit, at most: a handful is not to be learned by heart."""
MIN_HELD_OUT: Final = 10
"""With fewer digits kept back, their figure says little."""
FINE_TUNE_BATCH: Final = 64
GENTLE_RATE_FACTOR: Final = Augmentation(
    rotation=8, width_shift=0.06, height_shift=0.06, shear=6.0, zoom=0.08
)
"""For networks that were trained without: repeated as it is, a digit would be learned by heart."""


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
        own: the visitor's digits, divided.
        network: the content of the parent's `model.keras`.
    """

    parent: Run
    recipe: Recipe
    provenance: Provenance
    own: UserDigitSet
    network: bytes

    def write(self, folder: Path) -> None:
        """Put digits and network into the new run's folder. Raises OSError if the disk is full."""
        save_user_digits(folder, self.own)
        write_whole(folder / START_FILE, lambda file: file.write(self.network))

    @property
    def bytes(self) -> int:
        """What these files take at most."""
        return len(self.network) + self.own.digits.images.nbytes + 10_000


def plan_fine_tuning(
    parent: Run, digits: Split, settings: FineTuneSettings, allowed: Limits
) -> FineTunePlan:
    """What fine-tuning a run on these own digits would be; nothing is written.

    Raises JobError if there are no digits or the run was not tested, so that nobody could say what
    became better, RunError if its network cannot be read.
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
    own = split_user_digits(digits, digits_seen_by(parent))
    recipe = _recipe_for(parent, settings, allowed)
    rehearsed = min(REHEARSED_DIGITS, training_digit_count(recipe))
    trained = len(own.trained_on)
    before = parent.info.provenance.fine_tuned
    tuned = FineTuned(
        parent=parent.id,
        parent_sha256=parent.info.model_sha256,
        parent_metrics=parent.info.metrics,
        base_recipe=before.base_recipe if before else parent.info.recipe,
        rehearsed=rehearsed,
        own_trained=trained,
        own_held_out=len(own.kept_back),
        own_per_epoch=user_digits_per_epoch(trained, rehearsed, settings.share),
        own_sha256=own.sha256,
    )
    return FineTunePlan(parent, recipe, _provenance(parent, recipe, tuned), own, network)


def describe_plan(found: FineTunePlan) -> str:
    """What would be trained on and what kept back, in sentences, with what is to be feared."""
    tuned = found.provenance.fine_tuned
    if tuned is None:
        raise ValueError("a plan is of a fine-tuning")
    share = tuned.own_per_epoch / (tuned.own_per_epoch + tuned.rehearsed)
    words = (
        f"Each epoch shows {tuned.rehearsed:,} digits of {found.recipe.dataset} and "
        f"{_count(tuned.own_trained, 'digit')} of yours "
        f"{tuned.own_per_epoch / tuned.own_trained:.0f} times, changed a little each time: "
        f"{100 * share:.0f} % of what it sees. "
    )
    if not tuned.own_held_out:
        return words + (
            "None of yours can be kept back, so nobody will be able to say whether it reads your "
            "hand better or has learnt these pictures by heart: label more of them first."
        )
    words += f"{_count(tuned.own_held_out, 'digit')} of yours it never sees, to test it by."
    if tuned.own_held_out < MIN_HELD_OUT:
        words += " That is few, so the figure on them will be coarse: more digits say more."
    return words


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _recipe_for(parent: Run, settings: FineTuneSettings, allowed: Limits) -> Recipe:
    """How a run is fine-tuned: its own recipe, but for few epochs at a small learning rate.

    The rate climbs and falls in one cycle, so that Adam's first steps, whose moments know nothing
    yet, throw nothing over. Rehearsed is the run's own dataset where it is at hand and allowed.
    """
    fields: dict[str, object] = {
        "dataset": _rehearsed_dataset(parent.info.recipe.dataset, allowed),
        "optimizer": Optimizer(kind="adam", learning_rate=settings.learning_rate),
        "schedule": Schedule(kind="one-cycle"),
        "batch_size": FINE_TUNE_BATCH,
        "epochs": settings.epochs,
        "validation_split": 0.0,
        "validate_on_test": False,
        "early_stopping": 0,
        "keep_best": False,
    }
    if not parent.info.recipe.augmentation.active:
        fields["augmentation"] = GENTLE_RATE_FACTOR
    plain = {name: _as_plain(value) for name, value in fields.items()}
    return parent.info.recipe.changed(**plain)


def _as_plain(value: object) -> object:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _rehearsed_dataset(wanted: DatasetName, allowed: Limits) -> DatasetName:
    """The run's own; where that would have to be downloaded, the sample, which is part of MNIST."""
    at_hand = [name for name in mnist.available() if name in allowed.datasets]
    if wanted in at_hand or not at_hand:
        return wanted
    return at_hand[-1]


def user_digits_per_epoch(own: int, rehearsed: int, share: float) -> int:
    """How many own digits an epoch shows so that they are that share of it, each at least once.

    No digit comes more than 50 times, so with few digits the share is smaller.
    """
    wanted = round(rehearsed * share / (1 - share))
    return max(own, min(wanted, MAX_REPEATS * own))


def _provenance(parent: Run, recipe: Recipe, tuned: FineTuned) -> Provenance:
    """What the network has seen in all: the parent's digits, those rehearsed, and the own ones."""
    before = parent.info.provenance
    full = "mnist" in {before.dataset, recipe.dataset}
    clean = recipe.dataset == "mnist-sample" or recipe.exclude_sample_test
    return Provenance(
        dataset="mnist" if full else "mnist-sample",
        # Of a run on the sample alone it is kept as it was: nothing could be left out there.
        excluded_sample_test=before.held_out("mnist-sample") and clean
        if full
        else before.excluded_sample_test,
        n_train=0,  # counted when it begins
        n_validation=0,
        fine_tuned=tuned,
    )
