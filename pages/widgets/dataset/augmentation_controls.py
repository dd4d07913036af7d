"""The sliders of the augmentation playground: the strength of each change."""

import streamlit as st

from core.data.augmentation import (
    MAX_DRAWS,
    PAPER_ALPHA,
    PAPER_SIGMA,
    AugmentationDraw,
    exceeds_training,
)
from core.evaluation.robustness import describe_augmentation
from core.recipes.presets import augmentation_presets
from core.utils.validation import Parameter

_FIRST = "katariya"
_COLUMN = 220


_OFFERED = (
    Parameter(
        "rotation",
        "Rotation",
        -180,
        180,
        1,
        "%.0f°",
        "+ is clockwise.",
    ),
    Parameter(
        "right",
        "Shift right",
        -MAX_DRAWS["width_shift"],
        MAX_DRAWS["width_shift"],
        0.01,
        "percent",
        "Of the picture's width; − is left.",
    ),
    Parameter(
        "down",
        "Shift down",
        -MAX_DRAWS["height_shift"],
        MAX_DRAWS["height_shift"],
        0.01,
        "percent",
        "Of the picture's height; − is up.",
    ),
    Parameter(
        "shear",
        "Shear",
        -MAX_DRAWS["shear"],
        MAX_DRAWS["shear"],
        0.1,
        "%.1f°",
        "+: the right-hand side goes down, the left-hand side up, and the digit grows wider.",
    ),
    Parameter(
        "zoom",
        "Zoom",
        -MAX_DRAWS["zoom"],
        MAX_DRAWS["zoom"],
        0.01,
        "percent",
        "+ is larger: at 20 % the middle 80 % fill the picture. In the grid, as in training, "
        "height and width are drawn each by itself.",
    ),
)
_TO_PLAY = (
    Parameter(
        "warp",
        "Elastic warp, α",
        0,
        100,
        1,
        "%.0f",
        "Every pixel is moved, near ones together, as on rubber: random moves, smoothed over σ "
        f"pixels, times α. Simard, Steinkraus and Platt (2003) took σ = {PAPER_SIGMA:g} and "
        f"α = {PAPER_ALPHA:g} for MNIST.",
    ),
    Parameter(
        "smoothness",
        "Elastic warp, σ",
        2,
        8,
        0.5,
        "%.1f px",
        "Small: crumpled. Large: bent as a whole, and less, since random moves cancel out. Without "
        "α it does nothing.",
    ),
    Parameter("blur", "Blur", 0, 3, 0.1, "%.1f px", "The standard deviation of a Gaussian."),
    Parameter(
        "noise",
        "Noise",
        0,
        128,
        1,
        "%.0f",
        "The standard deviation of what is added to each pixel, in gray levels of 255.",
    ),
)


def augmentation_sliders() -> AugmentationDraw:
    """Draw a slider for each strength, and return them; the defaults are a tutorial's."""
    _start_buttons()
    values: dict[str, float] = {}
    st.markdown(
        "**Available in training too** (Train page, “Everything”), with rotation up to "
        f"{MAX_DRAWS['rotation']:g}°"
    )
    with st.grid(min_column_width=_COLUMN, gap=("small", "medium")):
        values |= {knob.name: _slider(knob) for knob in _OFFERED}
    st.markdown("**For exploring only**: trainings here do not use these")
    with st.grid(min_column_width=_COLUMN, gap=("small", "medium")):
        for knob in _TO_PLAY:
            shut = knob.name == "smoothness" and not values["warp"]
            values[knob.name] = _slider(knob, shut=shut)
    zoom = values.pop("zoom")
    most = AugmentationDraw(**values, taller=zoom, wider=zoom)
    _what_training_can_do(most)
    return most


def _start_buttons() -> None:
    st.markdown("**Start from**")
    with st.container(horizontal=True, gap="small"):
        for start in augmentation_presets():
            st.button(
                start.name,
                key=f"augment-start-{start.name}",
                help=f"{start.source}: {describe_augmentation(start.change)}.",
                on_click=_set,
                args=(start.change,),
            )


def _set(change: AugmentationDraw) -> None:
    for knob in (*_OFFERED, *_TO_PLAY):
        st.session_state[_key(knob)] = _position(knob, change)


def _position(knob: Parameter[str], change: AugmentationDraw) -> float:
    """Return the slider's value for a change that zooms height and width alike."""
    return float(getattr(change, "taller" if knob.name == "zoom" else knob.name))


def _key(knob: Parameter[str]) -> str:
    return f"augment-{knob.name}"


def _slider(knob: Parameter[str], *, shut: bool = False) -> float:
    if _key(knob) not in st.session_state:
        first = next(start for start in augmentation_presets() if start.name == _FIRST)
        st.session_state[_key(knob)] = _position(knob, first.change)
    value: float = st.slider(
        knob.label,
        float(knob.low),
        float(knob.high),
        step=float(knob.step),
        format=knob.format,
        key=_key(knob),
        persist_state="session",
        help=knob.help,
        disabled=shut,
    )
    return value


def _what_training_can_do(most: AugmentationDraw) -> None:
    beyond = exceeds_training(most)
    if beyond:
        st.caption(f"Trainings here cannot do this: {', '.join(beyond)}.")
    else:
        st.caption("A training can use exactly these strengths as its maximum.")
