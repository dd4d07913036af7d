"""Why this answer: which pixels of a digit speak for a class, by three methods.

All three are asked for one number, the score: the logit (what goes into the last activation) of a
class, or the difference of two classes' logits, "why 4 and not 9".

- `grad_cam`: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
  Localization", 2017.
- `integrated_gradients`: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks",
  2017.
- `occlusion`: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, get_args

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.architectures import Activation, BatchNorm, Conv, Row
from core.arrays import read_only
from core.datasets import CLASSES
from core.errors import PictureError, RunError
from core.map_places import laid_on_digit
from core.probe import Probe, Values, probe
from core.runs import Network

Method = Literal["grad-cam", "integrated-gradients", "occlusion"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
SIDE: Final = 28
STEPS: Final = 192
"""Points on the way from the blank digit: 20 to 300 are enough, says the paper."""
SQUARES: Final = range(2, 12)
"""Sides of the square of paper, in pixels."""
SQUARE: Final = 5

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
    square: int = SQUARE


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


def explained(
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


def completeness(network: Network, image: NDArray[np.uint8], question: Question) -> Completeness:
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
    total = explained(network, image, question, "integrated-gradients").sum(dtype=np.float64)
    opened = probe(network)
    both = opened.inputs(np.stack([image, np.zeros_like(image)]))
    digit, blank = question.score(opened.rest(tf.constant(both), None).numpy()).tolist()
    return Completeness(float(total), digit, blank)


def ask(
    opened: Probe,
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
    opened: Probe,
    rows: Sequence[Row],
    image: NDArray[np.uint8],
    question: Question,
    layer: str | None = None,
) -> Values:
    """Grad-CAM of a convolution (None: the last): float32 (28, 28), 0 or more.

    Each feature map is weighted by the mean gradient of the score with respect to it; of the sum,
    only what speaks for the score is kept (the paper's ReLU), for a difference of classes what
    speaks for the first rather than the second. The maps are those behind the convolution's batch
    normalisation and activation, and each of their values is laid where its receptive field has its
    centre, with values between by straight lines. Raises RunError without such a convolution.
    """
    names = [row.name for row in rows if isinstance(row.layer, Conv)]
    if not names:
        raise RunError(_NO_CONVOLUTION)
    chosen = layer or names[-1]
    if chosen not in names:
        raise RunError(f"This network has no convolution {chosen!r}. It has: {', '.join(names)}.")
    behind = maps_of(rows, chosen)
    maps = opened.outputs(image[None])[behind]
    weights = _gradient(opened, maps, behind, question)[0].mean(axis=(0, 1))
    return laid_on_digit(np.maximum(maps[0] @ weights, 0), rows, behind)


def maps_of(rows: Sequence[Row], convolution: str) -> str:
    """The last of the normalisations and activations that belong to a convolution, by its name."""
    names = [row.name for row in rows]
    found = names.index(convolution)
    while isinstance(rows[found + 1].layer, BatchNorm | Activation):
        found += 1
    return names[found]


def integrated_gradients(
    opened: Probe, image: NDArray[np.uint8], question: Question, steps: int = STEPS
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
    opened: Probe, image: NDArray[np.uint8], question: Question, square: int = SQUARE
) -> Values:
    """What the score loses where a square of blank paper lies: float32 (28, 28), signed.

    The square slides over all places, those half beyond the edge too, before the digit is scaled;
    each pixel gets the mean loss of the places that cover it. A place without ink loses nothing and
    is not asked for. Raises ValueError unless the square's side is one of `SQUARES`.
    """
    if square not in SQUARES:
        raise ValueError(f"a square has {SQUARES[0]} to {SQUARES[-1]} pixels a side, not {square}")
    corners = range(1 - square, SIDE)
    places = [(_cut(row, square), _cut(column, square)) for row in corners for column in corners]
    inked = [place for place in places if image[place].any()]
    # Of these, many hide the same ink: each picture is asked once.
    hidden, which = np.unique(
        np.stack([_without(image, place) for place in inked]), axis=0, return_inverse=True
    )
    scores = _scores(opened, np.concatenate([image[None], hidden]), question)
    losses = scores[0] - scores[1:][which.ravel()]
    total = np.zeros((SIDE, SIDE))
    for place, loss in zip(inked, losses, strict=True):
        total[place] += loss
    return np.asarray(total / square**2, np.float32)


def _cut(start: int, size: int) -> slice:
    return slice(max(start, 0), min(start + size, SIDE))


def _without(image: NDArray[np.uint8], place: tuple[slice, slice]) -> NDArray[np.uint8]:
    found = image.copy()
    found[place] = 0
    return found


def _scores(opened: Probe, images: NDArray[np.uint8], question: Question) -> NDArray[np.float64]:
    chunks = [
        opened.rest(tf.constant(opened.inputs(images[at : at + 2 * _AT_ONCE])), None).numpy()
        for at in range(0, len(images), 2 * _AT_ONCE)
    ]
    return np.asarray(question.score(np.concatenate(chunks)), np.float64)


def _gradient(opened: Probe, values: Values, after: str | None, question: Question) -> Values:
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
    image = np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE)
    found = ask(probe(network), rows, image, question, method, settings)
    return read_only(found)
