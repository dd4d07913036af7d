"""How the visitor wants a picture to be taken: turned, or as a page or one digit; kept for a visit.

Turns are kept for each file, so a file stays turned when another one was looked at meanwhile. The
explanation is kept for each picture as it is turned; a further stroke makes another drawing.
"""

from typing import Final, TypeVar

import streamlit as st

from core.preprocessing.page.detection import Explanation

_TURNS = "predict_turns"
_EXPLANATIONS = "predict_explanations"
_MOST_KEPT: Final = 500
_FULL_TURN: Final = 4

_Value = TypeVar("_Value")


def turn_of(file: str) -> int:
    """Return by how many quarter turns clockwise a file is turned, 0 to 3."""
    turns: dict[str, int] = st.session_state.get(_TURNS, {})
    return turns.get(file, 0)


def turn(file: str, by: int) -> None:
    """Turn a file further, before the next run of the script.

    Args:
        file: Its key.
        by: Quarter turns clockwise; negative ones are counterclockwise.
    """
    _keep(_TURNS, file, (turn_of(file) + by) % _FULL_TURN or None)


def explanation_of(picture: str) -> Explanation | None:
    """Return what the visitor takes a picture for; None if the app is to find out."""
    explanations: dict[str, Explanation] = st.session_state.get(_EXPLANATIONS, {})
    return explanations.get(picture)


def choose_explanation(picture: str, explanation: Explanation | None) -> None:
    """Take a picture for something else, before the next run of the script.

    Args:
        picture: Its key.
        explanation: What it is taken for; None if the app is to find out again.
    """
    _keep(_EXPLANATIONS, picture, explanation)


def _keep(state: str, key: str, value: _Value | None) -> None:
    """Keep a choice, or discard it if it is None; of too many, the oldest is discarded."""
    choices: dict[str, _Value] = st.session_state.setdefault(state, {})
    choices.pop(key, None)
    if value is not None:
        choices[key] = value
    if len(choices) > _MOST_KEPT:
        del choices[next(iter(choices))]
