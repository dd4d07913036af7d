"""MNIST-C: fifteen corruptions of digits, remade from its paper.

Mu and Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision", arXiv:1906.02337 (2019). Kinds
and strengths are those of the published benchmark; where it used scikit-image and ImageMagick, here
stand SciPy and OpenCV, so single pixels differ. What is drawn at random follows from the seed and
from a digit's position in the array. All pictures are float64 from 0 to 1 in between.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.utils.validation import check_digits

Digits = NDArray[np.uint8]
Gray = NDArray[np.float64]
Chance = np.random.Generator

_SEED: Final = 2019
_SIDE: Final = 28
_MIDDLE: Final = 13.5
_FOG_SIDE: Final = 256
_FOGS_AT_ONCE: Final = 64


@dataclass(frozen=True)
class MnistCCorruption:
    """A corruption of MNIST-C.

    Attributes:
        name: as in the benchmark.
        label: for a reader.
        change: from digits, 0 to 1, (n, 28, 28), and random numbers to such digits.
    """

    name: str
    label: str
    change: Callable[[Gray, Chance], Gray]


def corrupt_mnist_c(images: Digits, name: str) -> Digits:
    """Corrupt digits as MNIST-C does.

    Args:
        images: uint8 (n, 28, 28).
        name: of a corruption, one of `MNIST_C_BY_NAME`.

    Returns:
        uint8 (n, 28, 28); the same for the same digits.

    Raises:
        ValueError: the images have another shape or dtype.
        KeyError: there is no such corruption.
    """
    check_digits(images)
    corruption = MNIST_C_BY_NAME[name]
    chance = np.random.default_rng([_SEED, MNIST_C.index(corruption)])
    changed = corruption.change(images / 255, chance)
    return np.asarray(np.clip(changed, 0, 1) * 255, np.uint8)


def _shot_noise(digits: Gray, chance: Chance) -> Gray:
    """Each pixel counts photons: three for full ink."""
    return np.asarray(chance.poisson(digits * 3) / 3, np.float64)


def _impulse_noise(digits: Gray, chance: Chance) -> Gray:
    """Salt and pepper on 17 % of the pixels."""
    drawn = chance.random(digits.shape)
    return np.asarray(np.where(drawn < 0.17, np.round(drawn / 0.17), digits), np.float64)


def _blurred(digits: Gray, sigma: float) -> Gray:
    """A Gaussian blur of each digit."""
    from scipy.ndimage import gaussian_filter  # 0.2 s: not before it is needed

    return np.asarray(gaussian_filter(digits, (0, sigma, sigma), mode="nearest", truncate=4))


def _glass_blur(digits: Gray, chance: Chance) -> Gray:
    """Pixels change places with their neighbors, as behind frosted glass."""
    pictures = np.floor(_blurred(digits, 0.7) * 255)
    number = np.arange(len(pictures))
    for _ in range(2):
        for row in range(_SIDE - 1, 1, -1):
            for column in range(_SIDE - 1, 1, -1):
                swapped = number[chance.random(len(number)) < 0.5]
                up, left = chance.integers(-1, 1, (2, len(swapped)))
                other = swapped, row + up, column + left
                kept = pictures[swapped, row, column]
                pictures[swapped, row, column] = pictures[other]
                pictures[other] = kept
    return _blurred(pictures / 255, 0.7)


def _motion_blur(digits: Gray, chance: Chance) -> Gray:
    """The camera moves at an angle of -45 to 45 degrees: a Gaussian's half, 21 pixels long."""
    along = np.arange(21)
    weights = np.exp(-(along**2) / (2 * 3.0**2))
    weights /= weights.sum()
    angles = np.radians(chance.uniform(-45, 45, len(digits)))
    framed = np.pad(digits, ((0, 0), (21, 21), (21, 21)), mode="edge")
    columns = np.ceil(np.outer(np.cos(angles), along) - 0.5).astype(int)
    rows = np.ceil(np.outer(np.sin(angles), along) - 0.5).astype(int)
    blurred = np.zeros_like(digits)
    for number, picture in enumerate(framed):
        for weight, down, right in zip(weights, rows[number], columns[number], strict=True):
            window = picture[21 + down : 49 + down, 21 + right : 49 + right]
            blurred[number] += weight * window
    return blurred


def _warped(digits: Gray, matrices: Gray, shifts: Gray) -> Gray:
    """Read each pixel (x, y) from `matrices` (n, 2, 2) times it, about the middle, and shifted."""
    middle = np.full(2, _MIDDLE)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pictures = []
    for digit, matrix, shift in zip(digits, matrices, shifts, strict=True):
        moved = middle - matrix @ middle + shift
        grid = np.column_stack([matrix, moved])
        pictures.append(cv2.warpAffine(digit, grid, (_SIDE, _SIDE), flags=flags))
    return np.asarray(pictures, np.float64).reshape(digits.shape)


def _either_way(amount: float, n: int, chance: Chance) -> Gray:
    return amount * chance.choice([-1.0, 1.0], n)


def _shear(digits: Gray, chance: Chance) -> Gray:
    """By 0.4 radians, to either side."""
    angle = _either_way(0.4, len(digits), chance)
    one, zero = np.ones(len(digits)), np.zeros(len(digits))
    matrices = np.stack([one, -np.sin(angle), zero, np.cos(angle)], axis=1).reshape(-1, 2, 2)
    return _warped(digits, matrices, np.zeros((len(digits), 2)))


def _scale(digits: Gray, _chance: Chance) -> Gray:
    """To 0.7 of its size."""
    matrices = np.tile(np.eye(2) / 0.7, (len(digits), 1, 1))
    return _warped(digits, matrices, np.zeros((len(digits), 2)))


def _rotate(digits: Gray, chance: Chance) -> Gray:
    """By 0.4 radians, 23 degrees, either way."""
    angle = _either_way(0.4, len(digits), chance)
    cos, sin = np.cos(angle), np.sin(angle)
    matrices = np.stack([cos, -sin, sin, cos], axis=1).reshape(-1, 2, 2)
    return _warped(digits, matrices, np.zeros((len(digits), 2)))


def _translate(digits: Gray, chance: Chance) -> Gray:
    """By 3 pixels in both directions."""
    shifts = _either_way(3, 2 * len(digits), chance).reshape(-1, 2)
    return _warped(digits, np.tile(np.eye(2), (len(digits), 1, 1)), shifts)


def _brightness(digits: Gray, _chance: Chance) -> Gray:
    """Half the gray scale lighter."""
    return digits + 0.5


def _stripe(digits: Gray, _chance: Chance) -> Gray:
    """The negative in the outer quarters."""
    striped = digits.copy()
    for outer in (slice(7), slice(21, None)):
        striped[:, :, outer] = 1 - striped[:, :, outer]
    return striped


def _fog(digits: Gray, chance: Chance) -> Gray:
    """A plasma fractal before the digit."""
    density = 3.0
    strongest = digits.max(axis=(1, 2), keepdims=True)
    foggy = [
        digits[start : start + _FOGS_AT_ONCE]
        + density * _plasma(len(digits[start : start + _FOGS_AT_ONCE]), chance)
        for start in range(0, len(digits), _FOGS_AT_ONCE)
    ]
    return np.concatenate(foggy) * strongest / (strongest + density)


def _plasma(n: int, chance: Chance) -> Gray:
    """Corners of plasma fractals by the diamond-square algorithm: 0 to 1, (n, 28, 28)."""
    height = np.zeros((n, _FOG_SIDE, _FOG_SIDE))
    step, wobble = _FOG_SIDE, 100.0

    def mean_and_wobble(total: Gray) -> Gray:
        return total / 4 + wobble * chance.uniform(-wobble, wobble, total.shape)

    while step >= 2:
        half = step // 2
        corners = height[:, ::step, ::step]
        squares = corners + np.roll(corners, -1, axis=1)
        squares = squares + np.roll(squares, -1, axis=2)
        height[:, half::step, half::step] = mean_and_wobble(squares)
        centers = height[:, half::step, half::step]
        beside = centers + np.roll(centers, 1, axis=1) + corners + np.roll(corners, -1, axis=2)
        height[:, ::step, half::step] = mean_and_wobble(beside)
        below = centers + np.roll(centers, 1, axis=2) + corners + np.roll(corners, -1, axis=1)
        height[:, half::step, ::step] = mean_and_wobble(below)
        step, wobble = half, wobble / 1.4
    low = height.min(axis=(1, 2), keepdims=True)
    return (height[:, :_SIDE, :_SIDE] - low) / (height.max(axis=(1, 2), keepdims=True) - low)


def _spatter(digits: Gray, chance: Chance) -> Gray:
    """Gray drops on the picture."""
    liquid = _blurred(chance.normal(0.65, 0.3, digits.shape), 1)
    drops = _blurred((liquid > 0.65).astype(np.float64), 1.5)
    drops[drops < 0.8] = 0
    return digits * (1 - drops) + 63 / 255 * drops


def _dotted_line(digits: Gray, chance: Chance) -> Gray:
    """A dotted line from the left to the right edge."""
    ends = chance.integers(0, 27, (len(digits), 2))
    dots = np.repeat(np.arange(14) % 2 == 1, 2)
    lines = [_line((0, first), (27, second)) for first, second in ends]
    return digits + np.array(lines).reshape(digits.shape) * dots


def _zigzag(digits: Gray, chance: Chance) -> Gray:
    """A zigzag line from left to right."""
    zigzagged = digits.copy()
    for number in range(len(digits)):
        first = int(chance.integers(0, 27))
        corners = _zigzag_corners(first, first + int(chance.integers(-5, 5)))
        for start, end in pairwise(corners):
            zigzagged[number] = np.minimum(zigzagged[number] + _line(start, end), 1)
    return zigzagged


def _zigzag_corners(first: int, last: int) -> Gray:
    """The corners (x, y) of a zigzag from column 2 to 25, from row `first` to row `last`."""
    left, right, length, width = 2, 25, 2.0, 2.0
    turn = np.arctan((last - first) / (right - left))
    whole = (right - left) / np.cos(turn)
    count = int((whole - length) // (2 * length)) + 1
    along = [(2 * k + 1) * length for k in range(count)]
    across = [width if k % 2 == 0 else -width for k in range(count)]
    ended = 2 * length * (whole // (2 * length))
    corners = [(0.0, 0.0), *zip(along, across, strict=True)]
    if whole != ended:
        corners.append((whole, across[-1] / (2 * (whole - ended))))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.array(corners) @ rotation.T + [left, first]


def _line(start: Sequence[float] | Gray, end: Sequence[float] | Gray) -> Gray:
    """A soft line, 0 to 1, (28, 28), from (x, y) to (x, y), the latter further to the right."""
    (x, y), (x_end, y_end) = start, end
    if x_end == x:
        return np.zeros((_SIDE, _SIDE))
    columns, rows = np.arange(_SIDE)[None, :], np.arange(_SIDE)[:, None]
    off = np.abs(rows - (y + (y_end - y) / (x_end - x) * (columns - x)))
    ink = np.log(1 - np.clip(off, 0, 2.3 - 1e-10) / 2.3) + 1
    ink[:, : max(int(np.floor(x)), 0)] = 0
    ink[:, int(np.ceil(x_end)) :] = 0
    return np.clip(ink, 0, 1)


def _canny_edges(digits: Gray, _chance: Chance) -> Gray:
    """Only the edges of the strokes (Canny, 1986), one pixel wide."""
    smooth = np.rint(_blurred(digits, 1) * 255).astype(np.uint8)
    # Thresholds of 0.1 and 0.2 of the gray scale.
    edges = [cv2.Canny(picture, 25.5, 51, L2gradient=True) for picture in smooth]
    return np.array(edges).reshape(digits.shape) / 255


MNIST_C: Final = tuple(
    MnistCCorruption(name, name.replace("_", " ").capitalize(), change)
    for name, change in {
        "shot_noise": _shot_noise,
        "impulse_noise": _impulse_noise,
        "glass_blur": _glass_blur,
        "motion_blur": _motion_blur,
        "shear": _shear,
        "scale": _scale,
        "rotate": _rotate,
        "brightness": _brightness,
        "translate": _translate,
        "stripe": _stripe,
        "fog": _fog,
        "spatter": _spatter,
        "dotted_line": _dotted_line,
        "zigzag": _zigzag,
        "canny_edges": _canny_edges,
    }.items()
)
MNIST_C_BY_NAME: Final = {corruption.name: corruption for corruption in MNIST_C}
