"""The Filters page's view "Kernels": all kernels of a layer, and one large with its weights."""

from collections.abc import Callable

import streamlit as st

from core.explain.kernels import KernelOrder, Kernels, has_kernels, layer_kernels
from core.figures.explanation_charts import kernel_figure
from core.figures.images import feature_map_sheet
from core.figures.style import TEXT_COLORS
from core.recipes.architecture import BatchNorm
from pages.widgets.components.digit_grid import Cell, tile_grid
from pages.widgets.filters.choices import (
    FEATURE_MAPS,
    VIEW,
    Seen,
    choose_layer,
    choose_map,
    chosen_layer,
    chosen_map,
)
from pages.widgets.shared.color_legend import color_legend
from pages.widgets.shared.pictures import CHART_CONFIG
from pages.widgets.shared.url_state import open_view

_ORDER, _CHANNEL, _PAGE = "filters-kernels-order", "filters-kernels-channel", "filters-kernels-page"
_COLUMNS, _AT_ONCE, _SHEET_PX = 16, 64, 40
_MEAN = "mean"
_CONV = (
    "A **kernel** is a small table of weights that a convolution lays on every place of its input: "
    "it multiplies, adds up, and so makes one feature map. Where it is blue, what lies there adds "
    "to the sum; where it is red, it takes away."
)
_DENSE = (
    "A **unit** of a dense layer has a weight for every number of its input: it multiplies, adds "
    "up, and gives one number. Where it is blue, what lies there adds to the sum; where it is red, "
    "it takes away."
)
_ORDERS: dict[KernelOrder, str] = {"number": "number", "norm": "norm, the largest first"}


def kernels_view(seen: Seen) -> None:
    """Draw all kernels of a layer with one color scale, and the chosen one large.

    Args:
        seen: The network and the digit.

    Raises:
        RunError: The network cannot be read.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer = chosen_layer(seen, has_kernels)
        if layer is None:
            return
        kernels = layer_kernels(seen.network, layer)
        order = _order()
        channel = choose_channel(kernels)
    chosen = chosen_map(kernels.count)
    end = kernels.color_limit(channel)
    st.markdown(_DENSE if kernels.dense else _CONV)
    st.caption(describe_kernels(kernels, channel))
    color_legend(f"−{end:.2g}", "0", f"{end:.2g}")
    left, right = st.columns([2, 3], gap="large")
    with left:
        kernel_details(kernels, channel, chosen, _batch_norm_after(seen, layer))
        _open_maps_button(kernels, chosen)
    with right:
        shown = _page(layer, kernels.order(order), chosen)
        kernel_grid(kernels, shown, channel, chosen, choose_map)


def _order() -> KernelOrder:
    order: KernelOrder = st.selectbox(
        "Sort by",
        list(_ORDERS),
        format_func=_ORDERS.__getitem__,
        key=_ORDER,
        persist_state="session",
        width=220,
        help="The norm is a kernel's length: the root of the sum of its squared weights. One with "
        "a small norm hardly answers to anything.",
    )
    return order


def choose_channel(kernels: Kernels) -> int | None:
    """Draw the choice of the input channel.

    Args:
        kernels: The kernels of a layer.

    Returns:
        The channel; None for the mean over all channels.
    """
    if kernels.channels == 1:
        return 0
    options = [_MEAN, *map(str, range(kernels.channels))]
    if st.session_state.get(_CHANNEL) not in options:
        st.session_state[_CHANNEL] = _MEAN
    chosen = st.select_slider(
        "Input channel",
        options,
        key=_CHANNEL,
        persist_state="session",
        width=280,
        help="Behind the first layer a kernel reads many maps (channels) at once and has a table "
        "of weights for each. Their mean shows what they have in common.",
    )
    return None if chosen == _MEAN else int(chosen)


def describe_kernels(kernels: Kernels, channel: int | None) -> str:
    """Describe a layer's kernels and their scale of colors.

    Args:
        kernels: The kernels of a layer.
        channel: The input channel that is shown; None for the mean over all channels.

    Returns:
        Sentences for a caption.
    """
    height, width = kernels.weights.shape[:2]
    noun = "units, each with its weights as a picture" if kernels.dense else "kernels"
    words = f"{kernels.layer}: {kernels.count} {noun} of {height}×{width}"
    if kernels.channels > 1:
        words += f" for each of {kernels.channels} input channels"
    if not kernels.spatial:
        words += ". Its inputs are no places of a picture: their weights stand row by row"
    shown = "the means" if channel is None else "all weights of this layer"
    return (
        f"{words}. One scale of colors for {shown}; one weight in a hundred is larger and has "
        "the last color."
    )


def _page(layer: str, order: list[int], chosen: int) -> list[int]:
    """Draw the pagination of many kernels; return those of the page, at first the chosen one's."""
    pages = -(-len(order) // _AT_ONCE)
    if pages < 2:
        return order
    page = st.pagination(
        pages, default=order.index(chosen) // _AT_ONCE + 1, key=f"{_PAGE}-{layer}-{pages}"
    )
    return order[(page - 1) * _AT_ONCE : page * _AT_ONCE]


def kernel_grid(
    kernels: Kernels,
    order: list[int],
    channel: int | None,
    chosen: int,
    on_open: Callable[[int], None],
) -> None:
    """Draw kernels as tiles with one scale of colors.

    Args:
        kernels: The kernels of a layer.
        order: The numbers of those that are drawn, in this order; not empty.
        channel: The input channel; None for the mean over all channels.
        chosen: Number of the kernel that is marked.
        on_open: Called with the number of a kernel that was clicked.
    """
    pictures, norms = kernels.images(channel), kernels.norms()
    zoom = max(1, _SHEET_PX // pictures.shape[0])
    columns = min(_COLUMNS, len(order))
    sheet = feature_map_sheet(
        pictures[..., order],
        columns=columns,
        scale="common",
        theme=st.context.theme.type,
        zoom=zoom,
        end=kernels.color_limit(channel),
    )
    noun = "unit" if kernels.dense else "kernel"
    tile_grid(
        sheet,
        [Cell(k, f"{noun} {k}, norm {norms[k]:.3f}", str(k)) for k in order],
        columns=columns,
        key="filters-kernels-grid",
        on_open=on_open,
        chosen=chosen,
        size_px=56 if pictures.shape[0] < 20 else 72,
        label="Units" if kernels.dense else "Kernels",
    )


def kernel_details(
    kernels: Kernels, channel: int | None, chosen: int, batch_norm: str | None
) -> None:
    """Draw one kernel large, with its norm and its bias.

    Args:
        kernels: The kernels of a layer.
        channel: The input channel; None for the mean over all channels.
        chosen: Number of the kernel.
        batch_norm: Name of the batch normalization right after the layer; None if there is none.
    """
    name = "Unit" if kernels.dense else "Kernel"
    theme = st.context.theme.type or "light"
    st.header(f"{name} {chosen}", anchor=False)
    st.plotly_chart(
        kernel_figure(
            kernels.images(channel)[:, :, chosen],
            kernels.color_limit(channel),
            spatial=kernels.spatial,
            theme=theme,
            text_color=TEXT_COLORS.get(theme),
        ),
        config=CHART_CONFIG,
        key="filters-kernels-one",
        alt=f"The weights of {name.lower()} {chosen} of {kernels.layer}",
    )
    norms = kernels.norms()
    place = int((norms > norms[chosen]).sum()) + 1
    words = f"**Norm** {norms[chosen]:.3f}: number {place} of {kernels.count} by size."
    st.markdown(f"{words} {_bias(kernels, chosen, batch_norm)}")


def _open_maps_button(kernels: Kernels, chosen: int) -> None:
    def opened() -> None:
        choose_layer(kernels.layer)
        choose_map(chosen)
        open_view(VIEW, FEATURE_MAPS)

    st.button(
        f"See its value for this digit: unit {chosen}"
        if kernels.dense
        else f"See the map that it makes: map {chosen}",
        icon=":material/grid_on:",
        on_click=opened,
        key="filters-kernels-map",
    )


def _batch_norm_after(seen: Seen, layer: str) -> str | None:
    rows = seen.rows()
    place = next(k for k, row in enumerate(rows) if row.name == layer)
    after = rows[place + 1 : place + 2]  # empty behind the last layer
    return next((row.name for row in after if isinstance(row.layer, BatchNorm)), None)


def _bias(kernels: Kernels, chosen: int, batch_norm: str | None) -> str:
    if kernels.bias is not None:
        return f"**Bias** {kernels.bias[chosen]:+.3f}: what is added to every sum."
    if batch_norm is not None:
        return f"It has no bias: {batch_norm}, right after it, shifts the sums."
    return "It has no bias: nothing is added to its sums."
