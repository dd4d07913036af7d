"""What a network dreams of: the picture that excites one of its numbers most.

Activation maximization (Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009;
Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2014): the weights stay, and
the picture is changed, step by step up the gradient. Left to itself this finds noise that excites
the network and means nothing to a reader. What makes it readable is regularization, as in Olah,
Mordvintsev and Schubert, "Feature Visualization", 2017: jitter (the picture is moved by some pixels
before each step), total variation (neighboring pixels shall be alike) and decay (ink that gains
nothing fades). The picture holds ink from 0 to 1 at all times, as paper does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.data.normalization import MNIST_MEAN, MNIST_STD, Scaling
from core.explain.activations import LayerModel, load_layer_model
from core.inference.predictor import load_predictor
from core.runs.run import Network
from core.utils.errors import RunError
from core.utils.validation import read_only

RegularizationStrength = Literal["none", "some", "strong"]
ASCENT_STEPS: Final = 96
ASCENT_SEEDS: Final = 2
"""Beginnings of each dream; the one that ends highest is shown."""
_SIDE: Final = 28
_AT_ONCE: Final = 128
_RATE: Final = 0.06
_GREY: Final = 0.15
_NOISE: Final = 0.05


@dataclass(frozen=True)
class Regularization:
    """How a picture is kept readable: `jitter` in pixels, the others as parts of a step.

    `variation`: how strongly neighbors are made alike. `decay`: how strongly ink fades. `margin`:
    white pixels at each edge; MNIST's digits are 20×20 in 28×28, so that theirs is about 4.
    """

    jitter: int
    variation: float
    decay: float
    margin: int


REGULARIZATIONS: Final[dict[RegularizationStrength, Regularization]] = {
    "none": Regularization(0, 0, 0, 0),
    "some": Regularization(1, 0.2, 0.05, 0),
    "strong": Regularization(1, 0.3, 0.1, 4),
}


@dataclass(frozen=True)
class VisualizationTarget:
    """The number to be excited.

    Without a layer, the logit of the class `number`. With one, its map or unit `number`: a map's
    mean, or its value at `place` (row, column).
    """

    number: int
    layer: str | None = None
    place: tuple[int, int] | None = None


@dataclass(frozen=True)
class FeatureVisualization:
    """A picture uint8 (28, 28), read-only; the number that was aimed at; ten probabilities."""

    aim: VisualizationTarget
    image: NDArray[np.uint8]
    value: float
    probabilities: NDArray[np.float32]

    @property
    def answer(self) -> int:
        """The digit as which the network reads it."""
        return int(self.probabilities.argmax())


def class_targets() -> list[VisualizationTarget]:
    """The logits of the ten digits."""
    return [VisualizationTarget(digit) for digit in range(10)]


def visualize_feature(
    network: Network,
    aims: Sequence[VisualizationTarget],
    strength: RegularizationStrength,
    report: Callable[[int, int], None],
    *,
    steps: int = ASCENT_STEPS,
    seed: int = 0,
) -> tuple[FeatureVisualization, ...]:
    """What a network dreams of: all aims in one batch, each from `SEEDS` beginnings.

    A beginning is gray with a little noise.

    Args:
        network: a run's, finished or as it was after an epoch.
        aims: what is to be excited, all of one layer.
        strength: how strongly the pictures are kept readable.
        report: is told steps done and in all, and stops it when it raises.
        steps: how often each picture is changed.
        seed: of the noise and the jitter; the same one gives the same pictures.

    Returns:
        A dream for each aim, in their order.

    Raises:
        RunError: the network cannot be opened, has no such layer or number, or is not finite.
    """
    opened = load_layer_model(network)
    scaling = network.run.info.recipe.scaling
    begun = [aim for aim in aims for _ in range(ASCENT_SEEDS)]
    _check(opened, network.run.id, aims)
    ink = _ascend(opened, scaling, begun, REGULARIZATIONS[strength], (steps, seed), report)
    if scaling == "l2-axis-1":
        # That does not see how strong the ink of a whole picture is: a reader does.
        ink = ink / np.maximum(ink.max(axis=(1, 2), keepdims=True), 1e-6)
    images = np.rint(255 * ink).astype(np.uint8)
    read_only(images)
    values = target_activation(opened, images, begun)
    if not np.isfinite(values).all():
        raise RunError(
            "This network gives numbers that are not finite: its training diverged. "
            "Choose another run or another epoch."
        )
    best = values.reshape(-1, ASCENT_SEEDS).argmax(axis=1) + ASCENT_SEEDS * np.arange(len(aims))
    answers = load_predictor(network).probabilities(images[best])
    return tuple(
        FeatureVisualization(aim, images[place], float(values[place]), answer)
        for aim, place, answer in zip(aims, best, answers, strict=True)
    )


def highest_activation(
    network: Network, aim: VisualizationTarget, images: NDArray[np.uint8]
) -> float:
    """The most that any of these digits excites what a dream aims at.

    Args:
        network: a run's, finished or as it was after an epoch.
        aim: the number that is excited.
        images: the digits, uint8 (n, 28, 28).

    Returns:
        The highest of the n numbers.

    Raises:
        RunError: the network cannot be opened, or has no such layer or number.
    """
    opened = load_layer_model(network)
    _check(opened, network.run.id, [aim])
    found = []
    for start in range(0, len(images), _AT_ONCE):
        part = images[start : start + _AT_ONCE]
        found.append(target_activation(opened, part, [aim] * len(part)).max())
    return float(max(found))


def target_activation(
    opened: LayerModel, images: NDArray[np.uint8], aims: Sequence[VisualizationTarget]
) -> NDArray[np.float32]:
    """The number each aim is after, for its picture: uint8 (n, 28, 28) to float32 (n,)."""
    found = _aimed(opened, tf.constant(opened.network_input(images)), aims)
    return np.asarray(found.numpy(), np.float32)


def scaled_image(ink: tf.Tensor, scaling: Scaling) -> tf.Tensor:
    """As `core.data.normalization.scale`, but differentiable.

    Ink (n, 28, 28), 0 to 1, to (n, 28, 28, 1).
    """
    if scaling == "standardise":
        ink = (ink - MNIST_MEAN) / MNIST_STD
    elif scaling == "l2-axis-1":
        squares = tf.reduce_sum(ink**2, axis=1, keepdims=True)
        # As there, a column shorter than one gray value is not made longer; a root has no gradient
        # at 0, so it is kept away from it.
        ink = ink / tf.sqrt(tf.maximum(squares, 1 / 255**2))
    return ink[..., None]


def _ascend(
    opened: LayerModel,
    scaling: Scaling,
    aims: Sequence[VisualizationTarget],
    kept: Regularization,
    course: tuple[int, int],
    report: Callable[[int, int], None],
) -> NDArray[np.float32]:
    steps, seed = course
    # One number of a map sees a part of the picture: moved about, that would see something else.
    jitter = kept.jitter if aims[0].place is None else 0
    draw = np.random.default_rng(seed)
    ink = np.clip(draw.normal(_GREY, _NOISE, (len(aims), _SIDE, _SIDE)), 0, 1).astype(np.float32)
    paper = np.pad(np.ones([_SIDE - 2 * kept.margin] * 2, np.float32), kept.margin)
    uphill = _uphill(opened, scaling, aims)
    for step in range(steps):
        report(step, steps)
        shift = tuple(draw.integers(-jitter, jitter + 1, 2).tolist())
        moved = tf.constant(np.roll(ink, shift, axis=(1, 2)))
        way = np.roll(uphill(moved).numpy(), (-shift[0], -shift[1]), axis=(1, 2))
        way -= kept.variation * _roughness(ink) + kept.decay * (ink > 0)
        # Ever shorter steps, so that it comes to rest.
        ink = np.clip(ink + _RATE * (1 - step / steps) * way, 0, 1).astype(np.float32) * paper
    report(steps, steps)
    return ink


def _uphill(opened: LayerModel, scaling: Scaling, aims: Sequence[VisualizationTarget]) -> Any:
    """A function from ink to the gradient of what is aimed at, its mean square made 1."""

    @tf.function(
        input_signature=[tf.TensorSpec((len(aims), _SIDE, _SIDE), tf.float32)], autograph=False
    )
    def uphill(ink: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(ink)
            total = tf.reduce_sum(_aimed(opened, scaled_image(ink, scaling), aims))
        way = tape.gradient(total, ink)
        size = tf.sqrt(tf.reduce_mean(way**2, axis=(1, 2), keepdims=True))
        return tf.math.divide_no_nan(way, size)

    return uphill


def _aimed(opened: LayerModel, values: tf.Tensor, aims: Sequence[VisualizationTarget]) -> tf.Tensor:
    """The number each aim is after, (n,), from the network's scaled input (n, 28, 28, 1)."""
    layer = aims[0].layer
    if layer is None:
        found = opened.logits_after(values, None)
    else:
        found = values
        for one in opened.model.layers[: opened.layer_names.index(layer) + 1]:
            found = one(found, training=False)
    return tf.stack([_number(found[k], aim) for k, aim in enumerate(aims)])


def _number(found: tf.Tensor, aim: VisualizationTarget) -> tf.Tensor:
    chosen = found[..., aim.number]
    return chosen[aim.place] if aim.place is not None else tf.reduce_mean(chosen)


def _roughness(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The gradient of the total variation of pictures (n, 28, 28), beyond whose edge is paper."""
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    middle = padded[:, 1:-1, 1:-1]
    around = (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
    return np.asarray(sum(np.tanh(10 * (middle - one)) for one in around), np.float32)


def _check(opened: LayerModel, run: str, aims: Sequence[VisualizationTarget]) -> None:
    layer = aims[0].layer
    if layer is None:
        return
    if layer not in opened.layer_names:
        raise RunError(
            f"The network of the run {run!r} has no layer {layer!r}. "
            f"It has: {', '.join(opened.layer_names)}."
        )
    shape = opened.model.get_layer(layer).output.shape[1:]
    if not all(0 <= aim.number < shape[-1] for aim in aims):
        raise RunError(f"The layer {layer!r} has {shape[-1]} maps, counted from 0. Choose another.")
