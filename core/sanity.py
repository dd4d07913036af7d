"""Whether an explanation depends on what the network has learnt: its weights are made random.

The model parameter randomisation test of Adebayo et al., "Sanity Checks for Saliency Maps", 2018:
layers are put back to random weights from the last to the first ("cascading"), or one alone
("independent"), and the map is made anew. One that stays as it was cannot explain what the network
has learnt. As in the paper, maps are compared by Spearman's rank correlation; here with their
signs, since by magnitude alone all maps of a digit are alike: nothing outside the ink matters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from core.architectures import BatchNorm, Conv, Dense, Row
from core.arrays import read_only
from core.attribution import METHODS, Method, Question, Settings, ask, explained
from core.errors import RunError
from core.keras_model import build_model
from core.probe import Probe, Values, probe
from core.runs import Network

How = Literal["cascading", "independent"]
SEED: Final = 2018
HARDLY: Final = 0.7
"""A map that is as alike as that has hardly changed."""
PARTLY: Final = 0.4


@dataclass(frozen=True)
class Likeness:
    """How alike a method's maps are, one number for each layer reached, -1 to 1.

    None where a map is the same everywhere, so that there are no ranks. `layers`: from the last.
    """

    method: Method
    layers: tuple[str, ...]
    correlations: tuple[float | None, ...]


def layers_from_last(rows: Sequence[Row]) -> list[str]:
    """The convolutions and dense layers of a network, the last first: the test's stages."""
    return [row.name for row in rows if isinstance(row.layer, Conv | Dense)][::-1]


def reached(rows: Sequence[Row], count: int, how: How = "cascading") -> list[str]:
    """The layers whose weights are made random at a stage, 0 (none) to the number of stages.

    Batch normalisations belong to the convolution or dense layer before them. `independent`: only
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
    """A layer's weights as before training: Glorot-uniform kernels, biases 0, normalisation none.

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


def randomised(network: Network, count: int, how: How = "cascading", seed: int = SEED) -> Probe:
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
    return _randomised(network, count, how, seed)


def map_of_random(
    network: Network,
    image: NDArray[np.uint8],
    question: Question,
    method: Method,
    settings: Settings | None = None,
    *,
    count: int,
    how: How = "cascading",
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


def alike(one: Values, other: Values) -> float | None:
    """Spearman's rank correlation of two maps, -1 to 1; None if one is the same everywhere."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(spearmanr(one.ravel(), other.ravel()).statistic)


def verdict(correlation: float | None) -> str:
    """What a correlation says of a map, as a sentence."""
    if correlation is None:
        return "One of the two maps is empty, so there is nothing to compare."
    if correlation >= HARDLY:
        return (
            "The map has hardly changed: what it shows comes from the digit, not from what was "
            "learnt, so it explains nothing."
        )
    if correlation <= -HARDLY:
        return (
            "Red and blue have changed places, and the places have stayed: they come from the "
            "digit, not from what was learnt, so they explain nothing."
        )
    if abs(correlation) >= PARTLY:
        return "The map has changed in part: a part of it comes from the digit alone."
    return "The map has changed: it depends on what the network has learnt, as it should."


def over_layers(
    network: Network,
    image: NDArray[np.uint8],
    question: Question,
    settings: Settings | None,
    report: Callable[[int, int], None],
) -> tuple[Likeness, ...]:
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
            real[method] = explained(network, image, question, method, settings)
        except RunError:
            if method != "grad-cam":
                raise
    found: dict[Method, list[float | None]] = {method: [] for method in real}
    total = len(real) * len(stages)
    for count in range(1, len(stages) + 1):
        for place, (method, first) in enumerate(real.items()):
            report((count - 1) * len(real) + place, total)
            other = map_of_random(network, image, question, method, settings, count=count)
            found[method].append(alike(first, other))
    return tuple(Likeness(method, tuple(stages), tuple(each)) for method, each in found.items())


@lru_cache(maxsize=4)
def _randomised(network: Network, count: int, how: How, seed: int) -> Probe:
    recipe = network.run.info.recipe
    rows = list(recipe.architecture.rows())
    copy = build_model(recipe.architecture)
    copy.set_weights(probe(network).model.get_weights())
    names = reached(rows, count, how)
    for place, row in enumerate(rows):
        if row.name in names:
            layer = copy.get_layer(row.name)
            layer.set_weights(random_weights(layer.get_weights(), row.layer, (seed, place)))
    return Probe(copy, recipe.scaling)


@lru_cache(maxsize=512)
def _map_of_random(
    network: Network,
    pixels: bytes,
    question: Question,
    method: Method,
    settings: Settings,
    count: int,
    how: How,
) -> Values:
    rows = list(network.run.info.recipe.architecture.rows())
    image = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    copy = randomised(network, count, how)
    found = ask(copy, rows, image, question, method, settings)
    return read_only(found)
