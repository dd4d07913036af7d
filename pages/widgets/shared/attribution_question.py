"""The question that an explanation answers: why this digit, and rather than which other one.

What the three methods that explain an answer are called, and what they do, for visitors.
"""

from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.mnist import CLASSES
from core.utils.text import NAMES, percent

if TYPE_CHECKING:
    from core.explain.attribution import Method, Question


NOBODY: Final = -1
_WIDTH: Final = 170


def choose_question(
    page: str, asked: Hashable, answers: NDArray[np.floating], note: str = ""
) -> "Question":
    """Draw the choice of the digit that is explained and of the one that it is held against.

    Args:
        page: what the widgets' keys begin with.
        asked: the network and the digit: with another, the question begins with its answer again.
        answers: the ten probabilities, (10,).
        note: what else is to be said where two digits are told apart.
    """
    from core.explain.attribution import Question

    this, rather, before = f"{page}-for", f"{page}-not", f"{page}-asked"
    state, order = st.session_state, [int(k) for k in np.argsort(-answers)]
    if state.get(before) != asked:
        state[before] = asked
        state[this], state[rather] = order[0], NOBODY
    if state.get(rather) == state.get(this):
        state[rather] = NOBODY
    with st.container(horizontal=True, vertical_alignment="bottom"):
        digit: int = st.selectbox(
            "Why",
            range(CLASSES),
            format_func=lambda k: f"{NAMES[k]} ({percent(float(answers[k]))})",
            key=this,
            persist_state="session",
            width=_WIDTH,
        )
        other: int = st.selectbox(
            "and not",
            [NOBODY, *(k for k in range(CLASSES) if k != digit)],
            format_func=lambda k: "(no other)" if k == NOBODY else NAMES[k],
            key=rather,
            persist_state="session",
            width=_WIDTH,
        )
        rival = next(k for k in order if k != digit)
        if other != rival:
            st.button(
                f"Why not {NAMES[rival]}?",
                help="The digit with the next highest probability",
                on_click=partial(state.__setitem__, rather, rival),
                key=f"{page}-rival",
            )
    if other == NOBODY:
        return Question(digit)
    if note:
        st.caption(note.format(NAMES[digit], NAMES[other]))
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
