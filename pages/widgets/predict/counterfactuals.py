"""The Predict page's "where it flips": the digit is turned, moved, stretched, and read again."""

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
from core.figures.style import TEXT_COLORS
from core.inference.other_runs import calibrated_probabilities
from core.preprocessing.mnist_format import PreparedDigit
from core.runs.run import Network
from core.utils.errors import DigitscopeError
from core.utils.text import percent
from pages.widgets.shared.markdown import plain, unbroken
from pages.widgets.shared.pictures import CHART_CONFIG, enlarge

Pixels = NDArray[np.uint8]
ALONG: Final = "predict-flips-along"
_DIGIT, _FOUND = "predict_flips_of", "predict_flips_found"
_SLIDER_PX, _CARD_PX = 150, 160
"""Two side by side on a phone."""
_ZOOM, _CARD_ZOOM, _GAP = 6, 4, 6
_WHOLE: Final = 0.95
"""With less of its ink left, a digit is told to be cut off or worn away."""


def flips_view(digit: PreparedDigit, network: Network) -> None:
    """Draw sliders that change a digit, what the network reads then, and where its answer flips.

    A fragment of its own: a slider moves only this.

    Args:
        digit: what is changed.
        network: a run's, finished or as it was after an epoch.
    """
    st.fragment(_draw)(digit.pixels, network)


def key_of(name: EditName) -> str:
    """Of a kind's slider."""
    return f"predict-flips-{name}"


def _draw(pixels: Pixels, network: Network) -> None:
    _begin_anew(pixels)
    st.write(
        "**Where it flips**: change the digit until the network reads another one. The changes are "
        "made on the 28 × 28 pixels that it sees, and not centred anew."
    )
    try:
        with st.spinner("The network is waking up: a few seconds, once …", show_time=True):
            ask = calibrated_probabilities(network)
        left, right = st.columns([6, 5], gap="large")
        with left:
            change = _sliders()
        name: EditName = st.session_state[ALONG]
        # One batch: along the whole range, and among it the digit as it stands.
        along = probability_curve(pixels, name, ask, change)
        answer = int(ask(pixels[None])[0].argmax())
        with right:
            _as_it_stands(pixels, change, along.probabilities_at(getattr(change, name)), answer)
        found = _smallest(pixels, network)
        _chart(along, change, answer, found[name])
        _cards(pixels, found, answer)
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/broken_image:")


def _begin_anew(pixels: Pixels) -> None:
    """Another digit begins unchanged."""
    state = st.session_state
    if state.get(_DIGIT) != pixels.tobytes():
        state[_DIGIT] = pixels.tobytes()
        _set(NO_EDIT)
    state.setdefault(ALONG, EDITS[0].name)


def _set(change: Edit, along: EditName | None = None) -> None:
    """Put the sliders to a change: for callbacks."""
    for kind in EDITS:
        st.session_state[key_of(kind.name)] = float(getattr(change, kind.name))
    if along:
        st.session_state[ALONG] = along


def _sliders() -> Edit:
    with st.grid(min_column_width=_SLIDER_PX, gap=("small", "medium")):
        values = {kind.name: _slider(kind) for kind in EDITS}
    change = Edit(**values)
    st.button(
        "Back to the digit",
        icon=":material/restart_alt:",
        key="predict-flips-back",
        on_click=_set,
        args=(NO_EDIT,),
        disabled=change == NO_EDIT,
    )
    return change


def _slider(kind: EditParameter) -> float:
    st.session_state.setdefault(key_of(kind.name), kind.nothing)

    def moved() -> None:
        st.session_state[ALONG] = kind.name

    value: float = st.slider(
        kind.label,
        float(kind.low),
        float(kind.high),
        step=kind.step,
        format=kind.format,
        key=key_of(kind.name),
        persist_state="session",
        help=kind.help,
        on_change=moved,
    )
    return value


def _as_it_stands(
    pixels: Pixels, change: Edit, probabilities: NDArray[np.float32], answer: int
) -> None:
    """The changed digit, what is read in it, and its ten probabilities."""
    read = int(probabilities.argmax())
    sure = unbroken(percent(float(probabilities[read])))
    flipped = "" if read == answer else f", and no longer {answer}"
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        st.image(
            enlarge(apply_edit(pixels, change), _ZOOM),
            width=28 * _ZOOM,
            alt=f"The digit as 28 by 28 grey pixels, {describe_edit(change)}",
        )
        with st.container(width="stretch"):
            st.markdown(f"Reads **{read}** ({sure}){flipped}.")
            st.caption(describe_edit(change))
    st.plotly_chart(
        probability_bars(
            [float(p) for p in probabilities], TEXT_COLORS.get(st.context.theme.type or "")
        ),
        config=CHART_CONFIG,
        key="predict-flips-bars",
        alt="The probability that the network gives each of the ten digits, as the digit stands",
    )


def _chart(along: ProbabilityCurve, change: Edit, answer: int, found: Counterfactuals) -> None:
    st.selectbox(
        "The chart goes along",
        [kind.name for kind in EDITS],
        format_func=lambda name: EDIT_BY_NAME[name].label,
        key=ALONG,
        persist_state="session",
        width=240,
        help="The slider that was moved last; the others stay where they are.",
    )
    name = along.parameter.name
    alone = change.with_value(name, along.parameter.nothing) == NO_EDIT
    flips = [flip for flip in (found.below, found.above) if flip and alone]
    st.plotly_chart(
        probability_course_chart(
            along,
            answer,
            getattr(change, name),
            flips,
            TEXT_COLORS.get(st.context.theme.type or ""),
        ),
        config=CHART_CONFIG,
        key="predict-flips-chart",
        alt=(
            f"The probabilities over {along.parameter.label.lower()}, "
            "with the slider's place marked"
        ),
    )
    said = "The band on top says which digit is read; where it changes, the answer flips."
    if flips:
        where = (f"{along.parameter.format_value(one.value)} (then {one.answer})" for one in flips)
        said += f" Dotted: the smallest change that does it, {' and '.join(where)}."
    if not alone:
        said += " The other sliders stay as they stand."
    if not along.has_digit.all():
        said += " Where the lines stop, less than a quarter of the ink is left."
    st.caption(plain(said))


def _smallest(pixels: Pixels, network: Network) -> dict[EditName, Counterfactuals]:
    """Searched for once for a digit and a network: sliders do not change it."""
    of = (network, pixels.tobytes())
    kept = st.session_state.get(_FOUND)
    if kept is None or kept[0] != of:
        with st.spinner("Looking for the smallest change that flips the answer …", show_time=True):
            kept = of, smallest_counterfactuals(pixels, calibrated_probabilities(network))
        st.session_state[_FOUND] = kept
    found: dict[EditName, Counterfactuals] = kept[1]
    return found


def _cards(pixels: Pixels, found: dict[EditName, Counterfactuals], answer: int) -> None:
    st.markdown(f"**The smallest change of each kind after which it no longer reads {answer}**")
    flips = [one.smallest for one in found.values()]
    if any(flips):
        with st.grid(min_column_width=_CARD_PX, gap="small"):
            for flip in flips:
                if flip:
                    _card(pixels, flip, found[flip.edit_name])
    never = [EDIT_BY_NAME[name] for name, one in found.items() if one.smallest is None]
    if never:
        st.caption(f"No flip by: {'; '.join(map(_range, never))}.")
    st.caption(
        "Each change alone, to the next step of its slider: one step less does not flip the "
        "answer. The search looked at twenty to sixty values a side: a flip that is undone at the "
        "next of them is missed."
    )


def _card(pixels: Pixels, flip: Counterfactual, both: Counterfactuals) -> None:
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
        other = both.above if flip is both.below else both.below
        said = (
            f"The other way: {kind.format_value(other.value)}, then {other.answer}. "
            if other
            else ""
        )
        if flip.ink < _WHOLE:
            said += f"{percent(flip.ink)} of its ink is left."
        if said:
            st.caption(plain(said))
        st.button(
            "Set sliders",
            key=f"predict-flips-show-{flip.edit_name}",
            on_click=_set,
            args=(NO_EDIT.with_value(flip.edit_name, flip.value), flip.edit_name),
        )


def _before_and_after(before: Pixels, after: Pixels) -> Pixels:
    """Both side by side, a strip of gray between them."""
    gap = np.full((28 * _CARD_ZOOM, _GAP), 128, np.uint8)
    return np.hstack([enlarge(before, _CARD_ZOOM), gap, enlarge(after, _CARD_ZOOM)])


def _range(kind: EditParameter) -> str:
    return plain(
        f"{kind.label.lower()} ({kind.format_value(kind.low)} to {kind.format_value(kind.high)})"
    )
