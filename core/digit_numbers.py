"""A digit as the numbers that it is: its pixels as a table, in three scalings, and its label."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.datasets import CLASSES
from core.scaling import scale

Shown = Literal["raw", "divide-255", "l2-axis-1"]
SHOWN: Final[tuple[Shown, ...]] = get_args(Shown)
_CELL_PX: Final = 19
_TABLE: Final = (
    f"width:{28 * _CELL_PX}px;border-collapse:collapse;table-layout:fixed;font-size:8px;"
    "line-height:1;font-variant-numeric:tabular-nums;"
)
_CELL: Final = f"width:{_CELL_PX}px;height:{_CELL_PX}px;padding:0;text-align:center;border:0;"
# Ink of more than a half is dark: white on it, black on the rest.
_DARK: Final = 128


@dataclass(frozen=True)
class Axis:
    """One number of an array's shape, and what it counts."""

    size: int
    meaning: str


SHAPES: Final[tuple[tuple[str, tuple[Axis, ...]], ...]] = (
    ("A digit as it is stored", (Axis(28, "rows of pixels"), Axis(28, "pixels in each row"))),
    (
        "A digit as a convolution wants it",
        (
            Axis(1, "digit in the batch: networks read many at once"),
            Axis(28, "rows of pixels"),
            Axis(28, "pixels in each row"),
            Axis(1, "channel: grey. A colour picture has three"),
        ),
    ),
)
"""The shape story of all five tutorials: (28, 28) becomes (1, 28, 28, 1)."""


def numbers(image: NDArray[np.uint8], shown: Shown) -> NDArray[np.float64]:
    """The pixels of a digit, uint8 (28, 28), as they are or scaled, float64 (28, 28)."""
    if shown == "raw":
        return image.astype(np.float64)
    return scale(image[None], shown)[0, :, :, 0].astype(np.float64)


def what_changed(image: NDArray[np.uint8], shown: Shown) -> str:
    """A scaling of this digit in words, with its own numbers."""
    values = numbers(image, shown)
    if shown == "raw":
        return (
            "As stored: whole numbers from 0 (paper) to 255 (full ink), one byte each. This "
            f"digit's largest is {int(values.max())}, its mean {values.mean():.1f}."
        )
    if shown == "divide-255":
        return (
            "Every pixel is divided by 255, so that all lie between 0 and 1: the picture is the "
            f"same, only its unit is another. This digit's largest is {values.max():.3f}, its mean "
            f"{values.mean():.3f}."
        )
    inked = np.flatnonzero(image.any(axis=0))
    if not len(inked):
        return "Every column is divided by its own length; this picture is empty, and stays so."
    strongest = values.max(axis=0)[inked]
    plain = image.max(axis=0)[inked] / 255
    return (
        "Every column is divided by its own length (the root of the sum of its squares): a column "
        "with one faint pixel becomes as strong as one full of ink, so the picture itself changes. "
        f"Here the largest number of a column lies between {strongest.min():.2f} and "
        f"{strongest.max():.2f}; after ÷255 it would lie between "
        f"{plain.min():.2f} and {plain.max():.2f}."
    )


def one_hot(label: int) -> NDArray[np.int64]:
    """A label as ten numbers, int64 (10,): 1 at its place, 0 elsewhere."""
    row = np.zeros(CLASSES, np.int64)
    row[label] = 1
    return row


def table_html(image: NDArray[np.uint8], shown: Shown) -> str:
    """The numbers laid over the pixels, as a table that a narrow screen scrolls."""
    values = numbers(image, shown)
    # The background is what the numbers say, so that one sees what a scaling does to the picture.
    top = 255.0 if shown == "raw" else max(float(values.max()), 1e-9)
    grey = np.rint(255 - 255 * values / top).astype(int)
    rows = "".join(
        f"<tr>{''.join(_cell(value, back) for value, back in zip(line, backs, strict=True))}</tr>"
        for line, backs in zip(_texts(values, shown), grey.tolist(), strict=True)
    )
    return (
        f'<div style="overflow-x:auto"><table style="{_TABLE}" aria-label="The numbers of the '
        f'pixels, row by row">{rows}</table></div>'
    )


def _texts(values: NDArray[np.float64], shown: Shown) -> list[list[str]]:
    if shown == "raw":
        return [[f"{value:.0f}" for value in line] for line in values.tolist()]
    return [[_short(value) for value in line] for line in values.tolist()]


def _short(value: float) -> str:
    """Two digits after the point, without the zero before it: there are 784 of them."""
    if value == 0:
        return "0"
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0") else text


def _cell(text: str, grey: int) -> str:
    ink = "#fff" if grey < _DARK else "#000"
    return f'<td style="{_CELL}background:rgb({grey},{grey},{grey});color:{ink}">{text}</td>'
