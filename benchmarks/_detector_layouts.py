"""Where the ink of a detector's training scene stands: numbers in lines, grids, frames, alone.

Each layout puts digits and signs, with their truth, or other ink onto the layers of a scene. Sizes
and places are in pixels of it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._detector_ink import (
    DIGIT,
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
from core.preprocessing.page.detector import KINDS


def log_size(rng: Random, low: float = 10, high: float = 56) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def put(layers: Layers, ink: Floats, x: float, y: float, kind: str = DIGIT) -> None:
    """Put the ink of a digit or a sign with its upper left corner at x, y."""
    left, top = round(x), round(y)
    h, w = ink.shape
    frame_x, frame_y, frame_w, frame_h = layers.window
    x0, y0 = max(frame_x, left), max(frame_y, top)
    x1, y1 = min(frame_x + frame_w, left + w), min(frame_y + frame_h, top + h)
    if x1 <= x0 or y1 <= y0:
        return
    part = ink[y0 - top : y1 - top, x0 - left : x1 - left]
    layer = layers.digits if kind == DIGIT else layers.signs
    region = np.s_[y0:y1, x0:x1]
    np.maximum(layer[region], part, out=layer[region])
    number = len(layers.items) + 1
    layers.owner[region][part > 0.4 * float(ink.max())] = number
    seen = float(part.sum()) / max(1e-6, float(ink.sum()))
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    side = max(w, h) if seen < 0.75 else max(x1 - x0, y1 - y0)
    layers.items.append((number, KINDS.index(kind), *middle, float(side), seen))


def open_window(
    layers: Layers, width: int, height: int, room: NDArray[np.float64], rng: Random
) -> tuple[int, int, int, int]:
    """Make the picture as large as some ink with room around it, and put it anywhere in the scene.

    Args:
        layers: whose window is set.
        width, height: of the ink.
        room: left, top, right, bottom; below 0 the ink is cut off.
        rng: the place is drawn from it.

    Returns:
        The window: left, top, width, height.
    """
    sides = (width + room[0] + room[2], height + room[1] + room[3])
    width, height = (int(np.clip(round(side), 8, SIDE)) for side in sides)
    left, top = (int(rng.integers(0, SIDE - side + 1)) for side in (width, height))
    layers.window = (left, top, width, height)
    return layers.window


def one_digit(layers: Layers, bank: InkBank, rng: Random) -> None:
    """One digit in a picture of its own, which may be small and may cut it off a little."""
    size = log_size(rng, 10, 150)
    ink = bank.digit(size, rng)
    h, w = ink.shape
    room = np.exp(rng.uniform(np.log(0.02), np.log(2.5), 4)) * size  # left, top, right, bottom
    if rng.random() < 0.2:
        room[int(rng.integers(4))] = rng.uniform(-0.08, 0.01) * size
    if rng.random() < 0.08:
        room[:] = rng.uniform(0, 2)
    left, top, width, height = open_window(layers, w, h, room, rng)
    x = left + min(room[0], max(0, width - w))
    y = top + min(room[1], max(0, height - h))
    put(layers, ink, x, y)
    if rng.random() < 0.15:
        _cell_lines(layers, layers.window, rng)


def part_of_large(layers: Layers, bank: InkBank, rng: Random) -> None:
    """Strokes of a digit so large that the scene shows a part of it."""
    ink = bank.digit(log_size(rng, 150, 600), rng)
    h, w = ink.shape
    x = float(rng.uniform(SIDE / 2 - w, SIDE / 2))
    y = float(rng.uniform(SIDE / 2 - h, SIDE / 2))
    put(layers, ink, x, y)


def around_all_ink(layers: Layers, rng: Random) -> tuple[int, int, int, int]:
    """A window with all ink in it: a picture cropped to a form's field, a number, a table."""
    ink = np.maximum(np.maximum(layers.digits, layers.signs), layers.other) > 0.3
    x, y, w, h = cv2.boundingRect(ink.view(np.uint8))
    room = np.exp(rng.uniform(0, np.log(60), 4))
    left, top = max(0, round(x - room[0])), max(0, round(y - room[1]))
    right, bottom = min(SIDE, round(x + w + room[2])), min(SIDE, round(y + h + room[3]))
    return left, top, max(8, right - left), max(8, bottom - top)


def rows_of_numbers(layers: Layers, bank: InkBank, rng: Random) -> None:
    """Lines of numbers, with signs, of which the scene shows a part."""
    size = log_size(rng)
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
                put(layers, ink, x, base - ink.shape[0])
                x += ink.shape[1] + size * float(rng.uniform(-0.03, 0.5))
                if rng.random() < 0.14:
                    x = sign_after(layers, x, base, size, rng)
                if x > SIDE:
                    break
            x += size * float(rng.uniform(0.4, 2.5))
            if rng.random() < 0.06:
                x = sign_after(layers, x, y + size + slope * x, size, rng, "-")
        y += pitch


def sign_after(
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
    put(layers, ink, x, bottom - ink.shape[0], kind)
    return x + ink.shape[1] + size * float(rng.uniform(0.05, 0.4))


def grid(layers: Layers, bank: InkBank, rng: Random) -> None:
    """A table, a comb of form cells or a sudoku, seen a little askew, digits in some cells."""
    cell = float(log_size(rng, 18, 110))
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
            put(layers, ink, x - ink.shape[1] / 2, y - ink.shape[0] / 2)


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


def framed(layers: Layers, bank: InkBank, rng: Random) -> None:
    """A number in a box or a circle drawn by hand, underlined, or with a stroke at its side."""
    size = log_size(rng)
    count = int(rng.integers(1, 6))
    x = start = float(rng.uniform(0.5 * size, max(0.6 * size, SIDE - 0.8 * count * size)))
    top = float(rng.uniform(0.3 * size, max(0.4 * size, SIDE - 1.4 * size)))
    for _ in range(count):
        ink = bank.digit(size * float(np.exp(rng.normal(0, 0.08))), rng)
        put(layers, ink, x, top + size - ink.shape[0])
        x += ink.shape[1] + size * float(rng.uniform(0.02, 0.5))
        if rng.random() < 0.12:
            x = sign_after(layers, x, top + size, size, rng)
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


def scattered(layers: Layers, bank: InkBank, rng: Random) -> None:
    """Digits of different sizes anywhere, hardly overlapping."""
    size = log_size(rng, 10, 80)
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
        put(layers, ink, x, y)


def other_ink(layers: Layers, rng: Random, *, crowded: bool) -> None:
    """Letters, scribbles, long lines, shapes and dirt: ink that is no digit, beside the digits."""
    taken = cv2.dilate((layers.owner > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    other = np.zeros((SIDE, SIDE), np.float32)
    ways = (_letters, scribble, _long_line, _ellipse, polygon, _dirt)
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
    size, x, y = log_size(rng, 8, 60), float(rng.uniform(-10, SIDE)), rng.uniform(-10, SIDE)
    for _ in range(int(rng.integers(1, 8))):
        ink = letter(size, rng)
        paste(other, ink, round(x), round(y + size - ink.shape[0]))
        x += ink.shape[1] + 0.2 * size


def scribble(other: Floats, thick: int, rng: Random) -> None:
    points = rng.uniform(0, 1, (int(rng.integers(4, 30)), 2)) * log_size(rng, 20, 150)
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


def polygon(other: Floats, thick: int, rng: Random) -> None:
    corners = rng.normal(0, 1, (int(rng.integers(3, 7)), 2)) * log_size(rng, 5, 70)
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


def paste(layer: Floats, ink: Floats, x: int, y: int) -> None:
    h, w = ink.shape
    x0, y0, x1, y1 = max(0, x), max(0, y), min(SIDE, x + w), min(SIDE, y + h)
    if x1 > x0 and y1 > y0:
        region = np.s_[y0:y1, x0:x1]
        np.maximum(layer[region], ink[y0 - y : y1 - y, x0 - x : x1 - x], out=layer[region])
