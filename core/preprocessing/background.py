"""From a picture of any kind to light ink on black: grays, polarity, background subtraction.

NIST's scans, from which MNIST was made, were clean and of two tones. Drawings, scans and photos are
neither, so these steps come before those that MNIST's makers describe
(`core.preprocessing.mnist_format`).
"""

from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.image_files import flatten_transparency
from core.utils.errors import PictureError

GrayImage = NDArray[np.uint8]
"""Tones 0..255, uint8 (height, width)."""
Ink = Literal["auto", "dark", "light"]
"""Whether ink is darker or lighter than the paper; "auto" finds out."""

MAX_WORK_SIDE: Final = 1000
"""Pixels: longer pictures are shrunk to this side before anything is looked for."""
MIN_CONTRAST: Final = 12
"""Tones, 0..255, by which ink must differ from the paper: pencil differs by 40 and more."""


def resize(image: GrayImage, width: int, height: int) -> GrayImage:
    """Resize by area averages where it shrinks (anti-aliasing), cubic where it grows."""
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def to_gray(picture: NDArray[np.uint8], max_side: int = MAX_WORK_SIDE) -> GrayImage:
    """Shrink a picture to at most `max_side` pixels a side and convert it to gray.

    Gray is the brightness, or the one color channel with more than twice its contrast.

    Args:
        picture: uint8 (height, width), or (height, width, 1, 3 or 4) gray, RGB or RGBA.
        max_side: in pixels.

    Example:
        >>> to_gray(np.zeros((300, 200, 3), np.uint8), max_side=150).shape
        (150, 100)
    """
    factor = max_side / max(picture.shape[:2])
    if factor < 1:
        height, width = (max(1, round(length * factor)) for length in picture.shape[:2])
        picture = resize(picture, width, height)
    if picture.ndim == 2:
        return picture
    if picture.shape[2] == 1:
        return np.ascontiguousarray(picture[..., 0])
    colors = (
        flatten_transparency(picture) if picture.shape[2] == 4 else np.ascontiguousarray(picture)
    )
    gray = np.asarray(cv2.cvtColor(colors, cv2.COLOR_RGB2GRAY), np.uint8)
    # Yellow on white or red on green hardly differ in brightness, but do in one channel.
    spreads = cv2.meanStdDev(colors)[1].ravel()
    widest = int(spreads.argmax())
    if spreads[widest] > 2.0 * float(cv2.meanStdDev(gray)[1][0, 0]):
        return np.ascontiguousarray(colors[..., widest])
    return gray


def border_pixels(gray: GrayImage) -> GrayImage:
    """The tones along the picture's border, uint8 (n,): mostly paper, even in a tight crop."""
    border = max(1, min(gray.shape) // 50)
    inner = gray[border:-border]
    return np.concatenate(
        [
            gray[:border].ravel(),
            gray[-border:].ravel(),
            inner[:, :border].ravel(),
            inner[:, -border:].ravel(),
        ]
    )


def normalize_polarity(
    gray: GrayImage, ink: Ink, paper: int | None = None
) -> tuple[GrayImage, GrayImage, bool]:
    """Invert a picture whose ink is dark, so that ink is light.

    Args:
        gray: the picture.
        ink: whether the ink is darker or lighter than the paper; "auto" finds out.
        paper: the tone of the even paper, 0..255; None where only the picture can tell.

    Returns:
        The picture with light ink; its paper, the same shape; and whether the paper is one even
        tone: it is if `paper` is given or if at least half of the border has the very tone that is
        the border's median (drawings, not photos and scans).
    """
    border = border_pixels(gray)
    tone = int(np.median(border)) if paper is None else paper
    is_even = paper is not None or int(np.count_nonzero(border == tone)) * 2 >= len(border)
    background = np.full_like(gray, tone) if is_even else _estimate_paper(gray)
    is_dark = ink == "dark"
    if ink == "auto":
        # Ink stands out farther than the paper's grain: compare the reach of the strongest 2 %.
        is_dark = upper_percentile(_subtract(background, gray)) > upper_percentile(
            _subtract(gray, background)
        )
    return (255 - gray, 255 - background, is_even) if is_dark else (gray, background, is_even)


def _subtract(image: GrayImage, subtracted: GrayImage) -> GrayImage:
    """The difference, 0 where `subtracted` is larger."""
    return np.asarray(cv2.subtract(image, subtracted), np.uint8)


def upper_percentile(image: GrayImage, share: float = 0.02) -> int:
    """The tone that only this share of the pixels above 0 reaches; 0 if there are none."""
    counts = np.bincount(image.ravel(), minlength=256)
    counts[0] = 0
    reached = np.cumsum(counts[::-1])
    return 255 - int(np.searchsorted(reached, max(1.0, share * reached[-1]))) if reached[-1] else 0


def steepness(image: GrayImage) -> NDArray[np.float32]:
    """How steeply tones rise at each pixel (Sobel), in tones a pixel, float32 as `image`."""
    horizontal = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    vertical = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(cv2.magnitude(horizontal, vertical), np.float32)


def blur_within(
    tones: GrayImage,
    mask: NDArray[np.uint8],
    sigma: float,
    *,
    min_weight: float,
    fallback: GrayImage,
) -> NDArray[np.float32]:
    """Blur a picture with a Gaussian to which only the pixels of a mask contribute.

    Args:
        tones: a picture.
        mask: 1 where pixels count, 0 where they do not; of the picture's shape.
        sigma: the Gaussian's standard deviation in pixels.
        min_weight: the share of the Gaussian's weight, 0..1, that must lie on pixels that count.
        fallback: the tones where less does.

    Returns:
        Tones of the same shape, float32.
    """
    weights = mask.astype(np.float32)
    total_weight = cv2.GaussianBlur(weights, (0, 0), sigma)
    weighted_tones = cv2.GaussianBlur(weights * tones, (0, 0), sigma)
    return np.where(
        total_weight > min_weight, weighted_tones / np.maximum(total_weight, min_weight), fallback
    )


def enlarge_tones(tones: NDArray[np.float32], shape: tuple[int, ...]) -> GrayImage:
    """Enlarge a small copy to a picture of that shape (height, width), uint8."""
    enlarged = cv2.resize(tones, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.rint(np.clip(enlarged, 0, 255)).astype(np.uint8)


def _estimate_paper(gray: GrayImage) -> GrayImage:
    """The paper under the ink of an unevenly lit picture, uint8 as `gray`.

    Estimated on a small copy without its trend: by the median around each point (ink is a minority
    there), then once more, finely, from the points that are not ink.
    """
    scale = min(1.0, 96 / max(gray.shape))
    size = tuple(max(4, round(side * scale)) for side in gray.shape)
    small = resize(gray, size[1], size[0]).astype(np.float32)
    trend = _trend(small)
    flattened = np.rint(np.clip(small - trend + 128, 0, 255)).astype(np.uint8)
    median = np.asarray(cv2.medianBlur(flattened, max(3, min(size) // 2 | 1)), np.uint8)
    difference = cv2.absdiff(flattened, median)
    limit = max(6.0, 0.6 * float(cv2.threshold(difference, 0, 255, cv2.THRESH_OTSU)[0]))
    is_even = (difference <= limit).astype(np.uint8)
    is_paper = np.asarray(cv2.erode(is_even, np.ones((3, 3), np.uint8)), np.uint8)
    sigma = max(1.0, max(size) / 16)
    blurred = (
        blur_within(flattened, is_paper, sigma, min_weight=0.02, fallback=median) - 128 + trend
    )
    return enlarge_tones(blurred.astype(np.float32), gray.shape)


def _trend(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """The quadratic surface through the paper's tones, float32 as `small`.

    Fitted by least squares three times, each time without the points that lay far off before: those
    are ink. A median alone bends at the borders of a picture whose light falls off to one side.
    """
    y, x = np.mgrid[-1 : 1 : small.shape[0] * 1j, -1 : 1 : small.shape[1] * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).astype(np.float32)
    step = max(1, max(small.shape) // 32)
    points = terms[::step, ::step].reshape(-1, 6)
    tones = small[::step, ::step].ravel()
    is_near = np.ones(len(tones), bool)
    for _ in range(3):
        coefficients = np.linalg.lstsq(points[is_near], tones[is_near], rcond=None)[0]
        distance = np.abs(tones - points @ coefficients)
        is_near = distance <= max(2.0, 1.5 * float(np.median(distance)))
    return np.asarray(terms @ coefficients, np.float32)


def subtract_background(
    light: GrayImage, background: GrayImage, is_even: bool
) -> tuple[GrayImage, int, int]:
    """Subtract the paper.

    Args:
        light: the picture with light ink.
        background: its paper, of the same shape.
        is_even: whether the paper is one even tone.

    Returns:
        How much lighter than the paper each pixel is, 0..255; the tone of the strongest ink; and
        the tone up to which it may be mere grain or the rim of a shadow, 0 for an even paper.

    Raises:
        PictureError: nothing stands out.
    """
    foreground = _subtract(light, background)
    # Means over 3×3 pixels: lone specks must not pass for ink.
    strongest = (
        int(cv2.blur(foreground, (3, 3)).max())
        if min(foreground.shape) > 32
        else int(foreground.max())
    )
    if strongest < MIN_CONTRAST:
        if int(_subtract(background, light).max()) >= MIN_CONTRAST:
            # Ink of the other tone, or so much of it that its tone was taken for the paper's.
            raise PictureError(
                "Nothing looks like ink on a ground: write one digit with empty ground around it."
            )
        raise PictureError("Nothing is drawn: write a digit, in ink that differs from its ground.")
    if is_even:
        return foreground, strongest, 0
    below = _subtract(background, light).astype(np.float32)
    grain = 4.0 * float(np.sqrt(np.mean(np.square(below[below < strongest / 2]))))
    return foreground, strongest, int(np.clip(grain, 0.15 * strongest, 0.5 * strongest))
