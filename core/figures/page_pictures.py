"""A small picture for each page, made of a run's own results: for the home page."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.data.normalization import scale
from core.explain.convolution import convolve
from core.explain.kernels import first_layer_kernels
from core.figures.images import feature_map_sheet
from core.figures.style import (
    ANSWER_COLOR,
    DIGIT_COLORS,
    OTHER_COLOR,
    TEXT_COLORS,
    rgb,
    theme_name,
)
from core.runs.run import Run
from core.utils.errors import RunError

Picture = NDArray[np.uint8]
WIDTH: Final = 260
HEIGHT: Final = 130
_PAPER: Final = {"light": "#ffffff", "dark": "#0e1218"}
_SHARP: Final = 2
"""Pixels of the picture for each pixel on the screen."""
_MAPS: Final = 8
_ZOOM: Final = 5


def digits_picture(images: NDArray[np.uint8]) -> Picture:
    """Ten digits in two rows, dark on white, whatever the theme.

    Args:
        images: uint8 (10, 28, 28), white on black.

    Returns:
        RGB uint8 (2 · 130, 2 · 260, 3).
    """
    rows = np.vstack([np.hstack(list(images[:5])), np.hstack(list(images[5:10]))])
    large = cv2.resize(255 - rows, (_SHARP * WIDTH, _SHARP * HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.repeat(np.asarray(large, np.uint8)[..., None], 3, axis=2)


def matrix_picture(
    counts: NDArray[np.intp], worst: tuple[int, int] | None, theme: str | None
) -> Picture:
    """A confusion matrix without its numbers, the errors in color, one cell framed.

    Args:
        counts: (10, 10), labels in rows.
        worst: label and answer of the cell to frame; None frames none.
        theme: "dark" or another: of the page.

    Returns:
        RGB uint8 (2 · 130, 2 · 130, 3).
    """
    side = _SHARP * HEIGHT // 10
    errors = counts.astype(np.float64)
    np.fill_diagonal(errors, 0)
    strength = np.log1p(errors) / max(np.log1p(errors.max()), 1e-9)
    paper = np.array(rgb(_PAPER[theme_name(theme)]), np.float64)
    color = np.array(rgb(DIGIT_COLORS[6]), np.float64)
    cells = paper + (0.08 + 0.92 * strength[..., None]) * (color - paper)
    right = np.array(rgb(ANSWER_COLOR), np.float64)
    cells[np.arange(10), np.arange(10)] = right
    picture = np.rint(cells).astype(np.uint8).repeat(side, axis=0).repeat(side, axis=1)
    for edge in range(0, 10 * side, side):
        picture[edge : edge + _SHARP] = paper
        picture[:, edge : edge + _SHARP] = paper
    if worst:
        top, left = worst[0] * side, worst[1] * side
        frame = (left, top), (left + side, top + side)
        cv2.rectangle(picture, *frame, rgb(TEXT_COLORS[theme_name(theme)]), 2 * _SHARP)
    return picture


def curve_picture(losses: Sequence[Sequence[float]], theme: str | None) -> Picture:
    """Loss curves without axes: the first in the answers' color, the others in gray's neighbor.

    Args:
        losses: the curves, each with a value an epoch; values that are not finite are left out.
        theme: "dark" or another: of the page.

    Returns:
        RGB uint8 (2 · 130, 2 · 260, 3).
    """
    height, width, margin = _SHARP * HEIGHT, _SHARP * WIDTH, 12 * _SHARP
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = rgb(_PAPER[theme_name(theme)])
    curves = [np.array(curve, np.float64) for curve in losses]
    finite = np.concatenate([curve[np.isfinite(curve)] for curve in curves] or [np.zeros(1)])
    top = float(finite.max()) if len(finite) else 1.0
    bottom = (margin, height - margin)
    axis = rgb(OTHER_COLOR)
    cv2.line(picture, bottom, (width - margin, height - margin), axis, _SHARP)
    cv2.line(picture, bottom, (margin, margin), axis, _SHARP)
    for curve, color in zip(curves, (DIGIT_COLORS[0], DIGIT_COLORS[6]), strict=False):
        steps = np.linspace(margin, width - margin, max(len(curve), 2))[: len(curve)]
        heights = height - margin - curve / max(top, 1e-9) * (height - 2 * margin)
        known = np.isfinite(heights)
        points = np.stack([steps[known], heights[known]], axis=1)
        line = np.rint(points).astype(np.int32)
        cv2.polylines(picture, [line], False, rgb(color), 2 * _SHARP, cv2.LINE_AA)
        for point in line.tolist():
            cv2.circle(picture, tuple(point), 4 * _SHARP, rgb(color), cv2.FILLED, cv2.LINE_AA)
    return picture


def first_maps_picture(run: Run, image: NDArray[np.uint8], theme: str | None) -> Picture | None:
    """What the strongest kernels of a run's first layer answer to a digit.

    They are sums before bias and activation, with the kernels of the last epoch that is kept, so
    that TensorFlow is not needed.

    Args:
        run: of any network.
        image: the digit, uint8 (28, 28).
        theme: "dark" or another: of the page.

    Returns:
        RGB uint8 (h, 2 h, 3); None if the run's first layer is no convolution, or keeps no weights
        that can be read.
    """
    kept = run.epochs()
    recipe = run.info.recipe
    try:
        kernels = first_layer_kernels(run.epoch_weights(kept[-1]), recipe) if kept else None
    except RunError:
        return None
    if kernels is None or kernels.shape[0] == len(image):  # a dense layer reads all pixels at once
        return None
    strongest = np.argsort(-np.square(kernels).sum(axis=(0, 1)), kind="stable")[:_MAPS]
    pixels = scale(image[None], recipe.scaling)[0, ..., 0]
    maps = [convolve(pixels, kernels[..., kernel], padding="same") for kernel in strongest]
    values = np.asarray(np.stack(maps, axis=-1), np.float32)
    columns = min(len(maps), _MAPS // 2)
    return feature_map_sheet(values, columns=columns, scale="each", theme=theme, zoom=_ZOOM)
