"""Fine-tuning: a finished network learns a visitor's own digits on top of MNIST.

A network that is trained on new examples alone soon forgets the old ones: "catastrophic
interference" (McCloskey and Cohen, 1989, "Catastrophic interference in connectionist networks";
Kirkpatrick et al., 2017, "Overcoming catastrophic forgetting in neural networks"). The plainest
remedy is rehearsal (Robins, 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal"): old
examples are shown among the new. Here each epoch shows some thousand digits of the run's own
dataset, and the visitor's digits so often, each time changed a little, that they are a share of it.

What comes of it is a run of its own, trained by the same worker as any other (`core.fine_tuned` is
what that worker does otherwise). Nothing here needs TensorFlow.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from core import datasets, own_digits
from core.datasets import DatasetName, Split
from core.errors import JobError
from core.fine_tuned import START
from core.limits import Limits
from core.own_digits import OwnDigits
from core.rates import digits_fitted
from core.recipes import Augmentation, Optimizer, Recipe, Schedule
from core.run_info import FineTuned, Provenance
from core.run_writer import write_whole
from core.runs import Run

REHEARSED: Final = 6_000
"""Digits of the dataset in an epoch, at most: few enough for half a minute with `best`."""
MOST_REPEATS: Final = 50
"""How often an epoch shows one own digit, at most: a handful is not to be learnt by heart."""
FEW_HELD_OUT: Final = 10
"""With fewer digits kept back, their figure says little."""
BATCH: Final = 64
GENTLE: Final = Augmentation(rotation=8, width_shift=0.06, height_shift=0.06, shear=6.0, zoom=0.08)
"""For networks that were trained without: repeated as it is, a digit would be learnt by heart."""


class Settings(BaseModel):
    """What a visitor chooses. Raises pydantic's ValidationError, a ValueError, out of bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=3, ge=1, le=10)
    learning_rate: float = Field(default=0.0005, ge=1e-5, le=0.01)
    share: float = Field(
        default=0.25, ge=0.05, le=0.5, description="of own digits among those of an epoch"
    )


@dataclass(frozen=True)
class Plan:
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
    own: OwnDigits
    network: bytes

    def write(self, folder: Path) -> None:
        """Put digits and network into the new run's folder. Raises OSError if the disk is full."""
        own_digits.save(folder, self.own)
        write_whole(folder / START, lambda file: file.write(self.network))

    @property
    def bytes(self) -> int:
        """What these files take at most."""
        return len(self.network) + self.own.digits.images.nbytes + 10_000


def plan(parent: Run, digits: Split, settings: Settings, allowed: Limits) -> Plan:
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
    own = own_digits.divided(digits, own_digits.seen_by(parent))
    recipe = _recipe_for(parent, settings, allowed)
    rehearsed = min(REHEARSED, digits_fitted(recipe))
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
        own_per_epoch=own_per_epoch(trained, rehearsed, settings.share),
        own_sha256=own.sha256,
    )
    return Plan(parent, recipe, _provenance(parent, recipe, tuned), own, network)


def in_words(found: Plan) -> str:
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
    if tuned.own_held_out < FEW_HELD_OUT:
        words += " That is few, so the figure on them will be coarse: more digits say more."
    return words


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _recipe_for(parent: Run, settings: Settings, allowed: Limits) -> Recipe:
    """How a run is fine-tuned: its own recipe, but for few epochs at a small learning rate.

    The rate climbs and falls in one cycle, so that Adam's first steps, whose moments know nothing
    yet, throw nothing over. Rehearsed is the run's own dataset where it is at hand and allowed.
    """
    fields: dict[str, object] = {
        "dataset": _rehearsed_dataset(parent.info.recipe.dataset, allowed),
        "optimizer": Optimizer(kind="adam", learning_rate=settings.learning_rate),
        "schedule": Schedule(kind="one-cycle"),
        "batch_size": BATCH,
        "epochs": settings.epochs,
        "validation_split": 0.0,
        "validate_on_test": False,
        "early_stopping": 0,
        "keep_best": False,
    }
    if not parent.info.recipe.augmentation.active:
        fields["augmentation"] = GENTLE
    plain = {name: _as_plain(value) for name, value in fields.items()}
    return parent.info.recipe.changed(**plain)


def _as_plain(value: object) -> object:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _rehearsed_dataset(wanted: DatasetName, allowed: Limits) -> DatasetName:
    """The run's own; where that would have to be downloaded, the sample, which is part of MNIST."""
    at_hand = [name for name in datasets.available() if name in allowed.datasets]
    if wanted in at_hand or not at_hand:
        return wanted
    return at_hand[-1]


def own_per_epoch(own: int, rehearsed: int, share: float) -> int:
    """How many own digits an epoch shows so that they are that share of it, each at least once.

    No digit comes more than 50 times, so with few digits the share is smaller.
    """
    wanted = round(rehearsed * share / (1 - share))
    return max(own, min(wanted, MOST_REPEATS * own))


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
