"""The Predict page's view "Counterfactuals": the digit is rotated, moved, stretched, read again."""

from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.explain.counterfactuals import (
    EDIT_BY_NAME,
    EDITS,
    NO_EDIT,
    Counterfactual,
    Counterfactuals,
    Edit,
    EditName,
    EditParameter,
    ProbabilityCurve,
    apply_edit,
    describe_edit,
    probability_curve,
    smallest_counterfactuals,
)
from core.figures.prediction_charts import probability_bars, probability_course_chart
from core.inference.other_runs import calibrated_probabilities
from core.preprocessing.mnist_format import PreparedDigit
from core.runs.run import Network
from core.utils.errors import DigitscopeError
from core.utils.text import percent
from pages.widgets.shared.markdown import plain, unbroken
from pages.widgets.shared.pictures import CHART_CONFIG, enlarge, text_color

Pixels = NDArray[np.uint8]
_ALONG: Final = "predict-flips-along"
_DIGIT, _FOUND = "predict_flips_of", "predict_flips_found"
_SLIDER_PX, _CARD_PX = 150, 160
"""Narrow enough for two side by side on a phone."""
_ZOOM, _CARD_ZOOM, _GAP = 6, 4, 6
_WHOLE: Final = 0.95
"""Share of the ink below which a card says how much is left."""


def counterfactuals_view(digit: PreparedDigit, network: Network) -> None:
    """Draw sliders that edit a digit, the prediction after the edit, and where it flips.

    A fragment: a slider redraws only this view.

    Args:
        digit: The digit to edit.
        network: The network of a run, finished or after an epoch.
    """
    st.fragment(_draw)(digit.pixels, network)


def slider_key(name: EditName) -> str:
    """Return the widget key of an edit's slider."""
    return f"predict-flips-{name}"


def _draw(pixels: Pixels, network: Network) -> None:
    _begin_anew(pixels)
    st.write(
        "**Counterfactuals**: change the digit until the network reads another one. The changes "
        "are made on the 28 × 28 pixels that it sees, and the digit is not centered again."
    )
    try:
        with st.spinner("Loading the network: a few seconds, once …", show_time=True):
            ask = calibrated_probabilities(network)
        left, right = st.columns([6, 5], gap="large")
        with left:
            change = _sliders()
        name: EditName = st.session_state[_ALONG]
        # One batch: the whole range of the slider, which includes the current value.
        along = probability_curve(pixels, name, ask, change)
        answer = int(ask(pixels[None])[0].argmax())
        with right:
            _as_it_stands(pixels, change, along.probabilities_at(getattr(change, name)), answer)
        flips = _smallest(pixels, network)
        _chart(along, change, answer, flips[name])
        _cards(pixels, flips, answer)
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")


def _begin_anew(pixels: Pixels) -> None:
    """Reset the sliders when the digit is another one."""
    state = st.session_state
    if state.get(_DIGIT) != pixels.tobytes():
        state[_DIGIT] = pixels.tobytes()
        _set(NO_EDIT)
    state.setdefault(_ALONG, EDITS[0].name)


def _set(change: Edit, along: EditName | None = None) -> None:
    """Set the sliders to an edit; for callbacks."""
    for kind in EDITS:
        st.session_state[slider_key(kind.name)] = float(getattr(change, kind.name))
    if along:
        st.session_state[_ALONG] = along


def _sliders() -> Edit:
    with st.grid(min_column_width=_SLIDER_PX, gap=("small", "medium")):
        values = {kind.name: _slider(kind) for kind in EDITS}
    change = Edit(**values)
    st.button(
        "Reset all changes",
        icon=":material/restart_alt:",
        key="predict-flips-back",
        on_click=_set,
        args=(NO_EDIT,),
        disabled=change == NO_EDIT,
    )
    return change


def _slider(kind: EditParameter) -> float:
    st.session_state.setdefault(slider_key(kind.name), kind.neutral)

    def moved() -> None:
        st.session_state[_ALONG] = kind.name

    value: float = st.slider(
        kind.label,
        float(kind.low),
        float(kind.high),
        step=kind.step,
        format=kind.format,
        key=slider_key(kind.name),
        persist_state="session",
        help=kind.help,
        on_change=moved,
    )
    return value


def _as_it_stands(
    pixels: Pixels, change: Edit, probabilities: NDArray[np.float32], answer: int
) -> None:
    """Draw the edited digit, the prediction, and its ten probabilities."""
    read = int(probabilities.argmax())
    sure = unbroken(percent(float(probabilities[read])))
    flipped = "" if read == answer else f", and no longer {answer}"
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        st.image(
            enlarge(apply_edit(pixels, change), _ZOOM),
            width=28 * _ZOOM,
            alt=f"The digit as 28 by 28 gray pixels, {describe_edit(change)}",
        )
        with st.container(width="stretch"):
            st.markdown(f"Reads **{read}** ({sure}){flipped}.")
            st.caption(describe_edit(change))
    st.plotly_chart(
        probability_bars([float(p) for p in probabilities], text_color()),
        config=CHART_CONFIG,
        key="predict-flips-bars",
        alt="The probability of each of the ten digits, with the current changes",
    )


def _chart(
    along: ProbabilityCurve, change: Edit, answer: int, flips_of_edit: Counterfactuals
) -> None:
    st.selectbox(
        "Show the chart for",
        [kind.name for kind in EDITS],
        format_func=lambda name: EDIT_BY_NAME[name].label,
        key=_ALONG,
        persist_state="session",
        width=240,
        help="The slider that was moved last; the others stay where they are.",
    )
    name = along.parameter.name
    alone = change.with_value(name, along.parameter.neutral) == NO_EDIT
    flips = [flip for flip in (flips_of_edit.below, flips_of_edit.above) if flip and alone]
    st.plotly_chart(
        probability_course_chart(
            along,
            answer,
            getattr(change, name),
            flips,
            text_color(),
        ),
        config=CHART_CONFIG,
        key="predict-flips-chart",
        alt=(
            f"The probabilities over {along.parameter.label.lower()}, "
            "with the slider's place marked"
        ),
    )
    caption = "The band on top says which digit is read; where it changes, the answer flips."
    if flips:
        values = (
            f"{along.parameter.format_value(flip.value)} (then {flip.answer})" for flip in flips
        )
        caption += f" Dotted: the smallest change that does it, {' and '.join(values)}."
    if not alone:
        caption += " The other sliders stay as they stand."
    if not along.has_digit.all():
        caption += " Where the lines stop, less than a quarter of the ink is left."
    st.caption(plain(caption))


def _smallest(pixels: Pixels, network: Network) -> dict[EditName, Counterfactuals]:
    """Return the smallest counterfactuals, computed once for a digit and a network."""
    subject = (network, pixels.tobytes())
    kept = st.session_state.get(_FOUND)
    if kept is None or kept[0] != subject:
        with st.spinner(
            "Searching for the smallest change that flips the answer …", show_time=True
        ):
            kept = subject, smallest_counterfactuals(pixels, calibrated_probabilities(network))
        st.session_state[_FOUND] = kept
    flips: dict[EditName, Counterfactuals] = kept[1]
    return flips


def _cards(pixels: Pixels, pairs: dict[EditName, Counterfactuals], answer: int) -> None:
    st.markdown(f"**The smallest change of each kind after which it no longer reads {answer}**")
    flips = [pair.smallest for pair in pairs.values()]
    if any(flips):
        with st.grid(min_column_width=_CARD_PX, gap="small"):
            for flip in flips:
                if flip:
                    _card(pixels, flip, pairs[flip.edit_name])
    never = [EDIT_BY_NAME[name] for name, pair in pairs.items() if pair.smallest is None]
    if never:
        st.caption(f"No flip by: {'; '.join(map(_range, never))}.")
    st.caption(
        "Each change alone, to the next step of its slider: one step less does not flip the "
        "answer. The search looked at twenty to sixty values a side: a flip that is undone at the "
        "next of them is missed."
    )


def _card(pixels: Pixels, flip: Counterfactual, pair: Counterfactuals) -> None:
    kind = EDIT_BY_NAME[flip.edit_name]
    words = kind.describe(flip.value)
    with st.container(border=True, gap="small"):
        st.image(
            _before_and_after(pixels, flip.pixels),
            alt=f"The digit before, and {words}",
            width="stretch",
        )
        st.markdown(
            f"**{plain(words[0].upper() + words[1:])}**: reads **{flip.answer}** "
            f"({unbroken(percent(flip.probability))})"
        )
        other = pair.above if flip is pair.below else pair.below
        caption = (
            f"The other way: {kind.format_value(other.value)}, then {other.answer}. "
            if other
            else ""
        )
        if flip.ink < _WHOLE:
            caption += f"{percent(flip.ink)} of its ink is left."
        if caption:
            st.caption(plain(caption))
        st.button(
            "Set sliders",
            key=f"predict-flips-show-{flip.edit_name}",
            on_click=_set,
            args=(NO_EDIT.with_value(flip.edit_name, flip.value), flip.edit_name),
        )


def _before_and_after(before: Pixels, after: Pixels) -> Pixels:
    """Place two images side by side, with a strip of gray between them."""
    gap = np.full((28 * _CARD_ZOOM, _GAP), 128, np.uint8)
    return np.hstack([enlarge(before, _CARD_ZOOM), gap, enlarge(after, _CARD_ZOOM)])


def _range(kind: EditParameter) -> str:
    return plain(
        f"{kind.label.lower()} ({kind.format_value(kind.low)} to {kind.format_value(kind.high)})"
    )
