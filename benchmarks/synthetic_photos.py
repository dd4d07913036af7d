"""Photos of handwriting that were never taken: paper, ink, light, a camera, all by chance.

A library for `benchmarks/photos.py` and `benchmarks/pages.py`. Digits of known truth are enlarged
smoothly, written with some pen on some paper, lit unevenly, seen by a camera that is not quite
straight, and stored as JPEG. Everything is drawn from one random generator, so that a seed gives
the same photos again; what is drawn, and how far it goes, stands in this file and in
`benchmarks.synthetic_papers`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic_papers import (
    PAPERS,
    PENS,
    Floats,
    Paper,
    Pen,
    Random,
    grained,
    paper_tones,
    pen_color,
    rule_color,
    rules_on,
)

Box = tuple[int, int, int, int]

TILT: Final = 15.0  # degrees either way
PERSPECTIVE: Final = 0.035  # how far a corner moves, as a share of the picture's side
DIGITS: Final = 30  # of a page
TOUCHING: Final = 0.03  # of the pairs within a number


@dataclass(frozen=True)
class Written:
    """A digit of a photo: what it is, the box around its ink in the photo, and its line."""

    label: int
    box: Box
    line: int


@dataclass(frozen=True)
class Photo:
    """A made-up photo: uint8 (height, width, 3) RGB, its digits in reading order, its making."""

    pixels: NDArray[np.uint8]
    written: tuple[Written, ...]
    paper: Paper
    pen: Pen
    cells: tuple[NDArray[np.float32], ...] = ()
    """Of a sudoku: the corners of each cell in the photo, float32 (4, 2), row by row."""


@dataclass
class _Sheet:
    """Paper before it is photographed: how much ink lies where, 0..1, and each digit's pixels."""

    ink: Floats
    places: list[tuple[int, int, NDArray[np.int32]]]  # label, line, (n, 2) points x, y
    rules: int = 0  # the distance of the rules in pixels; 0: to be chosen
    printed: Floats | None = None  # how much of a printed grid lies where, 0..1
    cells: tuple[NDArray[np.float32], ...] = ()


def single_photo(digit: NDArray[np.uint8], label: int, rng: Random) -> Photo:
    """One digit, uint8 (28, 28) light on black, somewhere on a sheet.

    The picture's long side is 320 to 1400 pixels, and the digit 18 % to 70 % of the shorter one.
    """
    height, width = _sides(rng, 320, 1400)
    size = int(rng.uniform(0.18, 0.7) * min(height, width))
    sheet = _Sheet(np.zeros((height, width), np.float32), [])
    shape = enlarged(digit, size, rng)
    # Turned by 15 degrees, and with a moved corner, it must still lie in the picture.
    x = int(rng.uniform(0.5 - 0.12, 0.5 + 0.12) * width - shape.shape[1] / 2)
    y = int(rng.uniform(0.5 - 0.12, 0.5 + 0.12) * height - shape.shape[0] / 2)
    _write(sheet, shape, x, y, label, 0)
    sheet.rules = int(size * rng.uniform(0.35, 1.3))
    return _photographed(sheet, rng)


def page_photo(digits: NDArray[np.uint8], labels: Sequence[int], rng: Random) -> Photo:
    """Many digits, uint8 (n, 28, 28), in lines of numbers."""
    width = int(rng.integers(1150, 1800))
    height = int(width * rng.uniform(0.7, 1.0))
    sheet = _Sheet(np.zeros((height, width), np.float32), [])
    lines = int(rng.integers(3, 7))
    # A turned page needs room: digits stay within the middle four fifths.
    usable = 0.80 * height
    pitch = usable / lines
    size = min(pitch * rng.uniform(0.45, 0.68), 0.80 * width / (len(labels) / lines * 1.15))
    sheet.rules = int(pitch) if rng.random() < 0.5 else int(size * rng.uniform(0.4, 0.9))
    ends = np.linspace(0, len(labels), lines + 1).round().astype(int)
    for line in range(lines):
        base = 0.10 * height + pitch * (line + 0.85)
        span = range(ends[line], ends[line + 1])
        _write_line(sheet, [(digits[k], int(labels[k])) for k in span], line, base, size, rng)
    _specks(sheet.ink, size, rng)
    return _photographed(sheet, rng)


def sudoku_photo(digits: Callable[[], tuple[NDArray[np.uint8], int]], rng: Random) -> Photo:
    """A printed grid of 81 cells, 25 to 60 of them filled by hand; a digit's line is its cell."""
    side = int(rng.integers(900, 1500))
    height, width = (int(side * v) for v in rng.uniform(1.0, 1.25, 2))
    grid = 0.78 * side
    left, top = (width - grid) / 2, (height - grid) / 2
    cell = grid / 9
    sheet = _Sheet(np.zeros((height, width), np.float32), [])
    sheet.printed = np.zeros((height, width), np.float32)
    thin, thick = max(1, round(side * 0.0015)), max(3, round(side * rng.uniform(0.003, 0.006)))
    for k in range(10):
        wide = thick if k % 3 == 0 else thin
        x, y = round(left + k * cell), round(top + k * cell)
        cv2.line(sheet.printed, (x, round(top)), (x, round(top + grid)), 1.0, wide, cv2.LINE_AA)
        cv2.line(sheet.printed, (round(left), y), (round(left + grid), y), 1.0, wide, cv2.LINE_AA)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * cell
    sheet.cells = tuple(
        square + np.array([left + column * cell, top + row * cell], np.float32)
        for row in range(9)
        for column in range(9)
    )
    for place in rng.permutation(81)[: int(rng.integers(25, 61))]:
        digit, label = digits()
        shape = enlarged(digit, int(cell * rng.uniform(0.5, 0.8)), rng)
        middle = sheet.cells[place].mean(axis=0) + rng.normal(0, 0.05, 2) * cell
        x, y = (int(v) for v in middle - np.array(shape.shape[::-1]) / 2)
        _write(sheet, shape, x, y, label, int(place))
    return _photographed(sheet, rng)


def enlarged(digit: NDArray[np.uint8], size: int, rng: Random) -> Floats:
    """A digit's ink, cropped, 0..1: 20 MNIST pixels become `size`, with a pen's smooth edge."""
    scale = size / 20
    x, y, w, h = cv2.boundingRect((digit > 40).astype(np.uint8))
    crop = np.pad(digit[y : y + h, x : x + w], 1).astype(np.float32) / 255
    big = (max(1, round((w + 2) * scale)), max(1, round((h + 2) * scale)))
    soft = cv2.resize(crop, big, interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(soft, (0, 0), max(0.3, 0.25 * scale))
    edge = rng.uniform(0.15, 0.4)  # the width of the rise from paper to ink, in tones
    return np.asarray(np.clip((soft - 0.42) / edge + 0.5, 0, 1), np.float32)


def _sides(rng: Random, least: int, most: int) -> tuple[int, int]:
    longer = int(np.exp(rng.uniform(np.log(least), np.log(most))))
    shorter = int(longer * rng.uniform(0.6, 1.0))
    return (longer, shorter) if rng.random() < 0.5 else (shorter, longer)


def _write(sheet: _Sheet, shape: Floats, x: int, y: int, label: int, line: int) -> None:
    """Put a digit's ink onto the sheet; what leaves it is cut off."""
    height, width = sheet.ink.shape
    x, y = max(0, x), max(0, y)
    part = shape[: max(0, height - y), : max(0, width - x)]
    window = sheet.ink[y : y + part.shape[0], x : x + part.shape[1]]
    np.maximum(window, part, out=window)
    rows, columns = np.nonzero(part > 0.5)
    sheet.places.append((label, line, np.stack([columns + x, rows + y], 1).astype(np.int32)))


def _write_line(
    sheet: _Sheet,
    digits: list[tuple[NDArray[np.uint8], int]],
    line: int,
    base: float,
    size: float,
    rng: Random,
) -> None:
    """Numbers of one to four digits from left to right, on a base line."""
    shapes = [enlarged(d, int(size * rng.uniform(0.82, 1.18)), rng) for d, _ in digits]
    room = 0.84 * sheet.ink.shape[1] - sum(shape.shape[1] for shape in shapes)
    left_in_number, gaps = 0, []
    for _ in digits:
        gaps.append(rng.uniform(0.75, 1.6) if left_in_number == 0 else rng.uniform(0.03, 0.3))
        left_in_number = (left_in_number or int(rng.integers(1, 5))) - 1
    shrink = min(1.0, max(0.15, room / max(1.0, size * sum(gaps))))
    x = 0.08 * sheet.ink.shape[1] + rng.uniform(0, 0.3) * max(0.0, room - shrink * size * sum(gaps))
    for k, (shape, (_, label)) in enumerate(zip(shapes, digits, strict=True)):
        inside = gaps[k] < 0.5
        x += gaps[k] * size * (1 if inside else shrink)
        y = int(base - shape.shape[0] + rng.normal(0, 0.04) * size)
        place = int(x)
        if inside and rng.random() < TOUCHING:
            place = _touching(sheet.ink, shape, place, max(0, y))
        _write(sheet, shape, place, y, label, line)
        x = place + shape.shape[1]


def _touching(ink: Floats, shape: Floats, x: int, y: int) -> int:
    """The place, at most half a digit further left, at which a digit just touches what is there."""
    for place in range(x, max(0, x - shape.shape[1] // 2), -1):
        part = ink[y : y + shape.shape[0], place : place + shape.shape[1]]
        if np.count_nonzero((part > 0.6) & (shape[: part.shape[0], : part.shape[1]] > 0.6)) > 4:
            return place
    return x


def _specks(ink: Floats, size: float, rng: Random) -> None:
    """Dirt: up to eight dots or short hairs, a twentieth to a sixth of a digit, anywhere."""
    for _ in range(int(rng.integers(0, 9))):
        x, y = (int(rng.uniform(0.05, 0.95) * side) for side in ink.shape[::-1])
        far = max(1.0, rng.uniform(0.03, 0.16) * size)
        turn = rng.uniform(0, np.pi)
        end = (int(x + far * np.cos(turn)), int(y + far * np.sin(turn)))
        cv2.line(ink, (x, y), end, float(rng.uniform(0.4, 1)), int(rng.integers(1, 4)), cv2.LINE_AA)


def _photographed(sheet: _Sheet, rng: Random) -> Photo:
    """Paper and ink get colors, then light, a camera and JPEG."""
    paper: Paper = PAPERS[int(rng.choice(4, p=(0.35, 0.25, 0.25, 0.15)))]
    if sheet.printed is not None:
        paper = "plain"
    pen: Pen = "chalk" if paper == "board" else PENS[int(rng.integers(4))]
    height, width = sheet.ink.shape
    rules = rules_on(paper, height, width, sheet.rules, rng)
    ink = grained(sheet.ink, pen, rng)
    tones = paper_tones(height, width, paper, rng)
    if rules is not None:
        tone = rule_color(rng)
        tones += (tone - tones) * rules[..., None]
    if sheet.printed is not None:
        tones += (np.float32(rng.uniform(20, 110)) - tones) * sheet.printed[..., None]
    tones += (pen_color(pen, rng) - tones) * ink[..., None]
    matrix = _view(height, width, rng)
    tones = _seen(tones, matrix, paper, rng)
    tones *= _light(height, width, rng)[..., None]
    tones *= rng.uniform(0.94, 1.06, 3).astype(np.float32)  # white balance
    pixels = _camera(tones, rng)
    written = tuple(
        Written(label, _box_of(points, matrix, height, width), line)
        for label, line, points in sheet.places
    )
    cells = tuple(cv2.perspectiveTransform(cell[None], matrix)[0] for cell in sheet.cells)
    return Photo(pixels, written, paper, pen, cells)


def _view(height: int, width: int, rng: Random) -> NDArray[np.float64]:
    """Where the camera sees the sheet's points: turned by up to `TILT`, in some perspective."""
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-TILT, TILT), 0.92)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = rng.uniform(-PERSPECTIVE, PERSPECTIVE, (4, 2)) * (width, height)
    lens = cv2.getPerspectiveTransform(corners, (corners + moved).astype(np.float32))
    return np.asarray(lens @ np.vstack([turn, (0, 0, 1)]), np.float64)


def _seen(tones: Floats, matrix: NDArray[np.float64], paper: Paper, rng: Random) -> Floats:
    """The sheet as the camera sees it: in one of four photos it ends, and a table begins."""
    height, width = tones.shape[:2]
    if rng.random() < 0.25:
        table = rng.uniform(30, 170) * np.array([1, 1, 1]) + rng.uniform(-25, 25, 3)
        return np.asarray(
            cv2.warpPerspective(
                tones, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=table.tolist()
            ),
            np.float32,
        )
    # A larger sheet: its rim goes on (a rule that crosses it goes on too).
    way = cv2.BORDER_REFLECT_101 if paper == "squared" else cv2.BORDER_REPLICATE
    return np.asarray(
        cv2.warpPerspective(tones, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=way),
        np.float32,
    )


def _light(height: int, width: int, rng: Random) -> Floats:
    """A slope across the page, darker corners, and up to two shadows with soft edges; 0..1."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    slope = 1 - rng.uniform(0, 0.22) * (1 + x * np.cos(turn) + y * np.sin(turn))
    light = slope * (1 - rng.uniform(0, 0.15) * (x * x + y * y))
    for _ in range(int(rng.choice(3, p=(0.45, 0.4, 0.15)))):
        shade = np.zeros((height, width), np.float32)
        middle = rng.uniform((-0.1, -0.1), (1.1, 1.1)) * (width, height)
        turns = np.sort(rng.uniform(0, 2 * np.pi, 7))
        far = rng.uniform(0.25, 0.7, 7) * max(width, height)
        corners = middle + np.stack([np.cos(turns), np.sin(turns)], 1) * far[:, None]
        cv2.fillPoly(shade, [corners.astype(np.int32)], 1.0)
        sigma = max(2.0, rng.uniform(0.008, 0.06) * max(width, height))
        light *= 1 - rng.uniform(0.15, 0.5) * cv2.GaussianBlur(shade, (0, 0), sigma)
    return np.asarray(light * rng.uniform(0.75, 1.05), np.float32)


def _camera(tones: Floats, rng: Random) -> NDArray[np.uint8]:
    """Blur of focus or of a moving hand, grain of the sensor, JPEG of quality 40 to 95."""
    scale = max(tones.shape) / 1000
    sigma = max(0.3, rng.uniform(0.4, 1.8) * scale)
    tones = np.asarray(cv2.GaussianBlur(tones, (0, 0), sigma), np.float32)
    if rng.random() < 0.2:
        reach = max(2, int(rng.uniform(2, 6) * scale))
        kernel = np.zeros((2 * reach + 1,) * 2, np.float32)
        turn = rng.uniform(0, np.pi)
        step = (round(reach / 2 * np.cos(turn)), round(reach / 2 * np.sin(turn)))
        cv2.line(kernel, (reach - step[0], reach - step[1]), (reach + step[0], reach + step[1]), 1)
        tones = np.asarray(cv2.filter2D(tones, -1, kernel / kernel.sum()), np.float32)
    grain = rng.standard_normal(tones.shape, np.float32) * rng.uniform(1, 7)
    pixels = np.clip(tones + grain, 0, 255).astype(np.uint8)
    quality = int(rng.integers(40, 96))
    done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.ascontiguousarray(
        np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    )


def _box_of(points: NDArray[np.int32], matrix: NDArray[np.float64], height: int, width: int) -> Box:
    """The box around a digit's ink after the view."""
    if not len(points):
        return 0, 0, 0, 0
    seen = cv2.perspectiveTransform(points[None].astype(np.float32), matrix)[0]
    left, top = np.floor(np.maximum(seen.min(0), 0)).astype(int)
    right, bottom = np.ceil(np.minimum(seen.max(0) + 1, (width, height))).astype(int)
    return int(left), int(top), int(right - left), int(bottom - top)


def overlap(first: Box, second: Box) -> float:
    """What two boxes share, over what they cover together, 0..1."""
    across = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    down = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    common = max(0, across) * max(0, down)
    return common / max(1, first[2] * first[3] + second[2] * second[3] - common)
