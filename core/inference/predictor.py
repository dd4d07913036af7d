"""Loaded networks: digits in, probabilities out, in about a millisecond for one digit.

`keras.Model.predict` builds a data pipeline for every call, which takes some 30 ms for one digit.
A traced function with a fixed signature does not, so batches are padded to a few fixed sizes.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
import tensorflow as tf
from cachetools import LRUCache
from numpy.typing import NDArray

from core.data.normalization import Scaling, scale
from core.recipes.keras_model import build_model
from core.runs.run import Network, Run
from core.utils.errors import RunError
from core.utils.validation import check_digits

BATCH_SIZES = (1, 8, 64, 512)
MAX_LOADED = 8


class Predictor:
    """A network ready to answer, safe to call from several threads at once."""

    def __init__(self, model: keras.Model, scaling: Scaling) -> None:
        self.model = model
        self.scaling: Scaling = scaling
        self._before_last = keras.Model(model.inputs, model.layers[-1].input)
        self._functions = {size: self._traced(size) for size in BATCH_SIZES}

    def probabilities(
        self, images: NDArray[np.uint8], report: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """The ten probabilities of each digit: uint8 (n, 28, 28) to float32 (n, 10), rows sum to 1.

        `report` is told after each part how many digits are read, and stops it when it raises.
        Raises ValueError for any other shape or dtype, and RunError if the network's weights are
        not finite, because its training diverged.
        """
        check_digits(images)
        chunks = [np.zeros((0, 10), np.float32)]
        for start in range(0, len(images), BATCH_SIZES[-1]):
            chunks.append(self._padded(images[start : start + BATCH_SIZES[-1]]))
            if report:
                report(min(start + BATCH_SIZES[-1], len(images)))
        answers = np.concatenate(chunks)
        if not np.isfinite(answers).all():
            raise RunError(
                "This network answers with numbers that are not finite: its training diverged. "
                "Choose another run, or train it again with a smaller learning rate."
            )
        return answers

    def _padded(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        size = next(size for size in BATCH_SIZES if size >= len(images))
        batch = np.zeros((size, 28, 28), np.uint8)
        batch[: len(images)] = images
        answers: NDArray[np.float32] = self._functions[size](
            tf.constant(scale(batch, self.scaling))
        ).numpy()
        return answers[: len(images)]

    def _traced(self, size: int) -> Any:
        last = self.model.layers[-1]

        @tf.function(
            input_signature=[tf.TensorSpec((size, 28, 28, 1), tf.float32)], autograph=False
        )
        def answer(batch: tf.Tensor) -> tf.Tensor:
            # Ten sigmoids are no probabilities. Keras takes the cross-entropy of a sigmoid layer,
            # as of a softmax layer, from the softmax of what goes into the activation (its
            # `_keras_logits`), so that is what every network here was trained to give.
            logits = tf.matmul(self._before_last(batch, training=False), last.kernel) + last.bias
            return tf.nn.softmax(logits)

        return answer.get_concrete_function()


# The network that was not used for longest goes first, so a visitor who goes through the epochs of
# one run does not push out what others are using.
_ready: LRUCache[Network, Predictor] = LRUCache(MAX_LOADED)
_keeping = Lock()
# One lock for each of the runs being opened (some may share one), so that opening a run delays
# neither strokes on another nor those on one that is open already.
_opening = tuple(Lock() for _ in range(MAX_LOADED))


def load_predictor(network: Network) -> Predictor:
    """Load a network, once per server: whoever asks again gets the same predictor.

    Args:
        network: a run's, finished or as it was after an epoch.

    Returns:
        The network ready to answer.

    Raises:
        RunError: it cannot be opened, or the weights of that epoch are not kept.
    """
    loaded = _kept(network)
    if loaded:
        return loaded
    with _opening[hash(network) % len(_opening)]:
        loaded = _kept(network)
        if loaded is None:
            scaling = network.run.info.recipe.scaling
            loaded = Predictor(load_model(network.run, network.epoch), scaling)
            with _keeping:
                _ready[network] = loaded
        return loaded


def _kept(network: Network) -> Predictor | None:
    """A network that is loaded already; it counts as the one used last from now on."""
    with _keeping:
        return _ready.get(network)


def load_model(run: Run, epoch: int | None = None) -> keras.Model:
    """Build the run's network from its recipe and fill in its weights.

    They come from its `model.keras`, or for an epoch from `epochs/`, where they are float16. The
    network description inside a .keras file can carry code; it is never looked at. Raises RunError
    if the file is missing, damaged, or holds another network's weights.
    """
    if epoch is not None:
        return _at_epoch(run, epoch)
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


def _at_epoch(run: Run, epoch: int) -> keras.Model:
    halves = run.epoch_weights(epoch)
    model = build_model(run.info.recipe.architecture)
    try:
        model.set_weights([half.astype(np.float32) for half in halves])
    except ValueError as error:
        raise RunError(
            f"The weights of epoch {epoch} of the run {run.id!r} are not those of its recipe's "
            "network. Choose another epoch, or the finished network."
        ) from error
    return model
