"""The activations of each layer for a digit, and the logits that later layers make of them.

Everything that looks inside a run goes through this module, so that all visitors share one network
and its activations for a digit instead of computing them again.
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
from core.utils.validation import read_only_copy

Values = NDArray[np.float32]
_MAX_CACHE_BYTES: Final = 64 * 1024**2
"""Bytes of activations that are cached; a digit takes 1.4 MB in the largest shipped network."""


class LayerModel:
    """A network whose layers can be read one by one; safe to call from several threads at once.

    Attributes:
        model: the network.
        scaling: how pixels become its input.
    """

    def __init__(self, model: keras.Model, scaling: Scaling) -> None:
        self.model: keras.Model = model
        self.scaling: Scaling = scaling
        self._outputs_model = keras.Model(
            self.model.inputs, [layer.output for layer in self.model.layers]
        )

    @property
    def layer_names(self) -> list[str]:
        """The layers' names from first to last, as `Architecture.rows` gives them."""
        return [layer.name for layer in self.model.layers]

    def network_input(self, images: NDArray[np.uint8]) -> Values:
        """The scaled input of the first layer: uint8 (n, 28, 28) to float32 (n, 28, 28, 1)."""
        return np.asarray(scale(images, self.scaling), np.float32)

    def layer_outputs(self, images: NDArray[np.uint8]) -> dict[str, Values]:
        """The activations of each layer.

        Dropout and batch normalization work in inference mode. The values of the last layer are the
        ten after its activation.

        Args:
            images: the digits, uint8 (n, 28, 28).

        Returns:
            By the layer's name, float32 (n, ...).
        """
        outputs = self._outputs_model(tf.constant(self.network_input(images)), training=False)
        return {name: value.numpy() for name, value in zip(self.layer_names, outputs, strict=True)}

    def logits_after(self, values: tf.Tensor, layer: str | None) -> tf.Tensor:
        """The logits that the layers after a given layer make of its activations; differentiable.

        Their softmax is what `Predictor.probabilities` gives.

        Args:
            values: the activations of `layer`, (n, ...); without a layer, the network's scaled
                input, (n, 28, 28, 1).
            layer: the layer that gave `values`; None: the input.

        Returns:
            The logits, (n, 10).

        Raises:
            ValueError: there is no such layer, or none after it.
        """
        start = 0 if layer is None else self.layer_names.index(layer) + 1
        *between, last = self.model.layers[start:]
        for between_layer in between:
            values = between_layer(values, training=False)
        return tf.matmul(values, last.kernel) + last.bias


def _bytes(outputs: Mapping[str, Values]) -> int:
    return sum(value.nbytes for value in outputs.values())


# Weak: a predictor and its layer model are freed together.
_layer_models: WeakKeyDictionary[Predictor, LayerModel] = WeakKeyDictionary()
_activations: LRUCache[tuple[Network, bytes], Mapping[str, Values]] = LRUCache(
    _MAX_CACHE_BYTES, getsizeof=_bytes
)
_lock = Lock()


def load_layer_model(network: Network) -> LayerModel:
    """Open the layers of a network, once per server: later calls get the same layer model.

    Args:
        network: a run's network, finished or as it was after an epoch.

    Raises:
        RunError: it cannot be opened, or the weights of that epoch are not kept.
    """
    predictor = load_predictor(network)
    with _lock:
        layer_model = _layer_models.get(predictor)
        if layer_model is None:
            layer_model = _layer_models[predictor] = LayerModel(predictor.model, predictor.scaling)
        return layer_model


def layer_activations(network: Network, image: NDArray[np.uint8]) -> Mapping[str, Values]:
    """The activations of each layer of a network for one digit.

    They are computed once for all visitors; the least recently used are dropped above
    `_MAX_CACHE_BYTES`.

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).

    Returns:
        By the layer's name, the activations without the batch axis, float32, read-only.

    Raises:
        RunError: the network cannot be opened.
    """
    key = (network, image.tobytes())
    with _lock:
        values = _activations.get(key)
    if values is not None:
        return values
    outputs = load_layer_model(network).layer_outputs(image[None])
    values = MappingProxyType({name: read_only_copy(value[0]) for name, value in outputs.items()})
    with _lock, suppress(ValueError):  # larger than the whole cache
        _activations[key] = values
    return values
