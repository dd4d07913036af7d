"""Arrays of digits: what shape they have, and that nobody writes to what all visitors share."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A network that answers: digits uint8 (n, 28, 28) to probabilities float32 (n, 10)."""

_Array = TypeVar("_Array", bound=NDArray[Any])
_SIDE: Final = 28


def read_only(array: _Array) -> _Array:
    """The same array, which nobody can write to any more."""
    array.setflags(write=False)
    return array


def check_digits(images: NDArray[np.uint8]) -> None:
    """Digits are uint8 (n, 28, 28), n from 0. Raises ValueError for any other shape or dtype."""
    if images.ndim != 3 or images.shape[1:] != (_SIDE, _SIDE) or images.dtype != np.uint8:
        raise ValueError(f"expected uint8 (n, 28, 28), got {images.dtype} {images.shape}")


def check_digit(pixels: NDArray[np.uint8]) -> None:
    """One digit is uint8 (28, 28). Raises ValueError for any other shape or dtype."""
    if pixels.shape != (_SIDE, _SIDE) or pixels.dtype != np.uint8:
        raise ValueError(f"expected uint8 (28, 28), got {pixels.dtype} {pixels.shape}")
