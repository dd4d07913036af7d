"""What can be measured on the picture of a digit: how thick, slanted, wide, large, inky, unusual.

Thickness and slant are those of D. C. Castro, J. Tan, B. Kainz, E. Konukoglu and B. Glocker,
"Morpho-MNIST: Quantitative Assessment and Diagnostics for Representation Learning", Journal of
Machine Learning Research 20 (2019), 178, arXiv:1809.10780: from the distance of the ink to the
paper in an enlarged picture, and from the second moments. They average that distance along the
skeleton; the mean over all the ink needs no skeleton, and of a bar it gives the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.answered import Answered
from core.arrays import read_only
from core.datasets import DATASETS
from core.digit_stats import class_pictures, likeness_to

Measures = NDArray[np.float32]
Pictures = NDArray[np.uint8]

_SIDE: Final = 28
_AT_ONCE: Final = 512
_FINER: Final = 4
"""As many times a picture is enlarged before ink is told from paper, so that grey rims count."""
_INK: Final = 127
"""Above it a pixel is more ink than paper."""


@dataclass(frozen=True)
class Trait:
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


TRAITS: Final[Mapping[str, Trait]] = MappingProxyType(
    {
        one.key: one
        for one in (
            Trait(
                "thickness",
                "Thickness",
                "px",
                1,
                ("thin", "medium-thick", "thick"),
                "The width of the stroke in pixels: four times the mean distance of the ink from "
                "the paper, which is exact for a straight bar.",
            ),
            Trait(
                "slant",
                "Slant",
                "°",
                0,
                ("left-leaning", "fairly upright", "right-leaning"),
                "By how many degrees the digit leans, to the right above 0: the shear that makes "
                "its ink balance on a vertical line. Most people's writing leans right.",
            ),
            Trait(
                "width",
                "Width",
                "of the height",
                2,
                ("narrow", "medium-wide", "wide"),
                "The width of the box around the ink, divided by its height.",
            ),
            Trait(
                "size",
                "Size",
                "px",
                1,
                ("small", "medium-sized", "large"),
                "How far the ink lies from its centre of mass (root mean square). The longer side "
                "would say nothing: MNIST scaled every digit to 20 pixels.",
            ),
            Trait(
                "ink",
                "Ink",
                "%",
                1,
                ("pale", "medium-inked", "inky"),
                "How much of the picture is inked: its mean grey value, 255 being 100 %.",
            ),
            Trait(
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

    def __init__(self, this: Answered) -> None:
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


def traits(this: Answered) -> Mapping[str, Measures]:
    """Each of `TRAITS` on each digit, float32 (n,), finite, read-only; measured once per dataset.

    Raises DatasetError if the dataset whose mean digits are compared with cannot be loaded.
    """
    return _measured(_Pictures(this))


@lru_cache(maxsize=8)
def _measured(pictures: _Pictures) -> Mapping[str, Measures]:
    images = pictures.images
    means = class_pictures(pictures.means_of, "test").means
    slants, sizes = np.empty(len(images), np.float32), np.empty(len(images), np.float32)
    for part in _parts(len(images)):
        slants[part], sizes[part] = _moments(images[part])
    found = {
        "thickness": thickness(images),
        "slant": slants,
        "width": _width(images),
        "size": sizes,
        "ink": (images.mean(axis=(1, 2)) * (100 / 255)).astype(np.float32),
        "rarity": 1 - likeness_to(means, images, pictures.labels),
    }
    return MappingProxyType({trait: read_only(values) for trait, values in found.items()})


def thickness(images: Pictures) -> Measures:
    """The width of each digit's stroke in pixels: uint8 (n, 28, 28) to float32 (n,); 0: no ink.

    Four times the mean distance of the ink from the paper: over a bar that distance rises from 0
    at the rim to half the width, so its mean is a quarter of it.
    """
    found = np.empty(len(images), np.float32)
    for part in _parts(len(images)):
        found[part] = _thickness(images[part])
    return found


def _thickness(images: Pictures) -> Measures:
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
    """Slant in degrees, right above 0, and root mean square distance from the centre of mass.

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


def _width(images: Pictures) -> Measures:
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
