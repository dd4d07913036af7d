"""Random corruptions of training digits: noise, blur, haze, negatives, lines, drops, outlines.

A training that sees some of its digits corrupted reads corrupted digits much better (Mu and Gilmer,
"MNIST-C: A Robustness Benchmark for Computer Vision", arXiv:1906.02337). The kinds are those that
paper, lens and sensor make; each amount is drawn anew, over a range, for each digit. None of
MNIST-C's own pictures (`core.data.mnist_c`) is among them, but its kinds are: a network that was
trained with these corruptions has not met MNIST-C as something new.

Before them comes the elastic warp of `core.data.augmentation`. All digits are float32 from 0 to 1
here, ink is light.
"""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.augmentation import PAPER_SIGMA

Digit = NDArray[np.float32]

_SIDE: Final = 28


def change_at_random(
    digits: NDArray[np.float32], warp: float, corruptions: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Warp digits, each by another field, and corrupt a share of them.

    Args:
        digits: float32 (n, 28, 28), 0 to 255.
        warp: the largest alpha of the elastic warp; each digit's is drawn from 0 to it.
        corruptions: how likely each digit is corrupted, 0 to 1.
        generator: decides about all of it.

    Returns:
        float32 (n, 28, 28), 0 to 255.

    Example:
        >>> digits = np.zeros((2, 28, 28), np.float32)
        >>> change_at_random(digits, 0.0, 1.0, np.random.default_rng(0)).shape
        (2, 28, 28)
    """
    changed = digits / np.float32(255)
    if warp:
        changed = _warped(changed, warp, generator)
    for index in np.flatnonzero(generator.random(len(changed)) < corruptions):
        kind = _KINDS[int(generator.integers(len(_KINDS)))]
        changed[index] = np.clip(kind(changed[index], generator), 0, 1)
    return changed * np.float32(255)


def _warped(
    digits: NDArray[np.float32], warp: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Warp each digit as `elastic_warp` does, with float32 fields drawn at once."""
    n = len(digits)
    alphas = generator.uniform(0, warp, n).astype(np.float32)
    rough = generator.uniform(-1, 1, (n, _SIDE, _SIDE, 2)).astype(np.float32)
    rows, columns = np.indices((_SIDE, _SIDE), np.float32)
    warped = np.empty_like(digits)
    for index, digit in enumerate(digits):
        field = alphas[index] * _smooth(rough[index], PAPER_SIGMA)
        warped[index] = cv2.remap(
            digit, columns + field[..., 1], rows + field[..., 0], cv2.INTER_LINEAR
        )
    return warped


def _smooth(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur with a Gaussian, mirrored at the edges."""
    side = 2 * int(4 * sigma + 0.5) + 1
    blurred = cv2.GaussianBlur(values, (side, side), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)


def _impulse_noise(digit: Digit, generator: np.random.Generator) -> Digit:
    """Single pixels become black or white."""
    drawn, part = generator.random(digit.shape, np.float32), generator.uniform(0.02, 0.25)
    return np.where(drawn < part, (drawn < part / 2).astype(np.float32), digit)


def _gaussian_noise(digit: Digit, generator: np.random.Generator) -> Digit:
    grain = generator.standard_normal(digit.shape, np.float32)
    return digit + np.float32(generator.uniform(0.04, 0.4)) * grain


def _shot_noise(digit: Digit, generator: np.random.Generator) -> Digit:
    """Each pixel counts photons."""
    photons = generator.uniform(2, 12)
    return np.asarray(generator.poisson(digit * photons) / photons, np.float32)


def _gaussian_blur(digit: Digit, generator: np.random.Generator) -> Digit:
    return _smooth(digit, float(generator.uniform(0.4, 1.8)))


def _motion_blur(digit: Digit, generator: np.random.Generator) -> Digit:
    """Light fades along a straight way, as when the camera moves."""
    length, angle = generator.uniform(3, 12), generator.uniform(0, 2 * np.pi)
    side = 2 * int(length) + 1
    kernel = np.zeros((side, side), np.float32)
    middle = side // 2
    for along in np.linspace(0, length, 2 * side):
        row = round(middle + along * np.sin(angle))
        column = round(middle + along * np.cos(angle))
        if 0 <= row < side and 0 <= column < side:
            kernel[row, column] += np.exp(-((2 * along / length) ** 2) / 2)
    return np.asarray(cv2.filter2D(digit, -1, kernel / kernel.sum()), np.float32)


def _glass_blur(digit: Digit, generator: np.random.Generator) -> Digit:
    """Pixels come from places near their own, as behind frosted glass."""
    rows, columns = np.indices(digit.shape, np.float32)
    reach = generator.uniform(0.8, 2.2)
    down, right = generator.uniform(-reach, reach, (2, *digit.shape)).astype(np.float32)
    moved = cv2.remap(digit, columns + right, rows + down, cv2.INTER_NEAREST)
    return _smooth(np.asarray(moved, np.float32), float(generator.uniform(0.4, 1.0)))


def _brightness(digit: Digit, generator: np.random.Generator) -> Digit:
    """The whole picture becomes lighter; what was light already is cut off."""
    return digit + np.float32(generator.uniform(0.1, 0.7))


def _haze(digit: Digit, generator: np.random.Generator) -> Digit:
    """Clouds before the digit: smooth hills, and the contrast of the ink falls."""
    clouds = np.zeros(digit.shape, np.float32)
    for side in (2, 4, 8):
        rough = generator.random((side, side), np.float32) / side
        clouds += cv2.resize(rough, digit.shape, interpolation=cv2.INTER_CUBIC)
    low, high = clouds.min(), clouds.max()
    floor, density = generator.uniform(0, 0.6), generator.uniform(0.3, 3.5)
    clouds = floor + (1 - floor) * (clouds - low) / max(high - low, np.float32(1e-6))
    return np.asarray((digit + density * clouds) / (1 + density), np.float32)


def _negative(digit: Digit, generator: np.random.Generator) -> Digit:
    """A band across the picture, all but a band, or everything becomes its negative."""
    start, end = np.sort(generator.integers(0, _SIDE + 1, 2))
    inside = np.zeros(digit.shape, bool)
    inside[:, start:end] = True
    way = int(generator.integers(5))
    if way == 4:
        inside[:] = True
    if way % 2:
        inside = ~inside
    if generator.random() < 0.3:
        inside = inside.T
    return np.where(inside, 1 - digit, digit)


def _lines(digit: Digit, generator: np.random.Generator) -> Digit:
    """A straight, dotted or zigzag line from one side to the other."""
    count = int(generator.integers(2, 14))
    across = np.linspace(0, _SIDE - 1, count)
    first, last = generator.uniform(0, _SIDE - 1, 2)
    along = np.linspace(first, last, count)
    along += generator.uniform(0, 3) * np.where(np.arange(count) % 2, 1, -1)
    points = np.stack([across, along], axis=1)
    ink = np.zeros(digit.shape, np.uint8)
    corners = np.rint(points * 16).astype(np.int32)
    cv2.polylines(ink, [corners], False, 255, int(generator.integers(1, 3)), cv2.LINE_AA, 4)
    if generator.random() < 0.3:
        gap = int(generator.integers(2, 5))
        ink[:, np.arange(_SIDE) // gap % 2 == 1] = 0
    if generator.random() < 0.25:
        ink = ink.T
    return digit + ink * np.float32(generator.uniform(0.5, 1) / 255)


def _drops(digit: Digit, generator: np.random.Generator) -> Digit:
    """Gray drops cover parts of the picture."""
    liquid = _smooth(generator.random(digit.shape, np.float32), float(generator.uniform(0.8, 1.6)))
    limit = np.quantile(liquid, generator.uniform(0.6, 0.95))
    wet = _smooth((liquid > limit).astype(np.float32), 0.7)
    return digit * (1 - wet) + np.float32(generator.uniform(0, 0.7)) * wet


def _outline(digit: Digit, generator: np.random.Generator) -> Digit:
    """Only the edges of the strokes are left (Canny, 1986)."""
    smooth = np.rint(_smooth(digit, float(generator.uniform(0.6, 1.2))) * 255).astype(np.uint8)
    low = float(generator.uniform(15, 50))
    edges = cv2.Canny(smooth, low, low * float(generator.uniform(1.5, 2.5)), L2gradient=True)
    return edges.astype(np.float32) / np.float32(255)


_KINDS: Final[tuple[Callable[[Digit, np.random.Generator], Digit], ...]] = (
    _impulse_noise,
    _gaussian_noise,
    _shot_noise,
    _gaussian_blur,
    _motion_blur,
    _glass_blur,
    _brightness,
    _haze,
    _negative,
    _lines,
    _drops,
    _outline,
)
