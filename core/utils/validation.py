"""Checks of arrays of digits, and the limits that the fields of a pydantic model declare.

Arrays that several visitors share are marked read-only. Bounds and choices are read from a model's
fields, so that a slider or a list offers exactly what the model accepts; a `Parameter` is a slider
with its label and format.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar, get_args

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A classifier: from digits uint8 (n, 28, 28) to class probabilities float32 (n, 10)."""
Name = TypeVar("Name", bound=str)
_Array = TypeVar("_Array", bound=NDArray[Any])
_SIDE: Final = 28


def read_only(array: _Array) -> _Array:
    """Mark an array as read-only, in place.

    Args:
        array: An array that several callers will share.

    Returns:
        The same array.

    Example:
        >>> shared = read_only(np.zeros(3))
        >>> shared[0] = 1.0
        Traceback (most recent call last):
        ValueError: assignment destination is read-only
    """
    array.setflags(write=False)
    return array


def read_only_copy(array: _Array) -> _Array:
    """Copy an array and mark the copy as read-only.

    Args:
        array: An array that may be TensorFlow's memory, or a view that would keep a larger array.

    Returns:
        The copy.
    """
    return read_only(array.copy())


def check_digits(images: NDArray[np.uint8]) -> None:
    """Check a stack of digits.

    Args:
        images: uint8 (n, 28, 28), n from 0.

    Raises:
        ValueError: The shape or the dtype is another one.

    Example:
        >>> check_digits(np.zeros((2, 28, 28), np.uint8))
        >>> check_digits(np.zeros((2, 28, 28)))
        Traceback (most recent call last):
        ValueError: expected uint8 (n, 28, 28), got float64 (2, 28, 28)
    """
    if images.ndim != 3 or images.shape[1:] != (_SIDE, _SIDE) or images.dtype != np.uint8:
        raise ValueError(f"expected uint8 (n, 28, 28), got {images.dtype} {images.shape}")


def check_digit(pixels: NDArray[np.uint8]) -> None:
    """Check a single digit.

    Args:
        pixels: uint8 (28, 28).

    Raises:
        ValueError: The shape or the dtype is another one.
    """
    if pixels.shape != (_SIDE, _SIDE) or pixels.dtype != np.uint8:
        raise ValueError(f"expected uint8 (28, 28), got {pixels.dtype} {pixels.shape}")


class FrozenModel(BaseModel):
    """A pydantic model whose values cannot be changed, and which accepts no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Bounds(NamedTuple):
    """The range of a number field, its ends included; both ends are int for an int field.

    Attributes:
        low: The lowest value that is accepted.
        high: The highest value that is accepted.
    """

    low: float
    high: float


def bounds(model: type[BaseModel], name: str) -> Bounds:
    """Read the bounds `ge` and `le` of a number field.

    Args:
        model: A pydantic model.
        name: The name of one of its int or float fields.

    Raises:
        ValueError: The field lacks one of the two bounds.

    Example:
        >>> from pydantic import Field
        >>> class Settings(BaseModel):
        ...     epochs: int = Field(default=5, ge=1, le=50)
        >>> bounds(Settings, "epochs")
        Bounds(low=1, high=50)
    """
    field = model.model_fields[name]
    number = int if field.annotation is int else float
    low = [limit.ge for limit in field.metadata if isinstance(limit, Ge)]
    high = [limit.le for limit in field.metadata if isinstance(limit, Le)]
    if not low or not high:
        raise ValueError(f"{model.__name__}.{name} is not bounded on both sides")
    return Bounds(*(number(str(end)) for end in (low[0], high[0])))


def choices(model: type[BaseModel], name: str) -> tuple[str, ...]:
    """List the values of a field whose type is a Literal, in their declared order."""
    return get_args(model.model_fields[name].annotation)


@dataclass(frozen=True)
class Parameter(Generic[Name]):
    """A number that a visitor sets with a slider.

    Attributes:
        name: The field that it sets.
        label: The text above the slider.
        low: The lowest value.
        high: The highest value.
        step: The smallest difference of two values.
        format: How a value is written: a printf format, or one of Streamlit's own.
        help: What a value means; may be empty.
    """

    name: Name
    label: str
    low: float
    high: float
    step: float
    format: str
    help: str

    def format_value(self, value: float) -> str:
        """Write a value with its unit and a true minus sign; only for printf formats.

        Example:
            >>> Parameter("right", "Shift", -10, 10, 1, "%.0f px", "").format_value(-3)
            '−3 px'
        """
        return (self.format % value).replace("-", "−")
