"""The arithmetic of one number inside a network: each step with its real numbers, in float64.

A convolution multiplies a patch of its input with a kernel and adds up; batch normalization,
activation and pooling follow where the network has them next. Each step holds what goes in and
what comes out, so that a reader can check it with a pencil. The results are the network's own,
except for what float32 rounds away.
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
"""Where a number of a layer's output is: (row, column, channel), or (unit,) in a dense layer."""
Values = NDArray[np.float32]
INPUT_LAYER: Final = "input"
"""The key of the network's scaled input among the activations."""


@dataclass(frozen=True, eq=False)
class ConvolutionStep:
    """The weighted sum of a convolution.

    Attributes:
        layer: the name of the convolution.
        position: of the result in its output.
        source: the layer that gives the input.
        corner: the input's (row, column) under the upper left of the kernel.
        patch: the input under the kernel, (k, k, channels in).
        inside_input: bool (k, k), False in the zero padding.
        kernel: its weights, (k, k, channels in).
        bias: None if the layer has none.
    """

    layer: str
    position: MapPosition
    source: str
    corner: tuple[int, int]
    patch: Floats
    inside_input: NDArray[np.bool_]
    kernel: Floats
    bias: float | None

    @cached_property
    def products(self) -> Floats:
        """Each input times its weight, (k, k, channels in)."""
        return self.patch * self.kernel

    @cached_property
    def sums(self) -> Floats:
        """The products added up for each input channel, (channels in,)."""
        return np.asarray(self.products.sum(axis=(0, 1)))

    @property
    def total(self) -> float:
        return float(self.sums.sum())

    @property
    def result(self) -> float:
        return self.total + (self.bias or 0.0)


@dataclass(frozen=True, eq=False)
class WeightedSum:
    """The weighted sum of a dense layer's unit.

    Attributes:
        layer: the name of the dense layer.
        position: of the result in its output.
        source: the layer that the inputs come from.
        shape: of the maps that were flattened into the inputs, or (n,).
        inputs: (n,).
        weights: (n,).
        bias: of the unit.
    """

    layer: str
    position: MapPosition
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

    def position_of_input(self, index: int) -> MapPosition:
        """Where an input is in the source: (row, column, channel), or (unit,)."""
        return tuple(int(k) for k in np.unravel_index(index, self.shape))


@dataclass(frozen=True)
class NormalizationStep:
    """Batch normalization at inference: with the moving mean and variance from training."""

    layer: str
    position: MapPosition
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
    """An activation.

    Attributes:
        layer: the name of the layer.
        position: of the result in its output.
        name: of the activation.
        value: what goes in.
        softmax_inputs: for softmax, the values of all channels or units at this position; else
            None.
    """

    layer: str
    position: MapPosition
    name: ActivationName
    value: float
    softmax_inputs: Floats | None

    @property
    def result(self) -> float:
        if self.softmax_inputs is not None:
            return float(softmax(self.softmax_inputs)[self.position[-1]])
        return _activation(self.name, self.value)


@dataclass(frozen=True, eq=False)
class PoolingStep:
    """Pooling of one square.

    Attributes:
        layer: the name of the pooling layer.
        position: of the result in its output.
        mode: "max" or "average".
        values: of the square, (size, size).
        input_position: the (row, column) in the square of the number that is followed; None at the
            first step.
    """

    layer: str
    position: MapPosition
    mode: str
    values: Floats
    input_position: tuple[int, int] | None

    @property
    def largest_position(self) -> tuple[int, int]:
        """The (row, column) of the largest value in the square, the first of equal ones."""
        row, column = np.unravel_index(self.values.argmax(), self.values.shape)
        return int(row), int(column)

    @property
    def result(self) -> float:
        return float(self.values.max() if self.mode == "max" else self.values.mean())


@dataclass(frozen=True, eq=False)
class AverageStep:
    """Global average pooling: the mean of a whole map, (h, w)."""

    layer: str
    position: MapPosition
    values: Floats

    @property
    def result(self) -> float:
        return float(self.values.mean())


@dataclass(frozen=True)
class PassThrough:
    """A number that a layer leaves unchanged.

    Attributes:
        layer: the name of the layer.
        position: in its output.
        source: the layer before.
        source_position: in the output of `source`.
        result: the number.
    """

    layer: str
    position: MapPosition
    source: str
    source_position: MapPosition
    result: float


@dataclass(frozen=True)
class DroppedNumber:
    """A number that the pooling `layer` drops: its squares do not reach the edge."""

    layer: str
    position: MapPosition
    result: float


ArithmeticStep = (
    ConvolutionStep
    | WeightedSum
    | NormalizationStep
    | ActivationStep
    | PoolingStep
    | AverageStep
    | PassThrough
    | DroppedNumber
)


def _activation(name: ActivationName, value: float) -> float:
    """An activation of one value, as Keras 3 defines it; not softmax."""
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


@dataclass(frozen=True, eq=False)
class LayerActivations:
    """A network's activations for one digit, with its weights.

    Attributes:
        architecture: its layers.
        values: the activations by layer name, and the scaled input under `INPUT_LAYER`.
        weights: gives a layer's arrays in the order of Keras's `get_weights`.
        epsilon: gives what a batch normalization adds to its variance.
    """

    architecture: Architecture
    values: Mapping[str, Values]
    weights: Callable[[str], Sequence[Values]]
    epsilon: Callable[[str], float]


def activations_with_inputs(network: Network, image: NDArray[np.uint8]) -> LayerActivations:
    """A network's activations for a digit. Imports TensorFlow when it is called.

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).

    Raises:
        RunError: the network cannot be opened.
    """
    from core.explain.activations import layer_activations, load_layer_model

    layer_model = load_layer_model(network)
    values = {
        INPUT_LAYER: layer_model.network_input(image[None])[0],
        **layer_activations(network, image),
    }
    return LayerActivations(
        network.run.info.recipe.architecture,
        values,
        lambda name: layer_model.model.get_layer(name).get_weights(),
        lambda name: float(layer_model.model.get_layer(name).epsilon),
    )


def explain_number(
    network: LayerActivations, layer: str, position: MapPosition
) -> list[ArithmeticStep]:
    """How a number of a layer's output is computed, and what the layers right after make of it.

    Batch normalization, activation and dropout work number by number, so the steps begin with the
    layer before them that computed the number. The number is followed through such layers and
    pooling, up to the next layer that mixes channels. Each step takes the result of the one before.

    Args:
        network: the activations and weights.
        layer: the name of the layer.
        position: of the number in the layer's output.

    Raises:
        ValueError: there is no such layer.
        IndexError: the layer has no such position.
    """
    rows = list(network.architecture.rows())
    names = [row.name for row in rows]
    if layer not in names:
        raise ValueError(f"the network has no layer {layer!r}")
    index = names.index(layer)
    shape = rows[index].shape
    if len(position) != len(shape) or any(
        not 0 <= k < n for k, n in zip(position, shape, strict=True)
    ):
        raise IndexError(f"the layer {layer} has no place {position}: its output is {shape}")
    start = index
    while start and isinstance(rows[start].layer, BatchNorm | Activation | Dropout):
        start -= 1
    steps = list(_first_steps(_LayerInput(network, rows, start), position))
    for following in range(start + 1, len(rows)):
        layer_input, before = _LayerInput(network, rows, following), steps[-1]
        if isinstance(layer_input.row.layer, Dropout):
            if following == index:
                steps.append(
                    PassThrough(layer, position, layer_input.source, position, before.result)
                )
            continue
        step = _next_step(layer_input, before.position, before.result)
        if step is None:
            break
        steps.append(step)
        if isinstance(step, DroppedNumber):
            break
    return steps


@dataclass(frozen=True, eq=False)
class _LayerInput:
    """A layer with its input."""

    network: LayerActivations
    rows: list[Row]
    index: int

    @property
    def row(self) -> Row:
        return self.rows[self.index]

    @property
    def source(self) -> str:
        """The name of the layer before, or `INPUT_LAYER`."""
        return self.rows[self.index - 1].name if self.index else INPUT_LAYER

    @property
    def values(self) -> Values:
        """The input of the layer."""
        return self.network.values[self.source]

    @property
    def weights(self) -> Sequence[Values]:
        return self.network.weights(self.row.name)


def _first_steps(layer_input: _LayerInput, position: MapPosition) -> Iterator[ArithmeticStep]:
    """The steps of the layer itself, from its input."""
    layer, name = layer_input.row.layer, layer_input.row.name
    if isinstance(layer, Conv | Dense):
        weighted_sum = (
            _convolved(layer_input, layer, position)
            if isinstance(layer, Conv)
            else _weighted(layer_input, position)
        )
        yield weighted_sum
        if layer.activation != "linear":
            softmax_inputs = (
                _sums(layer_input, weighted_sum) if layer.activation == "softmax" else None
            )
            yield ActivationStep(
                name, position, layer.activation, weighted_sum.result, softmax_inputs
            )
    elif isinstance(layer, Pool):
        yield _pooled(layer_input, layer, position, None)
    elif isinstance(layer, GlobalAverage):
        yield AverageStep(name, position, layer_input.values[..., position[-1]].astype(np.float64))
    elif isinstance(layer, Flatten):
        source_position = tuple(
            int(k) for k in np.unravel_index(position[0], layer_input.values.shape)
        )
        yield PassThrough(
            name,
            position,
            layer_input.source,
            source_position,
            float(layer_input.values[source_position]),
        )
    else:
        value = float(layer_input.values[position])
        step = _next_step(layer_input, position, value)
        yield (
            PassThrough(name, position, layer_input.source, position, value)
            if step is None
            else step
        )


def _next_step(
    layer_input: _LayerInput, source_position: MapPosition, value: float
) -> ArithmeticStep | None:
    """What a layer makes of a number of its input; None if the layer mixes channels."""
    layer, name = layer_input.row.layer, layer_input.row.name
    if isinstance(layer, BatchNorm):
        gamma, beta, mean, variance = (
            float(array[source_position[-1]]) for array in layer_input.weights
        )
        epsilon = layer_input.network.epsilon(name)
        return NormalizationStep(name, source_position, value, gamma, beta, mean, variance, epsilon)
    if isinstance(layer, Activation):
        softmax_inputs = None
        if layer.activation == "softmax":
            softmax_inputs = layer_input.values[source_position[:-1]].astype(np.float64)
            softmax_inputs[source_position[-1]] = value
        return ActivationStep(name, source_position, layer.activation, value, softmax_inputs)
    if isinstance(layer, Pool):
        position = (
            source_position[0] // layer.size,
            source_position[1] // layer.size,
            source_position[2],
        )
        if position[0] >= layer_input.row.shape[0] or position[1] >= layer_input.row.shape[1]:
            return DroppedNumber(name, source_position, value)
        input_position = (source_position[0] % layer.size, source_position[1] % layer.size)
        return _pooled(layer_input, layer, position, input_position)
    if isinstance(layer, GlobalAverage):
        return AverageStep(
            name,
            source_position[-1:],
            layer_input.values[..., source_position[-1]].astype(np.float64),
        )
    return None


def _convolved(layer_input: _LayerInput, layer: Conv, position: MapPosition) -> ConvolutionStep:
    row, column, channel = position
    size = layer.kernel_size
    # As Keras pads: where the number of zeros is odd, one more comes below and to the right.
    padding = (size - 1) // 2 if layer.padding == "same" else 0
    corner = row - padding, column - padding
    kernel, *rest = layer_input.weights
    patch, inside_input = _patch(layer_input.values, corner, size)
    return ConvolutionStep(
        layer_input.row.name,
        position,
        layer_input.source,
        corner,
        patch,
        inside_input,
        kernel[..., channel].astype(np.float64),
        float(rest[0][channel]) if rest else None,
    )


def _patch(values: Values, corner: tuple[int, int], size: int) -> tuple[Floats, NDArray[np.bool_]]:
    """A square of the input, (size, size, channels), 0 beyond the edge; and where it is inside."""
    rows, columns = (np.arange(start, start + size) for start in corner)
    height, width = values.shape[:2]
    inside_input = np.logical_and.outer(
        (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    )
    near = values[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    return np.where(inside_input[..., None], near.astype(np.float64), 0.0), inside_input


def _weighted(layer_input: _LayerInput, position: MapPosition) -> WeightedSum:
    kernel, bias = layer_input.weights
    source, shape = _flattened_source(layer_input)
    return WeightedSum(
        layer_input.row.name,
        position,
        source,
        shape,
        layer_input.values.astype(np.float64),
        kernel[:, position[0]].astype(np.float64),
        float(bias[position[0]]),
    )


def _flattened_source(layer_input: _LayerInput) -> tuple[str, Shape]:
    """The layer that a dense layer's inputs come from, and the shape in which they have a position.

    Dropout changes nothing and flatten only the order, so the layer before them is named.
    """
    source, shape = layer_input.source, tuple(layer_input.values.shape)
    for index in range(layer_input.index - 1, -1, -1):
        earlier = _LayerInput(layer_input.network, layer_input.rows, index)
        layer = earlier.row.layer
        if isinstance(layer, Dropout | Flatten) and source == earlier.row.name:
            source = earlier.source
        if isinstance(layer, Flatten):
            return source, tuple(earlier.values.shape)
        if not isinstance(layer, Dropout | BatchNorm | Activation):
            break
    return source, shape


def _sums(layer_input: _LayerInput, step: ConvolutionStep | WeightedSum) -> Floats:
    """The sums, with bias, of all filters at the same position, or of all units."""
    kernel, *rest = layer_input.weights
    inputs = step.patch if isinstance(step, ConvolutionStep) else step.inputs
    sums = np.tensordot(inputs, kernel.astype(np.float64), axes=inputs.ndim)
    return np.asarray(sums + (rest[0] if rest else 0.0))


def _pooled(
    layer_input: _LayerInput,
    layer: Pool,
    position: MapPosition,
    input_position: tuple[int, int] | None,
) -> PoolingStep:
    row, column, channel = position
    rows, columns = (slice(k * layer.size, (k + 1) * layer.size) for k in (row, column))
    values = layer_input.values[rows, columns, channel].astype(np.float64)
    return PoolingStep(layer_input.row.name, position, layer.mode, values, input_position)
