"""Slices: groups of digits with a common trait, and a network's error rate on them.

The search for the worst ones follows Y. Chung, T. Kraska, N. Polyzotis, K. H. Tae and S. E. Whang,
"Slice Finder: Automated Data Slicing for Model Validation", ICDE 2019, arXiv:1807.06068: every
slice of up to three conditions, compared with the rest by a test and by its effect size. What is
counted here is right or wrong, so the test is Fisher's exact one.

The traits are measured on the picture (`morphometry`): thickness, slant, width, size, ink, rarity
of style. Thickness and slant are those of D. C. Castro, J. Tan, B. Kainz, E. Konukoglu and B.
Glocker, "Morpho-MNIST: Quantitative Assessment and Diagnostics for Representation Learning",
Journal of Machine Learning Research 20 (2019), 178, arXiv:1809.10780: from the distance of the ink
to the paper in an enlarged picture, and from the second moments. They average that distance along
the skeleton; the mean over all the ink needs no skeleton, and of a bar it gives the same.
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
from core.data.statistics import class_statistics, similarity_to_class_means
from core.evaluation.comparison import CONFIDENCE_LEVEL, wilson_interval
from core.runs.predictions import Predictions
from core.utils.text import DIGIT_PLURALS
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
    """A measured trait: key, name, unit, displayed decimals, and the names of its three thirds."""

    key: str
    name: str
    unit: str
    decimals: int
    third_names: tuple[str, str, str]
    about: str

    @property
    def low(self) -> str:
        """The name of the digits with the smallest values."""
        return self.third_names[0]

    @property
    def high(self) -> str:
        """The name of the digits with the largest values."""
        return self.third_names[2]


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        measure.key: measure
        for measure in (
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
                "How far the ink lies from its center of mass (root mean square). The longer side "
                "would say nothing: MNIST scaled every digit to 20 pixels.",
            ),
            Measure(
                "ink",
                "Ink",
                "%",
                1,
                ("pale", "medium-inked", "inky"),
                "How much of the picture is inked: its mean gray value, 255 being 100 %.",
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
    """Cache key: pictures and labels, equal if they are the same arrays, whatever run answered."""

    def __init__(self, predictions: Predictions) -> None:
        self.images, self.labels = predictions.images, predictions.labels
        # The visitor's own digits are few: what is ordinary is judged by the sample's.
        self.means_of = predictions.dataset if predictions.dataset in DATASETS else "mnist-sample"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Pictures)
            and self.images is other.images
            and self.labels is other.labels
        )

    def __hash__(self) -> int:
        return hash((id(self.images), id(self.labels)))


def morphometry(predictions: Predictions) -> Mapping[str, MorphometryTable]:
    """Each of `MEASURES` on each digit, float32 (n,), finite, read-only; measured once per dataset.

    Raises DatasetError if the dataset whose mean digits are compared with cannot be loaded.
    """
    return _measured(_Pictures(predictions))


@lru_cache(maxsize=8)
def _measured(pictures: _Pictures) -> Mapping[str, MorphometryTable]:
    images = pictures.images
    means = class_statistics(pictures.means_of, "test").means
    slants, sizes = np.empty(len(images), np.float32), np.empty(len(images), np.float32)
    for part in _parts(len(images)):
        slants[part], sizes[part] = _moments(images[part])
    measures = {
        "thickness": stroke_thickness(images),
        "slant": slants,
        "width": _width(images),
        "size": sizes,
        "ink": (images.mean(axis=(1, 2)) * (100 / 255)).astype(np.float32),
        "rarity": 1 - similarity_to_class_means(means, images, pictures.labels),
    }
    return MappingProxyType({trait: read_only(values) for trait, values in measures.items()})


def stroke_thickness(images: Pictures) -> MorphometryTable:
    """The width of each digit's stroke in pixels: uint8 (n, 28, 28) to float32 (n,); 0: no ink.

    Four times the mean distance of the ink from the paper: over a bar that distance rises from 0
    at the rim to half the width, so its mean is a quarter of it.

    Example:
        >>> bar = np.zeros((1, 28, 28), np.uint8)
        >>> bar[:, 4:24, 12:16] = 255
        >>> bool(3 < stroke_thickness(bar)[0] < 4.5)
        True
    """
    thickness = np.empty(len(images), np.float32)
    for part in _parts(len(images)):
        thickness[part] = _thickness(images[part])
    return thickness


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
    mean_x, mean_y, xx, xy, yy = (moment / np.maximum(mass, 1) for moment in rest)
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
    """Batches: converting a large array to float64 at once would take hundreds of megabytes."""
    return [slice(start, start + _AT_ONCE) for start in range(0, n, _AT_ONCE)]


Ints = NDArray[np.intp]
_TERTILES: Final = 3
SMALLEST_SLICE: Final = 20
"""Smaller slices are not searched: two or three errors would put them first."""


@dataclass(frozen=True)
class SliceBin:
    """The digits whose trait lies from `start` to `end`, in the trait's unit.

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
    """Counts by label (rows) and bin (columns): all digits (`n`) and those read wrongly."""

    n: Ints
    wrong: Ints


@dataclass(frozen=True, eq=False)
class Slice:
    """A slice: digits by third of up to two traits (0 lowest to 2 highest), and by label.

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
        """The slice in plain words, such as "thin, right-leaning nines"."""
        words = ", ".join(MEASURES[key].third_names[third] for key, third in self.thirds)
        return f"{words} {'digits' if self.label is None else DIGIT_PLURALS[self.label]}".strip()

    @property
    def rate(self) -> float:
        """The share of these digits that is read wrongly, 0 to 1."""
        return self.wrong / self.n

    @property
    def rest_rate(self) -> float:
        """The share of all other digits that is read wrongly; 0 if there are none."""
        return self.rest_wrong / max(self.rest_n, 1)

    @property
    def effect(self) -> float:
        """Slice Finder's effect size: above 0.2 small, 0.5 medium, 0.8 large (Cohen, 1988)."""
        spread = sum(rate * (1 - rate) for rate in (self.rate, self.rest_rate))
        gap = self.rate - self.rest_rate
        return float(np.sqrt(2 / spread) * gap) if spread else float("inf")


@dataclass(frozen=True, eq=False)
class SliceSearch:
    """The worst slices, the worst first, and the number of slices that were searched."""

    slices: tuple[Slice, ...]
    searched: int

    def more_than_chance(self, candidate: Slice) -> bool:
        """Whether a slice is significant, corrected for the number searched (Bonferroni).

        Slices share digits; Bonferroni's bound holds for tests that depend on each other, too.
        """
        return candidate.probability * self.searched < CONFIDENCE_LEVEL


def bin_indices(
    predictions: Predictions, trait: str, count: int = 5
) -> tuple[Ints, NDArray[np.float64]]:
    """Each digit's bin of a trait, int (n,), and the bins' edges, float64 (bins + 1,).

    As equally filled as ties allow: where many digits have the same value, there are fewer bins.
    Raises KeyError if there is no such trait.
    """
    return _binned(np.asarray(morphometry(predictions)[trait], np.float64), count)


@lru_cache(maxsize=64)
def error_rate_bins(predictions: Predictions, trait: str, count: int = 5) -> tuple[SliceBin, ...]:
    """The bins of a trait from the lowest values to the highest, with their error rates."""
    place, edges = bin_indices(predictions, trait, count)
    n = np.bincount(place, minlength=len(edges) - 1).tolist()
    wrong = np.bincount(place[~predictions.correct], minlength=len(edges) - 1).tolist()
    return tuple(
        _bin(start, end, size, errors)
        for (start, end), size, errors in zip(pairwise(edges.tolist()), n, wrong, strict=True)
    )


def error_rates_by_label(predictions: Predictions, trait: str, count: int = 5) -> SliceTable:
    """Count digits and mistakes by label and bin of a trait."""
    place, edges = bin_indices(predictions, trait, count)
    columns = len(edges) - 1
    cell = predictions.labels.astype(np.intp) * columns + place
    shape = (CLASSES, columns)
    return SliceTable(
        np.bincount(cell, minlength=CLASSES * columns).reshape(shape),
        np.bincount(cell[~predictions.correct], minlength=CLASSES * columns).reshape(shape),
    )


def slice_examples(
    predictions: Predictions, trait: str, count: int = 5, each: int = 6
) -> list[Ints]:
    """For each bin the indices of up to `each` digits, evenly spread, the lowest value first."""
    place, edges = bin_indices(predictions, trait, count)
    order = np.argsort(morphometry(predictions)[trait], kind="stable")
    chosen = []
    for k in range(len(edges) - 1):
        inside = order[place[order] == k]
        shown = min(each, len(inside))
        # The middles of as many equal pieces: the very ends of a trait are its oddest digits.
        chosen.append(inside[(np.arange(shown) * 2 + 1) * len(inside) // (2 * shown)])
    return chosen


def bin_members(predictions: Predictions, trait: str, number: int, count: int = 5) -> Ints:
    """Indices of a bin's digits: wrong ones first, then by falling confidence."""
    place, _ = bin_indices(predictions, trait, count)
    return _wrong_first(predictions, np.flatnonzero(place == number))


@lru_cache(maxsize=8)
def worst_slices(predictions: Predictions, most: int = 10) -> SliceSearch:
    """Find the slices with the clearest excess of mistakes, at most `most`.

    Searched is every combination of one label or none with thirds of up to two traits, as far as it
    has `SMALLEST_SLICE` digits and not all of them. What is more than chance comes first, then what
    would be if only it had been tested. Among these they are ranked by the lower end of the Wilson
    interval of their error rate, which a few errors among few digits do not lift. One is left out
    if more than half of its wrong digits are in one slice that is listed already.
    """
    binned = {trait: bin_indices(predictions, trait, _TERTILES) for trait in MEASURES}
    places = {name: place for name, (place, edges) in binned.items() if len(edges) == _TERTILES + 1}
    candidates = [
        candidate
        for candidate in _counted(predictions, places)
        if SMALLEST_SLICE <= candidate.n < len(predictions)
    ]
    kept: list[Slice] = []
    for candidate in _ranked(_tested(predictions, candidates), len(candidates)):
        if len(kept) == most:
            break
        digits = np.flatnonzero(_inside(predictions, places, candidate))
        if not any(_shared(predictions, digits, other.digits) for other in kept):
            kept.append(_described(predictions, candidate, digits))
    return SliceSearch(tuple(kept), len(candidates))


@dataclass(frozen=True)
class _Counted:
    """A candidate slice: its conditions, its size and its mistakes."""

    thirds: tuple[tuple[str, int], ...]
    label: int | None
    n: int
    wrong: int
    low: float = 0
    probability: float = 1


def _tested(predictions: Predictions, candidates: Sequence[_Counted]) -> list[_Counted]:
    """Add the lower end of the error rate's interval and the p-value; keep significant ones."""
    from scipy.stats import hypergeom  # takes two thirds of a second

    n = np.array([candidate.n for candidate in candidates], np.intp)
    wrong = np.array([candidate.wrong for candidate in candidates], np.intp)
    chance = hypergeom.sf(
        wrong - 1, len(predictions), int((~predictions.correct).sum()), n
    ).tolist()
    return [
        replace(candidate, low=wilson_interval(candidate.wrong, candidate.n)[0], probability=p)
        for candidate, p in zip(candidates, chance, strict=True)
        if p < CONFIDENCE_LEVEL
    ]


def _ranked(candidates: Sequence[_Counted], searched: int) -> list[_Counted]:
    return sorted(
        candidates,
        key=lambda candidate: (
            candidate.probability * searched >= CONFIDENCE_LEVEL,
            -candidate.low,
            -candidate.n,
        ),
    )


def _described(predictions: Predictions, candidate: _Counted, digits: Ints) -> Slice:
    total = int((~predictions.correct).sum())
    return Slice(
        thirds=candidate.thirds,
        label=candidate.label,
        n=candidate.n,
        wrong=candidate.wrong,
        rest_n=len(predictions) - candidate.n,
        rest_wrong=total - candidate.wrong,
        low=candidate.low,
        probability=candidate.probability,
        digits=_wrong_first(predictions, digits),
    )


def _counted(predictions: Predictions, places: dict[str, Ints]) -> Iterator[_Counted]:
    """Count all slices: those of the same traits at once, by label and third."""
    chosen: Sequence[tuple[str, ...]] = [
        (),
        *((trait,) for trait in places),
        *combinations(places, 2),
    ]
    for names in chosen:
        cell = predictions.labels.astype(np.intp)
        for name in names:
            cell = cell * _TERTILES + places[name]
        shape = (CLASSES, _TERTILES ** len(names))
        size = CLASSES * _TERTILES ** len(names)
        n = np.bincount(cell, minlength=size).reshape(shape)
        wrong = np.bincount(cell[~predictions.correct], minlength=size).reshape(shape)
        for column, thirds in enumerate(product(range(_TERTILES), repeat=len(names))):
            condition = tuple(zip(names, thirds, strict=True))
            yield _Counted(condition, None, int(n[:, column].sum()), int(wrong[:, column].sum()))
            for label in range(CLASSES):
                yield _Counted(condition, label, int(n[label, column]), int(wrong[label, column]))


def _inside(
    predictions: Predictions, places: dict[str, Ints], candidate: _Counted
) -> NDArray[np.bool_]:
    mask = (
        np.ones(len(predictions), np.bool_)
        if candidate.label is None
        else predictions.labels == candidate.label
    )
    for trait, third in candidate.thirds:
        mask = mask & (places[trait] == third)
    return mask


def _shared(predictions: Predictions, digits: Ints, listed: Ints) -> bool:
    """Whether more than half of the wrong ones among some digits are among the listed."""
    wrong = digits[~predictions.correct[digits]]
    return 2 * int(np.isin(wrong, listed).sum()) > len(wrong)


def _binned(values: NDArray[np.float64], count: int) -> tuple[Ints, NDArray[np.float64]]:
    # A bin begins at a value that occurs, so that none is empty.
    starts = np.unique(np.quantile(values, np.arange(1, count) / count, method="higher"))
    starts = starts[starts > values.min()]
    edges = np.concatenate([[values.min()], starts, [values.max()]])
    return np.searchsorted(starts, values, side="right"), edges


def _bin(start: float, end: float, n: int, wrong: int) -> SliceBin:
    low, high = wilson_interval(wrong, n)
    return SliceBin(start, end, n, wrong, wrong / n, low, high)


def _wrong_first(predictions: Predictions, digits: Ints) -> Ints:
    order = np.lexsort((-predictions.confidence[digits], predictions.correct[digits]))
    ordered: Ints = digits[order]
    return read_only(ordered)
