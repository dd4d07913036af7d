"""A picture with a box around each digit: a component, since boxes are pressed, dragged and drawn.

A press chooses a digit. The chosen box moves, its corners drag; a new one is drawn on empty ground
by mouse, or anywhere after "New box", which a finger needs, as it otherwise scrolls the page.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.preprocessing.mnist_format import Box

LARGEST: Final = 1000
"""Pixels of the longer side of what is sent to the browser; boxes count the picture's own."""

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "digitscope_boxes",
    html="""<div class="boxes">
      <div class="sheet"><img alt=""><div class="layer" role="group"></div></div>
      <div class="tools">
        <button class="new" aria-pressed="false">New box</button>
        <button class="drop">Delete box</button>
        <span class="hint"></span>
      </div>
    </div>""",
    css=(_HERE / "box_editor.css").read_text(encoding="utf-8"),
    js=(_HERE / "box_editor.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class BoxCard:
    """A box of the picture, what its tag says, what a reader is told, how it is drawn."""

    box: Box
    tag: str
    words: str
    kind: str


@dataclass(frozen=True)
class BoxEvents:
    """Who is told of what was done, before the next run of the script."""

    opened: Callable[[int], None]
    moved: Callable[[int, Box], None]
    added: Callable[[Box], None]
    removed: Callable[[int], None]


def picture_boxes(
    picture: NDArray[np.uint8],
    cards: Sequence[BoxCard],
    *,
    key: str,
    chosen: int | None,
    turn: int,
    events: BoxEvents,
) -> None:
    """Draw the picture, RGB uint8 (h, w, 3), with its boxes.

    `turn`: another number whenever the boxes shall be drawn as given, though they are the same: a
    correction was refused.
    """

    def told(name: str, call: Callable[..., None]) -> Callable[[], None]:
        def tell() -> None:
            value: Any = st.session_state[key].get(name)
            if value is not None:
                call(*value)

        return tell

    height, width = picture.shape[:2]
    _component(
        key=key,
        data={
            "picture": jpeg_url(picture),
            "width": width,
            "height": height,
            "boxes": [asdict(card) for card in cards],
            "chosen": chosen,
            "turn": turn,
        },
        on_opened_change=told("opened", lambda index: events.opened(int(index))),
        on_moved_change=told("moved", lambda index, *box: events.moved(int(index), _whole(box))),
        on_added_change=told("added", lambda *box: events.added(_whole(box))),
        on_removed_change=told("removed", lambda index: events.removed(int(index))),
    )


def jpeg_url(picture: NDArray[np.uint8]) -> str:
    """The picture, at most `LARGEST` a side, as an address that holds it."""
    scale = LARGEST / max(picture.shape[:2])
    if scale < 1:
        picture = np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    if not done:
        raise RuntimeError("OpenCV cannot write JPEG files here")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _whole(box: Sequence[float]) -> Box:
    x, y, width, height = (round(float(number)) for number in box)
    return x, y, width, height
