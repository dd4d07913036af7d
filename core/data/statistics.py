"""What the digits of a split have in common, and how each one differs: for facts, filters, orders.

Each is computed once per process and split, and shared: 70,000 digits are 55 MB of pixels.

The digits of the training set that are nearest to a digit, pixel by pixel.

How near a digit is to its nearest training digit, held against what is usual for test digits.
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
class ClassPictures:
    """Of each digit 0 to 9, over all its images: mean and variance of each pixel, (10, 28, 28).

    float64; the mean is from 0 to 255, the variance (that of the population) from 0 to 127.5².
    """

    means: Floats
    variances: Floats


def split_of(dataset: str, split: SplitName) -> Split:
    """A split by its name. Raises DatasetError if the dataset cannot be loaded."""
    found = mnist.load(dataset)
    return found.train if split == "train" else found.test


@lru_cache(maxsize=_KEPT)
def class_counts(dataset: str, split: SplitName) -> NDArray[np.intp]:
    """How many of each digit there are, int (10,)."""
    return read_only(np.bincount(split_of(dataset, split).labels, minlength=CLASSES))


@lru_cache(maxsize=_KEPT)
def class_pictures(dataset: str, split: SplitName) -> ClassPictures:
    """The mean and the variance image of each digit."""
    chosen = split_of(dataset, split)
    sums, squares = np.zeros((2, CLASSES, 28 * 28))
    for start in range(0, len(chosen), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        pixels = chosen.images[part].reshape(-1, 28 * 28).astype(np.float64)
        belongs = (chosen.labels[part] == np.arange(CLASSES)[:, None]).astype(np.float64)
        sums += belongs @ pixels
        squares += belongs @ pixels**2
    counts = np.bincount(chosen.labels, minlength=CLASSES)[:, None]
    means = sums / counts
    variances = np.maximum(squares / counts - means**2, 0)
    shape = (CLASSES, 28, 28)
    return ClassPictures(read_only(means.reshape(shape)), read_only(variances.reshape(shape)))


@lru_cache(maxsize=_KEPT)
def gray_values(dataset: str, split: SplitName) -> NDArray[np.intp]:
    """How many pixels of the split have each gray value, int (256,)."""
    images = split_of(dataset, split).images
    parts = (images[k : k + _AT_ONCE].ravel() for k in range(0, len(images), _AT_ONCE))
    return read_only(
        sum((np.bincount(part, minlength=256) for part in parts), np.zeros(256, np.intp))
    )


@lru_cache(maxsize=_KEPT)
def ink_share(dataset: str, split: SplitName) -> NDArray[np.float32]:
    """How much of each picture is inked, in percent: its mean gray value of 255. float32 (n,)."""
    images = split_of(dataset, split).images
    sums = images.reshape(len(images), -1).sum(axis=1, dtype=np.int64)
    return read_only((sums * (100 / (255 * 28 * 28))).astype(np.float32))


@lru_cache(maxsize=_KEPT)
def class_similarity(dataset: str, split: SplitName) -> NDArray[np.float32]:
    """How alike each digit is to the mean image of its own label: cosine, 0 to 1, float32 (n,)."""
    chosen = split_of(dataset, split)
    means = class_pictures(dataset, split).means
    return read_only(similarity_to_class_means(means, chosen.images, chosen.labels))


def similarity_to_class_means(
    means: NDArray[np.float64], images: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """The same of any digits to given means, (10, 28, 28), of their labels; 0 for an empty one."""
    directions = means.reshape(CLASSES, -1)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    found = np.empty(len(images), np.float32)
    for start in range(0, len(images), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        pixels = images[part].reshape(-1, 28 * 28).astype(np.float64)
        products = np.einsum("ij,ij->i", pixels, directions[labels[part]])
        found[part] = products / np.maximum(np.linalg.norm(pixels, axis=1), 1)
    return found


USUAL_DISTANCE: Final[dict[DatasetName, tuple[float, float, float, float]]] = {
    "mnist": (22.8, 40.0, 51.6, 60.6),
    "mnist-sample": (28.2, 45.2, 58.5, 68.6),
}
"""Distances (`core.data.statistics`) from the nearest training digit within which 10, 50, 90 and 99
% of a dataset's test digits lie: of 1,000 of them each, those of mnist drawn at random."""
_WORDS: Final = (
    "nearer than 9 of 10 test digits have one",
    "nearer than most test digits have one",
    "about as near as test digits have one",
    "farther than 9 of 10 test digits have one",
    "farther than 99 of 100 test digits have one, so the network learnt from hardly anything alike",
)


def describe_distance(dataset: DatasetName, distance: float) -> str:
    """In words, how near that is, where the nearest of a dataset's training digits is so far."""
    return _WORDS[sum(distance > limit for limit in USUAL_DISTANCE[dataset])]


N_PIXELS: Final = 28 * 28
_NEIGHBORS_AT_ONCE: Final = 4096
"""Digits that are made float32 at a time: 13 MB, where all of them would take 188."""


@dataclass(frozen=True)
class Neighbor:
    """A training digit: its index, its label, and how far it is, a root mean square of gray values.

    0 is the same picture; 255 would be black against white in every pixel.
    """

    index: int
    label: int
    distance: float


def nearest_neighbors(
    image: NDArray[np.uint8], dataset: str, count: int = 10, *, skip: int | None = None
) -> list[Neighbor]:
    """The `count` digits of a dataset's training split that are nearest to an image, nearest first.

    `image`: uint8 (28, 28); nearness is Euclidean over the 784 gray values, as in the classical
    nearest-neighbor reader of MNIST (LeCun et al., 1998). `skip`: an index that does not count,
    that of the image itself. Raises DatasetError if the dataset cannot be loaded.
    """
    train = mnist.load(dataset).train
    spare = skip is not None
    order, distances = nearest_images(image, train.images, count + spare)
    return [
        Neighbor(int(k), int(train.labels[k]), float(distance) / N_PIXELS**0.5)
        for k, distance in zip(order, distances, strict=True)
        if k != skip
    ][:count]


def nearest_images(
    image: NDArray[np.uint8], images: NDArray[np.uint8], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The positions of the `count` images nearest to an image, and their Euclidean distances.

    `image`: uint8 (28, 28), `images`: uint8 (n, 28, 28); the nearest first, of equals the lower
    position. The distance of an image to itself is exactly 0.
    """
    one = image.reshape(-1).astype(np.float32)
    squares = np.empty(len(images), np.float64)
    for start in range(0, len(images), _NEIGHBORS_AT_ONCE):
        part = images[start : start + _NEIGHBORS_AT_ONCE]
        apart = part.reshape(len(part), -1).astype(np.float32) - one
        squares[start : start + _NEIGHBORS_AT_ONCE] = np.einsum("ij,ij->i", apart, apart)
    nearest = np.argsort(squares, kind="stable")[:count]
    return nearest, np.sqrt(squares[nearest])
