"""The Filters page's view "Feature visualization": images that maximize activations."""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from core.recipes.architecture import Dropout, Flatten
from core.utils.background import BackgroundTask, Report, TaskState, shared_task
from core.utils.text import DIGIT_NAMES, percent
from pages.widgets.filters.choices import Seen, choose_map, chosen_layer, chosen_map
from pages.widgets.shared.background_task import draw_task
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import enlarge

if TYPE_CHECKING:
    from core.explain.feature_visualization import (
        FeatureVisualization,
        RegularizationStrength,
        VisualizationTarget,
    )

_WHAT, _STRENGTH = "filters-visualization-what", "filters-visualization-strength"
_MAP, _PLACE = "filters-visualization-map", "filters-visualization-place"
_DIGITS, _ONE_MAP = "the ten digits", "a map of a layer"
_STRENGTHS: Final[dict["RegularizationStrength", str]] = {
    "none": "none",
    "some": "some",
    "strong": "strong",
}
_MEANS: Final[dict["RegularizationStrength", str]] = {
    "none": "Without regularization, every pixel is free. The result looks like noise, and "
    "yet the network is almost certain: it has only ever seen digits.",
    "some": "With some regularization, the picture is shifted by up to a pixel before each "
    "step, neighboring pixels are kept alike (total variation), and ink without "
    "effect fades.",
    "strong": "With strong regularization, neighboring pixels are kept more alike, ink fades "
    "faster, and a margin of 4 pixels stays white, as in MNIST.",
}
_BIG: Final = 4


def feature_visualization_view(seen: Seen) -> None:
    """Draw the images that maximize the network's logits, or the activation of one of its maps.

    Args:
        seen: The network and the digit.
    """
    st.write(
        "The weights stay fixed and the picture is optimized: starting from gray with a "
        "little noise, it is changed step by step so that one number of the network grows "
        "(activation maximization: Erhan et al., 2009; Simonyan et al., 2014; made readable "
        "as by Olah et al., “Feature Visualization”, 2017)."
    )
    subject, strength = _choices()
    st.caption(_MEANS[strength])
    if subject == _DIGITS:
        _ten(seen, strength)
    else:
        _one_map(seen, strength)
    st.caption(
        "The picture shows what raises a number, not what the network has seen: no digit "
        "looks like it. Strokes that appear repeatedly are what the network responds to. It "
        "may respond to more than that, and another regularization gives another picture."
    )


def _choices() -> tuple[str, "RegularizationStrength"]:
    with st.container(horizontal=True):
        subject: str = st.segmented_control(
            "Visualize",
            [_DIGITS, _ONE_MAP],
            default=_DIGITS,
            required=True,
            key=_WHAT,
            persist_state="session",
        )
        strength: RegularizationStrength = st.segmented_control(
            "Regularization",
            list(_STRENGTHS),
            default="strong",
            required=True,
            format_func=_STRENGTHS.__getitem__,
            key=_STRENGTH,
            persist_state="session",
            help="Keeps the picture readable",
        )
    return subject, strength


def _ten(seen: Seen, strength: "RegularizationStrength") -> None:
    task: BackgroundTask[tuple[FeatureVisualization, ...]] = shared_task(
        (seen.network, strength, "visualizations of the digits"),
        partial(_dream_of_digits, seen, strength),
    )
    dreams = task.state.result
    if dreams is None:
        draw_task(
            task,
            "Visualize the ten digits",
            "filters-visualization-ten",
            doing="Dreaming",
            progress_text=_progress_text,
        )
        return
    with st.container(horizontal=True):
        for dream in dreams:
            name = DIGIT_NAMES[dream.target.number]
            sure = percent(float(dream.probabilities[dream.answer]))
            st.image(
                enlarge(255 - dream.image, _BIG),
                caption=f"{name}: read as {DIGIT_NAMES[dream.answer]}, {sure}",
                width=28 * _BIG,
                alt=f"What {seen.network.name} responds to most for {name}",
            )
    right = sum(dream.answer == dream.target.number for dream in dreams)
    st.write(
        "Each picture raises the logit of one digit; below it stands how "
        f"{plain(seen.network.name)} reads it: {right} of 10 as the digit it was made for. "
        "They were computed once, for all visitors."
    )


def _one_map(seen: Seen, strength: "RegularizationStrength") -> None:
    # The last layer's ten numbers are the ten digits.
    offered = {row.name for row in seen.rows()[:-1] if not isinstance(row.layer, Flatten | Dropout)}
    layer = chosen_layer(seen, lambda row: row.name in offered)
    if layer is None:
        return
    from core.explain.feature_visualization import VisualizationTarget

    shape = next(row.shape for row in seen.rows() if row.name == layer)
    number = _number(shape[-1], "Map" if len(shape) == 3 else "Unit")
    place = None
    if len(shape) == 3 and st.toggle(
        "Only its place in the middle",
        key=_PLACE,
        persist_state="session",
        help="One number of the map: what its receptive field, the part of the picture that it "
        "sees, should hold. Without this it is the mean of the whole map.",
    ):
        place = (shape[0] // 2, shape[1] // 2)
    target = VisualizationTarget(number, layer, place)
    task: BackgroundTask[tuple[FeatureVisualization, float]] = shared_task(
        (seen.network, strength, target),
        partial(_dream_of_map, seen, target, strength),
    )
    result = task.state.result
    if result is None:
        draw_task(
            task,
            "Visualize it",
            "filters-visualization-one",
            doing="Dreaming",
            progress_text=_progress_text,
        )
        return
    _show_one(seen, *result, is_map=len(shape) == 3)


def _number(count: int, word: str) -> int:
    state = st.session_state
    state[_MAP] = chosen_map(count)

    def chosen() -> None:
        choose_map(int(state[_MAP]))

    number: int = st.number_input(
        f"{word}, 0 to {count - 1}", 0, count - 1, key=_MAP, on_change=chosen, width=180
    )
    return number


def _show_one(seen: Seen, dream: "FeatureVisualization", highest: float, *, is_map: bool) -> None:
    target = dream.target
    name = (
        f"map {target.number} of {target.layer}"
        if is_map
        else f"unit {target.number} of {target.layer}"
    )
    picture, words = st.columns([1, 2], gap="medium")
    picture.image(
        enlarge(255 - dream.image, 8),
        width=224,
        alt=f"What {seen.network.name} responds to most for {name}",
    )
    with words:
        number = "Its mean" if is_map and target.position is None else "Its value"
        st.markdown(
            f"**{name[0].upper()}{name[1:]}.** {number} is **{dream.value:.3g}** for this "
            "picture. Of the sample's 1,000 test digits, the one that activates it most gives "
            f"{highest:.3g}."
        )
        if dream.value <= highest:
            st.caption(
                "A digit activates it more than this picture: the regularization is too "
                "strong, or its activation is 0 for anything like gray paper, which gives no "
                "gradient. Try less regularization."
            )
        sure = percent(float(dream.probabilities[dream.answer]))
        st.markdown(
            f"As a digit, the network reads it as {DIGIT_NAMES[dream.answer]} ({plain(sure)})."
        )


def _dream_of_digits(
    seen: Seen, strength: "RegularizationStrength", report: Report
) -> "tuple[FeatureVisualization, ...]":
    from core.explain.feature_visualization import class_targets, visualize_feature

    return visualize_feature(seen.network, class_targets(), strength, report)


def _dream_of_map(
    seen: Seen, target: "VisualizationTarget", strength: "RegularizationStrength", report: Report
) -> "tuple[FeatureVisualization, float]":
    from core.data import mnist
    from core.explain.feature_visualization import highest_activation, visualize_feature

    (visualization,) = visualize_feature(seen.network, [target], strength, report)
    digits = mnist.load("mnist-sample").test.images
    return visualization, highest_activation(seen.network, target, digits)


def _progress_text(state: TaskState[Any]) -> str:
    return f"step {state.done} of {state.total}" if state.total else "opening the network"
