"""The detector: a small fully convolutional network that finds the digits of a picture.

For each pixel it gives the probability of a digit's ink and of a sign's (point, comma, minus,
slash), and on a grid of `STRIDE` pixels how likely each of `KINDS` has its center there, and where
the center lies as seen from each place. Ink whose offsets lead to one center is one digit,
whether it is broken, touches its neighbor or is crossed by a ruled line: Cheng et al. 2020,
"Panoptic-DeepLab", for instances; Zhou, Wang and Krähenbühl 2019, "Objects as points", for centers.

The network knows digits whose longer side is 11 to 52 pixels (`benchmarks._detector_scenes`).
`segmentation.find_segments` shows it a picture at several scales, so that each digit has that size
in one of them.

`benchmarks/train_detector.py` trains it on generated scenes and writes `detector.keras`, and how
and from what into `detector.json` beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from core import ASSETS
from core.preprocessing.background import GrayImage

if TYPE_CHECKING:
    import keras

DETECTOR_FILE: Final = ASSETS / "detector.keras"
Kind = Literal["digit", ".", ",", "-", "/"]
KINDS: Final[tuple[Kind, ...]] = ("digit", ".", ",", "-", "/")
"""What the network finds: a digit, a point, a comma, a minus, a slash."""
STRIDE: Final = 4
"""Pixels of the grid of centers and offsets."""
SIZE_MULTIPLE: Final = 8
"""Height and width of what the network is given are multiples of this."""
SURE_SCORE: Final = 0.55
"""From this probability of a center on, the detector is sure of a digit.

Of 300 training digits placed on a canvas 2.3 % get less, redrawn by pens 4.7 %; at 0.6 it would be
3.0 and 10.3 %.
"""
OFFSET_UNIT: Final = 16.0
"""Pixels that an offset of 1 stands for."""
_CONTRAST_WINDOW: Final = 49
"""Pixels of the square in which a tone is compared with its surroundings."""
_MIN_CONTRAST_TONES: Final = 6.0
"""Tones added to the standard deviation there: grain of flat paper stays small."""

MAX_COPIES: Final = 5
"""Pictures that the network is shown at once, at most."""

_TRACING: Final = Lock()

FloatArray = NDArray[np.float32]


class DetectorAnswer(NamedTuple):
    """What the network says about a picture of some height and width.

    Attributes:
        ink: float32 (height, width, 2): the probability of a digit's and of a sign's ink.
        centers: float32 (height / STRIDE, width / STRIDE, len(KINDS)): of a center of each kind.
        offsets: float32 (height / STRIDE, width / STRIDE, 2): pixels right and down to the center.
    """

    ink: FloatArray
    centers: FloatArray
    offsets: FloatArray


def to_input(gray: GrayImage) -> FloatArray:
    """What the network is given: tones, and tones relative to their surroundings.

    Args:
        gray: uint8 (height, width).

    Returns:
        float32 (height, width, 2).
    """
    tones = gray.astype(np.float32)
    window = (_CONTRAST_WINDOW, _CONTRAST_WINDOW)
    mean = cv2.blur(tones, window, borderType=cv2.BORDER_REFLECT)
    square = cv2.sqrBoxFilter(tones, cv2.CV_32F, window, borderType=cv2.BORDER_REFLECT)
    spread = np.sqrt(np.maximum(square - mean * mean, 0))
    relative = (tones - mean) / (spread + _MIN_CONTRAST_TONES)
    return np.stack([tones / 128 - 1, relative], axis=-1).astype(np.float32)


def build_detector() -> keras.Model:
    """The untrained network: (n, height, width, 2) to ink, centers and offsets, as logits."""
    import keras
    from keras import layers

    def conv(inputs: Any, filters: int, name: str, stride: int = 1, dilation: int = 1) -> Any:
        outputs = layers.Conv2D(
            filters, 3, strides=stride, dilation_rate=dilation, padding="same", use_bias=False,
            name=name,
        )(inputs)  # fmt: skip
        outputs = layers.BatchNormalization(name=f"{name}_normalized")(outputs)
        return layers.ReLU(name=f"{name}_active")(outputs)

    picture = keras.Input((None, None, 2), name="picture")
    half = conv(picture, 16, "half", stride=2)
    quarter = conv(half, 24, "quarter", stride=2)
    quarter = layers.Add(name="quarter_sum")([quarter, conv(quarter, 24, "quarter_2")])
    eighth = conv(quarter, 48, "eighth", stride=2)
    for dilation in (1, 2, 4, 8):
        wider = conv(eighth, 48, f"context_{dilation}", dilation=dilation)
        eighth = layers.Add(name=f"context_{dilation}_sum")([eighth, wider])
    up = layers.Conv2DTranspose(24, 2, strides=2, name="quarter_up")(eighth)
    quarter = conv(layers.Add(name="quarter_joined")([quarter, up]), 24, "quarter_3")
    places = layers.Conv2D(len(KINDS) + 2, 1, name="places")(quarter)
    up = layers.Conv2DTranspose(16, 2, strides=2, name="half_up")(quarter)
    half = conv(layers.Add(name="half_joined")([half, up]), 16, "half_2")
    ink = layers.Conv2D(8, 1, name="ink_of_blocks")(half)
    return keras.Model(picture, [ink, places], name="digit_detector")


@lru_cache(maxsize=1)
def load_detector() -> keras.Model:
    """The trained network that ships with the product."""
    import keras

    return keras.saving.load_model(DETECTOR_FILE, compile=False)


@lru_cache(maxsize=1)
def _traced() -> Any:
    """The network as one graph for `MAX_COPIES` pictures of any sizes, which run side by side."""
    import tensorflow as tf

    model = load_detector()

    @tf.function(input_signature=[[tf.TensorSpec((1, None, None, 2), tf.float32)] * MAX_COPIES])
    def run(copies: list[Any]) -> list[tuple[Any, Any, Any]]:
        answers = []
        for copy in copies:
            ink, places = model(copy, training=False)
            ink = tf.sigmoid(tf.nn.depth_to_space(ink, 2))
            centers, offsets = tf.sigmoid(places[0, ..., :-2]), OFFSET_UNIT * places[0, ..., -2:]
            answers.append((ink[0], centers, offsets))
        return answers

    run.get_concrete_function()
    return run


def trace() -> None:
    """Load the network and trace its graph, so that no later picture waits for that."""
    # Locked: two visitors who bring the first pictures of a server must not both trace it.
    with _TRACING:
        _traced()


def detect(copies: Sequence[GrayImage]) -> list[DetectorAnswer]:
    """Show the network pictures.

    Args:
        copies: at most `MAX_COPIES`, each uint8 (height, width), both multiples of `SIZE_MULTIPLE`.

    Returns:
        For each its ink, centers and offsets.
    """
    trace()
    nothing = np.zeros((1, SIZE_MULTIPLE, SIZE_MULTIPLE, 2), np.float32)
    inputs = [to_input(copy)[None] for copy in copies]
    answers = _traced()(inputs + [nothing] * (MAX_COPIES - len(inputs)))
    return [
        DetectorAnswer(*(output.numpy() for output in answer)) for answer in answers[: len(inputs)]
    ]
