"""The digit detector opened: what it finds at each scale of a picture, its layers, its kernels.

The detector (`core.preprocessing.page.detector`) is no run: it reads a picture of any size, and no
28×28 digit. It is shown the same copies of a picture here as when a page of digits is read.
TensorFlow is imported when something is computed, not before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from core.data.statistics import split_of
from core.explain.kernels import Kernels
from core.preprocessing.background import GrayImage, to_gray
from core.preprocessing.mnist_format import check_picture
from core.preprocessing.page import detector
from core.preprocessing.page.segmentation import (
    MIN_INK,
    copy_sides,
    find_peaks,
    padded_copy,
)
from core.utils.validation import read_only, read_only_copy

if TYPE_CHECKING:
    import keras

Maps = NDArray[np.float32]
InkKind = Literal["digit", "sign"]
INK_KINDS: Final[tuple[InkKind, InkKind]] = ("digit", "sign")
"""The kinds of ink that the detector tells apart; in `CopyAnswer.ink` 1 and 2."""
REBUILD_COMMAND: Final = "python -m benchmarks.train_detector FOLDER"
"""The command that trains the detector again, where no record tells how it was trained."""
_KIND_NAMES: Final = ("digit", "point", "comma", "minus", "slash")
"""Of `detector.KINDS`."""
_RECORD_FILE: Final = detector.DETECTOR_FILE.with_suffix(".json")

_PAPER, _RULE, _INK = 246, 214, 52
"""Tones of the example page."""
_SQUARE_PX: Final = 24
_DIGIT_PX: Final = 72
_LINES: Final = (("19.59", 48), ("4168-27", 168), ("30.72", 288))
"""What is written on the example page, and how far from its top, in pixels."""
_STEP_PX: Final = 62


class TrainingRecord(BaseModel):
    """How the detector was trained, as `benchmarks/train_detector.py` has written it.

    Attributes:
        command: the command that trains it again.
        date: when its training ended.
        seed: of the random numbers.
        steps: of the optimizer.
        scenes: the generated pictures that it learned from.
    """

    command: str
    date: datetime
    seed: int
    steps: int = Field(ge=1)
    scenes: int = Field(ge=1)


@dataclass(frozen=True)
class DetectorLayer:
    """A layer of the detector.

    Attributes:
        name: its name in the Keras model.
        description: what it is, such as "Conv2D 16 kernels 3×3, stride 2".
        maps: the number of maps (channels) that it gives.
        parameters: the number of its parameters.
        has_kernels: whether it is a convolution.
        batch_norm: the name of the batch normalization right after it; None if there is none.
    """

    name: str
    description: str
    maps: int
    parameters: int
    has_kernels: bool
    batch_norm: str | None


@dataclass(frozen=True)
class Center:
    """A place where the detector sees the center of a digit or a sign.

    Attributes:
        kind: "digit" or "sign".
        x, y: in pixels of the copy, from its left and top edge.
        probability: how sure the detector is, 0 to 1.
    """

    kind: InkKind
    x: int
    y: int
    probability: float


@dataclass(frozen=True, eq=False)
class CopyAnswer:
    """What the detector finds in one copy of a picture.

    Attributes:
        side: the longer side of the copy without the room around it, in pixels.
        pixels: the copy as the detector is shown it, uint8 (height, width).
        ink: uint8 (height, width): 1 where a pixel is a digit's ink, 2 where it is a sign's (with a
            probability of at least `MIN_INK`; of both the more probable), 0 elsewhere.
        centers: the surest first.
    """

    side: int
    pixels: GrayImage
    ink: NDArray[np.uint8]
    centers: tuple[Center, ...]

    def count(self, kind: InkKind) -> int:
        """The number of centers of that kind."""
        return sum(center.kind == kind for center in self.centers)


def training_record(file: Path = _RECORD_FILE) -> TrainingRecord | None:
    """How the detector was trained; None if the record is missing or cannot be read.

    Args:
        file: the record.
    """
    try:
        return TrainingRecord.model_validate(json.loads(file.read_bytes()))
    except (OSError, ValueError, ValidationError):
        return None


@lru_cache(maxsize=1)
def example_page() -> GrayImage:
    """Test digits of the sample and three signs, in dark ink on squared paper.

    Returns:
        uint8 (384, 480), read-only; the same each time.
    """
    page = np.full((384, 480), _PAPER, np.uint8)
    page[::_SQUARE_PX] = page[:, ::_SQUARE_PX] = _RULE
    ink = np.zeros(page.shape, np.float32)
    test = split_of("mnist-sample", "test")
    used = dict.fromkeys(range(10), 0)
    for text, top in _LINES:
        left = 12
        for character in text:
            if character.isdigit():
                index = int(np.flatnonzero(test.labels == int(character))[used[int(character)]])
                used[int(character)] += 1
                _write_digit(ink, test.images[index], left, top)
                left += _STEP_PX
            else:
                _write_sign(ink, character, left, top)
                left += _STEP_PX // 2
    return read_only(np.rint(page + (_INK - page.astype(np.float32)) * ink).astype(np.uint8))


def _write_digit(ink: Maps, digit: NDArray[np.uint8], left: int, top: int) -> None:
    large = cv2.resize(digit, (_DIGIT_PX, _DIGIT_PX), interpolation=cv2.INTER_LINEAR)
    window = ink[top : top + _DIGIT_PX, left : left + _DIGIT_PX]
    np.maximum(window, large[:, : window.shape[1]] / np.float32(255), out=window)


def _write_sign(ink: Maps, sign: str, left: int, top: int) -> None:
    """Write a minus in the middle of the line, or a point at its foot."""
    if sign == "-":
        middle = top + _DIGIT_PX // 2
        cv2.line(ink, (left + 6, middle), (left + 28, middle), 1.0, 4, cv2.LINE_AA)
    else:
        cv2.circle(ink, (left + 12, top + 60), 4, 1.0, -1, cv2.LINE_AA)


def answers(picture: NDArray[np.uint8]) -> tuple[CopyAnswer, ...]:
    """Show the detector a picture at each scale.

    Args:
        picture: uint8 (height, width) gray, (height, width, 3) RGB or (height, width, 4) RGBA.

    Returns:
        What it finds in each copy, the largest copy first.

    Raises:
        PictureError: the picture is too small for a digit.
    """
    check_picture(picture)
    gray = to_gray(picture)
    sides = list(copy_sides(gray))
    copies = [padded_copy(gray, side)[0] for side in sides]
    return tuple(map(_answer, sides, copies, detector.detect(copies)))


def _answer(side: int, pixels: GrayImage, answer: detector.DetectorAnswer) -> CopyAnswer:
    ink, chances, _ = answer
    kinds = np.where(ink.max(axis=-1) >= MIN_INK, 1 + ink.argmax(axis=-1), 0).astype(np.uint8)
    centers = [
        Center(kind, _middle(column), _middle(row), chance)
        for kind, chance_of_kind in zip(
            INK_KINDS, (chances[..., 0], chances[..., 1:].max(axis=-1)), strict=True
        )
        for (row, column), chance in find_peaks(chance_of_kind)
    ]
    centers.sort(key=lambda center: -center.probability)
    return CopyAnswer(side, pixels, kinds, tuple(centers))


def _middle(cell: int) -> int:
    """The pixel in the middle of a cell of the detector's grid."""
    return (2 * cell + 1) * detector.STRIDE // 2


def parameter_count() -> int:
    """The number of the detector's parameters."""
    return int(detector.load_detector().count_params())


@lru_cache(maxsize=1)
def detector_layers() -> tuple[DetectorLayer, ...]:
    """The layers of the detector, from its input to its two outputs."""
    layers = detector.load_detector().layers
    names = {layer.name for layer in layers}
    return tuple(
        DetectorLayer(
            layer.name,
            _description(layer),
            int(layer.output.shape[-1]),
            int(layer.count_params()),
            _is_convolution(layer),
            after if (after := f"{layer.name}_normalized") in names else None,
        )
        for layer in layers
    )


def _is_convolution(layer: keras.Layer) -> bool:
    return type(layer).__name__ in {"Conv2D", "Conv2DTranspose"}


def _description(layer: keras.Layer) -> str:
    """What a layer is, in words."""
    if _is_convolution(layer):
        height, width = layer.kernel_size
        transposed = "Transposed " if type(layer).__name__ == "Conv2DTranspose" else ""
        words = f"{transposed}Conv2D {layer.filters} kernels {height}×{width}"
        stride, dilation = layer.strides[0], layer.dilation_rate[0]
        words += f", stride {stride}" if stride > 1 else ""
        return words + (f", dilation {dilation}" if dilation > 1 else "")
    words_of: Mapping[str, str] = {
        "InputLayer": "Input",
        "BatchNormalization": "Batch normalization",
        "ReLU": "Activation relu",
        "Add": "Sum of the maps of two layers",
    }
    kind = type(layer).__name__
    return words_of.get(kind, kind)


def map_name(layer: str, number: int) -> str:
    """What a map of the input or of an output stands for; empty for every other layer.

    Args:
        layer: the name of the layer.
        number: the number of the map, from 0.
    """
    if layer == "picture":
        return ("tones", "tones relative to their surroundings")[number]
    if layer == "places":
        unit = f"unit {detector.OFFSET_UNIT:g} pixels"
        return (
            *(f"logit of a {name}'s center" for name in _KIND_NAMES),
            f"offset to the center, to the right, {unit}",
            f"offset to the center, down, {unit}",
        )[number]
    if layer == "ink_of_blocks":
        block, kind = divmod(number, 2)
        row, column = ("upper", "lower")[block // 2], ("left", "right")[block % 2]
        return f"logit of a {INK_KINDS[kind]}'s ink, {row} {column} pixel of a block of 2×2"
    return ""


@lru_cache(maxsize=64)
def _model_up_to(layer: str) -> Any:
    """The detector from its input to the output of a layer."""
    import keras

    model = detector.load_detector()
    return keras.Model(model.input, model.get_layer(layer).output)


def layer_maps(pixels: GrayImage, layer: str) -> Maps:
    """The feature maps of a layer for a copy of a picture.

    Batch normalization works in inference mode.

    Args:
        pixels: the copy, uint8 (height, width), both multiples of `detector.SIZE_MULTIPLE`.
        layer: the name of the layer.

    Returns:
        float32 (rows, columns, maps), read-only.

    Raises:
        ValueError: there is no such layer.
    """
    outputs = _model_up_to(layer)(detector.to_input(pixels)[None], training=False)
    return read_only_copy(np.asarray(outputs, np.float32)[0])


def shrink_maps(maps: Maps, most: int) -> Maps:
    """Shrink maps to at most `most` places a side, by the mean of the places that become one.

    Args:
        maps: float32 (rows, columns, maps).
        most: rows or columns that are left at most, from 1.

    Returns:
        float32 (rows, columns, maps); the same array if it is small enough.
    """
    rows, columns, count = maps.shape
    factor = most / max(rows, columns)
    if factor >= 1:
        return maps
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    shrunk = [
        cv2.resize(np.ascontiguousarray(maps[..., k]), size, interpolation=cv2.INTER_AREA)
        for k in range(count)
    ]
    return np.stack(shrunk, axis=-1).astype(np.float32)


def detector_kernels(layer: str) -> Kernels | None:
    """The kernels of a layer of the detector.

    Args:
        layer: the name of the layer.

    Returns:
        Its kernels; None if it is no convolution.

    Raises:
        ValueError: there is no such layer.
    """
    convolution = detector.load_detector().get_layer(layer)
    if not _is_convolution(convolution):
        return None
    weights = np.asarray(convolution.kernel, np.float32)
    if type(convolution).__name__ == "Conv2DTranspose":
        weights = weights.transpose(0, 1, 3, 2)  # Keras has the channels that it reads last
    bias = (
        read_only_copy(np.asarray(convolution.bias, np.float32)) if convolution.use_bias else None
    )
    return Kernels(layer, read_only_copy(weights), bias, spatial=True, dense=False)
