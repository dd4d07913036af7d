"""The bounds and choices that stand on a model's fields, for sliders and lists of choices."""

from typing import NamedTuple, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel


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
