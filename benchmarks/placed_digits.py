"""How many digits are read when they stand anywhere, at any size, on a drawing canvas?

Digits of known truth are enlarged to squares of 60 to 260 px, put at a random place on a white 280
x 280 canvas in black ink, and read back twice by the same network: as the page reads its canvas
(`benchmarks._page_way`; right is exactly this digit and no other), and resized to 28 x 28 as most
demos do (`naive_resize`). Two sets of digits: MNIST's 10,000 test digits, and
scikit-learn's 1,797 `load_digits` (other writers, stored as 8 x 8; their labels are the ones that
come with them).

Not everything here is unseen: the preparation's few constants (how far ink is sharpened, when it is
thickened, what counts as a speck) were chosen, at 80 to 230 px, while looking at every fifth MNIST
test digit, and at `load_digits` as well. So MNIST's figure is also given without those digits, as
"not_used_for_tuning"; for `load_digits` there is no such rest. The network saw none of either.
A run whose recipe redraws digits (`augmentation.pens`), as `best` does, has seen MNIST's training
digits made as coarse as `load_digits` are; of the mistakes on these every fifth was looked at when
that was written.

    python -m benchmarks.placed_digits [--run best] [--seed 1] [--limit N] [--quick]

Writes `benchmarks/results/placed_digits.json` (not with `--limit` or `--quick`, which is `--limit
500`: they are for trying out).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from benchmarks._page_way import PageWay
from benchmarks.common import NETWORK_PACKAGES, parser, start, write_result
from core.preprocessing.mnist_format import naive_resize

CANVAS: Final = 280
SMALLEST: Final = 60
LARGEST: Final = 260
PACKAGES: Final = (*NETWORK_PACKAGES, "opencv-python-headless", "scikit-learn")
TUNED_ON_EVERY: Final = 5

Figures = dict[str, Any]
Read = Callable[[NDArray[np.uint8]], str]
"""The digits that are read on a canvas; empty where it is refused."""


def place(digit: NDArray[np.uint8], size_px: int, x: int, y: int) -> NDArray[np.uint8]:
    """Enlarge a digit's whole square and put it on a canvas, as black ink on white.

    Args:
        digit: uint8 (n, n), light ink on black, 0..255; 28 x 28 from MNIST, 8 x 8 from optdigits.
        size_px: the square's side on the canvas in pixels.
        x, y: the square's left upper corner; it must lie on the canvas as a whole.

    Returns uint8 (280, 280), 255 where nothing is drawn. Raises ValueError if the square does not
    fit on the canvas.
    """
    if min(x, y) < 0 or max(x, y) + size_px > CANVAS:
        raise ValueError(f"a {size_px} px square at ({x}, {y}) leaves the {CANVAS} px canvas")
    page = np.full((CANVAS, CANVAS), 255, np.uint8)
    big = cv2.resize(digit, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    page[y : y + size_px, x : x + size_px] = 255 - big
    return page


def placed_set(images: NDArray[np.uint8], seed: int) -> Iterator[NDArray[np.uint8]]:
    """Each digit once, at a size and a place drawn evenly at random; the same for a same seed.

    Args:
        images: uint8 (count, n, n), light ink on black.
        seed: of the random sizes and places.

    Yields:
        uint8 (280, 280), black ink on white, in the order of `images`.
    """
    rng = np.random.default_rng(seed)
    for digit in images:
        size = int(rng.integers(SMALLEST, LARGEST + 1))
        x, y = (int(value) for value in rng.integers(0, CANVAS - size + 1, 2))
        yield place(digit, size, x, y)


def optdigits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """scikit-learn's digits as uint8 (1797, 8, 8) 0..255 (they come as 0..16) and labels 0..9."""
    digits: Any = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return images, np.asarray(digits.target, np.int64)


def measure(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    seed: int,
    read: Read,
    *,
    tuned_on_every: int | None = None,
) -> Figures:
    """Place and read each digit.

    Returns:
        n, wrong (refused digits included), refused, accuracy 0..1 and read_ms, the mean
        milliseconds of one reading; with `tuned_on_every`, the first four also for the digits whose
        index is no multiple of it, as `not_used_for_tuning`.
    """
    spent = 0.0
    texts = []
    for canvas in placed_set(images, seed):
        started = time.perf_counter()
        texts.append(read(canvas))
        spent += time.perf_counter() - started
    refused = np.array([not text for text in texts])
    wrong = np.array([text != str(label) for text, label in zip(texts, labels, strict=True)])
    figures = _counted(wrong, refused) | {"read_ms": round(1000 * spent / len(images), 3)}
    if tuned_on_every:
        unseen = np.arange(len(images)) % tuned_on_every != 0
        figures["not_used_for_tuning"] = _counted(wrong[unseen], refused[unseen])
    return figures


def _counted(wrong: NDArray[np.bool_], refused: NDArray[np.bool_]) -> Figures:
    return {
        "n": len(wrong),
        "wrong": int(wrong.sum()),
        "refused": int(refused.sum()),
        "accuracy": round(1 - float(wrong.mean()), 6),
    }


def measure_all(
    sets: dict[str, tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]], seed: int, way: PageWay
) -> dict[str, dict[str, Figures]]:
    """Each set of digits in each way: {set: {way: figures}}."""
    ways: dict[str, Read] = {
        "page": lambda canvas: way.read(canvas, "dark", 255).digits,
        "naive_resize": lambda canvas: str(way.digit_of(naive_resize(canvas))),
    }
    tuned = {"mnist-test": TUNED_ON_EVERY}
    return {
        name: {
            key: measure(images, labels, seed, read, tuned_on_every=tuned.get(name))
            for key, read in ways.items()
        }
        for name, (images, labels) in sets.items()
    }


def main() -> None:
    """Measure a run of the product, print the figures and write them down."""
    line = parser(__doc__)
    line.add_argument("--run", default="best", help="which run reads the digits")
    line.add_argument("--seed", type=int, default=1)
    line.add_argument("--limit", type=int, help="only the first N digits of each set")
    options = line.parse_args()

    # Here, not above: TensorFlow takes seconds to import, and `place` needs none of it.
    from core.data import mnist

    test = mnist.load("mnist").test
    other = optdigits()
    count = options.limit or (500 if options.quick else None)
    sets: dict[str, tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]] = {
        "mnist-test": (test.images[:count], test.labels[:count]),
        "optdigits": (other[0][:count], other[1][:count]),
    }
    way = PageWay(options.run)
    figures = measure_all(sets, options.seed, way)
    for name, ways in figures.items():
        for key, row in ways.items():
            print(f"{name:12}{key:13}{_line(row)}, {row['read_ms']} ms each")
            if "not_used_for_tuning" in row:
                print(f"{'':12}{'':13}{_line(row['not_used_for_tuning'])}: not used for tuning")
    write_result(
        "placed_digits",
        figures,
        seed=options.seed,
        packages=PACKAGES,
        quick=count is not None,
        run=way.note(options.run),
        canvas_px=CANVAS,
        digit_square_px=[SMALLEST, LARGEST],
    )


def _line(row: Figures) -> str:
    return f"{row['wrong']} wrong of {row['n']} ({row['accuracy']:.2%}), {row['refused']} refused"


if __name__ == "__main__":
    start(main)
