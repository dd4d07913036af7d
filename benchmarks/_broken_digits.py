"""Digits that went wrong: several written over each other, and halves of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._pen_variants import CANVAS, Chance, found
from benchmarks._pens import Picture

Make = Callable[[Chance], Picture | None]


def overlaid(digits: Picture, labels: NDArray[Any]) -> Make:
    """Two or three different digits written over each other."""

    def make(chance: Chance) -> Picture | None:
        chosen: list[int] = []
        for k in chance.permutation(len(digits))[:20].tolist():
            if all(labels[k] != labels[other] for other in chosen):
                chosen.append(k)
        page = np.zeros((300, 300), np.uint8)
        for place, k in enumerate(chosen[: int(chance.integers(2, 4))]):
            big = cv2.resize(digits[k], (140, 140), interpolation=cv2.INTER_CUBIC)
            off = chance.uniform(-1, 1, 2) * (0 if place == 0 else [65, 25])
            x, y = 75 + np.rint(off).astype(int)
            page[y : y + 140, x : x + 140] = np.maximum(page[y : y + 140, x : x + 140], big)
        return anywhere(page, chance)

    return make


_HALVES: Final = {2: "lr", 3: "l", 4: "l", 5: "lr", 8: "l"}


def halves(digits: Picture, labels: NDArray[Any]) -> Make:
    """The left or right half of a digit, of those whose half is no other digit."""
    fitting = np.flatnonzero(np.isin(labels, list(_HALVES)))

    def make(chance: Chance) -> Picture | None:
        k = int(fitting[int(chance.integers(len(fitting)))])
        sides = _HALVES[int(labels[k])]
        side = sides[int(chance.integers(len(sides)))]
        x, _, wide, _ = cv2.boundingRect((digits[k] > 100).astype(np.uint8))
        part = chance.uniform(0.35, 0.5)
        cut = x + round(wide * (part if side == "l" else 1 - part))
        half = digits[k].copy()
        half[:, cut:] = 0 if side == "l" else half[:, cut:]
        half[:, :cut] = 0 if side == "r" else half[:, :cut]
        return anywhere(cv2.resize(half, (140, 140), interpolation=cv2.INTER_CUBIC), chance)

    return make


def anywhere(ink: Picture, chance: Chance) -> Picture | None:
    """Light ink in a picture of any size, moved onto the canvas: 60 to 260 px, slightly turned."""
    tall, wide = ink.shape
    scale = chance.uniform(60, 250) / max(tall, wide)
    turn, slant = np.radians(chance.uniform(-12, 12)), chance.uniform(-0.2, 0.2)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn) + slant], [np.sin(turn), np.cos(turn)]])
    room = np.maximum(0, CANVAS - scale * np.array([wide, tall])) / 2
    middle = CANVAS / 2 + chance.uniform(-1, 1, 2) * room
    shift = middle - matrix @ (np.array([wide, tall]) / 2)
    whole = np.column_stack([matrix, shift])
    page = cv2.warpAffine(ink, whole, (CANVAS, CANVAS), flags=cv2.INTER_LINEAR)
    return found(255 - np.asarray(page, np.uint8))
