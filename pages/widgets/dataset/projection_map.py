"""The map of the dataset page: digits as points of a PCA or t-SNE projection.

A click on a point shows its digit; the visitor's drawing can be placed among them.
"""

from typing import Final

import numpy as np
import streamlit as st

from core.data.projection import (
    Method,
    PlacedDigit,
    load_projection,
    map_digits,
    neighbor_agreement,
    place_digit,
    point_positions,
    points_by_label,
    position_of,
)
from core.data.statistics import SplitName, split_of
from core.figures.dataset_charts import MapMark
from core.preprocessing.image_files import decode_image
from core.preprocessing.mnist_format import find_digit
from core.utils.errors import PictureError
from pages.widgets.components.digit_grid import Cell, digit_grid
from pages.widgets.shared.canvas import DRAWING, PAPER
from pages.widgets.shared.digit_choice import INDEX, open_digit
from pages.widgets.shared.digit_map import draw_digit_map
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.pictures import enlarge
from pages.widgets.shared.projection_choice import METHOD_NAMES, choose_projection

_WAY, _CHART, _DRAWN = "map-way", "map-chart", "map-drawing"
_CLICKED: Final = "map_clicked"
"""Key of the last click in the session: (dataset, split, index)."""
_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def embedding_view(dataset: str, split: SplitName) -> None:
    """Draw the map of a dataset's digits.

    Args:
        dataset: name of a dataset.
        split: the split of the digit that is open, which the map marks.
    """
    st.write(
        "A digit of 28×28 pixels is 784 numbers: a point in a space of 784 dimensions. A map lays "
        "these points flat, so that digits which look alike lie near each other. "
        + _which_digits(dataset)
    )
    method = choose_projection(_WAY, bind="query-params")
    with st.spinner("Computing the map: a few seconds, once …"):
        st.caption(_about(dataset, method))
    left, right = st.columns([2, 1], gap="medium")
    with right:
        # Filled first, because the map marks the place of the drawing.
        click = st.container()
        placed = _drawing(dataset, method)
    with left:
        _chart(dataset, method, _marks(dataset, split, method, placed))
    with click:
        _clicked(dataset)


def _which_digits(dataset: str) -> str:
    count = f"{len(map_digits(dataset)):,}"
    if dataset == "mnist":
        return f"These are the {count} test digits: all 70,000 would hide each other."
    return f"These are all {count} digits of the sample, for training and for testing."


def _about(dataset: str, method: Method) -> str:
    share = 100 * neighbor_agreement(dataset, method)
    same = f"{share:.0f} % of the digits lie next to one with their label"
    if method == "pca":
        shares = load_projection(dataset).shares
        return (
            "PCA, principal component analysis: the straight view, like a shadow, in which the "
            f"points are spread most. It keeps {100 * sum(shares):.0f} % of the variance (the mean "
            f"squared distance from the mean digit); the rest is lost. {same}."
        )
    return (
        "t-SNE (van der Maaten and Hinton, 2008) keeps each digit near those that it resembles "
        "most. Only who is near to whom counts: the gaps between the heaps, their sizes and the "
        f"directions mean nothing. It knew no labels, and yet {same}. Computed once, and stored "
        "with the app."
    )


def _axes(dataset: str, method: Method) -> tuple[str, str] | None:
    if method == "tsne":
        return None
    first, second = (
        f"{100 * share:.1f} % of the variance" for share in load_projection(dataset).shares
    )
    return f"first component: {first}", f"second component: {second}"


def _chart(dataset: str, method: Method, marks: list[MapMark]) -> None:
    def clicked(split: SplitName, index: int) -> None:
        st.session_state[_CLICKED] = (dataset, split, index)

    draw_digit_map(
        dataset,
        points_by_label(dataset, method),
        marks,
        _axes(dataset, method),
        clicked,
        key=_CHART,
        config=_CONFIG,
        alt=f"A map of {len(map_digits(dataset)):,} digits by {METHOD_NAMES[method]}, "
        "colored by label",
    )


def _marks(
    dataset: str, split: SplitName, method: Method, placed: PlacedDigit | None
) -> list[MapMark]:
    """Return the marks of the digit that was opened last and of the drawing, if there are any."""
    marks = []
    index = st.session_state.get(INDEX)
    position = None if index is None else position_of(dataset, split, index)
    if position is not None:
        x, y = point_positions(dataset, method)[position].tolist()
        marks.append(MapMark(f"{_split_name(split).lower()} digit {index:,}", (x, y)))
    if placed:
        marks.append(MapMark("your drawing", placed.position))
    return marks


def _clicked(dataset: str) -> None:
    clicked_dataset, split, index = st.session_state.get(_CLICKED, (None, "test", 0))
    st.markdown("**The digit you clicked on**")
    if clicked_dataset != dataset:
        st.caption(
            "Click a point to see its digit here. On a touch screen, the first tap names a "
            "point and the second chooses it."
        )
        return
    digits = split_of(dataset, split)
    label = int(digits.labels[index])
    st.image(
        enlarge(255 - digits.images[index], 6),
        caption=f"{_split_name(split)} digit {index:,}, label {label}",
        width=168,
        alt=f"A digit with the label {label}",
    )
    st.button(
        "Open it",
        icon=":material/open_in_full:",
        on_click=open_digit,
        args=(index, split),
        key="map-open",
    )


def _drawing(dataset: str, method: Method) -> PlacedDigit | None:
    """Draw the part about the visitor's drawing; return its place, None if it is hidden."""
    st.markdown("**Your own digit**")
    png = st.session_state.get(DRAWING)
    if not png:
        st.caption("Draw a digit and come back: it then appears among the others.")
        st.page_link(pages()["predict"], label="Draw one", icon=":material/draw:")
        return None
    try:
        pixels = decode_image(png, "The drawing").pixels
        image = find_digit(pixels, ink="dark", paper=PAPER).pixels
    except PictureError as error:
        st.warning(plain(str(error)), icon=":material/help:")
        return None
    if not st.toggle("Show it on the map", value=True, key=_DRAWN, persist_state="session"):
        return None
    placed = place_digit(image, dataset, method)
    st.image(enlarge(image, 4), caption="As 28×28 pixels", width=112, alt="Your drawing")
    _alike(placed, dataset)
    st.caption(
        "PCA projects your drawing exactly as it did the others."
        if method == "pca"
        else "t-SNE has no rule for a new point. Your drawing lies at the mean place of the five "
        "digits above, the more alike the more weight."
    )
    return placed


def _alike(placed: PlacedDigit, dataset: str) -> None:
    """Draw the nearest neighbors of the drawing; a click opens one."""
    nearest = placed.nearest
    st.caption(f"The {len(nearest)} digits most alike it, pixel by pixel:")
    digit_grid(
        np.stack(
            [split_of(dataset, neighbor.split).images[neighbor.index] for neighbor in nearest]
        ),
        [
            Cell(
                position,
                f"{_split_name(neighbor.split)} digit {neighbor.index}, label {neighbor.label}",
                str(neighbor.label),
            )
            for position, neighbor in enumerate(nearest)
        ],
        key="map-alike",
        on_open=lambda position: open_digit(nearest[position].index, nearest[position].split),
    )


def _split_name(split: SplitName) -> str:
    return "Training" if split == "train" else "Test"
