"""More things that are no digit, for training alone: other scripts, symbols, loops, clouds.

None of it is in `benchmarks._not_digits.testing`: no Cyrillic, no faces, no hearts, no spirals,
zigzags or walks, no hatching, cells, rings or grains, no photographs, none of its fonts.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.ft2font import FT2Font

from benchmarks._hand_signs import LEFT_OUT, chaikin, dense
from benchmarks._not_digits import one_letter
from benchmarks._pen_variants import drawn, prepared_photo
from core.preprocessing.pens import Chance, Picture, joined, slanted

BOLD_TOO: Final = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique",
    "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSerif",
    "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic", "STIXGeneral",
    "STIXGeneralItalic", "STIXGeneralBol", "STIXGeneralBolIta",
)  # fmt: skip
"""All of DejaVu and STIX that matplotlib brings; the test's fonts are others."""
SYMBOL_FONTS: Final = ("DejaVuSans", "DejaVuSans-Bold", "STIXGeneral", "STIXGeneralBol")
ALMOST: Final = "BDGIJQYbiy"
"""Letters that most hands write otherwise than any digit, though some do not."""
_BLOCKS: Final = (
    (0x00A1, 0x017F), (0x0250, 0x02AF), (0x05D0, 0x05EA), (0x0621, 0x064A), (0x0E81, 0x0EAE),
    (0x20A0, 0x20BF), (0x2100, 0x214F), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2336, 0x237A),
    (0x25A0, 0x25FF), (0x2600, 0x26FF), (0x2701, 0x2757), (0x2794, 0x27BF), (0x27C0, 0x27E5),
    (0x2900, 0x297B), (0x299B, 0x2AFF), (0x2D30, 0x2D65), (0x1D49C, 0x1D6A3),
)  # fmt: skip
"""Latin with signs, IPA, Hebrew, Arabic, Lao, currencies, arrows, mathematics, Tifinagh, script."""
_TESTED: Final = "☹☺☻♡♥❣❤❥❦❧⌂✡#☃⛄⛇"
"""Faces, hearts, houses: kinds of the test."""

_LOOK_ALIKE: Final = (
    0xB0, 0xB7, 0xB8, 0xDF, 0x251, 0x254, 0x258, 0x25C, 0x261, 0x26C, 0x26D, 0x282,
    0x285, 0x290, 0x291, 0x292, 0x293, 0x294, 0x296, 0x27A, 0x297, 0x5D1, 0x5D2, 0x5D3,
    0x5D5, 0x5D9, 0x5DA, 0x5DB, 0x5DC, 0x5DD, 0x5DF, 0x5E1, 0x5E3, 0x5E8, 0x623, 0x626,
    0x627, 0x629, 0x647, 0x648, 0xE88, 0xEA3, 0xEAD, 0xEAE, 0xEB8, 0x2125, 0x2129, 0x2138,
    0x2142, 0x2143, 0x2215, 0x2216, 0x2218, 0x220E, 0x2223, 0x22A5, 0x22C5, 0x227E, 0x2373, 0x25A0,
    0x25AA, 0x25AE, 0x25AF, 0x25CB, 0x25CC, 0x25CF, 0x25D0, 0x25D1, 0x25D2, 0x25D3, 0x25D4, 0x25D5,
    0x25D6, 0x25DA, 0x25DC, 0x25DD, 0x25DE, 0x25DF, 0x25E6, 0x25EF, 0x2621, 0x2660, 0x2666, 0x266D,
    0x2688, 0x26AA, 0x26AC, 0x2710, 0x274D, 0x2756, 0x27A7, 0x27B2, 0x27C2, 0x27C5, 0x27D8, 0x27DF,
    0x293F, 0x2941, 0x2960, 0x29A2, 0x29BF, 0x29EB, 0x29F5, 0x29F6, 0x29F8, 0x29F9, 0x2A21, 0x2AEF,
    0x2D30, 0x2D35, 0x2D4F, 0x2D52, 0x2D53, 0x2D54, 0x2D62, 0x2D31,
)  # fmt: skip
"""Symbols that, alone, are some digit, or nothing but a stroke or a ring."""


@lru_cache(maxsize=1)
def symbols() -> tuple[tuple[str, str], ...]:
    """Fonts and signs of these that are no digit, no circle and no single stroke in shape."""
    there_: list[tuple[str, str]] = []
    for font in SYMBOL_FONTS:
        file = Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
        there = FT2Font(str(file)).get_charmap()
        there_ += [
            (font, chr(code))
            for low, high in _BLOCKS
            for code in range(low, high + 1)
            if code in there and _fits(chr(code))
        ]
    return tuple(there_)


def _fits(sign: str) -> bool:
    """Whether it is a letter or a symbol that nobody takes for a digit."""
    if sign in _TESTED or ord(sign) in _LOOK_ALIKE:
        return False
    if unicodedata.category(sign)[0] not in "LSP":
        return False
    plain = unicodedata.normalize("NFKD", sign)
    return not plain or plain[0] not in LEFT_OUT + "ıIQbDi1234567890|"


def symbol(chance: Chance) -> Picture | None:
    """One of `symbols`, its center lines by a pen, or as printed."""
    there = symbols()
    font, sign = there[int(chance.integers(len(there)))]
    return one_letter(font, sign, chance)


def almost_digit(chance: Chance) -> Picture | None:
    """A letter of `ALMOST`; of I only those with both serifs."""
    sign = ALMOST[int(chance.integers(len(ALMOST)))]
    fonts = [name for name in BOLD_TOO if sign not in "I" or "Sans" not in name or "Mono" in name]
    return one_letter(fonts[int(chance.integers(len(fonts)))], sign, chance)


def loops(chance: Chance) -> Picture | None:
    """Curls in a row, straight strokes through many points, bundles of strokes, big blots."""
    kind = int(chance.integers(4))
    if kind == 0:
        turns, t = int(chance.integers(2, 6)), np.linspace(0, 1, 240)
        big, along = chance.uniform(3, 9), chance.uniform(8, 30)
        angle = 2 * np.pi * turns * t + chance.uniform(0, 6)
        ways = [np.stack([along * t + big * np.cos(angle), big * np.sin(angle)], axis=1)]
    elif kind == 1:
        corners = chance.uniform(0, 20, (int(chance.integers(6, 12)), 2))
        ways = [dense(corners)]
    elif kind == 2:
        count, lean = int(chance.integers(3, 7)), chance.uniform(-8, 8)
        ways = [
            dense(np.array([[4.0 * k, 0.0], [4.0 * k + lean, 20.0]]) + chance.normal(0, 1, (2, 2)))
            for k in range(count)
        ]
        if chance.random() < 0.4:
            ways.append(dense(np.array([[-3.0, 10.0], [4.0 * count, chance.uniform(4, 16)]])))
    else:
        corners = chance.uniform(0, 20, (int(chance.integers(9, 22)), 2))
        for _ in range(int(chance.integers(1, 4))):
            corners = chaikin(corners)
        ways = [dense(corners)]
    return drawn(slanted(joined(ways), chance), chance, pens_high=3.0)


def polygon(chance: Chance) -> Picture | None:
    """Three to five corners around a middle, closed or with their diagonals, or a star of many."""
    corners = int(chance.integers(3, 6))
    start = chance.uniform(0, 2 * np.pi)
    around = start + 2 * np.pi * (np.arange(corners) + chance.normal(0, 0.12, corners)) / corners
    dots = 10 * np.stack([np.cos(around) * chance.uniform(0.5, 1), np.sin(around)], axis=1)
    ways = [dense(np.concatenate([dots, dots[:1]]))]
    kind = chance.random()
    if kind < 0.3:
        ways += [dense(np.stack([dot, dots[(k + 2) % corners]])) for k, dot in enumerate(dots)]
    elif kind < 0.5:
        ways = [dense(np.stack([np.zeros(2), dot * chance.uniform(0.7, 1)])) for dot in dots]
    elif kind < 0.65:
        ways += [dense(dots[[0, k]] * 0.5) for k in range(1, corners)]
    return drawn(slanted(joined(ways), chance), chance, pens_high=3.5)


def clouds(chance: Chance) -> Picture | None:
    """A gray picture without paper or ink: noise of all sizes, surfaces, a light from one side."""
    side = int(chance.integers(60, 240))
    tones = np.zeros((side, side), np.float32)
    for power in range(int(chance.integers(1, 4)), 7):
        size = max(2, side >> power)
        rough = chance.standard_normal((side // size + 2,) * 2).astype(np.float32)
        tones += cv2.resize(rough, (side, side), interpolation=cv2.INTER_CUBIC) * size**0.8
    tones /= tones.std() + 1e-6
    for _ in range(int(chance.integers(0, 6))):
        corners = np.rint(chance.uniform(-0.2, 1.2, (int(chance.integers(3, 6)), 2)) * side)
        cv2.fillPoly(tones, [corners.astype(np.int32)], float(chance.normal(0, 1.5)))
    tones = np.asarray(cv2.GaussianBlur(tones, (0, 0), chance.uniform(0.4, 3)), np.float32)
    y, x = np.mgrid[0:side, 0:side] / side
    tones = tones + (chance.normal() * x + chance.normal() * y).astype(np.float32)
    gray = np.clip(chance.uniform(80, 180) + chance.uniform(15, 60) * tones, 0, 255)
    return prepared_photo(gray.astype(np.uint8))


def photographed(digit: Picture, chance: Chance) -> Picture | None:
    """A true digit on gray paper: light from one side, blurred, with noise, a little turned."""
    side = int(chance.integers(70, 260))
    share = chance.uniform(0.35, 0.85)
    scale, turn = side * share / 28, np.radians(chance.uniform(-12, 12))
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = side / 2 + chance.uniform(-0.4, 0.4, 2) * side * (1 - share) - matrix @ [13.5, 13.5]
    move = np.column_stack([matrix, shift])
    ink = cv2.warpAffine(digit, move, (side, side), flags=cv2.INTER_CUBIC).astype(np.float32) / 255
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    light = 1 + chance.uniform(-0.25, 0.25) * (x - 0.5) + chance.uniform(-0.25, 0.25) * (y - 0.5)
    paper = chance.uniform(140, 245)
    tones = paper * light * (1 - ink * chance.uniform(0.45, 0.9))
    tones = cv2.GaussianBlur(tones, (0, 0), chance.uniform(0.3, 0.012 * side))
    tones += chance.normal(0, chance.uniform(0.5, 6), tones.shape)
    return prepared_photo(np.clip(tones, 0, 255).astype(np.uint8))
