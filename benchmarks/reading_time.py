"""How long is a picture read, from the file or the drawing to the answers?

A photo of a page of 30 digits of 12 megapixels (4000×3000, JPEG), and a drawing on the canvas of
280×280 pixels, each read as the page reads it (`benchmarks._page_way`), with everything loaded and
traced. Peers in the same run: Pillow decoding the same photo, and `keras.Model.predict` of the same
run for one digit that is prepared already, which most demos call for a drawing. Goals: 1.0 s for
the photo, 25 ms for the drawing; and 60 ms for the detector itself on a photo.

    python -m benchmarks.reading_time [--run best] [--rounds 15] [--quick]

Writes `benchmarks/results/reading_time.json` (not with `--quick`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks._page_way import PageWay, encoded
from benchmarks.common import NETWORK_PACKAGES, interleaved, parser, start, write_result
from benchmarks.placed_digits import place
from benchmarks.synthetic_photos import DIGITS, page_photo
from core.preprocessing.background import to_gray
from core.preprocessing.page.segmentation import Segment, find_segments

PHOTO_SIDE: Final = 4000
WARM_UP: Final = 3
PACKAGES: Final = (*NETWORK_PACKAGES, "opencv-python-headless", "pillow")


def photo_of_12_megapixels(images: NDArray[np.uint8], labels: NDArray[np.integer[Any]]) -> bytes:
    """A page of 30 digits as a phone would store it."""
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(images), DIGITS, replace=False)
    photo = page_photo(images[chosen], [int(label) for label in labels[chosen]], rng)
    scale = PHOTO_SIDE / photo.pixels.shape[1]
    size = (PHOTO_SIDE, round(photo.pixels.shape[0] * scale))
    large = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_CUBIC)
    padded = cv2.copyMakeBorder(large, 0, max(0, 3000 - size[1]), 0, 0, cv2.BORDER_REFLECT_101)[
        :3000
    ]
    return encoded(np.asarray(padded, np.uint8), "jpg")


def _indifferent(rivals: Sequence[Segment]) -> list[float]:
    return [0.5] * len(rivals)


def main() -> None:
    """Measure, print and write down."""
    line = parser(__doc__)
    line.add_argument("--run", default="best", help="which run reads the digits")
    line.add_argument("--rounds", type=int, default=15)
    options = line.parse_args()
    from core.data import mnist
    from core.data.normalization import scale
    from core.inference.predictor import load_predictor
    from core.runs.run import Network

    way = PageWay(options.run)
    test = mnist.load("mnist").test
    photo = photo_of_12_megapixels(test.images, test.labels)
    drawing = place(test.images[0], 180, 50, 50)
    predictor = load_predictor(Network(way.run))
    one_digit = scale(test.images[:1], predictor.scaling)
    gray = to_gray(np.asarray(Image.open(io.BytesIO(photo))))
    ways: dict[str, Callable[[int], object]] = {
        "photo of 12 megapixels": lambda turn: way.read_file(photo, "page.jpg"),
        "Pillow decodes that photo": lambda turn: np.asarray(Image.open(io.BytesIO(photo))),
        "detector on that photo": lambda turn: find_segments(
            gray, lambda rivals: [0.5] * len(rivals)
        ),
        "drawing of 280 pixels": lambda turn: way.read(drawing, "dark", 255),
        "model.predict of one digit": lambda turn: predictor.model.predict(one_digit, verbose=0),
    }
    rounds = 3 if options.quick else options.rounds
    interleaved(ways, WARM_UP)
    spent = interleaved(ways, rounds)
    milliseconds = {name: round(1000 * float(np.median(times)), 2) for name, times in spent.items()}
    figures = {
        "median ms": milliseconds,
        "photo, times Pillow's decoding": round(
            milliseconds["photo of 12 megapixels"] / milliseconds["Pillow decodes that photo"], 2
        ),
        "drawing, times model.predict": round(
            milliseconds["drawing of 280 pixels"] / milliseconds["model.predict of one digit"], 2
        ),
    }
    print(figures)
    write_result(
        "reading_time",
        figures,
        packages=PACKAGES,
        quick=options.quick,
        run=way.note(options.run),
        digits_read_in_photo=len(way.read_file(photo, "page.jpg").readings),
        rounds=rounds,
    )


if __name__ == "__main__":
    start(main)
