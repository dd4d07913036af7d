"""A feature map's share of the decision: what the network answers when the map is taken out.

Two ways. "zero": all its values become 0, the plainest cut (R. Meyes and others, "Ablation Studies
in Artificial Neural Networks", 2019); but 0 may be a value that the rest never met, above all in
front of a batch normalisation, which turns it into something else. "mean": at each position the
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

from core.architectures import BatchNorm
from core.arrays import read_only
from core.digit_stats import split_of
from core.probe import Probe, layers_of, probe
from core.runs import Network

Way = Literal["zero", "mean"]
MEAN_OF: Final = 200
"""So many test digits of the sample the mean is taken over, evenly spread."""
_AT_ONCE: Final = 64
_MOST_AT_ONCE_BYTES: Final = 64 * 1024**2
_KEPT: Final = 256
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


def ablation(
    network: Network,
    image: NDArray[np.uint8],
    layer: str,
    way: Way,
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


@lru_cache(maxsize=_KEPT)
def _ablation(
    network: Network, pixels: bytes, layer: str, way: Way, number: int | None
) -> Ablation:
    opened = probe(network)
    _check(opened, layer)
    image = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    values = layers_of(network, image)[layer]
    instead = np.zeros_like(values) if way == "zero" else mean_values(network, layer)
    maps = np.arange(values.shape[-1])
    if number is not None:
        maps = maps[[number]]
    at_once = max(1, min(_AT_ONCE, _MOST_AT_ONCE_BYTES // values.nbytes))
    logits = [opened.rest(tf.constant(values[None]), layer)]
    for start in range(0, len(maps), at_once):
        numbers = maps[start : start + at_once]
        batch = np.repeat(values[None], len(numbers), axis=0)
        batch[np.arange(len(numbers)), ..., numbers] = np.moveaxis(instead[..., numbers], -1, 0)
        logits.append(opened.rest(tf.constant(batch), layer))
    answers = tf.nn.softmax(tf.concat(logits, axis=0)).numpy()
    return Ablation(_fixed(answers[0]), _fixed(answers[1:]))


@lru_cache(maxsize=_KEPT_MEANS)
def mean_values(network: Network, layer: str) -> NDArray[np.float32]:
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
    opened = probe(network)
    _check(opened, layer)
    images = split_of("mnist-sample", "test").images
    images = images[:: len(images) // MEAN_OF]
    until = keras.Model(opened.model.inputs, opened.model.get_layer(layer).output)
    parts = [
        tf.reduce_sum(
            until(tf.constant(opened.inputs(images[k : k + _AT_ONCE])), training=False), axis=0
        )
        for k in range(0, len(images), _AT_ONCE)
    ]
    return _fixed((tf.add_n(parts) / len(images)).numpy())


def zero_becomes(network: Network, layer: str, number: int) -> float | None:
    """What a 0 of a map becomes in the batch normalisation right after its layer.

    Args:
        network: a run's, finished or as it was after an epoch.
        layer: whose map is meant.
        number: of the map, counted from 0.

    Returns:
        That number; None if no batch normalisation follows.

    Raises:
        RunError: the network cannot be opened.
        ValueError: there is no such layer.
    """
    opened = probe(network)
    _check(opened, layer)
    rows = list(network.run.info.recipe.architecture.rows())
    after = opened.names.index(layer) + 1
    if after == len(rows) or not isinstance(rows[after].layer, BatchNorm):
        return None
    norm = opened.model.layers[after]
    gamma, beta, mean, variance = (np.float64(one[number]) for one in norm.get_weights())
    return float(beta - gamma * mean / np.sqrt(variance + norm.epsilon))


def _check(opened: Probe, layer: str) -> None:
    if layer not in opened.names:
        raise ValueError(f"the network has no layer {layer!r}")


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    own = array.copy()  # neither TensorFlow's memory nor a part of a larger array
    return read_only(own)
