"""A network opened up: what each of its layers gives for a digit, and what the rest makes of it.

Everything that looks inside a run goes through here, so that twenty visitors share one network and
what it gave for a digit, instead of each computing it anew.
"""

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from types import MappingProxyType
from typing import Any, Final
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core import runs
from core.inference import Predictor, load_predictor
from core.scaling import Scaling, scale

Values = NDArray[np.float32]
MOST_BYTES: Final = 64 * 1024**2
"""So much is kept of what layers gave; a digit in the largest shipped network takes 1.4 MB."""


class Probe:
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

        Dropout and batch normalisation work as in a trained network that answers. The last layer's
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


_Key = tuple[Any, ...]
# Weak: a network and its probe are forgotten together.
_probes: WeakKeyDictionary[Predictor, Probe] = WeakKeyDictionary()
_seen: OrderedDict[_Key, Mapping[str, Values]] = OrderedDict()
_seeing = Lock()


def probe(run_id: str, epoch: int | None = None) -> Probe:
    """The network of a run, finished or as it was after an epoch, opened up.

    Raises RunError if it cannot be opened, or the weights of that epoch are not kept.
    """
    network = load_predictor(run_id, epoch)
    with _seeing:
        found = _probes.get(network)
        if found is None:
            found = _probes[network] = Probe(network.model, network.scaling)
        return found


def layers_of(run_id: str, epoch: int | None, image: NDArray[np.uint8]) -> Mapping[str, Values]:
    """What each layer of a run's network gives for one digit, uint8 (28, 28), by its name.

    Without the batch axis, float32, read-only: computed once for all visitors, and the least lately
    asked for are forgotten when they take more than `MOST_BYTES`. Raises RunError like `probe`.
    """
    run = runs.find(run_id)
    key = (run.folder, run.info.model_sha256, epoch, image.tobytes())
    with _seeing:
        found = _seen.pop(key, None)
        if found is not None:
            _seen[key] = found
            return found
    outputs = probe(run_id, epoch).outputs(image[None])
    found = MappingProxyType({name: _fixed(value[0]) for name, value in outputs.items()})
    with _seeing:
        _seen[key] = found
        while sum(map(_size, _seen.values())) > MOST_BYTES and len(_seen) > 1:
            _seen.popitem(last=False)
    return found


def _size(outputs: Mapping[str, Values]) -> int:
    return sum(value.nbytes for value in outputs.values())


def _fixed(values: Values) -> Values:
    own = values.copy()  # not a view, which would keep the whole batch
    own.setflags(write=False)
    return own
