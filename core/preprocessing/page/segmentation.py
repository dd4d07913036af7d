"""From the ink of a page to digits: pieces are joined or cut until each is one digit, in lines.

`group_into_digits` does it all. Shapes alone do not tell half an 8 from a small 0, or a shadow from
a 1. So `core.preprocessing.digitness`, which decides whether there is a digit at all, rates a
photo's pieces too, alone and together (`resolve_doubtful`, `undo_poor_split`). A drawing has no
shadows and no ruled lines: what stands in it was drawn, and stays.

`prepare_component` makes an MNIST digit of a piece: of its own ink, and none of its neighbors'.
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
from core.preprocessing.digitness import DIGITNESS_THRESHOLD, WEAK_DIGITNESS, digitness
from core.preprocessing.mnist_format import PreparedDigit, digit_from_ink
from core.preprocessing.page.binarization import PageInk
from core.preprocessing.page.components import (
    MAX_DIGITS,
    MAX_LINE_OFFSET,
    Component,
    Labels,
    box_distance,
    estimate_tilt,
    find_components,
    find_text_lines,
    horizontal_overlap,
    join_components,
    median_height,
)
from core.preprocessing.page.touching_digits import split_touching
from core.utils.errors import PictureError
from core.utils.validation import Predict

_MIN_DIGIT_HEIGHT: Final = 0.6
"""Pieces lower than this share of the usual height may be fragments of their neighbors."""
_MIN_DIGIT_SIDE: Final = 0.3
"""Pieces whose longer side is below this share of the usual height are no digits."""
_FLAT_ASPECT_RATIO: Final = 1.25
"""Pieces wider than so many of their heights are rarely digits."""
_MIN_INK_STRENGTH: Final = 0.45
"""Pieces of a photo that take a smaller share of the light than this share of the strongest one's
are no ink."""
_CLEAR_DIGITNESS: Final = 0.5
"""Digitness, 0 to 1, from which something is taken for a digit."""
_MAX_JOIN_DISTANCE: Final = 0.3
"""How far parts of a digit may be apart, as a share of the larger one's longer side."""
_MAX_JOINED_HEIGHT: Final = 1.7
"""How high two pieces may be together, in heights of the higher one."""
_MAX_ASPECT_RATIO: Final = 1.8
"""No digit is wider than so many of its heights."""
_MAX_FRAGMENTS: Final = 5
"""Fragments of one digit, at most."""
_MAX_WEAK_PIECES: Final = 40
"""Pieces that are tried with their neighbors, at most."""
_MIN_COMPANIONS: Final = 2
"""Clear digits beside a piece from which it stays: what stands among digits was written."""
_MAX_DILATION_REACH: Final = 16
"""Pixels from which a distance transform replaces dilation: a brush that large takes long."""


def group_into_digits(
    page: PageInk, predict: Predict | None
) -> tuple[Labels, list[list[Component]], float]:
    """Find the digits of a page.

    Args:
        page: its ink.
        predict: a network that helps to decide where touching digits are cut; None goes by shape.

    Returns:
        The labels of all pixels; the digits in lines from top to bottom, each from left to right,
        at most `MAX_DIGITS` before touching ones are cut; and their usual height in pixels.
    """
    labels, pieces = find_components(page.mask)
    pieces = [piece for piece in pieces if not _is_dust(piece, page)]
    if not pieces:
        return labels, [], 1.0
    if not page.even_ground:
        pieces = _drop_faint(labels, _drop_border_pieces(pieces, page), page)
    height = median_height(pieces)
    digits = _join_fragments(pieces, height)
    if not digits:
        return labels, [], height
    height = median_height(digits)
    digits = [p for p in digits if max(p.width, p.height) >= _MIN_DIGIT_SIDE * height]
    if not page.even_ground:
        digits = resolve_doubtful(labels, digits, page)
    tilt = estimate_tilt(digits, height)
    rows = find_text_lines(digits, height, tilt)
    lines = [[digits[k] for k in row] for row in rows]
    lines = _first_pieces(lines, MAX_DIGITS)
    fresh_labels = count(int(labels.max()) + 1)
    is_alone = len(digits) == 1
    lines = [
        _split_line(labels, line, page, height, fresh_labels, predict, is_alone) for line in lines
    ]
    return labels, lines, height


def _drop_border_pieces(pieces: list[Component], page: PageInk) -> list[Component]:
    """Drop what touches a photo's border, unless it is much higher than all else.

    That is a digit that is cut off, or, far more often, the paper's edge or what lies beside it.
    """
    rows, columns = page.mask.shape
    inside = [p for p in pieces if min(p.left, p.top) > 0 and p.right < columns and p.bottom < rows]
    if not inside:
        return pieces
    tallest = max(p.height for p in inside)
    return inside + [p for p in pieces if p not in inside and p.height > 2.5 * tallest]


def _drop_faint(labels: Labels, pieces: list[Component], page: PageInk) -> list[Component]:
    """Drop what is much fainter than the rest: one pen wrote it all, shadows did not.

    Ink takes a share of the light that falls on its paper, so shares are compared, not tones.
    """
    count = int(labels.max()) + 1
    inked = np.flatnonzero(labels)
    label_at = labels.ravel()[inked]
    foreground = page.foreground.ravel()[inked].astype(np.float64)
    incoming = (
        foreground + page.gray.ravel()[inked]
        if page.light is not page.gray
        else np.ones_like(foreground)
    )
    absorbed = np.bincount(label_at, foreground, count)
    light = np.bincount(label_at, incoming, count)
    strength = {p: absorbed[p.labels[0]] / max(1.0, light[p.labels[0]]) for p in pieces}
    largest = max(p.area for p in pieces)
    best = max(strength[p] for p in pieces if p.area >= 0.02 * largest)
    return [p for p in pieces if strength[p] >= _MIN_INK_STRENGTH * best]


def _first_pieces(lines: list[list[Component]], limit: int) -> list[list[Component]]:
    """The first `limit` pieces in reading order."""
    kept, remaining = [], limit
    for line in lines:
        if remaining > 0:
            kept.append(line[:remaining])
            remaining -= len(line)
    return kept


def _split_line(
    labels: Labels,
    line: list[Component],
    page: PageInk,
    height: float,
    fresh_labels: Iterator[int],
    predict: Predict | None,
    is_alone: bool,
) -> list[Component]:
    """Cut the touching digits of a line apart."""
    tall_heights = [piece.height for piece in line if piece.height >= 0.5 * height]
    usual = float(np.median(tall_heights)) if len(tall_heights) > 3 else height

    def to_pixels(labels: Labels, piece: Component) -> NDArray[np.uint8]:
        return prepare_component(page, labels, piece).pixels

    parts: list[Component] = []
    for piece in line:
        split = split_touching(labels, piece, usual, fresh_labels, to_pixels, predict, is_alone)
        parts += split if page.even_ground else undo_poor_split(labels, split, page)
    return parts


def _is_dust(piece: Component, page: PageInk) -> bool:
    """Whether a piece is too small to be part of a digit in any picture."""
    height, width = page.mask.shape
    longer = max(piece.width, piece.height)
    if longer < max(3, 0.005 * max(height, width)):
        return True
    if page.even_ground:
        return False
    # In a photo, what lies along the border is the rest of something that is not on the sheet.
    along = (piece.left == 0 or piece.right == width) * piece.height
    along = max(along, (piece.top == 0 or piece.bottom == height) * piece.width)
    return along >= 0.5 * longer


def _join_fragments(pieces: Sequence[Component], height: float) -> list[Component]:
    """Join fragments to the digits they belong to; drop specks that belong to none."""
    small = [p for p in pieces if p.height < _MIN_DIGIT_HEIGHT * height]
    groups = [[p] for p in pieces if p.height >= _MIN_DIGIT_HEIGHT * height]
    _join_tall(groups, height)
    for piece in sorted(small, key=lambda p: -p.area):
        nearest = min(
            groups, key=lambda group: box_distance(join_components(group), piece), default=None
        )
        if nearest is not None and _is_fragment(piece, join_components(nearest), height):
            nearest.append(piece)
        elif max(piece.width, piece.height) >= _MIN_DIGIT_SIDE * height:
            groups.append([piece])
    return [join_components(group) for group in groups]


def _is_fragment(piece: Component, main: Component, height: float) -> bool:
    """Whether a small piece is a fragment of the digit `main`."""
    if piece.area < 0.02 * main.area:
        return False
    joined = join_components([piece, main])
    if _are_flat_halves(piece, main, joined):
        return True
    size = max(main.height, main.width)
    # The bar of a 5 is often written last, and too high or too far to the right.
    is_bar = piece.width >= 1.3 * piece.height and piece.bottom < main.top + 0.5 * main.height
    max_height = 1.6 if is_bar else 1.35
    if joined.height > max_height * height and joined.height > max_height * main.height:
        return False
    is_above = piece.top + piece.height / 2 < main.top + 0.6 * main.height
    is_inside = horizontal_overlap(piece, main) >= 0.5
    is_near = box_distance(piece, main) <= (0.3 if is_inside else 0.15) * size
    return (
        is_near
        and (is_inside or is_above)
        and joined.width <= (1.5 if is_bar else 1.3) * joined.height
    )


def _are_flat_halves(first: Component, second: Component, joined: Component) -> bool:
    """Whether two pieces, one above the other, are too flat for digits and together high enough.

    A 2, a 3, a 5 or an 8 whose middle is missing looks like that.
    """
    are_flat = min(first.width / first.height, second.width / second.height) >= _FLAT_ASPECT_RATIO
    is_upright = joined.width <= joined.height <= 2 * joined.width
    return (
        are_flat
        and is_upright
        and horizontal_overlap(first, second) >= 0.6
        and box_distance(first, second) <= 0.3 * joined.height
    )


def _join_tall(groups: list[list[Component]], height: float) -> None:
    """Join tall pieces that lie in one another's columns: the strokes of an open 4."""
    while pair := _find_tall_pair([join_components(group) for group in groups], height):
        kept, other = pair
        groups[kept] += groups[other]
        del groups[other]


def _find_tall_pair(pieces: list[Component], height: float) -> tuple[int, int] | None:
    """Indices of the first two pieces that are strokes of one digit by their places."""
    for k, j in permutations(range(len(pieces)), 2):
        first, second = pieces[k], pieces[j]
        if horizontal_overlap(first, second) < 0.6:
            continue
        joined = join_components([first, second])
        is_near = joined.height <= 1.3 * height and box_distance(first, second) <= 0.3 * height
        if is_near or _are_flat_halves(first, second, joined):
            return k, j
    return None


def resolve_doubtful(labels: Labels, pieces: Sequence[Component], page: PageInk) -> list[Component]:
    """Join pieces that are a digit only together; drop what is hardly one beside others that are.

    What stands in a line of digits stays, whatever it is: it was written there.

    Args:
        labels: which piece each pixel belongs to.
        pieces: the digits of a photo so far.
        page: the ink of the photo.

    Returns:
        The pieces that are digits; too few or too many come back as they are.
    """
    if not 2 <= len(pieces) <= MAX_DIGITS:  # more is a texture, and takes seconds
        return list(pieces)
    digitness_of = dict(zip(pieces, _digitness(labels, pieces, page), strict=True))
    _join_broken_digit(digitness_of, labels, page)
    weak = sorted(
        (p for p, value in digitness_of.items() if value < WEAK_DIGITNESS), key=lambda p: p.area
    )
    for piece in weak[:_MAX_WEAK_PIECES]:
        _join_with_neighbor(piece, digitness_of, labels, page)
    if max(digitness_of.values()) < _CLEAR_DIGITNESS:
        return list(digitness_of)
    return [
        p
        for p, value in digitness_of.items()
        if value >= DIGITNESS_THRESHOLD or _stands_among_digits(p, digitness_of)
    ]


def undo_poor_split(labels: Labels, parts: list[Component], page: PageInk) -> list[Component]:
    """Join the parts into which a piece was cut if it is rather a digit as a whole."""
    if len(parts) < 2 or min(_digitness(labels, parts, page)) >= DIGITNESS_THRESHOLD:
        return parts
    whole = join_components(parts)
    (whole_digitness,) = _digitness(labels, [whole], page)
    return [whole] if whole_digitness >= WEAK_DIGITNESS else parts


def _join_broken_digit(digitness_of: dict[Component, float], labels: Labels, page: PageInk) -> None:
    """Join the few pieces of a photo if they are one digit, and at most one is a digit by itself.

    Of a broken digit, two fragments are often no more of a digit than one is.
    """
    parts = list(digitness_of)
    if (
        not 3 <= len(parts) <= _MAX_FRAGMENTS
        or sum(value >= WEAK_DIGITNESS for value in digitness_of.values()) > 1
    ):
        return
    whole = join_components(parts)
    is_close = all(
        any(_are_near(part, other) for other in parts if other is not part) for part in parts
    )
    if not is_close or whole.width > _MAX_ASPECT_RATIO * whole.height:
        return
    (value,) = _digitness(labels, [whole], page)
    if value >= _min_joined_digitness(max(digitness_of.values())):
        digitness_of.clear()
        digitness_of[whole] = value


def _join_with_neighbor(
    piece: Component, digitness_of: dict[Component, float], labels: Labels, page: PageInk
) -> None:
    """Join a weak piece to the neighbor with which it is most clearly a digit."""
    if piece not in digitness_of:  # it was joined to another one already
        return
    pairs = [
        (neighbor, join_components([piece, neighbor]))
        for neighbor in digitness_of
        if _may_join(piece, neighbor)
    ]
    if not pairs:
        return
    values = _digitness(labels, [joined for _, joined in pairs], page)
    value, (neighbor, joined) = max(zip(values, pairs, strict=True), key=lambda pair: pair[0])
    if value >= _min_joined_digitness(digitness_of[neighbor]):
        del digitness_of[piece], digitness_of[neighbor]
        digitness_of[joined] = value


def _min_joined_digitness(before: float) -> float:
    """The digitness that joined pieces must have if the best of them has `before` by itself."""
    return WEAK_DIGITNESS if before < DIGITNESS_THRESHOLD else max(_CLEAR_DIGITNESS, before - 0.05)


def _may_join(piece: Component, neighbor: Component) -> bool:
    """Whether two pieces could be parts of one digit, by their places and sizes."""
    joined = join_components([piece, neighbor])
    return (
        neighbor is not piece
        and _are_near(piece, neighbor)
        and joined.height <= _MAX_JOINED_HEIGHT * max(piece.height, neighbor.height)
        and joined.width <= _MAX_ASPECT_RATIO * joined.height
    )


def _are_near(first: Component, second: Component) -> bool:
    """Whether two pieces are near enough to be parts of one digit."""
    return box_distance(first, second) <= _MAX_JOIN_DISTANCE * max(
        first.width, first.height, second.width, second.height
    )


def _stands_among_digits(piece: Component, digitness_of: dict[Component, float]) -> bool:
    """Whether a piece stands in a line with digits."""

    def is_beside(other: Component) -> bool:
        height = max(piece.height, other.height)
        gap = max(other.left - piece.right, piece.left - other.right)
        return (
            abs(piece.middle[1] - other.middle[1]) <= MAX_LINE_OFFSET * height and gap <= 3 * height
        )

    digits = [p for p in digitness_of if p is not piece and digitness_of[p] >= _CLEAR_DIGITNESS]
    return sum(map(is_beside, digits)) >= _MIN_COMPANIONS


def _digitness(labels: Labels, pieces: Sequence[Component], page: PageInk) -> list[float]:
    """The digitness of each piece, 0 to 1; 0 for those of which nothing is left."""
    pixels = np.zeros((len(pieces), 28, 28), np.uint8)
    for k, piece in enumerate(pieces):
        with suppress(PictureError):  # nothing is left of it once its grain is taken away
            pixels[k] = prepare_component(page, labels, piece).pixels
    return [float(value) for value in digitness(pixels)]


def prepare_component(
    page: PageInk, labels: Labels, piece: Component, margin: int | None = None
) -> PreparedDigit:
    """Make an MNIST digit of a piece's own ink.

    Args:
        page: the ink of the whole page.
        labels: which piece each of its pixels belongs to.
        piece: the digit.
        margin: pixels around the piece that are looked at, too; None takes a share of its size.

    Returns:
        The digit; its box is in pixels of the page's pictures.

    Raises:
        PictureError: the piece has no ink.
    """
    x, y, w, h = piece.box
    margin = max(3, round(0.12 * max(w, h))) if margin is None else margin
    left, top = max(0, x - margin), max(0, y - margin)
    window = np.s_[top : y + h + margin, left : x + w + margin]
    foreground = page.foreground[window]
    ink = _piece_ink(foreground, labels[window], piece, page)
    # A window of its own: the steps must not keep the whole page alive.
    digit = digit_from_ink(
        page.gray[window].copy(), page.light[window].copy(), foreground.copy(), ink
    )
    dx, dy, dw, dh = digit.box
    return replace(digit, box=(left + dx, top + dy, dw, dh))


def _piece_ink(foreground: GrayImage, labels: Labels, piece: Component, page: PageInk) -> GrayImage:
    """The ink in a window that belongs to the piece: its pixels and the soft edge around them.

    Soft pixels belong to the piece whose sure ink is nearest.
    """
    is_piece = np.isin(labels, piece.labels) if len(piece.labels) > 1 else labels == piece.labels[0]
    belongs = is_piece
    floor = page.noise_floor
    inked = np.asarray(np.maximum(foreground, floor) - np.uint8(floor), np.uint8)
    is_other = (labels > 0) & ~is_piece
    reach = max(3, round(0.08 * max(piece.width, piece.height)))
    if is_other.any():
        piece_distance = cv2.distanceTransform((~is_piece).astype(np.uint8), cv2.DIST_L2, 3)
        other_distance = cv2.distanceTransform((~is_other).astype(np.uint8), cv2.DIST_L2, 3)
        belongs = (piece_distance < other_distance) & (piece_distance <= reach)
    elif reach > _MAX_DILATION_REACH:
        belongs = cv2.distanceTransform((~is_piece).astype(np.uint8), cv2.DIST_L2, 3) <= reach
    else:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        belongs = cv2.dilate(is_piece.view(np.uint8), kernel).astype(bool)
    inked = np.where(belongs, inked, 0).astype(np.uint8)
    full_tone = int(inked.max()) if floor == 0 else upper_percentile(inked, 0.25)
    return np.asarray(cv2.convertScaleAbs(inked, alpha=255 / max(1, full_tone)), np.uint8)
