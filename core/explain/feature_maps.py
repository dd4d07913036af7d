"""What a feature map responds to, and what it contributes to the answer.

Top activations: a map's role is seen best in the digits that it responds to most (M. D. Zeiler and
R. Fergus, "Visualizing and Understanding Convolutional Networks", 2014, whose figures show the top
nine). Only the largest are kept, of each digit at most one position.

Ablation: what the network answers when a map is taken out, in two modes. "zero" sets all its values
to 0, the plainest cut (R. Meyes and others, "Ablation Studies in Artificial Neural Networks",
2019); but 0 may be a value that later layers never met, above all before a batch normalization,
which turns it into something else. "mean" sets each position to its mean over some digits of the
sample, so that the map is specific to no digit and later layers get what they are used to.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.data.statistics import SplitName, split_of
from core.explain.activations import LayerModel, layer_activations, load_layer_model
from core.recipes.architecture import INPUT_SHAPE, Architecture, BatchNorm, Conv, Dense
from core.runs.run import Network
from core.utils.background import BackgroundTask, Report, shared_task
from core.utils.errors import RunError
from core.utils.validation import read_only, read_only_copy

AblationMode = Literal["zero", "mean"]
MEAN_DIGITS: Final = 200
"""Test digits of the sample that the mean is taken over, evenly spread."""
_ABLATED_AT_ONCE: Final = 64
_MOST_AT_ONCE_BYTES: Final = 64 * 1024**2
_ABLATIONS_KEPT: Final = 256
_MEANS_KEPT: Final = 32
Probabilities = NDArray[np.float32]
DATASET: Final = "mnist-sample"
_TOP_K: Final = 9
_FAST_MULTIPLY_ADDS: Final = 4_000_000
"""Multiply-adds per digit below which 5,000 digits take at most a second on two cores."""
_AT_ONCE: Final = 100
_SEARCHES_KEPT: Final = 32
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Ablation:
    """A network's answers with a layer whole, and with one of its maps taken out; read-only.

    Attributes:
        baseline: the ten probabilities with every map, float32 (10,).
        ablated: the ten probabilities without each map in turn, float32 (maps, 10).
    """

    baseline: Probabilities
    ablated: Probabilities

    @property
    def total_variation(self) -> NDArray[np.float32]:
        """The total variation distance of the answers without each map from the baseline.

        It is the probability that goes to other digits, 0 to 1, float32 (maps,).
        """
        return np.abs(self.ablated - self.baseline).sum(axis=1) / 2


def ablate_maps(
    network: Network,
    image: NDArray[np.uint8],
    layer: str,
    mode: AblationMode,
    number: int | None = None,
) -> Ablation:
    """Take out maps of a layer, one at a time, on a digit. Results are cached.

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        layer: the name of the layer.
        mode: what replaces the map: zeros or its mean.
        number: the only map that is taken out; None: each in turn.

    Returns:
        The network's answers with and without the maps.

    Raises:
        RunError: the network cannot be opened.
        IndexError: there is no such map.
        ValueError: there is no such layer, or none after it: the units of the last layer are the
            answer itself.
    """
    return _ablation(network, image.tobytes(), layer, mode, number)


@lru_cache(maxsize=_ABLATIONS_KEPT)
def _ablation(
    network: Network, pixels: bytes, layer: str, mode: AblationMode, number: int | None
) -> Ablation:
    layer_model = load_layer_model(network)
    _check_layer(layer_model, layer)
    image = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    values = layer_activations(network, image)[layer]
    replacement = np.zeros_like(values) if mode == "zero" else mean_activations(network, layer)
    maps = np.arange(values.shape[-1])
    if number is not None:
        maps = maps[[number]]
    at_once = max(1, min(_ABLATED_AT_ONCE, _MOST_AT_ONCE_BYTES // values.nbytes))
    logits = [layer_model.logits_after(tf.constant(values[None]), layer)]
    for start in range(0, len(maps), at_once):
        chunk = maps[start : start + at_once]
        batch = np.repeat(values[None], len(chunk), axis=0)
        batch[np.arange(len(chunk)), ..., chunk] = np.moveaxis(replacement[..., chunk], -1, 0)
        logits.append(layer_model.logits_after(tf.constant(batch), layer))
    answers = tf.nn.softmax(tf.concat(logits, axis=0)).numpy()
    return Ablation(read_only_copy(answers[0]), read_only_copy(answers[1:]))


@lru_cache(maxsize=_MEANS_KEPT)
def mean_activations(network: Network, layer: str) -> NDArray[np.float32]:
    """The mean of a layer's activations over `MEAN_DIGITS` digits; cached.

    Args:
        network: a run's network, finished or as it was after an epoch.
        layer: the name of the layer.

    Returns:
        The means in the layer's shape, float32, read-only.

    Raises:
        RunError: the network cannot be opened.
        ValueError: there is no such layer.
    """
    layer_model = load_layer_model(network)
    _check_layer(layer_model, layer)
    images = split_of("mnist-sample", "test").images
    images = images[:: len(images) // MEAN_DIGITS]
    layer_outputs = keras.Model(layer_model.model.inputs, layer_model.model.get_layer(layer).output)
    parts = [
        tf.reduce_sum(
            layer_outputs(
                tf.constant(layer_model.network_input(images[start : start + _ABLATED_AT_ONCE])),
                training=False,
            ),
            axis=0,
        )
        for start in range(0, len(images), _ABLATED_AT_ONCE)
    ]
    return read_only_copy((tf.add_n(parts) / len(images)).numpy())


def activation_of_zero(network: Network, layer: str, number: int) -> float | None:
    """The value that a 0 of a map becomes in the batch normalization right after its layer.

    Args:
        network: a run's network, finished or as it was after an epoch.
        layer: the name of the layer.
        number: of the map, counted from 0.

    Returns:
        The value; None if no batch normalization follows.

    Raises:
        RunError: the network cannot be opened.
        ValueError: there is no such layer.
    """
    layer_model = load_layer_model(network)
    _check_layer(layer_model, layer)
    rows = list(network.run.info.recipe.architecture.rows())
    following = layer_model.layer_names.index(layer) + 1
    if following == len(rows) or not isinstance(rows[following].layer, BatchNorm):
        return None
    norm = layer_model.model.layers[following]
    gamma, beta, mean, variance = (np.float64(array[number]) for array in norm.get_weights())
    return float(beta - gamma * mean / np.sqrt(variance + norm.epsilon))


def _check_layer(layer_model: LayerModel, layer: str) -> None:
    if layer not in layer_model.layer_names:
        raise ValueError(f"the network has no layer {layer!r}")


@dataclass(frozen=True)
class TopActivation:
    """A digit that activates a map strongly.

    Attributes:
        split: of the sample.
        index: of the digit in the split.
        value: the map's largest value.
        position: its (row, column) in the map; (0, 0) for a unit.
    """

    split: SplitName
    index: int
    value: float
    position: tuple[int, int]


@dataclass(frozen=True, eq=False)
class TopActivations:
    """The largest activations of each map of a layer, the largest first; arrays are read-only.

    Attributes:
        digits: the digits, int (maps, 9), counted through the test split, then the training split.
        values: the largest value of the map for each, float32 (maps, 9).
        rows: its row in the map, int (maps, 9).
        columns: its column in the map, int (maps, 9).
        total: the number of digits that were searched.
    """

    digits: Ints
    values: NDArray[np.float32]
    rows: Ints
    columns: Ints
    total: int

    def for_map(self, number: int) -> list[TopActivation]:
        """The digits that activate a map most, without those for which it is 0 all over.

        Raises:
            IndexError: there is no such map.
        """
        n_test = len(split_of(DATASET, "test"))
        activations = []
        for digit, value, row, column in zip(
            self.digits[number].tolist(),
            self.values[number].tolist(),
            self.rows[number].tolist(),
            self.columns[number].tolist(),
            strict=True,
        ):
            split: SplitName = "test" if digit < n_test else "train"
            index = digit - n_test * (split == "train")
            if value:
                activations.append(TopActivation(split, index, value, (row, column)))
        return activations


def multiply_adds(architecture: Architecture, layer: str) -> int:
    """The multiplications that one digit takes from the input to a layer.

    Args:
        architecture: the layers of the network.
        layer: the name of the layer.

    Raises:
        ValueError: there is no such layer.
    """
    shape: tuple[int, ...] = INPUT_SHAPE
    total = 0
    for row in architecture.rows():
        if isinstance(row.layer, Conv):
            positions = row.shape[0] * row.shape[1]
            total += positions * row.layer.kernel_size**2 * shape[-1] * row.layer.filters
        elif isinstance(row.layer, Dense):
            total += shape[-1] * row.layer.units
        shape = row.shape
        if row.name == layer:
            return total
    raise ValueError(f"the network has no layer {layer!r}")


def stored_top_activations(
    network: Network, layer: str
) -> TopActivations | BackgroundTask[TopActivations]:
    """The nine digits of the sample's 5,000 that activate each map of a layer most; cached.

    Args:
        network: a run's network, finished or as it was after an epoch.
        layer: the name of the layer.

    Returns:
        The digits; where the search takes more than a second, a task to be started until it is
        done.

    Raises:
        RunError: the network cannot be opened, or its numbers are not finite.
        ValueError: it has no such layer.
    """
    if multiply_adds(network.run.info.recipe.architecture, layer) <= _FAST_MULTIPLY_ADDS:
        return _cached_top_activations(network, layer)
    task = shared_task(
        (network, layer, "exciting"), lambda report: find_top_activations(network, layer, report)
    )
    return task.state.result or task


@lru_cache(maxsize=_SEARCHES_KEPT)
def _cached_top_activations(network: Network, layer: str) -> TopActivations:
    return find_top_activations(network, layer, lambda done, total: None)


@lru_cache(maxsize=1)
def _sample_images() -> NDArray[np.uint8]:
    return np.concatenate([split_of(DATASET, "test").images, split_of(DATASET, "train").images])


def find_top_activations(network: Network, layer: str, report: Report) -> TopActivations:
    """Search all digits of the sample for those that activate each map of a layer most.

    Args:
        network: a run's network, finished or as it was after an epoch.
        layer: the name of the layer.
        report: called with the number of digits read and of all; it stops the search when it
            raises.

    Raises:
        RunError: the network cannot be opened, or its numbers are not finite.
        ValueError: it has no such layer.
    """
    layer_model, images = load_layer_model(network), _sample_images()
    layer_outputs = keras.Model(layer_model.model.inputs, layer_model.model.get_layer(layer).output)
    largest = _LargestValues(layer_outputs.output.shape[-1])
    for start in range(0, len(images), _AT_ONCE):
        report(start, len(images))
        part = tf.constant(layer_model.network_input(images[start : start + _AT_ONCE]))
        largest.update(layer_outputs(part, training=False), start)
    rows, columns = np.divmod(largest.positions, largest.width)
    return TopActivations(
        _read_only_rows(largest.digits),
        _read_only_rows(largest.values),
        _read_only_rows(rows),
        _read_only_rows(columns),
        len(images),
    )


class _LargestValues:
    """The largest values so far, each array (9, maps), the largest first."""

    def __init__(self, maps: int) -> None:
        self.width = 1
        self.values = np.full((_TOP_K, maps), -np.inf, np.float32)
        self.digits = np.zeros((_TOP_K, maps), np.intp)
        self.positions = np.zeros((_TOP_K, maps), np.intp)

    def update(self, activations: tf.Tensor, start: int) -> None:
        """Take in the activations of the digits from number `start` on, (n, ..., maps)."""
        n, maps = activations.shape[0], activations.shape[-1]
        self.width = activations.shape[2] if len(activations.shape) == 4 else 1
        flat = tf.reshape(activations, (n, -1, maps))
        peaks = tf.reduce_max(flat, axis=1).numpy()
        if not np.isfinite(peaks).all():
            raise RunError(
                "This network gives numbers that are not finite: its training diverged. Choose "
                "another run or epoch."
            )
        order = np.argsort(-peaks, axis=0, kind="stable")[:_TOP_K]
        values = np.take_along_axis(peaks, order, axis=0)
        # The position is computed only for values that stay: to find it in every map of every digit
        # would take longer than the network itself.
        rank, number = np.nonzero(values > self.values[-1])
        positions = np.zeros_like(order)
        positions[rank, number] = flat.numpy()[order[rank, number], :, number].argmax(axis=1)
        candidates = np.concatenate([self.values, values])
        kept = np.argsort(-candidates, axis=0, kind="stable")[:_TOP_K]
        self.values = np.take_along_axis(candidates, kept, axis=0)
        self.digits = _select(kept, self.digits, order + start)
        self.positions = _select(kept, self.positions, positions)


def _select(kept: Ints, old: Ints, new: Ints) -> Ints:
    return np.take_along_axis(np.concatenate([old, new]), kept, axis=0)


def _read_only_rows(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only transposed copy, so that each map has a row."""
    return read_only(array.T.copy())
