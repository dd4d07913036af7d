"""Pictures of a network's layers: its steps from digit to answer, and its evolution as a GIF.

Layers that only change numbers in place (batch normalization, activation, dropout) or their order
(flatten) are no step of their own: they are listed between one step and the next.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.explain.kernels import (
    EVOLUTIONS_KEPT,
    KernelEvolution,
    epoch_name,
    kernel_evolution,
)
from core.explain.layer_geometry import as_feature_maps, strongest_maps
from core.figures.images import BORDER_PX, balanced_columns, feature_map_sheet
from core.figures.style import (
    TEXT_COLORS,
)
from core.recipes.architecture import Activation, BatchNorm, Dense, Dropout, Flatten, Row
from core.runs.run import Network, Run

_GIF_COLUMNS: Final = 8
_GIF_COLUMNS_OF_NUMBERS: Final = 16
"""Pictures a row on a sheet, and single numbers."""
_SIDE_PX: Final = 64
_GIF_CELL_PX: Final = 16
_BORDER_PX: Final = 2
_GAP_PX: Final = 12
_TITLE_PX: Final = 22
_FRAME_MS: Final = 800
_LAST_MS: Final = 2400


def evolution_gif(run: Run, image: NDArray[np.uint8], layer: str) -> bytes:
    """A looping GIF of a layer's evolution, a labeled frame per epoch, in the light theme's colors.

    Cached for all visitors. Raises RunError as `kernel_evolution` does.
    """
    return _gif(Network(run), tuple(run.epochs()), image.tobytes(), layer)


@lru_cache(maxsize=EVOLUTIONS_KEPT)
def _gif(network: Network, _epochs: tuple[int, ...], pixels: bytes, layer: str) -> bytes:
    digit = np.frombuffer(pixels, np.uint8).reshape(28, 28)
    evolution = kernel_evolution(network.run, digit, layer)
    frames = [_gif_frame(evolution, place, digit, layer) for place in range(len(evolution.epochs))]
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
        columns=balanced_columns(n, _GIF_COLUMNS_OF_NUMBERS if single else _GIF_COLUMNS),
        scale="common",
        theme=theme,
        zoom=_GIF_CELL_PX if single else max(1, _SIDE_PX // height),
        end=end,
        border_px=_BORDER_PX,
    )


def _gif_frame(
    evolution: KernelEvolution, place: int, digit: NDArray[np.uint8], layer: str
) -> Image.Image:
    """A picture: the digit and the epoch, the kernels, the maps, one below the other."""
    sheets = [
        (
            f"First kernels ({evolution.kernel_layer})",
            evolution_kernel_sheet(evolution, place, "light"),
        ),
        (f"What {layer} gives for the digit", evolution_map_sheet(evolution, place, "light")),
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
    pen.text((left, _GAP_PX + 4), epoch_name(evolution.epochs[place]), TEXT_COLORS["light"], big)
    pen.text(
        (left, _GAP_PX + 34), _reads(evolution.probabilities[place]), TEXT_COLORS["light"], small
    )
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
    in_place: tuple[Row, ...]

    @property
    def output_row(self) -> Row:
        """The layer whose values go on: the last one in place, before any that flattens them."""
        placed = takewhile(lambda row: not isinstance(row.layer, Flatten), self.in_place)
        return [self.row, *placed][-1]


@dataclass(frozen=True)
class ShownLayer:
    """A layer's pictures side by side.

    Attributes:
        sheet: RGB uint8 (height, width, 3).
        channels: the channels shown, in order.
        columns: pictures a row.
        single_numbers: whether each picture is a single number.
    """

    sheet: NDArray[np.uint8]
    channels: tuple[int, ...]
    columns: int
    single_numbers: bool


def network_steps(rows: Iterable[Row]) -> tuple[tuple[Row, ...], list[NetworkStep]]:
    """The layers in place right after the digit, and the steps, of which the last is the answer."""
    in_place: list[list[Row]] = [[]]
    shape_layers: list[Row] = []
    for row in rows:
        if isinstance(row.layer, _IN_PLACE):
            in_place[-1].append(row)
        else:
            shape_layers.append(row)
            in_place.append([])
    first, *others = map(tuple, in_place)
    return first, [NetworkStep(row, then) for row, then in zip(shape_layers, others, strict=True)]


def shown_layer(values: NDArray[np.float32], theme: str | None, most: int) -> ShownLayer:
    """Draw a layer's output for a digit, (h, w, n) or (n,).

    Of maps the `most` strongest, the strongest first, each with colors of its own; of single
    numbers all, in their order.
    """
    maps = as_feature_maps(values)
    height, width, n = maps.shape
    if height * width == 1:
        columns = balanced_columns(n, _ACROSS)
        sheet = feature_map_sheet(maps, columns=columns, scale="common", theme=theme, zoom=_CELL_PX)
        return ShownLayer(sheet, tuple(range(n)), columns, single_numbers=True)
    return layer_images(maps, strongest_maps(values, most), theme)


def layer_images(
    maps: NDArray[np.float32], channels: list[int], theme: str | None, end: float | None = None
) -> ShownLayer:
    """Some maps or kernels, (h, w, n), side by side; the colors of each are its own, or `end`."""
    zoom = max(1, (_TILE_PX - 2 * BORDER_PX) // maps.shape[0])
    sheet = feature_map_sheet(
        maps[..., channels], columns=len(channels), scale="each", theme=theme, zoom=zoom, end=end
    )
    return ShownLayer(sheet, tuple(channels), len(channels), single_numbers=False)


def reads_the_digit(rows: Iterable[Row]) -> str | None:
    """The name of the dense layer that reads the digit's 784 numbers themselves, if there is one.

    Its weights can be seen as pictures of 28×28.
    """
    first = network_steps(rows)[1][0].row
    return first.name if isinstance(first.layer, Dense) else None


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
