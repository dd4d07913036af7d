"""What layers give, as pictures: feature maps side by side, each a tile with a grey border.

Values of both signs have the diverging colours of `core/palette.py` with zero in the middle. Values
that are nowhere negative have its blue half alone, so that zero and what is positive look the same
in both.
"""

import base64
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.palette import DIVERGING, OTHER, rgb

Maps = NDArray[np.float32]
Scale = Literal["each", "common"]
BORDER_PX: Final = 1
STEPS: Final = 511
"""Colours in the table, an odd number, so that zero has one of its own."""


def as_maps(values: NDArray[np.float32]) -> Maps:
    """What a layer gives for one digit, (h, w, n) or (n,), as maps (h, w, n): a number is 1×1."""
    return values if values.ndim == 3 else values.reshape(1, 1, -1)


def strongest(values: NDArray[np.float32], count: int) -> list[int]:
    """The channels with the largest mean absolute value, that one first; at most `count`.

    `values`: (h, w, n) or (n,). Of equal ones the first comes first.
    """
    means = np.abs(as_maps(values)).mean(axis=(0, 1))
    return [int(channel) for channel in np.argsort(-means, kind="stable")[:count]]


def even_columns(count: int, most: int) -> int:
    """So many columns, at most `most`, that the last row of `count` things is as full as can be."""
    rows = -(-count // most)
    return -(-count // rows)


def map_sheet(
    values: Maps,
    *,
    columns: int,
    scale: Scale,
    theme: str | None,
    zoom: int = 1,
    end: float | None = None,
    border_px: int = BORDER_PX,
) -> NDArray[np.uint8]:
    """Maps (h, w, n), n > 0, as tiles row by row, `columns` a row: RGB uint8.

    A tile has `zoom` pixels a side for each value, and a border of `border_px` around it, 1 px.
    `scale`: "each", a map's colours end at its own largest absolute value; "common", at that of all
    (always so for single numbers, 1×1); `end` says at which instead. What is left of the last row
    has the border's colour, and so have values that are not finite. Raises ValueError without a
    column, a pixel or a map.
    """
    height, width, n = values.shape
    if columns < 1 or zoom < 1 or not n:
        raise ValueError(f"a sheet has columns, pixels and maps, not {columns}, {zoom} and {n}")
    ends: NDArray[np.float32] | float = _ends(values) if end is None else end
    if scale == "common" or height * width == 1:
        ends = float(np.max(ends))
    sheet = tiled(
        coloured(values, ends, theme),
        columns,
        zoom=zoom,
        border_px=border_px,
        rest=(*rgb(OTHER), 255),
    )
    return np.ascontiguousarray(sheet[..., :3])


def tiled(
    pictures: NDArray[np.uint8],
    columns: int,
    *,
    zoom: int,
    border_px: int,
    rest: tuple[int, ...],
    borders_shared: bool = False,
) -> NDArray[np.uint8]:
    """Pictures as tiles row by row, each in a grey border, enlarged.

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
        framed[:] = (*rgb(OTHER), 255)
        framed[border_px : border_px + height, border_px : border_px + width, :3] = tile
    return sheet


def coloured(
    values: NDArray[np.floating[Any]],
    end: NDArray[np.float32] | float,
    theme: str | None,
    *,
    steps: int | None = STEPS,
) -> NDArray[np.uint8]:
    """Values of any shape to colours, uint8 (..., 3): red -`end`, blue `end`, 0 in the middle.

    `end` may differ for what stands last in `values`; what is beyond it has the last colour. The
    colours are looked up in a table of so many `steps`; None mixes a colour for each value, which
    takes longer. What is not finite is grey.
    """
    known = np.isfinite(values)
    safe = np.where(np.asarray(end) > 0, end, 1.0)
    part = np.clip(np.where(known, values, 0.0) / safe, -1, 1)
    last = len(_colours(theme)) - 1
    if steps is None:
        found = _mixed((part + 1) / 2 * last, theme)
    else:
        places = np.rint((part + 1) / 2 * (steps - 1)).astype(np.intp)
        found = _mixed(np.linspace(0, last, steps), theme)[places]
    found[~known] = rgb(OTHER)
    return found


def png(picture: NDArray[np.uint8]) -> bytes:
    """A picture, RGB uint8 (h, w, 3) or grey (h, w), as a PNG file."""
    colours = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, found = cv2.imencode(".png", colours)
    if not done:
        raise RuntimeError("OpenCV cannot write PNG files here")
    return found.tobytes()


def png_url(picture: NDArray[np.uint8]) -> str:
    """The same as an address that holds the picture itself, for a page's HTML."""
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"


def gradient(theme: str | None) -> str:
    """The diverging colours as a CSS gradient from left to right, for a legend."""
    return f"linear-gradient(to right, {', '.join(_colours(theme))})"


def _ends(values: Maps) -> NDArray[np.float32]:
    """Each map's largest absolute value that is finite, float32 (n,)."""
    sizes = np.where(np.isfinite(values), np.abs(values), 0)
    return np.asarray(sizes.max(axis=(0, 1)), np.float32)


def _colours(theme: str | None) -> tuple[str, ...]:
    return DIVERGING["dark" if theme == "dark" else "light"]


def _mixed(places: NDArray[np.floating[Any]], theme: str | None) -> NDArray[np.uint8]:
    """The colours at places among the theme's own, counted from 0: (...) to uint8 (..., 3)."""
    stops = np.array([rgb(colour) for colour in _colours(theme)], np.float64)
    mixed = [np.interp(places, np.arange(len(stops)), stops[:, k]) for k in range(3)]
    return np.asarray(np.rint(np.stack(mixed, axis=-1)), np.uint8)
