"""A kernel that slides over a picture, number by number: what a convolution layer computes.

What deep learning calls a convolution is, in mathematics, a cross-correlation: the kernel is laid
on the picture as it is. A convolution in the strict sense turns the kernel by 180 degrees first
(Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 9.1). For a kernel that is learned
it makes no difference, for one that is written down by hand it does.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Padding = Literal["valid", "same"]
Pooling = Literal["max", "average"]
KERNEL_SIZES: Final = (3, 5)
STRIDES: Final = (1, 2, 3)


@dataclass(frozen=True)
class KernelPreset:
    """A kernel by hand: its name, its numbers (3, 3), and what it does to a picture, in words."""

    name: str
    kernel: tuple[tuple[float, ...], ...]
    about: str


KERNEL_PRESETS: Final = (
    KernelPreset("Identity", ((0, 0, 0), (0, 1, 0), (0, 0, 0)), "Leaves the picture as it is."),
    KernelPreset(
        "Blur",
        tuple((1 / 9,) * 3 for _ in range(3)),
        "Takes the mean of nine pixels: edges grow soft, specks fade.",
    ),
    KernelPreset(
        "Sharpen",
        ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
        "Takes from a pixel what its neighbours have: edges stand out.",
    ),
    KernelPreset(
        "Edges",
        ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
        "Is 0 where all nine pixels are alike, so that only edges remain.",
    ),
    KernelPreset(
        "Sobel, upright edges",
        ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
        "Right minus left: positive where ink begins, negative where it ends (Sobel, 1968).",
    ),
    KernelPreset(
        "Sobel, level edges",
        ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
        "Below minus above, the same turned by a quarter.",
    ),
)


@dataclass(frozen=True)
class WindowStep:
    """The kernel at one place: the pixels below it, their products with it (k, k), and the sum."""

    pixels: Floats
    products: Floats
    total: float


def output_side(side: int, size: int, stride: int, padding: Padding) -> int:
    """How many places the kernel has along one side; 0 if it does not fit in.

    As Keras counts: ceil(side / stride) for "same", ceil((side - size + 1) / stride) for "valid".
    """
    places = side if padding == "same" else side - size + 1
    return max(-(-places // stride), 0)


def convolve(
    picture: ArrayLike,
    kernel: ArrayLike,
    *,
    stride: int = 1,
    padding: Padding = "valid",
    turned: bool = False,
) -> Floats:
    """The sums at all places of the kernel: (height, width) and (k, k) to (rows, columns).

    With `padding` "same", zeros stand around the picture as Keras puts them: where their number is
    odd, the greater part comes below and to the right. `turned`: turn the kernel by 180 degrees
    first, a convolution in the strict sense. Raises ValueError if the kernel is larger than the
    padded picture.
    """
    windows = _windows(picture, _laid(kernel, turned), stride, padding)
    sums: Floats = np.einsum("rcij,ij->rc", windows, _laid(kernel, turned))
    return sums


def window_step(
    picture: ArrayLike,
    kernel: ArrayLike,
    place: tuple[int, int],
    *,
    stride: int = 1,
    padding: Padding = "valid",
    turned: bool = False,
) -> WindowStep:
    """What happens at one place, (row, column) of the output: the sum written out.

    Raises IndexError for a place outside the output.
    """
    laid = _laid(kernel, turned)
    windows = _windows(picture, laid, stride, padding)
    row, column = place
    if not (0 <= row < windows.shape[0] and 0 <= column < windows.shape[1]):
        raise IndexError(f"the output has no place {place}: it is {windows.shape[:2]}")
    pixels = windows[row, column].copy()
    products = pixels * laid
    return WindowStep(pixels, products, float(products.sum()))


def window_corner(
    place: tuple[int, int], side: int, size: int, *, stride: int, padding: Padding
) -> tuple[int, int]:
    """The picture's (row, column) below the kernel's upper left cell; negative in the padding."""
    before = _pad(side, size, stride, padding)[0]
    return place[0] * stride - before, place[1] * stride - before


def pool(picture: ArrayLike, size: int, kind: Pooling) -> Floats:
    """The largest or the mean value of each size × size square; a rest at the edges is left out.

    (height, width) to (height // size, width // size), as Keras's pooling with padding "valid".
    Raises ValueError if not one square fits in.
    """
    values = np.asarray(picture, np.float64)
    rows, columns = values.shape[0] // size, values.shape[1] // size
    if not rows or not columns:
        raise ValueError(f"no {size}×{size} square fits into {values.shape[0]}×{values.shape[1]}")
    squares = values[: rows * size, : columns * size].reshape(rows, size, columns, size)
    pooled: Floats = squares.max(axis=(1, 3)) if kind == "max" else squares.mean(axis=(1, 3))
    return pooled


def _laid(kernel: ArrayLike, turned: bool) -> Floats:
    values = np.asarray(kernel, np.float64)
    return values[::-1, ::-1] if turned else values


def _pad(side: int, size: int, stride: int, padding: Padding) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    needed = max((output_side(side, size, stride, padding) - 1) * stride + size - side, 0)
    return needed // 2, needed - needed // 2


def _windows(picture: ArrayLike, kernel: Floats, stride: int, padding: Padding) -> Floats:
    """The pixels below the kernel at each of its places, (rows, columns, k, k)."""
    values = np.asarray(picture, np.float64)
    size = kernel.shape[0]
    padded = np.pad(values, [_pad(side, size, stride, padding) for side in values.shape])
    if min(padded.shape) < size:
        raise ValueError(f"a {size}×{size} kernel is larger than the picture")
    return sliding_window_view(padded, kernel.shape)[::stride, ::stride]
