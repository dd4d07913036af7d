"""From ink to digits: pieces joined or cut until each is one digit, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.arrays import Predict
from core.cut_out import cut_out
from core.doubtful_pieces import parts_or_whole, settled
from core.ink_pieces import (
    MOST_DIGITS,
    Labels,
    Piece,
    gap,
    joined,
    pieces_of,
    shared_width,
    usual_height,
)
from core.page_ink import PageInk
from core.text_lines import lines_of, tilt_of
from core.touching import split

FRAGMENT: Final = 0.6
"""Pieces lower than this share of the usual height may be fragments of their neighbours."""
FLAT: Final = 1.25
"""Pieces wider than this share of their height are rarely digits."""
FAINT: Final = 0.45
"""Pieces in photos that take a smaller share of the light than this share of the strongest one's
are no ink."""
SPECK: Final = 0.3
"""Pieces whose longer side is below this share of the usual height are no digits."""


def digits_of(page: PageInk, judge: Predict | None) -> tuple[Labels, list[list[Piece]], float]:
    """The digits of a page in lines, the labels of their pixels, and their usual height."""
    labels, pieces = pieces_of(page.mask)
    pieces = [piece for piece in pieces if not _is_dust(piece, page)]
    if not pieces:
        return labels, [], 1.0
    if not page.even:
        pieces = _strong(labels, _off_the_border(pieces, page), page)
    height = usual_height(pieces)
    whole = _with_fragments(pieces, height)
    if not whole:
        return labels, [], height
    height = usual_height(whole)
    whole = [p for p in whole if max(p.width, p.height) >= SPECK * height]
    if not page.even:
        whole = settled(labels, whole, page)
    tilt = tilt_of(whole, height)
    rows = lines_of(whole, height, tilt)
    lines = [[whole[k] for k in row] for row in rows]
    lines = _at_most(lines, MOST_DIGITS)
    fresh = count(int(labels.max()) + 1)
    alone = len(whole) == 1
    lines = [_cut_apart(labels, line, page, height, fresh, judge, alone) for line in lines]
    return labels, lines, height


def _off_the_border(pieces: list[Piece], page: PageInk) -> list[Piece]:
    """Without what touches a photo's border, if there is anything else of the kind.

    That is a digit that is cut off, or, far more often, the paper's edge or what lies beside it.
    """
    rows, columns = page.mask.shape
    inside = [p for p in pieces if min(p.left, p.top) > 0 and p.right < columns and p.bottom < rows]
    if not inside:
        return pieces
    tallest = max(p.height for p in inside)
    return inside + [p for p in pieces if p not in inside and p.height > 2.5 * tallest]


def _strong(labels: Labels, pieces: list[Piece], page: PageInk) -> list[Piece]:
    """Without what is much fainter than the rest: one pen wrote it all, shadows did not.

    Ink takes a share of the light that falls on its paper, so shares are compared, not tones.
    """
    count = int(labels.max()) + 1
    inked = np.flatnonzero(labels)
    of = labels.ravel()[inked]
    clear = page.clear.ravel()[inked].astype(np.float64)
    lit = clear + page.grey.ravel()[inked] if page.light is not page.grey else np.ones_like(clear)
    taken, light = np.bincount(of, clear, count), np.bincount(of, lit, count)
    strength = {p: taken[p.labels[0]] / max(1.0, light[p.labels[0]]) for p in pieces}
    largest = max(p.area for p in pieces)
    best = max(strength[p] for p in pieces if p.area >= 0.02 * largest)
    return [p for p in pieces if strength[p] >= FAINT * best]


def _at_most(lines: list[list[Piece]], most: int) -> list[list[Piece]]:
    """The first `most` pieces in reading order."""
    kept, room = [], most
    for line in lines:
        if room > 0:
            kept.append(line[:room])
            room -= len(line)
    return kept


def _cut_apart(
    labels: Labels,
    line: list[Piece],
    page: PageInk,
    height: float,
    fresh: Iterator[int],
    judge: Predict | None,
    alone: bool,
) -> list[Piece]:
    """A line with its touching digits cut apart."""
    tall = [piece.height for piece in line if piece.height >= 0.5 * height]
    usual = float(np.median(tall)) if len(tall) > 3 else height

    def show(labels: Labels, piece: Piece) -> NDArray[np.uint8]:
        return cut_out(page, labels, piece).pixels

    parts: list[Piece] = []
    for piece in line:
        cut = split(labels, piece, usual, fresh, show, judge, alone)
        parts += cut if page.even else parts_or_whole(labels, cut, page)
    return parts


def _is_dust(piece: Piece, page: PageInk) -> bool:
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


def _with_fragments(pieces: Sequence[Piece], height: float) -> list[Piece]:
    """Join fragments to the digits they belong to; specks that belong to none are dropped."""
    small = [p for p in pieces if p.height < FRAGMENT * height]
    groups = [[p] for p in pieces if p.height >= FRAGMENT * height]
    _join_tall(groups, height)
    for piece in sorted(small, key=lambda p: -p.area):
        home = min(groups, key=lambda group: gap(joined(group), piece), default=None)
        if home is not None and _is_part(piece, joined(home), height):
            home.append(piece)
        elif max(piece.width, piece.height) >= SPECK * height:
            groups.append([piece])
    return [joined(group) for group in groups]


def _is_part(piece: Piece, main: Piece, height: float) -> bool:
    """Whether a small piece is a fragment of the digit `main`."""
    if piece.area < 0.02 * main.area:
        return False
    both = joined([piece, main])
    if _flat_halves(piece, main, both):
        return True
    size = max(main.height, main.width)
    # The bar of a 5 is often written last, and too high or too far to the right.
    bar = piece.width >= 1.3 * piece.height and piece.bottom < main.top + 0.5 * main.height
    most = 1.6 if bar else 1.35
    if both.height > most * height and both.height > most * main.height:
        return False
    above = piece.top + piece.height / 2 < main.top + 0.6 * main.height
    inside = shared_width(piece, main) >= 0.5
    near = gap(piece, main) <= (0.3 if inside else 0.15) * size
    return near and (inside or above) and both.width <= (1.5 if bar else 1.3) * both.height


def _flat_halves(one: Piece, other: Piece, both: Piece) -> bool:
    """Whether two pieces, one above the other, are too flat for digits and together high enough.

    So look a 2, a 3, a 5 or an 8 whose middle is missing.
    """
    flat = min(one.width / one.height, other.width / other.height) >= FLAT
    upright = both.width <= both.height <= 2 * both.width
    return (
        flat
        and upright
        and shared_width(one, other) >= 0.6
        and gap(one, other) <= 0.3 * both.height
    )


def _join_tall(groups: list[list[Piece]], height: float) -> None:
    """Join tall pieces that lie in one another's columns: the strokes of an open 4."""
    while pair := _tall_pair([joined(group) for group in groups], height):
        kept, other = pair
        groups[kept] += groups[other]
        del groups[other]


def _tall_pair(pieces: list[Piece], height: float) -> tuple[int, int] | None:
    """The first two pieces that are strokes of one digit by their places, if there are any."""
    for k, j in permutations(range(len(pieces)), 2):
        one, other = pieces[k], pieces[j]
        if shared_width(one, other) < 0.6:
            continue
        both = joined([one, other])
        near = both.height <= 1.3 * height and gap(one, other) <= 0.3 * height
        if near or _flat_halves(one, other, both):
            return k, j
    return None
