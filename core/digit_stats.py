"""What the digits of a split have in common, and how each one differs: for facts, filters, orders.

Each is computed once per process and split, and shared: 70,000 digits are 55 MB of pixels.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core import datasets
from core.arrays import read_only
from core.datasets import CLASSES, Split

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
    found = datasets.load(dataset)
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
def grey_values(dataset: str, split: SplitName) -> NDArray[np.intp]:
    """How many pixels of the split have each grey value, int (256,)."""
    images = split_of(dataset, split).images
    parts = (images[k : k + _AT_ONCE].ravel() for k in range(0, len(images), _AT_ONCE))
    return read_only(
        sum((np.bincount(part, minlength=256) for part in parts), np.zeros(256, np.intp))
    )


@lru_cache(maxsize=_KEPT)
def ink(dataset: str, split: SplitName) -> NDArray[np.float32]:
    """How much of each picture is inked, in percent: its mean grey value of 255. float32 (n,)."""
    images = split_of(dataset, split).images
    sums = images.reshape(len(images), -1).sum(axis=1, dtype=np.int64)
    return read_only((sums * (100 / (255 * 28 * 28))).astype(np.float32))


@lru_cache(maxsize=_KEPT)
def likeness(dataset: str, split: SplitName) -> NDArray[np.float32]:
    """How alike each digit is to the mean image of its own label: cosine, 0 to 1, float32 (n,)."""
    chosen = split_of(dataset, split)
    means = class_pictures(dataset, split).means
    return read_only(likeness_to(means, chosen.images, chosen.labels))


def likeness_to(
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
