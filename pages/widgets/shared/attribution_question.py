"""The choice of the class that an attribution map explains, and the methods' names and captions.

The Filters page and the Predict page explain answers with the same three methods
(`core.explain.attribution`).
"""

from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.mnist import CLASSES
from core.utils.text import DIGIT_NAMES, percent

if TYPE_CHECKING:
    from core.explain.attribution import Method, Question


_NOBODY: Final = -1
_WIDTH: Final = 170


def choose_question(
    page: str, subject: Hashable, answers: NDArray[np.floating], note: str = ""
) -> "Question":
    """Draw the choice of the class to explain and of the class to contrast it with.

    Args:
        page: Prefix of the widgets' keys.
        subject: The network and the digit. When it changes, the choice is reset to the most
            probable class and no contrast.
        answers: The ten probabilities, shape (10,).
        note: Caption shown when two classes are contrasted; its two `{}` become their names.

    Returns:
        The question to explain.
    """
    from core.explain.attribution import Question

    digit_key, rival_key, subject_key = f"{page}-for", f"{page}-not", f"{page}-asked"
    state, order = st.session_state, [int(k) for k in np.argsort(-answers)]
    if state.get(subject_key) != subject:
        state[subject_key] = subject
        state[digit_key], state[rival_key] = order[0], _NOBODY
    if state.get(rival_key) == state.get(digit_key):
        state[rival_key] = _NOBODY
    with st.container(horizontal=True, vertical_alignment="bottom"):
        digit: int = st.selectbox(
            "Why",
            range(CLASSES),
            format_func=lambda k: f"{DIGIT_NAMES[k]} ({percent(float(answers[k]))})",
            key=digit_key,
            persist_state="session",
            width=_WIDTH,
        )
        other: int = st.selectbox(
            "and not",
            [_NOBODY, *(k for k in range(CLASSES) if k != digit)],
            format_func=lambda k: "(no other)" if k == _NOBODY else DIGIT_NAMES[k],
            key=rival_key,
            persist_state="session",
            width=_WIDTH,
        )
        rival = next(k for k in order if k != digit)
        if other != rival:
            st.button(
                f"Why not {DIGIT_NAMES[rival]}?",
                help="The digit with the next highest probability",
                on_click=partial(state.__setitem__, rival_key, rival),
                key=f"{page}-rival",
            )
    if other == _NOBODY:
        return Question(digit)
    if note:
        st.caption(note.format(DIGIT_NAMES[digit], DIGIT_NAMES[other]))
    return Question(digit, other)


TITLES: Final[dict["Method", str]] = {
    "grad-cam": "Grad-CAM",
    "integrated-gradients": "Integrated gradients",
    "occlusion": "Occlusion",
}
ABOUT: Final[dict["Method", str]] = {
    "grad-cam": "The feature maps of a convolution, each weighted by how much the score rises with "
    "it, added up; what speaks against the score is cut off (ReLU), so there is no red. Coarse: it "
    "is as fine as those maps. Selvaraju et al., 2017.",
    "integrated-gradients": "The digit is faded in from a blank picture, and each pixel gets its "
    "share of all that the score changes on the way. Sundararajan, Taly and Yan, 2017.",
    "occlusion": "A square of blank paper is laid on every place of the digit; a pixel gets what "
    "the score loses, on average, when it is covered. Zeiler and Fergus, 2014.",
}
EMPTY_MAP: Final = (
    "The map is empty: averaged over their places, these feature maps do not speak for it. "
    "Choose another method."
)
