"""The Filters page's view "Adversarial": the smallest push of a digit that fools the network."""

from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

from core.figures.images import attribution_overlay
from core.figures.style import theme_name
from core.utils.text import DIGIT_NAMES, percent
from pages.widgets.filters.choices import Seen
from pages.widgets.shared.color_legend import color_legend
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import enlarge

if TYPE_CHECKING:
    from core.explain.adversarial import Attack, Push

_ATTACK, _TONES = "filters-adversarial-attack", "filters-adversarial-tones"
_SUBJECT: Final = "filters-adversarial-subject"
_TITLES: Final[dict["Attack", str]] = {"pgd": "PGD, many steps", "fgsm": "FGSM, one step"}
_ABOUT: Final[dict["Attack", str]] = {
    "fgsm": "The fast gradient sign method (Goodfellow et al., 2015) moves every pixel by the same "
    "number of tones, in the direction in which the loss grows.",
    "pgd": "Projected gradient descent (Madry et al., 2018) takes 40 small steps along the sign of "
    "the gradient and keeps every pixel within the bound: it fools with smaller pushes than one "
    "large step.",
}
_ZOOM: Final = 7


def adversarial_view(seen: Seen) -> None:
    """Draw the digit, the push and the pushed digit, with the network's answers to both.

    Args:
        seen: The network and the digit.
    """
    st.write(
        "An **adversarial** digit has pixels that were changed by a few gray tones, in the "
        "direction that raises the loss most. The bound on the change is called **epsilon "
        "(ε)**: no pixel changes by more."
    )
    from core.explain.adversarial import smallest_push

    attack: Attack = st.segmented_control(
        "Attack",
        list(_TITLES),
        default="pgd",
        required=True,
        format_func=_TITLES.__getitem__,
        key=_ATTACK,
        persist_state="session",
    )
    with st.spinner("Searching for the smallest change …", show_time=True):
        smallest = smallest_push(seen.network, seen.image.tobytes(), attack)
    _found(seen, smallest)
    tones = _chosen_tones(seen, attack, smallest)
    _pictures(seen, attack, tones)
    st.caption(
        f"{_ABOUT[attack]} What an attack finds is an upper bound: a smaller push may exist. "
        "The changed digit has whole tones, so it could be stored as a picture. A network "
        "that was trained on pushed digits withstands far larger pushes: compare the run "
        "sturdy."
    )


def _found(seen: Seen, smallest: "Push | None") -> None:
    from core.explain.adversarial import MAX_TONES

    name = plain(seen.network.name)
    if smallest is None:
        st.success(
            f"This attack does not fool {name} with up to {MAX_TONES} of 255 tones.",
            icon=":material/shield:",
        )
        return
    st.markdown(
        f"With **{smallest.tones} of 255 tones** (ε = {smallest.epsilon:.3f}) {name} no longer "
        f"reads {DIGIT_NAMES[smallest.before]} but **{DIGIT_NAMES[smallest.after]}** "
        f"({plain(percent(smallest.confidence))})."
    )


def _chosen_tones(seen: Seen, attack: "Attack", smallest: "Push | None") -> int:
    """Draw the slider of epsilon; for a new digit, network or attack it goes to the push found."""
    from core.explain.adversarial import MAX_TONES

    subject = (seen.network, seen.image.tobytes(), attack)
    if st.session_state.get(_SUBJECT) != subject:
        st.session_state[_SUBJECT] = subject
        st.session_state[_TONES] = smallest.tones if smallest else MAX_TONES
    tones: int = st.slider(
        "Change each pixel by at most (tones of 255)",
        0,
        MAX_TONES,
        key=_TONES,
        width=420,
        help="It begins at the smallest push that was found.",
    )
    return tones


def _pictures(seen: Seen, attack: "Attack", tones: int) -> None:
    from core.explain.adversarial import pushed

    push = pushed(seen.network, seen.image, attack, tones)
    theme = theme_name(st.context.theme.type)
    change = (push.image.astype(np.float32) - seen.image).astype(np.float32)
    before, difference, after = st.columns(3, gap="medium")
    with before:
        st.markdown("**The digit**")
        st.image(enlarge(255 - seen.image, _ZOOM), width="stretch", alt="The digit as it is")
        st.caption(f"Read as {DIGIT_NAMES[push.before]}.")
    with difference:
        st.markdown("**The push**")
        st.image(
            attribution_overlay(change, seen.image, theme),
            width="stretch",
            alt="Which pixels get more ink, and which less",
        )
        color_legend("red: less ink", "0", "blue: more ink")
    with after:
        st.markdown("**The changed digit**")
        st.image(enlarge(255 - push.image, _ZOOM), width="stretch", alt="The changed digit")
        st.caption(
            f"Read as {DIGIT_NAMES[push.after]} ({percent(push.confidence)})"
            f"{'' if push.after == push.before else ': fooled'}."
        )
