"""Feature visualization: the picture that activates one number of a network most.

Activation maximization (Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009;
Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2014): the weights stay, and
the picture is changed, step by step up the gradient. Alone, this finds noise that activates the
network and means nothing to a reader. Regularization makes it readable, as in Olah, Mordvintsev and
Schubert, "Feature Visualization", 2017: jitter (the picture is moved by some pixels before each
step), total variation (neighboring pixels shall be alike) and decay (ink that gains nothing fades).
The picture holds ink from 0 to 1 at all times, as paper does.

A ReLU whose every value is 0 has no gradient, and a picture that starts there would stay as it is:
so it was for half of the units of some networks. As in Lucid, the code of Olah et al., the gradient
then passes a ReLU where it would raise a value ("redirected ReLU").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import keras
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
_ASCENT_SEEDS: Final = 2
"""Starting pictures of each visualization; the one that ends highest is shown."""
_SIDE: Final = 28
_AT_ONCE: Final = 128
_RATE: Final = 0.06
_START_GRAY: Final = 0.15
_START_NOISE: Final = 0.05


@dataclass(frozen=True)
class Regularization:
    """How a picture is kept readable.

    Attributes:
        jitter: pixels by which the picture is moved at most.
        variation: how strongly neighbors are made alike, as a part of a step.
        decay: how strongly ink fades, as a part of a step.
        margin: white pixels at each edge. MNIST's digits are 20×20 in 28×28, so theirs is about 4.
    """

    jitter: int
    variation: float
    decay: float
    margin: int


_REGULARIZATIONS: Final[dict[RegularizationStrength, Regularization]] = {
    "none": Regularization(0, 0, 0, 0),
    "some": Regularization(1, 0.2, 0.05, 0),
    "strong": Regularization(1, 0.3, 0.1, 4),
}


@dataclass(frozen=True)
class VisualizationTarget:
    """The number that is maximized.

    Attributes:
        number: without a layer, the class whose logit is meant; else the map or unit.
        layer: the name of the layer.
        position: (row, column) of the value in the map; None: the mean of the map.
    """

    number: int
    layer: str | None = None
    position: tuple[int, int] | None = None


@dataclass(frozen=True)
class FeatureVisualization:
    """A picture that activates its target strongly.

    Attributes:
        target: the number that was maximized.
        image: uint8 (28, 28), read-only.
        value: of the target for the picture.
        probabilities: the network's ten for the picture, float32 (10,).
    """

    target: VisualizationTarget
    image: NDArray[np.uint8]
    value: float
    probabilities: NDArray[np.float32]

    @property
    def answer(self) -> int:
        """The digit that the network reads in it."""
        return int(self.probabilities.argmax())


def class_targets() -> list[VisualizationTarget]:
    """The logits of the ten digits."""
    return [VisualizationTarget(digit) for digit in range(10)]


def visualize_feature(
    network: Network,
    targets: Sequence[VisualizationTarget],
    strength: RegularizationStrength,
    report: Callable[[int, int], None],
    *,
    steps: int = ASCENT_STEPS,
    seed: int = 0,
) -> tuple[FeatureVisualization, ...]:
    """Maximize all targets in one batch, each from `_ASCENT_SEEDS` starting pictures.

    A starting picture is gray with a little noise.

    Args:
        network: a run's network, finished or as it was after an epoch.
        targets: what is maximized, all of one layer.
        strength: how strongly the pictures are kept readable.
        report: called with the number of steps done and of all; it stops the ascent when it raises.
        steps: how often each picture is changed.
        seed: of the noise and the jitter; the same seed gives the same pictures.

    Returns:
        One visualization per target, in their order.

    Raises:
        RunError: the network cannot be opened, has no such layer or number, or is not finite.
    """
    layer_model = load_layer_model(network)
    scaling = network.run.info.recipe.scaling
    repeated_targets = [target for target in targets for _ in range(_ASCENT_SEEDS)]
    _check_targets(layer_model, network.run.id, targets)
    ink = _ascend(
        layer_model, scaling, repeated_targets, _REGULARIZATIONS[strength], steps, seed, report
    )
    if scaling == "l2-axis-1":
        # This scaling hides how strong the ink of a whole picture is from the network.
        ink = ink / np.maximum(ink.max(axis=(1, 2), keepdims=True), 1e-6)
    images = np.rint(255 * ink).astype(np.uint8)
    read_only(images)
    values = target_activation(layer_model, images, repeated_targets)
    if not np.isfinite(values).all():
        raise RunError(
            "This network gives numbers that are not finite: its training diverged. "
            "Choose another run or another epoch."
        )
    best = values.reshape(-1, _ASCENT_SEEDS).argmax(axis=1) + _ASCENT_SEEDS * np.arange(
        len(targets)
    )
    all_probabilities = load_predictor(network).probabilities(images[best])
    return tuple(
        FeatureVisualization(target, images[index], float(values[index]), probabilities)
        for target, index, probabilities in zip(targets, best, all_probabilities, strict=True)
    )


def highest_activation(
    network: Network, target: VisualizationTarget, images: NDArray[np.uint8]
) -> float:
    """The highest value of a target for any of these digits.

    Args:
        network: a run's network, finished or as it was after an epoch.
        target: the number that is computed.
        images: the digits, uint8 (n, 28, 28).

    Raises:
        RunError: the network cannot be opened, or has no such layer or number.
    """
    layer_model = load_layer_model(network)
    _check_targets(layer_model, network.run.id, [target])
    highest = []
    for start in range(0, len(images), _AT_ONCE):
        batch = images[start : start + _AT_ONCE]
        highest.append(target_activation(layer_model, batch, [target] * len(batch)).max())
    return float(max(highest))


def target_activation(
    layer_model: LayerModel, images: NDArray[np.uint8], targets: Sequence[VisualizationTarget]
) -> NDArray[np.float32]:
    """The value of each target for its picture: uint8 (n, 28, 28) to float32 (n,)."""
    values = _target_values(layer_model, tf.constant(layer_model.network_input(images)), targets)
    return np.asarray(values.numpy(), np.float32)


def scaled_image(ink: tf.Tensor, scaling: Scaling) -> tf.Tensor:
    """The network's input from ink, differentiable; the values of `core.data.normalization.scale`.

    Args:
        ink: (n, 28, 28), 0 to 1.
        scaling: of the run.

    Returns:
        (n, 28, 28, 1).
    """
    if scaling == "standardise":
        ink = (ink - MNIST_MEAN) / MNIST_STD
    elif scaling == "l2-axis-1":
        squares = tf.reduce_sum(ink**2, axis=1, keepdims=True)
        # As in `scale`, a column shorter than one gray value is not stretched. The root has no
        # gradient at 0, so its argument stays above.
        ink = ink / tf.sqrt(tf.maximum(squares, 1 / 255**2))
    return ink[..., None]


def _ascend(
    layer_model: LayerModel,
    scaling: Scaling,
    targets: Sequence[VisualizationTarget],
    regularization: Regularization,
    steps: int,
    seed: int,
    report: Callable[[int, int], None],
) -> NDArray[np.float32]:
    # One value of a map sees a part of the picture: jitter would move that part away.
    jitter = regularization.jitter if targets[0].position is None else 0
    random = np.random.default_rng(seed)
    ink = np.clip(
        random.normal(_START_GRAY, _START_NOISE, (len(targets), _SIDE, _SIDE)), 0, 1
    ).astype(np.float32)
    paper = np.pad(
        np.ones([_SIDE - 2 * regularization.margin] * 2, np.float32), regularization.margin
    )
    gradient_of = _gradient_function(layer_model, scaling, targets)
    for step in range(steps):
        report(step, steps)
        shift = tuple(random.integers(-jitter, jitter + 1, 2).tolist())
        moved = tf.constant(np.roll(ink, shift, axis=(1, 2)))
        gradient = np.roll(gradient_of(moved).numpy(), (-shift[0], -shift[1]), axis=(1, 2))
        gradient -= regularization.variation * _roughness(ink) + regularization.decay * (ink > 0)
        # Ever shorter steps, so that it comes to rest.
        ink = np.clip(ink + _RATE * (1 - step / steps) * gradient, 0, 1).astype(np.float32) * paper
    report(steps, steps)
    return ink


def _gradient_function(
    layer_model: LayerModel, scaling: Scaling, targets: Sequence[VisualizationTarget]
) -> Any:
    """A function from ink to the gradient of the targets, scaled to a mean square of 1."""

    @tf.function(
        input_signature=[tf.TensorSpec((len(targets), _SIDE, _SIDE), tf.float32)], autograph=False
    )
    def gradient_of(ink: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(ink)
            values = scaled_image(ink, scaling)
            total = tf.reduce_sum(_target_values(layer_model, values, targets, _call_redirected))
        gradient = tape.gradient(total, ink)
        size = tf.sqrt(tf.reduce_mean(gradient**2, axis=(1, 2), keepdims=True))
        return tf.math.divide_no_nan(gradient, size)

    return gradient_of


def _call(layer: Any, values: tf.Tensor) -> tf.Tensor:
    return layer(values, training=False)


def _call_redirected(layer: Any, values: tf.Tensor) -> tf.Tensor:
    """What `layer` gives, with a gradient through its ReLU where that is 0 everywhere."""
    if getattr(layer, "activation", None) is not keras.activations.relu:
        return _call(layer, values)
    if isinstance(layer, keras.layers.Conv2D):
        values = layer.convolution_op(values, layer.kernel)
    elif isinstance(layer, keras.layers.Dense):
        values = tf.matmul(values, layer.kernel)
    # An `Activation` has neither kernel nor bias.
    if getattr(layer, "use_bias", False):
        values = values + layer.bias
    return _redirected_relu(values)


@tf.custom_gradient
def _redirected_relu(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """ReLU; in a picture that gets no gradient through it, what raises a value passes all the same.

    Args:
        values: (n, ...), of n pictures.

    Returns:
        The values without those below 0, and the function from their gradient to that of `values`.
    """

    def gradient_of(above: tf.Tensor) -> tf.Tensor:
        usual = tf.where(values > 0, above, 0.0)
        redirected = tf.where((values > 0) | (above > 0), above, 0.0)
        within = tf.range(1, tf.rank(values))
        silent = tf.reduce_all(usual == 0, axis=within, keepdims=True)
        return tf.where(silent, redirected, usual)

    return tf.nn.relu(values), gradient_of


def _target_values(
    layer_model: LayerModel,
    values: tf.Tensor,
    targets: Sequence[VisualizationTarget],
    call: Callable[[Any, tf.Tensor], tf.Tensor] = _call,
) -> tf.Tensor:
    """The value of each target, (n,), from the network's scaled input (n, 28, 28, 1)."""
    layers, name = layer_model.model.layers, targets[0].layer
    last = len(layers) - 2 if name is None else layer_model.layer_names.index(name)
    activations = values
    for layer in layers[: last + 1]:
        activations = call(layer, activations)
    if name is None:
        activations = layer_model.logits_after(activations, layers[last].name)
    return tf.stack([_target_value(activations[k], target) for k, target in enumerate(targets)])


def _target_value(activations: tf.Tensor, target: VisualizationTarget) -> tf.Tensor:
    values = activations[..., target.number]
    return values[target.position] if target.position is not None else tf.reduce_mean(values)


def _roughness(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """The gradient of the total variation of pictures (n, 28, 28), beyond whose edge is paper."""
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    middle = padded[:, 1:-1, 1:-1]
    around = (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
    return np.asarray(sum(np.tanh(10 * (middle - neighbor)) for neighbor in around), np.float32)


def _check_targets(
    layer_model: LayerModel, run: str, targets: Sequence[VisualizationTarget]
) -> None:
    layer = targets[0].layer
    if layer is None:
        return
    if layer not in layer_model.layer_names:
        raise RunError(
            f"The network of the run {run!r} has no layer {layer!r}. "
            f"It has: {', '.join(layer_model.layer_names)}."
        )
    shape = layer_model.model.get_layer(layer).output.shape[1:]
    if not all(0 <= target.number < shape[-1] for target in targets):
        raise RunError(f"The layer {layer!r} has {shape[-1]} maps, counted from 0. Choose another.")
