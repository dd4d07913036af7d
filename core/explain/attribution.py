"""Why this answer: which pixels of a digit speak for a class, by three methods.

All three are asked for one number, the score: the logit (what goes into the last activation) of a
class, or the difference of two classes' logits, "why 4 and not 9".

- `grad_cam`: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
  Localization", 2017.
- `integrated_gradients`: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks",
  2017.
- `occlusion`: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.

Whether an explanation depends on what the network has learned: its weights are made random.

The model parameter randomization test of Adebayo et al., "Sanity Checks for Saliency Maps", 2018:
layers are put back to random weights from the last to the first ("cascading"), or one alone
("independent"), and the map is made anew. One that stays as it was cannot explain what the network
has learned. As in the paper, maps are compared by Spearman's rank correlation; here with their
signs, since by magnitude alone all maps of a digit are alike: nothing outside the ink matters.
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
IMAGE_SIDE: Final = 28
INTEGRATION_STEPS: Final = 192
"""Points on the way from the blank digit: 20 to 300 are enough, says the paper."""
OCCLUSION_SIZES: Final = range(2, 12)
"""Sides of the square of paper, in pixels."""
OCCLUSION_SIZE: Final = 5
_AT_ONCE: Final = 64
_NO_CONVOLUTION: Final = (
    "This network has no convolution, and Grad-CAM explains by the feature maps of one. "
    "Look at the other methods, or choose a run with a convolution."
)


@dataclass(frozen=True)
class Question:
    """Why `digit`, and if `other` is given, why not `other`. Raises ValueError for no such pair."""

    digit: int
    other: int | None = None

    def __post_init__(self) -> None:
        pair = {self.digit, self.digit if self.other is None else self.other}
        if not pair <= set(range(CLASSES)) or self.digit == self.other:
            raise ValueError(f"two different digits are asked for, not {self}")

    def score(self, logits: Any) -> Any:
        """The number that is explained: logits (n, 10), of NumPy or TensorFlow, to (n,)."""
        mine = logits[:, self.digit]
        return mine if self.other is None else mine - logits[:, self.other]


@dataclass(frozen=True)
class Settings:
    """What a visitor may change: Grad-CAM's convolution (None: the last), occlusion's square."""

    layer: str | None = None
    square: int = OCCLUSION_SIZE


@dataclass(frozen=True)
class Completeness:
    """What integrated gradients promise: their `total` is the score at the digit less at blank."""

    total: float
    at_digit: float
    at_blank: float

    @property
    def difference(self) -> float:
        """What the total should be."""
        return self.at_digit - self.at_blank

    @property
    def gap(self) -> float:
        """How far the total is from it, as a part of it; infinite if it is 0."""
        away = abs(self.total - self.difference)
        if not self.difference:
            return float("inf") if away else 0.0
        return away / abs(self.difference)


def explain(
    network: Network,
    image: NDArray[np.uint8],
    question: Question,
    method: Method,
    settings: Settings | None = None,
) -> Values:
    """The map of a method for a digit, computed once for all visitors.

    The last 512 maps are kept (1.6 MB).

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        method: how it is explained.
        settings: what a visitor may change of the method; None: as it is by default.

    Returns:
        The map, float32 (28, 28), read-only.

    Raises:
        PictureError: the digit is blank.
        RunError: the network cannot be opened, its numbers are not finite, or it has no convolution
            that Grad-CAM could use.
    """
    asked = _that_matter(method, settings or Settings())
    return _explained(network, image.tobytes(), question, method, asked)


def _that_matter(method: Method, settings: Settings) -> Settings:
    """The settings less those that a method does not know, so that it is not asked twice."""
    if method == "grad-cam":
        return Settings(layer=settings.layer)
    return Settings(square=settings.square) if method == "occlusion" else Settings()


def check_completeness(
    network: Network, image: NDArray[np.uint8], question: Question
) -> Completeness:
    """How well the integrated gradients of a digit keep their promise.

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        question: what is explained.

    Returns:
        What they add up to, and what they should.

    Raises:
        PictureError: the digit is blank.
        RunError: the network cannot be opened, or its numbers are not finite.
    """
    total = explain(network, image, question, "integrated-gradients").sum(dtype=np.float64)
    opened = load_layer_model(network)
    both = opened.inputs(np.stack([image, np.zeros_like(image)]))
    digit, blank = question.score(opened.rest(tf.constant(both), None).numpy()).tolist()
    return Completeness(float(total), digit, blank)


def class_scores(
    opened: LayerModel,
    rows: Sequence[Row],
    image: NDArray[np.uint8],
    question: Question,
    method: Method,
    settings: Settings,
) -> Values:
    """The same as `explained` of any network, computed anew; `rows` are its layers."""
    if not image.any():
        raise PictureError(
            "This digit is blank, so there is nothing that could speak for an answer. "
            "Draw or choose another digit."
        )
    if method == "grad-cam":
        found = grad_cam(opened, rows, image, question, settings.layer)
    elif method == "occlusion":
        found = occlusion(opened, image, question, settings.square)
    else:
        found = integrated_gradients(opened, image, question)
    if not np.isfinite(found).all():
        raise RunError(
            "This network answers with numbers that are not finite: its training diverged. "
            "Choose another run or another epoch."
        )
    return found


def grad_cam(
    opened: LayerModel,
    rows: Sequence[Row],
    image: NDArray[np.uint8],
    question: Question,
    layer: str | None = None,
) -> Values:
    """Grad-CAM of a convolution (None: the last): float32 (28, 28), 0 or more.

    Each feature map is weighted by the mean gradient of the score with respect to it; of the sum,
    only what speaks for the score is kept (the paper's ReLU), for a difference of classes what
    speaks for the first rather than the second. The maps are those behind the convolution's batch
    normalization and activation, and each of their values is laid where its receptive field has its
    center, with values between by straight lines. Raises RunError without such a convolution.
    """
    names = [row.name for row in rows if isinstance(row.layer, Conv)]
    if not names:
        raise RunError(_NO_CONVOLUTION)
    chosen = layer or names[-1]
    if chosen not in names:
        raise RunError(f"This network has no convolution {chosen!r}. It has: {', '.join(names)}.")
    behind = attribution_maps(rows, chosen)
    maps = opened.outputs(image[None])[behind]
    weights = _gradient(opened, maps, behind, question)[0].mean(axis=(0, 1))
    return map_over_digit(np.maximum(maps[0] @ weights, 0), rows, behind)


def attribution_maps(rows: Sequence[Row], convolution: str) -> str:
    """The last of the normalizations and activations that belong to a convolution, by its name."""
    names = [row.name for row in rows]
    found = names.index(convolution)
    while isinstance(rows[found + 1].layer, BatchNorm | Activation):
        found += 1
    return names[found]


def integrated_gradients(
    opened: LayerModel, image: NDArray[np.uint8], question: Question, steps: int = INTEGRATION_STEPS
) -> Values:
    """Integrated gradients from a blank digit to the digit: float32 (28, 28), signed.

    The way is straight in what the network gets, the scaled digit. The integral is taken by the
    midpoint rule, at points that stand closer near the blank digit (a share t² of the way, not t):
    there the gradients change most, and the sum comes out some twice as exact. Where the scaling
    is `l2-axis-1`, a pixel's number depends on its whole column, so a value belongs to the scaled
    pixel, not to the ink alone.
    """
    start, end = opened.inputs(np.stack([np.zeros_like(image), image])).astype(np.float64)
    times = (np.arange(steps) + 0.5) / steps
    total = np.zeros(start.shape)
    for at in range(0, steps, _AT_ONCE):
        t = times[at : at + _AT_ONCE, None, None, None]
        points = (start + t**2 * (end - start)).astype(np.float32)
        total += (2 * t * _gradient(opened, points, None, question)).sum(axis=0)
    return np.asarray((end - start)[..., 0] * total[..., 0] / steps, np.float32)


def occlusion(
    opened: LayerModel, image: NDArray[np.uint8], question: Question, square: int = OCCLUSION_SIZE
) -> Values:
    """What the score loses where a square of blank paper lies: float32 (28, 28), signed.

    The square slides over all places, those half beyond the edge too, before the digit is scaled;
    each pixel gets the mean loss of the places that cover it. A place without ink loses nothing and
    is not asked for. Raises ValueError unless the square's side is one of `SQUARES`.
    """
    if square not in OCCLUSION_SIZES:
        raise ValueError(
            f"a square has {OCCLUSION_SIZES[0]} to {OCCLUSION_SIZES[-1]} pixels a side, "
            f"not {square}"
        )
    corners = range(1 - square, IMAGE_SIDE)
    places = [(_cut(row, square), _cut(column, square)) for row in corners for column in corners]
    inked = [place for place in places if image[place].any()]
    # Of these, many hide the same ink: each picture is asked once.
    hidden, which = np.unique(
        np.stack([_without(image, place) for place in inked]), axis=0, return_inverse=True
    )
    scores = _scores(opened, np.concatenate([image[None], hidden]), question)
    losses = scores[0] - scores[1:][which.ravel()]
    total = np.zeros((IMAGE_SIDE, IMAGE_SIDE))
    for place, loss in zip(inked, losses, strict=True):
        total[place] += loss
    return np.asarray(total / square**2, np.float32)


def _cut(start: int, size: int) -> slice:
    return slice(max(start, 0), min(start + size, IMAGE_SIDE))


def _without(image: NDArray[np.uint8], place: tuple[slice, slice]) -> NDArray[np.uint8]:
    found = image.copy()
    found[place] = 0
    return found


def _scores(
    opened: LayerModel, images: NDArray[np.uint8], question: Question
) -> NDArray[np.float64]:
    chunks = [
        opened.rest(tf.constant(opened.inputs(images[at : at + 2 * _AT_ONCE])), None).numpy()
        for at in range(0, len(images), 2 * _AT_ONCE)
    ]
    return np.asarray(question.score(np.concatenate(chunks)), np.float64)


def _gradient(opened: LayerModel, values: Values, after: str | None, question: Question) -> Values:
    """The score's gradient with respect to each value, in the values' shape."""
    known = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(known)
        score = tf.reduce_sum(question.score(opened.rest(known, after)))
    return np.asarray(tape.gradient(score, known).numpy(), np.float32)


@lru_cache(maxsize=512)
def _explained(
    network: Network,
    pixels: bytes,
    question: Question,
    method: Method,
    settings: Settings,
) -> Values:
    rows = list(network.run.info.recipe.architecture.rows())
    image = np.frombuffer(pixels, np.uint8).reshape(IMAGE_SIDE, IMAGE_SIDE)
    found = class_scores(load_layer_model(network), rows, image, question, method, settings)
    return read_only(found)


Randomization = Literal["cascading", "independent"]
SANITY_SEED: Final = 2018
WEAK_CORRELATION: Final = 0.7
"""A map that is as alike as that has hardly changed."""
MODERATE_CORRELATION: Final = 0.4


@dataclass(frozen=True)
class MapSimilarity:
    """How alike a method's maps are, one number for each layer reached, -1 to 1.

    None where a map is the same everywhere, so that there are no ranks. `layers`: from the last.
    """

    method: Method
    layers: tuple[str, ...]
    correlations: tuple[float | None, ...]


def layers_from_last(rows: Sequence[Row]) -> list[str]:
    """The convolutions and dense layers of a network, the last first: the test's stages."""
    return [row.name for row in rows if isinstance(row.layer, Conv | Dense)][::-1]


def randomized_layers(
    rows: Sequence[Row], count: int, how: Randomization = "cascading"
) -> list[str]:
    """The layers whose weights are made random at a stage, 0 (none) to the number of stages.

    Batch normalizations belong to the convolution or dense layer before them. `independent`: only
    the last of the stages counts. Raises ValueError for any other stage.
    """
    stages = layers_from_last(rows)
    if not 0 <= count <= len(stages):
        raise ValueError(f"there are {len(stages)} layers to make random, not {count}")
    chosen = set(stages[:count] if how == "cascading" else stages[:count][-1:])
    found, owner = [], ""
    for row in rows:
        owner = row.name if isinstance(row.layer, Conv | Dense) else owner
        if owner in chosen and (row.name == owner or isinstance(row.layer, BatchNorm)):
            found.append(row.name)
    return found


def random_weights(
    weights: Sequence[NDArray[Any]], layer: object, seed: Sequence[int]
) -> list[NDArray[np.float32]]:
    """A layer's weights as before training: Glorot-uniform kernels, biases 0, normalization none.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    2010: what Keras begins with. `weights`: the layer's, in Keras's order.
    """
    if isinstance(layer, BatchNorm):
        fills = (1, 0, 0, 1)  # gamma, beta, moving mean, moving variance
        return [
            np.full(one.shape, fill, np.float32) for one, fill in zip(weights, fills, strict=True)
        ]
    kernel, *biases = weights
    field = int(np.prod(kernel.shape[:-2]))
    end = np.sqrt(6 / (field * (kernel.shape[-2] + kernel.shape[-1])))
    drawn = np.random.default_rng(seed).uniform(-end, end, kernel.shape).astype(np.float32)
    return [drawn, *(np.zeros(one.shape, np.float32) for one in biases)]


def randomized_models(
    network: Network, count: int, how: Randomization = "cascading", seed: int = SANITY_SEED
) -> LayerModel:
    """A copy of a network with layers made random; the last four copies are kept.

    The network that visitors share is never touched.

    Args:
        network: a run's, finished or as it was after an epoch.
        count: how many layers are random, counted from the last; 0: a true copy.
        how: all of them, or the last of them alone.
        seed: the same one gives the same weights.

    Returns:
        The copy, ready to be asked.

    Raises:
        RunError: the network cannot be opened.
    """
    return _randomized(network, count, how, seed)


def randomized_map(
    network: Network,
    image: NDArray[np.uint8],
    question: Question,
    method: Method,
    settings: Settings | None = None,
    *,
    count: int,
    how: Randomization = "cascading",
) -> Values:
    """A method's map of the network with layers made random; the last 512 maps are kept.

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        method: how it is explained.
        settings: what a visitor may change of the method; None: as it is by default.
        count: how many layers are random, counted from the last.
        how: all of them, or the last of them alone.

    Returns:
        The map, float32 (28, 28), read-only.

    Raises:
        PictureError: the digit is blank.
        RunError: the network cannot be opened, its numbers are not finite, or it has no convolution
            that Grad-CAM could use.
    """
    asked = settings or Settings()
    return _map_of_random(network, image.tobytes(), question, method, asked, count, how)


def map_similarity(one: Values, other: Values) -> float | None:
    """Spearman's rank correlation of two maps, -1 to 1; None if one is the same everywhere."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def describe_correlation(correlation: float | None) -> str:
    """What a correlation says of a map, as a sentence."""
    if correlation is None:
        return "One of the two maps is empty, so there is nothing to compare."
    if correlation >= WEAK_CORRELATION:
        return (
            "The map has hardly changed: what it shows comes from the digit, not from what was "
            "learnt, so it explains nothing."
        )
    if correlation <= -WEAK_CORRELATION:
        return (
            "Red and blue have changed places, and the places have stayed: they come from the "
            "digit, not from what was learnt, so they explain nothing."
        )
    if abs(correlation) >= MODERATE_CORRELATION:
        return "The map has changed in part: a part of it comes from the digit alone."
    return "The map has changed: it depends on what the network has learnt, as it should."


def similarity_over_layers(
    network: Network,
    image: NDArray[np.uint8],
    question: Question,
    settings: Settings | None,
    report: Callable[[int, int], None],
) -> tuple[MapSimilarity, ...]:
    """For each method, how alike its map stays while layer after layer is made random.

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        question: what is explained.
        settings: what a visitor may change of the methods; None: as it is by default.
        report: is told maps done and in all, and stops it when it raises.

    Returns:
        The likeness for each method that this network allows.

    Raises:
        PictureError: the digit is blank.
        RunError: the network cannot be opened, or its numbers are not finite.
    """
    stages = layers_from_last(list(network.run.info.recipe.architecture.rows()))
    real = {}
    for method in METHODS:
        try:
            real[method] = explain(network, image, question, method, settings)
        except RunError:
            if method != "grad-cam":
                raise
    found: dict[Method, list[float | None]] = {method: [] for method in real}
    total = len(real) * len(stages)
    for count in range(1, len(stages) + 1):
        for place, (method, first) in enumerate(real.items()):
            report((count - 1) * len(real) + place, total)
            other = randomized_map(network, image, question, method, settings, count=count)
            found[method].append(map_similarity(first, other))
    return tuple(
        MapSimilarity(method, tuple(stages), tuple(each)) for method, each in found.items()
    )


@lru_cache(maxsize=4)
def _randomized(network: Network, count: int, how: Randomization, seed: int) -> LayerModel:
    recipe = network.run.info.recipe
    rows = list(recipe.architecture.rows())
    copy = build_model(recipe.architecture)
    copy.set_weights(load_layer_model(network).model.get_weights())
    names = randomized_layers(rows, count, how)
    for place, row in enumerate(rows):
        if row.name in names:
            layer = copy.get_layer(row.name)
            layer.set_weights(random_weights(layer.get_weights(), row.layer, (seed, place)))
    return LayerModel(copy, recipe.scaling)


@lru_cache(maxsize=512)
def _map_of_random(
    network: Network,
    pixels: bytes,
    question: Question,
    method: Method,
    settings: Settings,
    count: int,
    how: Randomization,
) -> Values:
    rows = list(network.run.info.recipe.architecture.rows())
    image = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    copy = randomized_models(network, count, how)
    found = class_scores(copy, rows, image, question, method, settings)
    return read_only(found)
