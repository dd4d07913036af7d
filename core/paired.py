"""Two networks on the same digits: what one reads rightly and the other does not, and luck."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.answered import Answered
from core.arrays import read_only
from core.comparing import LEVEL, Difference, differences
from core.confusion import surest_first
from core.errors import DatasetError
from core.runs import Predictions

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Paired:
    """Which digits two networks, the first and the second, read differently; arrays are read-only.

    Attributes:
        fixed: the first is wrong, the second right.
        broken: the first is right, the second wrong.
        same_mistake: both are wrong, with the same answer.
        other_mistake: both are wrong, with different answers.
        difference: what McNemar's exact test says of it.
        names: of the two, for sentences.
        n: of all digits.

    All are indices, the surest mistake first: that of the first network, in `broken` the second's.
    """

    fixed: Indices
    broken: Indices
    same_mistake: Indices
    other_mistake: Indices
    difference: Difference
    names: tuple[str, str]
    n: int

    @property
    def disagree(self) -> int:
        """On how many digits exactly one of the two is right."""
        return len(self.fixed) + len(self.broken)

    def sentence(self) -> str:
        """What that means, for somebody who has not heard of the test."""
        words = self.difference.sentence(self.names)
        if not self.disagree:
            return words
        return (
            f"{words} (McNemar's exact test: between equals, each digit that only one of them "
            "reads rightly falls to either side like a tossed coin.)"
        )


@lru_cache(maxsize=8)
def paired(this: Answered, other: Answered) -> Paired:
    """Lay two networks' answers side by side, `this` as the first.

    Raises DatasetError if they are not to the same digits.
    """
    if not _same_digits(this, other):
        raise DatasetError(
            f"{this.who} and {other.who} have not answered the same digits, so they cannot be "
            "compared. Choose runs and digits that belong together."
        )
    both_wrong = ~this.right & ~other.right
    same = this.predicted == other.predicted
    (difference,) = differences(
        [Predictions(each.labels, each.probabilities) for each in (this, other)]
    )
    return Paired(
        _listed(this, ~this.right & other.right),
        _listed(other, this.right & ~other.right),
        _listed(this, both_wrong & same),
        _listed(this, both_wrong & ~same),
        difference,
        (this.who, other.who),
        len(this),
    )


def needed_difference(disagree: int) -> int | None:
    """By how much the two counts must differ to be more than chance; None if nothing would do.

    `disagree`: on how many digits exactly one of two networks is right. It is the smallest
    difference whose two-sided probability in McNemar's exact test is below `comparing.LEVEL`.
    """
    from scipy.stats import binom  # 0.2 s: not before it is needed

    # The first count whose tail reaches half the level: one fewer is still rare enough.
    fewer = int(binom.ppf(LEVEL / 2, disagree, 0.5)) - 1
    return disagree - 2 * fewer if fewer >= 0 else None


def needed_sentence(disagree: int) -> str:
    """The same in words."""
    if not disagree:
        return "The two are right and wrong on the very same digits: nothing tells them apart."
    found = needed_difference(disagree)
    where = "1 digit" if disagree == 1 else f"{disagree:,} digits"
    if found is None:
        return (
            f"On {where} only one of the two is right. So few could fall in any way by chance: it "
            f"takes at least {_fewest()} of them."
        )
    return (
        f"On {where} only one of the two is right; a difference of {found:,} or more between the "
        "two counts would be more than chance."
    )


def _fewest() -> int:
    """On so few digits can two networks differ by more than chance, if all fall to one side."""
    return next(n for n in range(1, 100) if needed_difference(n) is not None)


def _same_digits(this: Answered, other: Answered) -> bool:
    if this.images is other.images and this.labels is other.labels:
        return True
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = [
        (this.labels, other.labels),
        (this.images, other.images),
    ]
    return all(np.array_equal(first, second) for first, second in pairs)


def _listed(of: Answered, which: NDArray[np.bool_]) -> Indices:
    found = surest_first(of, np.flatnonzero(which))
    return read_only(found)
