"""A run on MNIST-C: how many of the sample's test digits it misreads under each corruption.

The corruptions are those of `core.data.mnist_c`. The benchmark itself has 10,000 digits of each; on
the sample's 1,000 a figure is about three times as uncertain, but it can be measured offline in
seconds. It is measured once and stored in the run's folder as `mnist_c.json`.
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.data.mnist_c import MNIST_C, corrupt_mnist_c
from core.data.statistics import split_of
from core.runs import writer
from core.runs.run import Network, Run
from core.utils.background import Report
from core.utils.errors import RunError

MNIST_C_FILE: Final = "mnist_c.json"
DATASET: Final = "mnist-sample"


class MnistCResults(BaseModel):
    """Content of `mnist_c.json`: a network's SHA-256, and its mistakes on `n` digits."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    model_sha256: str
    dataset: str = DATASET
    n: int = Field(ge=1)
    wrong: dict[str, int] = Field(description="mistakes by the corruption's name")

    @model_validator(mode="after")
    def _fits(self) -> "MnistCResults":
        if set(self.wrong) != {corruption.name for corruption in MNIST_C}:
            raise ValueError("not a count for each corruption")
        if any(not 0 <= wrong <= self.n for wrong in self.wrong.values()):
            raise ValueError("counts that are not from 0 to n")
        return self

    def accuracy(self, name: str) -> float:
        """The fraction of right answers under a corruption, 0 to 1."""
        return 1 - self.wrong[name] / self.n

    @property
    def mean_accuracy(self) -> float:
        """The mean over the fifteen corruptions, 0 to 1: the benchmark's figure."""
        return sum(self.accuracy(name) for name in self.wrong) / len(self.wrong)


def load_mnist_c(run: Run) -> MnistCResults | None:
    """Read the stored results of a run's finished network; None if they have to be measured."""
    try:
        results = MnistCResults.model_validate_json((run.folder / MNIST_C_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    return results if results.model_sha256 == run.info.model_sha256 else None


def measure_mnist_c(run: Run, report: Report, dataset: str = DATASET) -> MnistCResults:
    """Let the finished network read a dataset's test digits under each corruption.

    Imports TensorFlow when it is called. `report` is called after each corruption, and stops it
    when it raises. Raises RunError if the network cannot be opened.
    """
    from core.inference.predictor import open_predictor

    digits = split_of(dataset, "test")
    report(0, len(MNIST_C))
    network = open_predictor(Network(run))
    wrong = {}
    for done, corruption in enumerate(MNIST_C, start=1):
        images = corrupt_mnist_c(digits.images, corruption.name)
        answers = network.probabilities(images).argmax(axis=1)
        wrong[corruption.name] = int((answers != digits.labels).sum())
        report(done, len(MNIST_C))
    return MnistCResults(
        model_sha256=run.info.model_sha256, dataset=dataset, n=len(digits), wrong=wrong
    )


def measure_and_store_mnist_c(run: Run, report: Report) -> None:
    """Measure and store the results, as a background task. Raises RunError if that fails."""
    results = measure_mnist_c(run, report)
    if results.model_sha256 != run.info.model_sha256:
        raise RunError(f"These results are not of the network of the run {run.id!r}.")
    content = (results.model_dump_json(indent=1) + "\n").encode()
    writer.store_derived_file(run, MNIST_C_FILE, lambda file: file.write(content))
