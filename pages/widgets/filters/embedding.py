"""The Filters page's view "Embedding": a map of the network's embeddings, and nearest neighbors."""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.projection import Method, Points
from core.data.statistics import SplitName
from core.figures.dataset_charts import MapMark
from core.utils.background import BackgroundTask, TaskState, shared_task
from core.utils.text import DIGIT_NAMES, DIGIT_PLURALS
from pages.widgets.components.digit_grid import Cell, digit_grid
from pages.widgets.filters.choices import Seen, open_test_digit
from pages.widgets.shared.background_task import draw_task
from pages.widgets.shared.digit_map import draw_digit_map
from pages.widgets.shared.pictures import enlarge
from pages.widgets.shared.projection_choice import choose_projection

if TYPE_CHECKING:
    from core.explain.latent_space import Floats, NearDigits

_WAY, _CHART = "filters-embedding-way", "filters-embedding-chart"
_CLICKED: Final = "filters_inside_clicked"
"""Session key of the last click: the test digit's index."""
_OF: Final = "filters_inside_of"
_CONFIG: Final = {"displayModeBar": False}


def embedding_view(seen: Seen) -> None:
    """Draw the embeddings of the sample's test digits, and a digit's neighbors.

    Args:
        seen: The network and the digit.
    """
    st.write(
        "Before its last layer the network has made a list of numbers of the digit, its "
        "**embedding**; the answer is read from them alone. Digits whose lists are alike are "
        "neighbors for the network, however they look. Here are the sample's 1,000 test digits, "
        "laid flat by these lists."
    )
    with st.spinner("The network reads 1,000 digits: a few seconds, once …"):
        from core.explain.latent_space import load_latent_space

        space = load_latent_space(seen.network)
    state = st.session_state
    method = choose_projection(_WAY)
    if state.get(_OF) != seen.image.tobytes():
        # The page's digit has changed: a click made beside the previous one no longer counts.
        state[_OF] = seen.image.tobytes()
        state.pop(_CLICKED, None)
    st.caption(_about(method, space.values.shape[1], space.shares))
    left, right = st.columns([2, 1], gap="medium")
    with left:
        if method == "pca":
            _by_pca(seen, space.shares)
        else:
            _by_tsne(seen)
    with right:
        _neighbors(seen)


def _about(method: Method, count: int, shares: tuple[float, float]) -> str:
    if method == "pca":
        return (
            f"PCA, principal component analysis: the straight view of {count:,} numbers in which "
            f"the points are spread most. It keeps {100 * sum(shares):.0f} % of the variance."
        )
    return (
        f"t-SNE (van der Maaten and Hinton, 2008) keeps neighbors among {count:,} numbers "
        "together. Only who is near to whom counts: gaps, sizes and directions mean nothing."
    )


def _by_pca(seen: Seen, shares: tuple[float, float]) -> None:
    from core.explain.latent_space import pca_points, place_in_latent_space

    first, second = (f"{100 * share:.1f} % of the variance" for share in shares)
    _chart(
        seen,
        pca_points(seen.network),
        place_in_latent_space(seen.network, seen.image),
        (f"first component: {first}", f"second component: {second}"),
    )


def _by_tsne(seen: Seen) -> None:
    from core.explain.latent_space import latent_points, place_in_latent_space, tsne_positions

    task: BackgroundTask[Floats] = shared_task(
        (seen.network, "inside by t-SNE"),
        partial(tsne_positions, seen.network),
    )
    places = task.state.result
    if places is None:
        st.info(
            "t-SNE needs some seconds for a network. It is done once, for all visitors.",
            icon=":material/hourglass_empty:",
        )
        draw_task(
            task,
            "Lay them out",
            "filters-embedding-tsne",
            doing="Laying out 1,000 digits",
            progress_text=_progress_text,
        )
        return
    _chart(
        seen, latent_points(places), place_in_latent_space(seen.network, seen.image, places), None
    )
    if seen.label is None:
        st.caption(
            "t-SNE has no rule for a new point: your digit lies at the mean place of its five "
            "nearest neighbors inside the network."
        )


def _chart(
    seen: Seen,
    points: tuple[Points, ...],
    position: tuple[float, float],
    axes: tuple[str, str] | None,
) -> None:
    def clicked(_split: SplitName, index: int) -> None:
        st.session_state[_CLICKED] = index

    draw_digit_map(
        "mnist-sample",
        points,
        [MapMark(seen.name, position)],
        axes,
        clicked,
        key=_CHART,
        config=_CONFIG,
        alt="A map of 1,000 test digits by what the network makes of them, colored by label",
    )


def _neighbors(seen: Seen) -> None:
    """Draw the clicked digit, or the page's, and its neighbors by embedding and by pixels."""
    from core.explain.latent_space import (
        displayed_digits,
        nearest_by_pixels,
        nearest_in_latent_space,
    )

    index: int | None = st.session_state.get(_CLICKED)
    digits = displayed_digits()
    if index is None:
        image, label, name = seen.image, seen.label, seen.name
    else:
        image, label = digits.images[index], int(digits.labels[index])
        name = f"test digit {index:,}"
    st.image(
        enlarge(255 - image, 4),
        caption=name if label is None else f"{name}, labeled {DIGIT_NAMES[label]}",
        width=112,
        alt="The digit whose neighbors are shown",
    )
    if index is None:
        st.caption("Click on a point of the map to look at another digit.")
    else:
        st.button(
            "Make it the digit of this page",
            icon=":material/center_focus_strong:",
            on_click=open_test_digit,
            args=(index,),
            key="filters-embedding-look",
        )
    for title, near, key in (
        ("Nearest inside the network", nearest_in_latent_space(seen.network, image), "near"),
        ("Nearest by their pixels", nearest_by_pixels(image), "pixels"),
    ):
        st.markdown(f"**{title}:** {_same(near, label)}")
        _grid(digits.images[near.indices], near, key)


def _same(near: "NearDigits", label: int | None) -> str:
    count = len(near.indices)
    if label is not None:
        return f"{near.count_label(label)} of {count} are {DIGIT_PLURALS[label]} like it."
    most = int(np.bincount(near.labels).argmax())
    return f"{near.count_label(most)} of {count} are {DIGIT_PLURALS[most]}."


def _grid(images: NDArray[np.uint8], near: "NearDigits", key: str) -> None:
    def opened(index: int) -> None:
        st.session_state[_CLICKED] = index

    digit_grid(
        images,
        [
            Cell(int(index), f"Test digit {index}, label {label}", str(label))
            for index, label in zip(near.indices, near.labels, strict=True)
        ],
        key=f"filters-embedding-{key}",
        on_open=opened,
    )


def _progress_text(state: TaskState[Any]) -> str:
    return "some seconds" if not state.total else "done"
