"""The kernels of a layer, and how a network forms over its kept epochs.

A convolution has kernels; a dense layer's weights are shown as pictures of its input. The weights
after an epoch come from `epochs/` (float16), those of the finished network from the network that
the server has loaded. For the evolution over epochs, a separate network is built once and filled
with the weights of one epoch after the other, so that a visitor who goes through the epochs evicts
nobody else's network.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from core.data.normalization import scale
from core.explain.layer_geometry import as_feature_maps, strongest_maps
from core.inference.other_runs import stored_weights
from core.recipes.architecture import (
    INPUT_SHAPE,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalAverage,
    Pool,
    Row,
    Shape,
)
from core.recipes.recipe import Recipe
from core.runs.run import Network, Run
from core.utils.errors import RunError
from core.utils.validation import read_only

if TYPE_CHECKING:
    import keras


KernelArray = NDArray[np.float32]
KernelOrder = Literal["number", "norm"]
_NETWORKS_KEPT: Final = 4
"""Networks whose weights are cached; one of the largest allowed takes 20 MB."""
_NO_FIT: Final = (
    "The stored weights do not fit the run's network, so its kernels cannot be shown. "
    "Choose another epoch, or train the run again."
)
_MAX_KERNELS: Final = 32
_MAX_MAPS: Final = 32
_MAX_NUMBERS: Final = 128
"""The most that are kept of a layer, per epoch; of maps and numbers the strongest at the end."""
EVOLUTIONS_KEPT: Final = 8
"""Cached evolutions; one takes at most 20 MB."""


@dataclass(frozen=True)
class Kernels:
    """The kernels of a convolution, or the weights of a dense layer in the shape of its input.

    Attributes:
        layer: the name of the layer.
        weights: float32 (height, width, channels in, kernels), read-only.
        bias: (kernels,), or None if the layer has none.
        spatial: whether height and width are positions of a picture. Otherwise the weights stand
            row by row, and the rest of the last row is NaN.
        dense: whether the layer is dense.
    """

    layer: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    spatial: bool
    dense: bool

    @property
    def count(self) -> int:
        """The number of kernels."""
        return int(self.weights.shape[-1])

    @property
    def channels(self) -> int:
        """The number of channels that a kernel reads."""
        return int(self.weights.shape[2])

    def norms(self) -> NDArray[np.float64]:
        """The Euclidean norm of each kernel's weights, float64 (kernels,)."""
        squares = np.nansum(np.square(self.weights, dtype=np.float64), axis=(0, 1, 2))
        return np.asarray(np.sqrt(squares))

    def order(self, by: KernelOrder) -> list[int]:
        """The kernels' numbers, sorted by number or with the largest norm first."""
        if by == "number":
            return list(range(self.count))
        return [int(kernel) for kernel in np.argsort(-self.norms(), kind="stable")]

    def images(self, channel: int | None) -> NDArray[np.float32]:
        """The weights for one input channel.

        Args:
            channel: the input channel; None: the mean over all.

        Returns:
            float32 (height, width, kernels).
        """
        if channel is None:
            return np.asarray(self.weights.mean(axis=2), np.float32)
        return self.weights[:, :, channel]

    def color_limit(self, channel: int | None) -> float:
        """The absolute weight at which the color scale ends, shared by all kernels and channels.

        The means over the channels are smaller and have a limit of their own.
        """
        return color_limit(self.images(None) if channel is None else self.weights)


def color_limit(*arrays: KernelArray) -> float:
    """The absolute weight at which a color scale ends, shared by all arrays that are compared.

    It is the 99th percentile: a single large weight would leave the others pale.

    Args:
        arrays: of any shape; values that are not finite are ignored.

    Example:
        >>> color_limit(np.array([-2.0, 1.0, np.nan]), np.array([2.0]))
        2.0
    """
    sizes = np.concatenate([np.abs(array).ravel() for array in arrays])
    finite = sizes[np.isfinite(sizes)]
    return float(np.percentile(finite, 99)) if len(finite) else 0.0


def first_layer_kernels(weights: Sequence[NDArray[Any]], recipe: Recipe) -> KernelArray:
    """The kernels of the first layer that has any.

    A dense layer gives each unit's weights in the shape of the pixels that it reads.

    Args:
        weights: of the network, in the order of Keras's `get_weights()`.
        recipe: of the run.

    Returns:
        float32 (height, width, kernels).

    Raises:
        RunError: the weights are not of this network.
    """
    index = 0
    pixels: tuple[int, ...] = INPUT_SHAPE[:2]
    for row in recipe.architecture.rows():
        layer = row.layer
        if isinstance(layer, Conv):
            return _reshaped(
                _weight_array(weights, index), (layer.kernel_size, layer.kernel_size, layer.filters)
            )
        if isinstance(layer, Dense):
            return _reshaped(_weight_array(weights, index), (*pixels, layer.units))
        if isinstance(layer, BatchNorm):
            index += 4
        elif isinstance(layer, GlobalAverage):
            pixels = (1, 1)
        elif isinstance(layer, Pool):
            pixels = row.shape[:2]
    raise RunError(_NO_FIT)


def has_kernels(row: Row) -> bool:
    """Whether a layer has weights that can be shown as pictures."""
    return isinstance(row.layer, Conv | Dense)


def layer_kernels(network: Network, layer: str) -> Kernels:
    """The kernels of a layer. Imports TensorFlow for a finished network.

    Args:
        network: a run's network, finished or as it was after an epoch.
        layer: the name of the layer.

    Raises:
        RunError: the network cannot be read, or has no such layer with weights.
    """
    kernels = _network_kernels(network).get(layer)
    if kernels is None:
        raise RunError(
            f"The network of the run {network.run.id!r} has no layer with kernels of that name. "
            "Choose one of its layers."
        )
    return kernels


def split_weights(
    recipe: Recipe, weights: Sequence[NDArray[Any]]
) -> Iterator[tuple[Row, Shape, list[NDArray[Any]]]]:
    """The layers that have kernels, with their arrays out of Keras's `get_weights()`.

    Args:
        recipe: of the run.
        weights: all arrays of the network.

    Yields:
        The layer, the shape of its input for one digit (of a flattened picture, that of the
        picture), and its arrays.

    Raises:
        RunError: the weights are not of this network.
    """
    rest = list(weights)
    shape: Shape = INPUT_SHAPE
    flattened_shape: Shape | None = None
    for row in recipe.architecture.rows():
        count = _array_count(row)
        arrays, rest = rest[:count], rest[count:]
        if len(arrays) < count:
            raise RunError(_NO_FIT)
        if has_kernels(row):
            yield row, flattened_shape or shape, arrays
        if isinstance(row.layer, Flatten):
            flattened_shape = shape
        elif isinstance(row.layer, Dense | GlobalAverage):
            flattened_shape = None
        shape = row.shape


def _array_count(row: Row) -> int:
    """The number of arrays that a layer has in `get_weights()`."""
    if isinstance(row.layer, Conv):
        return 1 + row.layer.use_bias
    if isinstance(row.layer, Dense):
        return 2
    return 4 if isinstance(row.layer, BatchNorm) else 0


@lru_cache(maxsize=_NETWORKS_KEPT)
def _network_kernels(network: Network) -> Mapping[str, Kernels]:
    if network.epoch is None:
        from core.inference.predictor import load_predictor

        weights: Sequence[NDArray[Any]] = load_predictor(network).model.get_weights()
    else:
        weights = network.run.epoch_weights(network.epoch)
    layers = split_weights(network.run.info.recipe, weights)
    return MappingProxyType(
        {row.name: kernels_from_weights(row, shape, arrays) for row, shape, arrays in layers}
    )


def kernels_from_weights(row: Row, shape: Shape, arrays: Sequence[NDArray[Any]]) -> Kernels:
    """The kernels of a layer from its shape and arrays (`split_weights`)."""
    kernel, *bias = (np.asarray(array, np.float32) for array in arrays)
    if isinstance(row.layer, Conv):
        size = row.layer.kernel_size
        kernel = _reshaped(kernel, (size, size, shape[-1], row.layer.filters))
    else:
        kernel = _unit_kernels(kernel, shape)
    spatial = isinstance(row.layer, Conv) or len(shape) == len(INPUT_SHAPE)
    return Kernels(
        row.name,
        read_only(kernel),
        bias[0] if bias else None,
        spatial,
        isinstance(row.layer, Dense),
    )


def _unit_kernels(weights: NDArray[np.float32], shape: Shape) -> NDArray[np.float32]:
    """A dense layer's weights (inputs, units) in the shape of its input."""
    units = weights.shape[-1]
    if len(shape) == len(INPUT_SHAPE):
        return _reshaped(weights, (*shape, units))
    across = int(np.ceil(np.sqrt(len(weights))))
    down = -(-len(weights) // across)
    filled = np.full((down * across, units), np.nan, np.float32)
    filled[: len(weights)] = weights
    return filled.reshape(down, across, 1, units)


def _weight_array(weights: Sequence[NDArray[Any]], index: int) -> KernelArray:
    if index >= len(weights):
        raise RunError(_NO_FIT)
    return np.asarray(weights[index], np.float32)


def _reshaped(weights: KernelArray, shape: tuple[int, ...]) -> KernelArray:
    """Weights in another shape, whose last axis they must have already."""
    if weights.size != np.prod(shape) or weights.shape[-1] != shape[-1]:
        raise RunError(_NO_FIT)
    return weights.reshape(shape)


@dataclass(frozen=True)
class KernelEvolution:
    """A network after each of its kept epochs; arrays are float32 and read-only.

    Attributes:
        epochs: rising, then None for the finished network, if there is one.
        kernel_layer: the layer of `kernels`.
        kernels: (epochs, h, w, n); the mean over several input channels.
        kernel_numbers: the numbers of these n kernels.
        maps: (epochs, h, w, n), the activations of the requested layer.
        channels: the channels of these n maps.
        probabilities: (epochs, 10), NaN where the network gave no finite numbers.
    """

    epochs: tuple[int | None, ...]
    kernel_layer: str
    kernels: NDArray[np.float32]
    kernel_numbers: tuple[int, ...]
    maps: NDArray[np.float32]
    channels: tuple[int, ...]
    probabilities: NDArray[np.float32]

    def index_of(self, epoch: int | None) -> int:
        """The index of an epoch, None for the finished network. Raises RunError without it."""
        if epoch not in self.epochs:
            raise RunError(
                f"The weights of {epoch_name(epoch)} cannot be read. Go to another epoch."
            )
        return self.epochs.index(epoch)

    @property
    def kernel_color_limit(self) -> float:
        """The absolute weight at which the color scale of the kernels ends."""
        return color_limit(self.kernels)

    @property
    def map_color_limit(self) -> float:
        """The absolute value at which the color scale of the maps ends."""
        return color_limit(self.maps) or float(np.nan_to_num(np.abs(self.maps)).max())


def kernel_evolution(run: Run, image: NDArray[np.uint8], layer: str) -> KernelEvolution:
    """A run's network over its kept epochs, and the activations of one of its layers for a digit.

    Imports TensorFlow when it is called. Computed once for all visitors. Epochs whose weights
    cannot be read are left out.

    Args:
        run: whose epochs are read.
        image: the digit, uint8 (28, 28).
        layer: the name of the layer.

    Raises:
        RunError: no epoch is left, the weights are not of this network, or it has no such layer.
    """
    with _evolution_lock:
        return _evolution(Network(run), tuple(run.epochs()), image.tobytes(), layer)


def epoch_name(epoch: int | None) -> str:
    """The name of an epoch for sentences.

    Example:
        >>> epoch_name(3), epoch_name(None)
        ('epoch 3', 'finished')
    """
    return "finished" if epoch is None else f"epoch {epoch}"


_evolution_lock = Lock()


@lru_cache(maxsize=EVOLUTIONS_KEPT)
def _evolution(
    network: Network, _epochs: tuple[int, ...], pixels: bytes, layer: str
) -> KernelEvolution:
    """Cached by the kept epochs too, because a training that goes on adds epochs."""
    import keras
    import tensorflow as tf

    run = network.run
    recipe = run.info.recipe
    from core.recipes.keras_model import build_model

    model = build_model(recipe.architecture)
    if layer not in [model_layer.name for model_layer in model.layers]:
        raise RunError(f"The network of the run {run.id!r} has no layer {layer!r}. Choose another.")
    last = model.layers[-1]
    inner_model = keras.Model(model.inputs, [model.get_layer(layer).output, last.input])
    image = np.frombuffer(pixels, np.uint8).reshape(1, 28, 28)
    batch = tf.constant(np.asarray(scale(image, recipe.scaling), np.float32))
    epochs, kernels, values, answers = [], [], [], []
    for epoch, weights in _epoch_weights(run, model):
        row, shape, arrays = next(split_weights(recipe, weights))
        kernels.append(kernels_from_weights(row, shape, arrays))
        outputs, last_input = inner_model(batch, training=False)
        answers.append(tf.nn.softmax(last_input @ last.kernel + last.bias)[0].numpy())
        values.append(as_feature_maps(outputs[0].numpy()))
        epochs.append(epoch)
    return _stacked(epochs, kernels, values, answers)


def _stacked(
    epochs: list[int | None],
    kernels: list[Kernels],
    values: list[NDArray[np.float32]],
    answers: list[NDArray[np.float32]],
) -> KernelEvolution:
    numbers = list(range(min(kernels[-1].count, _MAX_KERNELS)))
    single = values[-1].shape[:2] == (1, 1)
    channels = sorted(strongest_maps(values[-1], _MAX_NUMBERS if single else _MAX_MAPS))
    probabilities = np.stack(answers)
    probabilities[~np.isfinite(probabilities).all(axis=1)] = np.nan
    return KernelEvolution(
        tuple(epochs),
        kernels[-1].layer,
        _read_only_float32(
            np.stack([epoch_kernels.images(None)[..., numbers] for epoch_kernels in kernels])
        ),
        tuple(numbers),
        _read_only_float32(np.stack([maps[..., channels] for maps in values])),
        tuple(channels),
        _read_only_float32(probabilities),
    )


def _epoch_weights(
    run: Run, model: "keras.Model"
) -> Iterator[tuple[int | None, Sequence[NDArray[np.float32]]]]:
    """The weights after each kept epoch and at the end; the network is filled with them too."""
    for epoch, stored in stored_weights(run):
        weights = [array.astype(np.float32) for array in stored]
        try:
            model.set_weights(weights)
        except ValueError as error:
            raise RunError(
                f"The weights of epoch {epoch} of the run {run.id!r} are not those of its recipe's "
                "network. Train the run again."
            ) from error
        yield epoch, weights


def _read_only_float32(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return read_only(np.ascontiguousarray(values, np.float32))
