"""How long a training will take on this machine, and how large its network will be on disk.

The work of a training step is counted from the recipe's layers alone, so an estimate costs no time
while sliders move. Each kind of work has a unit of its own (multiply-adds, values, weights). What a
unit takes on this machine follows from the times of a few small networks by a least-squares fit
(`fit_costs`); `core.jobs.speed_benchmark` measures them once, and `core.jobs.scheduler` starts it.
"""

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.data import mnist
from core.data.mnist import MNIST_TEST, SAMPLE_TEST
from core.recipes.advice import training_digit_count, training_split_size
from core.recipes.architecture import (
    INPUT_SHAPE,
    Activation,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    GlobalAverage,
    Layer,
    Pool,
    Shape,
)
from core.recipes.recipe import Optimizer, Recipe
from core.runs.registry import own_folder
from core.utils.files import write_atomically

LayerWorkKind = Literal[
    "step",  # 1: starting a step, its loss and metrics
    "layer",  # layers: starting their operations
    "first",  # multiply-adds of a convolution of the picture itself, which has one channel
    "multiply",  # multiply-adds of any other convolution
    "dense",  # multiply-adds of dense layers
    "touched",  # values that convolutions, cheap activations and pools read or write
    "curved",  # values of an activation that is no piece of a line: sigmoid, tanh, elu, gelu
    "norm",  # values of batch normalization
    "dropout",  # values of dropout, each of which takes a random number
    "weight",  # weights that a step of Adam changes
    "augmented",  # digits that are changed at random
]
LAYER_WORK_KINDS: Final[tuple[LayerWorkKind, ...]] = get_args(LayerWorkKind)
LayerWork = dict[LayerWorkKind, float]
"""The amount of each kind of work, in its unit."""
# A vector register holds 16 numbers (AVX-512): convolutions work on as many channels at once, and
# the rest of the last block is wasted.
_CHANNELS_AT_ONCE: Final = 16
# What an update reads and writes (weights, gradients, moments), relative to Adam with two moments.
_UPDATE: Final = {"adam": 1.0, "rmsprop": 0.75, "sgd": 0.5}
_ONE_ARRAY: Final = 0.25
_KIND_OF_VALUES: Final[dict[type, LayerWorkKind]] = {BatchNorm: "norm", Dropout: "dropout"}


def training_step_work(recipe: Recipe) -> LayerWork:
    """Count the work of one training step: a batch forward and backward, then the update.

    Each product of the forward pass comes twice more in the backward pass, for the gradients of the
    input and of the kernel; the picture itself needs no gradient.
    """
    work = inference_work(recipe)
    work = {kind: amount * recipe.batch_size for kind, amount in work.items()}
    work["step"] = 1
    work["layer"] = len(recipe.architecture.layers)
    work["weight"] = recipe.architecture.parameters * _update_work(recipe.optimizer)
    work["augmented"] = recipe.batch_size * recipe.augmentation.active
    return work


def inference_work(recipe: Recipe) -> LayerWork:
    """Count the network's work for one digit of a training step, both passes."""
    work: LayerWork = dict.fromkeys(LAYER_WORK_KINDS, 0.0)
    shape: Shape = INPUT_SHAPE
    learns = False  # a layer before has weights, so it needs a gradient
    for layer, row in zip(recipe.architecture.layers, recipe.architecture.rows(), strict=True):
        work = _sum(work, _layer_work(layer, shape, row.shape, learns))
        learns = learns or row.parameters > 0
        shape = row.shape
    return work


def _layer_work(layer: Layer, inputs: Shape, outputs: Shape, learns: bool) -> LayerWork:
    n_inputs, n_outputs = math.prod(inputs), math.prod(outputs)
    if isinstance(layer, Conv):
        touched: LayerWork = {
            "touched": n_inputs + math.prod(outputs[:-1]) * _padded_channels(layer.filters)
        }
        return _sum(_conv_work(layer, inputs, outputs), touched, _activation_work(layer, n_outputs))
    if isinstance(layer, Dense):
        return _sum(
            {"dense": (2 + learns) * n_inputs * n_outputs}, _activation_work(layer, n_outputs)
        )
    if isinstance(layer, Activation):
        return _activation_work(layer, n_outputs)
    if isinstance(layer, Pool | GlobalAverage):
        return {"touched": n_inputs}
    kind = _KIND_OF_VALUES.get(type(layer))
    return {kind: n_outputs} if kind else {}


def _conv_work(layer: Conv, inputs: Shape, outputs: Shape) -> LayerWork:
    positions, taps = outputs[0] * outputs[1], layer.kernel_size**2
    filters = _padded_channels(layer.filters)
    if inputs[-1] == 1:
        return {"first": 2.0 * positions * taps * filters}
    return {"multiply": 3.0 * positions * taps * _padded_channels(inputs[-1]) * filters}


def _activation_work(layer: Conv | Dense | Activation, values: int) -> LayerWork:
    if layer.activation in {"linear", "softmax"}:
        return {}
    return {"touched" if layer.activation == "relu" else "curved": values}


def _sum(*parts: LayerWork) -> LayerWork:
    total: LayerWork = {}
    for part in parts:
        for kind, amount in part.items():
            total[kind] = total.get(kind, 0.0) + amount
    return total


def _padded_channels(channels: int) -> int:
    """Channels that are computed: whole vector registers."""
    return math.ceil(channels / _CHANNELS_AT_ONCE) * _CHANNELS_AT_ONCE


def _update_work(optimizer: Optimizer) -> float:
    """What updating a weight costs, relative to plain Adam."""
    extra_arrays = (optimizer.momentum > 0) + (optimizer.weight_decay > 0)
    return _UPDATE[optimizer.kind] + _ONE_ARRAY * extra_arrays


# Seconds a unit on one two-core machine, fitted to the steps of 35 networks there, 16 of them drawn
# at random. Only their proportions count: what the measured networks leave open follows the rest.
TYPICAL_COSTS: Final[dict[LayerWorkKind, float]] = {
    "step": 8e-4,
    "layer": 4e-5,
    "first": 1e-11,
    "multiply": 7e-12,
    "dense": 1e-11,
    "touched": 8e-10,
    "curved": 1.2e-9,
    "norm": 3e-9,
    "dropout": 3e-9,
    "weight": 4.5e-9,
    "augmented": 4e-6,
}
# A measured time is taken to be good to some 5 %, a proportion to a factor of 2.
_TRUST: Final = 0.07


def fit_costs(works: Sequence[LayerWork], seconds: Sequence[float]) -> dict[LayerWorkKind, float]:
    """Fit the cost of each kind of work to measured times.

    Non-negative least squares of the relative errors. Where the measurements say little, a cost
    keeps its typical proportion to the others.

    Args:
        works: the work of each measured network.
        seconds: the time that each of them took, positive.

    Returns:
        Seconds per unit of each kind of work.

    Raises:
        ValueError: there is no measurement, or not as many times as works.
    """
    # Here, since SciPy takes a fifth of a second to import, and every page imports this module.
    from scipy.optimize import nnls

    if not works or len(works) != len(seconds):
        raise ValueError("fit_costs wants as many times as works, and at least one")
    typical = np.array([TYPICAL_COSTS[kind] for kind in LAYER_WORK_KINDS])
    amounts = np.array([[work[kind] for kind in LAYER_WORK_KINDS] for work in works])
    n = len(LAYER_WORK_KINDS)
    # The unknowns: each cost as a multiple of the typical one, and last the multiple of them all.
    measured = np.hstack(
        [amounts * typical / np.array(seconds)[:, None], np.zeros((len(works), 1))]
    )
    proportions = _TRUST * np.hstack([np.eye(n), -np.ones((n, 1))])
    matrix = np.vstack([measured, proportions])
    wanted = np.concatenate([np.ones(len(works)), np.zeros(n)])
    multiples = nnls(matrix, wanted)[0][:n]
    return {
        kind: float(cost) for kind, cost in zip(LAYER_WORK_KINDS, multiples * typical, strict=True)
    }


_SPEED_FORMAT: Final = 1
SPEED_FILE: Final = "machine.json"
# What a .keras file holds beside the weights: its own description, and HDF5's of each layer.
_BYTES_OF_FILE: Final = 8_000
_BYTES_OF_LAYER: Final = 3_100
_BYTES_OF_WEIGHT: Final = 4
_CROWDED_CORES: Final = 0.2
SecondsRange = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class MachineSpeed(BaseModel):
    """What `machine.json` holds: which machine was measured, and how fast it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = _SPEED_FORMAT
    machine: dict[str, str] = Field(description="see this_machine()")
    measured: datetime
    costs: dict[LayerWorkKind, SecondsRange] = Field(
        description="seconds that a unit of work takes in training"
    )
    answer: float = Field(gt=0, le=1, description="of a digit's training, what reading it takes")
    launch: SecondsRange = Field(
        description="a process that has imported TensorFlow and the digits"
    )
    trace: SecondsRange = Field(description="a network's first step, on top of its other steps")
    trace_layer: SecondsRange = Field(description="what each layer adds to that")
    epoch: SecondsRange = Field(description="what an epoch takes besides its steps and validation")
    epoch_weight: SecondsRange = Field(description="what keeping a weight takes after each epoch")
    test_layer: SecondsRange = Field(description="making a layer ready for the test digits")
    company: float = Field(ge=0, le=1, description="of all cores' time, what others took meanwhile")

    def is_disturbed(self) -> bool:
        """Whether other processes were so busy that it should be measured again some time."""
        return self.company > _CROWDED_CORES


@dataclass(frozen=True)
class TimeEstimate:
    """The time that a training will take.

    Attributes:
        start: seconds until its first step is done.
        epoch: seconds of an epoch.
        test: seconds of the final test.
        epochs: how many there are.

    Example:
        >>> TimeEstimate(start=5.0, epoch=2.0, test=1.0, epochs=10).total
        26.0
    """

    start: float
    epoch: float
    test: float
    epochs: int

    @property
    def total(self) -> float:
        """Seconds from the click to the finished run."""
        return self.start + self.epochs * self.epoch + self.test


@dataclass(frozen=True)
class DigitCounts:
    """How many digits a training handles.

    Attributes:
        fitted: trained on in each epoch.
        validation: validated on after each epoch.
        test: tested on at the end.
    """

    fitted: int
    validation: int
    test: int


def this_machine() -> dict[str, str]:
    """What a measurement is valid for: this machine, its cores, the versions of the libraries."""
    return {
        "name": platform.node(),
        "cores": str(os.cpu_count()),
        **{package: metadata.version(package) for package in ("tensorflow", "keras")},
    }


def speed_folder() -> Path:
    """Where the measurement lies: the dot keeps the folder out of the list of runs."""
    return own_folder() / ".machine"


def load_speed() -> MachineSpeed | None:
    """What was measured on this machine; None if nothing was, or it is no longer valid."""
    try:
        speed = MachineSpeed.model_validate_json((speed_folder() / SPEED_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    return (
        speed
        if speed.machine == this_machine() and set(speed.costs) == set(LAYER_WORK_KINDS)
        else None
    )


def save_speed(speed: MachineSpeed) -> None:
    """Keep a measurement. Raises OSError if the runs folder cannot be written."""
    speed_folder().mkdir(parents=True, exist_ok=True)
    text = speed.model_dump_json(indent=1) + "\n"
    write_atomically(speed_folder() / SPEED_FILE, lambda file: file.write(text.encode()))


def digit_counts(recipe: Recipe) -> DigitCounts:
    """Count the digits of a recipe's training without loading any.

    The test at the end is on all datasets that are available, and on the recipe's own, which may
    have to be downloaded.

    Raises:
        DatasetError: `$MNIST_NPZ` names a file that does not exist.
    """
    train, fitted = training_split_size(recipe), training_digit_count(recipe)
    datasets = {*mnist.available(), recipe.dataset}
    test = SAMPLE_TEST + MNIST_TEST * ("mnist" in datasets)
    if recipe.validate_on_test:
        return DigitCounts(train, MNIST_TEST if recipe.dataset == "mnist" else SAMPLE_TEST, test)
    return DigitCounts(fitted, train - fitted, test)


def estimate_time(
    recipe: Recipe,
    speed: MachineSpeed,
    digits: DigitCounts | None = None,
    *,
    launches: bool = True,
) -> TimeEstimate:
    """Estimate the time of a training on an otherwise idle machine.

    Args:
        recipe: what is trained.
        speed: what was measured on the machine.
        digits: counted from the recipe if they are not given.
        launches: whether a process has to be started; else one waits, or has just trained another.

    Raises:
        DatasetError: `$MNIST_NPZ` names a file that does not exist.
    """
    digits = digits or digit_counts(recipe)
    layers = len(recipe.architecture.layers)
    steps = recipe.steps_per_epoch(digits.fitted)
    answer = inference_seconds(recipe, speed)
    keeping = speed.epoch + speed.epoch_weight * recipe.architecture.parameters
    return TimeEstimate(
        start=launches * speed.launch + speed.trace + speed.trace_layer * layers,
        epoch=steps * step_seconds(recipe, speed) + digits.validation * answer + keeping,
        test=speed.test_layer * layers + digits.test * answer,
        epochs=recipe.epochs,
    )


def step_seconds(recipe: Recipe, speed: MachineSpeed) -> float:
    """Seconds of one training step, a batch of the recipe's size."""
    work = training_step_work(recipe)
    step = sum(speed.costs[kind] * amount for kind, amount in work.items())
    # The push takes the network forward and backward once more.
    return 2 * step if recipe.augmentation.adversarial else step


def inference_seconds(recipe: Recipe, speed: MachineSpeed) -> float:
    """Seconds for reading one digit of a large batch."""
    work = inference_work(recipe)
    return speed.answer * sum(
        speed.costs[kind] * amount for kind, amount in work.items() if kind != "dropout"
    )


def size_on_disk(recipe: Recipe) -> int:
    """Bytes of the run's `model.keras`, within a few percent.

    The run's folder holds more: predictions, and the weights of its epochs (`core.runs.writer`).
    """
    rows = list(recipe.architecture.rows())
    weights = sum(row.parameters for row in rows)
    return _BYTES_OF_FILE + _BYTES_OF_LAYER * len(rows) + _BYTES_OF_WEIGHT * weights
