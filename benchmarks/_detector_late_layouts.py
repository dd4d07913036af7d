"""Layouts of the last scenes of a detector's training: what was still read wrong before them.

Digits in frames, pictures cropped to their digit, slanted 1s beside slashes, uneven rows, grids and
pencil lines seen askew; and, as drawn as a digit, what is none: letters and words, signs, digits
written over each other, crossed out or cut in half.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._broken_digits import HALVES
from benchmarks._detector_ink import (
    SIDE,
    Floats,
    InkBank,
    Layers,
    Random,
    letter,
    line,
    printed,
    sign,
    smooth,
    written,
)
from benchmarks._detector_layouts import (
    around_all_ink,
    log_size,
    open_window,
    paste,
    polygon,
    put,
    scribble,
    sign_after,
)

_LIKE_DIGITS: Final = "oOlIiSsZzBbqgyYDQ"
"""Letters in the shape of digits: no digit where clear letters stand beside them."""
_MARKS: Final = '?&@#%*+=[]{}<>^$€;:"~!§'


def late_layout(layers: Layers, bank: InkBank, rng: Random) -> None:
    """One of the layouts of this module."""
    kind = rng.random()
    if kind < 0.20:
        _in_a_frame(layers, bank, rng)
    elif kind < 0.32:
        _cropped_digit(layers, bank, rng)
    elif kind < 0.56:
        _no_digit_alone(layers, bank, rng)
    elif kind < 0.62:
        _numbers_beside_words(layers, bank, rng)
    elif kind < 0.76:
        _uneven_row(layers, bank, rng)
    elif kind < 0.90:
        _grid_askew(layers, bank, rng)
    else:
        _lines_askew(layers, bank, rng)


def _cropped_digit(layers: Layers, bank: InkBank, rng: Random) -> None:
    """A picture cropped to its digit, or into it."""
    ink = bank.digit(log_size(rng, 14, 110), rng)
    h, w = ink.shape
    cut = rng.uniform(-0.04, 0.02, 4) * max(w, h)
    left, top, _, _ = open_window(layers, w, h, cut, rng)
    put(layers, ink, left + cut[0], top + cut[1])


def _in_a_frame(layers: Layers, bank: InkBank, rng: Random) -> None:
    """One to five digits in a frame: a rectangle, whole or broken, with or without cells."""
    size = log_size(rng, 11, 70)
    count = 1 if rng.random() < 0.5 else int(rng.integers(2, 6))
    inks = [bank.digit(size * float(np.exp(rng.normal(0, 0.1))), rng) for _ in range(count)]
    gap = size * float(rng.uniform(0.05, 0.6))
    width = sum(ink.shape[1] for ink in inks) + gap * (count - 1)
    room = np.exp(rng.uniform(np.log(0.06), np.log(1.4), 4)) * size
    if rng.random() < 0.5:
        room[:] = room[0]
    thick = max(1, round(size * np.exp(rng.uniform(np.log(0.02), np.log(0.28)))))
    x = start = float(
        rng.uniform(room[0] + thick, max(room[0] + thick + 1, SIDE - width - room[2]))
    )
    top = float(rng.uniform(room[1] + thick, max(room[1] + thick + 1, SIDE - size - room[3])))
    page = np.zeros((SIDE, SIDE), np.uint8)
    with_cells = count > 1 and rng.random() < 0.3
    for ink in inks:
        put(layers, ink, x, top + rng.uniform(0.3, 0.7) * (size - ink.shape[0]))
        x += ink.shape[1] + gap
        if with_cells and x < start + width:
            at = round(x - gap / 2)
            ends = round(top - room[1]), round(top + size + room[3])
            cv2.line(page, (at, ends[0]), (at, ends[1]), 255, max(1, thick // 2))
    corners = np.array(
        [[start - room[0], top - room[1]], [start + width + room[2], top - room[1]],
         [start + width + room[2], top + size + room[3]], [start - room[0], top + size + room[3]]]
    )  # fmt: skip
    corners += rng.normal(0, 0.015 * size, corners.shape)
    sides = np.rint(corners).astype(np.int32)
    for k in range(4):
        if rng.random() < 0.97:
            cv2.line(page, sides[k], sides[(k + 1) % 4], 255, thick, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 8)) if rng.random() < 0.3 else 0):  # a worn print
        spot = sides[int(rng.integers(4))] + rng.integers(-40, 41, 2)
        cv2.circle(page, (int(spot[0]), int(spot[1])), int(rng.integers(1, 3 + thick)), 0, -1)
    tone = np.float32(1.0 if rng.random() < 0.6 else rng.uniform(0.5, 1))
    np.maximum(layers.other, page.astype(np.float32) * (tone / 255), out=layers.other)
    layers.window = around_all_ink(layers, rng)


def _no_digit_alone(layers: Layers, bank: InkBank, rng: Random) -> None:
    """A picture of something that is no digit, drawn as a digit would be."""
    size = log_size(rng, 12, 130)
    kind = rng.random()
    if kind < 0.22:
        ink = _word(size, rng)
    elif kind < 0.36:
        ink = letter(size, rng)
    elif kind < 0.52:
        ink = _mark(size, rng)
    elif kind < 0.72:
        ink = _overlaid(size, bank, rng)
    elif kind < 0.82:
        ink = _crossed_out(size, bank, rng)
    elif kind < 0.92:
        ink = _half(size, bank, rng)
    else:
        page = np.zeros((SIDE, SIDE), np.float32)
        way = scribble if rng.random() < 0.6 else polygon
        way(page, max(1, round(size * rng.uniform(0.03, 0.15))), rng)
        ink = _cut_to_ink(page)
    h, w = ink.shape
    room = np.exp(rng.uniform(np.log(0.02), np.log(1.5), 4)) * size  # left, top, right, bottom
    left, top, width, height = open_window(layers, w, h, room, rng)
    x, y = left + min(room[0], max(0, width - w)), top + min(room[1], max(0, height - h))
    paste(layers.other, ink[:height, :width], round(x), round(y))


def _word(size: float, rng: Random) -> Floats:
    """Two to six letters in one line; some look like digits, at least one does not."""
    count = int(rng.integers(2, 7))
    small = size * min(1.0, SIDE / (0.9 * size * count))
    clear = int(rng.integers(count))
    as_print = rng.random() < 0.5
    inks = []
    for k in range(count):
        height = small * (1.0 if rng.random() < 0.4 else 0.75)
        if k != clear and rng.random() < 0.4:
            text = _LIKE_DIGITS[int(rng.integers(len(_LIKE_DIGITS)))]
            inks.append((printed if as_print else written)(text, height, rng))
        else:
            inks.append(letter(height, rng))
    gap = max(1, round(0.12 * small))
    high, wide = max(ink.shape[0] for ink in inks), sum(ink.shape[1] + gap for ink in inks)
    page = np.zeros((high, wide), np.float32)
    x = 0
    for ink in inks:
        page[high - ink.shape[0] :, x : x + ink.shape[1]] = ink
        x += ink.shape[1] + gap
    return page[:, : x - gap]


def _mark(size: float, rng: Random) -> Floats:
    """A mark that is neither digit nor letter."""
    text = _MARKS[int(rng.integers(len(_MARKS)))]
    return (printed if rng.random() < 0.4 else written)(text, size, rng)


def _overlaid(size: float, bank: InkBank, rng: Random) -> Floats:
    """Two or three different digits written over each other."""
    labels = rng.permutation(10)[: int(rng.integers(2, 4))]
    page = np.zeros((round(1.6 * size) + 2, round(1.6 * size) + 2), np.float32)
    for k, label in enumerate(labels):
        ink = bank.scanned_as(int(label), size, rng)
        off = (0, 0) if k == 0 else rng.uniform(-0.25, 0.25, 2) * size
        x, y = (
            int(np.clip(round((side - length) / 2 + by), 0, max(0, side - length)))
            for side, length, by in zip(page.shape[::-1], ink.shape[::-1], off, strict=True)
        )
        region = page[y : y + ink.shape[0], x : x + ink.shape[1]]
        np.maximum(region, ink[: region.shape[0], : region.shape[1]], out=region)
    return _cut_to_ink(page)


def _crossed_out(size: float, bank: InkBank, rng: Random) -> Floats:
    """A digit under a zigzag, or under two strokes or more."""
    ink = bank.digit(size, rng)
    room = round(0.15 * size) + 1
    page = np.pad(ink, room)
    high, wide = page.shape
    thick = max(1, round(size * rng.uniform(0.05, 0.12)))
    strokes = np.zeros(page.shape, np.uint8)
    count = int(rng.integers(5, 10))
    if rng.random() < 0.6:
        y = np.linspace(0.2, 0.8, count) * high + rng.normal(0, 0.04, count) * high
        x = np.where(np.arange(count) % 2, 0.02, 0.98) * wide
        way = smooth(np.stack([x, y], axis=1)) if rng.random() < 0.5 else np.stack([x, y], axis=1)
        cv2.polylines(strokes, [np.rint(way).astype(np.int32)], False, 255, thick, cv2.LINE_AA)
    else:
        for k in range(int(rng.integers(2, 5))):
            ends = np.array([[0.0, 0.1 + 0.2 * k], [1.0, 0.3 + 0.2 * k]]) * [wide, high]
            if k % 2:
                ends[:, 1] = ends[::-1, 1]
            ends = np.rint(ends + rng.normal(0, 0.08 * size, (2, 2))).astype(int)
            cv2.line(strokes, ends[0].tolist(), ends[1].tolist(), 255, thick, cv2.LINE_AA)
    return _cut_to_ink(np.maximum(page, strokes.astype(np.float32) / 255))


def _half(size: float, bank: InkBank, rng: Random) -> Floats:
    """The left or right half of a digit whose half is no other digit."""
    label = list(HALVES)[int(rng.integers(len(HALVES)))]
    ink = bank.scanned_as(label, size, rng)
    sides = HALVES[label]
    kept = max(2, round(ink.shape[1] * rng.uniform(0.35, 0.5)))
    is_left = sides[int(rng.integers(len(sides)))] == "l"
    return _cut_to_ink(ink[:, :kept] if is_left else ink[:, -kept:])


def _cut_to_ink(page: NDArray[Any]) -> Floats:
    x, y, w, h = cv2.boundingRect((page > 0.3).view(np.uint8))
    return np.asarray(page[y : y + max(1, h), x : x + max(1, w)], np.float32)


def _numbers_beside_words(layers: Layers, bank: InkBank, rng: Random) -> None:
    """A line of words and numbers."""
    size = log_size(rng, 12, 46)
    y = float(rng.uniform(0, max(1.0, SIDE - size)))
    x = float(rng.uniform(-size, size))
    while x < SIDE:
        if rng.random() < 0.5:
            ink = _word(size, rng) if rng.random() < 0.7 else letter(size, rng)
            paste(layers.other, ink, round(x), round(y + size - ink.shape[0]))
            x += ink.shape[1]
        else:
            for _ in range(int(rng.integers(1, 5))):
                ink = bank.digit(size * float(np.exp(rng.normal(0, 0.08))), rng)
                put(layers, ink, x, y + size - ink.shape[0])
                x += ink.shape[1] + size * float(rng.uniform(0.02, 0.3))
        x += size * float(rng.uniform(0.3, 0.9))


def _uneven_row(layers: Layers, bank: InkBank, rng: Random) -> None:
    """Digits in a row at uneven heights, many of them slanted 1s, some slashes among them."""
    size = log_size(rng, 12, 60)
    jitter = float(rng.uniform(0.02, 0.55))
    y = float(rng.uniform(0, max(1.0, SIDE - size)))
    x = float(rng.uniform(-0.5, 1) * size)
    has_slashes = rng.random() < 0.6
    while x < SIDE:
        height = size * float(np.exp(rng.normal(0, 0.1)))
        ink = (
            _turned(bank.scanned_as(1, height, rng), float(rng.uniform(-12, 35)))
            if rng.random() < 0.3
            else bank.digit(height, rng)
        )
        off = rng.uniform(-jitter, jitter) * size
        put(layers, ink, x, y + size - ink.shape[0] + off)
        x += ink.shape[1] + size * float(rng.uniform(0.08, 0.6))
        if has_slashes and rng.random() < 0.3:
            slash = sign("/", size * float(rng.uniform(1.05, 1.2)), rng)
            put(layers, slash, x, y + size * rng.uniform(1.0, 1.2) - slash.shape[0] + off, "/")
            x += slash.shape[1] + size * float(rng.uniform(0.02, 0.3))
        elif rng.random() < 0.1:
            x = sign_after(layers, x, y + size + off, size, rng)
    if rng.random() < 0.4:
        layers.window = around_all_ink(layers, rng)


def _turned(ink: Floats, degrees: float) -> Floats:
    """Ink turned clockwise about its middle, cropped."""
    h, w = ink.shape
    side = int(np.ceil(np.hypot(h, w))) + 2
    way = cv2.getRotationMatrix2D((w / 2, h / 2), -degrees, 1.0)
    way[:, 2] += (side - w) / 2, (side - h) / 2
    return _cut_to_ink(np.asarray(cv2.warpAffine(ink, way, (side, side)), np.float32))


def _grid_askew(layers: Layers, bank: InkBank, rng: Random) -> None:
    """A table or a sudoku photographed askew, digits close to its lines."""
    cell = log_size(rng, 18, 90)
    degrees = float(rng.uniform(-16, 16))
    turn = np.radians(degrees)
    across, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    corner = rng.uniform(-1.2, 0.5, 2) * cell
    corner += -0.5 * SIDE * np.sin(turn) * np.array([-1, 1])
    count = int(np.ceil(1.6 * SIDE / cell)) + 1
    thin, thick = float(rng.uniform(0.5, 2.0)), float(rng.uniform(1.0, 5.0))
    tone, every = float(rng.uniform(0.4, 1.0)), int(rng.choice([1, 3, 3, 100]))
    for k in range(-1, count + 1):
        wide = thick if k % every == 0 else thin
        for way, other in ((across, down), (down, across)):
            start, end = corner + k * cell * way - cell * other, corner + k * cell * way
            end = end + count * cell * other
            line(layers.other, tuple(start), tuple(end), wide, tone)
    share, fill = float(rng.uniform(0.25, 0.9)), float(rng.uniform(0.45, 0.85))
    for row in range(-1, count):
        for column in range(-1, count):
            middle = corner + cell * (
                (column + 0.5 + rng.normal(0, 0.07)) * across
                + (row + 0.5 + rng.normal(0, 0.07)) * down
            )
            if rng.random() > share or not (-cell < middle).all() or (middle > SIDE + cell).any():
                continue
            ink = bank.digit(cell * fill * float(np.exp(rng.normal(0, 0.12))), rng)
            ink = _turned(ink, degrees + float(rng.normal(0, 3)))
            put(layers, ink, middle[0] - ink.shape[1] / 2, middle[1] - ink.shape[0] / 2)


def _lines_askew(layers: Layers, bank: InkBank, rng: Random) -> None:
    """Lines of numbers on a photographed page, tilted by up to 16 degrees."""
    size = log_size(rng, 11, 50)
    pitch = size * float(rng.uniform(1.3, 2.8))
    degrees = float(rng.uniform(-16, 16))
    slope = float(np.tan(np.radians(degrees)))
    jitter = float(rng.uniform(0.02, 0.15))
    y = float(rng.uniform(-1, 0.5) * pitch) - abs(slope) * SIDE
    while y < SIDE * (1 + abs(slope)):
        x = float(rng.uniform(-1, 2.5) * size)
        while x < SIDE:
            for _ in range(int(rng.integers(1, 6))):
                base = y + slope * x + size + rng.normal(0, jitter) * size
                if not 0 < base < SIDE + size:
                    x += size
                    continue
                ink = bank.digit(size * float(np.exp(rng.normal(0, 0.1))), rng)
                ink = _turned(ink, degrees)
                put(layers, ink, x, base - ink.shape[0])
                x += ink.shape[1] + size * float(rng.uniform(0.0, 0.45))
                if rng.random() < 0.1:
                    x = sign_after(layers, x, base, size, rng)
            x += size * float(rng.uniform(0.5, 2.0))
        y += pitch
