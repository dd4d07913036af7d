"""Digits as points in the plane, alike ones near each other: the dataset page's map.

Two ways from the 784 numbers of a digit to two:

- `pca`, principal component analysis: the straight projection that keeps the most variance. It is
  computed by scikit-learn when it is first asked for.
- `tsne`, t-distributed stochastic neighbor embedding (van der Maaten and Hinton, "Visualizing Data
  using t-SNE", 2008): digits that are neighbors stay neighbors, whatever becomes of the rest. It
  takes a minute, so `benchmarks/digit_map.py` computed it once, and `STORE` keeps where each digit
  came to lie.

On the map are all digits of the sample, and of the full MNIST its 10,000 test digits. They stand in
the order of the splits in `_splits_of`, and within a split in that of their index.
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
from core.utils.files import NPZ_FAULTS
from core.utils.validation import read_only

Method = Literal["pca", "tsne"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
STORED_MAP: Final = ASSETS / "digit_map.npz"
"""For each dataset: where its digits lie, float32 (n, 2), and `fingerprint` of those digits."""
NEIGHBORS: Final = 5
"""As many digits say where a drawing belongs on a map that cannot place a new point by itself."""

_AT_ONCE: Final = 4096

Positions = NDArray[np.float32]


@dataclass(frozen=True)
class Point:
    """A digit that is on the map, by its split and its index in it, and its label."""

    split: SplitName
    index: int
    label: int


@dataclass(frozen=True)
class Points:
    """The digits of one split with one label: indices int (n,), and their places float32 (n, 2)."""

    split: SplitName
    label: int
    indices: NDArray[np.intp]
    places: Positions


@dataclass(frozen=True)
class PlacedDigit:
    """Where a drawing belongs on the map, and the digits most alike it, the nearest first."""

    place: tuple[float, float]
    nearest: tuple[Point, ...]


@dataclass(frozen=True)
class Projection:
    """A PCA of the digits on the map, their pixels divided by 255.

    `mean`: float32 (784,). `directions`: float32 (2, 784), each of length 1. `shares`: of the whole
    variance, what each direction holds, 0 to 1.
    """

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]
    shares: tuple[float, float]

    def of(self, images: NDArray[np.uint8]) -> Positions:
        """Where images uint8 (n, 28, 28) lie: float32 (n, 2)."""
        found = np.empty((len(images), 2), np.float32)
        for start in range(0, len(images), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found[part] = (flattened(images[part]) - self.mean) @ self.directions.T
        return found


def _splits_of(dataset: str) -> tuple[SplitName, ...]:
    """The splits whose digits are on the map, in their order.

    10,000 points move smoothly in a browser; 70,000 would not, and would hide each other.
    """
    return ("test",) if dataset == "mnist" else ("train", "test")


@lru_cache(maxsize=2)
def map_digits(dataset: str) -> Split:
    """The digits on the map. Raises DatasetError if the dataset cannot be loaded."""
    parts = [split_of(dataset, split) for split in _splits_of(dataset)]
    if len(parts) == 1:
        return parts[0]
    return Split(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def digit_at(dataset: str, position: int) -> Point:
    """The digit at a position of `shown`. Raises IndexError if there is none."""
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
    """Where in `shown` a digit stands, or None if it is not on the map."""
    start = 0
    for name in _splits_of(dataset):
        count = len(split_of(dataset, name))
        if name == split:
            return start + index if 0 <= index < count else None
        start += count
    return None


def flattened(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images uint8 (n, 28, 28) as rows float32 (n, 784), 0 to 1."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


@lru_cache(maxsize=2)
def load_projection(dataset: str) -> Projection:
    """The PCA of the digits on the map, computed once per process."""
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
def point_positions(dataset: str, way: Method) -> Positions:
    """Where the digits of `shown` lie, float32 (n, 2), read-only.

    Raises DatasetError if the dataset cannot be loaded, or `STORE` does not fit to its digits.
    """
    if way == "pca":
        return read_only(load_projection(dataset).of(map_digits(dataset).images))
    return read_only(_stored(dataset))


@lru_cache(maxsize=2 * len(METHODS))
def points(dataset: str, way: Method) -> tuple[Points, ...]:
    """The digits on the map, by split and label: for each split the labels 0 to 9."""
    everywhere = point_positions(dataset, way)
    found, start = [], 0
    for split in _splits_of(dataset):
        labels = split_of(dataset, split).labels
        for label in range(CLASSES):
            indices = np.flatnonzero(labels == label)
            found.append(
                Points(split, label, read_only(indices), read_only(everywhere[start + indices]))
            )
        start += len(labels)
    return tuple(found)


@lru_cache(maxsize=2 * len(METHODS))
def agreement(dataset: str, way: Method) -> float:
    """The share of digits, 0 to 1, whose nearest point on the map has the same label."""
    from sklearn.neighbors import NearestNeighbors

    labels = map_digits(dataset).labels
    # Without a question, each point is asked for, and does not count as its own neighbor.
    nearest = (
        NearestNeighbors(n_neighbors=1).fit(point_positions(dataset, way)).kneighbors()[1][:, 0]
    )
    return float(np.mean(labels[nearest] == labels))


def place_digit(image: NDArray[np.uint8], dataset: str, way: Method) -> PlacedDigit:
    """Where an image uint8 (28, 28), light ink on 0, belongs on the map.

    `pca` projects it as it did all others. t-SNE has no rule for a new point: there it is put at
    the mean place of the `NEAREST` digits most alike it (Euclidean distance of their pixels), each
    weighted by 1 / distance; the very image of a digit lies where that digit lies.
    """
    positions, distances = nearest_images(image, map_digits(dataset).images, NEIGHBORS)
    if way == "pca":
        where = load_projection(dataset).of(image[None])[0]
    else:
        weights = 1 / distances if distances.all() else (distances == 0).astype(np.float64)
        where = np.average(point_positions(dataset, way)[positions], axis=0, weights=weights)
    x, y = where.tolist()
    return PlacedDigit((x, y), tuple(digit_at(dataset, int(k)) for k in positions))


def fingerprint(dataset: str) -> str:
    """SHA-256 of the pixels, then the labels, of the digits on the map, as hexadecimal digits."""
    digits = map_digits(dataset)
    found = hashlib.sha256(np.ascontiguousarray(digits.images).data)
    found.update(np.ascontiguousarray(digits.labels).data)
    return found.hexdigest()


def _stored(dataset: str) -> Positions:
    try:
        with STORED_MAP.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = archive[f"{dataset}_places"]
            of = str(archive[f"{dataset}_digits"])
    except NPZ_FAULTS as error:
        raise DatasetError(
            "The stored t-SNE map cannot be read. Choose PCA, or restore the file digit_map.npz."
        ).at(STORED_MAP) from error
    if found.shape != (len(map_digits(dataset)), 2) or of != fingerprint(dataset):
        raise DatasetError(
            "The stored t-SNE map was made of other digits than these. Choose PCA, or compute it "
            "anew with `python -m benchmarks.digit_map --store`."
        ).at(STORED_MAP)
    return found.astype(np.float32)
