"""A kernel that slides over a picture, number by number: what a convolution layer computes.

What deep learning calls a convolution is a cross-correlation in mathematics: the kernel is not
flipped. A convolution in the strict sense rotates the kernel by 180 degrees first (Goodfellow,
Bengio and Courville, "Deep Learning", 2016, section 9.1). This makes no difference for a kernel
that is learned, but it does for one that is written by hand.
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
    """A kernel written by hand.

    Attributes:
        name: its name on the page.
        kernel: its numbers, (3, 3).
        about: what it does to a picture, as a sentence.
    """

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
        "Takes from a pixel what its neighbors have: edges stand out.",
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
    """The kernel at one position.

    Attributes:
        pixels: the picture under the kernel, (k, k).
        products: pixels times kernel, (k, k).
        total: the sum of the products.
    """

    pixels: Floats
    products: Floats
    total: float


def output_side(side: int, size: int, stride: int, padding: Padding) -> int:
    """The number of kernel positions along one side, counted as Keras does; 0 if it does not fit.

    Args:
        side: of the picture.
        size: of the kernel.
        stride: between two positions.
        padding: "same": ceil(side / stride); "valid": ceil((side - size + 1) / stride).

    Example:
        >>> output_side(28, 3, 1, "valid"), output_side(28, 3, 2, "same")
        (26, 14)
    """
    positions = side if padding == "same" else side - size + 1
    return max(-(-positions // stride), 0)


def convolve(
    picture: ArrayLike,
    kernel: ArrayLike,
    *,
    stride: int = 1,
    padding: Padding = "valid",
    turned: bool = False,
) -> Floats:
    """The weighted sums at all positions of the kernel.

    Args:
        picture: (height, width).
        kernel: (k, k).
        stride: between two positions.
        padding: "same" pads with zeros as Keras does: where their number is odd, the larger part is
            below and to the right.
        turned: rotate the kernel by 180 degrees first: a convolution in the strict sense.

    Returns:
        float64 (rows, columns).

    Raises:
        ValueError: the kernel is larger than the padded picture.

    Example:
        >>> convolve([[1, 2, 3], [4, 5, 6]], [[1, 0], [0, 1]])
        array([[6., 8.]])
    """
    windows = _windows(picture, _oriented(kernel, turned), stride, padding)
    sums: Floats = np.einsum("rcij,ij->rc", windows, _oriented(kernel, turned))
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
    """The sum at one position, written out.

    Args:
        picture: (height, width).
        kernel: (k, k).
        place: (row, column) of the output.
        stride: as in `convolve`.
        padding: as in `convolve`.
        turned: as in `convolve`.

    Raises:
        IndexError: the output has no such position.
    """
    oriented = _oriented(kernel, turned)
    windows = _windows(picture, oriented, stride, padding)
    row, column = place
    if not (0 <= row < windows.shape[0] and 0 <= column < windows.shape[1]):
        raise IndexError(f"the output has no place {place}: it is {windows.shape[:2]}")
    pixels = windows[row, column].copy()
    products = pixels * oriented
    return WindowStep(pixels, products, float(products.sum()))


def window_corner(
    place: tuple[int, int], side: int, size: int, *, stride: int, padding: Padding
) -> tuple[int, int]:
    """The picture's (row, column) under the kernel's upper left cell; negative in the padding."""
    padding_before = _pad(side, size, stride, padding)[0]
    return place[0] * stride - padding_before, place[1] * stride - padding_before


def pool(picture: ArrayLike, size: int, kind: Pooling) -> Floats:
    """The largest or the mean value of each square; a rest at the edges is dropped.

    This is Keras's pooling with padding "valid".

    Args:
        picture: (height, width).
        size: the side of a square, which is also the stride.
        kind: "max" or "average".

    Returns:
        float64 (height // size, width // size).

    Raises:
        ValueError: not one square fits in.

    Example:
        >>> pool([[1, 2, 5], [3, 4, 5]], 2, "max")
        array([[4.]])
    """
    values = np.asarray(picture, np.float64)
    rows, columns = values.shape[0] // size, values.shape[1] // size
    if not rows or not columns:
        raise ValueError(f"no {size}×{size} square fits into {values.shape[0]}×{values.shape[1]}")
    squares = values[: rows * size, : columns * size].reshape(rows, size, columns, size)
    pooled: Floats = squares.max(axis=(1, 3)) if kind == "max" else squares.mean(axis=(1, 3))
    return pooled


def _oriented(kernel: ArrayLike, turned: bool) -> Floats:
    values = np.asarray(kernel, np.float64)
    return values[::-1, ::-1] if turned else values


def _pad(side: int, size: int, stride: int, padding: Padding) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    needed = max((output_side(side, size, stride, padding) - 1) * stride + size - side, 0)
    return needed // 2, needed - needed // 2


def _windows(picture: ArrayLike, kernel: Floats, stride: int, padding: Padding) -> Floats:
    """The pixels under the kernel at each of its positions, (rows, columns, k, k)."""
    values = np.asarray(picture, np.float64)
    size = kernel.shape[0]
    padded = np.pad(values, [_pad(side, size, stride, padding) for side in values.shape])
    if min(padded.shape) < size:
        raise ValueError(f"a {size}×{size} kernel is larger than the picture")
    return sliding_window_view(padded, kernel.shape)[::stride, ::stride]
