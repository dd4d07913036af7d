"""Pseudo-labelling: a network goes on learning from digits without labels, by its own answers.

Each batch holds three quarters of labeled digits, augmented as the recipe says, and one quarter of
digits without labels, as they are, whose targets are the probabilities that the network gave them
before. So Yash Katariya's tutorial does it, after a lesson of fast.ai; Lee (2013), "Pseudo-Label:
the simple and efficient semi-supervised learning method for deep neural networks", is the source of
the name. It can help where labels are few and pictures many. It cannot correct what the network is
sure of and wrong about: it learns that once more.

The digits without labels are the training digits that the recipe leaves out (`train_size`), or, if
it leaves out none, the test digits. With the test digits the result is no fair test any more: the
network has seen the very pictures that it is tested on.

`plan_pseudo_labels` describes the new run; the worker then trains it like any other run. Nothing
here needs TensorFlow until a network is passed in.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from core.data import mnist
from core.data.mnist import MNIST_TEST, SAMPLE_TEST, Split
from core.recipes.advice import training_split_size, withheld_digit_count
from core.recipes.recipe import Optimizer, Recipe
from core.runs.predictions import score_predictions
from core.runs.run import (
    Provenance,
    PseudoLabeled,
    Run,
    RunInfo,
    StoredPredictions,
    UnlabeledSource,
)
from core.runs.writer import RunWriter, utc_now
from core.training.digits import withheld_digits
from core.training.start_network import write_start_network
from core.utils.errors import JobError
from core.utils.validation import Predict

UNLABELED_SHARE: Final = 0.25
"""Of each batch; 16 of 64 in the tutorial."""


class PseudoLabelSettings(BaseModel):
    """What a visitor chooses. Raises pydantic's ValidationError, a ValueError, out of bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=5, ge=1, le=20)
    learning_rate: float = Field(default=0.001, ge=1e-5, le=0.01)


@dataclass(frozen=True)
class PseudoLabelPlan:
    """A training with pseudo-labels that can be submitted.

    Attributes:
        parent: the run whose network it begins with, and whose answers are the targets.
        recipe: how it is trained.
        provenance: what it is trained on.
        network: the content of the parent's `model.keras`.
    """

    parent: Run
    recipe: Recipe
    provenance: Provenance
    network: bytes

    def write(self, folder: Path) -> None:
        """Write the network into a run's folder. Raises OSError if the disk is full."""
        write_start_network(folder, self.network)

    def info(self, run_id: str) -> RunInfo:
        """What the new run's `run.json` holds before it begins."""
        return RunInfo(
            id=run_id,
            status="queued",
            recipe=self.recipe,
            provenance=self.provenance,
            created=utc_now(),
            preset=self.parent.id,
        )

    @property
    def pseudo_labeled(self) -> PseudoLabeled:
        """What the run will record of its pseudo-labels."""
        if self.provenance.pseudo_labeled is None:
            raise ValueError("a plan is of a training with pseudo-labels")
        return self.provenance.pseudo_labeled


@dataclass(frozen=True, eq=False)
class PseudoLabeledDigits:
    """The digits of an epoch.

    Attributes:
        labeled: the digits with labels.
        images: those without, uint8 (m, 28, 28).
        targets: the probabilities that the parent gave these, float32 (m, 10).
    """

    labeled: Split
    images: NDArray[np.uint8]
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labeled) + len(self.images)


def plan_pseudo_labels(parent: Run, settings: PseudoLabelSettings) -> PseudoLabelPlan:
    """Plan a training that goes on with pseudo-labels; nothing is written.

    Args:
        parent: the run whose network it begins with.
        settings: what the visitor chose.

    Raises:
        JobError: the run was not tested, or was fine-tuned on a visitor's digits.
        RunError: the run's network cannot be read.
    """
    info = parent.info
    if not info.model_sha256 or not info.metrics:
        raise JobError(
            f"The run {parent.id!r} has no tested network that could go on. Choose another."
        )
    if info.provenance.fine_tuned:
        raise JobError(
            f"The run {parent.id!r} was fine-tuned on a visitor's own digits, which are not kept "
            "for this. Choose the run that it began with."
        )
    network = parent.check_model()
    recipe = _recipe_for(info.recipe, settings)
    source, count = unlabeled_source(recipe)
    pseudo_labeled = PseudoLabeled(
        parent=parent.id,
        parent_sha256=info.model_sha256,
        parent_metrics=info.metrics,
        base_recipe=info.from_scratch,
        source=source,
        unlabeled=count,
    )
    seen = {recipe.dataset} if source == "test digits" else set()
    provenance = info.provenance.model_copy(
        update={
            "n_train": 0,  # counted when it begins
            "n_validation": 0,
            "pseudo_labeled": pseudo_labeled,
            "seen_unlabeled": tuple(sorted({*info.provenance.seen_unlabeled, *seen})),
        }
    )
    return PseudoLabelPlan(parent, recipe, provenance, network)


def unlabeled_source(recipe: Recipe) -> tuple[UnlabeledSource, int]:
    """Which digits without labels a recipe has, and how many."""
    withheld = withheld_digit_count(recipe)
    if withheld:
        return "withheld training digits", withheld
    return "test digits", MNIST_TEST if recipe.dataset == "mnist" else SAMPLE_TEST


def _recipe_for(recipe: Recipe, settings: PseudoLabelSettings) -> Recipe:
    """The parent's recipe, with targets that are probabilities and batches that are all full."""
    optimizer = {**recipe.optimizer.model_dump(), "learning_rate": settings.learning_rate}
    return recipe.changed(
        epochs=settings.epochs,
        optimizer=Optimizer.model_validate(optimizer).model_dump(),
        loss="categorical_crossentropy",
        drop_remainder=True,
        early_stopping=0,
        keep_best=False,
    )


def describe_plan(plan: PseudoLabelPlan) -> str:
    """What would be trained on, in sentences, and what the result may be used for."""
    pseudo = plan.pseudo_labeled
    labeled = training_split_size(plan.recipe)
    text = (
        f"Each batch holds three quarters of the {labeled:,} labeled digits and one quarter of "
        f"{pseudo.unlabeled:,} {pseudo.source} without labels; their targets are the "
        f"probabilities that {plan.parent.id} gives them now. "
    )
    if pseudo.source == "test digits":
        return text + (
            "Its labels are never used, but the network sees the very pictures that it is tested "
            "on: its result is no test of how well it reads new digits, and must not be compared "
            "with runs that never saw them. For a fair trial, train a run on fewer digits first "
            "(Everything, “Digits to train on”): then those that it left out take their place."
        )
    return text + (
        "The test digits are not used, so the result is a fair test: it shows what pictures "
        "without labels are worth."
    )


def pseudo_labeled_digits(run: Run, labeled: Split, predict: Predict) -> PseudoLabeledDigits:
    """The digits of each epoch, with the answers of the start network as targets.

    Args:
        run: that is trained with pseudo-labels.
        labeled: its labeled digits, without those that are validated on.
        predict: the network that the training begins with.

    Raises:
        DatasetError: the dataset is not there.
    """
    images = _unlabeled(run).images
    return PseudoLabeledDigits(labeled, images, predict(images))


def record_pseudo_labels(writer: RunWriter, digits: PseudoLabeledDigits) -> None:
    """Record in `run.json` how many pseudo-labels are wrong: all that true labels are used for."""
    labels = _unlabeled(Run(writer.folder, writer.info)).labels
    answers = StoredPredictions(labels, digits.targets)
    writer.update(pseudo_labels=score_predictions(answers, held_out=False))


def _unlabeled(run: Run) -> Split:
    recipe, pseudo = run.info.recipe, run.info.provenance.pseudo_labeled
    if pseudo is None:
        raise ValueError(f"the run {run.id!r} has no pseudo-labels")
    if pseudo.source == "test digits":
        return mnist.load(recipe.dataset).test
    return withheld_digits(recipe)
