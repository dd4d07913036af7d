"""Pieces of ink in a photo that are no digits by themselves: fragments, cuts too many, dirt.

Shapes alone do not tell half an 8 from a small 0, or a shadow from a 1. The gate that decides
whether there is a digit at all (`core.digit_gate`) is asked here too, about a photo's pieces, alone
and together. A drawing has no shadows and no rules: what stands in it was drawn, and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import numpy as np

from core.cut_out import cut_out
from core.digit_gate import HARDLY_A_DIGIT, WEAKLY_A_DIGIT, digitness
from core.errors import PictureError
from core.ink_pieces import MOST_DIGITS, Labels, Piece, gap, joined
from core.page_ink import PageInk
from core.text_lines import SAME_LINE

CLEARLY: Final = 0.5
"""Digitness, 0 to 1, from which something is taken for a digit."""
NEAR: Final = 0.3  # of the larger piece's longer side: how far a part may be from the rest
HIGHEST: Final = 1.7  # times the higher one of two pieces: what they may measure together
WIDEST: Final = 1.8  # times its height: no digit is wider
FRAGMENTS: Final = 5  # at most, of one digit
MOST_WEAK: Final = 40  # pieces that are tried with their neighbours
COMPANY: Final = 2  # clear digits beside a piece: what stands among digits was written


def settled(labels: Labels, pieces: Sequence[Piece], page: PageInk) -> list[Piece]:
    """Join pieces that are a digit only together; drop what is hardly one beside others that are.

    What stands in a line of digits stays, whatever it is: it was written there.
    """
    if not 2 <= len(pieces) <= MOST_DIGITS:  # more is a texture, and takes seconds
        return list(pieces)
    like = dict(zip(pieces, _digitness(labels, pieces, page), strict=True))
    _join_all(like, labels, page)
    weak = sorted((p for p in like if like[p] < WEAKLY_A_DIGIT), key=lambda p: p.area)
    for piece in weak[:MOST_WEAK]:
        _join(piece, like, labels, page)
    if max(like.values()) < CLEARLY:
        return list(like)
    return [p for p in like if like[p] >= HARDLY_A_DIGIT or _in_company(p, like)]


def parts_or_whole(labels: Labels, parts: list[Piece], page: PageInk) -> list[Piece]:
    """The parts into which a piece was cut, or all of them as one if that is rather a digit."""
    if len(parts) < 2 or min(_digitness(labels, parts, page)) >= HARDLY_A_DIGIT:
        return parts
    whole = joined(parts)
    (uncut,) = _digitness(labels, [whole], page)
    return [whole] if uncut >= WEAKLY_A_DIGIT else parts


def _join_all(like: dict[Piece, float], labels: Labels, page: PageInk) -> None:
    """Put the few pieces of a photo together if they are one digit, and hardly one is without it.

    Of a broken digit, two fragments are often no more of a digit than one is.
    """
    parts = list(like)
    if (
        not 3 <= len(parts) <= FRAGMENTS
        or sum(value >= WEAKLY_A_DIGIT for value in like.values()) > 1
    ):
        return
    both = joined(parts)
    close = all(any(_near(one, other) for other in parts if other is not one) for one in parts)
    if not close or both.width > WIDEST * both.height:
        return
    (value,) = _digitness(labels, [both], page)
    if value >= _enough(max(like.values())):
        like.clear()
        like[both] = value


def _join(piece: Piece, like: dict[Piece, float], labels: Labels, page: PageInk) -> None:
    """Put a weak piece together with the neighbour with which it is most clearly a digit."""
    if piece not in like:  # it went to another one already
        return
    pairs = [(other, joined([piece, other])) for other in like if _may_join(piece, other)]
    if not pairs:
        return
    values = _digitness(labels, [both for _, both in pairs], page)
    value, (other, both) = max(zip(values, pairs, strict=True), key=lambda pair: pair[0])
    if value >= _enough(like[other]):
        del like[piece], like[other]
        like[both] = value


def _enough(before: float) -> float:
    """How much of a digit pieces must be together, if the best of them is `before` by itself."""
    return WEAKLY_A_DIGIT if before < HARDLY_A_DIGIT else max(CLEARLY, before - 0.05)


def _may_join(piece: Piece, other: Piece) -> bool:
    """Whether two pieces could be parts of one digit, by their places and sizes."""
    both = joined([piece, other])
    return (
        other is not piece
        and _near(piece, other)
        and both.height <= HIGHEST * max(piece.height, other.height)
        and both.width <= WIDEST * both.height
    )


def _near(one: Piece, other: Piece) -> bool:
    return gap(one, other) <= NEAR * max(one.width, one.height, other.width, other.height)


def _in_company(piece: Piece, like: dict[Piece, float]) -> bool:
    """Whether a piece stands in a line with digits."""

    def beside(other: Piece) -> bool:
        height = max(piece.height, other.height)
        apart = max(other.left - piece.right, piece.left - other.right)
        return abs(piece.middle[1] - other.middle[1]) <= SAME_LINE * height and apart <= 3 * height

    clear = [p for p in like if p is not piece and like[p] >= CLEARLY]
    return sum(map(beside, clear)) >= COMPANY


def _digitness(labels: Labels, pieces: Sequence[Piece], page: PageInk) -> list[float]:
    pixels = np.zeros((len(pieces), 28, 28), np.uint8)  # empty ones are no digits
    for k, piece in enumerate(pieces):
        with suppress(PictureError):  # nothing is left of it once its grain is taken away
            pixels[k] = cut_out(page, labels, piece).pixels
    return [float(value) for value in digitness(pixels)]
