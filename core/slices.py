"""Slices: digits that look alike in some way, and whether a network fails on them more often.

The search for the worst ones follows Y. Chung, T. Kraska, N. Polyzotis, K. H. Tae and S. E. Whang,
"Slice Finder: Automated Data Slicing for Model Validation", ICDE 2019, arXiv:1807.06068: every
slice of up to three conditions, compared with the rest by a test and by its effect size. What is
counted here is right or wrong, so the test is Fisher's exact one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, pairwise, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.answered import Answered
from core.arrays import read_only
from core.comparing import LEVEL
from core.datasets import CLASSES
from core.evaluation import wilson_interval
from core.text import PLURALS
from core.traits import TRAITS, traits

Whole = NDArray[np.intp]
THIRDS: Final = 3
SMALLEST: Final = 20
"""Slices of fewer digits are not searched: two or three errors would make the worst of them all."""


@dataclass(frozen=True)
class Bin:
    """Digits whose trait lies from `start` to `end`, in the trait's unit.

    `rate`: the share that is read wrongly, 0 to 1; `low` to `high`: its 95 % interval (Wilson).
    """

    start: float
    end: float
    n: int
    wrong: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Table:
    """Of each label (rows) and bin (columns), how many digits there are and how many are wrong."""

    n: Whole
    wrong: Whole


@dataclass(frozen=True, eq=False)
class Slice:
    """Digits of one kind: by third of up to two traits (0 lowest to 2 highest), and by label.

    `probability`: that chance alone puts so many of all errors, or more, among these digits
    (Fisher's exact test, one-sided); `effect`: by how many standard deviations of one answer
    (right or wrong) the error rate is above that of the rest; `digits`: their indices, the wrong
    ones first.
    """

    thirds: tuple[tuple[str, int], ...]
    label: int | None
    n: int
    wrong: int
    rest_n: int
    rest_wrong: int
    low: float
    probability: float
    digits: Whole

    @property
    def name(self) -> str:
        """The slice in plain words: "thin, right-leaning nines"."""
        words = ", ".join(TRAITS[key].words[third] for key, third in self.thirds)
        return f"{words} {'digits' if self.label is None else PLURALS[self.label]}".strip()

    @property
    def rate(self) -> float:
        """The share of these digits that is read wrongly, 0 to 1."""
        return self.wrong / self.n

    @property
    def rest_rate(self) -> float:
        """The same of all other digits; 0 if there are none."""
        return self.rest_wrong / max(self.rest_n, 1)

    @property
    def effect(self) -> float:
        """Slice Finder's effect size: above 0.2 small, 0.5 medium, 0.8 large (Cohen, 1988)."""
        spread = sum(rate * (1 - rate) for rate in (self.rate, self.rest_rate))
        gap = self.rate - self.rest_rate
        return float(np.sqrt(2 / spread) * gap) if spread else float("inf")


@dataclass(frozen=True, eq=False)
class Search:
    """The worst slices, the worst first, and how many were looked at to find them."""

    slices: tuple[Slice, ...]
    searched: int

    def more_than_chance(self, one: Slice) -> bool:
        """Whether chance would rarely make such a slice, however many were looked at (Bonferroni).

        Slices share digits; Bonferroni's bound holds for tests that depend on each other, too.
        """
        return one.probability * self.searched < LEVEL


def bin_of(this: Answered, trait: str, count: int = 5) -> tuple[Whole, NDArray[np.float64]]:
    """In which bin of a trait each digit is, int (n,), and the bins' edges, (bins + 1,).

    As equally filled as ties allow: where many digits have the same value, there are fewer bins.
    Raises KeyError if there is no such trait.
    """
    return _binned(np.asarray(traits(this)[trait], np.float64), count)


@lru_cache(maxsize=64)
def bins(this: Answered, trait: str, count: int = 5) -> tuple[Bin, ...]:
    """The bins of a trait, from the lowest values to the highest, and how often each is wrong."""
    place, edges = bin_of(this, trait, count)
    n = np.bincount(place, minlength=len(edges) - 1).tolist()
    wrong = np.bincount(place[~this.right], minlength=len(edges) - 1).tolist()
    return tuple(
        _bin(start, end, many, bad)
        for (start, end), many, bad in zip(pairwise(edges.tolist()), n, wrong, strict=True)
    )


def by_label(this: Answered, trait: str, count: int = 5) -> Table:
    """How many digits of each label are in each bin of a trait, and how many of them are wrong."""
    place, edges = bin_of(this, trait, count)
    columns = len(edges) - 1
    cell = this.labels.astype(np.intp) * columns + place
    shape = (CLASSES, columns)
    return Table(
        np.bincount(cell, minlength=CLASSES * columns).reshape(shape),
        np.bincount(cell[~this.right], minlength=CLASSES * columns).reshape(shape),
    )


def examples(this: Answered, trait: str, count: int = 5, each: int = 6) -> list[Whole]:
    """Of each bin, the indices of up to `each` digits evenly along it, the lowest value first."""
    place, edges = bin_of(this, trait, count)
    order = np.argsort(traits(this)[trait], kind="stable")
    chosen = []
    for k in range(len(edges) - 1):
        inside = order[place[order] == k]
        shown = min(each, len(inside))
        # The middles of as many equal pieces: the very ends of a trait are its oddest digits.
        chosen.append(inside[(np.arange(shown) * 2 + 1) * len(inside) // (2 * shown)])
    return chosen


def in_bin(this: Answered, trait: str, number: int, count: int = 5) -> Whole:
    """The indices of a bin's digits, wrong ones first and each part most confident first."""
    place, _ = bin_of(this, trait, count)
    return _wrong_first(this, np.flatnonzero(place == number))


@lru_cache(maxsize=8)
def worst_slices(this: Answered, most: int = 10) -> Search:
    """The slices on which a network fails most surely, at most `most`.

    Looked at is every combination of one label or none with thirds of up to two traits, as far as
    it has `SMALLEST` digits and not all of them. What is more than chance comes first, then what
    would be if only it had been looked at. Among these they are ranked by the lower end of the
    Wilson interval of their error rate, which a few errors among few digits do not lift. One is
    left out if more than half of its wrong digits are in one slice that is listed already.
    """
    binned = {trait: bin_of(this, trait, THIRDS) for trait in TRAITS}
    places = {name: place for name, (place, edges) in binned.items() if len(edges) == THIRDS + 1}
    found = [one for one in _counted(this, places) if SMALLEST <= one.n < len(this)]
    kept: list[Slice] = []
    for one in _ranked(_tested(this, found), len(found)):
        if len(kept) == most:
            break
        digits = np.flatnonzero(_inside(this, places, one))
        if not any(_shared(this, digits, other.digits) for other in kept):
            kept.append(_described(this, one, digits))
    return Search(tuple(kept), len(found))


@dataclass(frozen=True)
class _Counted:
    """A slice that may be listed: what it is, how many digits it has, how many wrong ones."""

    thirds: tuple[tuple[str, int], ...]
    label: int | None
    n: int
    wrong: int
    low: float = 0
    probability: float = 1


def _tested(this: Answered, found: Sequence[_Counted]) -> list[_Counted]:
    """The slices with the lower end of their error rate's interval, and what chance does."""
    from scipy.stats import hypergeom  # takes two thirds of a second

    n = np.array([one.n for one in found], np.intp)
    wrong = np.array([one.wrong for one in found], np.intp)
    chance = hypergeom.sf(wrong - 1, len(this), int((~this.right).sum()), n).tolist()
    return [
        replace(one, low=wilson_interval(one.wrong, one.n)[0], probability=p)
        for one, p in zip(found, chance, strict=True)
        if p < LEVEL
    ]


def _ranked(found: Sequence[_Counted], searched: int) -> list[_Counted]:
    return sorted(found, key=lambda one: (one.probability * searched >= LEVEL, -one.low, -one.n))


def _described(this: Answered, one: _Counted, digits: Whole) -> Slice:
    total = int((~this.right).sum())
    return Slice(
        thirds=one.thirds,
        label=one.label,
        n=one.n,
        wrong=one.wrong,
        rest_n=len(this) - one.n,
        rest_wrong=total - one.wrong,
        low=one.low,
        probability=one.probability,
        digits=_wrong_first(this, digits),
    )


def _counted(this: Answered, places: dict[str, Whole]) -> Iterator[_Counted]:
    """Count all slices: those of the same traits at once, by label and third."""
    chosen: Sequence[tuple[str, ...]] = [
        (),
        *((trait,) for trait in places),
        *combinations(places, 2),
    ]
    for names in chosen:
        cell = this.labels.astype(np.intp)
        for name in names:
            cell = cell * THIRDS + places[name]
        shape = (CLASSES, THIRDS ** len(names))
        size = CLASSES * THIRDS ** len(names)
        n = np.bincount(cell, minlength=size).reshape(shape)
        wrong = np.bincount(cell[~this.right], minlength=size).reshape(shape)
        for column, thirds in enumerate(product(range(THIRDS), repeat=len(names))):
            what = tuple(zip(names, thirds, strict=True))
            yield _Counted(what, None, int(n[:, column].sum()), int(wrong[:, column].sum()))
            for label in range(CLASSES):
                yield _Counted(what, label, int(n[label, column]), int(wrong[label, column]))


def _inside(this: Answered, places: dict[str, Whole], one: _Counted) -> NDArray[np.bool_]:
    mask = np.ones(len(this), np.bool_) if one.label is None else this.labels == one.label
    for trait, third in one.thirds:
        mask = mask & (places[trait] == third)
    return mask


def _shared(this: Answered, digits: Whole, listed: Whole) -> bool:
    """Whether more than half of the wrong ones among some digits are among the listed."""
    wrong = digits[~this.right[digits]]
    return 2 * int(np.isin(wrong, listed).sum()) > len(wrong)


def _binned(values: NDArray[np.float64], count: int) -> tuple[Whole, NDArray[np.float64]]:
    # A bin begins at a value that occurs, so that none is empty.
    starts = np.unique(np.quantile(values, np.arange(1, count) / count, method="higher"))
    starts = starts[starts > values.min()]
    edges = np.concatenate([[values.min()], starts, [values.max()]])
    return np.searchsorted(starts, values, side="right"), edges


def _bin(start: float, end: float, n: int, wrong: int) -> Bin:
    low, high = wilson_interval(wrong, n)
    return Bin(start, end, n, wrong, wrong / n, low, high)


def _wrong_first(this: Answered, digits: Whole) -> Whole:
    order = np.lexsort((-this.confidence[digits], this.right[digits]))
    found: Whole = digits[order]
    return read_only(found)
