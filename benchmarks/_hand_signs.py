"""Letters and signs as a hand writes them: our own strokes, bent, slanted, by a pen of any width.

Fonts have serifs, even strokes and exact corners; a visitor who writes an A has none of these. Each
sign here is one or more strokes through points of a square of 9, two figures a point, x and y; some
signs are written in more than one way. What is a digit in shape is not among them (`LEFT_OUT`), and
neither is what `benchmarks._shapes.OTHER_SHAPES` tests: hearts, houses, hashes, little men.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks._pen_variants import drawn
from core.data.augmentation import Floats
from core.preprocessing.pens import Chance, Picture, joined, slanted, warped

LEFT_OUT: Final = "OolSsZzgq"
"""Letters that are 0, 1, 5, 2 and 9 in shape, whoever writes them."""
HAND_LETTERS: Final[tuple[str, ...]] = (
    "09 40 89|26 66", "09 40 89|15 85", "09 20 40 69|05 65",  # A
    "63 31 04 06 38 65 63 67 89", "23 53 65 69|66 35 07 29 67",  # a
    "00 09|00 50 62 44 04|44 76 68 09", "09 00 50 62 24 65 77 59 09",  # B
    "71 40 12 06 28 59 78", "64 42 14 06 28 58 67",  # C, c
    "00 09|00 50 83 86 59 09", "11 19|00 40 73 76 49 09",  # D
    "70 79|74 53 15 07 29 59 77", "70 77 89|74 42 15 18 49 76",  # d
    "70 00 09 79|04 54", "71 30 11 23 44 15 07 39 78", "05 65 52 31 04 07 39 78",  # E, e
    "70 00 09|04 54", "71 50 32 39|14 64", "70 50 42 48 29|14 64",  # F, f
    "71 40 12 06 28 59 76 75 45", "71 40 12 06 28 69 75 45|75 79",  # G
    "00 09|70 79|04 74", "00 09|05 33 54 69", "20 10 09 04 33 54 58 79",  # H, h
    "10 70|40 49|19 79",  # I with both serifs
    "43 49|40 41", "23 43 48 69|40 41",  # i
    "20 80|60 67 49 18 06", "53 58 39 18|50 51",  # J, j
    "00 09|70 05|24 79", "00 09|63 06|25 69", "00 09|70 14 79",  # K, k
    "00 09 69", "10 08 29 79", "08 57 82 60 43 47 68 97",  # L, a looped l
    "09 00 45 80 89", "09 20 46 60 89", "03 09|04 23 35 39|35 53 75 79",  # M, m
    "09 00 79 70", "08 22 48 62", "03 09|04 33 55 59", "02 18 13 32 43 48 69",  # N, n
    "00 09|00 50 73 45 05", "10 19|02 30 61 63 45 15",  # P
    "01 09|02 31 53 56 37 06", "40 12 06 39 68 85 72 40|57 89",  # p, Q
    "00 09|00 50 73 45 05|35 79", "09 00 50 62 44 04 79",  # R
    "03 09|05 33 63", "02 22 18|14 42 62",  # r
    "00 80|40 49", "30 37 49 68|03 63", "40 49|13 73", "40 49 69|13 73",  # T, t
    "00 06 29 59 76 70", "02 07 29 57 52 57 79", "10 07 29 67 60 69",  # U, u
    "00 49 80", "02 39 71 91", "01 21 49 80",  # V, v
    "00 29 42 69 80", "02 07 29 47 42 47 69 87 82", "00 28 53 68 90",  # W, w
    "00 89|80 09", "02 32 57 88|81 38 08", "10 31 47 79|70 19",  # X, x
    "00 44 80|44 49", "00 44|80 19", "00 03 45 70|70 67 49 18",  # Y, y
    "00 08 38 65 43 04", "00 09|05 43 66 59 08",  # b, its stem straight and long
)  # fmt: skip
HAND_SIGNS: Final[tuple[str, ...]] = (
    "12 20 50 72 64 45 47|49 49", "02 10 40 53 35 37|39 39",  # ?
    "79 23 20 50 52 15 07 29 58 74", "70 39 09 06 32 10 40 42 05",  # &
    "40 49|04 84", "40 48|05 95", "40 49|12 87|17 82", "40 49|15 74|14 75",  # + *
    "05 39 80", "06 28 90", "04 15 29 70", "05 25 39 52 90",  # ticks
    "03 83|07 87", "02 92|06 96", "02 82|05 85|08 88", "03 83|07 87|71 19",  # = and the like
    "80 09|20 02 24 42 20|67 49 79 87 67", "70 19|11 31 33 13 11|66 86 88 68 66",  # %
    "04 84|40 41|48 49", "04 94", "05 33 56 84", "05 22 35 57 74",  # ÷ - ~
    "60 20 29 69", "50 10 19 59", "20 60 69 29", "30 70 79 39",  # [ ]
    "60 41 44 24 45 48 69", "30 51 54 74 55 58 39",  # { }
    "80 05 89", "00 85 09", "07 41 87", "02 48 82", "10 65 19|40 95 49",  # < > ^
    "04 84|51 84 57", "84 04|31 04 37", "40 49|23 40 63", "40 49|26 49 66",  # arrows
    "09 80|40 80 84", "00 89|49 89 85", "08 04 30 63 67|44 67 84", "18 11 71|50 71 52",
    "04 94|21 04 27|71 94 77", "40 49|13 40 73|16 49 76",
    "60 15 55 19", "70 25 65 09 16",  # lightning
    "44 62 84 66 44 22 04 26 44", "34 12 05 27 44 71 93 96 78 44",  # endless
    "80 10 54 19 89", "90 00 45 09 99", "70 50 41 48 39 19", "80 60 51 48 39 19",  # sums
    "05 15 39 50 90", "06 29 40 80", "01 81|21 29|61 58 79", "00 90|20 19|60 69 89",  # roots, pi
    "80 46 18 05 22 46 89", "00 45 58 49 38 45 90", "30 26 08|26 48 66 60|66 88",  # alpha, mu
    "19 38 35 13 20 60 73 55 58 79", "40 49|63 23 05 27 67 85 63",  # omega, phi
    "40 49|01 04 37 57 84 81", "00 20 68 89|60 09", "31 00 03 59 72 80 61",  # psi, lambda
    "60 31 14 17 49 79 47 45 53 60", "50 21 04 07 39 59 37 34 50",  # a moon
    "00 29|50 79", "00 09|40 49", "00 09|30 39|60 69", "09 40 89 09|42 47",
    "20 29|60 69|22 62|25 65|28 68", "00 09 89|29 23|49 41|69 65", "08 88|08 00|48 40|88 80",
    "09 06 36 33 63 60 90", "00 03 33 36 66 69 99",  # stairs
    "42 62 65 25 20 80 88 08 00", "00 80 88 08 03 53 56 36",  # mazes
    "40 49|40 20 13 40|40 60 73 40", "00 80 89 09 00 89", "00 80 89 09 00|04 84", "00 80 09 89 00",
    "04 40 84 49 04|40 49", "00 80 40 49", "40 49|09 49 89", "00 40 43|43 03 06|43 83 86",
    "06 36 20 69 56 96", "05 25 42 57 65 95", "09 00 44 09", "00 89|04 49|40 85",
    "20 26|60 66|08 88",
    "11 11|81 81|17 39 69 87", "40 89 03 83 09 40", "50 20 22 52 55 25|37 38",
    "70 00 09 79|00 44 09", "00 90 45 00|45 49", "00 09|00 62 04", "09 00 80 84 04",  # cups, flags
    "01 05 38 68 95 91 01", "00 09 59|50 59", "00 25 40 65 80", "07 20 47 60 87",
)  # fmt: skip


def hand_written(signs: tuple[str, ...], chance: Chance) -> Picture | None:
    """One of these signs by a hand of its own: round or angular, bent, slanted."""
    strokes = signs[int(chance.integers(len(signs)))].split("|")
    bent = chance.uniform(0.1, 0.55)
    rounder = int(chance.integers(0, 4))
    ways = [_way(stroke, bent, rounder, chance) for stroke in strokes]
    lines = joined([way * (20 / 9) + 4 for way in ways])
    if chance.random() < 0.7:
        lines = warped(lines, chance)
    return drawn(slanted(lines, chance), chance, pens_high=3.2)


def _way(stroke: str, bent: float, rounder: int, chance: Chance) -> Floats:
    """A stroke's points, moved a little, its corners cut `rounder` times, and dense."""
    corners = np.array([[int(point[0]), int(point[1])] for point in stroke.split()], np.float64)
    corners += chance.normal(0, bent, corners.shape)
    for _ in range(rounder):
        corners = chaikin(corners)
    return dense(corners)


def chaikin(corners: Floats) -> Floats:
    """Each corner cut off at a quarter of its two chords; the ends stay (Chaikin 1974)."""
    if len(corners) < 3:
        return corners
    near, far = corners[:-1], corners[1:]
    cut = np.stack([0.75 * near + 0.25 * far, 0.25 * near + 0.75 * far], axis=1).reshape(-1, 2)
    return np.concatenate([corners[:1], cut[1:-1], corners[-1:]])


def dense(way: Floats) -> Floats:
    """The same way with points no more than half a unit apart."""
    long = np.hypot(*np.diff(way, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(long)])
    steps = np.linspace(0, along[-1], max(2, round(along[-1] / 0.5)))
    return np.stack([np.interp(steps, along, way[:, axis]) for axis in (0, 1)], axis=1)
