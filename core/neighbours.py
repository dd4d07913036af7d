"""The digits of the training set that are nearest to a digit, pixel by pixel."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import datasets

PIXELS: Final = 28 * 28
_AT_ONCE: Final = 4096
"""Digits that are made float32 at a time: 13 MB, where all of them would take 188."""


@dataclass(frozen=True)
class Neighbour:
    """A training digit: its index, its label, and how far it is, a root mean square of grey values.

    0 is the same picture; 255 would be black against white in every pixel.
    """

    index: int
    label: int
    distance: float


def nearest(
    image: NDArray[np.uint8], dataset: str, count: int = 10, *, skip: int | None = None
) -> list[Neighbour]:
    """The `count` digits of a dataset's training split that are nearest to an image, nearest first.

    `image`: uint8 (28, 28); nearness is Euclidean over the 784 grey values, as in the classical
    nearest-neighbour reader of MNIST (LeCun et al., 1998). `skip`: an index that does not count,
    that of the image itself. Raises DatasetError if the dataset cannot be loaded.
    """
    train = datasets.load(dataset).train
    flat = train.images.reshape(-1, PIXELS)
    squares = _squares(dataset)
    one = image.reshape(PIXELS).astype(np.float32)
    distances = np.empty(len(train), np.float32)
    for start in range(0, len(train), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        # |a - b|² = |a|² - 2ab + |b|²: one product of matrices instead of a difference per digit.
        distances[part] = squares[part] - 2 * (flat[part].astype(np.float32) @ one)
    distances += one @ one
    if skip is not None:
        distances[skip] = np.inf
    chosen = np.argpartition(distances, count)[:count] if count < len(train) else slice(None)
    order = np.arange(len(train))[chosen]
    order = order[np.lexsort((order, distances[order]))]
    return [
        Neighbour(int(k), int(train.labels[k]), float(np.sqrt(max(distances[k], 0) / PIXELS)))
        for k in order
        if np.isfinite(distances[k])
    ]


@lru_cache(maxsize=2)
def _squares(dataset: str) -> NDArray[np.float32]:
    """|b|² of every training digit, float32 (n,); exact, since it stays below 2^26."""
    flat = datasets.load(dataset).train.images.reshape(-1, PIXELS)
    found = np.empty(len(flat), np.float32)
    for start in range(0, len(flat), _AT_ONCE):
        part = flat[start : start + _AT_ONCE].astype(np.float64)
        found[start : start + _AT_ONCE] = np.einsum("ij,ij->i", part, part)
    found.setflags(write=False)
    return found
