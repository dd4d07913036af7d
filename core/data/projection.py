"""Digits as points in the plane, similar ones near each other: the dataset page's map.

Two methods lead from the 784 numbers of a digit to two:

- `pca`, principal component analysis: the linear projection that keeps the most variance. It is
  computed by scikit-learn when it is first needed.
- `tsne`, t-distributed stochastic neighbor embedding (van der Maaten and Hinton, "Visualizing Data
  using t-SNE", 2008): digits that are neighbors stay neighbors, whatever becomes of the rest. It
  takes a minute, so `benchmarks/digit_map.py` computed it once and stored the positions in
  `STORED_MAP`.

The map shows all digits of the sample, and of the full MNIST its 10,000 test digits. Their order is
that of the splits in `_splits_of`, and within a split that of the index.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core import ASSETS
from core.data.mnist import CLASSES, Split
from core.data.statistics import SplitName, nearest_images, split_of
from core.utils.errors import DatasetError
from core.utils.files import NPZ_ERRORS
from core.utils.validation import read_only

Method = Literal["pca", "tsne"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
STORED_MAP: Final = ASSETS / "digit_map.npz"
"""For each dataset: the positions of its digits, float32 (n, 2), and their `fingerprint`."""
NEIGHBORS: Final = 5
"""So many similar digits give the position of a drawing where there is no rule for new points."""

_AT_ONCE: Final = 4096

Positions = NDArray[np.float32]


@dataclass(frozen=True)
class Point:
    """A digit on the map.

    Attributes:
        split: The split it belongs to.
        index: Its index in that split.
        label: 0 to 9.
    """

    split: SplitName
    index: int
    label: int


@dataclass(frozen=True)
class Points:
    """The digits on the map of one split with one label.

    Attributes:
        split: The split they belong to.
        label: 0 to 9.
        indices: int (n,), in that split.
        positions: Where they lie, float32 (n, 2).
    """

    split: SplitName
    label: int
    indices: NDArray[np.intp]
    positions: Positions


@dataclass(frozen=True)
class PlacedDigit:
    """A drawing on the map.

    Attributes:
        position: Where it belongs, (x, y).
        nearest: The digits most similar to it, the nearest first.
    """

    position: tuple[float, float]
    nearest: tuple[Point, ...]


@dataclass(frozen=True)
class Projection:
    """The PCA of the digits on the map, their pixels divided by 255.

    Attributes:
        mean: float32 (784,).
        directions: float32 (2, 784), each of length 1.
        shares: The fraction of the variance along each direction, 0 to 1.
    """

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    shares: tuple[float, float]

    def project(self, images: NDArray[np.uint8]) -> Positions:
        """Project images, uint8 (n, 28, 28), to positions, float32 (n, 2)."""
        positions = np.empty((len(images), 2), np.float32)
        for start in range(0, len(images), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            positions[part] = (flattened(images[part]) - self.mean) @ self.directions.T
        return positions


def _splits_of(dataset: str) -> tuple[SplitName, ...]:
    """List the splits whose digits are on the map, in order.

    10,000 points move smoothly in a browser; 70,000 would not, and would hide each other.
    """
    return ("test",) if dataset == "mnist" else ("train", "test")


@lru_cache(maxsize=2)
def map_digits(dataset: str) -> Split:
    """Load the digits on the map.

    Args:
        dataset: One of `mnist.DATASETS`.

    Returns:
        All of them as one split; their order is that of the map's points.

    Raises:
        DatasetError: The dataset cannot be loaded.

    Example:
        >>> len(map_digits("mnist-sample"))
        5000
    """
    parts = [split_of(dataset, split) for split in _splits_of(dataset)]
    if len(parts) == 1:
        return parts[0]
    return Split(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def digit_at(dataset: str, position: int) -> Point:
    """Find the digit at a position of `map_digits`.

    Raises:
        IndexError: There is no such position.

    Example:
        >>> point = digit_at("mnist-sample", 4000)
        >>> point.split, point.index
        ('test', 0)
    """
    if position < 0:
        raise IndexError(f"positions count from 0, not {position}")
    start = 0
    for split in _splits_of(dataset):
        labels = split_of(dataset, split).labels
        if position < start + len(labels):
            index = position - start
            return Point(split, index, int(labels[index]))
        start += len(labels)
    raise IndexError(f"there are {start} digits on the map, and none at {position}")


def position_of(dataset: str, split: SplitName, index: int) -> int | None:
    """Find the position of a digit in `map_digits`; None if it is not on the map.

    Example:
        >>> position_of("mnist-sample", "test", 0)
        4000
    """
    start = 0
    for name in _splits_of(dataset):
        count = len(split_of(dataset, name))
        if name == split:
            return start + index if 0 <= index < count else None
        start += count
    return None


def flattened(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Flatten images, uint8 (n, 28, 28), to rows, float32 (n, 784), from 0 to 1."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


@lru_cache(maxsize=2)
def load_projection(dataset: str) -> Projection:
    """Compute the PCA of the digits on the map, once per process."""
    from sklearn.decomposition import PCA  # takes a second to import: not before it is needed

    # By the covariance, 784 × 784: exact, the same every time, and fast for so many digits.
    fitted = PCA(n_components=2, svd_solver="covariance_eigh").fit(
        flattened(map_digits(dataset).images)
    )
    first, second = fitted.explained_variance_ratio_.tolist()
    return Projection(
        read_only(fitted.mean_.astype(np.float32)),
        read_only(fitted.components_.astype(np.float32)),
        (first, second),
    )


@lru_cache(maxsize=2 * len(METHODS))
def point_positions(dataset: str, method: Method) -> Positions:
    """Find where the digits of `map_digits` lie.

    Returns:
        float32 (n, 2), read-only.

    Raises:
        DatasetError: The dataset cannot be loaded, or `STORED_MAP` was made of other digits.
    """
    if method == "pca":
        return read_only(load_projection(dataset).project(map_digits(dataset).images))
    return read_only(_stored(dataset))


@lru_cache(maxsize=2 * len(METHODS))
def points_by_label(dataset: str, method: Method) -> tuple[Points, ...]:
    """Group the digits on the map by split and label: for each split the labels 0 to 9."""
    positions = point_positions(dataset, method)
    groups, start = list[Points](), 0
    for split in _splits_of(dataset):
        labels = split_of(dataset, split).labels
        groups += group_by_label(split, labels, positions[start : start + len(labels)])
        start += len(labels)
    return tuple(groups)


def group_by_label(
    split: SplitName, labels: NDArray[np.uint8], positions: Positions
) -> tuple[Points, ...]:
    """Group the digits of a split by their labels.

    Args:
        split: The split.
        labels: uint8 (n,), the labels of its digits.
        positions: float32 (n, 2), where the digits lie on a map.

    Returns:
        The digits with label 0, then 1, up to 9; arrays are read-only copies.
    """
    groups = [np.flatnonzero(labels == label) for label in range(CLASSES)]
    return tuple(
        Points(split, label, read_only(indices), read_only(positions[indices]))
        for label, indices in enumerate(groups)
    )


@lru_cache(maxsize=2 * len(METHODS))
def neighbor_agreement(dataset: str, method: Method) -> float:
    """Compute the fraction of digits, 0 to 1, whose nearest point on the map has their label."""
    from sklearn.neighbors import NearestNeighbors

    labels = map_digits(dataset).labels
    # Called without an argument, kneighbors does not count a point as its own neighbor.
    nearest = (
        NearestNeighbors(n_neighbors=1).fit(point_positions(dataset, method)).kneighbors()[1][:, 0]
    )
    return float(np.mean(labels[nearest] == labels))


def place_digit(image: NDArray[np.uint8], dataset: str, method: Method) -> PlacedDigit:
    """Find where a new image belongs on the map.

    PCA projects it like all others. t-SNE has no rule for a new point: it is put at the mean
    position of the `NEIGHBORS` most similar digits (Euclidean distance of their pixels), each
    weighted by 1 / distance; the very image of a digit lies where that digit lies.

    Args:
        image: uint8 (28, 28), light ink on 0.
        dataset: The dataset of the map.
        method: The method of the map.
    """
    positions, distances = nearest_images(image, map_digits(dataset).images, NEIGHBORS)
    if method == "pca":
        place = load_projection(dataset).project(image[None])[0]
    else:
        weights = 1 / distances if distances.all() else (distances == 0).astype(np.float64)
        place = np.average(point_positions(dataset, method)[positions], axis=0, weights=weights)
    x, y = place.tolist()
    return PlacedDigit((x, y), tuple(digit_at(dataset, int(k)) for k in positions))


def fingerprint(dataset: str) -> str:
    """Compute the SHA-256 of the pixels, then the labels, of the digits on the map, in hex."""
    digits = map_digits(dataset)
    checksum = hashlib.sha256(np.ascontiguousarray(digits.images).data)
    checksum.update(np.ascontiguousarray(digits.labels).data)
    return checksum.hexdigest()


def _stored(dataset: str) -> Positions:
    try:
        with STORED_MAP.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            positions = archive[f"{dataset}_places"]
            digits_checksum = str(archive[f"{dataset}_digits"])
    except NPZ_ERRORS as error:
        raise DatasetError(
            "The stored t-SNE map cannot be read. Choose PCA, or restore the file digit_map.npz."
        ).at(STORED_MAP) from error
    count = len(map_digits(dataset))
    if positions.shape != (count, 2) or digits_checksum != fingerprint(dataset):
        raise DatasetError(
            "The stored t-SNE map was made of other digits than these. Choose PCA, or compute it "
            "anew with `python -m benchmarks.digit_map --store`."
        ).at(STORED_MAP)
    return positions.astype(np.float32)
