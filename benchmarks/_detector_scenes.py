"""Scenes from which the detector learns: pictures of digits, and of much else, with their truth.

A scene is what the detector sees at one scale: uint8 (`SIDE`, `SIDE`). Digits whose longer side
lies between `SMALLEST` and `LARGEST` are to be found; larger and smaller ones
are found in another copy of the picture. Everything is drawn from one generator; no test digit and
no benchmark's photograph is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import _detector_layouts as layouts
from benchmarks._detector_camera import photographed
from benchmarks._detector_ink import SIDE, InkBank, Layers, Random
from benchmarks._detector_late_layouts import late_layout
from core.preprocessing.page.detector import KINDS

CELL: Final = 4
"""Pixels of the grid on which centers and offsets are given."""
SMALLEST, LARGEST = 11.0, 52.0
"""Longer sides of digits that are to be found; `_NEAR` times beyond, nothing is asked."""
_NEAR: Final = 1.45
OFFSET_UNIT: Final = 16.0
_LATE_SHARE: Final = 0.65
"""Share of the late scenes that show what was still read wrong."""


@dataclass
class Truth:
    """What is to be learned from a scene.

    Attributes:
        ink: uint8 (SIDE, SIDE): 0 neither, 1 digit, 2 sign.
        asked: uint8 (SIDE, SIDE): 0 where the answer does not count.
        centers: float32 (SIDE / CELL, SIDE / CELL, len(KINDS)): 1 at the center of a thing of that
            kind.
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
        late: whether it is one of the last scenes of a training, most of which show what was still
            read wrong before them (`benchmarks._detector_late_layouts`).
    """
    empty = np.zeros((SIDE, SIDE), np.float32)
    layers = Layers(empty, empty.copy(), empty.copy(), np.zeros((SIDE, SIDE), np.int32))
    layout = rng.random()
    if late and rng.random() < _LATE_SHARE:
        late_layout(layers, bank, rng)
        return photographed(layers, rng, has_digits=True), _truth(layers)
    if layout < 0.30:
        layouts.one_digit(layers, bank, rng)
    elif layout < 0.34:
        layouts.part_of_large(layers, bank, rng)
    elif layout < 0.58:
        layouts.rows_of_numbers(layers, bank, rng)
    elif layout < 0.75:
        layouts.grid(layers, bank, rng)
    elif layout < 0.86:
        layouts.framed(layers, bank, rng)
    elif layout < 0.92:
        layouts.scattered(layers, bank, rng)
    has_digits = bool(layers.items)
    if rng.random() < (0.25 if has_digits else 0.6):
        layouts.other_ink(layers, rng, crowded=not has_digits)
    if layout > 0.34 and has_digits and rng.random() < 0.3:
        layers.window = layouts.around_all_ink(layers, rng)
    pixels = photographed(layers, rng, has_digits=has_digits)
    return pixels, _truth(layers)


def _truth(layers: Layers) -> Truth:
    cells = SIDE // CELL
    ink = (layers.owner > 0).astype(np.uint8)
    for item in layers.items:
        if item[1]:
            ink[layers.owner == item[0]] = 2
    asked = np.ones((SIDE, SIDE), np.uint8)
    centers = np.zeros((cells, cells, len(KINDS)), np.float32)
    centers_asked = np.ones((cells, cells), np.uint8)
    offsets = np.zeros((cells, cells, 2), np.float32)
    owner = _cell_owner(layers.owner)
    owned = np.zeros((cells, cells), np.uint8)
    x_of, y_of = np.meshgrid(np.arange(cells) * CELL + CELL / 2, np.arange(cells) * CELL + CELL / 2)
    # The ink's soft rim is neither.
    rim = np.maximum(layers.digits, layers.signs)
    asked[(rim > 0.1) & (layers.owner == 0)] = 0
    for number, kind, x, y, side, seen in layers.items:
        mine = layers.owner == number
        cell_mine = owner == number
        too_small = side < SMALLEST and kind == 0
        too_large = side > LARGEST
        if not too_small and not too_large and seen >= 0.75:
            spread = max(0.7, 0.09 * side / CELL)
            bump = np.exp(-((x_of - x) ** 2 + (y_of - y) ** 2) / (2 * (spread * CELL) ** 2))
            cx, cy = int(np.clip(x / CELL, 0, cells - 1)), int(np.clip(y / CELL, 0, cells - 1))
            bump[cy, cx] = 1.0
            centers[..., kind] = np.maximum(centers[..., kind], bump)
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
