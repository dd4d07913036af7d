"""The picture that the Predict page reads, what was found in it, and the chosen digit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.inference.reader import DigitReading, read_digits
from core.inference.turning import suggest_turn, turn_picture
from core.preprocessing.background import Ink
from core.preprocessing.mnist_format import Box
from core.preprocessing.page.box_corrections import PreparedPage, place_signs
from core.preprocessing.page.detection import FoundDigit, FoundPage, FoundSign, find_page
from pages.widgets.predict.choices import explanation_of
from pages.widgets.shared.canvas import PAPER, canvas, drawing_key
from pages.widgets.shared.warm_up import ReadyNetwork

Placed = tuple[Box, int, int]
"""A corrected box, its line and its number in the line: a digit without its images."""

_CHOSEN = "predict_chosen"
_FOUND = "predict_found"
_SUGGESTED = "predict_suggested_turn"
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
        ink: Whether the ink is dark or light, as for `find_page`.
        paper: Gray value of the paper, as for `find_page`.
        file: Key of its file, however it is turned; empty for a drawing.
        turn: By how many quarter turns clockwise the file is turned, 0 to 3.
    """

    key: str
    owner: str
    name: str
    pixels: NDArray[np.uint8]
    ink: Ink = "auto"
    paper: int | None = None
    file: str = ""
    turn: int = 0

    @property
    def ground(self) -> PreparedPage:
        """The page on which boxes are corrected."""
        return PreparedPage(self.pixels, self.ink, self.paper)


@dataclass(frozen=True)
class Corrections:
    """The visitor's corrections of a picture.

    Attributes:
        digits: The corrected boxes.
        signs: The signs that were found before the first correction.
    """

    digits: tuple[Placed, ...]
    signs: tuple[FoundSign, ...]


@dataclass(frozen=True)
class PageReading:
    """What was found in a picture, and what the network reads in it.

    Attributes:
        page: The digits and signs; no digits if none were found or the visitor removed all.
        digits: The readings, in the order of the digits.
    """

    page: FoundPage
    digits: tuple[DigitReading, ...]


NOTHING_READ: Final = PageReading(FoundPage((), (), "page"), ())
"""The reading of a picture in which nothing was found."""


def source_key(file: str, turn: int) -> str:
    """Return the key of a file's picture after so many quarter turns clockwise."""
    return f"{file}-turned-{turn}" if turn else file


def turned(source: Source, turn: int) -> Source:
    """Turn the picture of a file.

    Corrections belong to a picture as it is turned: the turned one shows boxes that are found
    anew, and turned back it has its corrections again.

    Args:
        source: The picture.
        turn: Quarter turns clockwise of the file, 0 to 3.

    Returns:
        The turned picture.
    """
    key = source_key(source.file, turn)
    pixels = turn_picture(source.pixels, turn - source.turn)
    return replace(source, key=key, owner=key, pixels=pixels, turn=turn)


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


def found_page(source: Source) -> FoundPage:
    """Find the picture's digits and signs, once, or return them as the visitor corrected them.

    Args:
        source: The picture.

    Returns:
        What was found; no digits if the visitor removed all.

    Raises:
        PictureError: There are no digits.
    """
    kept = st.session_state.get(_FOUND)
    explanation = explanation_of(source.key)
    subject = (source.key, explanation)
    if kept is not None and kept[0] == subject:
        earlier: FoundPage = kept[1]
        return earlier
    corrections = _placed().get(source.key)
    if corrections is None:
        page = find_page(source.pixels, ink=source.ink, paper=source.paper, explanation=explanation)
    else:
        ground = source.ground
        page = _corrected_page([ground.digit_at(*box) for box in corrections.digits], corrections)
    st.session_state[_FOUND] = subject, page
    return page


def keep_correction(source: Source, detections: Sequence[FoundDigit]) -> None:
    """Keep the visitor's corrections, also for when the picture is shown again.

    Args:
        source: The picture.
        detections: All digits of the picture after the correction.
    """
    placed = _placed()
    earlier = placed.pop(source.key, None)
    corrections = Corrections(
        tuple((digit.digit.box, digit.line, digit.number) for digit in detections),
        earlier.signs if earlier else _signs_found(source),
    )
    placed[source.key] = corrections
    if len(placed) > _MOST_PLACED:
        del placed[next(iter(placed))]
    subject = (source.key, explanation_of(source.key))
    st.session_state[_FOUND] = subject, _corrected_page(detections, corrections)


def _signs_found(source: Source) -> tuple[FoundSign, ...]:
    """The signs of a picture that is not corrected; none where nothing was found at all."""
    kept = st.session_state.get(_FOUND)
    page: FoundPage | None = kept[1] if kept and kept[0][0] == source.key else None
    return page.signs if page else ()


def _corrected_page(detections: Sequence[FoundDigit], corrections: Corrections) -> FoundPage:
    return FoundPage(tuple(detections), place_signs(corrections.signs, detections), "page")


def is_corrected(source: Source) -> bool:
    """Return whether the visitor has corrected the boxes of this picture."""
    return source.key in _placed()


def discard_corrections(source: Source) -> None:
    """Discard the corrections of a picture; its digits are detected again."""
    _placed().pop(source.key, None)
    st.session_state.pop(_FOUND, None)


def read_source(source: Source, ready: ReadyNetwork) -> PageReading:
    """Read every digit of the picture.

    Args:
        source: The picture.
        ready: The network that reads it.

    Returns:
        What was found, with the readings.

    Raises:
        PictureError: There are no digits.
        RunError: The network cannot predict.
    """
    page = found_page(source)
    return PageReading(page, read_digits(page.digits, ready.ask, ready.temperature))


def suggested_turn(source: Source, reading: PageReading, ready: ReadyNetwork) -> int:
    """Return the turn after which a file's digits read far better, worked out once.

    Args:
        source: The picture.
        reading: What was read in it.
        ready: The network that reads it.

    Returns:
        Quarter turns clockwise; 0 if none is better, or if the visitor corrected the boxes.

    Raises:
        RunError: The network cannot predict.
    """
    if not reading.digits or is_corrected(source):
        return 0
    subject = (source.key, explanation_of(source.key), ready.network)
    kept = st.session_state.get(_SUGGESTED)
    if kept is None or kept[0] != subject:
        pixels = np.stack([detection.digit.pixels for detection in reading.page.digits])
        kept = st.session_state[_SUGGESTED] = subject, suggest_turn(pixels, ready.ask)
    turns: int = kept[1]
    return turns


def chosen_digit(source: Source, count: int) -> int:
    """Return the index of the chosen digit of `count`; 0 if the picture is another one."""
    owner, index = st.session_state.get(_CHOSEN, ("", 0))
    return min(index, count - 1) if owner == source.owner else 0


def choose_digit(source: Source, index: int) -> None:
    """Choose a digit, before the next run of the script."""
    st.session_state[_CHOSEN] = (source.owner, index)


def _placed() -> dict[str, Corrections]:
    placed: dict[str, Corrections] = st.session_state.setdefault(_PLACED, {})
    return placed
