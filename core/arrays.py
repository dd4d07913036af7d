"""Arrays that all visitors share."""

from typing import Any, TypeVar

from numpy.typing import NDArray

_Array = TypeVar("_Array", bound=NDArray[Any])


def read_only(array: _Array) -> _Array:
    """The same array, which nobody can write to any more."""
    array.setflags(write=False)
    return array
