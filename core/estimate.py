"""How long a training will take on this machine, and how large its network will be on disk.

The machine's speed was measured before (`core.measure`, started by `core.measuring`): what a
multiply-add, a value, a weight takes here. The work of any recipe is counted from its layers
(`core.workload`), so that an estimate costs no time while sliders move.
"""

import math
import os
import platform
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import datasets
from core.datasets import MNIST_TEST, SAMPLE_TEST
from core.rates import digits_fitted, training_digits
from core.recipes import Recipe
from core.run_writer import write_whole
from core.runs import own_folder
from core.workload import KINDS, Kind, digit_work, step_work

FORMAT: Final = 1
FILE: Final = "machine.json"

# What a .keras file holds beside the weights: its own description, and HDF5's of each layer.
_BYTES_OF_FILE: Final = 8_000
_BYTES_OF_LAYER: Final = 3_100
_BYTES_OF_WEIGHT: Final = 4

MUCH_COMPANY: Final = 0.2

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Speed(BaseModel):
    """What `machine.json` holds: which machine was measured, and what things take on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    machine: dict[str, str] = Field(description="see this_machine()")
    measured: datetime
    costs: dict[Kind, Seconds] = Field(description="seconds that a unit of work takes in training")
    answer: float = Field(gt=0, le=1, description="of a digit's training, what reading it takes")
    launch: Seconds = Field(description="a process that has imported TensorFlow and the digits")
    trace: Seconds = Field(description="a network's first step, on top of its other steps")
    trace_layer: Seconds = Field(description="what each layer adds to that")
    epoch: Seconds = Field(description="what an epoch takes besides its steps and validation")
    epoch_weight: Seconds = Field(description="what keeping a weight takes after each epoch")
    test_layer: Seconds = Field(description="making a layer ready for the test digits")
    company: float = Field(ge=0, le=1, description="of all cores' time, what others took meanwhile")

    def is_disturbed(self) -> bool:
        """Whether other processes were so busy that it should be measured again some time."""
        return self.company > MUCH_COMPANY


@dataclass(frozen=True)
class Estimate:
    """Seconds of a training: until its first step is done, of an epoch, and of the final test."""

    start: float
    epoch: float
    test: float
    epochs: int

    @property
    def total(self) -> float:
        """Seconds from the click to the finished run."""
        return self.start + self.epochs * self.epoch + self.test


@dataclass(frozen=True)
class Digits:
    """How many digits a training handles: fitted and validated in each epoch, tested at the end."""

    fitted: int
    validation: int
    test: int


def this_machine() -> dict[str, str]:
    """What a measurement holds for: this machine, its cores, the versions that do the work."""
    return {
        "name": platform.node(),
        "cores": str(os.cpu_count()),
        **{package: metadata.version(package) for package in ("tensorflow", "keras")},
    }


def folder() -> Path:
    """Where the measurement lies: the dot keeps the folder out of the list of runs."""
    return own_folder() / ".machine"


def load_speed() -> Speed | None:
    """What was measured on this machine; None if nothing was, or it no longer holds."""
    try:
        speed = Speed.model_validate_json((folder() / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    return speed if speed.machine == this_machine() and set(speed.costs) == set(KINDS) else None


def save_speed(speed: Speed) -> None:
    """Keep a measurement. Raises OSError if the runs folder cannot be written."""
    folder().mkdir(parents=True, exist_ok=True)
    text = speed.model_dump_json(indent=1) + "\n"
    write_whole(folder() / FILE, lambda file: file.write(text.encode()))


def digits_of(recipe: Recipe) -> Digits:
    """How many digits the recipe's training handles. Nothing is loaded for it.

    Tested is on all datasets that are at hand, and on the recipe's own, which may be downloaded.
    """
    train, fitted = training_digits(recipe), digits_fitted(recipe)
    known = {*datasets.available(), recipe.dataset}
    test = SAMPLE_TEST + MNIST_TEST * ("mnist" in known)
    if recipe.validate_on_test:
        return Digits(train, MNIST_TEST if recipe.dataset == "mnist" else SAMPLE_TEST, test)
    return Digits(fitted, train - fitted, test)


def estimate(recipe: Recipe, speed: Speed, digits: Digits | None = None) -> Estimate:
    """The time that a training will take, on an otherwise idle machine.

    `digits` are counted from the recipe if they are not given. Raises DatasetError if `$MNIST_NPZ`
    names a file that is not there.
    """
    digits = digits or digits_of(recipe)
    layers = len(recipe.architecture.layers)
    steps = math.ceil(digits.fitted / recipe.batch_size)
    answer = answer_seconds(recipe, speed)
    keeping = speed.epoch + speed.epoch_weight * recipe.architecture.parameters
    return Estimate(
        start=speed.launch + speed.trace + speed.trace_layer * layers,
        epoch=steps * step_seconds(recipe, speed) + digits.validation * answer + keeping,
        test=speed.test_layer * layers + digits.test * answer,
        epochs=recipe.epochs,
    )


def step_seconds(recipe: Recipe, speed: Speed) -> float:
    """Seconds of one training step, a batch of the recipe's size."""
    return sum(speed.costs[kind] * amount for kind, amount in step_work(recipe).items())


def answer_seconds(recipe: Recipe, speed: Speed) -> float:
    """Seconds in which the network reads one digit, as one of many."""
    work = digit_work(recipe)
    return speed.answer * sum(
        speed.costs[kind] * amount for kind, amount in work.items() if kind != "dropout"
    )


def size_on_disk(recipe: Recipe) -> int:
    """Bytes of the run's `model.keras`, within a few percent: float32 weights, and what names them.

    The run's folder holds more: answers, and the weights of its epochs (`core.run_writer`).
    """
    rows = list(recipe.architecture.rows())
    weights = sum(row.parameters for row in rows)
    return _BYTES_OF_FILE + _BYTES_OF_LAYER * len(rows) + _BYTES_OF_WEIGHT * weights
