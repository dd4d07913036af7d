"""How many digits are read when they stand anywhere, at any size, on a drawing canvas?

Digits of known truth are enlarged, put at a random place on a white 280 x 280 canvas in black ink,
and read back twice: prepared as MNIST itself was (`core.preprocessing.find_digit`) and resized to
28 x 28 as most demos do (`naive_resize`), by the same network. Two sets of digits: MNIST's 10,000
test digits, and scikit-learn's 1,797 `load_digits` (other writers, stored as 8 x 8; their labels
are the ones that come with them).

    python -m benchmarks.placed_digits [--run best] [--seed 1] [--limit N]

Writes `benchmarks/results/placed_digits.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from core.errors import PictureError
from core.preprocessing import find_digit, naive_resize

RESULT: Final = Path(__file__).parent / "results" / "placed_digits.json"
CANVAS: Final = 280
SMALLEST: Final = 80
LARGEST: Final = 230
PACKAGES: Final = ("numpy", "opencv-python-headless", "scikit-learn", "tensorflow", "keras")

Prepare = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
Probabilities = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def place(
    digit: NDArray[np.uint8],
    size_px: int,
    x: int,
    y: int,
    canvas: int = CANVAS,
    interpolation: int = cv2.INTER_CUBIC,
) -> NDArray[np.uint8]:
    """Enlarge a digit's whole square and put it on a canvas, as black ink on white.

    Args:
        digit: uint8 (n, n), light ink on black, 0..255; 28 x 28 from MNIST, 8 x 8 from optdigits.
        size_px: the square's side on the canvas in pixels.
        x, y: the square's left upper corner; it must lie on the canvas as a whole.
        canvas: the canvas's side in pixels.
        interpolation: how OpenCV enlarges.

    Returns:
        uint8 (canvas, canvas), 255 where nothing is drawn.

    Raises:
        ValueError: the square does not fit on the canvas.
    """
    if min(x, y) < 0 or max(x, y) + size_px > canvas:
        raise ValueError(f"a {size_px} px square at ({x}, {y}) leaves the {canvas} px canvas")
    page = np.full((canvas, canvas), 255, np.uint8)
    big = cv2.resize(digit, (size_px, size_px), interpolation=interpolation)
    page[y : y + size_px, x : x + size_px] = 255 - big
    return page


def placed_set(
    images: NDArray[np.uint8], seed: int, smallest: int = SMALLEST, largest: int = LARGEST
) -> Iterator[NDArray[np.uint8]]:
    """Each digit once, at a size and a place drawn evenly at random; the same for a same seed.

    Args:
        images: uint8 (count, n, n), light ink on black.
        seed: of the random sizes and places.
        smallest, largest: bounds of the square's side in pixels, both included.

    Yields:
        uint8 (280, 280), black ink on white, in the order of `images`.
    """
    rng = np.random.default_rng(seed)
    for digit in images:
        size = int(rng.integers(smallest, largest + 1))
        x, y = (int(value) for value in rng.integers(0, CANVAS - size + 1, 2))
        yield place(digit, size, x, y)


def optdigits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """scikit-learn's digits as uint8 (1797, 8, 8) 0..255 (they come as 0..16) and labels 0..9."""
    digits: Any = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return images, np.asarray(digits.target, np.int64)


def _found(canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What `find_digit` prepares; an empty square, counted as wrong, where it finds no digit."""
    return find_digit(canvas).pixels


def measure(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    seed: int,
    prepare: Prepare,
    probabilities: Probabilities,
) -> dict[str, float | int]:
    """Place, prepare and read each digit.

    Returns:
        n, wrong (refused digits included), refused (`PictureError`), accuracy 0..1 and
        prepare_ms, the mean milliseconds of one preparation.
    """
    prepared = np.zeros((len(images), 28, 28), np.uint8)
    refused = np.zeros(len(images), bool)
    spent = 0.0
    for index, canvas in enumerate(placed_set(images, seed)):
        started = time.perf_counter()
        try:
            prepared[index] = prepare(canvas)
        except PictureError:
            refused[index] = True
        spent += time.perf_counter() - started
    answers = probabilities(prepared).argmax(axis=1)
    wrong = int(((answers != labels) | refused).sum())
    return {
        "n": len(images),
        "wrong": wrong,
        "refused": int(refused.sum()),
        "accuracy": 1 - wrong / len(images),
        "prepare_ms": round(1000 * spent / len(images), 3),
    }


def measure_all(
    sets: dict[str, tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]],
    seed: int,
    probabilities: Probabilities,
) -> dict[str, dict[str, dict[str, float | int]]]:
    """Each set of digits by each preparation: {set: {preparation: figures}}."""
    ways: dict[str, Prepare] = {"find_digit": _found, "naive_resize": naive_resize}
    return {
        name: {
            way: measure(images, labels, seed, prepare, probabilities)
            for way, prepare in ways.items()
        }
        for name, (images, labels) in sets.items()
    }


def main() -> None:
    """Measure a run of the product, print the figures and write them down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", default="best", help="which run reads the digits")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, help="only the first N digits of each set")
    options = parser.parse_args()

    # Here, not above: TensorFlow takes seconds to import, and `place` needs none of it.
    from core import datasets, runs
    from core.inference import load_predictor

    test = datasets.load("mnist").test
    count = options.limit
    sets: dict[str, tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]] = {
        "mnist-test": (test.images[:count], test.labels[:count]),
        "optdigits": tuple(part[:count] for part in optdigits()),  # type: ignore[dict-item]
    }
    run = runs.find(options.run)
    predictor = load_predictor(options.run)
    figures = measure_all(sets, options.seed, predictor.probabilities)
    for name, ways in figures.items():
        for way, row in ways.items():
            print(
                f"{name:12} {way:13} {row['wrong']} wrong of {row['n']} "
                f"({row['accuracy']:.2%}), {row['refused']} refused, {row['prepare_ms']} ms each"
            )
    report = {
        "command": " ".join(["python -m benchmarks.placed_digits", *sys.argv[1:]]),
        "run": {"asked": options.run, "id": run.info.id, "sha256": run.info.model_sha256},
        "seed": options.seed,
        "canvas_px": CANVAS,
        "digit_square_px": [SMALLEST, LARGEST],
        "figures": figures,
        "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
        "machine": {"cpu": platform.machine(), "system": platform.system()},
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written: {RESULT}")


if __name__ == "__main__":
    main()
