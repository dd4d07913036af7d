"""Whether 28×28 pixels are a digit at all: a small network of its own, that helps any run.

A network that was trained on digits alone answers a digit to everything, often with confidence.
One that was shown many things that are no digits learns the difference, also for things it was not
shown: Hendrycks, Mazeika, Dietterich, "Deep anomaly detection with outlier exposure" (2019). Ours
has eleven answers, the ten digits and "none of them"; digitness is the probability of the ten. It
is asked five times, on the picture and on it moved by one pixel each way, and the mean of the five
logits is taken: what hangs on one pixel is no good reason to refuse a digit.

`benchmarks/train_digit_gate.py` trains it and writes `data/digit_gate.npz`; how and from what is in
`data/digit_gate.json`. Three convolutions of 3×3 with stride 2 and a dense layer, in NumPy: five
times that take less than a millisecond for a digit, and need no TensorFlow.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import softmax

from core import ASSETS
from core.utils.validation import check_digits

DIGITNESS_WEIGHTS: Final = ASSETS / "digit_gate.npz"
NO_DIGITNESS: Final = 10
"""Which of the eleven answers means "no digit"."""
DIGITNESS_THRESHOLD: Final = 0.07
"""Digitness, 0 to 1. Of the digits kept from the gate 0.5 % lie below it (the mean of six kinds),
and 90 % of the no-digits (the mean of nineteen)."""
WEAKLY_A_DIGIT: Final = 0.3
"""Digitness below which a piece of a photo may be only a part of a digit, and a photo in which
nothing has more is looked at again."""
BATCH: Final = 32
"""Pictures that are asked at once, each five times."""
_MOVES: Final = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
"""Where 28×28 pixels begin in the picture with one pixel around it: in the middle, then moved."""

Floats = NDArray[np.float32]
Layers = tuple[tuple[Floats, Floats], ...]
"""Kernel and bias of each layer: (9 · channels, filters) three times, then (2048, 11)."""


def digitness(pixels: NDArray[np.uint8]) -> Floats:
    """How likely each picture is a digit: uint8 (n, 28, 28) to float32 (n,), 0 to 1.

    What is asked is what `core.preprocessing.mnist_format.find_digit` gives. Raises ValueError for
    any other shape or dtype.
    """
    check_digits(pixels)
    answers = [np.zeros(0, np.float32)]
    for first in range(0, len(pixels), BATCH):
        ringed = np.pad(pixels[first : first + BATCH], ((0, 0), (1, 1), (1, 1)))
        moved = [ringed[:, y : y + 28, x : x + 28] for y, x in _MOVES]
        logits = forward(np.concatenate(moved), _layers()).reshape(len(moved), -1, NO_DIGITNESS + 1)
        answers.append(softmax(logits.mean(axis=0), axis=1)[:, :NO_DIGITNESS].sum(axis=1))
    return np.concatenate(answers).astype(np.float32)


def forward(pixels: NDArray[np.uint8], layers: Layers) -> Floats:
    """The eleven logits of each picture as it is, float32 (n, 11)."""
    seen = (pixels.astype(np.float32) / np.float32(255))[..., None]
    for kernel, bias in layers[:-1]:
        seen = np.maximum(_convolved(seen, kernel) + bias, 0)
    kernel, bias = layers[-1]
    return np.asarray(seen.reshape(len(seen), -1) @ kernel + bias, np.float32)


def _convolved(seen: Floats, kernel: Floats) -> Floats:
    """3×3, stride 2, one pixel of zeros around: (n, s, s, channels) to (n, s/2, s/2, filters)."""
    ringed = np.pad(seen, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = sliding_window_view(ringed, (3, 3), axis=(1, 2))[:, ::2, ::2]
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
    return np.asarray(patches @ kernel, np.float32)


@lru_cache(maxsize=1)
def _layers() -> Layers:
    """The weights that ship, stored as float16."""
    with np.load(DIGITNESS_WEIGHTS) as stored:
        return tuple(
            (stored[f"kernel{k}"].astype(np.float32), stored[f"bias{k}"].astype(np.float32))
            for k in range(4)
        )
