"""Digits that went wrong: several written over each other, halves of one, mirrored, cut, crossed.

`overlaid` and `halves` are both trained on and, with other digits, tested on; the others are for
training alone. What is left of a digit may be another one (the lower half of a 9 is a 1), so each
way of breaking has its own list of digits that it leaves none of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._pen_variants import drawn, prepared
from core.preprocessing.pens import CANVAS, Chance, Lines, Picture, center_lines, slanted

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


HALVES: Final = {2: "lr", 3: "l", 4: "l", 5: "lr", 8: "l"}


def halves(digits: Picture, labels: NDArray[Any]) -> Make:
    """The left or right half of a digit, of those whose half is no other digit."""
    fitting = np.flatnonzero(np.isin(labels, list(HALVES)))

    def make(chance: Chance) -> Picture | None:
        k = int(fitting[int(chance.integers(len(fitting)))])
        sides = HALVES[int(labels[k])]
        side = sides[int(chance.integers(len(sides)))]
        x, _, wide, _ = cv2.boundingRect((digits[k] > 100).astype(np.uint8))
        part = chance.uniform(0.35, 0.5)
        cut = x + round(wide * (part if side == "l" else 1 - part))
        half = digits[k].copy()
        half[:, cut:] = 0 if side == "l" else half[:, cut:]
        half[:, :cut] = 0 if side == "r" else half[:, :cut]
        return anywhere(cv2.resize(half, (140, 140), interpolation=cv2.INTER_CUBIC), chance)

    return make


_CUT: Final = {0: "tb", 2: "lrb", 3: "lb", 4: "lt", 5: "lrb", 8: "l"}
"""Which halves of a digit (left, right, top, bottom) are none: of the others it is not tried."""


def halves_by_pen(digits: Picture, labels: NDArray[Any]) -> Make:
    """The half of a digit's center lines, cut along a slanted line, drawn again by a pen."""
    fitting = np.flatnonzero(np.isin(labels, list(_CUT)))

    def make(chance: Chance) -> Picture | None:
        k = int(fitting[int(chance.integers(len(fitting)))])
        sides = _CUT[int(labels[k])]
        lines = center_lines(digits[k])
        if len(lines.points) < 8:
            return None
        kept = _half(lines, sides[int(chance.integers(len(sides)))], chance)
        return drawn(slanted(kept, chance), chance) if kept is not None else None

    return make


def _half(lines: Lines, side: str, chance: Chance) -> Lines | None:
    """The lines on one side of a cut near the middle; None where little is left."""
    low, high = lines.box()
    lean = chance.uniform(-0.25, 0.25)
    direction = {"l": (1, lean), "r": (-1, lean), "t": (lean, 1), "b": (lean, -1)}[side]
    along = lines.points @ np.array(direction, np.float64)
    least, most = along.min(), along.max()
    part = chance.uniform(0.35, 0.5) if side in "lr" else chance.uniform(0.42, 0.55)
    middle = lines.points[lines.edges].mean(axis=1) @ np.array(direction, np.float64)
    edges = lines.edges[middle < least + part * (most - least)]
    used = np.unique(edges)
    if len(used) < 6 or np.ptp(lines.points[used], axis=0).max() < 0.25 * float((high - low).max()):
        return None
    number = np.full(len(lines.points), -1)
    number[used] = np.arange(len(used))
    return Lines(lines.points[used], number[edges])


def overlaid_by_pen(digits: Picture, labels: NDArray[Any]) -> Make:
    """Two different digits, of different sizes, drawn over each other by one pen."""

    def make(chance: Chance) -> Picture | None:
        first, second = (int(k) for k in chance.integers(0, len(digits), 2))
        if labels[first] == labels[second]:
            return None
        lower, upper = center_lines(digits[first]), center_lines(digits[second])
        if min(len(lower.points), len(upper.points)) < 8:
            return None
        scale = np.exp(chance.uniform(-0.2, 0.2))
        shift = chance.uniform(-1, 1, 2) * [9, 5] + 14 * (1 - scale)
        upper = upper.moved(np.eye(2) * scale, shift)
        both = Lines(
            np.concatenate([lower.points, upper.points]),
            np.concatenate([lower.edges, upper.edges + len(lower.points)]),
        )
        return drawn(slanted(both, chance), chance)

    return make


_MIRRORED: Final = (3, 4, 6, 9)
"""Digits that a mirror makes none of; of a 2 it makes a 5, or nearly."""
_LYING: Final = (2, 3, 4, 5, 7, 8)
"""Digits that are none when they lie on a side."""


def mirrored(digits: Picture, labels: NDArray[Any]) -> Make:
    """A digit in a mirror, or on its side."""
    ways = [np.flatnonzero(np.isin(labels, kind)) for kind in (_MIRRORED, _LYING)]

    def make(chance: Chance) -> Picture | None:
        lying = int(chance.random() < 0.6)
        k = int(ways[lying][int(chance.integers(len(ways[lying])))])
        side = 1 if chance.random() < 0.5 else 3
        changed = np.rot90(digits[k], side) if lying else digits[k][:, ::-1]
        changed = np.ascontiguousarray(changed)
        if chance.random() < 0.5:
            return anywhere(_enlarged(changed), chance)
        lines = center_lines(changed)
        return drawn(slanted(lines, chance), chance) if len(lines.points) > 7 else None

    return make


def spoilt(digits: Picture, labels: NDArray[Any]) -> Make:
    """A digit whose halves were shifted apart, or that was crossed out, or has strokes too many."""

    def make(chance: Chance) -> Picture | None:
        k = int(chance.integers(len(digits)))
        if chance.random() < 0.4 and labels[k] in (0, 2, 3, 5, 6, 8):
            return anywhere(_enlarged(_shifted_apart(digits[k], chance)), chance)
        page = np.pad(_enlarged(digits[k]), 30)
        strokes = int(chance.integers(2, 5))
        width = int(chance.integers(6, 18))
        lean = chance.uniform(-1, 1)
        for stroke in range(strokes):
            middle = 100 + chance.normal(0, 16, 2)
            turn = lean + (stroke % 2) * np.pi / 2 * (strokes == 2) + chance.normal(0, 0.35)
            half = chance.uniform(55, 95) * np.array([np.cos(turn), np.sin(turn)])
            ends = [tuple(np.rint(middle + sign * half).astype(int).tolist()) for sign in (-1, 1)]
            cv2.line(page, ends[0], ends[1], 255, width, cv2.LINE_AA)
        return anywhere(page, chance)

    return make


def _shifted_apart(digit: Picture, chance: Chance) -> Picture:
    """Its upper half moved sideways by a third to a half of its width."""
    _, y, wide, tall = cv2.boundingRect((digit > 100).astype(np.uint8))
    cut = y + round(tall * chance.uniform(0.4, 0.6))
    far = min(13, max(8, round(wide * chance.uniform(0.4, 0.65))))
    far = far if chance.random() < 0.5 else -far
    page = np.zeros((28, 56), np.uint8)
    page[cut:, 14:42] = digit[cut:]
    page[:cut, 14 + far : 42 + far] = digit[:cut]
    return page


def _enlarged(digit: Picture) -> Picture:
    """A digit five times as large."""
    tall, wide = digit.shape
    size = (5 * wide, 5 * tall)
    return np.asarray(cv2.resize(digit, size, interpolation=cv2.INTER_CUBIC), np.uint8)


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
    return prepared(255 - np.asarray(page, np.uint8))
