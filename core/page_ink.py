"""The ink of a whole page: which pixels are ink, however the page is lit.

`core.paper` looks for one digit that fills much of a picture, and may take the paper under it from
far around. A page of small digits can follow its light more closely, and must: a shadow's edge is
larger than a digit there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import PictureError
from core.ink_pieces import Mask, without
from core.page_light import is_dark, papers_under, surroundings
from core.paper import SMALLEST_CONTRAST, Grey, Ink, make_light, to_grey, top
from core.ruled_lines import FULLEST, rules_in, thick_ink
from core.shadows import without_shadows

PAGE_SIDE: Final = 1600
"""Pages are shrunk to this long side: 200 digits in lines are then still 50 pixels high each, more
than twice the 20 that are needed, while a photo's grain is averaged away."""
INK: Final = 0.3
"""Share of the strongest ink from which a pixel is surely ink, on a drawing without grain."""
RULE: Final = 0.08
"""Share of the strongest ink from which something may be a rule."""
FAINTEST: Final = 0.24
"""The same in photos, whose strongest ink may be much stronger than a pencil's."""

SOFT_EDGE: Final = 0.012  # of the longer side: how far around a piece its tones are looked up
EVEN: Final = 0.4  # of a drawing at least has the tone of its ground
RAISED: Final = 6  # times, at most, that the tone from which rules are sought is raised
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


def ink_of(
    picture: NDArray[np.uint8], ink: Ink, paper: int | None, widest: float | None = None
) -> PageInk:
    """Take the paper away from a page.

    Args: as `core.page_digits.find_digits`, and `widest` as `core.page_light.papers_under`.

    Raises:
        PictureError: nothing stands out from the paper.
    """
    grey = to_grey(picture, PAGE_SIDE)
    light, ground, even = make_light(grey, ink, paper)
    # A table around the sheet may be even, too.
    even = even and float(np.mean(ground[0, 0] == light)) >= EVEN
    if paper is not None:
        clear = np.asarray(cv2.subtract(light, ground), np.uint8)
        return PageInk(grey, light, clear, _at_least(clear, INK * _strongest(clear)), 0, True)
    if not even:
        if ink == "auto":
            light = 255 - grey if is_dark(grey) else grey
        return _in_photo(grey, light, widest)
    clear = np.asarray(cv2.subtract(light, ground), np.uint8)
    strongest = _strongest(clear)
    clear = without(_bare(clear, max(RULE * strongest, SMALLEST_CONTRAST / 3)), clear)
    tone = max(INK * _strongest(clear), SMALLEST_CONTRAST / 2)
    return PageInk(grey, light, clear, _at_least(clear, tone), 0, True)


def _in_photo(grey: Grey, light: Grey, widest: float | None) -> PageInk:
    """The ink of a photo: uneven light, grain, shadows, and what lies around the sheet."""
    above = [_above(light, ground) for ground in papers_under(light, widest)]
    grain = above[0][1]
    clears = [clear for clear, _ in above]
    around = surroundings(clears[0])
    if around is not None:
        clears = [without(around, clear) for clear in clears]
    smooth = [_smoothed(clear) for clear in clears]
    strongest = _strongest(clears[0])
    tone = max(3.5 * grain, RULE * strongest, SMALLEST_CONTRAST / 3)
    each = _rules_of(smooth, tone)
    if any(bare.any() for bare in each):
        clears = [without(bare, clear) for bare, clear in zip(each, clears, strict=True)]
        smooth = [without(bare, look) for bare, look in zip(each, smooth, strict=True)]
        strongest = _strongest(clears[0])
    tone = max(4.5 * grain, FAINTEST * strongest, SMALLEST_CONTRAST / 2)
    mask = _at_least(smooth[0], tone)
    mask = mask if around is None else _off_border(mask, around)
    masks = without_shadows(light, clears, smooth, mask, tone, HIGHEST * strongest)
    floor = int(np.clip(4.0 * grain, 0.15 * strongest, 0.5 * strongest))
    return PageInk(grey, light, _by_parts(clears, masks), np.maximum.reduce(masks), floor, False)


def _by_parts(clears: Sequence[Grey], masks: Sequence[Mask]) -> Grey:
    """The first picture, and around the pieces that are better seen in another one that."""
    together = clears[0]
    reach = 2 * round(SOFT_EDGE * max(together.shape)) + 1
    for clear, mask in zip(clears[1:], masks[1:], strict=True):
        if mask.any():
            near = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
            together = np.where(near > 0, clear, together).astype(np.uint8)
    return together


def _smoothed(clear: Grey) -> Grey:
    return np.asarray(cv2.GaussianBlur(clear, (0, 0), 1.0), np.uint8)


def _rules_of(smooth: Sequence[Grey], tone: float) -> list[Mask]:
    """Where the rules are, above each of several papers.

    Where a shadow lies on a rule, only paper that follows the light closely shows the rule. But
    wide strokes are hollow above that paper: what is thick above the others stays.
    """
    bare = _bare(smooth[0], tone)
    if len(smooth) == 1:
        return [bare]
    closer = _bare(smooth[-1], tone)
    return [bare, *(bare | without(thick_ink(one, tone), closer) for one in smooth[1:])]


def _bare(smooth: Grey, tone: float) -> Mask:
    """Where the page's rules are bare of ink."""
    faint = _faint(smooth, tone)
    rules = rules_in(faint)
    if not rules.any():
        return rules
    wide = cv2.dilate(rules, np.ones((3, 3), np.uint8))
    return np.asarray((wide > 0) & ((rules > 0) | (faint == 0)), np.uint8)


def _faint(smooth: Grey, tone: float) -> Mask:
    """Where anything stands out from the paper, from this tone on.

    The soft rims of dark rules may cover most of squared paper: then from a higher one.
    """
    for _ in range(RAISED):
        if np.count_nonzero(smooth >= tone) <= FULLEST * smooth.size:
            break
        tone *= 1.4
    return _at_least(smooth, tone)


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
