"""The digits of the training set that are nearest to a digit, pixel by pixel."""

from dataclasses import dataclass
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
    spare = skip is not None
    order, distances = most_alike(image, train.images, count + spare)
    return [
        Neighbour(int(k), int(train.labels[k]), float(distance) / PIXELS**0.5)
        for k, distance in zip(order, distances, strict=True)
        if k != skip
    ][:count]


def most_alike(
    image: NDArray[np.uint8], images: NDArray[np.uint8], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The positions of the `count` images nearest to an image, and their Euclidean distances.

    `image`: uint8 (28, 28), `images`: uint8 (n, 28, 28); the nearest first, of equals the lower
    position. The distance of an image to itself is exactly 0.
    """
    one = image.reshape(-1).astype(np.float32)
    squares = np.empty(len(images), np.float64)
    for start in range(0, len(images), _AT_ONCE):
        part = images[start : start + _AT_ONCE]
        apart = part.reshape(len(part), -1).astype(np.float32) - one
        squares[start : start + _AT_ONCE] = np.einsum("ij,ij->i", apart, apart)
    nearest = np.argsort(squares, kind="stable")[:count]
    return nearest, np.sqrt(squares[nearest])
