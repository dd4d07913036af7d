"""Whether 28×28 pixels are a digit at all: a small network of its own, which helps any run.

A network that was trained on digits alone answers a digit to everything, often with confidence.
One that has seen many things that are no digits learns the difference, also for things it has not
seen: Hendrycks, Mazeika, Dietterich, "Deep anomaly detection with outlier exposure" (2019). Ours
has eleven classes, the ten digits and "none of them"; digitness is the probability of the ten. It
predicts five times, on the picture and on the picture moved by one pixel each way, and the mean of
the five logits counts: what hangs on one pixel is no good reason to refuse a digit.

`benchmarks/train_digit_gate.py` trains it and writes `digit_gate.npz`; how and from what is in
`digit_gate.json` beside it. Three convolutions of 3×3 with stride 2 and a dense layer, in NumPy:
five predictions take less than a millisecond for a digit, and need no TensorFlow.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core import ASSETS
from core.utils.validation import check_digits

DIGITNESS_WEIGHTS: Final = ASSETS / "digit_gate.npz"
NO_DIGIT_CLASS: Final = 10
"""Which of the eleven classes means "no digit"."""
DIGITNESS_THRESHOLD: Final = 0.07
"""Digitness, 0 to 1, below which something is no digit. Of the digits kept from the training 0.5 %
lie below it (the mean of six kinds), and 90 % of the no-digits (the mean of nineteen)."""
LIKELY_DIGITNESS: Final = 0.3
"""Digitness, 0 to 1, below which something else is clearly more likely than a digit."""
BATCH: Final = 32
"""Pictures that are rated at once, each five times."""
_SHIFTS: Final = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
"""Row and column where 28×28 pixels begin in the picture padded by one pixel: the middle first."""

FloatArray = NDArray[np.float32]
Weights = tuple[tuple[FloatArray, FloatArray], ...]
"""Kernel and bias of each layer: (9 · channels, filters) three times, then (2048, 11)."""


def digitness(pixels: NDArray[np.uint8]) -> FloatArray:
    """Rate how likely each picture is a digit.

    Args:
        pixels: uint8 (n, 28, 28), as `core.preprocessing.mnist_format.find_digit` prepares them.

    Returns:
        float32 (n,), 0 to 1.

    Raises:
        ValueError: another shape or dtype.

    Example:
        >>> empty = np.zeros((1, 28, 28), np.uint8)
        >>> bool(digitness(empty)[0] < DIGITNESS_THRESHOLD)
        True
    """
    # Here, since SciPy takes a fifth of a second to import, which a first paint need not wait for.
    from scipy.special import softmax

    check_digits(pixels)
    digitness_of_batch = [np.zeros(0, np.float32)]
    for start in range(0, len(pixels), BATCH):
        padded = np.pad(pixels[start : start + BATCH], ((0, 0), (1, 1), (1, 1)))
        shifted = [padded[:, y : y + 28, x : x + 28] for y, x in _SHIFTS]
        logits = forward(np.concatenate(shifted), _layers()).reshape(
            len(shifted), -1, NO_DIGIT_CLASS + 1
        )
        digitness_of_batch.append(
            softmax(logits.mean(axis=0), axis=1)[:, :NO_DIGIT_CLASS].sum(axis=1)
        )
    return np.concatenate(digitness_of_batch).astype(np.float32)


def forward(pixels: NDArray[np.uint8], layers: Weights) -> FloatArray:
    """The eleven logits of each picture, not moved: uint8 (n, 28, 28) to float32 (n, 11)."""
    activations = (pixels.astype(np.float32) / np.float32(255))[..., None]
    for kernel, bias in layers[:-1]:
        activations = np.maximum(_convolve(activations, kernel) + bias, 0)
    kernel, bias = layers[-1]
    return np.asarray(activations.reshape(len(activations), -1) @ kernel + bias, np.float32)


def _convolve(activations: FloatArray, kernel: FloatArray) -> FloatArray:
    """3×3, stride 2, zero padding of 1: (n, s, s, channels) to (n, s/2, s/2, filters)."""
    padded = np.pad(activations, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2]
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
    return np.asarray(patches @ kernel, np.float32)


@lru_cache(maxsize=1)
def _layers() -> Weights:
    """The weights that ship with the app, stored as float16."""
    with np.load(DIGITNESS_WEIGHTS) as stored:
        return tuple(
            (stored[f"kernel{k}"].astype(np.float32), stored[f"bias{k}"].astype(np.float32))
            for k in range(4)
        )
