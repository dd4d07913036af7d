"""How many digits are read when they are drawn with a pen, of any width, anywhere on the canvas?

MNIST's 10,000 test digits are thinned to their center lines (`benchmarks._pens`) and drawn again on
a white 280 x 280 canvas by a round black pen of 8 to 40 px, at a random size and place. They are
read as the page reads its canvas (`benchmarks._page_way`); right is exactly this digit.

How large: nobody writes a digit so small that the pen closes its loops. An 8 whose center line is
three pens high has loops of one and a half pens and holes of half a pen; below that they close. So
the center line is at least three pens high ("by_rule"), and 52 px, so that with the thinnest pen
the digit is at least 60 px high; it is at most as large as fits. "any_size" drops the three pens:
what then becomes of loops is told by it. Widths, heights and places are drawn evenly.

The network saw none of these digits. Nothing of the preparation was chosen while looking at them.

    python -m benchmarks.stroke_digits [--run best] [--seed 1] [--limit N] [--quick]

Writes `benchmarks/results/stroke_digits.json` (not with `--limit` or `--quick`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._page_way import PageWay
from benchmarks._pens import draw
from benchmarks.common import NETWORK_PACKAGES, parser, start, write_result
from core.preprocessing.pens import Lines, center_lines

CANVAS: Final = 280
THINNEST: Final = 8
WIDEST: Final = 40
PENS_HIGH: Final = 3
"""The least height of a center line, in widths of its pen."""
LOWEST: Final = 52
"""The least height of a center line in pixels."""
BINS: Final = ((8, 16), (17, 24), (25, 32), (33, 40))
PACKAGES: Final = (*NETWORK_PACKAGES, "opencv-python-headless")

Picture = NDArray[np.uint8]
Figures = dict[str, Any]


def by_pen(lines: Lines, width: int, rng: np.random.Generator, *, pens_high: float) -> Picture:
    """One digit drawn by a pen on the canvas: uint8 (280, 280), black on white.

    Args:
        lines: of a digit, in any unit, with at least one point.
        width: of the pen in pixels.
        rng: draws height and place.
        pens_high: the least height of the center line in pen widths; where that does not fit, as
            high as fits.
    """
    low, high = lines.box()
    wide, tall = np.maximum(high - low, 1e-6)
    room = CANVAS - width - 2
    most = min(room, room * tall / wide)
    height = rng.uniform(min(most, max(LOWEST, pens_high * width)), most)
    scale = height / tall
    size = np.array([wide, tall]) * scale
    corner = width / 2 + 1 + rng.uniform(0, 1, 2) * (CANVAS - 2 - width - size)
    return draw(lines.moved(np.eye(2) * scale, corner - low * scale), width, CANVAS, CANVAS)


def stroke_set(
    digits: list[Lines], seed: int, *, pens_high: float
) -> Iterator[tuple[Picture, int]]:
    """Each digit drawn once.

    Yields:
        The canvas, uint8 (280, 280), and the width of the pen.
    """
    rng = np.random.default_rng(seed)
    widths = rng.integers(THINNEST, WIDEST + 1, len(digits))
    for lines, width in zip(digits, widths, strict=True):
        yield by_pen(lines, int(width), rng, pens_high=pens_high), int(width)


def counted(wrong: NDArray[np.bool_], refused: NDArray[np.bool_]) -> Figures:
    """n, wrong (those refused included), refused, accuracy 0..1."""
    return {
        "n": len(wrong),
        "wrong": int(wrong.sum()),
        "refused": int(refused.sum()),
        "accuracy": round(1 - float(wrong.mean()), 6) if len(wrong) else None,
    }


def by_kind(
    wrong: NDArray[np.bool_],
    refused: NDArray[np.bool_],
    widths: NDArray[np.intp],
    labels: NDArray[np.integer[Any]],
) -> Figures:
    """All digits, then by the pen's width, then by label."""
    figures = counted(wrong, refused)
    figures["by_width"] = {
        f"{low} to {high} px": counted(
            wrong[(widths >= low) & (widths <= high)], refused[(widths >= low) & (widths <= high)]
        )
        for low, high in BINS
    }
    figures["by_digit"] = {
        str(k): counted(wrong[labels == k], refused[labels == k]) for k in range(10)
    }
    return figures


def main() -> None:
    """Measure a run of the product, print the figures and write them down."""
    line = parser(__doc__)
    line.add_argument("--run", default="best", help="which run reads the digits")
    line.add_argument("--seed", type=int, default=1)
    line.add_argument("--limit", type=int, help="only the first N digits")
    options = line.parse_args()

    from core.data import mnist

    cv2.setNumThreads(1)
    count = options.limit or (500 if options.quick else None)
    test = mnist.load("mnist").test
    labels = test.labels[:count]
    digits = [center_lines(digit) for digit in test.images[:count]]
    way = PageWay(options.run)
    figures = {}
    for name, pens_high in (("by_rule", PENS_HIGH), ("any_size", 0)):
        texts, widths = [], []
        for canvas, width in stroke_set(digits, options.seed, pens_high=pens_high):
            texts.append(way.read(canvas, "dark", 255).digits)
            widths.append(width)
        refused = np.array([not text for text in texts])
        wrong = np.array([text != str(label) for text, label in zip(texts, labels, strict=True)])
        figures[name] = by_kind(wrong, refused, np.array(widths), labels)
        _print(name, figures[name])
    write_result(
        "stroke_digits",
        figures,
        seed=options.seed,
        packages=PACKAGES,
        quick=count is not None,
        run=way.note(options.run),
        canvas_px=CANVAS,
        pen_px=[THINNEST, WIDEST],
        least_height={"pens": PENS_HIGH, "px": LOWEST},
    )


def _print(name: str, row: Figures) -> None:
    print(
        f"{name}: {row['wrong']} wrong of {row['n']} ({row['accuracy']:.2%}), "
        f"{row['refused']} refused"
    )
    for part in ("by_width", "by_digit"):
        told = (f"{key}: {group['wrong']} of {group['n']}" for key, group in row[part].items())
        print("  " + "; ".join(told))


if __name__ == "__main__":
    start(main)
