"""One digit of a page, out of its surroundings: its own ink, and none of its neighbours'."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from core.ink_pieces import Labels, Piece
from core.page_ink import PageInk
from core.paper import Grey, top
from core.preprocessing import Digit, from_ink
from core.strokes import Box

WIDE_REACH: Final = 16  # pixels


def boxed(digit: Digit, box: Box) -> Digit:
    """The digit with another box."""
    return replace(digit, box=box)


def cut_out(page: PageInk, labels: Labels, piece: Piece, margin: int | None = None) -> Digit:
    """Make an MNIST digit of a piece's own ink; its box is in pixels of the page's pictures."""
    x, y, w, h = piece.box
    rim = max(3, round(0.12 * max(w, h))) if margin is None else margin
    left, up = max(0, x - rim), max(0, y - rim)
    window = np.s_[up : y + h + rim, left : x + w + rim]
    clear = page.clear[window]
    own = _own_ink(clear, labels[window], piece, page)
    # A window of its own: the steps must not keep the whole page alive.
    digit = from_ink(page.grey[window].copy(), page.light[window].copy(), clear.copy(), own)
    dx, dy, dw, dh = digit.box
    return boxed(digit, (left + dx, up + dy, dw, dh))


def _own_ink(clear: Grey, labels: Labels, piece: Piece, page: PageInk) -> Grey:
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
    full = int(inked.max()) if floor == 0 else top(inked, 0.25)
    return np.asarray(cv2.convertScaleAbs(inked, alpha=255 / max(1, full)), np.uint8)
