"""The arithmetic of one number inside a network: each step with its real numbers, in float64.

A convolution multiplies a patch of its input with a kernel and adds up; batch normalisation, an
activation and pooling follow where the network has them next. Every step tells what it takes and
what comes out, so that a reader can do it with a pencil; the results are the network's own but for
what float32 rounds away.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.architectures import (
    Activation,
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
from core.arithmetic_steps import (
    Activated,
    Averaged,
    Convolved,
    Floats,
    LeftOut,
    Normalised,
    Passed,
    Place,
    Pooled,
    Step,
    Weighted,
)
from core.runs import Network

Values = NDArray[np.float32]
INPUT: Final = "input"
"""The name of a network's scaled input among what its layers give."""


@dataclass(frozen=True, eq=False)
class Inside:
    """A network at work on one digit.

    Attributes:
        architecture: its layers.
        values: what each layer gives by its name, and under `INPUT` what goes into the first.
        weights: a layer's arrays, as Keras's `get_weights` orders them.
        epsilon: what a batch normalisation adds to its variance.
    """

    architecture: Architecture
    values: Mapping[str, Values]
    weights: Callable[[str], Sequence[Values]]
    epsilon: Callable[[str], float]


def inside(network: Network, image: NDArray[np.uint8]) -> Inside:
    """A network at work on a digit. Imports TensorFlow when it is called.

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).

    Returns:
        What its layers give and hold.

    Raises:
        RunError: the network cannot be opened.
    """
    from core.probe import layers_of, probe

    opened = probe(network)
    values = {INPUT: opened.inputs(image[None])[0], **layers_of(network, image)}
    return Inside(
        network.run.info.recipe.architecture,
        values,
        lambda name: opened.model.get_layer(name).get_weights(),
        lambda name: float(opened.model.get_layer(name).epsilon),
    )


def arithmetic(network: Inside, layer: str, place: Place) -> list[Step]:
    """How a number of a layer's output comes about, and what the layers right after make of it.

    Batch normalisation, activation and dropout work number by number, so it begins with the layer
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
                steps.append(Passed(layer, place, taken.source, place, before.result))
            continue
        step = _next(taken, before.place, before.result)
        if step is None:
            break
        steps.append(step)
        if isinstance(step, LeftOut):
            break
    return steps


@dataclass(frozen=True, eq=False)
class _Taken:
    """A layer, with what goes into it."""

    network: Inside
    rows: list[Row]
    at: int

    @property
    def row(self) -> Row:
        return self.rows[self.at]

    @property
    def source(self) -> str:
        """The name of the layer before, or `INPUT`."""
        return self.rows[self.at - 1].name if self.at else INPUT

    @property
    def values(self) -> Values:
        """What goes into the layer."""
        return self.network.values[self.source]

    @property
    def weights(self) -> Sequence[Values]:
        return self.network.weights(self.row.name)


def _first(taken: _Taken, place: Place) -> Iterator[Step]:
    """The steps of the layer itself, from its input."""
    layer, name = taken.row.layer, taken.row.name
    if isinstance(layer, Conv | Dense):
        found = (
            _convolved(taken, layer, place) if isinstance(layer, Conv) else _weighted(taken, place)
        )
        yield found
        if layer.activation != "linear":
            beside = _sums(taken, found) if layer.activation == "softmax" else None
            yield Activated(name, place, layer.activation, found.result, beside)
    elif isinstance(layer, Pool):
        yield _pooled(taken, layer, place, None)
    elif isinstance(layer, GlobalAverage):
        yield Averaged(name, place, taken.values[..., place[-1]].astype(np.float64))
    elif isinstance(layer, Flatten):
        origin = tuple(int(k) for k in np.unravel_index(place[0], taken.values.shape))
        yield Passed(name, place, taken.source, origin, float(taken.values[origin]))
    else:
        value = float(taken.values[place])
        made = _next(taken, place, value)
        yield Passed(name, place, taken.source, place, value) if made is None else made


def _next(taken: _Taken, before: Place, value: float) -> Step | None:
    """What a layer makes of a number at a place of its input; None if it mixes channels."""
    layer, name = taken.row.layer, taken.row.name
    if isinstance(layer, BatchNorm):
        gamma, beta, mean, variance = (float(one[before[-1]]) for one in taken.weights)
        epsilon = taken.network.epsilon(name)
        return Normalised(name, before, value, gamma, beta, mean, variance, epsilon)
    if isinstance(layer, Activation):
        beside = None
        if layer.activation == "softmax":
            beside = taken.values[before[:-1]].astype(np.float64)
            beside[before[-1]] = value
        return Activated(name, before, layer.activation, value, beside)
    if isinstance(layer, Pool):
        place = (before[0] // layer.size, before[1] // layer.size, before[2])
        if place[0] >= taken.row.shape[0] or place[1] >= taken.row.shape[1]:
            return LeftOut(name, before, value)
        own = (before[0] % layer.size, before[1] % layer.size)
        return _pooled(taken, layer, place, own)
    if isinstance(layer, GlobalAverage):
        return Averaged(name, before[-1:], taken.values[..., before[-1]].astype(np.float64))
    return None


def _convolved(taken: _Taken, layer: Conv, place: Place) -> Convolved:
    row, column, channel = place
    size = layer.kernel_size
    # As Keras pads: where the number of zeros is odd, one more comes below and to the right.
    before = (size - 1) // 2 if layer.padding == "same" else 0
    corner = row - before, column - before
    kernel, *rest = taken.weights
    patch, real = _patch(taken.values, corner, size)
    return Convolved(
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


def _weighted(taken: _Taken, place: Place) -> Weighted:
    kernel, bias = taken.weights
    source, shape = _laid_out(taken)
    return Weighted(
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


def _sums(taken: _Taken, step: Convolved | Weighted) -> Floats:
    """The sums, bias included, of all filters at the same place, or of all units."""
    kernel, *rest = taken.weights
    inputs = step.patch if isinstance(step, Convolved) else step.inputs
    sums = np.tensordot(inputs, kernel.astype(np.float64), axes=inputs.ndim)
    return np.asarray(sums + (rest[0] if rest else 0.0))


def _pooled(taken: _Taken, layer: Pool, place: Place, own: tuple[int, int] | None) -> Pooled:
    row, column, channel = place
    rows, columns = (slice(k * layer.size, (k + 1) * layer.size) for k in (row, column))
    values = taken.values[rows, columns, channel].astype(np.float64)
    return Pooled(taken.row.name, place, layer.mode, values, own)
