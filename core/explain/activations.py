"""A network opened up: what each of its layers gives for a digit, and what the rest makes of it.

Everything that looks inside a run goes through here, so that twenty visitors share one network and
what it gave for a digit, instead of each computing it anew.
"""

from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from types import MappingProxyType
from typing import Final
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf
from cachetools import LRUCache
from numpy.typing import NDArray

from core.data.normalization import Scaling, scale
from core.inference.predictor import Predictor, load_predictor
from core.runs.run import Network
from core.utils.validation import read_only

Values = NDArray[np.float32]
MAX_CACHE_BYTES: Final = 64 * 1024**2
"""So much is kept of what layers gave; a digit in the largest shipped network takes 1.4 MB."""


class LayerModel:
    """The layers of a network, ready to be asked; safe to call from several threads at once."""

    def __init__(self, model: keras.Model, scaling: Scaling) -> None:
        self.model: keras.Model = model
        self._scaling: Scaling = scaling
        self._all = keras.Model(self.model.inputs, [layer.output for layer in self.model.layers])

    @property
    def names(self) -> list[str]:
        """The layers' names from the first to the last, as `Architecture.rows` gives them."""
        return [layer.name for layer in self.model.layers]

    def inputs(self, images: NDArray[np.uint8]) -> Values:
        """What the first layer gets: uint8 (n, 28, 28) to float32 (n, 28, 28, 1)."""
        return np.asarray(scale(images, self._scaling), np.float32)

    def outputs(self, images: NDArray[np.uint8]) -> dict[str, Values]:
        """What each layer gives for each digit, by its name: uint8 (n, 28, 28) to float32 (n, ...).

        Dropout and batch normalization work as in a trained network that answers. The last layer's
        values are the ten after its activation.
        """
        found = self._all(tf.constant(self.inputs(images)), training=False)
        return {name: value.numpy() for name, value in zip(self.names, found, strict=True)}

    def rest(self, values: tf.Tensor, after: str | None) -> tf.Tensor:
        """The logits (n, 10) that the layers after a layer make of what it gave; differentiable.

        `values`: (n, ...) as that layer gives them; with `after` None, the network's scaled input
        (n, 28, 28, 1). Their softmax is what `Predictor.probabilities` answers. Raises ValueError
        if there is no such layer, or none after it.
        """
        start = 0 if after is None else self.names.index(after) + 1
        *between, last = self.model.layers[start:]
        for layer in between:
            values = layer(values, training=False)
        return tf.matmul(values, last.kernel) + last.bias


def _size(outputs: Mapping[str, Values]) -> int:
    return sum(value.nbytes for value in outputs.values())


# Weak: a network and its probe are forgotten together.
_probes: WeakKeyDictionary[Predictor, LayerModel] = WeakKeyDictionary()
_seen: LRUCache[tuple[Network, bytes], Mapping[str, Values]] = LRUCache(
    MAX_CACHE_BYTES, getsizeof=_size
)
_seeing = Lock()


def load_layer_model(network: Network) -> LayerModel:
    """Open a network up; who asks again gets the same probe.

    Args:
        network: a run's, finished or as it was after an epoch.

    Returns:
        Its layers, ready to be asked.

    Raises:
        RunError: it cannot be opened, or the weights of that epoch are not kept.
    """
    predictor = load_predictor(network)
    with _seeing:
        opened = _probes.get(predictor)
        if opened is None:
            opened = _probes[predictor] = LayerModel(predictor.model, predictor.scaling)
        return opened


def layer_activations(network: Network, image: NDArray[np.uint8]) -> Mapping[str, Values]:
    """What each layer of a network gives for one digit, by the layer's name.

    Computed once for all visitors; the least lately asked for are forgotten when they take more
    than `MOST_BYTES`.

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).

    Returns:
        Each layer's values without the batch axis, float32, read-only.

    Raises:
        RunError: the network cannot be opened.
    """
    key = (network, image.tobytes())
    with _seeing:
        values = _seen.get(key)
    if values is not None:
        return values
    outputs = load_layer_model(network).outputs(image[None])
    values = MappingProxyType({name: _fixed(value[0]) for name, value in outputs.items()})
    with _seeing, suppress(ValueError):  # larger than all that may be kept
        _seen[key] = values
    return values


def _fixed(values: Values) -> Values:
    own = values.copy()  # not a view, which would keep the whole batch
    return read_only(own)
