"""The ink of a whole page: which pixels are ink, however the page is lit.

`core.paper` looks for one digit that fills much of a picture, and may take the paper under it from
far around. A page of small digits can follow its light more closely, and must: a shadow's edge is
larger than a digit there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import PictureError
from core.ink_pieces import Mask
from core.page_light import is_dark, paper_under, surroundings, without_shadows
from core.paper import SMALLEST_CONTRAST, Grey, Ink, make_light, to_grey, top
from core.ruled_lines import rules_in

PAGE_SIDE: Final = 1600
"""Pages are shrunk to this long side: 200 digits in lines are then still 50 pixels high each, more
than twice the 20 that are needed, while a photo's grain is averaged away."""
INK: Final = 0.3
"""Share of the strongest ink from which a pixel is surely ink, on a drawing without grain."""
RULE: Final = 0.08
"""Share of the strongest ink from which something may be a rule."""
FAINTEST: Final = 0.24
"""The same in photos, whose strongest ink may be much stronger than a pencil's."""

HIGHEST: Final = 0.7
"""Share of the strongest ink up to which the tone may lie that parts ink from shadows."""


@dataclass(frozen=True)
class PageInk:
    """What is known of a picture's ink before digits are looked for; all of one shape.

    Attributes:
        grey: the picture's tones, 0..255.
        light: the same with the ink light.
        clear: what is lighter than the paper, 0..255.
        mask: 1 where ink surely is.
        floor: tones of `clear` up to this are grain; 0 for drawings.
        even: whether the ground is one even tone: a drawing.
    """

    grey: Grey
    light: Grey
    clear: Grey
    mask: Mask
    floor: int
    even: bool


def ink_of(picture: NDArray[np.uint8], ink: Ink, paper: int | None) -> PageInk:
    """Take the paper away from a page.

    Args: as `core.page_digits.find_digits`.

    Raises:
        PictureError: nothing stands out from the paper.
    """
    grey = to_grey(picture, PAGE_SIDE)
    light, ground, even = make_light(grey, ink, paper)
    around: Mask | None = None
    if paper is not None:
        clear = np.asarray(cv2.subtract(light, ground), np.uint8)
        return PageInk(grey, light, clear, _at_least(clear, INK * _strongest(clear)), 0, True)
    if even:
        clear, grain = np.asarray(cv2.subtract(light, ground), np.uint8), 0.0
        smooth, share = clear, INK
    else:
        if ink == "auto":
            light = 255 - grey if is_dark(grey) else grey
        clear, grain = _above(light, paper_under(light))
        around = surroundings(clear)
        clear = clear if around is None else np.where(around > 0, 0, clear).astype(np.uint8)
        smooth, share = np.asarray(cv2.GaussianBlur(clear, (0, 0), 1.0), np.uint8), FAINTEST
    strongest = _strongest(clear)
    faint = _at_least(smooth, max(3.5 * grain, RULE * strongest, SMALLEST_CONTRAST / 3))
    rules = rules_in(faint)
    if rules.any():
        wide = cv2.dilate(rules, np.ones((3, 3), np.uint8))
        bare = (wide > 0) & ((rules > 0) | (faint == 0))
        clear, smooth = np.where(bare, 0, clear), np.where(bare, 0, smooth)
        clear, smooth = clear.astype(np.uint8), smooth.astype(np.uint8)
        strongest = _strongest(clear)
    tone = max(4.5 * grain, share * strongest, SMALLEST_CONTRAST / 2)
    mask = _at_least(smooth, tone)
    if not even:
        mask = mask if around is None else _off_border(mask, around)
        mask = without_shadows(clear, smooth, mask, tone, HIGHEST * strongest)
    floor = int(np.clip(4.0 * grain, 0.15 * strongest, 0.5 * strongest)) if not even else 0
    return PageInk(grey, light, clear, mask, floor, even)


def _at_least(image: Grey, tone: float) -> Mask:
    return (image >= max(2.0, tone)).astype(np.uint8)


def _off_border(mask: Mask, around: Mask) -> Mask:
    """Drop pieces at the picture's border beside what lies around the sheet: its rest."""
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    beside = labels[cv2.dilate(around, np.ones((5, 5), np.uint8)) > 0]
    kept = np.ones(count, bool)
    kept[np.intersect1d(rim, beside)] = False
    kept[0] = False
    return kept[labels].astype(np.uint8)


def _strongest(clear: Grey) -> int:
    """The tone of the page's strong ink, above lone specks and highlights.

    Raises PictureError if there is none.
    """
    smooth = cv2.blur(clear, (3, 3)) if min(clear.shape) > 32 else clear
    peak = int(smooth.max())
    if peak < SMALLEST_CONTRAST:
        raise PictureError("Nothing is drawn: write a digit, in ink that differs from its ground.")
    return top(np.where(smooth > 0.35 * peak, smooth, 0).astype(np.uint8), 0.3)


def _above(light: Grey, ground: Grey) -> tuple[Grey, float]:
    """Ink above its paper, and the paper's grain (a standard deviation), both in tones."""
    off = light.astype(np.int16) - ground
    below = -off[::2, ::2][off[::2, ::2] < 0]
    # Half a normal distribution: its median lies at 0.67 standard deviations.
    grain = float(np.median(below)) / 0.67 if len(below) else 0.0
    return np.clip(off, 0, 255).astype(np.uint8), grain
