"""How many of the digits of a page are found and read?

Pages of 30 MNIST test digits in lines of numbers, some of them touching, photographed by
`benchmarks.synthetic_photos` and read as the app reads an upload. A digit is found if a box that
is read shares half of what both cover with the box around its ink, and right if the network then
reads it right; every box that is nobody's is false. Right digits that the page calls "no digit" are
counted apart. Reading order is right if the digits that were found stand in the order and the lines
in which they were written.

What was tuned, was tuned on pages of training digits, from other seeds.

    python -m benchmarks.pages [--run best] [--seed 1] [--limit 100] [--quick]

Writes `benchmarks/results/pages.json` (not with `--limit` or `--quick`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks._page_way import PageWay
from benchmarks.common import NETWORK_PACKAGES, parser, start, write_result
from benchmarks.synthetic_photos import DIGITS, Photo, overlap, page_photo

PAGES: Final = 100
FOUND_FROM: Final = 0.5
PACKAGES: Final = (*NETWORK_PACKAGES, "opencv-python-headless")
Row = dict[str, Any]


def measure(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    seed: int,
    count: int,
    way: PageWay,
) -> Row:
    """Photograph `count` pages of digits drawn at random, and read them.

    Returns {pages, digits, right, found, false, called_no_digit, in_order, accuracy, by}.
    """
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for _ in range(count):
        chosen = rng.choice(len(images), DIGITS, replace=False)
        photo = page_photo(images[chosen], [int(label) for label in labels[chosen]], rng)
        rows.append(_read(photo, way))
    return _figures(rows)


def _read(photo: Photo, way: PageWay) -> Row:
    """One page: kind, digits, right, found, false, called no digit, whether the order is right."""
    readings = way.read(photo.pixels).readings
    boxes = [reading.detection.digit.box for reading in readings]
    places: list[int] = []
    lines: list[tuple[int, int]] = []
    right = refused = 0
    for truth in photo.written:
        rest = [k for k in range(len(boxes)) if k not in places]
        best = max(rest, key=lambda k: overlap(boxes[k], truth.box), default=None)
        if best is None or overlap(boxes[best], truth.box) < FOUND_FROM:
            continue
        places.append(best)
        lines.append((truth.line, readings[best].detection.line))
        if readings[best].verdict.digit == truth.label:
            right += 1
            refused += readings[best].verdict.kind == "not a digit"
    same_lines = len(set(lines)) == len({line for line, _ in lines}) == len({k for _, k in lines})
    return {
        "kind": f"{photo.paper}, {photo.pen}",
        "digits": len(photo.written),
        "right": right,
        "found": len(places),
        "false": len(boxes) - len(places),
        "called_no_digit": refused,
        "in_order": bool(places) and places == sorted(places) and same_lines,
    }


def _figures(rows: list[Row]) -> Row:
    def total(name: str, part: list[Row]) -> int:
        return sum(row[name] for row in part)

    by = {}
    for kind in sorted({row["kind"] for row in rows}):
        part = [row for row in rows if row["kind"] == kind]
        accuracy = total("right", part) / total("digits", part)
        by[kind] = {"pages": len(part), "accuracy": round(accuracy, 4)}
    counted = ("digits", "right", "found", "false", "called_no_digit", "in_order")
    sums = {name: total(name, rows) for name in counted}
    return {
        "pages": len(rows),
        **sums,
        "accuracy": round(sums["right"] / sums["digits"], 6),
        "by": by,
    }


def main() -> None:
    """Measure a run of the product, print the figures and write them down."""
    line = parser(__doc__)
    line.add_argument("--run", default="best", help="which run reads the digits")
    line.add_argument("--seed", type=int, default=1)
    line.add_argument("--limit", type=int, help="only the first N pages")
    options = line.parse_args()

    from core.data import mnist

    count = options.limit or (6 if options.quick else PAGES)
    test = mnist.load("mnist").test
    way = PageWay(options.run)
    figures = measure(test.images, test.labels, options.seed, count, way)
    print(f"{figures['right']} right of {figures['digits']} ({figures['accuracy']:.2%}), ", end="")
    print(f"{figures['found']} found, {figures['false']} false; ", end="")
    print(f"{figures['in_order']} of {figures['pages']} pages in order, ", end="")
    print(f"{figures['called_no_digit']} right ones are called no digit")
    for kind, part in figures["by"].items():
        print(f"    {kind:18}{part['accuracy']:.2%} on {part['pages']} pages")
    write_result(
        "pages",
        figures,
        seed=options.seed,
        packages=PACKAGES,
        quick=options.quick or options.limit is not None,
        run=way.note(options.run),
        found_from_overlap=FOUND_FROM,
    )


if __name__ == "__main__":
    start(main)
