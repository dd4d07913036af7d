"""From ink to digits: pieces joined or cut until each is one digit, in lines.

Pieces of ink in a photo that are no digits by themselves: fragments, cuts too many, dirt.

Shapes alone do not tell half an 8 from a small 0, or a shadow from a 1. The gate that decides
whether there is a digit at all (`core.preprocessing.digitness`) is asked here too, about a photo's
pieces, alone and together. A drawing has no shadows and no rules: what stands in it was drawn, and
stays.

One digit of a page, out of its surroundings: its own ink, and none of its neighbors'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count, permutations
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.background import GrayImage, upper_percentile
from core.preprocessing.digitness import DIGITNESS_THRESHOLD, WEAKLY_A_DIGIT, digitness
from core.preprocessing.mnist_format import Box, PreparedDigit, from_ink
from core.preprocessing.page.binarization import PageInk
from core.preprocessing.page.components import (
    MOST_DIGITS,
    SAME_LINE,
    Component,
    Labels,
    estimate_tilt,
    find_components,
    find_text_lines,
    horizontal_gap,
    horizontal_overlap,
    join_components,
    median_height,
)
from core.preprocessing.page.touching_digits import split_touching
from core.utils.errors import PictureError
from core.utils.validation import Predict

WIDE_REACH: Final = 16  # pixels


def crop_box(digit: PreparedDigit, box: Box) -> PreparedDigit:
    """The digit with another box."""
    return replace(digit, box=box)


def crop_component(
    page: PageInk, labels: Labels, piece: Component, margin: int | None = None
) -> PreparedDigit:
    """Make an MNIST digit of a piece's own ink; its box is in pixels of the page's pictures."""
    x, y, w, h = piece.box
    rim = max(3, round(0.12 * max(w, h))) if margin is None else margin
    left, up = max(0, x - rim), max(0, y - rim)
    window = np.s_[up : y + h + rim, left : x + w + rim]
    clear = page.clear[window]
    own = _own_ink(clear, labels[window], piece, page)
    # A window of its own: the steps must not keep the whole page alive.
    digit = from_ink(page.gray[window].copy(), page.light[window].copy(), clear.copy(), own)
    dx, dy, dw, dh = digit.box
    return crop_box(digit, (left + dx, up + dy, dw, dh))


def _own_ink(clear: GrayImage, labels: Labels, piece: Component, page: PageInk) -> GrayImage:
    """The ink in a window that is the piece's: its own pixels and the soft edge around them.

    Soft pixels belong to the piece whose sure ink is nearest.
    """
    mine = np.isin(labels, piece.labels) if len(piece.labels) > 1 else labels == piece.labels[0]
    own = mine
    floor = page.floor
    inked = np.asarray(np.maximum(clear, floor) - np.uint8(floor), np.uint8)
    others = (labels > 0) & ~mine
    reach = max(3, round(0.08 * max(piece.width, piece.height)))
    if others.any():
        to_mine = cv2.distanceTransform((~mine).astype(np.uint8), cv2.DIST_L2, 3)
        to_others = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, 3)
        own = (to_mine < to_others) & (to_mine <= reach)
    elif reach > WIDE_REACH:  # a brush that large takes long
        own = cv2.distanceTransform((~mine).astype(np.uint8), cv2.DIST_L2, 3) <= reach
    else:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        own = cv2.dilate(mine.view(np.uint8), kernel).astype(bool)
    inked = np.where(own, inked, 0).astype(np.uint8)
    full = int(inked.max()) if floor == 0 else upper_percentile(inked, 0.25)
    return np.asarray(cv2.convertScaleAbs(inked, alpha=255 / max(1, full)), np.uint8)


CLEAR_PROBABILITY: Final = 0.5
"""Digitness, 0 to 1, from which something is taken for a digit."""
NEAR: Final = 0.3  # of the larger piece's longer side: how far a part may be from the rest
HIGHEST: Final = 1.7  # times the higher one of two pieces: what they may measure together
WIDEST: Final = 1.8  # times its height: no digit is wider
FRAGMENTS: Final = 5  # at most, of one digit
MAX_WEAK: Final = 40  # pieces that are tried with their neighbors
MIN_COMPANIONS: Final = 2  # clear digits beside a piece: what stands among digits was written


def settle_doubtful(labels: Labels, pieces: Sequence[Component], page: PageInk) -> list[Component]:
    """Join pieces that are a digit only together; drop what is hardly one beside others that are.

    What stands in a line of digits stays, whatever it is: it was written there.
    """
    if not 2 <= len(pieces) <= MOST_DIGITS:  # more is a texture, and takes seconds
        return list(pieces)
    like = dict(zip(pieces, _digitness(labels, pieces, page), strict=True))
    _join_all(like, labels, page)
    weak = sorted((p for p in like if like[p] < WEAKLY_A_DIGIT), key=lambda p: p.area)
    for piece in weak[:MAX_WEAK]:
        _join(piece, like, labels, page)
    if max(like.values()) < CLEAR_PROBABILITY:
        return list(like)
    return [p for p in like if like[p] >= DIGITNESS_THRESHOLD or _in_company(p, like)]


def split_or_whole(labels: Labels, parts: list[Component], page: PageInk) -> list[Component]:
    """The parts into which a piece was cut, or all of them as one if that is rather a digit."""
    if len(parts) < 2 or min(_digitness(labels, parts, page)) >= DIGITNESS_THRESHOLD:
        return parts
    whole = join_components(parts)
    (uncut,) = _digitness(labels, [whole], page)
    return [whole] if uncut >= WEAKLY_A_DIGIT else parts


def _join_all(like: dict[Component, float], labels: Labels, page: PageInk) -> None:
    """Put the few pieces of a photo together if they are one digit, and hardly one is without it.

    Of a broken digit, two fragments are often no more of a digit than one is.
    """
    parts = list(like)
    if (
        not 3 <= len(parts) <= FRAGMENTS
        or sum(value >= WEAKLY_A_DIGIT for value in like.values()) > 1
    ):
        return
    both = join_components(parts)
    close = all(any(_near(one, other) for other in parts if other is not one) for one in parts)
    if not close or both.width > WIDEST * both.height:
        return
    (value,) = _digitness(labels, [both], page)
    if value >= _enough(max(like.values())):
        like.clear()
        like[both] = value


def _join(piece: Component, like: dict[Component, float], labels: Labels, page: PageInk) -> None:
    """Put a weak piece together with the neighbor with which it is most clearly a digit."""
    if piece not in like:  # it went to another one already
        return
    pairs = [(other, join_components([piece, other])) for other in like if _may_join(piece, other)]
    if not pairs:
        return
    values = _digitness(labels, [both for _, both in pairs], page)
    value, (other, both) = max(zip(values, pairs, strict=True), key=lambda pair: pair[0])
    if value >= _enough(like[other]):
        del like[piece], like[other]
        like[both] = value


def _enough(before: float) -> float:
    """How much of a digit pieces must be together, if the best of them is `before` by itself."""
    return WEAKLY_A_DIGIT if before < DIGITNESS_THRESHOLD else max(CLEAR_PROBABILITY, before - 0.05)


def _may_join(piece: Component, other: Component) -> bool:
    """Whether two pieces could be parts of one digit, by their places and sizes."""
    both = join_components([piece, other])
    return (
        other is not piece
        and _near(piece, other)
        and both.height <= HIGHEST * max(piece.height, other.height)
        and both.width <= WIDEST * both.height
    )


def _near(one: Component, other: Component) -> bool:
    return horizontal_gap(one, other) <= NEAR * max(
        one.width, one.height, other.width, other.height
    )


def _in_company(piece: Component, like: dict[Component, float]) -> bool:
    """Whether a piece stands in a line with digits."""

    def beside(other: Component) -> bool:
        height = max(piece.height, other.height)
        apart = max(other.left - piece.right, piece.left - other.right)
        return abs(piece.middle[1] - other.middle[1]) <= SAME_LINE * height and apart <= 3 * height

    clear = [p for p in like if p is not piece and like[p] >= CLEAR_PROBABILITY]
    return sum(map(beside, clear)) >= MIN_COMPANIONS


def _digitness(labels: Labels, pieces: Sequence[Component], page: PageInk) -> list[float]:
    pixels = np.zeros((len(pieces), 28, 28), np.uint8)  # empty ones are no digits
    for k, piece in enumerate(pieces):
        with suppress(PictureError):  # nothing is left of it once its grain is taken away
            pixels[k] = crop_component(page, labels, piece).pixels
    return [float(value) for value in digitness(pixels)]


FRAGMENT: Final = 0.6
"""Pieces lower than this share of the usual height may be fragments of their neighbors."""
FLAT: Final = 1.25
"""Pieces wider than this share of their height are rarely digits."""
FAINT: Final = 0.45
"""Pieces in photos that take a smaller share of the light than this share of the strongest one's
are no ink."""
SPECK: Final = 0.3
"""Pieces whose longer side is below this share of the usual height are no digits."""


def group_into_digits(
    page: PageInk, judge: Predict | None
) -> tuple[Labels, list[list[Component]], float]:
    """The digits of a page in lines, the labels of their pixels, and their usual height."""
    labels, pieces = find_components(page.mask)
    pieces = [piece for piece in pieces if not _is_dust(piece, page)]
    if not pieces:
        return labels, [], 1.0
    if not page.even:
        pieces = _strong(labels, _off_the_border(pieces, page), page)
    height = median_height(pieces)
    whole = _with_fragments(pieces, height)
    if not whole:
        return labels, [], height
    height = median_height(whole)
    whole = [p for p in whole if max(p.width, p.height) >= SPECK * height]
    if not page.even:
        whole = settle_doubtful(labels, whole, page)
    tilt = estimate_tilt(whole, height)
    rows = find_text_lines(whole, height, tilt)
    lines = [[whole[k] for k in row] for row in rows]
    lines = _at_most(lines, MOST_DIGITS)
    fresh = count(int(labels.max()) + 1)
    alone = len(whole) == 1
    lines = [_cut_apart(labels, line, page, height, fresh, judge, alone) for line in lines]
    return labels, lines, height


def _off_the_border(pieces: list[Component], page: PageInk) -> list[Component]:
    """Without what touches a photo's border, if there is anything else of the kind.

    That is a digit that is cut off, or, far more often, the paper's edge or what lies beside it.
    """
    rows, columns = page.mask.shape
    inside = [p for p in pieces if min(p.left, p.top) > 0 and p.right < columns and p.bottom < rows]
    if not inside:
        return pieces
    tallest = max(p.height for p in inside)
    return inside + [p for p in pieces if p not in inside and p.height > 2.5 * tallest]


def _strong(labels: Labels, pieces: list[Component], page: PageInk) -> list[Component]:
    """Without what is much fainter than the rest: one pen wrote it all, shadows did not.

    Ink takes a share of the light that falls on its paper, so shares are compared, not tones.
    """
    count = int(labels.max()) + 1
    inked = np.flatnonzero(labels)
    of = labels.ravel()[inked]
    clear = page.clear.ravel()[inked].astype(np.float64)
    lit = clear + page.gray.ravel()[inked] if page.light is not page.gray else np.ones_like(clear)
    taken, light = np.bincount(of, clear, count), np.bincount(of, lit, count)
    strength = {p: taken[p.labels[0]] / max(1.0, light[p.labels[0]]) for p in pieces}
    largest = max(p.area for p in pieces)
    best = max(strength[p] for p in pieces if p.area >= 0.02 * largest)
    return [p for p in pieces if strength[p] >= FAINT * best]


def _at_most(lines: list[list[Component]], most: int) -> list[list[Component]]:
    """The first `most` pieces in reading order."""
    kept, room = [], most
    for line in lines:
        if room > 0:
            kept.append(line[:room])
            room -= len(line)
    return kept


def _cut_apart(
    labels: Labels,
    line: list[Component],
    page: PageInk,
    height: float,
    fresh: Iterator[int],
    judge: Predict | None,
    alone: bool,
) -> list[Component]:
    """A line with its touching digits cut apart."""
    tall = [piece.height for piece in line if piece.height >= 0.5 * height]
    usual = float(np.median(tall)) if len(tall) > 3 else height

    def show(labels: Labels, piece: Component) -> NDArray[np.uint8]:
        return crop_component(page, labels, piece).pixels

    parts: list[Component] = []
    for piece in line:
        cut = split_touching(labels, piece, usual, fresh, show, judge, alone)
        parts += cut if page.even else split_or_whole(labels, cut, page)
    return parts


def _is_dust(piece: Component, page: PageInk) -> bool:
    """Whether a piece is too small for a digit's part in any picture."""
    height, width = page.mask.shape
    longer = max(piece.width, piece.height)
    if longer < max(3, 0.005 * max(height, width)):
        return True
    if page.even:
        return False
    # In a photo, what lies along the border is the rest of something that is not on the sheet.
    along = (piece.left == 0 or piece.right == width) * piece.height
    along = max(along, (piece.top == 0 or piece.bottom == height) * piece.width)
    return along >= 0.5 * longer


def _with_fragments(pieces: Sequence[Component], height: float) -> list[Component]:
    """Join fragments to the digits they belong to; specks that belong to none are dropped."""
    small = [p for p in pieces if p.height < FRAGMENT * height]
    groups = [[p] for p in pieces if p.height >= FRAGMENT * height]
    _join_tall(groups, height)
    for piece in sorted(small, key=lambda p: -p.area):
        home = min(
            groups, key=lambda group: horizontal_gap(join_components(group), piece), default=None
        )
        if home is not None and _is_part(piece, join_components(home), height):
            home.append(piece)
        elif max(piece.width, piece.height) >= SPECK * height:
            groups.append([piece])
    return [join_components(group) for group in groups]


def _is_part(piece: Component, main: Component, height: float) -> bool:
    """Whether a small piece is a fragment of the digit `main`."""
    if piece.area < 0.02 * main.area:
        return False
    both = join_components([piece, main])
    if _flat_halves(piece, main, both):
        return True
    size = max(main.height, main.width)
    # The bar of a 5 is often written last, and too high or too far to the right.
    bar = piece.width >= 1.3 * piece.height and piece.bottom < main.top + 0.5 * main.height
    most = 1.6 if bar else 1.35
    if both.height > most * height and both.height > most * main.height:
        return False
    above = piece.top + piece.height / 2 < main.top + 0.6 * main.height
    inside = horizontal_overlap(piece, main) >= 0.5
    near = horizontal_gap(piece, main) <= (0.3 if inside else 0.15) * size
    return near and (inside or above) and both.width <= (1.5 if bar else 1.3) * both.height


def _flat_halves(one: Component, other: Component, both: Component) -> bool:
    """Whether two pieces, one above the other, are too flat for digits and together high enough.

    So look a 2, a 3, a 5 or an 8 whose middle is missing.
    """
    flat = min(one.width / one.height, other.width / other.height) >= FLAT
    upright = both.width <= both.height <= 2 * both.width
    return (
        flat
        and upright
        and horizontal_overlap(one, other) >= 0.6
        and horizontal_gap(one, other) <= 0.3 * both.height
    )


def _join_tall(groups: list[list[Component]], height: float) -> None:
    """Join tall pieces that lie in one another's columns: the strokes of an open 4."""
    while pair := _tall_pair([join_components(group) for group in groups], height):
        kept, other = pair
        groups[kept] += groups[other]
        del groups[other]


def _tall_pair(pieces: list[Component], height: float) -> tuple[int, int] | None:
    """The first two pieces that are strokes of one digit by their places, if there are any."""
    for k, j in permutations(range(len(pieces)), 2):
        one, other = pieces[k], pieces[j]
        if horizontal_overlap(one, other) < 0.6:
            continue
        both = join_components([one, other])
        near = both.height <= 1.3 * height and horizontal_gap(one, other) <= 0.3 * height
        if near or _flat_halves(one, other, both):
            return k, j
    return None
