"""The Filters page's view "Attribution": maps by three methods, and their sanity checks."""

from typing import TYPE_CHECKING, Final

import streamlit as st

from core.figures.images import attribution_overlay
from core.figures.style import Theme, theme_name
from core.recipes.architecture import Conv
from core.utils.errors import DigitscopeError
from core.utils.text import DIGIT_NAMES
from pages.widgets.filters.choices import Seen
from pages.widgets.filters.sanity_checks import random_weights_view
from pages.widgets.shared.attribution_question import ABOUT, TITLES, choose_question
from pages.widgets.shared.color_legend import color_legend
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.warm_up import predictor

if TYPE_CHECKING:
    from core.explain.attribution import Method, Question, Settings

_SQUARE, _LAYER = "filters-attribution-square", "filters-attribution-layer"
_APART: Final = (
    "The score is now the logit of {} less that of {}: the maps tell the two apart. What both "
    "share says nothing."
)


def attribution_view(seen: Seen) -> None:
    """Draw attribution maps of a class, or of one class against another, by three methods.

    Args:
        seen: The network and the digit.
    """
    st.write(
        "Which pixels speak for this answer? Three methods lay a map over the digit. What they "
        "explain is the **score** of a digit: the number that the last layer gives it before its "
        "activation makes probabilities of all ten (the **logit**)."
    )
    if not seen.image.any():
        st.info(
            "This digit is blank, so no pixel can explain an answer. Draw or choose another one.",
            icon=":material/draw:",
        )
        return
    with st.spinner("Loading the network: a few seconds, once …"):
        from core.explain.attribution import METHODS

        answers = predictor(seen.network).probabilities(seen.image[None])[0]
    subject = (seen.network, seen.image.tobytes())
    question = choose_question("filters-attribution", subject, answers, _APART)
    settings = _settings(seen)
    theme = theme_name(st.context.theme.type)
    first = DIGIT_NAMES[question.digit]
    against = "against it" if question.other is None else f"for {DIGIT_NAMES[question.other]}"
    st.caption(
        f"Blue places speak for {first}, red ones {against}, those of the color in the middle say "
        "nothing. Each map's strongest color is its own largest value; the line is the digit."
    )
    color_legend(f"red: {against}", "0", f"blue: for {first}")
    for column, method in zip(st.columns(len(METHODS), gap="medium"), METHODS, strict=True):
        with column:
            _method(seen, question, settings, method, theme)
    _completeness(seen, question)
    random_weights_view(seen, question, settings, theme)


def _settings(seen: Seen) -> "Settings":
    from core.explain.attribution import OCCLUSION_SIZE as USUAL
    from core.explain.attribution import OCCLUSION_SIZES, Settings

    convolutions = [row.name for row in seen.rows() if isinstance(row.layer, Conv)]
    layer = None
    state = st.session_state
    state.setdefault(_SQUARE, USUAL)
    with st.container(horizontal=True):
        if convolutions:
            if state.get(_LAYER) not in convolutions:
                state[_LAYER] = convolutions[-1]
            layer = st.selectbox(
                "Grad-CAM's convolution",
                convolutions,
                key=_LAYER,
                persist_state="session",
                width=220,
                help="The paper takes the last one: its maps know most about the digit, and least "
                "about where.",
            )
        square: int = st.slider(
            "Occlusion's square, pixels a side",
            OCCLUSION_SIZES[0],
            OCCLUSION_SIZES[-1],
            key=_SQUARE,
            persist_state="session",
            width=260,
        )
    return Settings(layer, square)


def _method(
    seen: Seen, question: "Question", settings: "Settings", method: "Method", theme: Theme
) -> None:
    from core.explain.attribution import explain

    st.markdown(f"**{TITLES[method]}**")
    try:
        heatmap = explain(seen.network, seen.image, question, method, settings)
    except DigitscopeError as error:
        st.info(plain(str(error)))
        return
    st.image(
        attribution_overlay(heatmap, seen.image, theme),
        width="stretch",
        alt=f"{TITLES[method]}: which places of the digit speak for {DIGIT_NAMES[question.digit]}",
    )
    if method == "grad-cam" and not heatmap.any():
        st.info(
            "The map is empty: averaged over their places, these feature maps do not speak for it. "
            "Try another convolution: Grad-CAM was made for networks that end in a global average."
        )
    st.caption(ABOUT[method])


def _completeness(seen: Seen, question: "Question") -> None:
    """Draw the completeness check of the integrated gradients."""
    from core.explain.attribution import check_completeness

    check = check_completeness(seen.network, seen.image, question)
    st.markdown(
        "**Completeness.** The integrated gradients of all pixels sum to "
        f"**{_number(check.total)}**. They promise (completeness) the score of the digit, "
        f"{_number(check.at_digit)}, less that of a blank picture, {_number(check.at_blank)}: "
        f"**{_number(check.difference)}**. The gap is {100 * check.gap:.2g} %: the sum takes a "
        "limited number of steps."
    )
    if seen.network.run.info.recipe.scaling == "l2-axis-1":
        st.caption(
            "This network divides each column of the digit by its length, so one pixel changes the "
            "numbers of its whole column. Integrated gradients belong to the scaled pixels; "
            "occlusion covers the digit before it is scaled."
        )


def _number(value: float) -> str:
    """Format with a true minus sign, which is as wide as a plus."""
    return f"{value:.3f}".replace("-", "−")
