"""Arrays of digits: what shape they have, and that nobody writes to what all visitors share.

The bounds and choices that stand on a model's fields, for sliders and lists of choices.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar, get_args

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray
from pydantic import BaseModel

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


class Bounds(NamedTuple):
    """The lowest and the highest value that a field takes; both int for an int field."""

    low: float
    high: float


def bounds(model: type[BaseModel], name: str) -> Bounds:
    """The `ge` and `le` of a number field. Raises ValueError if it lacks one of them."""
    field = model.model_fields[name]
    number = int if field.annotation is int else float
    low = [mark.ge for mark in field.metadata if isinstance(mark, Ge)]
    high = [mark.le for mark in field.metadata if isinstance(mark, Le)]
    if not low or not high:
        raise ValueError(f"{model.__name__}.{name} is not bounded on both sides")
    return Bounds(*(number(str(end)) for end in (low[0], high[0])))


def choices(model: type[BaseModel], name: str) -> tuple[str, ...]:
    """The values of a field that is a Literal, in the order in which they stand there."""
    return get_args(model.model_fields[name].annotation)
