"""Statistics of a split's digits, and the training digits that are nearest to a given digit.

Each statistic is computed once per process and split, and the read-only result is shared: 70,000
digits are 55 MB of pixels. Nearness is measured pixel by pixel and compared with what is usual for
test digits.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.data import mnist
from core.data.mnist import CLASSES, DatasetName, Split
from core.utils.validation import read_only

SplitName = Literal["train", "test"]
SPLITS: Final[tuple[SplitName, ...]] = get_args(SplitName)
_AT_ONCE: Final = 4096
_KEPT: Final = 4
"""Two datasets with two splits each."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassStatistics:
    """Mean and variance of each pixel, over all images of each digit 0 to 9.

    Attributes:
        means: float64 (10, 28, 28), from 0 to 255.
        variances: float64 (10, 28, 28), of the population, from 0 to 127.5².
    """

    means: Floats
    variances: Floats


def split_of(dataset: str, split: SplitName) -> Split:
    """Load a dataset and take one of its splits.

    Args:
        dataset: One of `mnist.DATASETS`.
        split: "train" or "test".

    Raises:
        DatasetError: The dataset cannot be loaded.

    Example:
        >>> split_of("mnist-sample", "test").images.shape
        (1000, 28, 28)
    """
    loaded = mnist.load(dataset)
    return loaded.train if split == "train" else loaded.test


@lru_cache(maxsize=_KEPT)
def class_counts(dataset: str, split: SplitName) -> NDArray[np.intp]:
    """Count the images of each digit, int (10,).

    Example:
        >>> class_counts("mnist-sample", "test").tolist()
        [100, 100, 100, 100, 100, 100, 100, 100, 100, 100]
    """
    return read_only(np.bincount(split_of(dataset, split).labels, minlength=CLASSES))


@lru_cache(maxsize=_KEPT)
def class_statistics(dataset: str, split: SplitName) -> ClassStatistics:
    """Compute the mean and the variance image of each digit."""
    chosen = split_of(dataset, split)
    sums, squares = np.zeros((2, CLASSES, 28 * 28))
    for start in range(0, len(chosen), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        pixels = chosen.images[part].reshape(-1, 28 * 28).astype(np.float64)
        one_hot = (chosen.labels[part] == np.arange(CLASSES)[:, None]).astype(np.float64)
        sums += one_hot @ pixels
        squares += one_hot @ pixels**2
    counts = np.bincount(chosen.labels, minlength=CLASSES)[:, None]
    means = sums / counts
    variances = np.maximum(squares / counts - means**2, 0)
    shape = (CLASSES, 28, 28)
    return ClassStatistics(read_only(means.reshape(shape)), read_only(variances.reshape(shape)))


@lru_cache(maxsize=_KEPT)
def gray_values(dataset: str, split: SplitName) -> NDArray[np.intp]:
    """Count the pixels of the split with each gray value, int (256,)."""
    images = split_of(dataset, split).images
    parts = (images[k : k + _AT_ONCE].ravel() for k in range(0, len(images), _AT_ONCE))
    return read_only(
        sum((np.bincount(part, minlength=256) for part in parts), np.zeros(256, np.intp))
    )


@lru_cache(maxsize=_KEPT)
def ink_share(dataset: str, split: SplitName) -> NDArray[np.float32]:
    """Compute the ink of each image: its mean gray value in percent of 255, float32 (n,)."""
    images = split_of(dataset, split).images
    sums = images.reshape(len(images), -1).sum(axis=1, dtype=np.int64)
    return read_only((sums * (100 / (255 * 28 * 28))).astype(np.float32))


@lru_cache(maxsize=_KEPT)
def class_similarity(dataset: str, split: SplitName) -> NDArray[np.float32]:
    """Compare each image with the mean image of its label: cosine, 0 to 1, float32 (n,)."""
    chosen = split_of(dataset, split)
    means = class_statistics(dataset, split).means
    return read_only(similarity_to_class_means(means, chosen.images, chosen.labels))


def similarity_to_class_means(
    means: NDArray[np.float64], images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Compare images with the mean images of their labels.

    Args:
        means: float64 (10, 28, 28), the mean image of each digit.
        images: uint8 (n, 28, 28).
        labels: uint8 (n,), 0 to 9.

    Returns:
        Cosine similarities, float32 (n,), from 0 to 1; 0 for an empty image.
    """
    directions = means.reshape(CLASSES, -1)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    similarities = np.empty(len(images), np.float32)
    for start in range(0, len(images), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        pixels = images[part].reshape(-1, 28 * 28).astype(np.float64)
        products = np.einsum("ij,ij->i", pixels, directions[labels[part]])
        similarities[part] = products / np.maximum(np.linalg.norm(pixels, axis=1), 1)
    return similarities


USUAL_DISTANCE: Final[dict[DatasetName, tuple[float, float, float, float]]] = {
    "mnist": (22.8, 40.0, 51.6, 60.6),
    "mnist-sample": (28.2, 45.2, 58.5, 68.6),
}
"""Distances to the nearest training digit within which 10, 50, 90 and 99 % of the test digits lie.

Measured on 1,000 test digits of each dataset, those of mnist drawn at random.
"""
_WORDS: Final = (
    "nearer than 9 of 10 test digits have one",
    "nearer than most test digits have one",
    "about as near as test digits have one",
    "farther than 9 of 10 test digits have one",
    "farther than 99 of 100 test digits have one, so the network learned from hardly any like it",
)


def describe_distance(dataset: DatasetName, distance: float) -> str:
    """Say how near a digit is to the training digits, compared with test digits.

    Args:
        dataset: The dataset that was searched.
        distance: That of the nearest training digit, as `Neighbor` has it.

    Example:
        >>> describe_distance("mnist-sample", 30.0)
        'nearer than most test digits have one'
    """
    return _WORDS[sum(distance > limit for limit in USUAL_DISTANCE[dataset])]


_N_PIXELS: Final = 28 * 28
_NEIGHBORS_AT_ONCE: Final = 4096
"""Digits that are converted to float32 at a time: 13 MB, where all of them would take 188."""


@dataclass(frozen=True)
class Neighbor:
    """A training digit near a given one.

    Attributes:
        index: its position in the training split.
        label: 0 to 9.
        distance: root mean square of the differences of gray values: 0 is the same picture, 255
            would be black against white in every pixel.
    """

    index: int
    label: int
    distance: float


def nearest_neighbors(
    image: NDArray[np.uint8], dataset: str, count: int = 10, *, skip: int | None = None
) -> list[Neighbor]:
    """Find the training digits that are nearest to an image.

    Distances are Euclidean over the 784 gray values, as in the classical nearest-neighbor
    classifier of MNIST (LeCun et al., 1998).

    Args:
        image: uint8 (28, 28).
        dataset: The dataset whose training split is searched.
        count: How many digits.
        skip: An index that does not count, that of the image itself.

    Returns:
        The digits, the nearest first.

    Raises:
        DatasetError: The dataset cannot be loaded.

    Example:
        >>> image = split_of("mnist-sample", "train").images[7]
        >>> [(near.index, near.distance) for near in nearest_neighbors(image, "mnist-sample", 1)]
        [(7, 0.0)]
    """
    train = mnist.load(dataset).train
    spare = skip is not None
    order, distances = nearest_images(image, train.images, count + spare)
    return [
        Neighbor(int(k), int(train.labels[k]), float(distance) / _N_PIXELS**0.5)
        for k, distance in zip(order, distances, strict=True)
        if k != skip
    ][:count]


def nearest_images(
    image: NDArray[np.uint8], images: NDArray[np.uint8], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the images nearest to an image.

    Args:
        image: uint8 (28, 28).
        images: uint8 (n, 28, 28).
        count: How many are wanted.

    Returns:
        The positions and the Euclidean distances of the `count` nearest images, the nearest first,
        of equals the lower position. The distance of an image to itself is exactly 0.
    """
    flat = image.reshape(-1).astype(np.float32)
    squares = np.empty(len(images), np.float64)
    for start in range(0, len(images), _NEIGHBORS_AT_ONCE):
        part = images[start : start + _NEIGHBORS_AT_ONCE]
        difference = part.reshape(len(part), -1).astype(np.float32) - flat
        squares[start : start + _NEIGHBORS_AT_ONCE] = np.einsum("ij,ij->i", difference, difference)
    nearest = np.argsort(squares, kind="stable")[:count]
    return nearest, np.sqrt(squares[nearest])
