"""Pictures that are no digit: letters, signs, scribbles, textures, shapes, digits that went wrong.

Each kind is a function of a random generator and gives the 28×28 pixels that `find_digit` makes of
it, or None where `find_digit` refuses. What the gate is trained on
(`train_digit_gate.ways_of_nothing`) and what it is tested on (`testing`) have no way of drawing in
common, no digit, and no font but DejaVu, whose Latin is trained on and whose Cyrillic is tested.
`UNSEEN` names the kinds that training has nothing like.

Letters of the same shape as a digit (`LIKE_DIGITS`) are not trained on; they stay in the test.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._broken_digits import anywhere, halves, overlaid
from benchmarks._glyphs import HELD_OUT_FONTS, RUBIK, glyph, glyph_lines
from benchmarks._pen_variants import drawn, prepared, prepared_photo
from benchmarks._shapes import OTHER_SHAPES, Ways
from core.preprocessing.pens import CANVAS, Chance, Picture, joined, slanted, warped

LATIN: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LIKE_DIGITS: Final = "OoDQIliSsZzBbqgGJyY"
"""Letters that some hand's 0, 1, 2, 4, 5, 6, 7, 8 or 9 looks like."""
SIGNS: Final = '?&@#%*+=[]{}<>^$€;:"~-§¶'
GREEK: Final = "αγεηκλμξπρτφχψωΓΔΛΞΠΣΦΨΩ"
CYRILLIC: Final = "ЖШЩДФЮЯЙЦЭЪЫжшщдфюяйцэъыкмн"
WORDS: Final = ("cat", "Hi", "no", "Ab", "yes", "the", "me", "OK", "up", "dog", "Rx", "am")

Make = Callable[[Chance], Picture | None]


def letter(fonts: tuple[str, ...], signs: str) -> Make:
    """A sign of a font: its center lines by a pen and bent, or, one in four, as printed."""

    def make(chance: Chance) -> Picture | None:
        text = signs[int(chance.integers(len(signs)))]
        return one_letter(fonts[int(chance.integers(len(fonts)))], text, chance)

    return make


def one_letter(font: str, text: str, chance: Chance) -> Picture | None:
    """A text in a font, drawn by a pen along its center lines or as printed."""
    if chance.random() < 0.25:
        return _printed(glyph(font, text), chance)
    lines = glyph_lines(font, text)
    return drawn(slanted(warped(lines, chance), chance), chance, pens_high=3.5)


def _printed(ink: Picture, chance: Chance) -> Picture | None:
    """Filled ink turned, slanted, thickened or thinned, at any size on the canvas."""
    by = int(chance.integers(0, 9))
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (by + 1, by + 1))
    ink = np.pad(ink, 16)
    ink = np.asarray(cv2.dilate(ink, brush) if by else ink)
    return anywhere(ink, chance)


def scribble(chance: Chance) -> Picture | None:
    """One to three smooth ways through 5 to 12 random points."""
    ways = [
        _smooth_way(chance.uniform(0, 20, (int(chance.integers(5, 13)), 2)) + 4)
        for _ in range(int(chance.integers(1, 4)))
    ]
    return drawn(joined(ways), chance, pens_high=3.0)


def _smooth_way(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """A smooth way near to these points: chords that are averaged (Chaikin's corner cutting)."""
    for _ in range(4):
        inner = np.stack(
            [0.75 * corners[:-1] + 0.25 * corners[1:], 0.25 * corners[:-1] + 0.75 * corners[1:]],
            axis=1,
        ).reshape(-1, 2)
        corners = np.concatenate([corners[:1], inner, corners[-1:]])
    return corners


def other_scribble(chance: Chance) -> Picture | None:
    """Spirals, zigzags, Lissajous figures, random walks: no way of these is drawn for training."""
    t = np.linspace(0, 1, 300)
    kind = int(chance.integers(4))
    if kind == 0:
        turns = chance.uniform(2.2, 4.5) * 2 * np.pi
        way = 14 + 10 * (t * np.array([np.cos(turns * t), np.sin(turns * t)])).T
    elif kind == 1:
        corners = int(chance.integers(5, 11))
        x = np.linspace(4, 24, corners) + chance.normal(0, 0.8, corners)
        y = np.where(np.arange(corners) % 2, 8, 20) + chance.normal(0, 2, corners)
        way = np.stack([x, y], axis=1)
    elif kind == 2:
        a, b = [(2, 3), (3, 4), (3, 2), (4, 3), (1, 3)][int(chance.integers(5))]
        shift = chance.uniform(0.3, 1.2)
        way = 14 + 10 * np.array([np.sin(2 * np.pi * a * t + shift), np.sin(2 * np.pi * b * t)]).T
    else:
        way = 14 + np.cumsum(chance.normal(0, 1, (120, 2)), axis=0)
    return drawn(joined([way]), chance, pens_high=3.0)


def texture(chance: Chance) -> Picture | None:
    """Blobs of smoothed noise, stripes or checks, in a patch or all over the canvas."""
    kind = int(chance.integers(3))
    y, x = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)
    if kind == 0:
        rough = chance.standard_normal((CANVAS, CANVAS)).astype(np.float32)
        smooth = cv2.GaussianBlur(rough, (0, 0), chance.uniform(4, 26))
        ink = smooth > chance.uniform(-0.3, 1.0) * smooth.std()
    else:
        turn, period = chance.uniform(0, np.pi), chance.uniform(16, 70)
        along = x * np.cos(turn) + y * np.sin(turn)
        across = y * np.cos(turn) - x * np.sin(turn)
        ink = np.sin(2 * np.pi * along / period) > chance.uniform(-0.5, 0.5)
        if kind == 2:
            ink = ink ^ (np.sin(2 * np.pi * across / period) > 0)
    return _in_a_patch(np.asarray(ink), chance)


def other_texture(chance: Chance) -> Picture | None:
    """Hatching, cells, rings, grains of every size: made otherwise than training's textures."""
    kind = int(chance.integers(4))
    y, x = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)
    if kind == 0:
        period = chance.uniform(18, 40)
        ink = ((x + y) % period < 5) | ((x - y) % (1.3 * period) < 5)
    elif kind == 1:
        seeds = chance.uniform(0, CANVAS, (int(chance.integers(6, 30)), 2))
        far = np.sort(np.hypot(x[..., None] - seeds[:, 0], y[..., None] - seeds[:, 1]), axis=-1)
        ink = far[..., 1] - far[..., 0] < chance.uniform(4, 14)
    elif kind == 2:
        rings = np.hypot(x - chance.uniform(80, 200), y - chance.uniform(80, 200))
        ink = rings % chance.uniform(20, 50) < chance.uniform(6, 14)
    else:
        ink = np.zeros((CANVAS, CANVAS), bool)
        for size in (10, 20, 40):
            grain = chance.random((CANVAS // size + 1, CANVAS // size + 1)) < 0.25
            ink |= np.kron(grain, np.ones((size, size), bool))[:CANVAS, :CANVAS]
    return _in_a_patch(np.asarray(ink), chance)


def _in_a_patch(ink: NDArray[np.bool_], chance: Chance) -> Picture | None:
    """Ink seen through a rectangle or an ellipse of the canvas, or all over it."""
    window = np.zeros((CANVAS, CANVAS), np.uint8)
    wide, tall = (int(v) for v in chance.integers(70, 270, 2))
    x, y = int(chance.integers(0, CANVAS - wide)), int(chance.integers(0, CANVAS - tall))
    if chance.random() < 0.5:
        window[y : y + tall, x : x + wide] = 1
    else:
        middle, axes = (x + wide // 2, y + tall // 2), (wide // 2, tall // 2)
        cv2.ellipse(window, middle, axes, 0, 0, 360, 1, -1)
    return prepared(np.where(ink & (window > 0), 0, 255).astype(np.uint8))


def shape(shapes: tuple[Ways, ...], *, filled: float = 0.25) -> Make:
    """A shape drawn by a pen, with corners moved a little, or its outline filled."""

    def make(chance: Chance) -> Picture | None:
        ways = [
            np.array(way) + chance.normal(0, 0.03, (len(way), 2))
            for way in shapes[int(chance.integers(len(shapes)))]
        ]
        if len(ways[0]) > 3 and chance.random() < filled:
            page = np.zeros((160, 160), np.uint8)
            cv2.fillPoly(page, [np.rint(20 + 120 * ways[0]).astype(np.int32)], 255)
            return anywhere(page, chance)
        tall = 20 * np.exp(chance.uniform(-0.3, 0.3))
        dots = [_dense(way * [20, tall] + 4) for way in ways]
        return drawn(slanted(joined(dots), chance), chance, pens_high=3.5)

    return make


def _dense(way: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same way with points close together."""
    along = np.linspace(0, len(way) - 1, 15 * (len(way) - 1) + 1)
    steps = np.arange(len(way))
    return np.stack([np.interp(along, steps, way[:, axis]) for axis in (0, 1)], axis=1)


def composed(chance: Chance) -> Picture | None:
    """Three to five strokes, arcs, rings and dots that have nothing to do with each other.

    In half of them a large ring stands around the others, which keep off it: a 0 may curl.
    """
    ways = []
    ringed = chance.random() < 0.5
    for place in range(int(chance.integers(3, 6))):
        middle = chance.uniform(10, 18, 2) if ringed else chance.uniform(7, 21, 2)
        size = chance.uniform(1, 6, 2)
        kind = int(chance.integers(4))
        if ringed and place == 0:
            kind, middle, size = 0, np.array([14.0, 14.0]), chance.uniform(7, 10, 2)
        if kind == 3:
            ways.append(_dense(middle + chance.uniform(-6, 6, (2, 2))))
            continue
        start, long = chance.uniform(0, 2 * np.pi), chance.uniform(1.2, 4.5)
        around = np.linspace(start, start + (2 * np.pi if kind == 0 else long), 40)
        size = size if kind < 2 else size / 4
        ways.append(middle + size * np.stack([np.cos(around), np.sin(around)], axis=1))
    return drawn(slanted(joined(ways), chance), chance, pens_high=4.0)


def word(chance: Chance) -> Picture | None:
    """A short word by a pen."""
    fonts = (*HELD_OUT_FONTS, RUBIK)
    text = WORDS[int(chance.integers(len(WORDS)))]
    return one_letter(fonts[int(chance.integers(len(fonts)))], text, chance)


def photo(chance: Chance) -> Picture | None:
    """A piece of one of scikit-learn's two photographs, with ink and paper unknown."""
    picture = _photos()[int(chance.integers(2))]
    side = int(chance.integers(60, 300))
    x, y = (int(chance.integers(0, limit - side)) for limit in picture.shape[1::-1])
    return prepared_photo(np.ascontiguousarray(picture[y : y + side, x : x + side]))


@lru_cache(maxsize=1)
def _photos() -> tuple[Picture, ...]:
    from sklearn.datasets import load_sample_images

    images: Any = load_sample_images()
    return tuple(np.asarray(image, np.uint8) for image in images.images)


def face(chance: Chance) -> Picture | None:
    """A round face with eyes and a mouth."""
    t = np.linspace(0, 2 * np.pi, 60)
    ways = [14 + 10 * np.stack([np.cos(t) * chance.uniform(0.75, 1), np.sin(t)], axis=1)]
    ways += [np.array([[x, 11.0], [x, 12.0]]) + chance.normal(0, 0.4, 2) for x in (10.5, 17.5)]
    smile = np.linspace(0.2, np.pi - 0.2, 20)
    bend = chance.uniform(-3.5, 4)
    ways.append(np.stack([14 + 5 * np.cos(smile), 17.5 + bend * np.sin(smile)], axis=1))
    return drawn(slanted(joined(ways), chance), chance, pens_high=6.0)


UNSEEN: Final = ("cyrillic", "words", "faces", "photos")


def testing(digits: Picture, labels: NDArray[Any]) -> dict[str, Make]:
    """What the gate is tested on, by kind; `UNSEEN` of them are like nothing in training."""
    fonts = (*HELD_OUT_FONTS, RUBIK)
    return {
        "scribbles": other_scribble,
        "textures": other_texture,
        "shapes": shape(OTHER_SHAPES),
        "signs": letter((*HELD_OUT_FONTS[:3], RUBIK), "?&@#%*+=[]"),
        "overlaid": overlaid(digits, labels),
        "halves": halves(digits, labels),
        "cyrillic": letter(("DejaVuSans", "DejaVuSerif"), CYRILLIC),
        "words": word,
        "faces": face,
        "photos": photo,
        "letters": letter(fonts, LATIN),
    }
