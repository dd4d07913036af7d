"""The latent space: where the sample's 1,000 test digits lie for a network, and their neighbors.

A digit's embedding is the input of the network's last dense layer: the network's own description of
the digit, from which that layer reads the answer. Two methods reduce it to two numbers, as on the
dataset page (`core.data.projection`): PCA, which can place any digit, and t-SNE (van der Maaten and
Hinton, "Visualizing Data using t-SNE", 2008), which keeps neighbors together and takes some
seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.data import mnist
from core.data.mnist import Split
from core.data.projection import NEIGHBORS, Points, group_by_label
from core.data.statistics import nearest_images
from core.explain.activations import LayerModel, load_layer_model
from core.runs.run import Network
from core.utils.errors import RunError
from core.utils.validation import read_only

DATASET: Final = "mnist-sample"
MAX_EMBEDDING: Final = 8192
"""The most numbers that may describe a digit: 1,000 digits then take 33 MB."""
_AT_ONCE: Final = 128
_SEED: Final = 0
_PERPLEXITY: Final = 30

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LatentSpace:
    """The embeddings of the test digits, with their PCA; arrays are read-only.

    Attributes:
        values: the embeddings, float32 (n, d).
        mean: of the PCA, float32 (d,).
        directions: of the PCA, float32 (2, d).
        shares: of the whole variance, the share of each direction, 0 to 1.
    """

    values: Floats
    mean: Floats
    directions: Floats
    shares: tuple[float, float]

    def project(self, values: Floats) -> Floats:
        """Embeddings (n, d) on the PCA map: float32 (n, 2)."""
        return np.asarray((values - self.mean) @ self.directions.T, np.float32)


@dataclass(frozen=True)
class NearDigits:
    """Test digits near a digit, the nearest first.

    Attributes:
        indices: in the test split, int (k,).
        labels: uint8 (k,).
        distances: Euclidean, float64 (k,).
    """

    indices: NDArray[np.intp]
    labels: NDArray[np.uint8]
    distances: NDArray[np.float64]

    def count_label(self, label: int) -> int:
        """How many of them have this label."""
        return int((self.labels == label).sum())


def displayed_digits() -> Split:
    """The digits on the map."""
    return mnist.load(DATASET).test


def embed(layer_model: LayerModel, images: NDArray[np.uint8]) -> Floats:
    """The input of the last dense layer for digits, uint8 (n, 28, 28): float32 (n, d)."""
    parts = []
    for start in range(0, len(images), _AT_ONCE):
        values = tf.constant(layer_model.network_input(images[start : start + _AT_ONCE]))
        for layer in layer_model.model.layers[:-1]:
            values = layer(values, training=False)
        parts.append(values.numpy())
    return np.concatenate(parts)


@lru_cache(maxsize=4)
def load_latent_space(network: Network) -> LatentSpace:
    """The embeddings of the test digits, computed once for all visitors.

    The last four networks' are cached, 33 MB each at most.

    Args:
        network: a run's network, finished or as it was after an epoch.

    Raises:
        RunError: the network cannot be opened, its numbers are not finite or the same for all
            digits, or a digit has more of them than `MAX_EMBEDDING`.
    """
    from sklearn.decomposition import PCA  # takes a second to import: not before it is needed

    layer_model = load_layer_model(network)
    width = int(layer_model.model.layers[-1].kernel.shape[0])
    if width > MAX_EMBEDDING:
        raise RunError(
            f"Before its last layer this network describes a digit by {width:,} numbers: too many "
            f"for a map, which takes {MAX_EMBEDDING:,}. Choose a run that pools more, or has a "
            "dense layer before its last."
        )
    values = _differing(_checked(embed(layer_model, displayed_digits().images)))
    # Both are exact, and the same every time; the second is fast where there are many numbers.
    solver = "full" if width <= _AT_ONCE else "arpack"
    pca = PCA(n_components=2, svd_solver=solver, random_state=_SEED).fit(values.astype(np.float64))
    first, second = pca.explained_variance_ratio_.tolist()
    return LatentSpace(
        read_only(values),
        read_only(pca.mean_.astype(np.float32)),
        read_only(pca.components_.astype(np.float32)),
        (first, second),
    )


def pca_points(network: Network) -> tuple[Points, ...]:
    """The digits on the PCA map.

    Args:
        network: a run's network, finished or as it was after an epoch.

    Returns:
        The points by label, 0 to 9.

    Raises:
        RunError: as `load_latent_space`.
    """
    return latent_points(_projected(network))


def tsne_positions(network: Network, report: Callable[[int, int], None]) -> NDArray[np.float32]:
    """Positions of the digits by scikit-learn's t-SNE, started from the PCA; the same each time.

    Args:
        network: a run's network, finished or as it was after an epoch.
        report: called with the number of digits at the beginning and at the end; t-SNE reports
            nothing between.

    Returns:
        float32 (n, 2), read-only.

    Raises:
        RunError: as `load_latent_space`.
    """
    from sklearn.manifold import TSNE  # takes a second to import: not before it is needed
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    space = load_latent_space(network)
    report(0, 0)
    # One thread: on a busy machine, threads that wait for each other took six times as long.
    with threadpool_limits(1):
        tsne = TSNE(init="pca", perplexity=_PERPLEXITY, random_state=_SEED, n_jobs=1)
        positions = tsne.fit_transform(space.values)
    report(len(positions), len(positions))
    return read_only(np.asarray(positions, np.float32))


def latent_points(positions: Floats) -> tuple[Points, ...]:
    """Positions of the test digits, (n, 2), as points by label 0 to 9."""
    return group_by_label("test", displayed_digits().labels, positions)


def place_in_latent_space(
    network: Network, image: NDArray[np.uint8], tsne: Floats | None = None
) -> tuple[float, float]:
    """The position of a digit on the PCA map, or on a given t-SNE map.

    t-SNE has no rule for a new point. It is put at the mean position of the five digits with the
    nearest embeddings, each weighted by 1 / distance; a test digit keeps its own position.

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        tsne: the positions of the test digits by t-SNE, float32 (n, 2); None: PCA.

    Returns:
        Its x and y.

    Raises:
        RunError: as `load_latent_space`.
    """
    space = load_latent_space(network)
    embedding = _embedding(network, image.tobytes())
    if tsne is None:
        x, y = space.project(embedding[None])[0].tolist()
        return x, y
    test_index = test_digit_index(image)
    if test_index is not None:
        x, y = tsne[test_index].tolist()
        return x, y
    distances = np.linalg.norm(space.values - embedding, axis=1)
    nearest = np.argsort(distances, kind="stable")[:NEIGHBORS]
    weights = 1 / np.maximum(distances[nearest], 1e-9)
    x, y = np.average(tsne[nearest], axis=0, weights=weights).tolist()
    return x, y


def test_digit_index(image: NDArray[np.uint8]) -> int | None:
    """The index of a picture among the test digits; None if it is none of them."""
    same = (displayed_digits().images == image).all(axis=(1, 2))
    return int(same.argmax()) if same.any() else None


def nearest_in_latent_space(
    network: Network, image: NDArray[np.uint8], count: int = 10
) -> NearDigits:
    """The test digits whose embeddings are nearest to a digit's, without the digit itself.

    Args:
        network: a run's network, finished or as it was after an epoch.
        image: the digit, uint8 (28, 28).
        count: how many.

    Returns:
        The digits with their Euclidean distances, the nearest first.

    Raises:
        RunError: as `load_latent_space`.
    """
    differences = load_latent_space(network).values - _embedding(network, image.tobytes())
    distances = np.sqrt(np.einsum("ij,ij->i", differences, differences, dtype=np.float64))
    return _near_digits(np.argsort(distances, kind="stable"), distances, image, count)


def nearest_by_pixels(image: NDArray[np.uint8], count: int = 10) -> NearDigits:
    """The test digits whose pixels are nearest (Euclidean) to a digit's, without itself."""
    order, sorted_distances = nearest_images(
        image, displayed_digits().images, len(displayed_digits())
    )
    distances = np.empty(len(order))
    distances[order] = sorted_distances
    return _near_digits(order, distances, image, count)


def _near_digits(
    order: NDArray[np.intp],
    distances: NDArray[np.float64],
    image: NDArray[np.uint8],
    count: int,
) -> NearDigits:
    chosen = order[order != test_digit_index(image)][:count]
    return NearDigits(chosen, displayed_digits().labels[chosen], distances[chosen])


@lru_cache(maxsize=256)
def _embedding(network: Network, pixels: bytes) -> Floats:
    image = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    return read_only(_checked(embed(load_layer_model(network), image[None]))[0].copy())


@lru_cache(maxsize=64)
def _projected(network: Network) -> Floats:
    space = load_latent_space(network)
    return read_only(space.project(space.values))


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
            "lie on one point: it has learned nothing. Choose another run or another epoch."
        )
    return values
