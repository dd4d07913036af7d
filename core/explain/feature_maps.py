"""Which digits excite a feature map most, and where: the largest activations among many digits.

What a map responds to is seen best in what it responds to most (M. D. Zeiler and R. Fergus,
"Visualizing and Understanding Convolutional Networks", 2014, whose figures show the top nine). Only
the largest are kept, of each digit at most one place.

A feature map's share of the decision: what the network answers when the map is taken out.

Two ways. "zero": all its values become 0, the plainest cut (R. Meyes and others, "Ablation Studies
in Artificial Neural Networks", 2019); but 0 may be a value that the rest never met, above all in
front of a batch normalization, which turns it into something else. "mean": at each position the
mean over some digits of the sample, so that the map tells of no digit in particular and the rest
gets what it is used to.
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
from core.utils.validation import read_only

AblationMode = Literal["zero", "mean"]
MEAN_DIGITS: Final = 200
"""So many test digits of the sample the mean is taken over, evenly spread."""
_ABLATED_AT_ONCE: Final = 64
_MOST_AT_ONCE_BYTES: Final = 64 * 1024**2
_ABLATIONS_KEPT: Final = 256
_KEPT_MEANS: Final = 32
Probabilities = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Ablation:
    """What a network answers with a layer whole, and with one of its maps taken out; read-only.

    Attributes:
        whole: the ten probabilities with every map, float32 (10,).
        without: the ten without each map in turn, float32 (maps, 10).
    """

    whole: Probabilities
    without: Probabilities

    @property
    def moved(self) -> NDArray[np.float32]:
        """How much probability goes to other digits without each map, 0 to 1, float32 (maps,).

        The total variation distance between both answers.
        """
        return np.abs(self.without - self.whole).sum(axis=1) / 2


def ablate_maps(
    network: Network,
    image: NDArray[np.uint8],
    layer: str,
    way: AblationMode,
    number: int | None = None,
) -> Ablation:
    """Take out maps of a layer, one at a time, on a digit. What was found is kept.

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        layer: whose maps are taken out.
        way: what is put in their place: 0, or their mean.
        number: the only map that is taken out; None: each in turn.

    Returns:
        What the network answers with and without them.

    Raises:
        RunError: the network cannot be opened.
        IndexError: there is no such map.
        ValueError: there is no such layer, or none after it: the last layer's units are the answer
            itself.
    """
    return _ablation(network, image.tobytes(), layer, way, number)


@lru_cache(maxsize=_ABLATIONS_KEPT)
def _ablation(
    network: Network, pixels: bytes, layer: str, way: AblationMode, number: int | None
) -> Ablation:
    opened = load_layer_model(network)
    _check(opened, layer)
    image = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    values = layer_activations(network, image)[layer]
    instead = np.zeros_like(values) if way == "zero" else mean_activations(network, layer)
    maps = np.arange(values.shape[-1])
    if number is not None:
        maps = maps[[number]]
    at_once = max(1, min(_ABLATED_AT_ONCE, _MOST_AT_ONCE_BYTES // values.nbytes))
    logits = [opened.logits_after(tf.constant(values[None]), layer)]
    for start in range(0, len(maps), at_once):
        numbers = maps[start : start + at_once]
        batch = np.repeat(values[None], len(numbers), axis=0)
        batch[np.arange(len(numbers)), ..., numbers] = np.moveaxis(instead[..., numbers], -1, 0)
        logits.append(opened.logits_after(tf.constant(batch), layer))
    answers = tf.nn.softmax(tf.concat(logits, axis=0)).numpy()
    return Ablation(_read_only_copy(answers[0]), _read_only_copy(answers[1:]))


@lru_cache(maxsize=_KEPT_MEANS)
def mean_activations(network: Network, layer: str) -> NDArray[np.float32]:
    """The mean of a layer's values over `MEAN_OF` digits; kept.

    Args:
        network: a run's, finished or as it was after an epoch.
        layer: whose values are meant.

    Returns:
        The means in the layer's shape, float32, read-only.

    Raises:
        RunError: the network cannot be opened.
        ValueError: there is no such layer.
    """
    opened = load_layer_model(network)
    _check(opened, layer)
    images = split_of("mnist-sample", "test").images
    images = images[:: len(images) // MEAN_DIGITS]
    until = keras.Model(opened.model.inputs, opened.model.get_layer(layer).output)
    parts = [
        tf.reduce_sum(
            until(
                tf.constant(opened.network_input(images[k : k + _ABLATED_AT_ONCE])), training=False
            ),
            axis=0,
        )
        for k in range(0, len(images), _ABLATED_AT_ONCE)
    ]
    return _read_only_copy((tf.add_n(parts) / len(images)).numpy())


def activation_of_zero(network: Network, layer: str, number: int) -> float | None:
    """What a 0 of a map becomes in the batch normalization right after its layer.

    Args:
        network: a run's, finished or as it was after an epoch.
        layer: whose map is meant.
        number: of the map, counted from 0.

    Returns:
        That number; None if no batch normalization follows.

    Raises:
        RunError: the network cannot be opened.
        ValueError: there is no such layer.
    """
    opened = load_layer_model(network)
    _check(opened, layer)
    rows = list(network.run.info.recipe.architecture.rows())
    after = opened.layer_names.index(layer) + 1
    if after == len(rows) or not isinstance(rows[after].layer, BatchNorm):
        return None
    norm = opened.model.layers[after]
    gamma, beta, mean, variance = (np.float64(one[number]) for one in norm.get_weights())
    return float(beta - gamma * mean / np.sqrt(variance + norm.epsilon))


def _check(opened: LayerModel, layer: str) -> None:
    if layer not in opened.layer_names:
        raise ValueError(f"the network has no layer {layer!r}")


def _read_only_copy(array: NDArray[Any]) -> NDArray[Any]:
    own = array.copy()  # neither TensorFlow's memory nor a part of a larger array
    return read_only(own)


DATASET: Final = "mnist-sample"
TOP_K: Final = 9
FAST_MULTIPLY_ADDS: Final = 4_000_000
"""Multiply-adds a digit: on two cores, 5,000 digits then take a second."""
_AT_ONCE: Final = 100
_KEPT: Final = 32
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class TopActivation:
    """A digit that excites a map: where it stands in the dataset, and where the map is largest.

    `place`: (row, column) in the map; (0, 0) for a unit.
    """

    split: SplitName
    index: int
    value: float
    place: tuple[int, int]


@dataclass(frozen=True, eq=False)
class TopActivations:
    """The largest activations of each map of a layer, the largest first; arrays are read-only.

    Attributes:
        digits: which digit, int (maps, 9), counted through the test digits, then the training ones.
        values: its largest value in the map, float32 (maps, 9).
        rows, columns: where in the map that is, int (maps, 9).
        total: how many digits were looked at.
    """

    digits: Ints
    values: NDArray[np.float32]
    rows: Ints
    columns: Ints
    total: int

    def of(self, number: int) -> list[TopActivation]:
        """The digits that excite a map most; raises IndexError if there is no such map.

        Where a rectified map (ReLU) is 0 all over, a digit does not excite it and is left out.
        """
        n_test = len(split_of(DATASET, "test"))
        found = []
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
                found.append(TopActivation(split, index, value, (row, column)))
        return found


def multiply_adds(architecture: Architecture, layer: str) -> int:
    """How many multiplications a digit takes from the input to a layer. Raises ValueError if none.

    It tells whether `exciting` is a matter of a second.
    """
    shape: tuple[int, ...] = INPUT_SHAPE
    total = 0
    for row in architecture.rows():
        if isinstance(row.layer, Conv):
            places = row.shape[0] * row.shape[1]
            total += places * row.layer.kernel_size**2 * shape[-1] * row.layer.filters
        elif isinstance(row.layer, Dense):
            total += shape[-1] * row.layer.units
        shape = row.shape
        if row.name == layer:
            return total
    raise ValueError(f"the network has no layer {layer!r}")


def stored_top_activations(
    network: Network, layer: str
) -> TopActivations | BackgroundTask[TopActivations]:
    """The nine digits, of the sample's 5,000, that excite each map of a layer most; kept.

    Args:
        network: a run's, finished or as it was after an epoch.
        layer: whose maps are meant.

    Returns:
        The digits; where finding them takes more than a second, a chore that is to be started,
        until it is done.

    Raises:
        RunError: the network cannot be opened, or gives no numbers.
        ValueError: it has no such layer.
    """
    if multiply_adds(network.run.info.recipe.architecture, layer) <= FAST_MULTIPLY_ADDS:
        return _quick(network, layer)
    chore = shared_task(
        (network, layer, "exciting"), lambda report: find_top_activations(network, layer, report)
    )
    return chore.state.result or chore


@lru_cache(maxsize=_KEPT)
def _quick(network: Network, layer: str) -> TopActivations:
    return find_top_activations(network, layer, lambda done, total: None)


@lru_cache(maxsize=1)
def _images() -> NDArray[np.uint8]:
    return np.concatenate([split_of(DATASET, "test").images, split_of(DATASET, "train").images])


def find_top_activations(network: Network, layer: str, report: Report) -> TopActivations:
    """Let a network read the digits as far as a layer.

    Args:
        network: a run's, finished or as it was after an epoch.
        layer: whose maps are meant.
        report: is told digits read and in all, and stops it when it raises.

    Returns:
        The nine digits that excite each map of the layer most.

    Raises:
        RunError: the network cannot be opened, or gives no numbers.
        ValueError: it has no such layer.
    """
    opened, images = load_layer_model(network), _images()
    until = keras.Model(opened.model.inputs, opened.model.get_layer(layer).output)
    best = _Largest(until.output.shape[-1])
    for start in range(0, len(images), _AT_ONCE):
        report(start, len(images))
        part = tf.constant(opened.network_input(images[start : start + _AT_ONCE]))
        best.take(until(part, training=False), start)
    rows, columns = np.divmod(best.places, best.width)
    return TopActivations(
        _read_only_rows(best.digits),
        _read_only_rows(best.values),
        _read_only_rows(rows),
        _read_only_rows(columns),
        len(images),
    )


class _Largest:
    """The largest values so far, each array (9, maps), the largest first."""

    def __init__(self, maps: int) -> None:
        self.width = 1
        self.values = np.full((TOP_K, maps), -np.inf, np.float32)
        self.digits = np.zeros((TOP_K, maps), np.intp)
        self.places = np.zeros((TOP_K, maps), np.intp)

    def take(self, given: tf.Tensor, start: int) -> None:
        """Look at what a layer gives for the digits from number `start` on, (n, ..., maps)."""
        n, maps = given.shape[0], given.shape[-1]
        self.width = given.shape[2] if len(given.shape) == 4 else 1
        flat = tf.reshape(given, (n, -1, maps))
        peaks = tf.reduce_max(flat, axis=1).numpy()
        if not np.isfinite(peaks).all():
            raise RunError(
                "This network gives numbers that are not finite: its training diverged. Choose "
                "another run or epoch."
            )
        order = np.argsort(-peaks, axis=0, kind="stable")[:TOP_K]
        values = np.take_along_axis(peaks, order, axis=0)
        # Where the largest value is, is only asked of those that stay: a look at every map of every
        # digit would take longer than the network does.
        rank, number = np.nonzero(values > self.values[-1])
        places = np.zeros_like(order)
        places[rank, number] = flat.numpy()[order[rank, number], :, number].argmax(axis=1)
        every = np.concatenate([self.values, values])
        kept = np.argsort(-every, axis=0, kind="stable")[:TOP_K]
        self.values = np.take_along_axis(every, kept, axis=0)
        self.digits = _of_kept(kept, self.digits, order + start)
        self.places = _of_kept(kept, self.places, places)


def _of_kept(kept: Ints, before: Ints, now: Ints) -> Ints:
    return np.take_along_axis(np.concatenate([before, now]), kept, axis=0)


def _read_only_rows(array: NDArray[Any]) -> NDArray[Any]:
    """Its rows and columns exchanged, so that each map has a row; read-only."""
    own = array.T.copy()
    return read_only(own)
