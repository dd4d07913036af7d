"""How many digits are read in the files that people bring: small, cropped, framed, on a sheet?

MNIST test digits as files of many kinds, each read as the app reads an upload. A file is right if
exactly its digits are read, in order, and none is called "not a digit". Half of the pictures have
dark ink and half light ink, half are PNG and half JPEG (quality 75 to 95) where a kind allows both.

- "20 px" to "224 px": the whole 28×28 square at that size.
- "RGBA": ink on a transparent ground, 28 to 224 px.
- "tight crop": cropped to the ink and enlarged 4 to 10 times.
- "gray paper": 28 to 112 px on gray paper with grain.
- "touches the border": on gray paper with grain, the ink moved until it meets a side.
- "frame": inside a drawn frame of 1 to 8 px.
- "large sheet": 28 to 80 px on a sheet of 600 to 1,200 px.
- "uneven row": five digits on one line at uneven heights, none above another.
- "sudoku": a grid of 81 cells, 25 to 60 of them filled, photographed; counted by cell: right is a
  filled cell with exactly its digit, an empty one with none. "sudoku digits" counts filled cells.

    python -m benchmarks.brought_pictures [--run best] [--seed 1] [--each 300] [--only KIND]
        [--tuning] [--quick]

Writes `benchmarks/results/brought_pictures.json` (not with `--only`, `--quick` or `--tuning`: that
takes training digits, on which the reader's constants were chosen, with seeds from 100 on).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._page_way import Answer, PageWay, encoded
from benchmarks.common import NETWORK_PACKAGES, parser, start, write_result
from benchmarks.synthetic_photos import Photo, sudoku_photo

Picture = NDArray[np.uint8]
Random = np.random.Generator
Digits = Callable[[], tuple[Picture, int]]
"""The next test digit, light on black, and its label."""
Make = Callable[[Digits, Random], tuple[Picture, str]]
"""A picture and the digits in it."""

SIDES: Final = (20, 28, 32, 40, 56, 84, 112, 224)
SUDOKUS: Final = 20
PACKAGES: Final = (*NETWORK_PACKAGES, "opencv-python-headless")


def resized(digit: Picture, side: int) -> Picture:
    """The whole square at another size, as picture programs do it."""
    way = cv2.INTER_AREA if side < digit.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(digit, (side, side), interpolation=way), np.uint8)


def of_side(side: int) -> Make:
    """The square alone, with dark or light ink."""

    def make(digits: Digits, rng: Random) -> tuple[Picture, str]:
        digit, label = digits()
        return either_ink(resized(digit, side), rng), str(label)

    return make


def either_ink(light: Picture, rng: Random) -> Picture:
    """Light ink on black or, half the time, dark ink on white."""
    return 255 - light if rng.random() < 0.5 else light


def transparent(digits: Digits, rng: Random) -> tuple[Picture, str]:
    """Black or colored ink whose strength is the picture's alpha channel."""
    digit, label = digits()
    alpha = resized(digit, int(rng.integers(28, 225)))
    color = rng.integers(0, 120, 3) if rng.random() < 0.5 else np.zeros(3)
    colors = np.broadcast_to(color.astype(np.uint8), (*alpha.shape, 3))
    return np.dstack([colors, alpha]), str(label)


def tight_crop(digits: Digits, rng: Random) -> tuple[Picture, str]:
    """Cropped to the ink, enlarged."""
    digit, label = digits()
    x, y, w, h = cv2.boundingRect((digit > 40).astype(np.uint8))
    times = int(rng.integers(4, 11))
    crop = cv2.resize(
        digit[y : y + h, x : x + w], (w * times, h * times), interpolation=cv2.INTER_CUBIC
    )
    return either_ink(np.asarray(crop, np.uint8), rng), str(label)


def paper(height: int, width: int, rng: Random) -> NDArray[np.float64]:
    """Gray paper with grain."""
    return rng.uniform(150, 235) + rng.normal(0, rng.uniform(1, 6), (height, width))


def written(ground: NDArray[np.float64], light: Picture, x: int, y: int, rng: Random) -> Picture:
    """Dark ink on paper."""
    page = ground.copy()
    h, w = light.shape
    share = light / 255 * rng.uniform(0.6, 0.95)
    page[y : y + h, x : x + w] *= 1 - share
    return np.clip(page, 0, 255).astype(np.uint8)


def gray_paper(digits: Digits, rng: Random) -> tuple[Picture, str]:
    """The square on gray paper."""
    digit, label = digits()
    side = int(rng.integers(28, 113))
    return written(paper(side, side, rng), resized(digit, side), 0, 0, rng), str(label)


def touching_border(digits: Digits, rng: Random) -> tuple[Picture, str]:
    """On gray paper, moved until the ink just meets a side."""
    digit, label = digits()
    side = int(rng.integers(40, 160))
    light = resized(digit, side)
    x, y, w, h = cv2.boundingRect((light > 60).astype(np.uint8))
    ink = light[y : y + h, x : x + w]
    left, top = int(rng.integers(0, side - w + 1)), int(rng.integers(0, side - h + 1))
    edge = int(rng.integers(4))
    left = (0, side - w, left, left)[edge]
    top = (top, top, 0, side - h)[edge]
    return written(paper(side, side, rng), ink, left, top, rng), str(label)


def framed(digits: Digits, rng: Random) -> tuple[Picture, str]:
    """Inside a drawn frame."""
    digit, label = digits()
    side = int(rng.integers(40, 180))
    gap, thick = int(rng.integers(2, 1 + side // 3)), int(rng.integers(1, 9))
    margin = int(rng.integers(0, 30))
    whole = side + 2 * (gap + thick + margin)
    page = np.zeros((whole, whole), np.uint8)
    corner, end = margin + thick // 2, whole - 1 - margin - thick // 2
    cv2.rectangle(page, (corner, corner), (end, end), 255, thick)
    inner = margin + thick + gap
    page[inner : inner + side, inner : inner + side] = resized(digit, side)
    return either_ink(page, rng), str(label)


def large_sheet(digits: Digits, rng: Random) -> tuple[Picture, str]:
    """Small on a large sheet, white or gray with grain."""
    digit, label = digits()
    side = int(rng.integers(28, 81))
    height, width = (int(v) for v in rng.integers(600, 1201, 2))
    x, y = int(rng.integers(20, width - side - 20)), int(rng.integers(20, height - side - 20))
    ground = np.full((height, width), 255.0) if rng.random() < 0.5 else paper(height, width, rng)
    return written(ground, resized(digit, side), x, y, rng), str(label)


def uneven_row(digits: Digits, rng: Random) -> tuple[Picture, str]:
    """Five digits at heights that differ by up to a digit's height."""
    side = int(rng.integers(40, 120))
    label, x = "", int(rng.integers(5, side))
    page = np.zeros((3 * side, 8 * side), np.uint8)
    for _ in range(5):
        digit, value = digits()
        light = resized(digit, int(side * rng.uniform(0.85, 1.15)))
        columns = np.flatnonzero((light > 60).any(axis=0))
        light = light[:, columns[0] : columns[-1] + 1]
        y = int(side + rng.uniform(-0.6, 0.6) * side)
        region = page[y : y + light.shape[0], x : x + light.shape[1]]
        np.maximum(region, light[: region.shape[0], : region.shape[1]], out=region)
        x += light.shape[1] + int(rng.uniform(0.12, 0.6) * side)
        label += str(value)
    return either_ink(page, rng), label


KINDS: Final[dict[str, Make]] = {
    **{f"{side} px": of_side(side) for side in SIDES},
    "RGBA": transparent,
    "tight crop": tight_crop,
    "gray paper": gray_paper,
    "touches the border": touching_border,
    "frame": framed,
    "large sheet": large_sheet,
    "uneven row": uneven_row,
}


def measure(
    images: Picture, labels: NDArray[np.integer[Any]], seed: int, each: int, way: PageWay, kind: str
) -> dict[str, Any]:
    """Read `each` files of a kind."""
    rng = np.random.default_rng([seed, *kind.encode()])
    digits = in_random_order(images, labels, rng)
    right = refused = sure_wrong = 0
    for k in range(each):
        pixels, label = KINDS[kind](digits, rng)
        as_png = pixels.ndim == 3 or rng.random() < 0.5
        data = encoded(pixels, "png" if as_png else "jpg", int(rng.integers(75, 96)))
        answer = way.read_file(data, f"{k}.{'png' if as_png else 'jpg'}")
        is_right = answer.digits == label
        right += is_right
        refused += bool(answer.refused)
        sure_wrong += not is_right and answer.is_sure
    return {
        "n": each,
        "right": right,
        "share": round(right / each, 4),
        "refused": refused,
        "wrong with a sure answer": sure_wrong,
    }


def in_random_order(images: Picture, labels: NDArray[np.integer[Any]], rng: Random) -> Digits:
    """Test digits without end, each as often as any other."""
    waiting: list[int] = []

    def take() -> tuple[Picture, int]:
        if not waiting:
            waiting.extend(int(k) for k in rng.permutation(len(images)))
        k = waiting.pop()
        return images[k], int(labels[k])

    return take


def measure_sudokus(
    images: Picture, labels: NDArray[np.integer[Any]], seed: int, count: int, way: PageWay
) -> dict[str, dict[str, Any]]:
    """Photograph grids and read them: cells right, and filled cells right."""
    rng = np.random.default_rng([seed, 81])
    digits = in_random_order(images[labels > 0], labels[labels > 0], rng)
    cells = cells_right = filled = filled_right = 0
    for k in range(count):
        photo = sudoku_photo(digits, rng)
        answer = way.read_file(encoded(photo.pixels, "jpg", 92), f"{k}.jpg")
        expected, read = cells_of(photo), cells_read(photo, answer)
        cells += 81
        cells_right += sum(expected[cell] == read[cell] for cell in range(81))
        filled += sum(map(bool, expected))
        filled_right += sum(
            bool(expected[cell]) and expected[cell] == read[cell] for cell in range(81)
        )
    return {
        "sudoku": {"n": cells, "right": cells_right, "share": round(cells_right / cells, 4)},
        "sudoku digits": {
            "n": filled, "right": filled_right, "share": round(filled_right / filled, 4)
        },
    }  # fmt: skip


def cells_of(photo: Photo) -> list[str]:
    """The digit of each of the 81 cells, row by row; empty where there is none."""
    expected = [""] * 81
    for item in photo.written:
        expected[item.line] = str(item.label)
    return expected


def cells_read(photo: Photo, answer: Answer) -> list[str]:
    """The digits whose boxes' middles lie in each cell."""
    read = [""] * 81
    for reading in answer.readings:
        x, y, w, h = reading.detection.digit.box
        for cell, corners in enumerate(photo.cells):
            if cv2.pointPolygonTest(corners, (x + w / 2, y + h / 2), measureDist=False) >= 0:
                read[cell] += reading.text
                break
    return read


def main() -> None:
    """Measure every kind, print the figures and write them down."""
    line = parser(__doc__)
    line.add_argument("--run", default="best", help="which run reads the digits")
    line.add_argument("--seed", type=int, default=1)
    line.add_argument("--each", type=int, default=300, help="files of each kind")
    line.add_argument("--only", help="only this kind")
    line.add_argument("--tuning", action="store_true", help="training digits, nothing is written")
    options = line.parse_args()
    from core.data import mnist

    way = PageWay(options.run)
    dataset = mnist.load("mnist")
    split = dataset.train if options.tuning else dataset.test
    seed = options.seed + 100 * options.tuning
    each = 40 if options.quick else options.each
    figures: dict[str, Any] = {}
    for kind in KINDS:
        if options.only in (None, kind):
            row = measure(split.images, split.labels, seed, each, way, kind)
            figures[kind] = row
            print(f"{kind:20}{row}", flush=True)
    if options.only in (None, "sudoku"):
        count = 3 if options.quick else SUDOKUS
        rows = measure_sudokus(split.images, split.labels, seed, count, way)
        figures |= rows
        print(rows, flush=True)
    write_result(
        "brought_pictures",
        figures,
        seed=options.seed,
        packages=PACKAGES,
        quick=options.quick or options.tuning or options.only is not None,
        run=way.note(options.run),
    )


if __name__ == "__main__":
    start(main)
