"""The inside map: where the sample's 1,000 test digits lie for a network, and which are neighbors.

A digit's embedding is what the network's last dense layer gets: its own description of the digit,
from which that layer reads the answer. Two ways from its many numbers to two, as on the dataset
page (`core.data.projection`): PCA, which can place any digit, and t-SNE (van der Maaten and Hinton,
"Visualizing Data using t-SNE", 2008), which keeps neighbors together and takes some seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.data import mnist
from core.data.mnist import CLASSES, Split
from core.data.projection import NEIGHBORS, Points
from core.data.statistics import most_similar_pairs
from core.explain.activations import LayerModel, load_layer_model
from core.runs.run import Network
from core.utils.errors import RunError
from core.utils.validation import read_only

DATASET: Final = "mnist-sample"
MAX_EMBEDDING: Final = 8192
"""So many numbers may describe a digit: 1,000 digits then take 33 MB."""
_AT_ONCE: Final = 128
_SEED: Final = 0
_PERPLEXITY: Final = 30

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LatentSpace:
    """The test digits inside a network.

    `values`: their embeddings, float32 (n, d). `mean` (d,) and `directions` (2, d): of its PCA;
    `shares`: of the whole variance, what each direction holds, 0 to 1. All read-only.
    """

    values: Floats
    mean: Floats
    directions: Floats
    shares: tuple[float, float]

    def flat(self, values: Floats) -> Floats:
        """Where embeddings (n, d) lie on the map by PCA: float32 (n, 2)."""
        return np.asarray((values - self.mean) @ self.directions.T, np.float32)


@dataclass(frozen=True)
class NearDigits:
    """Test digits near to one: their indices int (k,), labels, distances; the nearest first."""

    indices: NDArray[np.intp]
    labels: NDArray[np.uint8]
    distances: NDArray[np.float64]

    def same(self, label: int) -> int:
        """How many of them have this label."""
        return int((self.labels == label).sum())


def shown_indices() -> Split:
    """The digits on the map."""
    return mnist.load(DATASET).test


def embed(opened: LayerModel, images: NDArray[np.uint8]) -> Floats:
    """What the last dense layer gets of digits, uint8 (n, 28, 28): float32 (n, d)."""
    parts = []
    for start in range(0, len(images), _AT_ONCE):
        values = tf.constant(opened.network_input(images[start : start + _AT_ONCE]))
        for layer in opened.model.layers[:-1]:
            values = layer(values, training=False)
        parts.append(values.numpy())
    return np.concatenate(parts)


@lru_cache(maxsize=4)
def load_latent_space(network: Network) -> LatentSpace:
    """The test digits inside a network, worked out once for all visitors.

    The last four networks' are kept, each 33 MB at most.

    Args:
        network: a run's, finished or as it was after an epoch.

    Returns:
        Their embeddings, and the PCA of these.

    Raises:
        RunError: the network cannot be opened, its numbers are not finite or the same for all
            digits, or there are more of them for a digit than `LARGEST`.
    """
    from sklearn.decomposition import PCA  # takes a second to import: not before it is needed

    opened = load_layer_model(network)
    count = int(opened.model.layers[-1].kernel.shape[0])
    if count > MAX_EMBEDDING:
        raise RunError(
            f"Before its last layer this network describes a digit by {count:,} numbers: too many "
            f"for a map, which takes {MAX_EMBEDDING:,}. Choose a run that pools more, or has a "
            "dense "
            "layer before its last."
        )
    values = _differing(_checked(embed(opened, shown_indices().images)))
    # Both are exact, and the same every time; the second is fast where there are many numbers.
    way = "full" if count <= _AT_ONCE else "arpack"
    fitted = PCA(n_components=2, svd_solver=way, random_state=_SEED).fit(values.astype(np.float64))
    first, second = fitted.explained_variance_ratio_.tolist()
    return LatentSpace(
        read_only(values),
        read_only(fitted.mean_.astype(np.float32)),
        read_only(fitted.components_.astype(np.float32)),
        (first, second),
    )


def pca_points(network: Network) -> tuple[Points, ...]:
    """The digits on the map by PCA.

    Args:
        network: a run's, finished or as it was after an epoch.

    Returns:
        The dots by label, 0 to 9.

    Raises:
        RunError: as `inside`.
    """
    return latent_points(_flat(network))


def tsne_positions(network: Network, report: Callable[[int, int], None]) -> NDArray[np.float32]:
    """Where the digits lie by t-SNE, scikit-learn's, begun from the PCA; the same each time.

    Args:
        network: a run's, finished or as it was after an epoch.
        report: is told the digits at the beginning and the end: what lies between cannot be looked
            into.

    Returns:
        The places, float32 (n, 2), read-only.

    Raises:
        RunError: as `inside`.
    """
    from sklearn.manifold import TSNE  # takes a second to import: not before it is needed
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    found = load_latent_space(network)
    report(0, 0)
    # On a busy machine, threads that wait for each other at every step took six times as long.
    with threadpool_limits(1):
        fitted = TSNE(init="pca", perplexity=_PERPLEXITY, random_state=_SEED, n_jobs=1)
        laid = fitted.fit_transform(found.values)
    report(len(laid), len(laid))
    return read_only(np.asarray(laid, np.float32))


def latent_points(places: Floats) -> tuple[Points, ...]:
    """Positions of the test digits, (n, 2), by label 0 to 9, for `projection_chart`."""
    labels = shown_indices().labels
    which = [np.flatnonzero(labels == label) for label in range(CLASSES)]
    return tuple(Points("test", label, some, places[some]) for label, some in enumerate(which))


def place_in_latent_space(
    network: Network, image: NDArray[np.uint8], tsne: Floats | None = None
) -> tuple[float, float]:
    """Where a digit lies on the map by PCA, or on a given one by t-SNE.

    t-SNE has no rule for a new point: there it is put at the mean place of the five digits nearest
    to it inside the network, each weighted by 1 / distance; a test digit lies where it lies.

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        tsne: the places of the test digits by t-SNE, float32 (n, 2); None: by PCA.

    Returns:
        Its x and y.

    Raises:
        RunError: as `inside`.
    """
    found = load_latent_space(network)
    embedding = _embedding(network, image.tobytes())
    if tsne is None:
        x, y = found.flat(embedding[None])[0].tolist()
        return x, y
    own = latent_position(image)
    if own is not None:
        x, y = tsne[own].tolist()
        return x, y
    distances = np.linalg.norm(found.values - embedding, axis=1)
    nearest = np.argsort(distances, kind="stable")[:NEIGHBORS]
    weights = 1 / np.maximum(distances[nearest], 1e-9)
    x, y = np.average(tsne[nearest], axis=0, weights=weights).tolist()
    return x, y


def latent_position(image: NDArray[np.uint8]) -> int | None:
    """Which of the test digits this picture is, None if it is none of them."""
    same = (shown_indices().images == image).all(axis=(1, 2))
    return int(same.argmax()) if same.any() else None


def nearest_in_latent_space(
    network: Network, image: NDArray[np.uint8], count: int = 10
) -> NearDigits:
    """The test digits whose embeddings are nearest (Euclidean) to a digit's, without itself.

    Args:
        network: a run's, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        count: how many.

    Returns:
        The digits, the nearest first.

    Raises:
        RunError: as `inside`.
    """
    apart = load_latent_space(network).values - _embedding(network, image.tobytes())
    distances = np.sqrt(np.einsum("ij,ij->i", apart, apart, dtype=np.float64))
    return _near(np.argsort(distances, kind="stable"), distances, image, count)


def nearest_by_pixels(image: NDArray[np.uint8], count: int = 10) -> NearDigits:
    """The test digits whose pixels are nearest (Euclidean) to a digit's, without itself."""
    order, sorted_ = most_similar_pairs(image, shown_indices().images, len(shown_indices()))
    distances = np.empty(len(order))
    distances[order] = sorted_
    return _near(order, distances, image, count)


def _near(
    order: NDArray[np.intp],
    distances: NDArray[np.float64],
    image: NDArray[np.uint8],
    count: int,
) -> NearDigits:
    chosen = order[order != latent_position(image)][:count]
    return NearDigits(chosen, shown_indices().labels[chosen], distances[chosen])


@lru_cache(maxsize=256)
def _embedding(network: Network, pixels: bytes) -> Floats:
    image = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    return read_only(_checked(embed(load_layer_model(network), image[None]))[0].copy())


@lru_cache(maxsize=64)
def _flat(network: Network) -> Floats:
    found = load_latent_space(network)
    return read_only(found.flat(found.values))


def _checked(values: Floats) -> Floats:
    if not np.isfinite(values).all():
        raise RunError(
            "This network gives numbers that are not finite: its training diverged. "
            "Choose another run or another epoch."
        )
    return values


def _differing(values: Floats) -> Floats:
    if (values == values[0]).all():
        raise RunError(
            "This network gives every digit the same numbers before its last layer, so all would "
            "lie on one point: it has learnt nothing. Choose another run or another epoch."
        )
    return values
