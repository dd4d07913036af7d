"""The filter page, the inside map: which digits are neighbours for the network itself."""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.chores import Chore, State, shared
from core.digit_map import Dots, Way
from core.map_figures import Mark, digit_at, scatter
from core.palette import TEXT
from core.text import NAMES, PLURALS
from pages.widgets.answer import enlarged
from pages.widgets.chore import run_chore
from pages.widgets.digit_grid import Cell, digit_grid
from pages.widgets.filters_choice import Seen, look_at
from pages.widgets.map_hover import map_hover
from pages.widgets.map_way import choose_way

if TYPE_CHECKING:
    from core.inside_map import Floats, Near

WAY, CHART = "filters-inside-way", "filters-inside-chart"
CLICKED: Final = "filters_inside_clicked"
"""What a session keeps of the last click: the test digit's index."""
_OF: Final = "filters_inside_of"
_CONFIG: Final = {"displayModeBar": False}


def inside_view(seen: Seen) -> None:
    """Draw the sample's test digits as the network sees them, and a digit's neighbours."""
    st.write(
        "Before its last layer the network has made a list of numbers of the digit, its "
        "**embedding**; the answer is read from them alone. Digits whose lists are alike are "
        "neighbours for the network, however they look. Here are the sample's 1,000 test digits, "
        "laid flat by these lists."
    )
    with st.spinner("The network reads 1,000 digits: a few seconds, once …"):
        from core.inside_map import inside

        found = inside(seen.network)
    state = st.session_state
    way = choose_way(WAY)
    if state.get(_OF) != seen.image.tobytes():
        # Another digit of the page: what was clicked beside the one before is void.
        state[_OF] = seen.image.tobytes()
        state.pop(CLICKED, None)
    st.caption(_about(way, found.values.shape[1], found.shares))
    left, right = st.columns([2, 1], gap="medium")
    with left:
        if way == "pca":
            _by_pca(seen, found.shares)
        else:
            _by_tsne(seen)
    with right:
        _neighbours(seen)


def _about(way: Way, count: int, shares: tuple[float, float]) -> str:
    if way == "pca":
        return (
            f"PCA, principal component analysis: the straight view of {count:,} numbers in which "
            f"the points are spread most. It keeps {100 * sum(shares):.0f} % of the variance."
        )
    return (
        f"t-SNE (van der Maaten and Hinton, 2008) keeps neighbours among {count:,} numbers "
        "together. Only who is near to whom counts: gaps, sizes and directions mean nothing."
    )


def _by_pca(seen: Seen, shares: tuple[float, float]) -> None:
    from core.inside_map import pca_dots, place

    first, second = (f"{100 * share:.1f} % of the variance" for share in shares)
    _chart(
        seen,
        pca_dots(seen.network),
        place(seen.network, seen.image),
        (f"first component: {first}", f"second component: {second}"),
    )


def _by_tsne(seen: Seen) -> None:
    from core.inside_map import dots, place, tsne_places

    chore: Chore[Floats] = shared(
        (seen.network, "inside by t-SNE"),
        partial(tsne_places, seen.network),
    )
    places = chore.state.result
    if places is None:
        st.info(
            "t-SNE needs some seconds for a network. It is done once, for all visitors.",
            icon=":material/hourglass_empty:",
        )
        run_chore(
            chore, "Lay them out", "filters-inside-tsne", doing="Laying out 1,000 digits", far=_far
        )
        return
    _chart(seen, dots(places), place(seen.network, seen.image, places), None)
    if seen.label is None:
        st.caption(
            "t-SNE has no rule for a new point: your digit lies at the mean place of its five "
            "nearest neighbours inside the network."
        )


def _chart(
    seen: Seen,
    some: tuple[Dots, ...],
    where: tuple[float, float],
    axes: tuple[str, str] | None,
) -> None:
    def clicked() -> None:
        found = digit_at(some, st.session_state[CHART].selection.points)
        if found:
            st.session_state[CLICKED] = found[1]

    st.plotly_chart(
        scatter(some, [Mark(seen.name, where)], axes, TEXT.get(st.context.theme.type or "")),
        theme="streamlit",
        key=CHART,
        on_select=clicked,
        selection_mode="points",
        config=_CONFIG,
        alt="A map of 1,000 test digits by what the network makes of them, coloured by label",
    )
    map_hover("mnist-sample", CHART)


def _neighbours(seen: Seen) -> None:
    """Draw the digit that was clicked, or the page's, and its neighbours in two senses."""
    from core.inside_map import near_by_pixels, near_inside, shown

    index: int | None = st.session_state.get(CLICKED)
    digits = shown()
    if index is None:
        image, label, name = seen.image, seen.label, seen.name
    else:
        image, label = digits.images[index], int(digits.labels[index])
        name = f"test digit {index:,}"
    st.image(
        enlarged(255 - image, 4),
        caption=name if label is None else f"{name}, labelled {NAMES[label]}",
        width=112,
        alt="The digit whose neighbours are shown",
    )
    if index is None:
        st.caption("Click on a point of the map to look at another digit.")
    else:
        st.button(
            "Make it the digit of this page",
            icon=":material/center_focus_strong:",
            on_click=look_at,
            args=(index,),
            key="filters-inside-look",
        )
    for title, near, key in (
        ("Nearest inside the network", near_inside(seen.network, image), "near"),
        ("Nearest by their pixels", near_by_pixels(image), "pixels"),
    ):
        st.markdown(f"**{title}:** {_same(near, label)}")
        _grid(digits.images[near.indices], near, key)


def _same(near: "Near", label: int | None) -> str:
    count = len(near.indices)
    if label is not None:
        return f"{near.same(label)} of {count} are {PLURALS[label]} like it."
    most = int(np.bincount(near.labels).argmax())
    return f"{near.same(most)} of {count} are {PLURALS[most]}."


def _grid(images: NDArray[np.uint8], near: "Near", key: str) -> None:
    def opened(index: int) -> None:
        st.session_state[CLICKED] = index

    digit_grid(
        images,
        [
            Cell(int(index), f"Test digit {index}, label {label}", str(label))
            for index, label in zip(near.indices, near.labels, strict=True)
        ],
        key=f"filters-inside-{key}",
        on_open=opened,
    )


def _far(state: State[Any]) -> str:
    return "some seconds" if not state.total else "done"
