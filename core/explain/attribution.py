"""Which pixels of a digit speak for a class, by three methods, and whether the maps can be trusted.

All methods explain one number, the score: the logit (the input of the last activation) of a class,
or the difference of two classes' logits, "why 4 and not 9".

- `grad_cam`: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
  Localization", 2017.
- `integrated_gradients`: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks",
  2017.
- `occlusion`: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.

The sanity check is the model parameter randomization test of Adebayo et al., "Sanity Checks for
Saliency Maps", 2018: layers get random weights, from the last to the first ("cascading") or one
alone ("independent"), and the map is computed again. A map that stays the same cannot explain what
the network has learned. As in the paper, maps are compared by Spearman's rank correlation. Here the
values keep their signs: by magnitude alone all maps of a digit are alike, because nothing outside
the ink matters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, get_args

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.stats import spearmanr

from core.data.mnist import CLASSES
from core.explain.activations import LayerModel, Values, load_layer_model
from core.explain.layer_geometry import map_over_digit
from core.recipes.architecture import Activation, BatchNorm, Conv, Dense, Row
from core.recipes.keras_model import build_model
from core.runs.run import Network
from core.utils.errors import PictureError, RunError
from core.utils.validation import read_only

Method = Literal["grad-cam", "integrated-gradients", "occlusion"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
_IMAGE_SIDE: Final = 28
_INTEGRATION_STEPS: Final = 192
"""Points on the path from the blank digit: the paper recommends 20 to 300."""
OCCLUSION_SIZES: Final = range(2, 12)
"""Allowed sides of the square of paper, in pixels."""
OCCLUSION_SIZE: Final = 5
_AT_ONCE: Final = 64
_NO_CONVOLUTION: Final = (
    "This network has no convolution, and Grad-CAM explains by the feature maps of one. "
    "Look at the other methods, or choose a run with a convolution."
)
Randomization = Literal["cascading", "independent"]
_SANITY_SEED: Final = 2018
STRONG_CORRELATION: Final = 0.7
"""From this correlation on, a map has hardly changed."""
_MODERATE_CORRELATION: Final = 0.4
"""From this correlation on, a map has changed only in part."""


@dataclass(frozen=True)
class Question:
    """What an attribution explains: the score of a digit, or of one digit against another.

    Attributes:
        digit: why this digit ...
        other: ... and not this one; None: no comparison.

    Raises:
        ValueError: the digits are equal or not 0 to 9.
    """

    digit: int
    other: int | None = None

    def __post_init__(self) -> None:
        pair = {self.digit, self.digit if self.other is None else self.other}
        if not pair <= set(range(CLASSES)) or self.digit == self.other:
            raise ValueError(f"two different digits are asked for, not {self}")

    def score(self, logits: Any) -> Any:
        """The number that is explained: logits (n, 10), of NumPy or TensorFlow, to (n,)."""
        logit = logits[:, self.digit]
        return logit if self.other is None else logit - logits[:, self.other]


@dataclass(frozen=True)
class Settings:
    """What a visitor may change of the methods.

    Attributes:
        layer: the convolution that Grad-CAM uses; None: the last.
        square: the side of the square that occlusion uses, one of `OCCLUSION_SIZES`.
    """

    layer: str | None = None
    square: int = OCCLUSION_SIZE


@dataclass(frozen=True)
class Completeness:
    """The completeness axiom of integrated gradients: they add up to a difference of scores.

    Attributes:
        total: the sum of the attributions.
        at_digit: the score of the digit.
        at_blank: the score of a blank digit.
    """

    total: float
    at_digit: float
    at_blank: float

    @property
    def difference(self) -> float:
        """What the total should be."""
        return self.at_digit - self.at_blank

    @property
    def gap(self) -> float:
        """The distance of the total from the difference, relative to it; infinite if that is 0."""
        distance = abs(self.total - self.difference)
        if not self.difference:
            return float("inf") if distance else 0.0
        return distance / abs(self.difference)


def explain(
    network: Network,
    image: NDArray[np.uint8],
    question: Question,
    method: Method,
    settings: Settings | None = None,
) -> Values:
    """The attribution map of a digit, computed once for all visitors.

    The last 512 maps are cached (1.6 MB).

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        method: how it is explained.
        settings: what a visitor may change of the method; None: the defaults.

    Returns:
        The map, float32 (28, 28), read-only.

    Raises:
        PictureError: the digit is blank.
        RunError: the network cannot be opened, its numbers are not finite, or it has no
            convolution that Grad-CAM could use.
    """
    relevant = _relevant_settings(method, settings or Settings())
    return _cached_map(network, image.tobytes(), question, method, relevant)


def _relevant_settings(method: Method, settings: Settings) -> Settings:
    """The settings that a method uses, so that the others do not split the cache."""
    if method == "grad-cam":
        return Settings(layer=settings.layer)
    return Settings(square=settings.square) if method == "occlusion" else Settings()


def check_completeness(
    network: Network, image: NDArray[np.uint8], question: Question
) -> Completeness:
    """How well the integrated gradients of a digit fulfill the completeness axiom.

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        question: what is explained.

    Raises:
        PictureError: the digit is blank.
        RunError: the network cannot be opened, or its numbers are not finite.
    """
    total = explain(network, image, question, "integrated-gradients").sum(dtype=np.float64)
    layer_model = load_layer_model(network)
    both = layer_model.network_input(np.stack([image, np.zeros_like(image)]))
    digit, blank = question.score(
        layer_model.logits_after(tf.constant(both), None).numpy()
    ).tolist()
    return Completeness(float(total), digit, blank)


def attribution_map(
    layer_model: LayerModel,
    rows: Sequence[Row],
    image: NDArray[np.uint8],
    question: Question,
    method: Method,
    settings: Settings,
) -> Values:
    """The map that `explain` gives, computed anew for any network.

    Args:
        layer_model: the network.
        rows: its layers.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        method: how it is explained.
        settings: of the method.

    Returns:
        The map, float32 (28, 28).

    Raises:
        PictureError: the digit is blank.
        RunError: the numbers are not finite, or Grad-CAM finds no convolution.
    """
    if not image.any():
        raise PictureError(
            "This digit is blank, so there is nothing that could speak for an answer. "
            "Draw or choose another digit."
        )
    if method == "grad-cam":
        pixel_map = grad_cam(layer_model, rows, image, question, settings.layer)
    elif method == "occlusion":
        pixel_map = occlusion(layer_model, image, question, settings.square)
    else:
        pixel_map = integrated_gradients(layer_model, image, question)
    if not np.isfinite(pixel_map).all():
        raise RunError(
            "This network answers with numbers that are not finite: its training diverged. "
            "Choose another run or another epoch."
        )
    return pixel_map


def grad_cam(
    layer_model: LayerModel,
    rows: Sequence[Row],
    image: NDArray[np.uint8],
    question: Question,
    layer: str | None = None,
) -> Values:
    """Grad-CAM of a convolution.

    Each feature map is weighted by the mean gradient of the score with respect to it. Of the sum,
    only what speaks for the score is kept (the paper's ReLU); for a difference of classes that is
    what speaks for the first rather than the second. The maps are those after the convolution's
    batch normalization and activation. Each of their values is placed where its receptive field has
    its center, and values between are interpolated linearly.

    Args:
        layer_model: the network.
        rows: its layers.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        layer: the convolution; None: the last.

    Returns:
        The map, float32 (28, 28), 0 or more.

    Raises:
        RunError: the network has no such convolution.
    """
    names = [row.name for row in rows if isinstance(row.layer, Conv)]
    if not names:
        raise RunError(_NO_CONVOLUTION)
    chosen = layer or names[-1]
    if chosen not in names:
        raise RunError(f"This network has no convolution {chosen!r}. It has: {', '.join(names)}.")
    maps_layer = grad_cam_layer(rows, chosen)
    maps = layer_model.layer_outputs(image[None])[maps_layer]
    weights = _gradient(layer_model, maps, maps_layer, question)[0].mean(axis=(0, 1))
    return map_over_digit(np.maximum(maps[0] @ weights, 0), rows, maps_layer)


def grad_cam_layer(rows: Sequence[Row], convolution: str) -> str:
    """The name of the last batch normalization or activation that belongs to a convolution."""
    names = [row.name for row in rows]
    index = names.index(convolution)
    while isinstance(rows[index + 1].layer, BatchNorm | Activation):
        index += 1
    return names[index]


def integrated_gradients(
    layer_model: LayerModel,
    image: NDArray[np.uint8],
    question: Question,
    steps: int = _INTEGRATION_STEPS,
) -> Values:
    """Integrated gradients from a blank digit to the digit.

    The path is straight in the network's input, the scaled digit. The integral is taken by the
    midpoint rule, at points that are denser near the blank digit (a fraction t² of the path, not
    t): the gradients change most there, and the sum comes out about twice as exact. Where the
    scaling is `l2-axis-1`, the input of a pixel depends on its whole column, so a value belongs to
    the scaled pixel, not to the ink alone.

    Args:
        layer_model: the network.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        steps: the number of points.

    Returns:
        The map, float32 (28, 28), signed.
    """
    start, end = layer_model.network_input(np.stack([np.zeros_like(image), image])).astype(
        np.float64
    )
    times = (np.arange(steps) + 0.5) / steps
    total = np.zeros(start.shape)
    for at in range(0, steps, _AT_ONCE):
        t = times[at : at + _AT_ONCE, None, None, None]
        points = (start + t**2 * (end - start)).astype(np.float32)
        total += (2 * t * _gradient(layer_model, points, None, question)).sum(axis=0)
    return np.asarray((end - start)[..., 0] * total[..., 0] / steps, np.float32)


def occlusion(
    layer_model: LayerModel,
    image: NDArray[np.uint8],
    question: Question,
    square: int = OCCLUSION_SIZE,
) -> Values:
    """What the score loses where a square of blank paper covers the digit.

    The square slides over all positions, also those partly beyond the edge, before the digit is
    scaled. Each pixel gets the mean loss of the positions that cover it. A position without ink
    loses nothing and is not computed.

    Args:
        layer_model: the network.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        square: the side of the square, one of `OCCLUSION_SIZES`.

    Returns:
        The map, float32 (28, 28), signed.

    Raises:
        ValueError: the square has another side.
    """
    if square not in OCCLUSION_SIZES:
        raise ValueError(
            f"a square has {OCCLUSION_SIZES[0]} to {OCCLUSION_SIZES[-1]} pixels a side, "
            f"not {square}"
        )
    corners = range(1 - square, _IMAGE_SIDE)
    positions = [(_cut(row, square), _cut(column, square)) for row in corners for column in corners]
    inked_positions = [position for position in positions if image[position].any()]
    # Many of these hide the same ink: each different picture is computed once.
    pictures, picture_of = np.unique(
        np.stack([_without(image, position) for position in inked_positions]),
        axis=0,
        return_inverse=True,
    )
    scores = _scores(layer_model, np.concatenate([image[None], pictures]), question)
    losses = scores[0] - scores[1:][picture_of.ravel()]
    total = np.zeros((_IMAGE_SIDE, _IMAGE_SIDE))
    for position, loss in zip(inked_positions, losses, strict=True):
        total[position] += loss
    return np.asarray(total / square**2, np.float32)


def _cut(start: int, size: int) -> slice:
    return slice(max(start, 0), min(start + size, _IMAGE_SIDE))


def _without(image: NDArray[np.uint8], position: tuple[slice, slice]) -> NDArray[np.uint8]:
    covered = image.copy()
    covered[position] = 0
    return covered


def _scores(
    layer_model: LayerModel, images: NDArray[np.uint8], question: Question
) -> NDArray[np.float64]:
    chunks = [
        layer_model.logits_after(
            tf.constant(layer_model.network_input(images[at : at + 2 * _AT_ONCE])), None
        ).numpy()
        for at in range(0, len(images), 2 * _AT_ONCE)
    ]
    return np.asarray(question.score(np.concatenate(chunks)), np.float64)


def _gradient(
    layer_model: LayerModel, values: Values, layer: str | None, question: Question
) -> Values:
    """The score's gradient with respect to each value, in the values' shape."""
    inputs = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        score = tf.reduce_sum(question.score(layer_model.logits_after(inputs, layer)))
    return np.asarray(tape.gradient(score, inputs).numpy(), np.float32)


@lru_cache(maxsize=512)
def _cached_map(
    network: Network,
    pixels: bytes,
    question: Question,
    method: Method,
    settings: Settings,
) -> Values:
    rows = list(network.run.info.recipe.architecture.rows())
    image = np.frombuffer(pixels, np.uint8).reshape(_IMAGE_SIDE, _IMAGE_SIDE)
    pixel_map = attribution_map(load_layer_model(network), rows, image, question, method, settings)
    return read_only(pixel_map)


@dataclass(frozen=True)
class MapSimilarity:
    """How similar a method's maps stay while layers are made random.

    Attributes:
        method: how the maps were computed.
        layers: the layers made random, from the last.
        correlations: for each of them -1 to 1; None where a map is constant and has no ranks.
    """

    method: Method
    layers: tuple[str, ...]
    correlations: tuple[float | None, ...]


def layers_from_last(rows: Sequence[Row]) -> list[str]:
    """The names of the convolutions and dense layers, the last first: the stages of the test."""
    return [row.name for row in rows if isinstance(row.layer, Conv | Dense)][::-1]


def randomized_layers(
    rows: Sequence[Row], count: int, mode: Randomization = "cascading"
) -> list[str]:
    """The layers whose weights are random at a stage.

    A batch normalization belongs to the convolution or dense layer before it.

    Args:
        rows: the layers of the network.
        count: the stage, from 0 (no layer) to the number of stages.
        mode: "cascading": all layers up to the stage; "independent": the stage's layer alone.

    Returns:
        Their names, from the first.

    Raises:
        ValueError: there is no such stage.
    """
    stages = layers_from_last(rows)
    if not 0 <= count <= len(stages):
        raise ValueError(f"there are {len(stages)} layers to make random, not {count}")
    chosen = set(stages[:count] if mode == "cascading" else stages[:count][-1:])
    names, owner = [], ""
    for row in rows:
        owner = row.name if isinstance(row.layer, Conv | Dense) else owner
        if owner in chosen and (row.name == owner or isinstance(row.layer, BatchNorm)):
            names.append(row.name)
    return names


def random_weights(
    weights: Sequence[NDArray[Any]], layer: object, seed: Sequence[int]
) -> list[NDArray[np.float32]]:
    """A layer's weights as before training, as Keras begins.

    Kernels are Glorot-uniform (Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", 2010), biases 0; batch normalization changes nothing.

    Args:
        weights: the layer's arrays, in Keras's order.
        layer: its description.
        seed: the same seed gives the same weights.
    """
    if isinstance(layer, BatchNorm):
        fills = (1, 0, 0, 1)  # gamma, beta, moving mean, moving variance
        return [
            np.full(array.shape, fill, np.float32)
            for array, fill in zip(weights, fills, strict=True)
        ]
    kernel, *biases = weights
    receptive_field = int(np.prod(kernel.shape[:-2]))
    limit = np.sqrt(6 / (receptive_field * (kernel.shape[-2] + kernel.shape[-1])))
    drawn = np.random.default_rng(seed).uniform(-limit, limit, kernel.shape).astype(np.float32)
    return [drawn, *(np.zeros(bias.shape, np.float32) for bias in biases)]


def randomized_model(
    network: Network, count: int, mode: Randomization = "cascading", seed: int = _SANITY_SEED
) -> LayerModel:
    """A copy of a network with random layers; the last four copies are cached.

    The network that visitors share stays as it is.

    Args:
        network: a run's network, finished or as it was after an epoch.
        count: how many layers are random, counted from the last; 0: a true copy.
        mode: all of these layers, or the last of them alone.
        seed: the same seed gives the same weights.

    Raises:
        RunError: the network cannot be opened.
    """
    return _cached_randomized_model(network, count, mode, seed)


def randomized_map(
    network: Network,
    image: NDArray[np.uint8],
    question: Question,
    method: Method,
    settings: Settings | None = None,
    *,
    count: int,
    mode: Randomization = "cascading",
) -> Values:
    """A method's map of the network with random layers; the last 512 maps are cached.

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        method: how it is explained.
        settings: what a visitor may change of the method; None: the defaults.
        count: how many layers are random, counted from the last.
        mode: all of these layers, or the last of them alone.

    Returns:
        The map, float32 (28, 28), read-only.

    Raises:
        PictureError: the digit is blank.
        RunError: the network cannot be opened, its numbers are not finite, or it has no
            convolution that Grad-CAM could use.
    """
    return _cached_randomized_map(
        network, image.tobytes(), question, method, settings or Settings(), count, mode
    )


def map_similarity(first: Values, second: Values) -> float | None:
    """Spearman's rank correlation of two maps, -1 to 1; None if a map is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first.ravel(), second.ravel()).statistic)


def describe_correlation(correlation: float | None) -> str:
    """What the correlation of a map with its randomized map says about it, as a sentence."""
    if correlation is None:
        return "One of the two maps is empty, so there is nothing to compare."
    if correlation >= STRONG_CORRELATION:
        return (
            "The map has hardly changed: what it shows comes from the digit, not from what was "
            "learned, so it explains nothing."
        )
    if correlation <= -STRONG_CORRELATION:
        return (
            "Red and blue have changed places, and the places have stayed: they come from the "
            "digit, not from what was learned, so they explain nothing."
        )
    if abs(correlation) >= _MODERATE_CORRELATION:
        return "The map has changed in part: a part of it comes from the digit alone."
    return "The map has changed: it depends on what the network has learned, as it should."


def similarity_over_layers(
    network: Network,
    image: NDArray[np.uint8],
    question: Question,
    settings: Settings | None,
    report: Callable[[int, int], None],
) -> tuple[MapSimilarity, ...]:
    """How similar each method's map stays while layer after layer is made random.

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        settings: what a visitor may change of the methods; None: the defaults.
        report: called with the number of maps done and of all; it stops the work when it raises.

    Returns:
        One result for each method that this network allows.

    Raises:
        PictureError: the digit is blank.
        RunError: the network cannot be opened, or its numbers are not finite.
    """
    stages = layers_from_last(list(network.run.info.recipe.architecture.rows()))
    trained_maps = {}
    for method in METHODS:
        try:
            trained_maps[method] = explain(network, image, question, method, settings)
        except RunError:
            if method != "grad-cam":
                raise
    correlations: dict[Method, list[float | None]] = {method: [] for method in trained_maps}
    total = len(trained_maps) * len(stages)
    for count in range(1, len(stages) + 1):
        for position, (method, trained_map) in enumerate(trained_maps.items()):
            report((count - 1) * len(trained_maps) + position, total)
            random_map = randomized_map(network, image, question, method, settings, count=count)
            correlations[method].append(map_similarity(trained_map, random_map))
    return tuple(
        MapSimilarity(method, tuple(stages), tuple(values))
        for method, values in correlations.items()
    )


@lru_cache(maxsize=4)
def _cached_randomized_model(
    network: Network, count: int, mode: Randomization, seed: int
) -> LayerModel:
    recipe = network.run.info.recipe
    rows = list(recipe.architecture.rows())
    copy = build_model(recipe.architecture)
    copy.set_weights(load_layer_model(network).model.get_weights())
    names = randomized_layers(rows, count, mode)
    for position, row in enumerate(rows):
        if row.name in names:
            layer = copy.get_layer(row.name)
            layer.set_weights(random_weights(layer.get_weights(), row.layer, (seed, position)))
    return LayerModel(copy, recipe.scaling)


@lru_cache(maxsize=512)
def _cached_randomized_map(
    network: Network,
    pixels: bytes,
    question: Question,
    method: Method,
    settings: Settings,
    count: int,
    mode: Randomization,
) -> Values:
    rows = list(network.run.info.recipe.architecture.rows())
    image = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    copy = randomized_model(network, count, mode)
    pixel_map = attribution_map(copy, rows, image, question, method, settings)
    return read_only(pixel_map)
