"""Loaded networks: digits in, probabilities out, in about a millisecond for one digit.

A run answers by its network, an ensemble by the average of its members' networks.

`keras.Model.predict` builds a data pipeline for every call, which takes some 30 ms for one digit.
A traced function with a fixed signature does not, so batches are padded to a few fixed sizes.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple
from zipfile import BadZipFile

import keras
import numpy as np
import tensorflow as tf
from cachetools import LRUCache
from numpy.typing import NDArray

from core.data.normalization import Scaling, scale
from core.recipes.keras_model import build_model
from core.runs.registry import read_members
from core.runs.run import Network, Run
from core.utils.errors import RunError
from core.utils.validation import check_digits

_BATCH_SIZES = (1, 8, 64, 512)
"""The batch sizes that functions are traced for, rising; each when it is first needed."""
_MAX_LOADED = 8
"""Networks that stay loaded."""


class ScaledModel(NamedTuple):
    """A network, and how pixels become its input."""

    model: keras.Model
    scaling: Scaling

    def probabilities_function(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """A function from scaled digits, float32 (n, 28, 28, 1), to probabilities (n, 10)."""
        last = self.model.layers[-1]
        before_last = keras.Model(self.model.inputs[0], last.input)

        def probabilities(batch: tf.Tensor) -> tf.Tensor:
            # Ten sigmoids are no probabilities. Keras takes the cross-entropy of a sigmoid layer,
            # as of a softmax layer, from the softmax of what goes into the activation (its
            # `_keras_logits`), so that is what every network here was trained to give.
            logits = tf.matmul(before_last(batch, training=False), last.kernel) + last.bias
            return tf.nn.softmax(logits)

        return probabilities


class Predictor:
    """A network, or several whose probabilities are averaged, ready to answer.

    It is safe to call from several threads at once.
    """

    def __init__(self, *networks: ScaledModel) -> None:
        """Take one network, or those of an ensemble."""
        self._networks = networks
        self._members = [network.probabilities_function() for network in networks]
        # Each scaling is worked out once, however many networks want it.
        self._scalings = tuple(dict.fromkeys(network.scaling for network in networks))
        self._functions: dict[int, Any] = {}
        self._tracing = Lock()

    @property
    def model(self) -> keras.Model:
        """The only network. Raises RunError if there are several: none of them is the whole."""
        return self._only_network.model

    @property
    def scaling(self) -> Scaling:
        """How pixels become the only network's input. Raises RunError if there are several."""
        return self._only_network.scaling

    @property
    def _only_network(self) -> ScaledModel:
        if len(self._networks) > 1:
            raise RunError(
                "An ensemble has no layers of its own, only those of its members: choose a member."
            )
        return self._networks[0]

    def trace(self) -> None:
        """Trace the functions of all batch sizes, so that no later answer waits for that."""
        for size in _BATCH_SIZES:
            self._function(size)

    def probabilities(
        self, images: NDArray[np.uint8], report: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """The ten probabilities of each digit.

        Args:
            images: the digits, uint8 (n, 28, 28).
            report: called after each batch with the number of digits read; it stops the reading
                when it raises.

        Returns:
            float32 (n, 10), rows sum to 1.

        Raises:
            ValueError: `images` has another shape or dtype.
            RunError: the network's weights are not finite, because its training diverged.
        """
        check_digits(images)
        largest = _BATCH_SIZES[-1]
        chunks = [np.zeros((0, 10), np.float32)]
        for start in range(0, len(images), largest):
            chunks.append(self._batch_probabilities(images[start : start + largest]))
            if report:
                report(min(start + largest, len(images)))
        probabilities = np.concatenate(chunks)
        if not np.isfinite(probabilities).all():
            raise RunError(
                "This network answers with numbers that are not finite: its training diverged. "
                "Choose another run, or train it again with a smaller learning rate."
            )
        return probabilities

    def _batch_probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        size = next(size for size in _BATCH_SIZES if size >= len(images))
        batch = np.zeros((size, 28, 28), np.uint8)
        batch[: len(images)] = images
        inputs = [tf.constant(scale(batch, scaling)) for scaling in self._scalings]
        probabilities: NDArray[np.float32] = self._function(size)(*inputs).numpy()
        return probabilities[: len(images)]

    def _function(self, size: int) -> Any:
        """The function that answers so many digits; traced at its first use, by one thread."""
        if size not in self._functions:
            with self._tracing:
                if size not in self._functions:
                    self._functions[size] = self._traced_function(size)
        return self._functions[size]

    def _traced_function(self, size: int) -> Any:
        scaled_digits = tf.TensorSpec((size, 28, 28, 1), tf.float32)
        signature = [scaled_digits] * len(self._scalings)

        @tf.function(input_signature=signature, autograph=False)
        def probabilities(*inputs: tf.Tensor) -> tf.Tensor:
            by_scaling = dict(zip(self._scalings, inputs, strict=True))
            answers = [
                member(by_scaling[network.scaling])
                for member, network in zip(self._members, self._networks, strict=True)
            ]
            return answers[0] if len(answers) == 1 else tf.add_n(answers) / len(answers)

        return probabilities.get_concrete_function()


# The least recently used network goes first, so that a visitor who goes through the epochs of one
# run does not evict what others use.
_ready: LRUCache[Network, Predictor] = LRUCache(_MAX_LOADED)
_ready_lock = Lock()
# Several locks, so that opening one run delays neither strokes on another run that is being opened
# nor on one that is open already.
_opening_locks = tuple(Lock() for _ in range(_MAX_LOADED))


def load_predictor(network: Network) -> Predictor:
    """Load a network, once per server: later calls get the same predictor.

    Args:
        network: a run's network, finished or as it was after an epoch.

    Returns:
        The network ready to answer.

    Raises:
        RunError: it cannot be opened, or the weights of that epoch are not kept.
    """
    loaded = _loaded_predictor(network)
    if loaded:
        return loaded
    with _opening_locks[hash(network) % len(_opening_locks)]:
        loaded = _loaded_predictor(network)
        if loaded is None:
            loaded = open_predictor(network)
            with _ready_lock:
                _ready[network] = loaded
        return loaded


def open_predictor(network: Network) -> Predictor:
    """Open a network, besides those that visitors use. Arguments and errors: `load_predictor`."""
    return Predictor(*scaled_models(network))


def scaled_models(network: Network) -> list[ScaledModel]:
    """Build the networks that answer: a run's own, or those of an ensemble's members.

    Raises:
        RunError: one cannot be opened.
    """
    members = read_members(network.run) if network.epoch is None else []
    return [
        ScaledModel(load_model(run, network.epoch), run.info.recipe.scaling)
        for run in members or [network.run]
    ]


def _loaded_predictor(network: Network) -> Predictor | None:
    """A network that is loaded already; the cache then counts it as the last one used."""
    with _ready_lock:
        return _ready.get(network)


def load_model(run: Run, epoch: int | None = None) -> keras.Model:
    """Build the run's network from its recipe and load its weights.

    The network description inside a .keras file can carry code; it is never read.

    Args:
        run: whose network is built.
        epoch: take the weights after this epoch, from `epochs/`, where they are float16; None: the
            finished network's, from `model.keras`.

    Raises:
        RunError: the file is missing, damaged, or holds another network's weights.
    """
    if epoch is not None:
        return _model_at_epoch(run, epoch)
    run.check_model()
    model = build_model(run.info.recipe.architecture)
    try:
        model.load_weights(run.model_file)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise RunError(
            f"The file model.keras of the run {run.id!r} does not hold the weights of its recipe's "
            "network. Train the run again."
        ) from error
    return model


def _model_at_epoch(run: Run, epoch: int) -> keras.Model:
    weights = run.epoch_weights(epoch)  # float16
    model = build_model(run.info.recipe.architecture)
    try:
        model.set_weights([array.astype(np.float32) for array in weights])
    except ValueError as error:
        raise RunError(
            f"The weights of epoch {epoch} of the run {run.id!r} are not those of its recipe's "
            "network. Choose another epoch, or the finished network."
        ) from error
    return model
