"""Training digits as other pens, other hands and coarser pictures would give them.

MNIST's digits come as gray pixels, of the pen of whoever wrote them. Thinned to their center lines
and drawn again with another pen, slanted, bent and with gaps, they are what a canvas gets from a
visitor. `redraw` does that to one digit; a training does it to the share of its digits that the
recipe's `augmentation.pens` says. Whatever is drawn at random follows from the generator alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.augmentation import (
    Augmentation,
    Floats,
    augmented_examples,
    displacement_fields,
    random_draws,
)
from core.data.random_corruptions import change_at_random
from core.preprocessing.mnist_format import (
    DIGIT_SIDE,
    center_of_mass_image,
    find_digit,
)
from core.utils.errors import PictureError

Picture = NDArray[np.uint8]
Chance = np.random.Generator

CANVAS: Final = 280
"""The side of the canvas, in pixels, on which pens are as wide as visitors' pens."""
_ENLARGED: Final = 6
"""How much a digit is enlarged before it is thinned: its strokes are then 12 to 25 px wide."""
_INK: Final = 128
"""The tone of 255 from which an enlarged, sharpened digit is ink."""
_SHARPEN: Final = 2.5
"""How much of its difference to its surroundings a tone is raised by: it opens loops that the
writer's pen had all but closed. This and `_INK` were chosen on 3,000 training digits as `best` read
them: 46 wrong, against 61 without sharpening."""
_SMOOTHINGS: Final = 6
"""How often each point of a line moves to the mean of itself and its neighbors."""
_SUPERSAMPLING: Final = 4
"""How many pixels of a drawing stand for one of the digit, in each direction."""
_SUBPIXEL_BITS: Final = 4
_MIN_WIDTH: Final = 1.5
"""Width to which hair lines are widened, in pixels of the 20×20 box. `find_digit` widens them to
`MIN_STROKE_WIDTH`, 1.8, rounded down to whole pixels of the picture."""
# N, NE, E, SE, S, SW, W, NW of a pixel: P2 ... P9 of Guo and Hall.
_AROUND: Final = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
_SHARES: Final = {"pen": 0.74, "wider": 0.10, "coarse": 0.10, "form": 0.06}
"""How often a redrawn digit is redrawn in each way."""

# Strokes of forms that MNIST (Americans) hardly has, in a square of 1; each is a way of points.
FORMS: Final[tuple[tuple[int, tuple[tuple[tuple[float, float], ...], ...]], ...]] = (
    (1, (((0.15, 0.42), (0.55, 0.0), (0.55, 1.0)),)),
    (1, (((0.25, 0.30), (0.55, 0.0), (0.55, 1.0)),)),
    (1, (((0.0, 0.55), (0.55, 0.0), (0.55, 1.0)),)),
    (1, (((0.25, 0.28), (0.55, 0.0), (0.55, 1.0)), ((0.2, 1.0), (0.9, 1.0)))),
    (7, (((0.0, 0.0), (0.8, 0.0), (0.3, 1.0)), ((0.2, 0.5), (0.8, 0.5)))),
    (7, (((0.0, 0.0), (0.7, 0.0), (0.4, 1.0)),)),
    (7, (((0.0, 0.18), (0.0, 0.0), (0.75, 0.0), (0.35, 1.0)), ((0.25, 0.52), (0.75, 0.48)))),
    (4, (((0.25, 0.0), (0.0, 0.6), (0.8, 0.6)), ((0.55, 0.3), (0.5, 1.0)))),
    (4, (((0.55, 1.0), (0.55, 0.0), (0.0, 0.68), (0.8, 0.68)),)),
    (9, (((0.6, 0.25), (0.5, 0.03), (0.25, 0.0), (0.05, 0.15), (0.05, 0.35), (0.25, 0.5),
          (0.5, 0.42), (0.6, 0.2), (0.6, 1.0)),)),
    (9, (((0.6, 0.25), (0.5, 0.03), (0.25, 0.0), (0.05, 0.15), (0.05, 0.35), (0.25, 0.5),
          (0.5, 0.42), (0.6, 0.2), (0.6, 0.7), (0.5, 0.93), (0.25, 1.0), (0.05, 0.9)),)),
    (3, (((0.05, 0.0), (0.65, 0.0), (0.3, 0.4), (0.6, 0.5), (0.68, 0.75), (0.45, 1.0),
          (0.0, 0.92)),)),
)  # fmt: skip
_FORMS_OF: Final = {
    label: tuple(strokes for of, strokes in FORMS if of == label) for label in range(10)
}


@dataclass(frozen=True)
class Lines:
    """The center lines of a digit.

    Attributes:
        points: float64 (n, 2), x and y.
        edges: int (m, 2), pairs of points with a stroke between them.
    """

    points: Floats
    edges: NDArray[np.intp]

    def moved(self, matrix: Floats, shift: Floats) -> Self:
        """Each point after `matrix` (2, 2) and `shift` (2,)."""
        return replace(self, points=self.points @ matrix.T + shift)

    def box(self) -> tuple[Floats, Floats]:
        """The least and the greatest x and y of all points."""
        return self.points.min(axis=0), self.points.max(axis=0)


# --- A digit drawn again --------------------------------------------------------------------------


class PenRedrawer:
    """Redraws digits of one set; their center lines are worked out once, when they are needed."""

    def __init__(self, images: Picture, labels: NDArray[np.integer], seed: int) -> None:
        """Take the digits.

        Args:
            images: uint8 (n, 28, 28).
            labels: 0 to 9, (n,).
            seed: of all that is drawn at random, with the number of the batch.
        """
        self._images, self._labels, self._seed = images, labels, seed
        self._lines: dict[int, Lines] = {}

    def batch(self, indices: NDArray[np.integer], step: int, share: float) -> Picture:
        """Some digits of the set, a share of them redrawn.

        Args:
            indices: which digits, (b,).
            step: the number of the batch; the same number gives the same pictures.
            share: how likely each digit is redrawn, 0 to 1.

        Returns:
            uint8 (b, 28, 28).
        """
        chance = np.random.default_rng([self._seed, step])
        pictures = self._images[indices]
        for place in np.flatnonzero(chance.random(len(indices)) < share):
            index = int(indices[place])
            if index not in self._lines:
                self._lines[index] = center_lines(self._images[index])
            redrawn = redraw(pictures[place], self._lines[index], int(self._labels[index]), chance)
            if redrawn is not None:
                pictures[place] = redrawn
        return pictures


def augmentation_sheet(
    digits: Picture,
    labels: NDArray[np.integer],
    augmentation: Augmentation,
    rows: int,
    seed: int,
) -> Picture:
    """Lay digits and augmented copies of them out as one picture.

    The same seed gives the same draws, so that a stronger setting shows as more of the same change.

    Args:
        digits: uint8 (n, 28, 28), the first row of the picture.
        labels: 0 to 9, (n,).
        augmentation: The largest change of each kind, and the shares that pens redraw and that are
            corrupted.
        rows: How many rows of augmented copies follow.
        seed: Of the draws.

    Returns:
        uint8 ((1 + rows) · 28, n · 28).
    """
    n = len(digits)
    redrawer = PenRedrawer(digits, labels, 0)

    def changed(seed: int) -> Picture:
        moved = augmented_examples(
            redrawer.batch(np.arange(n), seed, augmentation.pens),
            augmentation,
            random_draws(n, seed),
        )
        chance = np.random.default_rng(seed)
        return np.rint(
            change_at_random(
                moved.astype(np.float32), augmentation.warp, augmentation.corruptions, chance
            )
        ).astype(np.uint8)

    lines = (digits, *(changed(seed + row) for row in range(rows)))
    return np.vstack([np.hstack(list(line)) for line in lines])


def redraw(digit: Picture, lines: Lines, label: int, chance: Chance) -> Picture | None:
    """Redraw a digit: with another pen, wider or thinner, coarser, or in another form.

    Args:
        digit: uint8 (28, 28).
        lines: its center lines.
        label: 0 to 9.
        chance: decides how.

    Returns:
        uint8 (28, 28), as MNIST would have stored it; None where nothing is left of it.
    """
    if len(lines.points) < 4:
        return None
    way = chance.choice(len(_SHARES), p=list(_SHARES.values()))
    name = list(_SHARES)[way]
    if name == "wider":
        return wider_or_thinner(digit, chance)
    if name == "coarse":
        return coarse(digit, chance)
    if name == "form" and _FORMS_OF[label]:
        forms = _FORMS_OF[label]
        lines = polylines(forms[int(chance.integers(len(forms)))], chance, bent=0.045)
    else:
        if chance.random() < 0.5:
            lines = warped(lines, chance)
        if chance.random() < 0.15:
            lines = with_a_gap(lines, chance)
    lines = slanted(lines, chance)
    return drawn_by_pen(lines, pen_width(lines, chance))


def pen_width(lines: Lines, chance: Chance, *, pens_high: float = 2.4) -> float:
    """The width of a pen of 6 to 44 px for a digit of any size on the canvas, in `lines`' units.

    Args:
        lines: with at least one point.
        chance: draws the pen's width and the digit's height.
        pens_high: how many pens the digit is high at least.
    """
    width = chance.uniform(6, 44)
    low, high = lines.box()
    wide, tall = np.maximum(high - low, 1e-6)
    room = CANVAS - width - 2
    most = min(room, room * tall / wide)
    height = chance.uniform(min(most, max(44.0, pens_high * width)), most)
    return float(width * tall / height)


def drawn_by_pen(lines: Lines, width: float) -> Picture:
    """Draw lines with a round pen, and make an MNIST digit of the drawing.

    The drawing fills the 20×20 box at once, at four times its size: what a large canvas and
    `find_digit` would give, in a tenth of the time.

    Args:
        lines: with at least one point.
        width: of the pen, in the units of `lines`; a hair line is widened.

    Returns:
        uint8 (28, 28).
    """
    low, high = lines.box()
    size = high - low + width
    unit = DIGIT_SIDE * _SUPERSAMPLING / float(size.max())
    # OpenCV's lines are one pixel wider than it is asked for.
    thickness = max(round(width * unit), round(_MIN_WIDTH * _SUPERSAMPLING)) - 1
    columns, rows = np.maximum(np.rint(size * unit / _SUPERSAMPLING).astype(int), 1)
    drawing = np.zeros((rows * _SUPERSAMPLING, columns * _SUPERSAMPLING), np.uint8)
    scaled = (lines.points - low + width / 2) * unit - 0.5
    dots = np.rint(scaled * 2**_SUBPIXEL_BITS).astype(np.int32)
    alone = np.stack([dots, dots], axis=1) if not len(lines.edges) else dots[lines.edges]
    cv2.polylines(drawing, list(alone), False, 255, thickness, cv2.LINE_8, _SUBPIXEL_BITS)
    fitted = cv2.resize(drawing, (int(columns), int(rows)), interpolation=cv2.INTER_AREA)
    full = cv2.convertScaleAbs(fitted, alpha=255 / max(1, int(fitted.max())))
    return center_of_mass_image(np.asarray(full, np.uint8))


def polylines(
    strokes: tuple[tuple[tuple[float, float], ...], ...], chance: Chance, *, bent: float
) -> Lines:
    """Ways of points in a square of 1 as lines 20 high, each corner moved by about `bent`."""
    ways: list[Floats] = []
    for way in strokes:
        corners = np.array(way) + chance.normal(0, bent, (len(way), 2))
        along = np.linspace(0, len(way) - 1, 12 * (len(way) - 1) + 1)
        steps = np.arange(len(way))
        dots = np.stack([np.interp(along, steps, corners[:, axis]) for axis in (0, 1)], axis=1)
        smooth = dots.copy()  # a hand rounds its corners
        smooth[1:-1] = (dots[:-2] + dots[1:-1] + dots[2:]) / 3
        ways.append(20 * smooth + 4)
    return warped(joined(ways), chance)


def slanted(lines: Lines, chance: Chance) -> Lines:
    """Turned by up to 12°, slanted and stretched by up to a quarter."""
    turn, slant = np.radians(chance.uniform(-12, 12)), chance.uniform(-0.25, 0.25)
    wider = np.exp(chance.uniform(-0.25, 0.25))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return lines.moved(turned @ np.array([[wider, slant], [0, 1]]), np.zeros(2))


def warped(lines: Lines, chance: Chance) -> Lines:
    """Moved as if written on rubber (`core.data.augmentation`), in pixels of MNIST."""
    moves = displacement_fields(chance.uniform(-1, 1, (2, 28, 28)), chance.uniform(5, 30), 4.0)
    x, y = np.clip(np.rint(lines.points).astype(int), 0, 27).T
    return Lines(lines.points + moves[:, y, x].T, lines.edges)


def with_a_gap(lines: Lines, chance: Chance) -> Lines:
    """Without the strokes around one point."""
    if len(lines.edges) <= 20:
        return lines
    middle = lines.points[lines.edges].mean(axis=1)
    around = lines.points[int(chance.integers(len(lines.points)))]
    far = ((middle - around) ** 2).sum(axis=1) > chance.uniform(0.4, 1.3) ** 2
    used = np.unique(lines.edges[far])
    if len(used) <= 10:
        return lines
    number = np.full(len(lines.points), -1)
    number[used] = np.arange(len(used))
    return Lines(lines.points[used], number[lines.edges[far]])


# --- A digit's own pixels, changed ----------------------------------------------------------------


def coarse(digit: Picture, chance: Chance, *, canvas: int = 0) -> Picture | None:
    """A digit kept as 8×8 counts, as old scanners' digits are: two tones, 32×32, counted by 4×4.

    Args:
        digit: uint8 (28, 28).
        chance: decides its width and size.
        canvas: the side of a sheet on which it lies anywhere; 0: it fills its picture.

    Returns:
        uint8 (28, 28) as `find_digit` prepares it; None where it finds nothing.
    """
    rows, columns = np.nonzero(digit > 60)
    crop = digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    stretch = np.exp(chance.uniform(-0.1, 0.35))
    wide = int(np.clip(round(32 * crop.shape[1] / crop.shape[0] * stretch), 5, 32))
    ink = cv2.resize(crop, (wide, 32), interpolation=cv2.INTER_CUBIC) > chance.uniform(90, 170)
    page = np.zeros((32, 32))
    x = int(chance.integers(0, 33 - wide))
    page[:, x : x + wide] = ink
    counts = np.rint(page.reshape(8, 4, 8, 4).sum((1, 3)) * 255 / 16).astype(np.uint8)
    side = int(chance.integers(60, 261 if canvas else 121))
    big = cv2.resize(counts, (side, side), interpolation=cv2.INTER_CUBIC)
    return _prepared_ink(np.asarray(big, np.uint8), chance, canvas)


def wider_or_thinner(digit: Picture, chance: Chance, *, canvas: int = 0) -> Picture | None:
    """A digit enlarged, its strokes made wider or thinner, sometimes its outermost ink cut off.

    Arguments and result are those of `coarse`.
    """
    side = int(chance.integers(60, 261 if canvas else 121))
    big = np.asarray(cv2.resize(digit, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    by = int(chance.integers(0, 1 + round(1.3 * side / 28)))
    if by and chance.random() < 0.65:
        big = np.asarray(cv2.dilate(big, _brush(by + 1)), np.uint8)
    elif by:
        thinner = np.asarray(cv2.erode(big, _brush(by // 2 + 1)), np.uint8)
        big = thinner if thinner.max() > 100 else big
    if chance.random() < 0.3:
        big = _cut_off(big, chance)
    return _prepared_ink(big, chance, canvas)


def _brush(side: int) -> Picture:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _cut_off(big: Picture, chance: Chance) -> Picture:
    """Up to 6 % of the digit's box gone on some of its four sides."""
    x, y, wide, tall = cv2.boundingRect((big > 100).astype(np.uint8))
    lost = chance.uniform(0, 0.06, 4) * (chance.random(4) < 0.4) * [wide, wide, tall, tall]
    left, right, above, below = (int(part) for part in lost)
    kept = np.zeros_like(big)
    inside = np.s_[y + above : y + tall - below, x + left : x + wide - right]
    kept[inside] = big[inside]
    return kept


def _prepared_ink(big: Picture, chance: Chance, canvas: int) -> Picture | None:
    """What `find_digit` makes of light ink that is dark on a sheet of white paper."""
    page = 255 - big
    if canvas:
        page = np.full((canvas, canvas), 255, np.uint8)
        x, y = (int(value) for value in chance.integers(0, canvas - len(big) + 1, 2))
        page[y : y + len(big), x : x + len(big)] = 255 - big
    try:
        return find_digit(page, ink="dark", paper=255).pixels
    except PictureError:
        return None


# --- Center lines ---------------------------------------------------------------------------------


def center_lines(digit: Picture) -> Lines:
    """The center lines of a digit, uint8 (28, 28), in its own pixels (centers at whole numbers).

    Enlarged smoothly, sharpened, cut at `_INK`, thinned, short spurs taken off, steps smoothed out.
    """
    side = digit.shape[0] * _ENLARGED
    big = cv2.resize(digit, (side, side), interpolation=cv2.INTER_CUBIC)
    big = cv2.GaussianBlur(big.astype(np.float32), (0, 0), _ENLARGED / 3)
    big = big + _SHARPEN * (big - cv2.GaussianBlur(big, (0, 0), 2.0 * _ENLARGED))
    ink = np.asarray(big > _INK * (int(digit.max()) / 255))
    return lines_of(ink).moved(np.eye(2) / _ENLARGED, np.full(2, 0.5 / _ENLARGED - 0.5))


def lines_of(ink: NDArray[np.bool_]) -> Lines:
    """The center lines of ink, bool (height, width), in its own pixels; none of no ink."""
    points, edges = _graph(_without_spurs(thin(ink), ink))
    return Lines(_smoothed(points, edges), edges)


def joined(ways: Sequence[Floats]) -> Lines:
    """Ways of points as lines, each way apart from the others."""
    edges: list[NDArray[np.intp]] = []
    first = 0
    for way in ways:
        number = np.arange(first, first + len(way))
        edges.append(np.stack([number[:-1], number[1:]], axis=1))
        first += len(way)
    return Lines(np.concatenate(ways), np.concatenate(edges))


def thin(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The center lines of strokes, one pixel wide, with their pieces and holes kept as they are.

    Guo and Hall, "Parallel thinning with two-subiteration algorithms", Communications of the ACM
    32 (1989), algorithm A1. (Zhang and Suen's would lose squares of 2×2 and leave diagonals thick.)

    Args:
        ink: bool (height, width).

    Returns:
        bool of the same shape, part of `ink`.
    """
    left = np.pad(ink, 1).astype(np.uint8)
    weights = np.zeros((3, 3), np.float32)
    for bit, (down, right) in enumerate(_AROUND):
        weights[1 + down, 1 + right] = 1 << bit
    before = -1
    while before != (before := int(np.count_nonzero(left))):
        for table in _removable():
            around = cv2.filter2D(left, cv2.CV_8U, weights, borderType=cv2.BORDER_CONSTANT)
            left = np.asarray(cv2.bitwise_and(left, cv2.LUT(around, table)), np.uint8)
    return np.asarray(left[1:-1, 1:-1] > 0)


@lru_cache(maxsize=1)
def _removable() -> tuple[Picture, Picture]:
    """For the two subiterations: 0 for each set of neighbors whose middle pixel goes, else 1."""
    p = [(np.arange(256) >> bit & 1).astype(bool) for bit in range(8)]
    n, ne, e, se, s, sw, w, nw = p
    pieces = sum(
        (~a & (b | c)).astype(int) for a, b, c in ((n, ne, e), (e, se, s), (s, sw, w), (w, nw, n))
    )
    first = sum((a | b).astype(int) for a, b in ((nw, n), (ne, e), (se, s), (sw, w)))
    second = sum((a | b).astype(int) for a, b in ((n, ne), (e, se), (s, sw), (w, nw)))
    fewer = np.minimum(first, second)
    plain = (pieces == 1) & (fewer >= 2) & (fewer <= 3)
    kept = (~(plain & ~((s | sw | ~nw) & w)), ~(plain & ~((n | ne | ~se) & e)))
    return kept[0].astype(np.uint8), kept[1].astype(np.uint8)


def _graph(skeleton: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.intp]]:
    """Pixels as points (x, y), and edges between neighbors; no diagonal beside a corner."""
    rows, columns = np.nonzero(skeleton)
    number = np.full(np.add(skeleton.shape, 2), -1)
    number[rows + 1, columns + 1] = np.arange(len(rows))
    index = np.arange(len(rows))
    edges = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        neighbor = number[rows + 1 + down, columns + 1 + right]
        joined = neighbor >= 0
        if down and right:
            corner = (number[rows + 1 + down, columns + 1] >= 0) | (
                number[rows + 1, columns + 1 + right] >= 0
            )
            joined &= ~corner
        edges.append(np.stack([index[joined], neighbor[joined]], axis=1))
    return np.stack([columns, rows], axis=1).astype(np.float64), np.concatenate(edges)


def _without_spurs(skeleton: NDArray[np.bool_], ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take off branches that end sooner than the stroke is wide: thinning's, not the writer's."""
    depth = cv2.distanceTransform(np.pad(ink, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    points, edges = _graph(skeleton)
    near: list[list[int]] = [[] for _ in points]
    for a, b in edges.tolist():
        near[a].append(b)
        near[b].append(a)
    left = skeleton.copy()
    for end in [k for k, others in enumerate(near) if len(others) == 1]:
        way, before, at = [end], -1, end
        while len(near[at]) <= 2:
            onward = [k for k in near[at] if k != before]
            if not onward:
                break
            before, at = at, onward[0]
            way.append(at)
        if len(near[at]) > 2:
            x, y = points[at].astype(int)
            if len(way) - 1 < 1.3 * depth[y, x]:
                for k in way[:-1]:
                    x, y = points[k].astype(int)
                    left[y, x] = False
    return left


def _smoothed(points: Floats, edges: NDArray[np.intp]) -> Floats:
    """The points of the lines without the steps of their pixels; ends stay where they are."""
    count = np.bincount(edges.ravel(), minlength=len(points))
    free = count >= 2
    for _ in range(_SMOOTHINGS):
        total = points.copy()
        np.add.at(total, edges[:, 0], points[edges[:, 1]])
        np.add.at(total, edges[:, 1], points[edges[:, 0]])
        points = np.where(free[:, None], total / (1 + count)[:, None], points)
    return points
