"""A run that was read from its folder, and the models of its `run.json`.

`Run` gives access to the files of one run folder; `Network` is a run at an epoch, the key of every
cache of computed results. `RunInfo` and its parts are what `run.json` holds.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from core.data.mnist import DATASETS, DatasetName
from core.recipes.recipe import Recipe
from core.utils.errors import RunError
from core.utils.files import NPZ_ERRORS

FORMAT = 1
Status = Literal["queued", "running", "finished", "stopped", "failed"]
EndedBy = Literal[
    "",
    "last epoch",
    "by hand",
    "early stopping",
    "pruning",
    "time limit",
    "pause limit",
    "diverged",
    "fault",
]
OwnPart = Literal["trained on", "held out"]


class Metrics(BaseModel):
    """The result of a run on one dataset's test digits."""

    # A training that diverged has a loss of NaN: written as null, it could not be read again.
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    n: int = Field(ge=1)
    wrong: int = Field(ge=0)
    loss: float
    held_out: bool = Field(description="whether none of these digits was trained on")

    @property
    def accuracy(self) -> float:
        """The fraction of correct answers, 0 to 1."""
        return 1 - self.wrong / self.n

    def __str__(self) -> str:
        """The errors first, then the accuracy.

        Example:
            >>> str(Metrics(n=10_000, wrong=38, loss=0.012, held_out=True))
            '38 wrong of 10,000 (99.62 %)'
        """
        return f"{self.wrong:,} wrong of {self.n:,} ({100 * self.accuracy:.2f} %)"


class FineTuned(BaseModel):
    """What a fine-tuned run began with, and the share of a visitor's own digits in it.

    The digits and the network that it began with lie in the run's folder
    (`core.training.fine_tuning`).
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


UnlabeledSource = Literal["test digits", "withheld training digits"]


class PseudoLabeled(BaseModel):
    """What a run began with that learned from its own answers (`core.training.pseudo_labels`)."""

    model_config = ConfigDict(frozen=True)

    parent: str = Field(description="the run whose network it began with")
    parent_sha256: str = Field(description="of that network's file")
    parent_metrics: dict[DatasetName, Metrics]
    base_recipe: Recipe = Field(description="by which that network was trained from nothing")
    source: UnlabeledSource
    unlabeled: int = Field(ge=1, description="digits without labels")


class Member(BaseModel):
    """A run in an ensemble; its copy lies in the ensemble's folder (`registry.read_members`)."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="of the run that was copied")
    parameters: int = Field(ge=1)
    model_sha256: str


class Provenance(BaseModel):
    """Which digits a run was trained on, including those of the run that it was fine-tuned from."""

    model_config = ConfigDict(frozen=True)

    dataset: DatasetName
    excluded_sample_test: bool
    n_train: int
    n_validation: int
    fine_tuned: FineTuned | None = None
    pseudo_labeled: PseudoLabeled | None = None
    seen_unlabeled: tuple[DatasetName, ...] = Field(
        default=(), description="datasets whose test digits were learned from without their labels"
    )

    @property
    def start_sha256(self) -> str:
        """The SHA-256 of the network that the training begins with; empty if that is random."""
        began = self.fine_tuned or self.pseudo_labeled
        return began.parent_sha256 if began else ""

    def held_out(self, dataset: str) -> bool:
        """Whether the test digits of a dataset were kept out of this run's training.

        MNIST's test digits are in neither training set. The sample's 1,000 are MNIST training
        digits: a run on the full MNIST has seen them unless they were excluded.
        """
        if dataset in self.seen_unlabeled:
            return False
        return dataset == "mnist" or self.dataset == "mnist-sample" or self.excluded_sample_test

    def counted(self, n_train: int, n_validation: int) -> "Provenance":
        """A copy with the numbers of digits that an epoch trains on and validates on."""
        return self.model_copy(update={"n_train": n_train, "n_validation": n_validation})


class RateChange(BaseModel):
    """A learning rate that was changed by hand while the run was trained."""

    model_config = ConfigDict(frozen=True)

    epoch: int = Field(ge=1)
    step: int = Field(ge=0, description="batches of that epoch that were done")
    learning_rate: float = Field(gt=0, description="the optimizer's, before any schedule")


class RunInfo(BaseModel):
    """What `run.json` holds: recipe, status, provenance, results."""

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
    command: str = Field(default="", description="makes such a run again; empty: not known")
    ended_by: EndedBy = ""
    epochs_done: int = Field(default=0, description="whole epochs")
    best_epoch: int = Field(default=0, description="whose weights were kept; 0: the last ones")
    rate_changes: tuple[RateChange, ...] = ()
    temperature: float | None = Field(
        default=None,
        gt=0,
        description="by which its logits are divided, so that its confidence is calibrated",
    )
    own_before: dict[OwnPart, Metrics] = Field(
        default={}, description="how the parent did on the own digits of a fine-tuned run"
    )
    own_after: dict[OwnPart, Metrics] = Field(default={}, description="how this run does on them")
    pseudo_labels: Metrics | None = Field(
        default=None,
        description="how many pseudo-labels are wrong, of a run that learned from some",
    )
    members: tuple[Member, ...] = Field(
        default=(),
        description="of an ensemble, whose answers are the averages of theirs; its recipe is that "
        "of the first",
    )

    @property
    def parameters(self) -> int:
        """How many numbers the network holds; for an ensemble, all networks of its members."""
        if self.members:
            return sum(member.parameters for member in self.members)
        return self.recipe.architecture.parameters

    @property
    def from_scratch(self) -> Recipe:
        """The recipe by which such a network is trained from random weights.

        For a run that began with another run's network, that is its first ancestor's.
        """
        began = self.provenance.fine_tuned or self.provenance.pseudo_labeled
        return began.base_recipe if began else self.recipe

    def headline(self) -> tuple[DatasetName, Metrics] | None:
        """The main result: on MNIST's test digits, else on the sample's.

        Returns:
            The dataset and the metrics; None before the run was tested.
        """
        for name in DATASETS:
            if name in self.metrics:
                return name, self.metrics[name]
        return None


CHECKPOINT = "checkpoint.npz"
_EPOCH_FILE = re.compile(r"epoch_([0-9]{2})\.npz")


@dataclass(frozen=True)
class StoredPredictions:
    """The answers of a run on test digits, as its file has them, not checked.

    Attributes:
        labels: uint8 (n,).
        probabilities: float32 (n, 10).
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """A run folder that could be read.

    Attributes:
        folder: where it lies.
        info: what its `run.json` holds.
    """

    folder: Path
    info: RunInfo

    @property
    def id(self) -> str:
        """The name by which links and the command line call the run."""
        return self.info.id

    @property
    def model_file(self) -> Path:
        """The file with the network and its weights."""
        return self.folder / "model.keras"

    def check_can_go_on(self) -> None:
        """Raise RunError if the training cannot be continued.

        Without a network yet, it simply begins. With one, a new beginning would throw it away.
        """
        if self.info.members:
            raise RunError(
                f"The run {self.id!r} is an ensemble, which is not trained itself. Train one of "
                "its members for longer, and make a new ensemble."
            )
        if self.info.model_sha256 and not (self.folder / CHECKPOINT).exists():
            raise RunError(
                f"The run {self.id!r} cannot be continued: the state of its training was not kept, "
                "only its network. Train it again, with more epochs."
            )

    def check_model(self) -> bytes:
        """Read `model.keras`, and check that it is the file that the training wrote.

        Returns:
            Its content.

        Raises:
            RunError: it is missing, damaged, or another file; or the run is an ensemble, which has
                no network of its own.
        """
        if self.info.members:
            raise RunError(
                f"The run {self.id!r} is an ensemble: it has no network of its own, only those of "
                "its members. Choose one of these."
            )
        try:
            content = self.model_file.read_bytes()
        except OSError as error:
            raise RunError(
                f"The run {self.id!r} has no readable model.keras. "
                "Choose another run, or train this one again."
            ).at(self.folder) from error
        if hashlib.sha256(content).hexdigest() != self.info.model_sha256:
            raise RunError(
                f"The file model.keras of the run {self.id!r} is damaged or not the one that its "
                "training wrote, so it is not opened. Restore it, or train the run again."
            )
        return content

    def history(self) -> pd.DataFrame:
        """Read the figures of each epoch.

        Returns:
            A row per epoch: epoch, loss, accuracy, val_loss, val_accuracy, learning_rate, seconds.

        Raises:
            RunError: no epoch was finished, the file is damaged, or the run is an ensemble.
        """
        if self.info.members:
            raise RunError(f"The run {self.id!r} is an ensemble: it was not trained itself.")
        try:
            return pd.read_csv(self.folder / "history.csv")
        except FileNotFoundError as error:
            raise RunError(f"The run {self.id!r} has no history: no epoch was finished.") from error
        except (OSError, ValueError) as error:
            raise RunError(f"The history.csv of the run {self.id!r} is damaged.") from error

    def predictions(self, dataset: str) -> StoredPredictions | None:
        """Read the stored answers on a dataset's test digits; None if there are none."""
        try:
            # Opened here, because np.load leaves a file open that it cannot read.
            with (
                (self.folder / "test_predictions.npz").open("rb") as file,
                np.load(file, allow_pickle=False) as archive,
            ):
                return StoredPredictions(
                    archive[f"{dataset}_labels"], archive[f"{dataset}_probabilities"]
                )
        except NPZ_ERRORS:
            return None

    def epochs(self) -> list[int]:
        """The epochs, counted from 1, whose weights are kept."""
        files = (_EPOCH_FILE.fullmatch(file.name) for file in self.folder.glob("epochs/*"))
        return sorted(int(file[1]) for file in files if file)

    def epoch_weights(self, epoch: int) -> list[NDArray[np.float16]]:
        """Read the weights after an epoch.

        Args:
            epoch: counted from 1, one of `epochs()`.

        Returns:
            Arrays in the order of Keras's `get_weights()`.

        Raises:
            RunError: they were not kept, or are damaged.
        """
        try:
            with (
                epoch_file(self.folder, epoch).open("rb") as file,
                np.load(file, allow_pickle=False) as archive,
            ):
                return [archive[f"w{k}"] for k in range(len(archive.files))]
        except NPZ_ERRORS as error:
            raise RunError(
                f"The weights of epoch {epoch} of the run {self.id!r} cannot be read. "
                f"The epochs kept are: {', '.join(map(str, self.epochs())) or 'none'}."
            ) from error


@dataclass(frozen=True, eq=False)
class Network:
    """A run's network: the finished one, or the one after an epoch. A key for caches.

    Two are equal if they have the same folder, training and epoch, so what was computed for one
    training is never taken for another's.

    Attributes:
        run: the run whose network it is.
        epoch: after which epoch, counted from 1; None for the finished network.
    """

    run: Run
    epoch: int | None = None

    @property
    def key(self) -> tuple[Path, str, int | None]:
        """The run's folder, the SHA-256 of its finished network's file, and the epoch."""
        return self.run.folder, self.run.info.model_sha256, self.epoch

    @property
    def name(self) -> str:
        """The run, and its epoch if it is not the finished network, for sentences."""
        return self.run.id if self.epoch is None else f"{self.run.id} (epoch {self.epoch})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True)
class BrokenRun:
    """A run folder that cannot be used.

    Attributes:
        id: the folder's name.
        folder: where it lies.
        problem: a sentence that says why.
    """

    id: str
    folder: Path
    problem: str


def epoch_file(folder: Path, epoch: int) -> Path:
    """The file with the weights after an epoch.

    Example:
        >>> epoch_file(Path("runs/mine"), 7).as_posix()
        'runs/mine/epochs/epoch_07.npz'
    """
    return folder / "epochs" / f"epoch_{epoch:02d}.npz"
