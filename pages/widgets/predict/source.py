"""The picture that the Predict page reads, the digits found in it, and the chosen one."""

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
"""A corrected box, its line and its number in the line: a digit without its images."""

_CHOSEN = "predict_chosen"
_FOUND = "predict_found"
_PLACED = "predict_placed"
_MOST_PLACED: Final = 500
_DRAWN: Final = "drawing"


@dataclass(frozen=True)
class Source:
    """A picture to read.

    Attributes:
        key: A unique key; it changes with the pixels.
        owner: A key that stays the same while the pixels change, such as that of the drawing.
        name: Its name in a sentence.
        pixels: RGB uint8 (h, w, 3).
        ink: Whether the ink is dark or light, as for `find_digits`.
        paper: Gray value of the paper, as for `find_digits`.
    """

    key: str
    owner: str
    name: str
    pixels: NDArray[np.uint8]
    ink: Ink = "auto"
    paper: int | None = None

    @property
    def ground(self) -> PreparedPage:
        """The page on which boxes are corrected."""
        return PreparedPage(self.pixels, self.ink, self.paper)


def drawn() -> Source | None:
    """Draw the canvas.

    Returns:
        The drawing; None while the canvas is empty.

    Raises:
        PictureError: The browser sent something that is not a picture.
    """
    pixels = canvas(numbers=True)
    if pixels is None:
        return None
    return Source(drawing_key(), _DRAWN, "The drawing", pixels, "dark", PAPER)


def find_detections(source: Source, ready: ReadyNetwork) -> tuple[FoundDigit, ...]:
    """Find the picture's digits, once, or return them as the visitor corrected them.

    Args:
        source: The picture.
        ready: The network that tells digits from other marks.

    Returns:
        The digits.

    Raises:
        PictureError: There are none.
        RunError: The network cannot predict.
    """
    kept = st.session_state.get(_FOUND)
    subject = (source.key, ready.network)
    if kept is not None and kept[0] == subject:
        earlier: tuple[FoundDigit, ...] = kept[1]
        return earlier
    placed = _placed().get(source.key)
    if placed is None:
        detections = find_digits(
            source.pixels, ink=source.ink, paper=source.paper, predict=ready.ask
        )
    else:
        ground = source.ground
        detections = tuple(ground.digit_at(*box) for box in placed)
    st.session_state[_FOUND] = subject, detections
    return detections


def keep_correction(source: Source, ready: ReadyNetwork, detections: Sequence[FoundDigit]) -> None:
    """Keep the visitor's corrections, also for when the picture is shown again.

    Args:
        source: The picture.
        ready: The network in use.
        detections: All digits of the picture after the correction.
    """
    placed = _placed()
    placed.pop(source.key, None)
    placed[source.key] = tuple(
        (detection.digit.box, detection.line, detection.number) for detection in detections
    )
    if len(placed) > _MOST_PLACED:
        del placed[next(iter(placed))]
    st.session_state[_FOUND] = (source.key, ready.network), tuple(detections)


def is_corrected(source: Source) -> bool:
    """Return whether the visitor has corrected the boxes of this picture."""
    return source.key in _placed()


def discard_corrections(source: Source) -> None:
    """Discard the corrections of a picture; its digits are detected again."""
    _placed().pop(source.key, None)
    st.session_state.pop(_FOUND, None)


def readings_of(source: Source, ready: ReadyNetwork) -> tuple[DigitReading, ...]:
    """Read every digit of the picture.

    Args:
        source: The picture.
        ready: The network that reads it.

    Returns:
        The readings, in the order of the digits.

    Raises:
        PictureError: There are no digits.
        RunError: The network cannot predict.
    """
    return read_digits(find_detections(source, ready), ready.ask, ready.temperature)


def chosen_digit(source: Source, count: int) -> int:
    """Return the index of the chosen digit of `count`; 0 if the picture is another one."""
    owner, index = st.session_state.get(_CHOSEN, ("", 0))
    return min(index, count - 1) if owner == source.owner else 0


def choose_digit(source: Source, index: int) -> None:
    """Choose a digit, before the next run of the script."""
    st.session_state[_CHOSEN] = (source.owner, index)


def _placed() -> dict[str, tuple[Placed, ...]]:
    placed: dict[str, tuple[Placed, ...]] = st.session_state.setdefault(_PLACED, {})
    return placed
