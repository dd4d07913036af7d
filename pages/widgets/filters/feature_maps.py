"""The Filters page's view "Feature maps": all of a layer, one large, one number in detail."""

from typing import Final, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.explain.layer_geometry import (
    ReceptiveField,
    as_feature_maps,
    receptive_field,
    strongest_maps,
)
from core.figures.html import exact_number
from core.figures.images import colorize, feature_map_sheet, receptive_field_box
from core.recipes.architecture import Dense, Dropout, Flatten, Row
from core.utils.text import DIGIT_NAMES, small_percent
from pages.widgets.components.digit_grid import Cell, tile_grid
from pages.widgets.components.pixel_grid import pixel_grid
from pages.widgets.filters.ablation import ablation_shares, show_exciting, show_share
from pages.widgets.filters.arithmetic import show_arithmetic
from pages.widgets.filters.choices import Seen, choose_map, chosen_layer, chosen_map
from pages.widgets.shared.color_legend import color_legend

Order = Literal["number", "strength", "share"]
Scale = Literal["each", "common"]
Values = NDArray[np.float32]

_SCALE, _ORDER = "filters-maps-scale", "filters-maps-order"
_PLACE: Final = "filters-maps-place"
_COLUMNS, _UNITS_A_ROW, _TILE_PX, _WIDTH = 16, 32, 60, 300
_TILES: Final = 128
"""More units than this are drawn as one picture: so many buttons would be slow. Maps, of which a
layer has at most 256, are always pictures of their own."""
_SCALES: dict[Scale, str] = {"each": "of each map", "common": "one for all"}
_ORDERS: dict[Order, str] = {
    "number": "number",
    "strength": "strength, the largest first",
    "share": "share of the decision",
}
_MAPS: Final = (
    "A **feature map** (or channel) is what one kernel of a layer gives for this digit, place by "
    "place. **Click a map** to see it large, and then **a place of it** to follow its number."
)
_UNITS: Final = (
    "Each **unit** of this layer gives one number for this digit. **Click a unit** to follow its "
    "number."
)


def feature_maps_view(seen: Seen) -> None:
    """Draw a layer's feature maps for the digit, and the details of the chosen one.

    The details are its receptive field, the arithmetic of one number, its top activations, and its
    ablation.

    Args:
        seen: The network and the digit.

    Raises:
        RunError: The network cannot be opened.
    """
    from core.explain.activations import layer_activations

    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer = chosen_layer(seen)
        if layer is None:
            return
        row = next(row for row in seen.rows() if row.name == layer)
        scale = choose_scale() if len(row.shape) == 3 else "common"
        order = _order()
    values = layer_activations(seen.network, seen.image)[layer]
    if not np.isfinite(values).all():
        st.warning(
            "This layer gives numbers that are not finite: the training diverged. Choose another "
            "run or epoch.",
            icon=":material/error:",
        )
        return
    number = chosen_map(values.shape[-1])
    st.markdown(f"{_MAPS if values.ndim == 3 else _UNITS}{_what_it_does(row)}")
    left, right = st.columns([2, 3], gap="large")
    with left:
        _all_maps(seen, layer, values, scale, order, number)
    with right:
        place = _selected(seen, layer, values, scale, number)
    _arithmetic(seen, layer, place)
    left, right = st.columns(2, gap="large")
    with left:
        show_exciting(seen, layer, number)
    with right:
        show_share(seen, layer, number)


def choose_scale() -> Scale:
    """Draw the choice of the maps' scale of colors.

    Returns:
        "each" for a scale of each map, "common" for one for all.
    """
    scale: Scale = st.selectbox(
        "Scale of colors",
        list(_SCALES),
        format_func=_SCALES.__getitem__,
        key=_SCALE,
        persist_state="session",
        width=160,
        help="With a scale of its own each map shows what it has; with one for all, strong maps "
        "stand out from weak ones. Zero has the middle color in both.",
    )
    return scale


def _order() -> Order:
    order: Order = st.selectbox(
        "Sort by",
        list(_ORDERS),
        format_func=_ORDERS.__getitem__,
        key=_ORDER,
        persist_state="session",
        width=230,
        help="Strength: the mean of a map's absolute values. Share of the decision: how much "
        "probability goes to other digits when the map is set to zero.",
    )
    return order


def _what_it_does(row: Row) -> str:
    if isinstance(row.layer, Flatten):
        return " This layer only lays the maps before it out as one vector: the same numbers."
    if isinstance(row.layer, Dropout):
        return " Dropout works in training alone: here its numbers are those of the layer before."
    if isinstance(row.layer, Dense) and row.layer.activation == "sigmoid":
        return (
            " Ten sigmoids do not add up to 1: the network's probabilities are the softmax of the "
            "sums that go into them."
        ) * (row.layer.units == 10)
    return ""


def _all_maps(
    seen: Seen, layer: str, values: Values, scale: Scale, order: Order, number: int
) -> None:
    """Draw all maps, or units, in the chosen order."""
    count = values.shape[-1]
    moved = ablation_shares(seen, layer) if order == "share" else None
    if order == "strength":
        numbers = strongest_maps(values, count)
    elif moved is not None:
        numbers = [int(k) for k in np.argsort(-moved, kind="stable")]
    else:
        numbers = list(range(count))
    end = float(np.abs(values).max())
    if scale == "common":
        color_legend(f"−{end:.3g}", "0", f"{end:.3g}")
    else:
        color_legend("its largest, negative", "0", "its largest")
    if values.ndim == 1 and count > _TILES:
        _strip(values, numbers, number)
    else:
        _tiles(layer, values, numbers, scale, moved, number)


def _tiles(
    layer: str,
    values: Values,
    numbers: list[int],
    scale: Scale,
    moved: NDArray[np.float32] | None,
    number: int,
) -> None:
    """Draw maps or units as tiles, with their number, or with their share if sorted by it."""
    maps = as_feature_maps(values)
    columns = min(_COLUMNS, len(numbers))
    kind = "map" if values.ndim == 3 else "unit"
    with st.container(height=520 if len(numbers) > 48 else "content", border=False):
        tile_grid(
            feature_map_sheet(
                maps[..., numbers],
                columns=columns,
                scale=scale,
                theme=st.context.theme.type,
                zoom=max(1, _TILE_PX // max(maps.shape[:2])),
            ),
            [
                Cell(
                    k,
                    f"{kind} {k}, up to {maps[..., k].max():.3g}",
                    str(k) if moved is None else small_percent(float(moved[k])),
                )
                for k in numbers
            ],
            columns=columns,
            key=f"filters-maps-grid-{layer}",
            on_open=choose_map,
            chosen=number,
            size_px=_TILE_PX if values.ndim == 3 else _TILE_PX // 2,
            label="Feature maps" if values.ndim == 3 else "Units",
        )


def _strip(values: Values, numbers: list[int], number: int) -> None:
    """Draw all units as one picture, row by row; a click chooses one."""
    columns = _UNITS_A_ROW
    rows = -(-len(numbers) // columns)
    # The rest of the last row is NaN, and so gets the color of NaN.
    filled = np.full(rows * columns, np.nan, np.float32)
    filled[: len(numbers)] = values[numbers]
    picture = colorize(
        filled.reshape(rows, columns), float(np.abs(values).max()), st.context.theme.type
    )

    def opened(row: int, column: int) -> None:
        at = row * columns + column
        if at < len(numbers):
            choose_map(numbers[at])

    at = numbers.index(number)
    pixel_grid(
        picture,
        key="filters-maps-strip",
        on_open=opened,
        chosen=(at // columns, at % columns),
        label=f"{len(numbers)} units, row by row",
        width=420,
    )


def _selected(seen: Seen, layer: str, values: Values, scale: Scale, number: int) -> tuple[int, ...]:
    """Draw the chosen map with its receptive field; return the position of the chosen number."""
    if values.ndim == 1:
        last = layer == seen.rows()[-1].name
        digit = f": the digit {DIGIT_NAMES[number]}" if last else ""
        st.header(f"Unit {number} of {layer}{digit}", anchor=False)
        field = receptive_field(seen.network.run.info.recipe.architecture, layer, (number,))
        _receptive_field(seen, field)
        st.markdown(
            f"Its value is **{exact_number(float(values[number]))}**. {_field_words(seen, field)}"
        )
        return (number,)
    feature_map = values[..., number]
    rows, columns = feature_map.shape
    row, column = _place(layer, feature_map)
    st.header(f"Map {number} of {layer}", anchor=False)
    end = float(np.abs(feature_map if scale == "each" else values).max())

    def opened(row: int, column: int) -> None:
        st.session_state[_PLACE] = (layer, row, column)

    field = receptive_field(seen.network.run.info.recipe.architecture, layer, (row, column))
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=_WIDTH):
            pixel_grid(
                colorize(feature_map, end, st.context.theme.type),
                key="filters-maps-one",
                on_open=opened,
                chosen=(row, column),
                label=f"Map {number} of {layer}, {rows} rows by {columns} columns",
                width=_WIDTH,
            )
        _receptive_field(seen, field)
    value = float(feature_map[row, column])
    same = (
        " This map is the same everywhere for this digit."
        if feature_map.max() == feature_map.min()
        else ""
    )
    st.markdown(
        f"At row {row}, column {column} its value is **{exact_number(value)}**."
        f"{same} {_field_words(seen, field)}"
    )
    return row, column, number


def _place(layer: str, feature_map: Values) -> tuple[int, int]:
    """Return the row and column chosen in this layer; at first, where the map is largest.

    For a constant map, such as one that is 0 after ReLU, it is the middle at first.
    """
    chosen_in, row, column = st.session_state.get(_PLACE, ("", 0, 0))
    if chosen_in == layer and row < feature_map.shape[0] and column < feature_map.shape[1]:
        return row, column
    if feature_map.max() == feature_map.min():
        return feature_map.shape[0] // 2, feature_map.shape[1] // 2
    row, column = np.unravel_index(feature_map.argmax(), feature_map.shape)
    return int(row), int(column)


def _receptive_field(seen: Seen, field: ReceptiveField) -> None:
    st.image(
        receptive_field_box(seen.image, None if field.covers_digit else field, 10),
        width=_WIDTH,
        alt="The digit, with a box around the pixels that this number can see if it is not all",
    )


def _field_words(seen: Seen, field: ReceptiveField) -> str:
    rows, columns = field.rows, field.columns
    if field.covers_digit:
        return "It can see all 784 pixels of the digit: that is its **receptive field**."
    words = (
        f"It can see rows {rows.first} to {rows.last} and columns {columns.first} to "
        f"{columns.last} of the digit, {field.pixels} pixels: the box, its **receptive field** "
        "(worked out as by Araujo, Norris and Sim, 2019)."
    )
    if field.outside_share:
        words += (
            f" {100 * field.outside_share:.0f} % of what it reaches for lies beyond the edge, in "
            "the padding."
        )
    if seen.network.run.info.recipe.scaling == "l2-axis-1":
        words += (
            " As this network's digits are scaled column by column, the rest of those columns "
            "has a say too."
        )
    return words


def _arithmetic(seen: Seen, layer: str, place: tuple[int, ...]) -> None:
    from core.explain.arithmetic import activations_with_inputs

    network = activations_with_inputs(seen.network, seen.image)
    show_arithmetic(network, layer, place, seen.network.run.info.recipe.scaling)
