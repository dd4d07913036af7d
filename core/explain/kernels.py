"""How a network forms: its first kernels, and what it makes of a digit, after each kept epoch.

A network is built once and filled with the weights of one epoch after the other, besides those that
visitors use: a visitor who goes through the epochs pushes out nobody's.

All kernels of a layer: a convolution's, and a dense layer's weights as pictures of its input.

Weights come from `epochs/` (float16) for a network after an epoch, and from the network that the
server has loaded for the finished one.
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
_NETWORKS: Final = 4
"""So many networks' weights are kept here; one of the largest allowed takes 20 MB."""
_NO_FIT: Final = (
    "The stored weights do not fit the run's network, so its kernels cannot be shown. "
    "Choose another epoch, or train the run again."
)


@dataclass(frozen=True)
class Kernels:
    """The kernels of a layer, or the weights of a dense layer's units in the shape of its input.

    `weights`: float32 (height, width, channels in, kernels), read-only. `bias`: (kernels,), or None
    if the layer has none. `spatial`: whether height and width are places of a picture; the weights
    of numbers that are none stand row by row, and what is left of the last row is NaN.
    """

    layer: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    spatial: bool
    dense: bool

    @property
    def count(self) -> int:
        """How many kernels there are."""
        return int(self.weights.shape[-1])

    @property
    def channels(self) -> int:
        """How many channels a kernel reads."""
        return int(self.weights.shape[2])

    def norms(self) -> NDArray[np.float64]:
        """The length of each kernel: the root of the sum of its squared weights, (kernels,)."""
        squares = np.nansum(np.square(self.weights, dtype=np.float64), axis=(0, 1, 2))
        return np.asarray(np.sqrt(squares))

    def order(self, by: KernelOrder) -> list[int]:
        """The kernels' numbers in the order of their numbers, or the largest norm first."""
        if by == "number":
            return list(range(self.count))
        return [int(kernel) for kernel in np.argsort(-self.norms(), kind="stable")]

    def pictures(self, channel: int | None) -> NDArray[np.float32]:
        """What the kernels hold for one input channel, (height, width, kernels); None: the mean."""
        if channel is None:
            return np.asarray(self.weights.mean(axis=2), np.float32)
        return self.weights[:, :, channel]

    def end(self, channel: int | None) -> float:
        """The absolute weight at which the colors end: one for all kernels and channels.

        The means over the channels are smaller, and have one of their own.
        """
        return color_limit(self.pictures(None) if channel is None else self.weights)


def color_limit(*pictures: KernelArray) -> float:
    """The absolute weight at which the colors end, one for all that is compared.

    One weight in a hundred is larger and gets the last color: a single large one would leave the
    others pale.
    """
    sizes = np.concatenate([np.abs(kernels).ravel() for kernels in pictures])
    known = sizes[np.isfinite(sizes)]
    return float(np.percentile(known, 99)) if len(known) else 0.0


def first_layer_kernels(weights: Sequence[NDArray[Any]], recipe: Recipe) -> KernelArray:
    """The kernels of the first layer that has any, float32 (height, width, n).

    `weights` are in the order of Keras's `get_weights()`. A convolution gives its kernels; a dense
    layer gives each unit's weights in the shape of the pixels that it reads. Raises RunError if the
    weights are not of this network.
    """
    passed = 0
    pixels: tuple[int, ...] = INPUT_SHAPE[:2]
    for row in recipe.architecture.rows():
        layer = row.layer
        if isinstance(layer, Conv):
            return _shaped(
                _at(weights, passed), (layer.kernel_size, layer.kernel_size, layer.filters)
            )
        if isinstance(layer, Dense):
            return _shaped(_at(weights, passed), (*pixels, layer.units))
        if isinstance(layer, BatchNorm):
            passed += 4
        elif isinstance(layer, GlobalAverage):
            pixels = (1, 1)
        elif isinstance(layer, Pool):
            pixels = row.shape[:2]
    raise RunError(_NO_FIT)


def has_kernels(row: Row) -> bool:
    """Whether a layer has weights to be seen as pictures."""
    return isinstance(row.layer, Conv | Dense)


def layer_kernels(network: Network, layer: str) -> Kernels:
    """The kernels of a layer. Imports TensorFlow for a finished network, when it is called.

    Args:
        network: a run's, finished or as it was after an epoch.
        layer: whose kernels are meant.

    Returns:
        All its kernels.

    Raises:
        RunError: the network cannot be read, or has no such layer with weights.
    """
    found = _of_network(network).get(layer)
    if found is None:
        raise RunError(
            f"The network of the run {network.run.id!r} has no layer with kernels of that name. "
            "Choose one of its layers."
        )
    return found


def split_weights(
    recipe: Recipe, weights: Sequence[NDArray[Any]]
) -> Iterator[tuple[Row, Shape, list[NDArray[Any]]]]:
    """The layers that have kernels, with what each holds out of Keras's `get_weights()`.

    The shape is that of its input for one digit; of a flattened picture, that of the picture.
    Raises RunError if the weights are not of this network.
    """
    rest = list(weights)
    shape: Shape = INPUT_SHAPE
    flat_of: Shape | None = None
    for row in recipe.architecture.rows():
        held = _held(row)
        own, rest = rest[:held], rest[held:]
        if len(own) < held:
            raise RunError(_NO_FIT)
        if has_kernels(row):
            yield row, flat_of or shape, own
        if isinstance(row.layer, Flatten):
            flat_of = shape
        elif isinstance(row.layer, Dense | GlobalAverage):
            flat_of = None
        shape = row.shape


def _held(row: Row) -> int:
    """How many arrays a layer has in `get_weights()`."""
    if isinstance(row.layer, Conv):
        return 1 + row.layer.use_bias
    if isinstance(row.layer, Dense):
        return 2
    return 4 if isinstance(row.layer, BatchNorm) else 0


@lru_cache(maxsize=_NETWORKS)
def _of_network(network: Network) -> Mapping[str, Kernels]:
    if network.epoch is None:
        from core.inference.predictor import load_predictor

        weights: Sequence[NDArray[Any]] = load_predictor(network).model.get_weights()
    else:
        weights = network.run.epoch_weights(network.epoch)
    found = split_weights(network.run.info.recipe, weights)
    return MappingProxyType(
        {row.name: kernels_from_weights(row, shape, own) for row, shape, own in found}
    )


def kernels_from_weights(row: Row, shape: Shape, own: Sequence[NDArray[Any]]) -> Kernels:
    """The kernels of a layer out of what `split_weights` gives for it."""
    kernel, *bias = (np.asarray(one, np.float32) for one in own)
    if isinstance(row.layer, Conv):
        size = row.layer.kernel_size
        kernel = _shaped(kernel, (size, size, shape[-1], row.layer.filters))
    else:
        kernel = _of_units(kernel, shape)
    spatial = isinstance(row.layer, Conv) or len(shape) == len(INPUT_SHAPE)
    return Kernels(
        row.name,
        read_only(kernel),
        bias[0] if bias else None,
        spatial,
        isinstance(row.layer, Dense),
    )


def _of_units(weights: NDArray[np.float32], shape: Shape) -> NDArray[np.float32]:
    """A dense layer's weights (inputs, units) in the shape of its input."""
    units = weights.shape[-1]
    if len(shape) == len(INPUT_SHAPE):
        return _shaped(weights, (*shape, units))
    across = int(np.ceil(np.sqrt(len(weights))))
    down = -(-len(weights) // across)
    filled = np.full((down * across, units), np.nan, np.float32)
    filled[: len(weights)] = weights
    return filled.reshape(down, across, 1, units)


def _at(weights: Sequence[NDArray[Any]], index: int) -> KernelArray:
    if index >= len(weights):
        raise RunError(_NO_FIT)
    return np.asarray(weights[index], np.float32)


def _shaped(weights: KernelArray, shape: tuple[int, ...]) -> KernelArray:
    """Weights in another shape, whose last axis they must have already."""
    if weights.size != np.prod(shape) or weights.shape[-1] != shape[-1]:
        raise RunError(_NO_FIT)
    return weights.reshape(shape)


MAX_KERNELS: Final = 32
MAX_MAPS: Final = 32
MAX_NUMBERS: Final = 128
"""So many are kept of a layer, for each epoch; of maps and numbers the strongest at the end."""
_KEPT: Final = 8
"""Digits and layers whose forming is kept; one takes at most 20 MB."""


@dataclass(frozen=True)
class KernelEvolution:
    """What a network was after each of its kept epochs; float32, read-only.

    `epochs`: rising, then None for the finished network, if there is one. `kernels`: (epochs, h, w,
    n) of the layer `kernels_of`, those with the numbers `kernel_numbers`; of several input channels
    their mean. `maps`: (epochs, h, w, n) of the layer that was asked for, the channels `channels`.
    `probabilities`: (epochs, 10), NaN where the network gave no numbers.
    """

    epochs: tuple[int | None, ...]
    kernels_of: str
    kernels: NDArray[np.float32]
    kernel_numbers: tuple[int, ...]
    maps: NDArray[np.float32]
    channels: tuple[int, ...]
    probabilities: NDArray[np.float32]

    def place(self, epoch: int | None) -> int:
        """Where an epoch stands, None for the finished network. Raises RunError without it."""
        if epoch not in self.epochs:
            raise RunError(
                f"The weights of {epoch_name(epoch)} cannot be read. Go to another epoch."
            )
        return self.epochs.index(epoch)

    @property
    def kernel_end(self) -> float:
        """The absolute weight at which the colors of the kernels end."""
        return color_limit(self.kernels)

    @property
    def map_end(self) -> float:
        """The absolute value at which the colors of the maps end."""
        return color_limit(self.maps) or float(np.nan_to_num(np.abs(self.maps)).max())


def kernel_evolution(run: Run, image: NDArray[np.uint8], layer: str) -> KernelEvolution:
    """A run's network over its kept epochs, and what one of its layers gave for a digit, (28, 28).

    Imports TensorFlow when it is called. Worked out once for all visitors. Epochs whose weights
    cannot be read are left out. Raises RunError if none is left, the weights are not of this
    network, or it has no such layer.
    """
    with _working:
        return _formed(Network(run), tuple(run.epochs()), image.tobytes(), layer)


def epoch_name(epoch: int | None) -> str:
    """An epoch in words."""
    return "finished" if epoch is None else f"epoch {epoch}"


_working = Lock()


@lru_cache(maxsize=_KEPT)
def _formed(
    network: Network, _epochs: tuple[int, ...], pixels: bytes, layer: str
) -> KernelEvolution:
    """Another one where epochs have come since: a training that goes on keeps more of them."""
    import keras
    import tensorflow as tf

    run = network.run
    recipe = run.info.recipe
    from core.recipes.keras_model import build_model

    model = build_model(recipe.architecture)
    if layer not in [one.name for one in model.layers]:
        raise RunError(f"The network of the run {run.id!r} has no layer {layer!r}. Choose another.")
    last = model.layers[-1]
    inside = keras.Model(model.inputs, [model.get_layer(layer).output, last.input])
    image = np.frombuffer(pixels, np.uint8).reshape(1, 28, 28)
    batch = tf.constant(np.asarray(scale(image, recipe.scaling), np.float32))
    epochs, kernels, values, answers = [], [], [], []
    for epoch, weights in _weights(run, model):
        row, shape, own = next(split_weights(recipe, weights))
        kernels.append(kernels_from_weights(row, shape, own))
        given, before = inside(batch, training=False)
        answers.append(tf.nn.softmax(before @ last.kernel + last.bias)[0].numpy())
        values.append(as_feature_maps(given[0].numpy()))
        epochs.append(epoch)
    if not epochs:
        raise RunError(f"The run {run.id!r} keeps no weights that can be read. Choose another run.")
    return _put_together(epochs, kernels, values, answers)


def _put_together(
    epochs: list[int | None],
    kernels: list[Kernels],
    values: list[NDArray[np.float32]],
    answers: list[NDArray[np.float32]],
) -> KernelEvolution:
    numbers = list(range(min(kernels[-1].count, MAX_KERNELS)))
    single = values[-1].shape[:2] == (1, 1)
    channels = sorted(strongest_maps(values[-1], MAX_NUMBERS if single else MAX_MAPS))
    probabilities = np.stack(answers)
    probabilities[~np.isfinite(probabilities).all(axis=1)] = np.nan
    return KernelEvolution(
        tuple(epochs),
        kernels[-1].layer,
        _fixed(np.stack([one.pictures(None)[..., numbers] for one in kernels])),
        tuple(numbers),
        _fixed(np.stack([one[..., channels] for one in values])),
        tuple(channels),
        _fixed(probabilities),
    )


def _weights(
    run: Run, model: "keras.Model"
) -> Iterator[tuple[int | None, Sequence[NDArray[np.float32]]]]:
    """The weights after each kept epoch, and at the end, filled into the network too."""
    for epoch in run.epochs():
        try:
            weights = [half.astype(np.float32) for half in run.epoch_weights(epoch)]
        except RunError:
            continue
        try:
            model.set_weights(weights)
        except ValueError as error:
            raise RunError(
                f"The weights of epoch {epoch} of the run {run.id!r} are not those of its recipe's "
                "network. Train the run again."
            ) from error
        yield epoch, weights
    if run.info.model_sha256:
        from core.inference.predictor import load_predictor

        weights = load_predictor(Network(run)).model.get_weights()
        model.set_weights(weights)
        yield None, weights


def _fixed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    own = np.ascontiguousarray(values, np.float32)
    return read_only(own)
