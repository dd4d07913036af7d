"""How near a digit is to its nearest training digit, held against what is usual for test digits."""

from typing import Final

from core.datasets import DatasetName

USUAL: Final[dict[DatasetName, tuple[float, float, float, float]]] = {
    "mnist": (22.8, 40.0, 51.6, 60.6),
    "mnist-sample": (28.2, 45.2, 58.5, 68.6),
}
"""Distances (`core.neighbours`) from the nearest training digit within which 10, 50, 90 and 99 % of
a dataset's test digits lie: of 1,000 of them each, those of mnist drawn at random."""
_WORDS: Final = (
    "nearer than 9 of 10 test digits have one",
    "nearer than most test digits have one",
    "about as near as test digits have one",
    "farther than 9 of 10 test digits have one",
    "farther than 99 of 100 test digits have one, so the network learnt from hardly anything alike",
)


def nearness(dataset: DatasetName, distance: float) -> str:
    """In words, how near that is, where the nearest of a dataset's training digits is so far."""
    return _WORDS[sum(distance > limit for limit in USUAL[dataset])]
