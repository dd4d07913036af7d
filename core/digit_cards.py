"""Digits with what a network answers, as a row of small cards: HTML that fits both themes."""

from collections.abc import Sequence
from functools import lru_cache
from html import escape

import numpy as np
from numpy.typing import NDArray

from core.layer_pictures import png_url
from core.text import percent

SIDE_PX = 42
_ROW = "display:flex;flex-wrap:wrap;gap:0.5rem;"
_CARD = (
    "width:4.4rem;padding:0.25rem;border-radius:0.4rem;text-align:center;font-size:0.8rem;"
    "line-height:1.25;"
)
_RIGHT = "border:1px solid color-mix(in srgb, currentColor 25%, transparent);"
_WRONG = "border:2px solid currentColor;font-weight:600;"


def cards_html(
    images: NDArray[np.uint8],
    labels: Sequence[int],
    answers: Sequence[int],
    confidences: Sequence[float],
) -> str:
    """A card a digit: its picture, the answer, how sure the network is, and the truth if it erred.

    `images`: uint8 (n, 28, 28); `confidences` from 0 to 1. A mistake has a thick frame and says so
    in words: never by colour alone.
    """
    rows = zip(images, labels, answers, confidences, strict=True)
    return f'<div style="{_ROW}">{"".join(_card(*row) for row in rows)}</div>'


def _card(image: NDArray[np.uint8], label: int, answer: int, confidence: float) -> str:
    right = label == answer
    words = f"{answer} ✓" if right else f"{answer} ✗ is {label}"
    alt = escape(f"a {label}, read as {answer}", quote=True)
    return (
        f'<div style="{_CARD}{_RIGHT if right else _WRONG}">'
        f'<img src="{_source(image.tobytes())}" alt="{alt}" width="{SIDE_PX}" height="{SIDE_PX}" '
        'style="image-rendering:pixelated;border-radius:0.2rem;"/>'
        f"<div>{words}</div><div>{escape(percent(confidence))}</div></div>"
    )


@lru_cache(maxsize=256)
def _source(pixels: bytes) -> str:
    """The picture as a data address: the same digits come again after every epoch."""
    return png_url(np.frombuffer(pixels, np.uint8).reshape(28, 28))
