"""HTML that fits both themes: a network's drawing, digits as numbers or cards, tables of numbers.

It needs no script and no font. Lines and words take the color of the text around them. The blocks
of a network stand beside each other and wrap where the page is narrow. Tables of numbers have
colors behind them, red below zero and blue above.
"""

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.data.mnist import CLASSES
from core.data.normalization import scale
from core.figures.images import colorize, png_url
from core.figures.style import DIGIT_COLORS, ERROR_COLOR
from core.recipes.architecture import (
    INPUT_SHAPE,
    Architecture,
    Conv,
    Dense,
    Flatten,
    GlobalAverage,
    Layer,
    Pool,
    Shape,
)
from core.utils.text import percent

_CARD_SIDE_PX = 42
_ROW = "display:flex;flex-wrap:wrap;gap:0.5rem;"
_DIGIT_CARD = (
    "width:4.4rem;padding:0.25rem;border-radius:0.4rem;text-align:center;font-size:0.8rem;"
    "line-height:1.25;"
)
_RIGHT = "border:1px solid color-mix(in srgb, currentColor 25%, transparent);"
_WRONG = "border:2px solid currentColor;font-weight:600;"


def answer_cards_html(
    images: NDArray[np.uint8],
    labels: Sequence[int],
    answers: Sequence[int],
    confidences: Sequence[float],
) -> str:
    """Draw a card for each digit: picture, answer, confidence, and the label of a mistake.

    A mistake has a thick frame and says so in words: never by color alone.

    Args:
        images: uint8 (n, 28, 28).
        labels: n true digits, 0 to 9.
        answers: n digits that the network read, 0 to 9.
        confidences: n probabilities of the answers, 0 to 1.

    Returns:
        The cards side by side, as HTML.
    """
    rows = zip(images, labels, answers, confidences, strict=True)
    return f'<div style="{_ROW}">{"".join(_card(*row) for row in rows)}</div>'


def _card(image: NDArray[np.uint8], label: int, answer: int, confidence: float) -> str:
    right = label == answer
    words = f"{answer} ✓" if right else f"{answer} ✗ is {label}"
    alt = escape(f"a {label}, read as {answer}", quote=True)
    return (
        f'<div style="{_DIGIT_CARD}{_RIGHT if right else _WRONG}">'
        f'<img src="{_source(image.tobytes())}" alt="{alt}" '
        f'width="{_CARD_SIDE_PX}" height="{_CARD_SIDE_PX}" '
        'style="image-rendering:pixelated;border-radius:0.2rem;"/>'
        f"<div>{words}</div><div>{escape(percent(confidence))}</div></div>"
    )


@lru_cache(maxsize=256)
def _source(pixels: bytes) -> str:
    """Return a digit as a data URL; cached, since the same digits come again every epoch."""
    return png_url(np.frombuffer(pixels, np.uint8).reshape(28, 28))


PixelScaling = Literal["raw", "divide-255", "l2-axis-1"]
PIXEL_SCALINGS: Final[tuple[PixelScaling, ...]] = get_args(PixelScaling)
_CELL_PX: Final = 19
_TABLE: Final = (
    f"width:{28 * _CELL_PX}px;border-collapse:collapse;table-layout:fixed;font-size:8px;"
    "line-height:1;font-variant-numeric:tabular-nums;"
)
_CELL: Final = f"width:{_CELL_PX}px;height:{_CELL_PX}px;padding:0;text-align:center;border:0;"
# White on grays below this, black on the others: each has a contrast of at least 4.5 to 1.
_DARK: Final = 119


@dataclass(frozen=True)
class TensorAxis:
    """An axis of an array.

    Attributes:
        size: number of entries along it.
        meaning: what it counts.
    """

    size: int
    meaning: str


TENSOR_SHAPES: Final[tuple[tuple[str, tuple[TensorAxis, ...]], ...]] = (
    (
        "A digit as it is stored",
        (TensorAxis(28, "rows of pixels"), TensorAxis(28, "pixels in each row")),
    ),
    (
        "A digit as a convolution wants it",
        (
            TensorAxis(1, "digit in the batch: networks read many at once"),
            TensorAxis(28, "rows of pixels"),
            TensorAxis(28, "pixels in each row"),
            TensorAxis(1, "channel: gray. A color picture has three"),
        ),
    ),
)
"""Title and axes of a digit as stored, (28, 28), and as a convolution takes it, (1, 28, 28, 1)."""


def scaled_pixels(image: NDArray[np.uint8], scaling: PixelScaling) -> NDArray[np.float64]:
    """Scale the pixels of a digit.

    Args:
        image: uint8 (28, 28).
        scaling: "raw" keeps the values; the others are those of `core.data.normalization`.

    Returns:
        float64 (28, 28).
    """
    if scaling == "raw":
        return image.astype(np.float64)
    return scale(image[None], scaling)[0, :, :, 0].astype(np.float64)


def describe_normalization(image: NDArray[np.uint8], scaling: PixelScaling) -> str:
    """Describe what a scaling does to a digit, with the digit's own numbers.

    Args:
        image: uint8 (28, 28).
        scaling: as in `scaled_pixels`.
    """
    values = scaled_pixels(image, scaling)
    if scaling == "raw":
        return (
            "As stored: whole numbers from 0 (paper) to 255 (full ink), one byte each. This "
            f"digit's largest is {int(values.max())}, its mean {values.mean():.1f}."
        )
    if scaling == "divide-255":
        return (
            "Every pixel is divided by 255, so that all lie between 0 and 1: the picture is the "
            f"same, only its unit is another. This digit's largest is {values.max():.3f}, its mean "
            f"{values.mean():.3f}."
        )
    inked = np.flatnonzero(image.any(axis=0))
    if not len(inked):
        return "Every column is divided by its own length; this picture is empty, and stays so."
    strongest = values.max(axis=0)[inked]
    plain = image.max(axis=0)[inked] / 255
    return (
        "Every column is divided by its own length (the root of the sum of its squares): a column "
        "with one faint pixel becomes as strong as one full of ink, so the picture itself changes. "
        f"Here the largest number of a column lies between {strongest.min():.2f} and "
        f"{strongest.max():.2f}; after ÷255 it would lie between "
        f"{plain.min():.2f} and {plain.max():.2f}."
    )


def one_hot(label: int) -> NDArray[np.int64]:
    """Encode a label, 0 to 9, as int64 (10,): 1 at its index, 0 elsewhere."""
    row = np.zeros(CLASSES, np.int64)
    row[label] = 1
    return row


def pixel_table_html(image: NDArray[np.uint8], scaling: PixelScaling) -> str:
    """Write the pixel values of a digit over its pixels.

    Args:
        image: uint8 (28, 28).
        scaling: as in `scaled_pixels`; scales the values and the picture behind them.

    Returns:
        An HTML table of 28×28 cells, which a narrow screen scrolls.
    """
    values = scaled_pixels(image, scaling)
    # The background is what the numbers say, so that one sees what a scaling does to the picture.
    top = 255.0 if scaling == "raw" else max(float(values.max()), 1e-9)
    gray = np.rint(255 - 255 * values / top).astype(int)
    rows = "".join(
        "<tr>"
        + "".join(_pixel_cell(value, back) for value, back in zip(line, backs, strict=True))
        + "</tr>"
        for line, backs in zip(_texts(values, scaling), gray.tolist(), strict=True)
    )
    return (
        f'<div style="overflow-x:auto"><table style="{_TABLE}" aria-label="The numbers of the '
        f'pixels, row by row">{rows}</table></div>'
    )


def _texts(values: NDArray[np.float64], scaling: PixelScaling) -> list[list[str]]:
    if scaling == "raw":
        return [[f"{value:.0f}" for value in line] for line in values.tolist()]
    return [[_short(value) for value in line] for line in values.tolist()]


def _short(value: float) -> str:
    """Format with two decimals and no zero before the point: 784 numbers need room."""
    if value == 0:
        return "0"
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0") else text


def _pixel_cell(text: str, gray: int) -> str:
    ink = "#fff" if gray < _DARK else "#000"
    return f'<td style="{_CELL}background:rgb({gray},{gray},{gray});color:{ink}">{text}</td>'


_LAYER_COLORS: Final = {
    "input": DIGIT_COLORS[8],
    "conv": DIGIT_COLORS[0],
    "pool": DIGIT_COLORS[6],
    "flatten": DIGIT_COLORS[7],
    "global-average": DIGIT_COLORS[7],
    "dense": DIGIT_COLORS[4],
}
_OTHER_LAYER_COLOR: Final = DIGIT_COLORS[3]
"""Color of a layer that keeps the shape and comes before all layers that change it."""
_LAYER_EDGE: Final = "rgb(128 128 128 / .9)"
DRAWING_HEIGHT_PX: Final = 72
_MAX_SHEETS: Final = 8
_GRID: Final = (
    "display:grid;grid-template-columns:repeat(auto-fill,minmax(124px,1fr));gap:8px;"
    "font-size:13px;line-height:1.35"
)
_LAYER_CARD: Final = (
    "background:color-mix(in srgb, currentColor 5%, transparent);border-radius:4px;"
    "padding:6px 8px;overflow-wrap:anywhere"
)
_SMALL: Final = "font-size:12px;opacity:.75"
_NEW_SHAPE: Final = (Conv, Pool, GlobalAverage, Flatten, Dense)


@dataclass
class _Block:
    """A layer that changes the shape, with the layers behind it that keep the shape.

    Attributes:
        kind: kind of its first layer, a key of `_LAYER_COLORS`.
        name: name of its first layer.
        shape: output shape of all its layers, without the batch.
        words: a description of each layer.
        parameters: number of parameters of all its layers.
    """

    kind: str
    name: str
    shape: Shape
    words: list[str] = field(default_factory=list)
    parameters: int = 0


def network_html(architecture: Architecture) -> str:
    """Draw a network from left to right: layers, output shape and parameters of each block.

    Feature maps are drawn as sheets, larger for larger maps and more for more channels; a vector is
    drawn as a bar, higher for a longer one. A layer that keeps the shape (batch norm, activation,
    dropout) stands in the block before it.

    Args:
        architecture: the network's layers.

    Returns:
        A card for each block, as HTML.
    """
    return _grid(list(map(_html, _blocks(architecture))))


def partial_network_html(layers: Sequence[Layer]) -> str:
    """Draw layers that may not fit together, up to the first that cannot be built.

    Args:
        layers: of any order and number.

    Returns:
        The cards of `network_html`; the last one names the layer that fails, if one does.
    """
    shape: Shape = INPUT_SHAPE
    for place, layer in enumerate(layers):
        if not _can_follow(layer, shape):
            # Nothing is checked: these layers are no whole network.
            there = Architecture.model_construct(layers=tuple(layers[:place]))
            cards = [_html(block) for block in _blocks(there)]
            return _grid([*cards, _failing_html(layers, place, shape)])
        shape = layer.output_shape(shape)
    return network_html(Architecture.model_construct(layers=tuple(layers)))


def _can_follow(layer: Layer, shape: Shape) -> bool:
    """Return whether a layer accepts this input shape and its output is not empty."""
    is_map = len(shape) == len(INPUT_SHAPE)
    if (layer.needs_feature_maps() and not is_map) or (isinstance(layer, Dense) and is_map):
        return False
    return 0 not in layer.output_shape(shape)


def _grid(cards: Sequence[str]) -> str:
    return f'<div style="{_GRID}">{"".join(cards)}</div>'


def _blocks(architecture: Architecture) -> list[_Block]:
    first = _Block("input", "input", INPUT_SHAPE, ["A digit in gray"])
    return [first, *_grouped(architecture)]


def _grouped(architecture: Architecture) -> list[_Block]:
    blocks: list[_Block] = []
    for layer, row in zip(architecture.layers, architecture.rows(), strict=True):
        if isinstance(layer, _NEW_SHAPE) or not blocks:
            blocks.append(_Block(layer.kind, row.name, row.shape))
        blocks[-1].words.append(str(layer))
        blocks[-1].parameters += row.parameters
    return blocks


def _html(block: _Block) -> str:
    color = _LAYER_COLORS.get(block.kind, _OTHER_LAYER_COLOR)
    arrow = "" if block.kind == "input" else "→ "
    held = f"{block.parameters:,} parameters" if block.parameters else "no parameters"
    words = "".join(f"<div>{escape(line)}</div>" for line in block.words)
    return (
        f'<div style="{_LAYER_CARD};border-top:4px solid {color}">'
        f'<div style="{_SMALL}">{arrow}{escape(block.name)}</div>'
        f"{_picture(block.shape, color)}"
        f'<div style="font-weight:600">{"×".join(map(str, block.shape))}</div>'
        f'{words}<div style="{_SMALL}">{held}</div></div>'
    )


def _failing_html(layers: Sequence[Layer], place: int, shape: Shape) -> str:
    """Draw the card of a layer that cannot take its input; it says so in words, not only in red."""
    behind = len(layers) - place - 1
    rest = f"{behind} more layer{'s' * (behind != 1)} behind it, not drawn" if behind else ""
    border = f"border:2px dashed {ERROR_COLOR};border-top:4px solid {ERROR_COLOR}"
    return (
        f'<div style="{_LAYER_CARD};{border}">'
        f'<div style="{_SMALL}">→ layer {place + 1}</div>'
        f'<div aria-hidden="true" style="height:{DRAWING_HEIGHT_PX}px;'
        f"line-height:{DRAWING_HEIGHT_PX}px;"
        'font-size:40px;margin:4px 0">✕</div>'
        '<div style="font-weight:600">Cannot be built</div>'
        f"<div>{escape(str(layers[place]))}</div>"
        f"<div>It gets {'×'.join(map(str, shape))}</div>"
        f'<div style="{_SMALL}">{rest}</div></div>'
    )


def _picture(shape: Shape, color: str) -> str:
    """Draw sheets for feature maps, a bar for a vector; of HTML, since st.html removes SVG."""
    sheets = "".join(
        f'<div style="position:absolute;left:{left:.1f}px;top:{top:.1f}px;width:{width:.1f}px;'
        f"height:{height:.1f}px;background:{color};border:1px solid {_LAYER_EDGE};"
        'border-radius:2px;box-sizing:border-box"></div>'
        for left, top, width, height in _rectangles(shape)
    )
    return (
        f'<div aria-hidden="true" style="position:relative;height:{DRAWING_HEIGHT_PX}px;'
        'margin:4px 0">'
        f"{sheets}</div>"
    )


def _rectangles(shape: Shape) -> Iterator[tuple[float, float, float, float]]:
    """Yield left, top, width and height in pixels of each rectangle, the hindmost first."""
    middle = DRAWING_HEIGHT_PX / 2
    if len(shape) == 1:
        # On a logarithmic scale: vectors are between 1 and some 100,000 numbers long.
        height = min(12 + 5 * math.log2(shape[0]), DRAWING_HEIGHT_PX - 2)
        yield 1, middle - height / 2, 12, height
        return
    rows, columns, channels = shape
    sheets = min(1 + round(math.log2(channels)), _MAX_SHEETS)
    height, width = (8 + 46 * side / INPUT_SHAPE[0] for side in (rows, columns))
    spread = 2 * (sheets - 1)
    for sheet in reversed(range(sheets)):
        yield 1 + 5.5 * sheet, middle - (height + spread) / 2 + spread - 2 * sheet, width, height


_DARK_INK, _LIGHT_INK = "#10151f", "#ffffff"
# Where black and white stand out equally: the luminance L with (L + 0.05)² = 1.05 · 0.05 (WCAG 2).
_HALF_LIGHT: Final = 0.179


def short_number(value: float) -> str:
    """Format a number for a table: about four digits, with a true minus sign (U+2212)."""
    size = abs(value)
    text = f"{value:z.3f}" if size < 10 else f"{value:z.2f}" if size < 100 else f"{value:.4g}"
    return text.replace("-", "−")


def exact_number(value: float) -> str:
    """Format a number to calculate with: five significant digits, a true minus sign."""
    return f"{value:.5g}".replace("-", "−")


def signed_number(value: float) -> str:
    """Format a summand with its sign: three decimals, a true minus sign."""
    return f"{value:+z.3f}".replace("-", "−")


def number_table_html(
    values: NDArray[np.float64],
    title: str,
    theme: str | None,
    *,
    padding: NDArray[np.bool_] | None = None,
    marked: Container[tuple[int, int]] = (),
) -> str:
    """Write an array as an HTML table whose cells are colored by their values.

    The color scale is symmetric about 0 and ends at the largest absolute value.

    Args:
        values: float64 (rows, columns).
        title: caption of the table, plain text.
        theme: "light" or "dark"; None counts as light.
        padding: bool (rows, columns), True where a value is padding of a map; shown in brackets.
        marked: (row, column) of the cells that get a border.

    Returns:
        The table as HTML.
    """
    largest = float(np.abs(values).max())
    colors = colorize(np.asarray(values, np.float32), largest, theme)
    lines = []
    for row, numbers in enumerate(values.tolist()):
        cells = []
        for column, value in enumerate(numbers):
            outside = padding is not None and bool(padding[row, column])
            text = f"({short_number(value)})" if outside else short_number(value)
            border = "currentColor" if (row, column) in marked else "transparent"
            cells.append(_cell(text, colors[row, column], border))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        "<table style='border-collapse:separate;border-spacing:1px;font-size:0.75rem;"
        "font-variant-numeric:tabular-nums'><caption style='text-align:left;font-size:0.8rem;"
        f"caption-side:top'>{escape(title)}</caption>{''.join(lines)}</table>"
    )


def _cell(text: str, color: NDArray[np.uint8], border: str) -> str:
    red, green, blue = (int(k) for k in color)
    return (
        f"<td style='background:rgb({red},{green},{blue});color:{_ink(color)};padding:2px 4px;"
        f"text-align:right;border:2px solid {border}'>{text}</td>"
    )


def _ink(color: NDArray[np.uint8]) -> str:
    """Return black or white, whichever has more contrast on a color (WCAG 2 luminance)."""
    part = color / 255
    light = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return _DARK_INK if light @ (0.2126, 0.7152, 0.0722) > _HALF_LIGHT else _LIGHT_INK
