"""A drawing of a network as HTML: a block for each change of shape, from the digit to the answer.

It needs no script and no font. Lines and words take the colour of the text around them, so it can
be read in either theme; the blocks stand beside each other and wrap where the page is narrow.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from core.architectures import (
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
from core.palette import DIGITS, FAULT

COLOURS: Final = {
    "input": DIGITS[8],
    "conv": DIGITS[0],
    "pool": DIGITS[6],
    "flatten": DIGITS[7],
    "global-average": DIGITS[7],
    "dense": DIGITS[4],
}
OTHER_COLOUR: Final = DIGITS[3]
"""Of a layer that changes no shape and stands before all that do."""

EDGE: Final = "rgb(128 128 128 / .9)"
HEIGHT_PX: Final = 72
MOST_SHEETS: Final = 8
_GRID: Final = (
    "display:grid;grid-template-columns:repeat(auto-fill,minmax(124px,1fr));gap:8px;"
    "font-size:13px;line-height:1.35"
)
_CARD: Final = (
    "background:color-mix(in srgb, currentColor 5%, transparent);border-radius:4px;"
    "padding:6px 8px;overflow-wrap:anywhere"
)
_SMALL: Final = "font-size:12px;opacity:.75"
_NEW_SHAPE: Final = (Conv, Pool, GlobalAverage, Flatten, Dense)


@dataclass
class _Block:
    """Layers that give values of one shape, such as a convolution, its batch norm and its ReLU."""

    kind: str
    name: str
    shape: Shape
    words: list[str] = field(default_factory=list)
    parameters: int = 0


def network_html(architecture: Architecture) -> str:
    """The network from left to right: what each block does, gives and holds.

    A sheet stands for feature maps: the larger it is, the higher and wider they are, and the more
    there are, the more sheets; a bar stands for a vector, the higher the longer. A layer that keeps
    the shape (batch norm, activation, dropout) stands in the block before it.
    """
    return _grid(list(map(_html, _blocks(architecture))))


def unfinished_html(layers: Sequence[Layer]) -> str:
    """A network that may not be possible: as far as it can be built, then the layer that fails."""
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
    """Whether a layer can take this shape, and leaves something of it."""
    is_map = len(shape) == len(INPUT_SHAPE)
    if (layer.needs_map() and not is_map) or (isinstance(layer, Dense) and is_map):
        return False
    return 0 not in layer.output_shape(shape)


def _grid(cards: Sequence[str]) -> str:
    return f'<div style="{_GRID}">{"".join(cards)}</div>'


def _blocks(architecture: Architecture) -> list[_Block]:
    first = _Block("input", "input", INPUT_SHAPE, ["A digit in grey"])
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
    colour = COLOURS.get(block.kind, OTHER_COLOUR)
    arrow = "" if block.kind == "input" else "→ "
    held = f"{block.parameters:,} parameters" if block.parameters else "no parameters"
    words = "".join(f"<div>{escape(line)}</div>" for line in block.words)
    return (
        f'<div style="{_CARD};border-top:4px solid {colour}">'
        f'<div style="{_SMALL}">{arrow}{escape(block.name)}</div>'
        f"{_picture(block.shape, colour)}"
        f'<div style="font-weight:600">{"×".join(map(str, block.shape))}</div>'
        f'{words}<div style="{_SMALL}">{held}</div></div>'
    )


def _failing_html(layers: Sequence[Layer], place: int, shape: Shape) -> str:
    """The card of the layer that cannot be built on what comes to it; words say what red means."""
    behind = len(layers) - place - 1
    rest = f"{behind} more layer{'s' * (behind != 1)} behind it, not drawn" if behind else ""
    border = f"border:2px dashed {FAULT};border-top:4px solid {FAULT}"
    return (
        f'<div style="{_CARD};{border}">'
        f'<div style="{_SMALL}">→ layer {place + 1}</div>'
        f'<div aria-hidden="true" style="height:{HEIGHT_PX}px;line-height:{HEIGHT_PX}px;'
        'font-size:40px;margin:4px 0">✕</div>'
        '<div style="font-weight:600">Cannot be built</div>'
        f"<div>{escape(str(layers[place]))}</div>"
        f"<div>It gets {'×'.join(map(str, shape))}</div>"
        f'<div style="{_SMALL}">{rest}</div></div>'
    )


def _picture(shape: Shape, colour: str) -> str:
    """Sheets one behind the other for feature maps, a bar for a vector (st.html takes no SVG)."""
    sheets = "".join(
        f'<div style="position:absolute;left:{left:.1f}px;top:{top:.1f}px;width:{width:.1f}px;'
        f"height:{height:.1f}px;background:{colour};border:1px solid {EDGE};border-radius:2px;"
        'box-sizing:border-box"></div>'
        for left, top, width, height in _rectangles(shape)
    )
    return (
        f'<div aria-hidden="true" style="position:relative;height:{HEIGHT_PX}px;margin:4px 0">'
        f"{sheets}</div>"
    )


def _rectangles(shape: Shape) -> Iterator[tuple[float, float, float, float]]:
    """Left, top, width and height of what is drawn for a shape, the hindmost first."""
    middle = HEIGHT_PX / 2
    if len(shape) == 1:
        # On a logarithmic scale: vectors are between 1 and some 100,000 numbers long.
        height = min(12 + 5 * math.log2(shape[0]), HEIGHT_PX - 2)
        yield 1, middle - height / 2, 12, height
        return
    rows, columns, channels = shape
    sheets = min(1 + round(math.log2(channels)), MOST_SHEETS)
    height, width = (8 + 46 * side / INPUT_SHAPE[0] for side in (rows, columns))
    spread = 2 * (sheets - 1)
    for sheet in reversed(range(sheets)):
        yield 1 + 5.5 * sheet, middle - (height + spread) / 2 + spread - 2 * sheet, width, height
