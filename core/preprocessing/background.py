"""From a picture of any kind to light ink on nothing: grays, polarity, paper taken away.

NIST's scans, from which MNIST was made, were clean and of two tones. Drawings, scans and photos are
neither, so this comes before the steps that MNIST's makers describe.
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

WORK_SIDE: Final = 1000
"""Pictures are shrunk to at most this long side before anything is looked for."""
SMALLEST_CONTRAST: Final = 12
"""Tones of 255 by which ink must differ from the paper: pencil differs by 40 and more."""


def resize(image: GrayImage, width: int, height: int) -> GrayImage:
    """Area averages where it shrinks (anti-aliasing), cubic where it grows."""
    shrinks = width <= image.shape[1] and height <= image.shape[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=way), np.uint8)


def to_gray(picture: NDArray[np.uint8], side: int = WORK_SIDE) -> GrayImage:
    """Shrink to at most `side` pixels a side and go to gray.

    By brightness, or by the one color that tells more.
    """
    factor = side / max(picture.shape[:2])
    if factor < 1:
        height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
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
    best = int(spreads.argmax())
    if spreads[best] > 2.0 * float(cv2.meanStdDev(gray)[1][0, 0]):
        return np.ascontiguousarray(colors[..., best])
    return gray


def border_pixels(gray: GrayImage) -> GrayImage:
    """The tones along the picture's border, uint8 (n,): mostly paper, even in a tight crop."""
    k = max(1, min(gray.shape) // 50)
    inner = gray[k:-k]
    return np.concatenate(
        [gray[:k].ravel(), gray[-k:].ravel(), inner[:, :k].ravel(), inner[:, -k:].ravel()]
    )


def normalize_polarity(
    gray: GrayImage, ink: Ink, known: int | None = None
) -> tuple[GrayImage, GrayImage, bool]:
    """Turn the ink light.

    Args:
        gray: the picture.
        ink: whether the ink is darker or lighter than the paper; "auto" finds out.
        known: the tone of the even paper, 0..255; None where only the picture can tell.

    Returns:
        The picture with light ink; its paper, the same shape; and whether the paper is one even
        tone: it is if it is `known` or if at least half of the border has the very tone that is the
        border's median (drawings, not photos and scans).
    """
    border = border_pixels(gray)
    tone = int(np.median(border)) if known is None else known
    even = known is not None or int(np.count_nonzero(border == tone)) * 2 >= len(border)
    paper = np.full_like(gray, tone) if even else _paper(gray)
    dark = ink == "dark"
    if ink == "auto":
        # Ink stands out farther than the paper's grain: compare the reach of the strongest 2 %.
        dark = upper_percentile(_minus(paper, gray)) > upper_percentile(_minus(gray, paper))
    return (255 - gray, 255 - paper, even) if dark else (gray, paper, even)


def _minus(image: GrayImage, other: GrayImage) -> GrayImage:
    """The difference, 0 where `other` is larger."""
    return np.asarray(cv2.subtract(image, other), np.uint8)


def upper_percentile(image: GrayImage, share: float = 0.02) -> int:
    """The tone that only this share of the non-empty pixels exceeds."""
    counts = np.bincount(image.ravel(), minlength=256)
    counts[0] = 0
    reached = np.cumsum(counts[::-1])
    return 255 - int(np.searchsorted(reached, max(1.0, share * reached[-1]))) if reached[-1] else 0


def steepness(image: GrayImage) -> NDArray[np.float32]:
    """How steeply tones rise at each pixel, in tones a pixel, float32 as `image`."""
    across = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def blur_within(
    tones: GrayImage, mask: NDArray[np.uint8], sigma: float, *, least: float, otherwise: GrayImage
) -> NDArray[np.float32]:
    """The mean tone around each pixel of those in a mask alone, weighted by a Gaussian.

    Args:
        tones: a picture.
        mask: 1 where pixels count, 0 where they do not; of the picture's shape.
        sigma: the Gaussian's standard deviation in pixels.
        least: so much of the Gaussian's weight, 0 to 1, must lie on pixels that count.
        otherwise: the tones where less does.

    Returns:
        Tones of the same shape, float32.
    """
    counts = mask.astype(np.float32)
    weight = cv2.GaussianBlur(counts, (0, 0), sigma)
    total = cv2.GaussianBlur(counts * tones, (0, 0), sigma)
    return np.where(weight > least, total / np.maximum(weight, least), otherwise)


def enlarge_tones(tones: NDArray[np.float32], shape: tuple[int, ...]) -> GrayImage:
    """A small copy's tones back in a picture of a shape (height, width), uint8."""
    back = cv2.resize(tones, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.rint(np.clip(back, 0, 255)).astype(np.uint8)


def _paper(gray: GrayImage) -> GrayImage:
    """The paper under the ink of an unevenly lit picture, uint8 as `gray`.

    On a small copy without its trend: the median around each point (ink is a minority there), then
    once more finely from the points that are not ink.
    """
    scale = min(1.0, 96 / max(gray.shape))
    size = tuple(max(4, round(side * scale)) for side in gray.shape)
    small = resize(gray, size[1], size[0]).astype(np.float32)
    trend = _trend(small)
    flat = np.rint(np.clip(small - trend + 128, 0, 255)).astype(np.uint8)
    rough = np.asarray(cv2.medianBlur(flat, max(3, min(size) // 2 | 1)), np.uint8)
    off = cv2.absdiff(flat, rough)
    limit = max(6.0, 0.6 * float(cv2.threshold(off, 0, 255, cv2.THRESH_OTSU)[0]))
    even = (off <= limit).astype(np.uint8)
    plain = np.asarray(cv2.erode(even, np.ones((3, 3), np.uint8)), np.uint8)
    sigma = max(1.0, max(size) / 16)
    fine = blur_within(flat, plain, sigma, least=0.02, otherwise=rough) - 128 + trend
    return enlarge_tones(fine.astype(np.float32), gray.shape)


def _trend(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """The surface of second order through the paper's tones, float32 as `small`.

    Least squares, three times, each without the points that lay far off before: those are ink. A
    median alone bends at the borders of a picture whose light falls off to one side.
    """
    y, x = np.mgrid[-1 : 1 : small.shape[0] * 1j, -1 : 1 : small.shape[1] * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).astype(np.float32)
    step = max(1, max(small.shape) // 32)
    points = terms[::step, ::step].reshape(-1, 6)
    tones = small[::step, ::step].ravel()
    near = np.ones(len(tones), bool)
    for _ in range(3):
        factors = np.linalg.lstsq(points[near], tones[near], rcond=None)[0]
        off = np.abs(tones - points @ factors)
        near = off <= max(2.0, 1.5 * float(np.median(off)))
    return np.asarray(terms @ factors, np.float32)


def subtract_background(
    light: GrayImage, paper: GrayImage, even: bool
) -> tuple[GrayImage, int, int]:
    """Subtract the paper.

    Returns:
        What is lighter than the paper, 0..255; the tone of its strongest ink; and the tone up to
        which it may be mere grain or the rim of a shadow, 0 for a drawing on an even ground.

    Raises:
        PictureError: nothing stands out.
    """
    clear = _minus(light, paper)
    # Means over 3×3 pixels: lone specks must not pass for ink.
    strongest = int(cv2.blur(clear, (3, 3)).max()) if min(clear.shape) > 32 else int(clear.max())
    if strongest < SMALLEST_CONTRAST:
        if int(_minus(paper, light).max()) >= SMALLEST_CONTRAST:
            # Ink of the other tone, or so much of it that its tone was taken for the paper's.
            raise PictureError(
                "Nothing looks like ink on a ground: write one digit with empty ground around it."
            )
        raise PictureError("Nothing is drawn: write a digit, in ink that differs from its ground.")
    if even:
        return clear, strongest, 0
    below = _minus(paper, light).astype(np.float32)
    grain = 4.0 * float(np.sqrt(np.mean(np.square(below[below < strongest / 2]))))
    return clear, strongest, int(np.clip(grain, 0.15 * strongest, 0.5 * strongest))
