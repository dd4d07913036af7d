"""Pictures as arrays: colors for numbers, tiles on a sheet, digits with boxes, PNG encoding.

Numbers of both signs have the diverging colors of `core.figures.style` with zero in the middle.
Numbers that are nowhere negative use its blue half alone, so that zero and positive values look the
same in both. Many digits on one sheet are one small file instead of a hundred.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.figures.style import (
    ANSWER_COLOR,
    DIVERGING_SCALES,
    OTHER_COLOR,
    TEXT_COLORS,
    Theme,
    rgb,
    theme_name,
)

if TYPE_CHECKING:
    from core.explain.layer_geometry import FeatureMaps, ReceptiveField

ColorScale = Literal["each", "common"]
BORDER_PX: Final = 1
_STEPS: Final = 511
"""Colors in the table, an odd number, so that zero has one of its own."""


def balanced_columns(count: int, most: int) -> int:
    """The number of columns, at most `most`, that fills the last row of `count` tiles best.

    Example:
        >>> balanced_columns(18, 16)
        9
    """
    rows = -(-count // most)
    return -(-count // rows)


def feature_map_sheet(
    values: FeatureMaps,
    *,
    columns: int,
    scale: ColorScale,
    theme: str | None,
    zoom: int = 1,
    end: float | None = None,
    border_px: int = BORDER_PX,
) -> NDArray[np.uint8]:
    """Maps (h, w, n), n > 0, as tiles row by row, `columns` a row: RGB uint8.

    A tile has `zoom` pixels a side for each value, and a border of `border_px` around it, 1 px.
    `scale`: "each", a map's colors end at its own largest absolute value; "common", at that of all
    (always so for single numbers, 1×1); `end` says at which instead. What is left of the last row
    has the border's color, and so have values that are not finite. Raises ValueError without a
    column, a pixel or a map.
    """
    height, width, n = values.shape
    if columns < 1 or zoom < 1 or not n:
        raise ValueError(f"a sheet has columns, pixels and maps, not {columns}, {zoom} and {n}")
    ends: NDArray[np.float32] | float = _ends(values) if end is None else end
    if scale == "common" or height * width == 1:
        ends = float(np.max(ends))
    sheet = tile_images(
        colorize(values, ends, theme),
        columns,
        zoom=zoom,
        border_px=border_px,
        rest=(*rgb(OTHER_COLOR), 255),
    )
    return np.ascontiguousarray(sheet[..., :3])


def tile_images(
    pictures: NDArray[np.uint8],
    columns: int,
    *,
    zoom: int,
    border_px: int,
    rest: tuple[int, ...],
    borders_shared: bool = False,
) -> NDArray[np.uint8]:
    """Pictures as tiles row by row, each in a gray border, enlarged.

    Args:
        pictures: RGB uint8 (h, w, n, 3).
        columns: how many stand in a row, from 1.
        zoom: pixels a side for each one of a picture, from 1.
        border_px: the border's width.
        rest: red, green, blue and opacity of what is left of the last row.
        borders_shared: whether neighbors have one border between them, or each its own.

    Returns:
        RGBA uint8 (height, width, 4).
    """
    tiles = pictures.transpose(2, 0, 1, 3).repeat(zoom, axis=1).repeat(zoom, axis=2)
    n, height, width, _ = tiles.shape
    both = 2 * border_px
    last = border_px if borders_shared else 0  # pixels of a tile that its neighbor has too
    down, across = height + both - last, width + both - last
    sheet = np.empty((-(-n // columns) * down + last, columns * across + last, 4), np.uint8)
    sheet[:] = rest
    for number, tile in enumerate(tiles):
        top, left = number // columns * down, number % columns * across
        framed = sheet[top : top + height + both, left : left + width + both]
        framed[:] = (*rgb(OTHER_COLOR), 255)
        framed[border_px : border_px + height, border_px : border_px + width, :3] = tile
    return sheet


def colorize(
    values: NDArray[np.floating[Any]],
    end: NDArray[np.float32] | float,
    theme: str | None,
    *,
    steps: int | None = _STEPS,
) -> NDArray[np.uint8]:
    """Map values of any shape to colors, uint8 (..., 3): red -`end`, blue `end`, 0 in the middle.

    `end` may differ for what stands last in `values`; what is beyond it has the last color. The
    colors are looked up in a table of so many `steps`; None mixes a color for each value, which
    takes longer. What is not finite is gray.
    """
    finite = np.isfinite(values)
    safe = np.where(np.asarray(end) > 0, end, 1.0)
    part = np.clip(np.where(finite, values, 0.0) / safe, -1, 1)
    last = len(_colors(theme)) - 1
    if steps is None:
        colors = _mixed((part + 1) / 2 * last, theme)
    else:
        places = np.rint((part + 1) / 2 * (steps - 1)).astype(np.intp)
        colors = _mixed(np.linspace(0, last, steps), theme)[places]
    colors[~finite] = rgb(OTHER_COLOR)
    return colors


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """A picture, RGB uint8 (h, w, 3) or gray (h, w), as a PNG file."""
    colors = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".png", colors)
    if not done:
        raise RuntimeError("OpenCV cannot write PNG files here")
    return encoded.tobytes()


def png_url(picture: NDArray[np.uint8]) -> str:
    """A picture as a data URL with its PNG file, for a page's HTML."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(picture)).decode()}"


def css_gradient(theme: str | None) -> str:
    """The diverging colors as a CSS gradient from left to right, for a legend."""
    return f"linear-gradient(to right, {', '.join(_colors(theme))})"


def _ends(values: FeatureMaps) -> NDArray[np.float32]:
    """Each map's largest absolute value that is finite, float32 (n,)."""
    sizes = np.where(np.isfinite(values), np.abs(values), 0)
    return np.asarray(sizes.max(axis=(0, 1)), np.float32)


def _colors(theme: str | None) -> tuple[str, ...]:
    return DIVERGING_SCALES[theme_name(theme)]


def _mixed(places: NDArray[np.floating[Any]], theme: str | None) -> NDArray[np.uint8]:
    """The colors at places among the theme's own, counted from 0: (...) to uint8 (..., 3)."""
    stops = np.array([rgb(color) for color in _colors(theme)], np.float64)
    mixed = [np.interp(places, np.arange(len(stops)), stops[:, k]) for k in range(3)]
    return np.asarray(np.rint(np.stack(mixed, axis=-1)), np.uint8)


ATTRIBUTION_ZOOM: Final = 10
"""Pixels a side for each pixel of the digit."""
_HALF: Final = 127
_LINE: Final = 2


def attribution_overlay(
    values: NDArray[np.float32], image: NDArray[np.uint8], theme: Theme = "light"
) -> NDArray[np.uint8]:
    """A map (28, 28) in colors, red below zero and blue above, with a digit's outline: RGB uint8.

    The strongest colors are the largest magnitude, positive or negative; a map of zeros has the
    color in the middle. `image`: uint8 (28, 28); its outline is where its ink is half strong.
    """
    colors = colorize(values, float(np.abs(values).max()), theme)
    picture = colors.repeat(ATTRIBUTION_ZOOM, axis=0).repeat(ATTRIBUTION_ZOOM, axis=1)
    large = cv2.resize(
        image, None, fx=ATTRIBUTION_ZOOM, fy=ATTRIBUTION_ZOOM, interpolation=cv2.INTER_LINEAR
    )
    ink = (large > _HALF).astype(np.uint8)
    lines, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, lines, -1, rgb(TEXT_COLORS[theme]), _LINE)
    return picture


def digit_sheet_png(images: NDArray[np.uint8], columns: int) -> bytes:
    """Digits row by row as a PNG: uint8 (n, 28, 28), n > 0, to a gray picture, black on white.

    The last row is filled up with white.
    """
    return png_bytes(_digit_sheet(images, columns))


def digit_sheet_url(images: NDArray[np.uint8], columns: int) -> str:
    """Digits as in `digit_sheet_png`, as a data URL for a page's HTML."""
    return png_url(_digit_sheet(images, columns))


def _digit_sheet(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    n, height, width = images.shape
    rows = -(-n // columns)
    filled = np.zeros((rows * columns, height, width), np.uint8)
    filled[:n] = images
    whole = filled.reshape(rows, columns, height, width).swapaxes(1, 2)
    return np.asarray(255 - whole.reshape(rows * height, columns * width), np.uint8)


def receptive_field_box(
    image: NDArray[np.uint8], field: ReceptiveField | None, zoom: int
) -> NDArray[np.uint8]:
    """A digit, uint8 (28, 28), black on white, with a box around a receptive field: RGB uint8.

    `zoom`: pixels a side for each pixel of the digit. The box lies just inside the field's edge and
    has a white line within, so that it can be seen on ink too. Without a field there is no box.
    """
    gray = (255 - image).repeat(zoom, axis=0).repeat(zoom, axis=1)
    picture = np.repeat(gray[..., None], 3, axis=2)
    if field is None:
        return picture
    top, bottom = field.rows.first * zoom, (field.rows.last + 1) * zoom
    left, right = field.columns.first * zoom, (field.columns.last + 1) * zoom
    for inset, color in ((_LINE, (255, 255, 255)), (0, rgb(ANSWER_COLOR))):
        _frame(picture[top + inset : bottom - inset, left + inset : right - inset], color)
    return picture


def _frame(part: NDArray[np.uint8], color: tuple[int, ...]) -> None:
    """Draw a line along the edge of a part of a picture."""
    part[:_LINE] = part[-_LINE:] = color
    part[:, :_LINE] = part[:, -_LINE:] = color


_LINE_PX: Final = 2


def kernel_grid(
    kernels: NDArray[np.float32],
    columns: int,
    *,
    end: float,
    zoom: int = 8,
    theme: Literal["light", "dark"] = "light",
) -> NDArray[np.uint8]:
    """Kernels (height, width, n) side by side, `columns` a row: a picture uint8 (h, w, 4), RGBA.

    `end` is the absolute weight at either end of the colors (`color_limit` of all that is
    compared); a weight of zero has the color in the middle. Each weight is a square of `zoom`
    pixels; gray lines of 2 pixels stand around each kernel, and what is left of the last row is
    transparent. Weights that are not finite are gray too. Raises ValueError unless there is at
    least one column and one pixel a weight.
    """
    if columns < 1 or zoom < 1:
        raise ValueError(f"a grid has at least one column and pixel, not {columns} and {zoom}")
    colors = colorize(kernels.astype(np.float64), end, theme, steps=None)
    return tile_images(
        colors,
        min(kernels.shape[2], columns),
        zoom=zoom,
        border_px=_LINE_PX,
        borders_shared=True,
        rest=(0, 0, 0, 0),
    )


_PLAYGROUND_ZOOM: Final = 12
"""Pixels a side for each pixel of the digit."""
_POSITIVE_RGB: Final = (33, 102, 172)
_NEGATIVE_RGB: Final = (178, 24, 43)
"""The blue and the red of ColorBrewer's RdBu, on white as on paper, in both themes."""
_FRAME: Final = rgb(ANSWER_COLOR)


def gray_digit(image: NDArray[np.float64], kernel: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A digit, (28, 28) from 0 to 1, black on white, with a frame: RGB, uint8.

    `kernel`: the frame's first row and column, and its side, in pixels of the digit; what lies in
    the padding is cut off, but for a border of one pixel of the digit's.
    """
    gray = np.rint(255 * (1 - image)).astype(np.uint8)
    picture = _enlarged(np.repeat(np.pad(gray, 1, constant_values=255)[..., None], 3, axis=2))
    row, column, side = kernel
    _draw_window(picture, row + 1, column + 1, side)
    return picture


def signed_image(values: NDArray[np.float64], place: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Numbers as colors, (rows, columns) to RGB uint8: white 0, blue positive, red negative.

    The strongest color is the largest magnitude. `place`: a cell to be framed.
    """
    largest = float(np.abs(values).max()) or 1.0
    amount = np.abs(values)[..., None] / largest
    color = np.where(values[..., None] >= 0, _POSITIVE_RGB, _NEGATIVE_RGB)
    picture = _enlarged(np.rint(255 + (color - 255) * amount).astype(np.uint8))
    if place:
        _draw_window(picture, *place, 1)
    return picture


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture.repeat(_PLAYGROUND_ZOOM, axis=0).repeat(_PLAYGROUND_ZOOM, axis=1)


def _draw_window(picture: NDArray[np.uint8], row: int, column: int, side: int) -> None:
    top, left = max(row * _PLAYGROUND_ZOOM, 0), max(column * _PLAYGROUND_ZOOM, 0)
    bottom = min((row + side) * _PLAYGROUND_ZOOM, picture.shape[0])
    right = min((column + side) * _PLAYGROUND_ZOOM, picture.shape[1])
    for part in (
        (slice(top, top + 2), slice(left, right)),
        (slice(bottom - 2, bottom), slice(left, right)),
        (slice(top, bottom), slice(left, left + 2)),
        (slice(top, bottom), slice(right - 2, right)),
    ):
        picture[part] = _FRAME
