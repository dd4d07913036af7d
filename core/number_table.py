"""Small tables of numbers with colours behind them, red below zero and blue above, as HTML."""

from collections.abc import Container
from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.layer_pictures import coloured

_DARK_INK, _LIGHT_INK = "#10151f", "#ffffff"
# Where black and white stand out equally: the luminance L with (L + 0.05)² = 1.05 · 0.05 (WCAG 2).
_HALF_LIGHT: Final = 0.179


def number(value: float) -> str:
    """A number for a table: four digits at most, a true minus sign."""
    size = abs(value)
    text = f"{value:z.3f}" if size < 10 else f"{value:z.2f}" if size < 100 else f"{value:.4g}"
    return text.replace("-", "−")


def exact(value: float) -> str:
    """A number to calculate with: five digits, a true minus sign."""
    return f"{value:.5g}".replace("-", "−")


def signed(value: float) -> str:
    """What is added, with its sign: three decimals, a true minus sign."""
    return f"{value:+z.3f}".replace("-", "−")


def number_table(
    values: NDArray[np.float64],
    title: str,
    theme: str | None,
    *,
    padding: NDArray[np.bool_] | None = None,
    marked: Container[tuple[int, int]] = (),
) -> str:
    """Numbers, (rows, columns), as an HTML table under a title; 0 has the middle colour.

    The colours end at the largest absolute value. `padding`: which numbers lie beyond the edge of a
    map; they are set in brackets. `marked`: (row, column) of those that get a border.
    """
    largest = float(np.abs(values).max())
    colours = coloured(np.asarray(values, np.float32), largest, theme)
    lines = []
    for row, numbers in enumerate(values.tolist()):
        cells = []
        for column, value in enumerate(numbers):
            outside = padding is not None and bool(padding[row, column])
            text = f"({number(value)})" if outside else number(value)
            border = "currentColor" if (row, column) in marked else "transparent"
            cells.append(_cell(text, colours[row, column], border))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        "<table style='border-collapse:separate;border-spacing:1px;font-size:0.75rem;"
        "font-variant-numeric:tabular-nums'><caption style='text-align:left;font-size:0.8rem;"
        f"caption-side:top'>{escape(title)}</caption>{''.join(lines)}</table>"
    )


def _cell(text: str, colour: NDArray[np.uint8], border: str) -> str:
    red, green, blue = (int(k) for k in colour)
    return (
        f"<td style='background:rgb({red},{green},{blue});color:{_ink(colour)};padding:2px 4px;"
        f"text-align:right;border:2px solid {border}'>{text}</td>"
    )


def _ink(colour: NDArray[np.uint8]) -> str:
    """Black or white, whichever stands out more on a colour (relative luminance, WCAG 2)."""
    part = colour / 255
    light = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return _DARK_INK if light @ (0.2126, 0.7152, 0.0722) > _HALF_LIGHT else _LIGHT_INK
