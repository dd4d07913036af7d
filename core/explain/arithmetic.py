"""The arithmetic of one number inside a network: each step with its real numbers, in float64.

A convolution multiplies a patch of its input with a kernel and adds up; batch normalization, an
activation and pooling follow where the network has them next. Every step tells what it takes and
what comes out, so that a reader can do it with a pencil; the results are the network's own but for
what float32 rounds away.

The steps of the arithmetic of one number: what each takes, and what comes out, in float64.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from core.recipes.architecture import (
    Activation,
    ActivationName,
    Architecture,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Pool,
    Row,
    Shape,
)
from core.runs.run import Network

Floats = NDArray[np.float64]
MapPosition = tuple[int, ...]
"""A number of a layer's output: (row, column, channel), or (number,) in a layer of units."""


@dataclass(frozen=True, eq=False)
class ConvolutionStep:
    """The sum of a convolution. `corner`: the input's (row, column) below the kernel's upper left.

    `patch` and `kernel`: (k, k, channels in); `real`: bool (k, k), False in the padding of zeros.
    """

    layer: str
    place: MapPosition
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
class WeightedSum:
    """The sum of a dense layer's unit: (n,) inputs times (n,) weights, plus the bias.

    `source`: the layer the inputs come from. `shape`: of the maps that were laid out as one vector
    to make the inputs, or (n,).
    """

    layer: str
    place: MapPosition
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

    def came_from(self, number: int) -> MapPosition:
        """Where an input stands in the source: (row, column, channel), or (number,)."""
        return tuple(int(k) for k in np.unravel_index(number, self.shape))


@dataclass(frozen=True)
class NormalizationStep:
    """Batch normalization when a network answers: with the mean and variance kept from training."""

    layer: str
    place: MapPosition
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
class ActivationStep:
    """An activation. `beside`: for softmax the values of all channels, or units, at this place."""

    layer: str
    place: MapPosition
    name: ActivationName
    value: float
    beside: Floats | None

    @property
    def result(self) -> float:
        if self.beside is not None:
            return float(softmax(self.beside)[self.place[-1]])
        return _bent(self.name, self.value)


@dataclass(frozen=True, eq=False)
class PoolingStep:
    """A square of (size, size) values that leaves one. `own`: which of them came in, if one did."""

    layer: str
    place: MapPosition
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
class AverageStep:
    """A whole map, (h, w), that leaves its mean."""

    layer: str
    place: MapPosition
    values: Floats

    @property
    def result(self) -> float:
        return float(self.values.mean())


@dataclass(frozen=True)
class PassThrough:
    """A number that goes through unchanged: `source` and `origin` say where it stood before."""

    layer: str
    place: MapPosition
    source: str
    origin: MapPosition
    result: float


@dataclass(frozen=True)
class OmittedTerms:
    """A number that the pooling `layer` drops: at the edge, its squares do not reach it."""

    layer: str
    place: MapPosition
    result: float


ArithmeticStep = (
    ConvolutionStep
    | WeightedSum
    | NormalizationStep
    | ActivationStep
    | PoolingStep
    | AverageStep
    | PassThrough
    | OmittedTerms
)


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


Values = NDArray[np.float32]
INPUT_LAYER: Final = "input"
"""The name of a network's scaled input among what its layers give."""


@dataclass(frozen=True, eq=False)
class LayerActivations:
    """A network at work on one digit.

    Attributes:
        architecture: its layers.
        values: what each layer gives by its name, and under `INPUT` what goes into the first.
        weights: a layer's arrays, as Keras's `get_weights` orders them.
        epsilon: what a batch normalization adds to its variance.
    """

    architecture: Architecture
    values: Mapping[str, Values]
    weights: Callable[[str], Sequence[Values]]
    epsilon: Callable[[str], float]


def activations_with_inputs(network: Network, image: NDArray[np.uint8]) -> LayerActivations:
    """A network at work on a digit. Imports TensorFlow when it is called.

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).

    Returns:
        What its layers give and hold.

    Raises:
        RunError: the network cannot be opened.
    """
    from core.explain.activations import layer_activations, load_layer_model

    opened = load_layer_model(network)
    values = {
        INPUT_LAYER: opened.network_input(image[None])[0],
        **layer_activations(network, image),
    }
    return LayerActivations(
        network.run.info.recipe.architecture,
        values,
        lambda name: opened.model.get_layer(name).get_weights(),
        lambda name: float(opened.model.get_layer(name).epsilon),
    )


def explain_number(
    network: LayerActivations, layer: str, place: MapPosition
) -> list[ArithmeticStep]:
    """How a number of a layer's output comes about, and what the layers right after make of it.

    Batch normalization, activation and dropout work number by number, so it begins with the layer
    before them that made the number. It is followed through such layers and pooling, up to the next
    layer that mixes channels. Each step takes the result of the one before. Raises ValueError if
    there is no such layer, IndexError if it has no such place.
    """
    rows = list(network.architecture.rows())
    names = [row.name for row in rows]
    if layer not in names:
        raise ValueError(f"the network has no layer {layer!r}")
    at = names.index(layer)
    shape = rows[at].shape
    if len(place) != len(shape) or any(not 0 <= k < n for k, n in zip(place, shape, strict=True)):
        raise IndexError(f"the layer {layer} has no place {place}: its output is {shape}")
    start = at
    while start and isinstance(rows[start].layer, BatchNorm | Activation | Dropout):
        start -= 1
    steps = list(_first(_Taken(network, rows, start), place))
    for following in range(start + 1, len(rows)):
        taken, before = _Taken(network, rows, following), steps[-1]
        if isinstance(taken.row.layer, Dropout):
            if following == at:
                steps.append(PassThrough(layer, place, taken.source, place, before.result))
            continue
        step = _next(taken, before.place, before.result)
        if step is None:
            break
        steps.append(step)
        if isinstance(step, OmittedTerms):
            break
    return steps


@dataclass(frozen=True, eq=False)
class _Taken:
    """A layer, with what goes into it."""

    network: LayerActivations
    rows: list[Row]
    at: int

    @property
    def row(self) -> Row:
        return self.rows[self.at]

    @property
    def source(self) -> str:
        """The name of the layer before, or `INPUT`."""
        return self.rows[self.at - 1].name if self.at else INPUT_LAYER

    @property
    def values(self) -> Values:
        """What goes into the layer."""
        return self.network.values[self.source]

    @property
    def weights(self) -> Sequence[Values]:
        return self.network.weights(self.row.name)


def _first(taken: _Taken, place: MapPosition) -> Iterator[ArithmeticStep]:
    """The steps of the layer itself, from its input."""
    layer, name = taken.row.layer, taken.row.name
    if isinstance(layer, Conv | Dense):
        found = (
            _convolved(taken, layer, place) if isinstance(layer, Conv) else _weighted(taken, place)
        )
        yield found
        if layer.activation != "linear":
            beside = _sums(taken, found) if layer.activation == "softmax" else None
            yield ActivationStep(name, place, layer.activation, found.result, beside)
    elif isinstance(layer, Pool):
        yield _pooled(taken, layer, place, None)
    elif isinstance(layer, GlobalAverage):
        yield AverageStep(name, place, taken.values[..., place[-1]].astype(np.float64))
    elif isinstance(layer, Flatten):
        origin = tuple(int(k) for k in np.unravel_index(place[0], taken.values.shape))
        yield PassThrough(name, place, taken.source, origin, float(taken.values[origin]))
    else:
        value = float(taken.values[place])
        made = _next(taken, place, value)
        yield PassThrough(name, place, taken.source, place, value) if made is None else made


def _next(taken: _Taken, before: MapPosition, value: float) -> ArithmeticStep | None:
    """What a layer makes of a number at a place of its input; None if it mixes channels."""
    layer, name = taken.row.layer, taken.row.name
    if isinstance(layer, BatchNorm):
        gamma, beta, mean, variance = (float(one[before[-1]]) for one in taken.weights)
        epsilon = taken.network.epsilon(name)
        return NormalizationStep(name, before, value, gamma, beta, mean, variance, epsilon)
    if isinstance(layer, Activation):
        beside = None
        if layer.activation == "softmax":
            beside = taken.values[before[:-1]].astype(np.float64)
            beside[before[-1]] = value
        return ActivationStep(name, before, layer.activation, value, beside)
    if isinstance(layer, Pool):
        place = (before[0] // layer.size, before[1] // layer.size, before[2])
        if place[0] >= taken.row.shape[0] or place[1] >= taken.row.shape[1]:
            return OmittedTerms(name, before, value)
        own = (before[0] % layer.size, before[1] % layer.size)
        return _pooled(taken, layer, place, own)
    if isinstance(layer, GlobalAverage):
        return AverageStep(name, before[-1:], taken.values[..., before[-1]].astype(np.float64))
    return None


def _convolved(taken: _Taken, layer: Conv, place: MapPosition) -> ConvolutionStep:
    row, column, channel = place
    size = layer.kernel_size
    # As Keras pads: where the number of zeros is odd, one more comes below and to the right.
    before = (size - 1) // 2 if layer.padding == "same" else 0
    corner = row - before, column - before
    kernel, *rest = taken.weights
    patch, real = _patch(taken.values, corner, size)
    return ConvolutionStep(
        taken.row.name,
        place,
        taken.source,
        corner,
        patch,
        real,
        kernel[..., channel].astype(np.float64),
        float(rest[0][channel]) if rest else None,
    )


def _patch(values: Values, corner: tuple[int, int], size: int) -> tuple[Floats, NDArray[np.bool_]]:
    """A square of the input, (size, size, channels), 0 beyond the edge; and where it is inside."""
    rows, columns = (np.arange(start, start + size) for start in corner)
    height, width = values.shape[:2]
    real = np.logical_and.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    near = values[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    return np.where(real[..., None], near.astype(np.float64), 0.0), real


def _weighted(taken: _Taken, place: MapPosition) -> WeightedSum:
    kernel, bias = taken.weights
    source, shape = _laid_out(taken)
    return WeightedSum(
        taken.row.name,
        place,
        source,
        shape,
        taken.values.astype(np.float64),
        kernel[:, place[0]].astype(np.float64),
        float(bias[place[0]]),
    )


def _laid_out(taken: _Taken) -> tuple[str, Shape]:
    """Where a dense layer's inputs come from: the layer, and the shape in which they have a place.

    Dropout changes nothing and flatten only the order, so what stands before them is named.
    """
    source, shape = taken.source, tuple(taken.values.shape)
    for at in range(taken.at - 1, -1, -1):
        earlier = _Taken(taken.network, taken.rows, at)
        kind = earlier.row.layer
        if isinstance(kind, Dropout | Flatten) and source == earlier.row.name:
            source = earlier.source
        if isinstance(kind, Flatten):
            return source, tuple(earlier.values.shape)
        if not isinstance(kind, Dropout | BatchNorm | Activation):
            break
    return source, shape


def _sums(taken: _Taken, step: ConvolutionStep | WeightedSum) -> Floats:
    """The sums, bias included, of all filters at the same place, or of all units."""
    kernel, *rest = taken.weights
    inputs = step.patch if isinstance(step, ConvolutionStep) else step.inputs
    sums = np.tensordot(inputs, kernel.astype(np.float64), axes=inputs.ndim)
    return np.asarray(sums + (rest[0] if rest else 0.0))


def _pooled(
    taken: _Taken, layer: Pool, place: MapPosition, own: tuple[int, int] | None
) -> PoolingStep:
    row, column, channel = place
    rows, columns = (slice(k * layer.size, (k + 1) * layer.size) for k in (row, column))
    values = taken.values[rows, columns, channel].astype(np.float64)
    return PoolingStep(taken.row.name, place, layer.mode, values, own)
