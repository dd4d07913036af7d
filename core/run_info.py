"""What a run's `run.json` holds: its recipe, how it did, which digits it was trained on."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.datasets import DATASETS, DatasetName
from core.recipes import Recipe

FORMAT = 1

Status = Literal["queued", "running", "finished", "stopped", "failed"]
EndedBy = Literal[
    "", "last epoch", "by hand", "early stopping", "time limit", "pause limit", "diverged", "fault"
]


OwnPart = Literal["trained on", "held out"]


class Metrics(BaseModel):
    """How a run did on one dataset's test digits."""

    # A training that diverged has a loss of NaN: written as null, it could not be read again.
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    n: int = Field(ge=1)
    wrong: int = Field(ge=0)
    loss: float
    held_out: bool = Field(description="whether none of these digits was trained on")

    @property
    def accuracy(self) -> float:
        """The fraction that was read rightly, 0 to 1."""
        return 1 - self.wrong / self.n

    def __str__(self) -> str:
        """Errors counted before they are rated: "38 wrong of 10,000 (99.62 %)"."""
        return f"{self.wrong:,} wrong of {self.n:,} ({100 * self.accuracy:.2f} %)"


class FineTuned(BaseModel):
    """What a fine-tuned run began with, and which part a visitor's own digits have in it.

    The digits lie in the run's folder (`core.own_digits`), the network that it began with too.
    """

    model_config = ConfigDict(frozen=True)

    parent: str = Field(description="the run whose network it began with")
    parent_sha256: str = Field(description="of that network's file")
    parent_metrics: dict[DatasetName, Metrics]
    base_recipe: Recipe = Field(description="by which that network was trained from nothing")
    rehearsed: int = Field(ge=1, description="digits of the dataset in an epoch")
    own_trained: int = Field(ge=1, description="own digits that are trained on")
    own_held_out: int = Field(ge=0, description="own digits that are not")
    own_per_epoch: int = Field(ge=1, description="how many own digits an epoch shows, repeated")
    own_sha256: str = Field(description="of the own digits, their labels and parts")


class Pens(BaseModel):
    """The last epochs of a run, after its recipe's own: they show digits that pens redrew too.

    Of digits it was trained on already, by pens of any width, slanted, bent, with gaps
    (`benchmarks/train_best_pens.py`).
    """

    model_config = ConfigDict(frozen=True)

    epochs: int = Field(ge=1, description="how many there were, the recipe's own not counted")
    redrawn: int = Field(ge=1, description="redrawn digits in each, beside those of the dataset")
    learning_rate: float = Field(gt=0, description="the highest of its cycle")
    seed: int


class Provenance(BaseModel):
    """Which digits a run was trained on; a fine-tuned run's parent's are among them."""

    model_config = ConfigDict(frozen=True)

    dataset: DatasetName
    excluded_sample_test: bool
    n_train: int
    n_validation: int
    fine_tuned: FineTuned | None = None
    pens: Pens | None = None

    def held_out(self, dataset: str) -> bool:
        """Whether the test digits of `dataset` were kept out of this run's training.

        MNIST's test digits are in neither training set. The sample's 1,000 are MNIST training
        digits: a run on the full MNIST has seen them unless they were left out.
        """
        return dataset == "mnist" or self.dataset == "mnist-sample" or self.excluded_sample_test

    def counted(self, n_train: int, n_validation: int) -> "Provenance":
        """The same, with the digits counted that an epoch shows and those validated on."""
        return self.model_copy(update={"n_train": n_train, "n_validation": n_validation})


class RateChange(BaseModel):
    """A learning rate that was changed by hand while the run was trained."""

    model_config = ConfigDict(frozen=True)

    epoch: int = Field(ge=1)
    step: int = Field(ge=0, description="batches of that epoch that were done")
    learning_rate: float = Field(gt=0, description="the optimizer's, before any schedule")


class RunInfo(BaseModel):
    """What `run.json` holds."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    id: str
    status: Status
    recipe: Recipe
    provenance: Provenance
    created: datetime
    seconds: float = Field(default=0.0, description="of training, evaluation not counted")
    metrics: dict[DatasetName, Metrics] = {}
    model_sha256: str = ""
    versions: dict[str, str] = {}
    machine: str = ""
    error: str = ""
    preset: str = Field(default="", description="the preset or run that its recipe came from")
    ended_by: EndedBy = ""
    epochs_done: int = Field(default=0, description="whole epochs")
    best_epoch: int = Field(default=0, description="whose weights were kept; 0: the last ones")
    rate_changes: tuple[RateChange, ...] = ()
    own_before: dict[OwnPart, Metrics] = Field(
        default={}, description="how the parent did on the own digits of a fine-tuned run"
    )
    own_after: dict[OwnPart, Metrics] = Field(default={}, description="how this run does on them")

    @property
    def epochs_planned(self) -> int:
        """The epochs of the whole training: its recipe's, and those that show what pens redrew."""
        pens = self.provenance.pens
        return self.recipe.epochs + (pens.epochs if pens else 0)

    @property
    def from_scratch(self) -> Recipe:
        """The recipe by which such a network is trained from nothing.

        That of a fine-tuned run's first ancestor: its own says how a finished network goes on.
        """
        tuned = self.provenance.fine_tuned
        return tuned.base_recipe if tuned else self.recipe

    def headline(self) -> tuple[DatasetName, Metrics] | None:
        """The figure that speaks for the run: on MNIST's test digits, else on the sample's."""
        for name in DATASETS:
            if name in self.metrics:
                return name, self.metrics[name]
        return None
