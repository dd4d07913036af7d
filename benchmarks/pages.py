"""How many of the digits of a page are found and read?

Pages of 30 MNIST test digits in lines of numbers, some of them touching, photographed by
`benchmarks.synthetic_photos`. A digit is found if a box of
`core.preprocessing.page.detection.find_digits` shares half of what both cover with the box around
its ink, and right if the network then reads it right; every box that is nobody's is false. Right
digits that the page would call "no
digit" (`core.inference.reader`) are counted apart. Reading order is right if the digits that were
found stand in the order and the lines in which they were written.

What was tuned, was tuned on pages of training digits, from other seeds.

    python -m benchmarks.pages [--run best] [--seed 1] [--limit 100] [--quick]

Writes `benchmarks/results/pages.json` (not with `--limit` or `--quick`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import NETWORK_PACKAGES, parser, start, write_result
from benchmarks.synthetic_photos import DIGITS, Photo, overlap, page_photo
from core.inference.reader import AnswerVerdict, classify_answer
from core.preprocessing.page.detection import FoundDigit, find_digits
from core.runs import registry
from core.runs.run import Network
from core.utils.errors import PictureError
from core.utils.validation import Predict

PAGES: Final = 100
FOUND_FROM: Final = 0.5
PACKAGES: Final = (*NETWORK_PACKAGES, "opencv-python-headless")
Way = Callable[[NDArray[np.uint8]], tuple[FoundDigit, ...]]
Row = dict[str, Any]


def measure(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    seed: int,
    count: int,
    ways: dict[str, Way],
    ask: Predict,
    temperature: float = 1.0,
) -> dict[str, Any]:
    """Photograph `count` pages of digits drawn at random, and let each way find and read them.

    Returns {way: {pages, digits, right, found, false, called_no_digit, in_order, accuracy, by}}.
    """
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Row]] = {way: [] for way in ways}
    for _ in range(count):
        chosen = rng.choice(len(images), DIGITS, replace=False)
        photo = page_photo(images[chosen], [int(label) for label in labels[chosen]], rng)
        for name, way in ways.items():
            rows[name].append(_read(photo, way, ask, temperature))
    return {name: _figures(row) for name, row in rows.items()}


def _read(photo: Photo, way: Way, ask: Predict, temperature: float) -> Row:
    """One page: kind, digits, right, found, false, called no digit, whether the order is right."""
    try:
        detections = way(photo.pixels)
    except PictureError:
        detections = ()
    verdicts: tuple[AnswerVerdict, ...] = ()
    if detections:
        pixels = np.stack([detection.digit.pixels for detection in detections])
        verdicts = classify_answer(pixels, ask(pixels), temperature)
    places: list[int] = []
    lines: list[tuple[int, int]] = []
    right = refused = 0
    for truth in photo.written:
        rest = [k for k in range(len(detections)) if k not in places]
        best = max(rest, key=lambda k: overlap(detections[k].digit.box, truth.box), default=None)
        if best is None or overlap(detections[best].digit.box, truth.box) < FOUND_FROM:
            continue
        places.append(best)
        lines.append((truth.line, detections[best].line))
        if verdicts[best].digit == truth.label:
            right += 1
            refused += verdicts[best].kind == "not a digit"
    same_lines = len(set(lines)) == len({line for line, _ in lines}) == len({k for _, k in lines})
    return {
        "kind": f"{photo.paper}, {photo.pen}",
        "digits": len(photo.written),
        "right": right,
        "found": len(places),
        "false": len(detections) - len(places),
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

    # Here, not above: TensorFlow takes seconds to import, and `measure` needs none of it.
    from core.data import mnist
    from core.inference.predictor import load_predictor
    from core.inference.reader import run_temperature

    count = options.limit or (6 if options.quick else PAGES)
    test = mnist.load("mnist").test
    run = registry.find_run(options.run)
    ask = load_predictor(Network(run)).probabilities
    ways: dict[str, Way] = {"find_digits": find_digits}
    temperature = run_temperature(run)
    figures = measure(test.images, test.labels, options.seed, count, ways, ask, temperature)
    for name, row in figures.items():
        print(f"{name}: {row['right']} right of {row['digits']} ({row['accuracy']:.2%}), ", end="")
        print(f"{row['found']} found, {row['false']} false; ", end="")
        print(f"{row['in_order']} of {row['pages']} pages in order, ", end="")
        print(f"{row['called_no_digit']} right ones would be called no digit")
        for kind, part in row["by"].items():
            print(f"    {kind:18}{part['accuracy']:.2%} on {part['pages']} pages")
    write_result(
        "pages",
        figures,
        seed=options.seed,
        packages=PACKAGES,
        quick=options.quick or options.limit is not None,
        run={"asked": options.run, "id": run.info.id, "sha256": run.info.model_sha256},
        found_from_overlap=FOUND_FROM,
    )


if __name__ == "__main__":
    start(main)
