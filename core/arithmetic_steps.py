"""The steps of the arithmetic of one number: what each takes, and what comes out, in float64."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from core.architectures import ActivationName, Shape

Floats = NDArray[np.float64]
Place = tuple[int, ...]
"""A number of a layer's output: (row, column, channel), or (number,) in a layer of units."""


@dataclass(frozen=True, eq=False)
class Convolved:
    """The sum of a convolution. `corner`: the input's (row, column) below the kernel's upper left.

    `patch` and `kernel`: (k, k, channels in); `real`: bool (k, k), False in the padding of zeros.
    """

    layer: str
    place: Place
    source: str
    corner: tuple[int, int]
    patch: Floats
    real: NDArray[np.bool_]
    kernel: Floats
    bias: float | None

    @cached_property
    def products(self) -> Floats:
        """Each input times its weight, (k, k, channels in)."""
        return self.patch * self.kernel

    @cached_property
    def sums(self) -> Floats:
        """The products added up for each channel of the input, (channels in,)."""
        return np.asarray(self.products.sum(axis=(0, 1)))

    @property
    def total(self) -> float:
        return float(self.sums.sum())

    @property
    def result(self) -> float:
        return self.total + (self.bias or 0.0)


@dataclass(frozen=True, eq=False)
class Weighted:
    """The sum of a dense layer's unit: (n,) inputs times (n,) weights, plus the bias.

    `source`: the layer the inputs come from. `shape`: of the maps that were laid out as one vector
    to make the inputs, or (n,).
    """

    layer: str
    place: Place
    source: str
    shape: Shape
    inputs: Floats
    weights: Floats
    bias: float

    @cached_property
    def products(self) -> Floats:
        """Each input times its weight, (n,)."""
        return self.inputs * self.weights

    @property
    def total(self) -> float:
        return float(self.products.sum())

    @property
    def result(self) -> float:
        return self.total + self.bias

    def came_from(self, number: int) -> Place:
        """Where an input stands in the source: (row, column, channel), or (number,)."""
        return tuple(int(k) for k in np.unravel_index(number, self.shape))


@dataclass(frozen=True)
class Normalised:
    """Batch normalisation when a network answers: with the mean and variance kept from training."""

    layer: str
    place: Place
    value: float
    gamma: float
    beta: float
    mean: float
    variance: float
    epsilon: float

    @property
    def result(self) -> float:
        scaled = (self.value - self.mean) / math.sqrt(self.variance + self.epsilon)
        return self.gamma * scaled + self.beta


@dataclass(frozen=True, eq=False)
class Activated:
    """An activation. `beside`: for softmax the values of all channels, or units, at this place."""

    layer: str
    place: Place
    name: ActivationName
    value: float
    beside: Floats | None

    @property
    def result(self) -> float:
        if self.beside is not None:
            return float(softmax(self.beside)[self.place[-1]])
        return _bent(self.name, self.value)


@dataclass(frozen=True, eq=False)
class Pooled:
    """A square of (size, size) values that leaves one. `own`: which of them came in, if one did."""

    layer: str
    place: Place
    mode: str
    values: Floats
    own: tuple[int, int] | None

    @property
    def winner(self) -> tuple[int, int]:
        """Where the largest stands in the square, the first of equals."""
        row, column = np.unravel_index(self.values.argmax(), self.values.shape)
        return int(row), int(column)

    @property
    def result(self) -> float:
        return float(self.values.max() if self.mode == "max" else self.values.mean())


@dataclass(frozen=True, eq=False)
class Averaged:
    """A whole map, (h, w), that leaves its mean."""

    layer: str
    place: Place
    values: Floats

    @property
    def result(self) -> float:
        return float(self.values.mean())


@dataclass(frozen=True)
class Passed:
    """A number that goes through unchanged: `source` and `origin` say where it stood before."""

    layer: str
    place: Place
    source: str
    origin: Place
    result: float


@dataclass(frozen=True)
class LeftOut:
    """A number that the pooling `layer` drops: at the edge, its squares do not reach it."""

    layer: str
    place: Place
    result: float


Step = Convolved | Weighted | Normalised | Activated | Pooled | Averaged | Passed | LeftOut


def _bent(name: ActivationName, value: float) -> float:
    """A number after an activation that looks at it alone, as Keras 3 defines them."""
    if name == "relu":
        return max(value, 0.0)
    if name == "sigmoid":
        # Written so that the power never overflows.
        power = math.exp(-abs(value))
        return (1.0 if value >= 0 else power) / (1 + power)
    if name == "tanh":
        return math.tanh(value)
    if name == "elu":
        return value if value > 0 else math.expm1(value)
    if name == "gelu":
        return value * (1 + math.erf(value / math.sqrt(2))) / 2
    return value
