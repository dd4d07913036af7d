"""A number that a visitor sets with a slider: its name, its range, and how it is written."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True)
class Parameter(Generic[Name]):
    """A number that can be set, as a slider shows it.

    Attributes:
        name: the field that it sets.
        label: what stands above the slider.
        low: the lowest value.
        high: the highest one.
        step: the finest difference of two values.
        format: how a value is written (printf, or a format of Streamlit's).
        help: what a value means; may be empty.
    """

    name: Name
    label: str
    low: float
    high: float
    step: float
    format: str
    help: str

    def written(self, value: float) -> str:
        """A value with its unit and a true minus; for formats of printf."""
        return (self.format % value).replace("-", "−")
