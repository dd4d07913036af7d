"""Sanity checks of the Filters page's attribution maps: the same maps with random weights.

The method is that of Adebayo et al., "Sanity Checks for Saliency Maps", 2018.
"""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from core.figures.explanation_charts import similarity_lines
from core.figures.images import attribution_overlay
from core.figures.style import TEXT_COLORS, Theme
from core.utils.background import TaskState, shared_task
from core.utils.errors import DigitscopeError
from pages.widgets.filters.choices import Seen
from pages.widgets.shared.background_task import draw_task
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import CHART_CONFIG

if TYPE_CHECKING:
    from core.explain.attribution import Method, Question, Randomization, Settings

_SWITCH, _COUNT, _HOW = (
    "filters-attribution-random",
    "filters-attribution-count",
    "filters-attribution-how",
)
_NAMES: Final = {
    "grad-cam": "Grad-CAM",
    "integrated-gradients": "Integrated gradients",
    "occlusion": "Occlusion",
}
_HOWS: Final[dict["Randomization", str]] = {
    "cascading": "from the last layer up to this one",
    "independent": "this one alone",
}


def random_weights_view(
    seen: Seen, question: "Question", settings: "Settings", theme: Theme
) -> None:
    """Draw a switch that randomizes weights, and the maps that result.

    Args:
        seen: The network and the digit.
        question: The class to explain.
        settings: The settings of the attribution methods.
        theme: The page's theme.
    """
    st.header("Sanity check: do these maps depend on the network?", anchor=False)
    st.write(
        "A map that looks sensible may only trace the digit. In this test, the weights of a "
        "copy of the network are made random, layer by layer (Adebayo et al., “Sanity Checks "
        "for Saliency Maps”, 2018). A map that does not change then explains nothing."
    )
    if not st.toggle("Randomize the weights", key=_SWITCH, persist_state="session"):
        return
    from core.explain.attribution import METHODS

    count, how = _stage(seen)
    if count == 0:
        st.caption("No weight is random yet. Move the slider.")
    with st.spinner("Randomizing the network …"):
        for column, method in zip(st.columns(len(METHODS), gap="medium"), METHODS, strict=True):
            with column:
                _compared(seen, question, settings, method, theme, count, how)
    _over_layers(seen, question, settings, theme)


def _stage(seen: Seen) -> tuple[int, "Randomization"]:
    """Draw the choice of how many layers are randomized, and in which mode."""
    from core.explain.attribution import layers_from_last

    stages = layers_from_last(seen.rows())
    state = st.session_state
    if state.get(_COUNT, 1) > len(stages):
        state[_COUNT] = len(stages)
    state.setdefault(_COUNT, 1)
    count: int = st.select_slider(
        "Random weights up to",
        range(len(stages) + 1),
        format_func=lambda k: "none" if k == 0 else ("all" if k == len(stages) else stages[k - 1]),
        key=_COUNT,
        persist_state="session",
        width=420,
        help="The network's layers with weights, the last one first.",
    )
    how: Randomization = st.segmented_control(
        "Which layers",
        list(_HOWS),
        default="cascading",
        required=True,
        format_func=_HOWS.__getitem__,
        key=_HOW,
        persist_state="session",
    )
    return count, how


def _compared(
    seen: Seen,
    question: "Question",
    settings: "Settings",
    method: "Method",
    theme: Theme,
    count: int,
    how: "Randomization",
) -> None:
    """Draw a method's maps of the trained and the randomized network, and their correlation."""
    from core.explain.attribution import (
        describe_correlation,
        explain,
        map_similarity,
        randomized_map,
    )

    arguments = (seen.network, seen.image, question, method, settings)
    st.markdown(f"**{_NAMES[method]}**")
    try:
        real = explain(*arguments)
        other = randomized_map(*arguments, count=count, mode=how)
    except DigitscopeError as error:
        st.info(plain(str(error)))
        return
    left, right = st.columns(2, gap="small", wrap=False)
    left.image(attribution_overlay(real, seen.image, theme), caption="as learned", alt="As learned")
    right.image(
        attribution_overlay(other, seen.image, theme), caption="random", alt="With random weights"
    )
    correlation = map_similarity(real, other)
    number = "–" if correlation is None else f"{correlation:.2f}".replace("-", "−")
    st.markdown(f"Rank correlation: **{number}**")
    st.caption(describe_correlation(correlation) if count else "The same network, so the same map.")


def _over_layers(seen: Seen, question: "Question", settings: "Settings", theme: Theme) -> None:
    """Draw the maps' similarity over the layers, or the button that starts its computation."""
    from core.explain.attribution import similarity_over_layers

    task = shared_task(
        (seen.network, seen.image.tobytes(), question, settings, "sanity"),
        partial(similarity_over_layers, seen.network, seen.image, question, settings),
    )
    if task.state.result is None:
        draw_task(
            task,
            "Compare at every layer",
            "filters-attribution-layers",
            doing="Making layer after layer random",
            progress_text=_progress_text,
        )
        return
    similarities = task.state.result
    st.plotly_chart(
        similarity_lines(
            similarities[0].layers,
            {_NAMES[similarity.method]: similarity.correlations for similarity in similarities},
            TEXT_COLORS.get(theme),
        ),
        config=CHART_CONFIG,
        key="filters-attribution-lines",
        alt="How alike the maps stay while layer after layer is made random",
    )
    st.caption(
        "Rank correlation (Spearman) with the map of the learned network: 1 is the same order of "
        "all pixels, 0 none in common, below 0 the reverse. From left to right more layers are "
        "random. A line that stays high belongs to a map that traces the digit. A gap: the map is "
        "empty."
    )


def _progress_text(state: TaskState[Any]) -> str:
    return f"{state.done} of {state.total} maps" if state.total else "starting"
