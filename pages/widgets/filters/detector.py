"""The Filters page's view "Digit detector": its answer on a picture, its kernels, its maps."""

from collections.abc import Sequence
from typing import Final, Literal, get_args

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.explain import detector_layers
from core.explain.detector_layers import (
    INK_KINDS,
    REBUILD_COMMAND,
    CopyAnswer,
    DetectorLayer,
    InkKind,
    example_page,
    map_name,
    shrink_maps,
    training_record,
)
from core.explain.kernels import Kernels
from core.explain.layer_geometry import strongest_maps
from core.figures.detector_images import KIND_COLORS, MARKS, answer_image
from core.figures.images import colorize, feature_map_sheet
from core.preprocessing.page.detector import STRIDE
from core.preprocessing.page.segmentation import MIN_INK
from core.utils.text import percent
from pages.widgets.components.digit_grid import Cell, tile_grid
from pages.widgets.filters.choices import DETECTOR_LAYER, DETECTOR_MAP, chosen_map, layer_field
from pages.widgets.filters.feature_maps import Scale, choose_scale
from pages.widgets.filters.kernels import (
    choose_channel,
    describe_kernels,
    kernel_details,
    kernel_grid,
)
from pages.widgets.shared.color_legend import color_legend
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.pictures import enlarge
from pages.widgets.shared.upload import last_opened

PictureSource = Literal["Example page", "Your picture"]
MapOrder = Literal["number", "strength"]
_SOURCES: Final[tuple[PictureSource, ...]] = get_args(PictureSource)
_SOURCE, _COPY, _ORDER = (
    "filters-detector-picture",
    "filters-detector-copy",
    "filters-detector-order",
)
_ORDERS: Final[dict[MapOrder, str]] = {
    "number": "number",
    "strength": "strength of the maps, the largest first",
}
_COLUMNS, _TILE_PX, _MAP_PX, _ANSWER_PX = 8, 72, 480, 720
_SHEET_PX: Final = 96
"""Longer side of a map on the sheet of all maps; larger maps are shrunk to it."""
_WHAT: Final = (
    "The **digit detector** is a fully convolutional network: it has convolutions and no dense "
    "layer, so it reads a picture of any size. The Predict page asks it where the digits of a "
    "picture are; a run then reads each of them. For each pixel it gives the probability of a "
    "digit's **ink** and of a sign's (point, comma, minus, slash). On a grid of "
    f"{STRIDE} pixels it gives the probability of a **center**, and the **offset** that leads from "
    "there to the center."
)
_SCENES: Final = (
    "It was trained on generated scenes. A **scene** is a picture made by code: MNIST's training "
    "digits, as they are or drawn again by pens, a few digits of other forms, and signs, on paper "
    "and on photographs, among other marks. No test digit of MNIST is in them."
)
_COPIES: Final = (
    "The detector knows digits of a certain size. So it is shown **copies** of the picture: each "
    "is half as large as the one before, and each digit has the right size in one of them. Of "
    "what is seen in several copies, the Predict page keeps what the detector is surest of."
)


def detector_view() -> None:
    """Draw what the digit detector is, its answer on a picture, and its layers.

    Raises:
        PictureError: The visitor's picture is too small for a digit.
    """
    with st.spinner("The detector is waking up: a few seconds, once …", show_time=True):
        layers = detector_layers.detector_layers()
    _about()
    picture = _choose_picture()
    if picture is None:
        return
    answer = _choose_copy(_answers(picture))
    _show_answer(answer)
    _show_layer(layers, answer)


@st.cache_data(max_entries=8, show_spinner=False)
def _answers(picture: NDArray[np.uint8]) -> tuple[CopyAnswer, ...]:
    return detector_layers.answers(picture)


@st.cache_data(max_entries=4, show_spinner=False)
def _layer_maps(pixels: NDArray[np.uint8], layer: str) -> NDArray[np.float32]:
    return detector_layers.layer_maps(pixels, layer)


def _about() -> None:
    """Draw what the detector is, what it was trained on, and the command that trains it again."""
    record = training_record()
    st.markdown(f"{_WHAT} It has **{detector_layers.parameter_count():,} parameters**.")
    if record is None:
        trained = "The record of its training is not stored here. This command trains it anew:"
    else:
        trained = (
            f"It saw {record.scenes:,} scenes in {record.steps:,} steps, with the seed "
            f"{record.seed}; the training ended on {record.date:%Y-%m-%d}. This command trains it "
            "again:"
        )
    st.markdown(f"{_SCENES} {trained}")
    st.code(REBUILD_COMMAND if record is None else record.command, language=None, wrap_lines=True)


def _choose_picture() -> NDArray[np.uint8] | None:
    """Draw the choice of the picture; None, after a sentence on the page, if there is none."""
    source = st.segmented_control(
        "Picture",
        _SOURCES,
        default=None if _SOURCE in st.session_state else _SOURCES[0],
        required=True,
        key=_SOURCE,
        persist_state="session",
        help="The example page is written with test digits of the sample. Your picture is the one "
        "that you opened last on the Predict page.",
    )
    if source == _SOURCES[0]:
        return example_page()
    opened = last_opened()
    if opened is None:
        st.info("Open a picture on the Predict page, with Upload or Camera, and come back.")
        predict = pages().get("predict")
        if predict:
            st.page_link(predict, label="To the Predict page", icon=":material/upload:")
        return None
    name, pixels = opened
    st.caption(f"{plain(name)}, {pixels.shape[1]}×{pixels.shape[0]} pixels")
    return pixels


def _choose_copy(answers: Sequence[CopyAnswer]) -> CopyAnswer:
    """Draw the choice of the copy; at first the one in which most digits are found."""
    st.markdown(_COPIES)
    by_side = {answer.side: answer for answer in answers}
    most = max(answers, key=lambda answer: answer.count("digit")).side
    if st.session_state.get(_COPY) not in by_side:
        st.session_state[_COPY] = most
    side = st.selectbox(
        "Copy",
        list(by_side),
        format_func=lambda side: f"{side} pixels: {_found(by_side[side])}",
        key=_COPY,
        persist_state="session",
        width=320,
        help="The longer side of the copy, and what the detector finds in it.",
    )
    return by_side[side]


def _found(answer: CopyAnswer) -> str:
    return " and ".join(_counted(answer.count(kind), kind) for kind in INK_KINDS)


def _counted(count: int, kind: InkKind) -> str:
    return f"{count} {kind}" if count == 1 else f"{count} {kind}s"


def _show_answer(answer: CopyAnswer) -> None:
    st.image(
        answer_image(answer, _ANSWER_PX),
        width=_ANSWER_PX,
        alt=f"The copy with its ink in color and its centers marked: {_found(answer)}",
    )
    _legend()
    if answer.centers:
        least = answer.centers[-1].probability
        st.caption(
            f"In this copy it sees the centers of {_found(answer)}, each with a probability of at "
            f"least {percent(least)}. The rim around the picture, in the tone of its border, is "
            "added before the detector sees it."
        )
    else:
        st.caption("In this copy it sees no center of a digit or a sign.")


def _legend() -> None:
    items = "".join(
        "<span style='display:inline-flex;align-items:center;gap:6px;margin-right:18px'>"
        f"<span style='width:14px;height:14px;border-radius:3px;background:{KIND_COLORS[kind]}'>"
        f"</span>ink of a {kind} (probability from {MIN_INK:g})</span>"
        "<span style='display:inline-flex;align-items:center;gap:6px;margin-right:18px'>"
        f"<b style='font-size:1.1rem'>{MARKS[kind]}</b>center of a {kind}</span>"
        for kind in INK_KINDS
    )
    st.html(f"<div style='font-size:0.85rem;line-height:1.8'>{items}</div>")


def _show_layer(layers: Sequence[DetectorLayer], answer: CopyAnswer) -> None:
    """Draw the chosen layer's kernels and feature maps, and one of them large."""
    st.header("Its layers", anchor=False)
    names = {layer.name: f"{layer.name}: {layer.description}" for layer in layers}
    first = next(layer.name for layer in layers if layer.has_kernels)
    st.session_state.setdefault(DETECTOR_LAYER, first)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = layer_field(
            names,
            known=names,
            owner="The digit detector",
            layer_key=DETECTOR_LAYER,
            map_key=DETECTOR_MAP,
        )
        scale = choose_scale()
        order = _choose_order()
        kernels = detector_layers.detector_kernels(name)
        channel = choose_channel(kernels) if kernels else None
    layer = next(layer for layer in layers if layer.name == name)
    number = chosen_map(layer.maps, DETECTOR_MAP)
    maps = _layer_maps(answer.pixels, name)
    numbers = list(range(layer.maps)) if order == "number" else strongest_maps(maps, layer.maps)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Kernels**")
        if kernels:
            _kernels(layer, kernels, numbers, channel, number)
        else:
            st.info(_without_kernels(layer))
    with right:
        st.markdown("**Feature maps**")
        _maps(layer, maps, numbers, scale, number)


def _choose_order() -> MapOrder:
    order: MapOrder = st.selectbox(
        "Sort by",
        list(_ORDERS),
        format_func=_ORDERS.__getitem__,
        key=_ORDER,
        persist_state="session",
        width=300,
        help="Strength: the mean of a map's absolute values. Kernels and maps have the same order: "
        "each kernel makes the map of its number.",
    )
    return order


def _choose_map(number: int) -> None:
    st.session_state[DETECTOR_MAP] = number


def _kernels(
    layer: DetectorLayer, kernels: Kernels, numbers: list[int], channel: int | None, number: int
) -> None:
    end = kernels.color_limit(channel)
    color_legend(f"−{end:.2g}", "0", f"{end:.2g}")
    kernel_grid(kernels, numbers, channel, number, _choose_map)
    st.caption(f"{describe_kernels(kernels, channel)} {layer.parameters:,} parameters.")
    kernel_details(kernels, channel, number, layer.batch_norm)


def _without_kernels(layer: DetectorLayer) -> str:
    parameters = f"{layer.parameters:,} parameters" if layer.parameters else "no parameters"
    return f"This layer is no convolution, so it has no kernels ({parameters})."


def _maps(
    layer: DetectorLayer,
    maps: NDArray[np.float32],
    numbers: list[int],
    scale: Scale,
    number: int,
) -> None:
    """Draw all maps as tiles, and the chosen one large."""
    theme, end = st.context.theme.type, float(np.abs(maps).max())
    if scale == "common":
        color_legend(f"−{end:.3g}", "0", f"{end:.3g}")
    else:
        color_legend("its largest, negative", "0", "its largest")
    small = shrink_maps(maps, _SHEET_PX)
    columns = min(_COLUMNS, len(numbers))
    tile_grid(
        feature_map_sheet(
            small[..., numbers],
            columns=columns,
            scale=scale,
            theme=theme,
            zoom=max(1, _TILE_PX // max(small.shape[:2])),
            end=end if scale == "common" else None,
        ),
        [Cell(k, _map_words(layer, maps, k), str(k)) for k in numbers],
        columns=columns,
        key=f"filters-detector-maps-{layer.name}",
        on_open=_choose_map,
        chosen=number,
        size_px=_TILE_PX,
        label="Feature maps",
    )
    rows, width = maps.shape[:2]
    shrunk = " In the grid, places are averaged to fewer." if small.shape != maps.shape else ""
    st.caption(f"{layer.name}: {layer.maps} maps of {rows}×{width} for this copy.{shrunk}")
    _large_map(layer, maps, end, scale, number)


def _map_words(layer: DetectorLayer, maps: NDArray[np.float32], number: int) -> str:
    name = map_name(layer.name, number)
    return f"map {number}{f', {name}' if name else ''}, up to {maps[..., number].max():.3g}"


def _large_map(
    layer: DetectorLayer, maps: NDArray[np.float32], end: float, scale: Scale, number: int
) -> None:
    feature_map = maps[..., number]
    largest = end if scale == "common" else float(np.abs(feature_map).max())
    st.header(f"Map {number} of {layer.name}", anchor=False)
    colors = colorize(feature_map, largest, st.context.theme.type)
    st.image(
        enlarge(colors, max(1, _MAP_PX // max(feature_map.shape))),
        width=_MAP_PX,
        alt=f"Map {number} of {layer.name}, {feature_map.shape[0]} rows by "
        f"{feature_map.shape[1]} columns",
    )
    name = map_name(layer.name, number)
    meaning = f"It is the {name}. " if name else ""
    st.markdown(
        f"{meaning}Its values lie between **{feature_map.min():.3g}** and "
        f"**{feature_map.max():.3g}**."
    )
