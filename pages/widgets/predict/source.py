"""The picture that is read on the Predict page, the digits found in it, and which one is meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.inference.reader import DigitReading, read_digits
from core.preprocessing.background import Ink
from core.preprocessing.mnist_format import Box
from core.preprocessing.page.detection import FoundDigit, PreparedPage, find_digits
from pages.widgets.shared.canvas import PAPER, canvas, drawing_key
from pages.widgets.shared.warm_up import ReadyNetwork

Placed = tuple[Box, int, int]
"""A box that somebody put right, its line and number: a digit without its pictures."""

_CHOSEN = "predict_chosen"
_FOUND = "predict_found"
_PLACED = "predict_placed"
_MOST_PLACED: Final = 500
DRAWN: Final = "drawing"


@dataclass(frozen=True)
class Source:
    """A picture to read.

    Attributes:
        key: a name of its own, another one for other pixels.
        owner: what stays the same while a picture changes, such as the drawing.
        name: what it is called, for sentences.
        pixels: uint8 (h, w, 3).
        ink, paper: what is known of it, as for `find_digits`.
    """

    key: str
    owner: str
    name: str
    pixels: NDArray[np.uint8]
    ink: Ink = "auto"
    paper: int | None = None

    @property
    def ground(self) -> PreparedPage:
        """What boxes are put right on."""
        return PreparedPage(self.pixels, self.ink, self.paper)


def drawn() -> Source | None:
    """Draw the canvas; what is on it, None while it is empty. Raises PictureError as `canvas`."""
    pixels = canvas(numbers=True)
    if pixels is None:
        return None
    return Source(drawing_key(), DRAWN, "The drawing", pixels, "dark", PAPER)


def found_in(source: Source, ready: ReadyNetwork) -> tuple[FoundDigit, ...]:
    """The digits of the picture, found once, or as they were put right by hand.

    Raises PictureError if there are none, RunError if the network cannot be asked.
    """
    kept = st.session_state.get(_FOUND)
    name = (source.key, ready.network)
    if kept is not None and kept[0] == name:
        before: tuple[FoundDigit, ...] = kept[1]
        return before
    placed = _placed().get(source.key)
    if placed is None:
        found = find_digits(source.pixels, ink=source.ink, paper=source.paper, predict=ready.ask)
    else:
        ground = source.ground
        found = tuple(ground.digit_at(*one) for one in placed)
    st.session_state[_FOUND] = name, found
    return found


def put_right(source: Source, ready: ReadyNetwork, found: Sequence[FoundDigit]) -> None:
    """Keep digits that somebody corrected; they are there again when the picture is."""
    placed = _placed()
    placed.pop(source.key, None)
    placed[source.key] = tuple((one.digit.box, one.line, one.number) for one in found)
    if len(placed) > _MOST_PLACED:
        del placed[next(iter(placed))]
    st.session_state[_FOUND] = (source.key, ready.network), tuple(found)


def is_put_right(source: Source) -> bool:
    """Whether somebody corrected the boxes of this picture."""
    return source.key in _placed()


def find_anew(source: Source) -> None:
    """Forget the corrections of a picture: its digits are found as at first."""
    _placed().pop(source.key, None)
    st.session_state.pop(_FOUND, None)


def readings_of(source: Source, ready: ReadyNetwork) -> tuple[DigitReading, ...]:
    """Every digit of the picture, read. Raises as `found_in`."""
    return read_digits(found_in(source, ready), ready.ask, ready.temperature)


def chosen_digit(source: Source, count: int) -> int:
    """Which of `count` digits is meant, by its place; the first one of another picture."""
    owner, index = st.session_state.get(_CHOSEN, ("", 0))
    return min(index, count - 1) if owner == source.owner else 0


def choose_digit(source: Source, index: int) -> None:
    """Mean another digit: before the next run of the script."""
    st.session_state[_CHOSEN] = (source.owner, index)


def _placed() -> dict[str, tuple[Placed, ...]]:
    placed: dict[str, tuple[Placed, ...]] = st.session_state.setdefault(_PLACED, {})
    return placed
