"""Slices: digits that look alike in some way, and whether a network fails on them more often.

The search for the worst ones follows Y. Chung, T. Kraska, N. Polyzotis, K. H. Tae and S. E. Whang,
"Slice Finder: Automated Data Slicing for Model Validation", ICDE 2019, arXiv:1807.06068: every
slice of up to three conditions, compared with the rest by a test and by its effect size. What is
counted here is right or wrong, so the test is Fisher's exact one.

What can be measured on the picture of a digit: how thick, slanted, wide, large, inky, unusual.

Thickness and slant are those of D. C. Castro, J. Tan, B. Kainz, E. Konukoglu and B. Glocker,
"Morpho-MNIST: Quantitative Assessment and Diagnostics for Representation Learning", Journal of
Machine Learning Research 20 (2019), 178, arXiv:1809.10780: from the distance of the ink to the
paper in an enlarged picture, and from the second moments. They average that distance along the
skeleton; the mean over all the ink needs no skeleton, and of a bar it gives the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, pairwise, product
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.mnist import CLASSES, DATASETS
from core.data.statistics import class_pictures, similarity_to
from core.evaluation.comparison import CONFIDENCE_LEVEL, wilson_interval
from core.runs.predictions import Predictions
from core.utils.text import PLURALS
from core.utils.validation import read_only

MorphometryTable = NDArray[np.float32]
Pictures = NDArray[np.uint8]
_SIDE: Final = 28
_AT_ONCE: Final = 512
_FINER: Final = 4
"""As many times a picture is enlarged before ink is told from paper, so that gray rims count."""
_INK: Final = 127
"""Above it a pixel is more ink than paper."""


@dataclass(frozen=True)
class Measure:
    """A measure: key, name, unit, decimals for reading, and what its three thirds are called."""

    key: str
    name: str
    unit: str
    decimals: int
    words: tuple[str, str, str]
    about: str

    @property
    def low(self) -> str:
        """What the digits with the smallest values are called."""
        return self.words[0]

    @property
    def high(self) -> str:
        """What those with the largest values are called."""
        return self.words[2]


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        one.key: one
        for one in (
            Measure(
                "thickness",
                "Thickness",
                "px",
                1,
                ("thin", "medium-thick", "thick"),
                "The width of the stroke in pixels: four times the mean distance of the ink from "
                "the paper, which is exact for a straight bar.",
            ),
            Measure(
                "slant",
                "Slant",
                "°",
                0,
                ("left-leaning", "fairly upright", "right-leaning"),
                "By how many degrees the digit leans, to the right above 0: the shear that makes "
                "its ink balance on a vertical line. Most people's writing leans right.",
            ),
            Measure(
                "width",
                "Width",
                "of the height",
                2,
                ("narrow", "medium-wide", "wide"),
                "The width of the box around the ink, divided by its height.",
            ),
            Measure(
                "size",
                "Size",
                "px",
                1,
                ("small", "medium-sized", "large"),
                "How far the ink lies from its centre of mass (root mean square). The longer side "
                "would say nothing: MNIST scaled every digit to 20 pixels.",
            ),
            Measure(
                "ink",
                "Ink",
                "%",
                1,
                ("pale", "medium-inked", "inky"),
                "How much of the picture is inked: its mean grey value, 255 being 100 %.",
            ),
            Measure(
                "rarity",
                "Rarity of style",
                "",
                2,
                ("ordinary", "somewhat unusual", "rare-style"),
                "1 less the likeness (cosine) to the mean picture of the digit's label: 0 is just "
                "like the mean, 1 has no ink in common with it.",
            ),
        )
    }
)


class _Pictures:
    """Pictures with labels, known by being the same arrays: no run's own, so measured once."""

    def __init__(self, this: Predictions) -> None:
        self.images, self.labels = this.images, this.labels
        # The visitor's own digits are few: what is ordinary is judged by the sample's.
        self.means_of = this.dataset if this.dataset in DATASETS else "mnist-sample"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Pictures)
            and self.images is other.images
            and self.labels is other.labels
        )

    def __hash__(self) -> int:
        return hash((id(self.images), id(self.labels)))


def morphometry(this: Predictions) -> Mapping[str, MorphometryTable]:
    """Each of `TRAITS` on each digit, float32 (n,), finite, read-only; measured once per dataset.

    Raises DatasetError if the dataset whose mean digits are compared with cannot be loaded.
    """
    return _measured(_Pictures(this))


@lru_cache(maxsize=8)
def _measured(pictures: _Pictures) -> Mapping[str, MorphometryTable]:
    images = pictures.images
    means = class_pictures(pictures.means_of, "test").means
    slants, sizes = np.empty(len(images), np.float32), np.empty(len(images), np.float32)
    for part in _parts(len(images)):
        slants[part], sizes[part] = _moments(images[part])
    found = {
        "thickness": stroke_thickness(images),
        "slant": slants,
        "width": _width(images),
        "size": sizes,
        "ink": (images.mean(axis=(1, 2)) * (100 / 255)).astype(np.float32),
        "rarity": 1 - similarity_to(means, images, pictures.labels),
    }
    return MappingProxyType({trait: read_only(values) for trait, values in found.items()})


def stroke_thickness(images: Pictures) -> MorphometryTable:
    """The width of each digit's stroke in pixels: uint8 (n, 28, 28) to float32 (n,); 0: no ink.

    Four times the mean distance of the ink from the paper: over a bar that distance rises from 0
    at the rim to half the width, so its mean is a quarter of it.
    """
    found = np.empty(len(images), np.float32)
    for part in _parts(len(images)):
        found[part] = _thickness(images[part])
    return found


def _thickness(images: Pictures) -> MorphometryTable:
    # One below the other, with paper between them, so that OpenCV is called once for all.
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    n, side = len(images), (_SIDE + 2) * _FINER
    tall = cv2.resize(
        padded.reshape(-1, _SIDE + 2), None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_LINEAR
    )
    inked = cv2.threshold(tall, _INK, 1, cv2.THRESH_BINARY)[1]
    # Within 2 % of the exact distances (Borgefors, 1986), which take three times as long.
    distances = cv2.distanceTransform(inked, cv2.DIST_L2, cv2.DIST_MASK_5)
    sums = cv2.reduce(distances, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F).reshape(n, -1).sum(axis=1)
    counts = inked.reshape(n, side * side).sum(axis=1, dtype=np.int64)
    # Distances are between the middles of pixels; the rim lies half a pixel nearer.
    mean = np.maximum(sums / np.maximum(counts, 1) - 0.5, 0)
    return (mean * (4 / _FINER)).astype(np.float32)


def _moments(images: Pictures) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slant in degrees, right above 0, and root mean square distance from the center of mass.

    The slant is that of OpenCV's tutorial on handwritten digits (`deskew`): arctan(μ11 / μ02).
    """
    y, x = np.indices((_SIDE, _SIDE), np.float64).reshape(2, -1)
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    pixels = images.reshape(len(images), -1).astype(np.float64)
    mass, *rest = (pixels @ basis).T
    mean_x, mean_y, xx, xy, yy = (one / np.maximum(mass, 1) for one in rest)
    mu20 = np.maximum(xx - mean_x**2, 0)
    mu11 = xy - mean_x * mean_y
    mu02 = np.maximum(yy - mean_y**2, 0)
    # Rows are counted downwards, so what leans right has its upper rows further to the right.
    upright = mu02 < 1e-6  # ink in one row only
    slant = -np.degrees(np.arctan(np.where(upright, 0, mu11) / np.where(upright, 1, mu02)))
    return slant, np.sqrt(mu20 + mu02)


def _width(images: Pictures) -> MorphometryTable:
    """Width by height of the box around the ink; 1 where there is none."""
    inked = images > 0
    across, down = (_extent(np.any(inked, axis=axis)) for axis in (1, 2))
    return np.where(down > 0, across / np.maximum(down, 1), 1).astype(np.float32)


def _extent(inked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """From the first to the last place with ink, in pixels: bool (n, 28) to int (n,)."""
    first, last = inked.argmax(axis=1), _SIDE - inked[:, ::-1].argmax(axis=1)
    return np.where(inked.any(axis=1), last - first, 0)


def _parts(n: int) -> list[slice]:
    """A big array made float64 at once would take hundreds of megabytes."""
    return [slice(start, start + _AT_ONCE) for start in range(0, n, _AT_ONCE)]


Ints = NDArray[np.intp]
TERTILES: Final = 3
SMALLEST_SLICE: Final = 20
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
class SliceTable:
    """Of each label (rows) and bin (columns), how many digits there are and how many are wrong."""

    n: Ints
    wrong: Ints


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
    digits: Ints

    @property
    def name(self) -> str:
        """The slice in plain words: "thin, right-leaning nines"."""
        words = ", ".join(MEASURES[key].words[third] for key, third in self.thirds)
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
class SliceSearch:
    """The worst slices, the worst first, and how many were looked at to find them."""

    slices: tuple[Slice, ...]
    searched: int

    def more_than_chance(self, one: Slice) -> bool:
        """Whether chance would rarely make such a slice, however many were looked at (Bonferroni).

        Slices share digits; Bonferroni's bound holds for tests that depend on each other, too.
        """
        return one.probability * self.searched < CONFIDENCE_LEVEL


def bin_indices(this: Predictions, trait: str, count: int = 5) -> tuple[Ints, NDArray[np.float64]]:
    """In which bin of a trait each digit is, int (n,), and the bins' edges, (bins + 1,).

    As equally filled as ties allow: where many digits have the same value, there are fewer bins.
    Raises KeyError if there is no such trait.
    """
    return _binned(np.asarray(morphometry(this)[trait], np.float64), count)


@lru_cache(maxsize=64)
def bins(this: Predictions, trait: str, count: int = 5) -> tuple[Bin, ...]:
    """The bins of a trait, from the lowest values to the highest, and how often each is wrong."""
    place, edges = bin_indices(this, trait, count)
    n = np.bincount(place, minlength=len(edges) - 1).tolist()
    wrong = np.bincount(place[~this.correct], minlength=len(edges) - 1).tolist()
    return tuple(
        _bin(start, end, many, bad)
        for (start, end), many, bad in zip(pairwise(edges.tolist()), n, wrong, strict=True)
    )


def error_rates_by_label(this: Predictions, trait: str, count: int = 5) -> SliceTable:
    """How many digits of each label are in each bin of a trait, and how many of them are wrong."""
    place, edges = bin_indices(this, trait, count)
    columns = len(edges) - 1
    cell = this.labels.astype(np.intp) * columns + place
    shape = (CLASSES, columns)
    return SliceTable(
        np.bincount(cell, minlength=CLASSES * columns).reshape(shape),
        np.bincount(cell[~this.correct], minlength=CLASSES * columns).reshape(shape),
    )


def slice_examples(this: Predictions, trait: str, count: int = 5, each: int = 6) -> list[Ints]:
    """Of each bin, the indices of up to `each` digits evenly along it, the lowest value first."""
    place, edges = bin_indices(this, trait, count)
    order = np.argsort(morphometry(this)[trait], kind="stable")
    chosen = []
    for k in range(len(edges) - 1):
        inside = order[place[order] == k]
        shown = min(each, len(inside))
        # The middles of as many equal pieces: the very ends of a trait are its oddest digits.
        chosen.append(inside[(np.arange(shown) * 2 + 1) * len(inside) // (2 * shown)])
    return chosen


def in_bin(this: Predictions, trait: str, number: int, count: int = 5) -> Ints:
    """The indices of a bin's digits, wrong ones first and each part most confident first."""
    place, _ = bin_indices(this, trait, count)
    return _wrong_first(this, np.flatnonzero(place == number))


@lru_cache(maxsize=8)
def worst_slices(this: Predictions, most: int = 10) -> SliceSearch:
    """The slices on which a network fails most surely, at most `most`.

    Looked at is every combination of one label or none with thirds of up to two traits, as far as
    it has `SMALLEST` digits and not all of them. What is more than chance comes first, then what
    would be if only it had been looked at. Among these they are ranked by the lower end of the
    Wilson interval of their error rate, which a few errors among few digits do not lift. One is
    left out if more than half of its wrong digits are in one slice that is listed already.
    """
    binned = {trait: bin_indices(this, trait, TERTILES) for trait in MEASURES}
    places = {name: place for name, (place, edges) in binned.items() if len(edges) == TERTILES + 1}
    found = [one for one in _counted(this, places) if SMALLEST_SLICE <= one.n < len(this)]
    kept: list[Slice] = []
    for one in _ranked(_tested(this, found), len(found)):
        if len(kept) == most:
            break
        digits = np.flatnonzero(_inside(this, places, one))
        if not any(_shared(this, digits, other.digits) for other in kept):
            kept.append(_described(this, one, digits))
    return SliceSearch(tuple(kept), len(found))


@dataclass(frozen=True)
class _Counted:
    """A slice that may be listed: what it is, how many digits it has, how many wrong ones."""

    thirds: tuple[tuple[str, int], ...]
    label: int | None
    n: int
    wrong: int
    low: float = 0
    probability: float = 1


def _tested(this: Predictions, found: Sequence[_Counted]) -> list[_Counted]:
    """The slices with the lower end of their error rate's interval, and what chance does."""
    from scipy.stats import hypergeom  # takes two thirds of a second

    n = np.array([one.n for one in found], np.intp)
    wrong = np.array([one.wrong for one in found], np.intp)
    chance = hypergeom.sf(wrong - 1, len(this), int((~this.correct).sum()), n).tolist()
    return [
        replace(one, low=wilson_interval(one.wrong, one.n)[0], probability=p)
        for one, p in zip(found, chance, strict=True)
        if p < CONFIDENCE_LEVEL
    ]


def _ranked(found: Sequence[_Counted], searched: int) -> list[_Counted]:
    return sorted(
        found, key=lambda one: (one.probability * searched >= CONFIDENCE_LEVEL, -one.low, -one.n)
    )


def _described(this: Predictions, one: _Counted, digits: Ints) -> Slice:
    total = int((~this.correct).sum())
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


def _counted(this: Predictions, places: dict[str, Ints]) -> Iterator[_Counted]:
    """Count all slices: those of the same traits at once, by label and third."""
    chosen: Sequence[tuple[str, ...]] = [
        (),
        *((trait,) for trait in places),
        *combinations(places, 2),
    ]
    for names in chosen:
        cell = this.labels.astype(np.intp)
        for name in names:
            cell = cell * TERTILES + places[name]
        shape = (CLASSES, TERTILES ** len(names))
        size = CLASSES * TERTILES ** len(names)
        n = np.bincount(cell, minlength=size).reshape(shape)
        wrong = np.bincount(cell[~this.correct], minlength=size).reshape(shape)
        for column, thirds in enumerate(product(range(TERTILES), repeat=len(names))):
            what = tuple(zip(names, thirds, strict=True))
            yield _Counted(what, None, int(n[:, column].sum()), int(wrong[:, column].sum()))
            for label in range(CLASSES):
                yield _Counted(what, label, int(n[label, column]), int(wrong[label, column]))


def _inside(this: Predictions, places: dict[str, Ints], one: _Counted) -> NDArray[np.bool_]:
    mask = np.ones(len(this), np.bool_) if one.label is None else this.labels == one.label
    for trait, third in one.thirds:
        mask = mask & (places[trait] == third)
    return mask


def _shared(this: Predictions, digits: Ints, listed: Ints) -> bool:
    """Whether more than half of the wrong ones among some digits are among the listed."""
    wrong = digits[~this.correct[digits]]
    return 2 * int(np.isin(wrong, listed).sum()) > len(wrong)


def _binned(values: NDArray[np.float64], count: int) -> tuple[Ints, NDArray[np.float64]]:
    # A bin begins at a value that occurs, so that none is empty.
    starts = np.unique(np.quantile(values, np.arange(1, count) / count, method="higher"))
    starts = starts[starts > values.min()]
    edges = np.concatenate([[values.min()], starts, [values.max()]])
    return np.searchsorted(starts, values, side="right"), edges


def _bin(start: float, end: float, n: int, wrong: int) -> Bin:
    low, high = wilson_interval(wrong, n)
    return Bin(start, end, n, wrong, wrong / n, low, high)


def _wrong_first(this: Predictions, digits: Ints) -> Ints:
    order = np.lexsort((-this.confidence[digits], this.correct[digits]))
    found: Ints = digits[order]
    return read_only(found)
