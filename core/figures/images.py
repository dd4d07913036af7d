"""What layers give, as pictures: feature maps side by side, each a tile with a gray border.

Values of both signs have the diverging colors of `core/figures/style.py` with zero in the middle.
Values that are nowhere negative have its blue half alone, so that zero and what is positive look
the same in both.

A network as a few steps from the digit to its answer, each with a picture of what it gives.

Layers that only change numbers in place (batch normalization, activation, dropout) or their order
(flatten) make no step of their own: they are named on the way from one step to the next.

Maps of what speaks for an answer as pictures: colors around zero, the digit as an outline.

Pictures of the kernel playground: the digit with the kernel's frame, the output in colors.

A Plotly figure of one kernel with its numbers written in: data in, figure out.

A digit with a box around some of their pixels: where a number inside a network looks.

What the first layer looks for: its weights as small pictures, red below zero, blue above.

Many digits in one picture, so that a grid of them is one small file instead of a hundred.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, Literal

import cv2
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.explain.kernels import (
    EVOLUTIONS_KEPT,
    KernelEvolution,
    epoch_name,
    kernel_evolution,
)
from core.explain.layer_geometry import FeatureMaps, ReceptiveField, as_feature_maps, strongest_maps
from core.figures.style import (
    ANSWER_COLOR,
    DIGIT_COLORS,
    DIVERGING_SCALES,
    OTHER_COLOR,
    TEXT_COLORS,
    rgb,
)
from core.recipes.architecture import Activation, BatchNorm, Dense, Dropout, Flatten, Row
from core.runs.run import Network, Run

if TYPE_CHECKING:
    pass


ColorScale = Literal["each", "common"]
BORDER_PX: Final = 1
STEPS: Final = 511
"""Colors in the table, an odd number, so that zero has one of its own."""


def balanced_columns(count: int, most: int) -> int:
    """So many columns, at most `most`, that the last row of `count` things is as full as can be."""
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
    sheet = tiled(
        colorize(values, ends, theme),
        columns,
        zoom=zoom,
        border_px=border_px,
        rest=(*rgb(OTHER_COLOR), 255),
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
    steps: int | None = STEPS,
) -> NDArray[np.uint8]:
    """Values of any shape to colors, uint8 (..., 3): red -`end`, blue `end`, 0 in the middle.

    `end` may differ for what stands last in `values`; what is beyond it has the last color. The
    colors are looked up in a table of so many `steps`; None mixes a color for each value, which
    takes longer. What is not finite is gray.
    """
    known = np.isfinite(values)
    safe = np.where(np.asarray(end) > 0, end, 1.0)
    part = np.clip(np.where(known, values, 0.0) / safe, -1, 1)
    last = len(_colors(theme)) - 1
    if steps is None:
        found = _mixed((part + 1) / 2 * last, theme)
    else:
        places = np.rint((part + 1) / 2 * (steps - 1)).astype(np.intp)
        found = _mixed(np.linspace(0, last, steps), theme)[places]
    found[~known] = rgb(OTHER_COLOR)
    return found


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """A picture, RGB uint8 (h, w, 3) or gray (h, w), as a PNG file."""
    colors = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, found = cv2.imencode(".png", colors)
    if not done:
        raise RuntimeError("OpenCV cannot write PNG files here")
    return found.tobytes()


def png_url(picture: NDArray[np.uint8]) -> str:
    """The same as an address that holds the picture itself, for a page's HTML."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(picture)).decode()}"


def css_gradient(theme: str | None) -> str:
    """The diverging colors as a CSS gradient from left to right, for a legend."""
    return f"linear-gradient(to right, {', '.join(_colors(theme))})"


def _ends(values: FeatureMaps) -> NDArray[np.float32]:
    """Each map's largest absolute value that is finite, float32 (n,)."""
    sizes = np.where(np.isfinite(values), np.abs(values), 0)
    return np.asarray(sizes.max(axis=(0, 1)), np.float32)


def _colors(theme: str | None) -> tuple[str, ...]:
    return DIVERGING_SCALES["dark" if theme == "dark" else "light"]


def _mixed(places: NDArray[np.floating[Any]], theme: str | None) -> NDArray[np.uint8]:
    """The colors at places among the theme's own, counted from 0: (...) to uint8 (..., 3)."""
    stops = np.array([rgb(color) for color in _colors(theme)], np.float64)
    mixed = [np.interp(places, np.arange(len(stops)), stops[:, k]) for k in range(3)]
    return np.asarray(np.rint(np.stack(mixed, axis=-1)), np.uint8)


Theme = Literal["light", "dark"]
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
    found = colorize(values, float(np.abs(values).max()), theme)
    picture = found.repeat(ATTRIBUTION_ZOOM, axis=0).repeat(ATTRIBUTION_ZOOM, axis=1)
    large = cv2.resize(
        image, None, fx=ATTRIBUTION_ZOOM, fy=ATTRIBUTION_ZOOM, interpolation=cv2.INTER_LINEAR
    )
    ink = (large > _HALF).astype(np.uint8)
    lines, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, lines, -1, rgb(TEXT_COLORS[theme]), _LINE)
    return picture


def similarity_lines(
    layers: Sequence[str],
    correlations: Mapping[str, Sequence[float | None]],
    text_color: str | None = None,
) -> go.Figure:
    """A line for each method, by its name: how alike its maps stay, -1 to 1, layer after layer.

    Markers and dashes, too, tell the lines apart; None leaves a gap.
    """
    styles = zip(
        DIGIT_COLORS, ("circle", "square", "diamond"), ("solid", "dash", "dot"), strict=False
    )
    figure = go.Figure(
        [
            go.Scatter(
                x=list(layers),
                y=list(values),
                name=name,
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 9},
                hovertemplate=f"{name}, random up to %{{x}}: %{{y:.2f}}<extra></extra>",
            )
            for (name, values), (color, symbol, dash) in zip(
                correlations.items(), styles, strict=False
            )
        ]
    )
    written: dict[str, Any] = {"color": text_color}
    figure.update_layout(
        height=300,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        font=written,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": written},
    )
    figure.update_xaxes(
        title_text="random up to", title_font=written, tickfont=written, fixedrange=True
    )
    figure.update_yaxes(
        title_text="rank correlation",
        title_font=written,
        tickfont=written,
        range=[-1.05, 1.05],
        fixedrange=True,
    )
    return figure


def digit_sheet_png(images: NDArray[np.uint8], columns: int) -> bytes:
    """Digits row by row as a PNG: uint8 (n, 28, 28), n > 0, to a gray picture, black on white.

    The last row is filled up with white.
    """
    return png_bytes(_digit_sheet(images, columns))


def digit_sheet_url(images: NDArray[np.uint8], columns: int) -> str:
    """The same as an address that holds the picture itself, for a page's HTML."""
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


GIF_COLUMNS: Final = 8
GIF_COLUMNS_OF_NUMBERS: Final = 16
"""Pictures a row on a sheet, and single numbers."""
_SIDE_PX: Final = 64
_GIF_CELL_PX: Final = 16
_BORDER_PX: Final = 2
_GAP_PX: Final = 12
_TITLE_PX: Final = 22
_FRAME_MS: Final = 800
_LAST_MS: Final = 2400


def evolution_gif(run: Run, image: NDArray[np.uint8], layer: str) -> bytes:
    """The same as a GIF that loops, a labeled frame for each epoch, in the light theme's colors.

    Worked out once for all visitors. Raises RunError like `formed`.
    """
    return _gif(Network(run), tuple(run.epochs()), image.tobytes(), layer)


@lru_cache(maxsize=EVOLUTIONS_KEPT)
def _gif(network: Network, _epochs: tuple[int, ...], pixels: bytes, layer: str) -> bytes:
    digit = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    found = kernel_evolution(network.run, digit, layer)
    frames = [_gif_frame(found, place, digit, layer) for place in range(len(found.epochs))]
    file = BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=[_FRAME_MS] * (len(frames) - 1) + [_LAST_MS],
        loop=0,
    )
    return file.getvalue()


def _gif_sheet(
    values: NDArray[np.float32], place: int, theme: str | None, end: float
) -> NDArray[np.uint8]:
    _, height, width, n = values.shape
    single = height * width == 1
    return feature_map_sheet(
        values[place],
        columns=balanced_columns(n, GIF_COLUMNS_OF_NUMBERS if single else GIF_COLUMNS),
        scale="common",
        theme=theme,
        zoom=_GIF_CELL_PX if single else max(1, _SIDE_PX // height),
        end=end,
        border_px=_BORDER_PX,
    )


def _gif_frame(
    found: KernelEvolution, place: int, digit: NDArray[np.uint8], layer: str
) -> Image.Image:
    """A picture: the digit and the epoch, the kernels, the maps, one below the other."""
    sheets = [
        (f"First kernels ({found.kernel_layer})", evolution_kernel_sheet(found, place, "light")),
        (f"What {layer} gives for the digit", evolution_map_sheet(found, place, "light")),
    ]
    side = 2 * len(digit)
    width = max(420, *(sheet.shape[1] for _, sheet in sheets)) + 2 * _GAP_PX
    height = side + 2 * _GAP_PX
    height += sum(sheet.shape[0] + _TITLE_PX + _GAP_PX for _, sheet in sheets)
    frame = Image.new("RGB", (width, height), "#ffffff")
    pen = ImageDraw.Draw(frame)
    frame.paste(Image.fromarray(255 - digit).resize((side, side), 0), (_GAP_PX, _GAP_PX))
    big, small = ImageFont.load_default(20), ImageFont.load_default(14)
    left = side + 2 * _GAP_PX
    pen.text((left, _GAP_PX + 4), epoch_name(found.epochs[place]), TEXT_COLORS["light"], big)
    pen.text((left, _GAP_PX + 34), _reads(found.probabilities[place]), TEXT_COLORS["light"], small)
    top = side + 2 * _GAP_PX
    for title, sheet in sheets:
        pen.text((_GAP_PX, top), title, TEXT_COLORS["light"], small)
        frame.paste(Image.fromarray(sheet), (_GAP_PX, top + _TITLE_PX))
        top += sheet.shape[0] + _TITLE_PX + _GAP_PX
    return frame


def _reads(probabilities: NDArray[np.float32]) -> str:
    if np.isnan(probabilities).any():
        return "gives no numbers"
    best = int(probabilities.argmax())
    return f"reads {best} with {100 * probabilities[best]:.0f} %"


_WRITTEN: Final = 8
"""Pictures up to so many weights a side have their numbers written in."""


def kernel_figure(
    kernel: NDArray[np.float32],
    end: float,
    *,
    spatial: bool = True,
    theme: str = "light",
    text_color: str | None = None,
) -> go.Figure:
    """A kernel's weights, (height, width), in the colors of all: red -`end`, blue `end`.

    `spatial`: whether they are places of a picture; else they are those of single inputs, row by
    row. Weights that are not finite are left empty. Of large pictures only the pointer tells the
    numbers.
    """
    colors = DIVERGING_SCALES["dark" if theme == "dark" else "light"]
    height, width = kernel.shape
    few = max(height, width) <= _WRITTEN
    where = "row %{y}, column %{x}" if spatial else "input %{customdata}"
    figure = go.Figure(
        go.Heatmap(
            z=np.where(np.isfinite(kernel), kernel, np.nan),
            colorscale=[[k / (len(colors) - 1), color] for k, color in enumerate(colors)],
            zmin=-end,
            zmax=end,
            showscale=False,
            hoverongaps=False,
            customdata=np.arange(height * width).reshape(height, width),
            hovertemplate=f"{where}: %{{z:.4f}}<extra></extra>",
            xgap=1 if few else 0,
            ygap=1 if few else 0,
            # Plotly writes in black or white, whichever can be read on the cell's color.
            texttemplate="%{z:.2f}" if few else None,
        )
    )
    figure.update_layout(
        height=320,
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": text_color},
    )
    figure.update_xaxes(visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(
        visible=False, fixedrange=True, autorange="reversed", scaleanchor="x", constrain="domain"
    )
    return figure


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
    return tiled(
        colors,
        min(kernels.shape[2], columns),
        zoom=zoom,
        border_px=_LINE_PX,
        borders_shared=True,
        rest=(0, 0, 0, 0),
    )


_IN_PLACE: Final = (BatchNorm, Activation, Dropout, Flatten)
_TILE_PX: Final = 60
"""About so many pixels of the picture a map has."""
_CELL_PX: Final = 6
_ACROSS: Final = 32
"""Single numbers stand so many a row."""


@dataclass(frozen=True)
class NetworkStep:
    """A layer, and the layers in place between it and the next."""

    row: Row
    then: tuple[Row, ...]

    @property
    def leaves(self) -> Row:
        """The layer whose values go on: the last one in place, before any that flattens them."""
        placed = takewhile(lambda row: not isinstance(row.layer, Flatten), self.then)
        return [self.row, *placed][-1]


@dataclass(frozen=True)
class ShownLayer:
    """Pictures side by side, RGB uint8: `count` of them, all single numbers if `cells`."""

    sheet: NDArray[np.uint8]
    channels: tuple[int, ...]
    columns: int
    cells: bool


def network_steps(rows: Iterable[Row]) -> tuple[tuple[Row, ...], list[NetworkStep]]:
    """The layers in place right after the digit, and the steps, of which the last is the answer."""
    ways: list[list[Row]] = [[]]
    found: list[Row] = []
    for row in rows:
        if isinstance(row.layer, _IN_PLACE):
            ways[-1].append(row)
        else:
            found.append(row)
            ways.append([])
    first, *others = map(tuple, ways)
    return first, [NetworkStep(row, then) for row, then in zip(found, others, strict=True)]


def shown_layer(values: NDArray[np.float32], theme: str | None, most: int) -> ShownLayer:
    """A picture of what a layer gives for a digit, (h, w, n) or (n,).

    Of maps the `most` strongest, the strongest first, each with colors of its own; of single
    numbers all, in their order.
    """
    maps = as_feature_maps(values)
    height, width, n = maps.shape
    if height * width == 1:
        columns = balanced_columns(n, _ACROSS)
        sheet = feature_map_sheet(maps, columns=columns, scale="common", theme=theme, zoom=_CELL_PX)
        return ShownLayer(sheet, tuple(range(n)), columns, cells=True)
    return layer_images(maps, strongest_maps(values, most), theme)


def layer_images(
    maps: NDArray[np.float32], channels: list[int], theme: str | None, end: float | None = None
) -> ShownLayer:
    """Some maps or kernels, (h, w, n), side by side; the colors of each are its own, or `end`."""
    zoom = max(1, (_TILE_PX - 2 * BORDER_PX) // maps.shape[0])
    sheet = feature_map_sheet(
        maps[..., channels], columns=len(channels), scale="each", theme=theme, zoom=zoom, end=end
    )
    return ShownLayer(sheet, tuple(channels), len(channels), cells=False)


def reads_the_digit(rows: Iterable[Row]) -> str | None:
    """The name of the dense layer that reads the digit's 784 numbers themselves, if there is one.

    Its weights can be seen as pictures of 28×28.
    """
    first = network_steps(rows)[1][0].row
    return first.name if isinstance(first.layer, Dense) else None


PLAYGROUND_ZOOM: Final = 12
"""Pixels a side for each pixel of the digit."""
POSITIVE_RGB: Final = (33, 102, 172)
NEGATIVE_RGB: Final = (178, 24, 43)
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
    color = np.where(values[..., None] >= 0, POSITIVE_RGB, NEGATIVE_RGB)
    picture = _enlarged(np.rint(255 + (color - 255) * amount).astype(np.uint8))
    if place:
        _draw_window(picture, *place, 1)
    return picture


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture.repeat(PLAYGROUND_ZOOM, axis=0).repeat(PLAYGROUND_ZOOM, axis=1)


def _draw_window(picture: NDArray[np.uint8], row: int, column: int, side: int) -> None:
    top, left = max(row * PLAYGROUND_ZOOM, 0), max(column * PLAYGROUND_ZOOM, 0)
    bottom = min((row + side) * PLAYGROUND_ZOOM, picture.shape[0])
    right = min((column + side) * PLAYGROUND_ZOOM, picture.shape[1])
    for part in (
        (slice(top, top + 2), slice(left, right)),
        (slice(bottom - 2, bottom), slice(left, right)),
        (slice(top, bottom), slice(left, left + 2)),
        (slice(top, bottom), slice(right - 2, right)),
    ):
        picture[part] = _FRAME


def evolution_kernel_sheet(
    evolution: KernelEvolution, place: int, theme: str | None
) -> NDArray[np.uint8]:
    """The first kernels at one place in time, RGB, with one scale of colors for all times."""
    return _gif_sheet(evolution.kernels, place, theme, evolution.kernel_color_limit)


def evolution_map_sheet(
    evolution: KernelEvolution, place: int, theme: str | None
) -> NDArray[np.uint8]:
    """The digit's maps at one place in time, RGB, with one scale of colors for all times."""
    return _gif_sheet(evolution.maps, place, theme, evolution.map_color_limit)
