"""Buttons that turn a picture, and that read a doubtful one as a page or as one digit."""

from typing import Final

import streamlit as st

from core.inference.reader import is_doubtful
from core.preprocessing.page.detection import Explanation
from pages.widgets.predict.choices import choose_explanation, explanation_of, turn
from pages.widgets.predict.source import PageReading, Source, is_corrected

_TURNS: Final = {
    1: "a quarter turn to the right",
    2: "a half turn",
    3: "a quarter turn to the left",
}
_MAY_BE: Final[dict[Explanation, str]] = {
    "single digit": "The picture may show a single digit.",
    "page": "The picture may show separate digits.",
}
_READ_AS: Final[dict[Explanation, str]] = {
    "single digit": "Read it as one digit",
    "page": "Read it as a page of digits",
}
_IS_READ_AS: Final[dict[Explanation, str]] = {
    "single digit": "You chose to read this picture as one digit.",
    "page": "You chose to read this picture as a page of digits.",
}


def suggest_turn_of(source: Source, turns: int) -> None:
    """Draw the suggestion to turn a picture, with its button.

    Args:
        source: The picture.
        turns: Quarter turns clockwise; 0 draws nothing.
    """
    if not turns:
        return
    st.info(f"These digits read better after {_TURNS[turns]}.", icon=":material/screen_rotation:")
    st.button("Turn the picture", key="predict-turn", on_click=turn, args=(source.file, turns))


def turn_buttons(source: Source) -> None:
    """Draw the buttons that turn a picture by a quarter."""
    for name, icon, by in (("left", "rotate_left", -1), ("right", "rotate_right", 1)):
        st.button(
            f"Turn {name}",
            key=f"predict-turn-{name}",
            icon=f":material/{icon}:",
            type="tertiary",
            on_click=turn,
            args=(source.file, by),
        )


def explanation_choice(source: Source, reading: PageReading) -> None:
    """Draw what else a doubtful picture may be, or the way back from it; otherwise nothing.

    Args:
        source: The picture.
        reading: What was read in it.
    """
    if is_corrected(source):  # the visitor has said where the digits are
        return
    chosen = explanation_of(source.key)
    other = reading.page.alternative
    if chosen is not None:
        _line(_IS_READ_AS[chosen], "Back to the first reading", source, None)
    elif other is not None and is_doubtful(reading.page, reading.digits):
        _line(f"This answer is doubtful. {_MAY_BE[other]}", _READ_AS[other], source, other)


def _line(text: str, button: str, source: Source, choice: Explanation | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(text, width="content")
        st.button(
            button,
            key="predict-explanation",
            on_click=choose_explanation,
            args=(source.key, choice),
        )
