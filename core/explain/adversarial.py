"""Adversarial digits: the smallest push of a digit's pixels that makes a network answer another.

Each pixel may move by at most epsilon, so the largest change of any pixel (the L∞ norm) is bounded.
Two attacks look for the push, both upwards along the gradient of the cross-entropy:

- `fgsm`, the fast gradient sign method: one step of epsilon (Goodfellow, Shlens and Szegedy, 2015,
  "Explaining and harnessing adversarial examples").
- `pgd`, projected gradient descent: many small steps, each brought back to within epsilon (Madry et
  al., 2018, "Towards deep learning models resistant to adversarial attacks").

What an attack finds is an upper bound: a smaller push may exist. Here epsilon is a part of the
whole gray scale, 0 to 1; of 255 tones, 0.1 are 25.5.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, get_args

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.explain.activations import LayerModel, load_layer_model
from core.runs.run import Network
from core.training.input_pipeline import scale
from core.utils.errors import RunError
from core.utils.validation import read_only

Attack = Literal["fgsm", "pgd"]
ATTACKS: Final[tuple[Attack, ...]] = get_args(Attack)
PGD_STEPS: Final = 40
"""As many as Madry et al. take for MNIST."""
_STEP_SHARE: Final = 2.5
"""A step of PGD is epsilon times this divided by the number of steps, as in their code."""
MAX_TONES: Final = 128
"""The largest push that is tried, in tones of 255: from half the gray scale on, gray is the best
attack on any digit."""
_FIRST_TONES: Final = (1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128)
_AT_ONCE: Final = 250

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Push:
    """The smallest push that an attack found.

    Attributes:
        attack: which attack.
        tones: by how many of 255 tones a pixel moves at most; 0: the digit as it is.
        image: the pushed digit, uint8 (28, 28), read-only.
        before: the network's answer to the digit as it is.
        after: its answer to the pushed digit.
        confidence: the probability of `after`, 0 to 1.
    """

    attack: Attack
    tones: int
    image: Pixels
    before: int
    after: int
    confidence: float

    @property
    def epsilon(self) -> float:
        """The push as a part of the gray scale, 0 to 1."""
        return self.tones / 255


@lru_cache(maxsize=256)
def smallest_push(network: Network, pixels: bytes, attack: Attack) -> Push | None:
    """Look for the smallest push of a digit that changes a network's answer.

    Pushes of 1 to `MAX_TONES` tones are tried, coarsely, then between the last that failed and the
    first that succeeded. The pushed digit has whole tones, so it is a picture that can be kept.

    Args:
        network: a run's network, finished or as it was after an epoch.
        pixels: the digit, 784 bytes.
        attack: which attack looks.

    Returns:
        The push; None if no push of that size changes the answer.

    Raises:
        RunError: the network cannot be opened, or its numbers are not finite.
    """
    image = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    layer_model = load_layer_model(network)
    before = int(_probabilities(layer_model, image[None])[0].argmax())
    found = _first_success(layer_model, image, before, attack, _FIRST_TONES)
    if found is None:
        return None
    failed = max((tones for tones in _FIRST_TONES if tones < found.tones), default=0)
    between = tuple(range(failed + 1, found.tones))
    closer = _first_success(layer_model, image, before, attack, between) if between else None
    return closer or found


def pushed(network: Network, image: Pixels, attack: Attack, tones: int) -> Push:
    """Push a digit by as many tones as are asked for.

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        attack: which attack.
        tones: by how many of 255 tones a pixel moves at most, 0 to 255.

    Raises:
        RunError: the network cannot be opened, or its numbers are not finite.
    """
    layer_model = load_layer_model(network)
    before = int(_probabilities(layer_model, image[None])[0].argmax())
    return _pushes(layer_model, image, before, attack, (tones,))[0]


def adversarial_accuracy(
    network: Network, images: Pixels, labels: NDArray[np.uint8], attack: Attack, epsilon: float
) -> float:
    """The part of digits that a network still reads rightly when an attack pushes them.

    Args:
        network: a run's network, finished or as it was after an epoch.
        images: uint8 (n, 28, 28).
        labels: 0 to 9, (n,).
        attack: which attack.
        epsilon: the largest change of a pixel, as a part of the gray scale.

    Returns:
        0 to 1.

    Raises:
        RunError: the network cannot be opened, or its numbers are not finite.
    """
    layer_model = load_layer_model(network)
    right = 0
    for start in range(0, len(images), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        digits = images[part, ..., None].astype(np.float32) / np.float32(255)
        moved = attacked(layer_model, digits, labels[part], attack, epsilon)
        answers = layer_model.logits_after(scaled(layer_model, moved), None)
        right += int((answers.numpy().argmax(axis=1) == labels[part]).sum())
    return right / len(images)


def attacked(
    layer_model: LayerModel,
    digits: NDArray[np.float32],
    labels: NDArray[np.integer],
    attack: Attack,
    epsilon: float | NDArray[np.float32],
    steps: int = PGD_STEPS,
    chance: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """Push digits away from labels.

    Without `chance`, PGD starts at the digits themselves, so that a digit always gives one push.

    Args:
        layer_model: the network.
        digits: float32 (n, 28, 28, 1), 0 to 1.
        labels: from which the answers are pushed away, (n,).
        attack: which attack.
        epsilon: the largest change of a pixel, as a part of the gray scale; one number, or one for
            each digit, (n, 1, 1, 1).
        steps: how many steps PGD takes.
        chance: draws where PGD starts within epsilon; None: at the digits.

    Returns:
        float32 (n, 28, 28, 1), 0 to 1, nowhere further than epsilon from `digits`.

    Raises:
        RunError: the network's numbers are not finite.
    """
    if attack == "fgsm":
        moved = np.clip(digits + epsilon * _gradient_sign(layer_model, digits, labels), 0, 1)
        return np.asarray(moved, np.float32)
    low, high = np.maximum(digits - epsilon, 0), np.minimum(digits + epsilon, 1)
    step = _STEP_SHARE * np.asarray(epsilon, np.float32) / steps
    moved = digits
    if chance is not None:
        away = chance.uniform(-1, 1, digits.shape).astype(np.float32) * np.float32(epsilon)
        moved = np.asarray(np.clip(digits + away, low, high), np.float32)
    for _ in range(steps):
        sign = _gradient_sign(layer_model, moved, labels)
        moved = np.asarray(np.clip(moved + step * sign, low, high), np.float32)
    return moved


def _gradient_sign(
    layer_model: LayerModel, digits: NDArray[np.float32], labels: NDArray[np.integer]
) -> NDArray[np.float32]:
    """The sign of the cross-entropy's gradient with respect to each pixel."""
    pixels = tf.constant(digits)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        logits = layer_model.logits_after(scaled(layer_model, pixels), None)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels.astype(np.int32), logits)
    gradient = tape.gradient(loss, pixels).numpy()
    if not np.isfinite(gradient).all():
        raise RunError(
            "This network answers with numbers that are not finite: its training diverged. "
            "Choose another run or another epoch."
        )
    return np.sign(gradient, dtype=np.float32)


def scaled(layer_model: LayerModel, pixels: tf.Tensor | NDArray[np.float32]) -> tf.Tensor:
    """A network's input of digits, 0 to 1, (n, 28, 28, 1); differentiable."""
    return scale(255 * tf.convert_to_tensor(pixels), layer_model.scaling)


def _probabilities(layer_model: LayerModel, images: Pixels) -> NDArray[np.float32]:
    logits = layer_model.logits_after(tf.constant(layer_model.network_input(images)), None)
    probabilities: NDArray[np.float32] = tf.nn.softmax(logits).numpy()
    return probabilities


def _first_success(
    layer_model: LayerModel, image: Pixels, before: int, attack: Attack, sizes: tuple[int, ...]
) -> Push | None:
    """The push of the fewest of some numbers of tones, rising, that changes the answer."""
    for push in _pushes(layer_model, image, before, attack, sizes):
        if push.after != before:
            return push
    return None


def _pushes(
    layer_model: LayerModel, image: Pixels, before: int, attack: Attack, sizes: tuple[int, ...]
) -> list[Push]:
    """The digit pushed by each number of tones, all at once."""
    count = len(sizes)
    digits = np.repeat(image[None, ..., None].astype(np.float32) / np.float32(255), count, axis=0)
    epsilon = np.array(sizes, np.float32).reshape(-1, 1, 1, 1) / np.float32(255)
    moved = attacked(layer_model, digits, np.full(count, before), attack, epsilon)
    pictures = np.rint(255 * moved[..., 0]).astype(np.uint8)
    probabilities = _probabilities(layer_model, pictures)
    return [
        Push(
            attack,
            tones,
            read_only(picture),
            before,
            int(row.argmax()),
            float(row.max()),
        )
        for tones, picture, row in zip(sizes, pictures, probabilities, strict=True)
    ]
