"""How many digits are read in photos of a single digit?

MNIST test digits are written onto sheets and photographed by `benchmarks.synthetic_photos`: plain,
lined and squared paper and a board, pens, pencil and chalk, shadows, tilt, perspective, blur, grain
and JPEG. Each photo is read twice: as the app reads an upload, which must find one digit and no
more, and by `core.preprocessing.mnist_format.find_digit`, which takes it for granted that there is
one. A photo counts as right if there is one digit, where it was written, and it is read right;
those of them that the page calls "no digit" are counted apart.

What was tuned, was tuned on photos of training digits, from other seeds.

    python -m benchmarks.photos [--run best] [--seed 1] [--limit 2000] [--quick]

Writes `benchmarks/results/photos.json` (not with `--limit` or `--quick`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks._page_way import PageWay
from benchmarks.common import NETWORK_PACKAGES, parser, start, write_result
from benchmarks.synthetic_photos import Photo, overlap, single_photo
from core.preprocessing.mnist_format import Box, find_digit
from core.utils.errors import PictureError

PHOTOS: Final = 2000
FOUND_FROM: Final = 0.5
"""Overlap of the boxes, what they share over what they cover, from which a digit is found."""
PACKAGES: Final = (*NETWORK_PACKAGES, "opencv-python-headless")
Way = Callable[[NDArray[np.uint8]], list[tuple[Box, int, bool]]]
"""The digits of a photo: box, answer, and whether it is called "no digit"; empty if refused."""
Row = tuple[str, bool, bool, int, bool, bool]


def measure(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    seed: int,
    ways: dict[str, Way],
) -> dict[str, Any]:
    """Photograph each digit once and let each way find and read it.

    Returns {way: {n, right, found, false, refused, called_no_digit, accuracy, by: {paper and pen:
    accuracy}}}.
    """
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Row]] = {way: [] for way in ways}
    for image, label in zip(images, labels, strict=True):
        photo = single_photo(image, int(label), rng)
        for name, way in ways.items():
            rows[name].append(_read(photo, way))
    return {name: _figures(row) for name, row in rows.items()}


def _read(photo: Photo, way: Way) -> Row:
    """Kind of photo, right, found, digits that are none, refused, called no digit though right."""
    kind = f"{photo.paper}, {photo.pen}"
    digits = way(photo.pixels)
    if not digits:
        return kind, False, False, 0, True, False
    truth = photo.written[0]
    box, answer, is_no_digit = max(digits, key=lambda digit: overlap(digit[0], truth.box))
    matched = overlap(box, truth.box) >= FOUND_FROM
    right = matched and len(digits) == 1 and answer == truth.label
    return kind, right, matched, len(digits) - matched, False, right and is_no_digit


def as_the_page(way: PageWay) -> Way:
    """An upload's digits."""

    def read(picture: NDArray[np.uint8]) -> list[tuple[Box, int, bool]]:
        return [
            (
                reading.detection.digit.box,
                reading.verdict.digit,
                reading.verdict.kind == "not a digit",
            )
            for reading in way.read(picture).readings
        ]

    return read


def as_one_digit(way: PageWay) -> Way:
    """All ink as one digit."""

    def read(picture: NDArray[np.uint8]) -> list[tuple[Box, int, bool]]:
        try:
            digit = find_digit(picture)
        except PictureError:
            return []
        return [(digit.box, way.digit_of(digit.pixels), False)]

    return read


def _figures(rows: list[Row]) -> dict[str, Any]:
    right = np.array([row[1] for row in rows])
    kinds = np.array([row[0] for row in rows])
    return {
        "n": len(rows),
        "right": int(right.sum()),
        "found": sum(row[2] for row in rows),
        "false": sum(row[3] for row in rows),
        "refused": sum(row[4] for row in rows),
        "called_no_digit": sum(row[5] for row in rows),
        "accuracy": round(float(right.mean()), 6),
        "by": {
            kind: {"n": int((kinds == kind).sum()), "accuracy": round(float(part.mean()), 4)}
            for kind in sorted(set(kinds.tolist()))
            for part in [right[kinds == kind]]
        },
    }


def main() -> None:
    """Measure a run of the product, print the figures and write them down."""
    line = parser(__doc__)
    line.add_argument("--run", default="best", help="which run reads the digits")
    line.add_argument("--seed", type=int, default=1)
    line.add_argument("--limit", type=int, help="only the first N photos")
    options = line.parse_args()

    from core.data import mnist

    count = options.limit or (100 if options.quick else PHOTOS)
    test = mnist.load("mnist").test
    chosen = np.random.default_rng(options.seed).permutation(len(test.images))[:count]
    way = PageWay(options.run)
    ways = {"page": as_the_page(way), "find_digit": as_one_digit(way)}
    figures = measure(test.images[chosen], test.labels[chosen], options.seed, ways)
    for name, row in figures.items():
        print(f"{name}: {row['right']} right of {row['n']} ({row['accuracy']:.2%}), ", end="")
        print(f"{row['found']} found, {row['false']} false, {row['refused']} refused, ", end="")
        print(f"{row['called_no_digit']} right ones are called no digit")
        for kind, part in row["by"].items():
            print(f"    {kind:18}{part['accuracy']:.2%} of {part['n']}")
    write_result(
        "photos",
        figures,
        seed=options.seed,
        packages=PACKAGES,
        quick=options.quick or options.limit is not None,
        run=way.note(options.run),
        found_from_overlap=FOUND_FROM,
    )


if __name__ == "__main__":
    start(main)
