"""What a network reads in a drawing, prepared as MNIST was and only resized."""

import numpy as np
from numpy.typing import NDArray

from core.inference.reader import read_digits
from core.lessons.measures import Drawing
from core.preprocessing.mnist_format import naive_resize
from core.preprocessing.page.detection import find_page
from core.utils.validation import Predict

_PAPER = 255


def read_drawing(picture: NDArray[np.uint8], ask: Predict, temperature: float) -> Drawing:
    """Read the first digit of a drawing.

    Args:
        picture: dark ink on white, RGB uint8 (h, w, 3).
        ask: of the network: digits, uint8 (n, 28, 28), to probabilities, float32 (n, 10).
        temperature: that calibrates them.

    Raises:
        PictureError: there is no digit.
    """
    page = find_page(picture, ink="dark", paper=_PAPER)
    reading = read_digits(page.digits[:1], ask, temperature)[0]
    naive = int(ask(naive_resize(picture)[None]).argmax())
    verdict = reading.verdict
    return Drawing(
        verdict.digit, verdict.confidence, verdict.kind, naive, reading.detection.digit.pixels
    )
