"""Scenes from which the detector learns: pictures of digits, and of much else, with their truth.

A scene is what the detector sees at one scale: uint8 (`SIDE`, `SIDE`). Digits whose longer side
lies between `SMALLEST` and `LARGEST` are to be found; larger and smaller ones
are found in another copy of the picture. Everything is drawn from one generator; no test digit and
no benchmark's photograph is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._detector_camera import photographed
from benchmarks._detector_ink import (
    SIDE,
    SIGNS,
    Floats,
    InkBank,
    Layers,
    Random,
    letter,
    line,
    sign,
    smooth,
)

CELL: Final = 4
"""Pixels of the grid on which centers and offsets are given."""
SMALLEST, LARGEST = 11.0, 52.0
"""Longer sides of digits that are to be found; `_NEAR` times beyond, nothing is asked."""
_NEAR: Final = 1.45
OFFSET_UNIT: Final = 16.0


@dataclass
class Truth:
    """What is to be learned from a scene.

    Attributes:
        ink: uint8 (SIDE, SIDE): 0 neither, 1 digit, 2 sign.
        asked: uint8 (SIDE, SIDE): 0 where the answer does not count.
        centers: float32 (SIDE / CELL, SIDE / CELL, 2): digits, signs; 1 at a center.
        centers_asked: uint8 of that grid.
        offsets: float32 (SIDE / CELL, SIDE / CELL, 2): to the center, x and y, in `OFFSET_UNIT`.
        owned: uint8 of that grid: 1 where an offset is given.
    """

    ink: NDArray[np.uint8]
    asked: NDArray[np.uint8]
    centers: NDArray[np.float32]
    centers_asked: NDArray[np.uint8]
    offsets: NDArray[np.float32]
    owned: NDArray[np.uint8]


def scene(bank: InkBank, rng: Random, *, late: bool = False) -> tuple[NDArray[np.uint8], Truth]:
    """One scene and its truth.

    Args:
        bank: the digits that are written.
        rng: everything is drawn from it.
        late: whether it is one of the last scenes of a training, half of which show what was still
            read wrong before them: digits in frames, and pictures cropped to their digit.
    """
    empty = np.zeros((SIDE, SIDE), np.float32)
    layers = Layers(empty, empty.copy(), empty.copy(), np.zeros((SIDE, SIDE), np.int32))
    layout = rng.random()
    if late and rng.random() < 0.5:
        layout = 0.3
        way = _in_a_frame if rng.random() < 0.65 else _cropped_digit
        way(layers, bank, rng)
    elif layout < 0.30:
        _one_digit(layers, bank, rng)
    elif layout < 0.34:
        _part_of_large(layers, bank, rng)
    elif layout < 0.58:
        _rows(layers, bank, rng)
    elif layout < 0.75:
        _grid(layers, bank, rng)
    elif layout < 0.86:
        _framed(layers, bank, rng)
    elif layout < 0.92:
        _scattered(layers, bank, rng)
    has_digits = bool(layers.items)
    if rng.random() < (0.25 if has_digits else 0.6):
        _other_ink(layers, rng, crowded=not has_digits)
    if layout > 0.34 and has_digits and rng.random() < 0.3:
        layers.window = _around_all_ink(layers, rng)
    pixels = photographed(layers, rng, has_digits=has_digits)
    return pixels, _truth(layers)


# Layouts


def _size(rng: Random, low: float = 10, high: float = 56) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _put(layers: Layers, ink: Floats, x: float, y: float, *, is_sign: bool = False) -> None:
    """Put the ink of a digit or a sign with its upper left corner at x, y."""
    left, top = round(x), round(y)
    h, w = ink.shape
    frame_x, frame_y, frame_w, frame_h = layers.window
    x0, y0 = max(frame_x, left), max(frame_y, top)
    x1, y1 = min(frame_x + frame_w, left + w), min(frame_y + frame_h, top + h)
    if x1 <= x0 or y1 <= y0:
        return
    part = ink[y0 - top : y1 - top, x0 - left : x1 - left]
    layer = layers.signs if is_sign else layers.digits
    region = np.s_[y0:y1, x0:x1]
    np.maximum(layer[region], part, out=layer[region])
    number = len(layers.items) + 1
    layers.owner[region][part > 0.4 * float(ink.max())] = number
    seen = float(part.sum()) / max(1e-6, float(ink.sum()))
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    side = max(w, h) if seen < 0.75 else max(x1 - x0, y1 - y0)
    layers.items.append((number, is_sign, *middle, float(side), seen))


def _one_digit(layers: Layers, bank: InkBank, rng: Random) -> None:
    """One digit in a picture of its own, which may be small and may cut it off a little."""
    size = _size(rng, 10, 150)
    ink = bank.digit(size, rng)
    h, w = ink.shape
    room = np.exp(rng.uniform(np.log(0.02), np.log(2.5), 4)) * size  # left, top, right, bottom
    if rng.random() < 0.2:
        room[int(rng.integers(4))] = rng.uniform(-0.08, 0.01) * size
    if rng.random() < 0.08:
        room[:] = rng.uniform(0, 2)
    width, height = (
        int(np.clip(round(v), 8, SIDE)) for v in (w + room[0] + room[2], h + room[1] + room[3])
    )
    left, top = (int(rng.integers(0, SIDE - v + 1)) for v in (width, height))
    layers.window = (left, top, width, height)
    x = left + min(room[0], max(0, width - w))
    y = top + min(room[1], max(0, height - h))
    _put(layers, ink, x, y)
    if rng.random() < 0.15:
        _cell_lines(layers, layers.window, rng)


def _cropped_digit(layers: Layers, bank: InkBank, rng: Random) -> None:
    """A picture cropped to its digit, or into it."""
    ink = bank.digit(_size(rng, 14, 110), rng)
    h, w = ink.shape
    cut = rng.uniform(-0.04, 0.02, 4) * max(w, h)
    width, height = (
        int(np.clip(round(v), 8, SIDE)) for v in (w + cut[0] + cut[2], h + cut[1] + cut[3])
    )
    left, top = (int(rng.integers(0, SIDE - v + 1)) for v in (width, height))
    layers.window = (left, top, width, height)
    _put(layers, ink, left + cut[0], top + cut[1])


def _in_a_frame(layers: Layers, bank: InkBank, rng: Random) -> None:
    """One to five digits in a frame: a rectangle, whole or broken, with or without cells."""
    size = _size(rng, 11, 70)
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
        _put(layers, ink, x, top + rng.uniform(0.3, 0.7) * (size - ink.shape[0]))
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
    layers.window = _around_all_ink(layers, rng)


def _part_of_large(layers: Layers, bank: InkBank, rng: Random) -> None:
    """Strokes of a digit so large that the scene shows a part of it."""
    ink = bank.digit(_size(rng, 150, 600), rng)
    h, w = ink.shape
    x = float(rng.uniform(SIDE / 2 - w, SIDE / 2))
    y = float(rng.uniform(SIDE / 2 - h, SIDE / 2))
    _put(layers, ink, x, y)


def _around_all_ink(layers: Layers, rng: Random) -> tuple[int, int, int, int]:
    """A window with all ink in it: a picture cropped to a form's field, a number, a table."""
    ink = np.maximum(np.maximum(layers.digits, layers.signs), layers.other) > 0.3
    x, y, w, h = cv2.boundingRect(ink.view(np.uint8))
    room = np.exp(rng.uniform(0, np.log(60), 4))
    left, top = max(0, round(x - room[0])), max(0, round(y - room[1]))
    right, bottom = min(SIDE, round(x + w + room[2])), min(SIDE, round(y + h + room[3]))
    return left, top, max(8, right - left), max(8, bottom - top)


def _rows(layers: Layers, bank: InkBank, rng: Random) -> None:
    """Lines of numbers, with signs, of which the scene shows a part."""
    size = _size(rng)
    pitch = size * rng.uniform(1.15, 2.6)
    jitter = rng.choice([0.03, 0.08, 0.25])
    y = float(rng.uniform(-0.5, 1) * pitch)
    if rng.random() < 0.3:  # one line only
        y = float(rng.uniform(0, max(1.0, SIDE - size)))
        pitch = 10 * SIDE
    slope = float(rng.normal(0, 0.05))
    spread = rng.uniform(0.02, 0.2)
    while y < SIDE:
        x = float(rng.uniform(-1, 2.5) * size)
        while x < SIDE:
            for _ in range(int(rng.integers(1, 6))):
                ink = bank.digit(size * float(np.exp(rng.normal(0, spread))), rng)
                base = y + size + slope * x + rng.normal(0, jitter) * size
                _put(layers, ink, x, base - ink.shape[0])
                x += ink.shape[1] + size * float(rng.uniform(-0.03, 0.5))
                if rng.random() < 0.14:
                    x = _sign_after(layers, x, base, size, rng)
                if x > SIDE:
                    break
            x += size * float(rng.uniform(0.4, 2.5))
            if rng.random() < 0.06:
                x = _sign_after(layers, x, y + size + slope * x, size, rng, "-")
        y += pitch


def _sign_after(
    layers: Layers, x: float, base: float, size: float, rng: Random, kind: str = ""
) -> float:
    """A sign after a digit; returns where the next digit may stand."""
    kind = kind or SIGNS[int(rng.choice(4, p=(0.3, 0.25, 0.2, 0.25)))]
    ink = sign(kind, size, rng)
    down = {
        ".": rng.uniform(-0.05, 0.08),
        ",": rng.uniform(0.05, 0.22),
        "-": rng.uniform(-0.6, -0.4),
        "/": rng.uniform(-0.05, 0.15),
    }[kind]
    bottom = base + down * size + (ink.shape[0] / 2 if kind == "-" else 0)
    _put(layers, ink, x, bottom - ink.shape[0], is_sign=True)
    return x + ink.shape[1] + size * float(rng.uniform(0.05, 0.4))


def _grid(layers: Layers, bank: InkBank, rng: Random) -> None:
    """A table, a comb of form cells or a sudoku, seen a little askew, digits in some cells."""
    cell = float(_size(rng, 18, 110))
    aspect = float(rng.uniform(0.75, 1.3)) if rng.random() < 0.5 else 1.0
    wide, tall = cell * aspect, cell
    rows = int(rng.integers(1, 10)) if rng.random() < 0.7 else 1
    columns = int(rng.integers(1, 10))
    left, top = float(rng.uniform(-wide, 0.7 * wide)), float(rng.uniform(-tall, 0.7 * tall))
    if rng.random() < 0.3:
        left = float(rng.uniform(0, max(1.0, SIDE - columns * wide)))
        top = float(rng.uniform(0, max(1.0, SIDE - rows * tall)))
    turn = float(rng.normal(0, 0.035))
    shear = float(rng.normal(0, 0.02))
    thin, thick = rng.uniform(0.6, 3.0), rng.uniform(1.0, 5.5)
    every = int(rng.choice([1, 3, 100]))
    tone = float(rng.uniform(0.35, 1.0))

    def at(column: float, row: float) -> tuple[float, float]:
        x, y = column * wide, row * tall
        return left + x - turn * y + shear * y, top + y + turn * x

    for k in range(rows + 1):
        line(layers.other, at(0, k), at(columns, k), thick if k % every == 0 else thin, tone)
    for k in range(columns + 1):
        line(layers.other, at(k, 0), at(k, rows), thick if k % every == 0 else thin, tone)
    share = float(rng.uniform(0.3, 1.0))
    fill = float(rng.uniform(0.35, 0.95))
    for row in range(rows):
        for column in range(columns):
            if rng.random() > share:
                continue
            ink = bank.digit(min(wide, tall) * fill * float(np.exp(rng.normal(0, 0.08))), rng)
            x, y = at(column + 0.5 + rng.normal(0, 0.06), row + 0.5 + rng.normal(0, 0.06))
            _put(layers, ink, x - ink.shape[1] / 2, y - ink.shape[0] / 2)


def _cell_lines(layers: Layers, box: tuple[int, int, int, int], rng: Random) -> None:
    """What is left of a cell's frame around a crop: lines along some sides."""
    left, top, width, height = box
    tone, thick = float(rng.uniform(0.5, 1)), float(rng.uniform(0.8, 6))
    tilt = float(rng.normal(0, 0.03))
    for side in range(4):
        if rng.random() < 0.3:
            continue
        inset = float(rng.uniform(0, 0.08) * min(width, height))
        if side % 2:
            y = top + inset if side == 1 else top + height - inset
            line(layers.other, (left, y), (left + width, y + tilt * width), thick, tone)
        else:
            x = left + inset if side == 0 else left + width - inset
            line(layers.other, (x, top), (x + tilt * height, top + height), thick, tone)


def _framed(layers: Layers, bank: InkBank, rng: Random) -> None:
    """A number in a box or a circle drawn by hand, underlined, or with a stroke at its side."""
    size = _size(rng)
    count = int(rng.integers(1, 6))
    x = start = float(rng.uniform(0.5 * size, max(0.6 * size, SIDE - 0.8 * count * size)))
    top = float(rng.uniform(0.3 * size, max(0.4 * size, SIDE - 1.4 * size)))
    for _ in range(count):
        ink = bank.digit(size * float(np.exp(rng.normal(0, 0.08))), rng)
        _put(layers, ink, x, top + size - ink.shape[0])
        x += ink.shape[1] + size * float(rng.uniform(0.02, 0.5))
        if rng.random() < 0.12:
            x = _sign_after(layers, x, top + size, size, rng)
    gap = size * float(rng.uniform(0.12, 0.8))
    kind = int(rng.integers(4))
    tone, thick = float(rng.uniform(0.5, 1)), max(1, round(size * rng.uniform(0.02, 0.14)))
    page = np.zeros((SIDE, SIDE), np.uint8)
    if kind == 0:
        left, right, above, below = start - gap, x + gap, top - gap, top + size + gap
        corners = np.array([[left, above], [right, above], [right, below], [left, below]])
        corners += rng.normal(0, 0.04 * size, corners.shape)
        cv2.polylines(page, [np.rint(corners).astype(np.int32)], True, 255, thick, cv2.LINE_AA)
    elif kind == 1:
        middle = (round((start + x) / 2), round(top + size / 2))
        axes = (round((x - start) / 2 + 1.2 * gap), round(size / 2 + gap))
        cv2.ellipse(page, middle, axes, float(rng.normal(0, 5)), 0, float(rng.uniform(330, 362)),
                    255, thick, cv2.LINE_AA)  # fmt: skip
    elif kind == 2:
        y = round(top + size + gap)
        for row in range(int(rng.integers(1, 3))):
            down = round(row * 0.15 * size)
            cv2.line(page, (round(start - gap), y + down), (round(x + gap), y + down), 255, thick)
    else:
        at = round(start - gap) if rng.random() < 0.5 else round(x + gap)
        ends = (0, SIDE) if rng.random() < 0.5 else (round(top - gap), round(top + size + gap))
        cv2.line(page, (at, ends[0]), (at, ends[1]), 255, thick)
    np.maximum(layers.other, page.astype(np.float32) * np.float32(tone / 255), out=layers.other)


def _scattered(layers: Layers, bank: InkBank, rng: Random) -> None:
    """Digits of different sizes anywhere, hardly overlapping."""
    size = _size(rng, 10, 80)
    taken = np.zeros((SIDE, SIDE), bool)
    for _ in range(int(rng.integers(1, 14))):
        ink = bank.digit(size * float(np.exp(rng.normal(0, 0.4))), rng)
        h, w = ink.shape
        if h >= SIDE or w >= SIDE:
            continue
        x, y = int(rng.integers(-w // 3, SIDE - w // 2)), int(rng.integers(-h // 3, SIDE - h // 2))
        region = np.s_[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2]
        if taken[region].any():
            continue
        taken[region] = True
        _put(layers, ink, x, y)


def _other_ink(layers: Layers, rng: Random, *, crowded: bool) -> None:
    """Letters, scribbles, long lines, shapes and dirt: ink that is no digit, beside the digits."""
    taken = cv2.dilate((layers.owner > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    other = np.zeros((SIDE, SIDE), np.float32)
    ways = (_letters, _scribble, _long_line, _ellipse, _polygon, _dirt)
    for _ in range(int(rng.integers(1, 12 if crowded else 4))):
        way = ways[int(rng.integers(6))]
        thick = max(1, round(np.exp(rng.uniform(np.log(0.8), np.log(9)))))
        way(other, thick, rng)
    if rng.random() < 0.75:  # most keep off the digits; some cross them
        other[taken] = 0
    np.maximum(layers.other, other * np.float32(rng.uniform(0.4, 1)), out=layers.other)


def _letters(other: Floats, thick: int, rng: Random) -> None:
    """A word of letters that no digit looks like; `thick` is for the other kinds of ink."""
    del thick
    size, x, y = _size(rng, 8, 60), float(rng.uniform(-10, SIDE)), rng.uniform(-10, SIDE)
    for _ in range(int(rng.integers(1, 8))):
        ink = letter(size, rng)
        _paste(other, ink, round(x), round(y + size - ink.shape[0]))
        x += ink.shape[1] + 0.2 * size


def _scribble(other: Floats, thick: int, rng: Random) -> None:
    points = rng.uniform(0, 1, (int(rng.integers(4, 30)), 2)) * _size(rng, 20, 150)
    points += rng.uniform(-20, SIDE - 20, 2)
    page = np.zeros((SIDE, SIDE), np.uint8)
    way = np.rint(smooth(points)).astype(np.int32)
    cv2.polylines(page, [way], False, 255, thick, cv2.LINE_AA)
    _cover(other, page)


def _long_line(other: Floats, thick: int, rng: Random) -> None:
    ends = rng.uniform(-0.2, 1.2, (2, 2)) * SIDE
    if rng.random() < 0.6:
        ends[1, int(rng.integers(2))] = ends[0, int(rng.integers(2))]
    line(other, tuple(ends[0]), tuple(ends[1]), float(thick), 1.0)


def _ellipse(other: Floats, thick: int, rng: Random) -> None:
    middle = tuple(int(v) for v in rng.uniform(0, SIDE, 2))
    axes = tuple(int(v) for v in np.exp(rng.uniform(np.log(2), np.log(90), 2)))
    filled = -1 if rng.random() < 0.35 else thick
    page = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(page, middle, axes, float(rng.uniform(0, 180)), 0, 360, 255, filled)
    _cover(other, page)


def _polygon(other: Floats, thick: int, rng: Random) -> None:
    corners = rng.normal(0, 1, (int(rng.integers(3, 7)), 2)) * _size(rng, 5, 70)
    corners = np.rint(corners + rng.uniform(0, SIDE, 2)).astype(np.int32)
    page = np.zeros((SIDE, SIDE), np.uint8)
    if rng.random() < 0.5:
        cv2.fillPoly(page, [corners], 255)
    else:
        cv2.polylines(page, [corners], True, 255, thick, cv2.LINE_AA)
    _cover(other, page)


def _dirt(other: Floats, thick: int, rng: Random) -> None:
    """Specks and short hairs; `thick` is for the other kinds of ink."""
    del thick
    page = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(int(rng.integers(1, 25))):
        x, y = (int(v) for v in rng.uniform(0, SIDE, 2))
        end = (x + int(rng.integers(-3, 4)), y + int(rng.integers(-3, 4)))
        cv2.line(page, (x, y), end, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
    _cover(other, page)


def _cover(layer: Floats, page: NDArray[np.uint8]) -> None:
    np.maximum(layer, page.astype(np.float32) / 255, out=layer)


def _paste(layer: Floats, ink: Floats, x: int, y: int) -> None:
    h, w = ink.shape
    x0, y0, x1, y1 = max(0, x), max(0, y), min(SIDE, x + w), min(SIDE, y + h)
    if x1 > x0 and y1 > y0:
        region = np.s_[y0:y1, x0:x1]
        np.maximum(layer[region], ink[y0 - y : y1 - y, x0 - x : x1 - x], out=layer[region])


# The truth


def _truth(layers: Layers) -> Truth:
    cells = SIDE // CELL
    ink = (layers.owner > 0).astype(np.uint8)
    for item in layers.items:
        if item[1]:
            ink[layers.owner == item[0]] = 2
    asked = np.ones((SIDE, SIDE), np.uint8)
    centers = np.zeros((cells, cells, 2), np.float32)
    centers_asked = np.ones((cells, cells), np.uint8)
    offsets = np.zeros((cells, cells, 2), np.float32)
    owner = _cell_owner(layers.owner)
    owned = np.zeros((cells, cells), np.uint8)
    x_of, y_of = np.meshgrid(np.arange(cells) * CELL + CELL / 2, np.arange(cells) * CELL + CELL / 2)
    # The ink's soft rim is neither.
    rim = np.maximum(layers.digits, layers.signs)
    asked[(rim > 0.1) & (layers.owner == 0)] = 0
    for number, is_sign, x, y, side, seen in layers.items:
        mine = layers.owner == number
        cell_mine = owner == number
        too_small = side < SMALLEST and not is_sign
        too_large = side > LARGEST
        if not too_small and not too_large and seen >= 0.75:
            spread = max(0.7, 0.09 * side / CELL)
            bump = np.exp(-((x_of - x) ** 2 + (y_of - y) ** 2) / (2 * (spread * CELL) ** 2))
            cx, cy = int(np.clip(x / CELL, 0, cells - 1)), int(np.clip(y / CELL, 0, cells - 1))
            bump[cy, cx] = 1.0
            channel = int(is_sign)
            centers[..., channel] = np.maximum(centers[..., channel], bump)
            offsets[cell_mine] = np.stack([x - x_of, y - y_of], -1)[cell_mine] / OFFSET_UNIT
            owned[cell_mine] = 1
            continue
        near = side < LARGEST * _NEAR if too_large else side > SMALLEST / _NEAR
        if near or (seen < 0.75 and not too_large):
            asked[mine] = 0
            reach = max(1, round(0.5 * side))
            x0, y0 = max(0, int((x - reach) / CELL)), max(0, int((y - reach) / CELL))
            centers_asked[y0 : int((y + reach) / CELL) + 1, x0 : int((x + reach) / CELL) + 1] = 0
        elif too_large:
            asked[mine] = 0
        else:
            ink[mine] = 0
    return Truth(ink, asked, centers, centers_asked, offsets, owned)


def _cell_owner(owner: NDArray[np.int32]) -> NDArray[np.int32]:
    """Who owns each cell: whoever owns its largest number among the middle pixels, or any."""
    blocks = owner.reshape(SIDE // CELL, CELL, SIDE // CELL, CELL)
    middle = blocks[:, 1:3, :, 1:3].max(axis=(1, 3))
    return np.where(middle > 0, middle, blocks.max(axis=(1, 3))).astype(np.int32)
