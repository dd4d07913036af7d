"""A picture with a box around each digit, which can be clicked, dragged and drawn: a component.

Signs are marked, too; their marks only show what was found.

A click chooses a digit. The chosen box can be moved, or resized at its corners. A new one is drawn
on empty ground with the mouse, or anywhere after "New box"; touch needs the button, since a finger
otherwise scrolls the page.
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

_LARGEST: Final = 1000
"""Longer side of the image sent to the browser, in pixels; boxes count the picture's own."""

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
    """A box of the picture.

    Attributes:
        box: x, y, width and height, in pixels of the picture.
        tag: Text of its tag.
        words: Text for screen readers.
        kind: Its style: "sure", "unsure" or "none".
    """

    box: Box
    tag: str
    words: str
    kind: str


@dataclass(frozen=True)
class SignCard:
    """A mark at a sign of the picture, which cannot be moved.

    Attributes:
        box: x, y, width and height, in pixels of the picture.
        tag: Text of its tag.
        words: Text for screen readers.
    """

    box: Box
    tag: str
    words: str


@dataclass(frozen=True)
class BoxEvents:
    """Callbacks, called before the next run of the script.

    Attributes:
        opened: Called with the index of a box that was clicked.
        moved: Called with the index and the new box after a drag.
        added: Called with a new box.
        removed: Called with the index of a box that was deleted.
    """

    opened: Callable[[int], None]
    moved: Callable[[int, Box], None]
    added: Callable[[Box], None]
    removed: Callable[[int], None]


def picture_boxes(
    picture: NDArray[np.uint8],
    cards: Sequence[BoxCard],
    signs: Sequence[SignCard],
    *,
    key: str,
    chosen: int | None,
    turn: int,
    events: BoxEvents,
) -> None:
    """Draw the picture with its boxes.

    Args:
        picture: RGB uint8 (h, w, 3).
        cards: The boxes.
        signs: The marks at signs.
        key: Key of the widget.
        chosen: Index of the chosen box; None if there is none.
        turn: A counter; a new value makes the browser draw the boxes as given, even if they are
            unchanged because a correction was refused.
        events: The callbacks.
    """

    def handler(name: str, call: Callable[..., None]) -> Callable[[], None]:
        def handle() -> None:
            value: Any = st.session_state[key].get(name)
            if value is not None:
                call(*value)

        return handle

    height, width = picture.shape[:2]
    _component(
        key=key,
        data={
            "picture": jpeg_url(picture),
            "width": width,
            "height": height,
            "boxes": [asdict(card) for card in cards],
            "signs": [asdict(sign) for sign in signs],
            "chosen": chosen,
            "turn": turn,
        },
        on_opened_change=handler("opened", lambda index: events.opened(int(index))),
        on_moved_change=handler("moved", lambda index, *box: events.moved(int(index), _whole(box))),
        on_added_change=handler("added", lambda *box: events.added(_whole(box))),
        on_removed_change=handler("removed", lambda index: events.removed(int(index))),
    )


def jpeg_url(picture: NDArray[np.uint8]) -> str:
    """Encode a picture as a data URL.

    Args:
        picture: RGB uint8 (h, w, 3); scaled down to at most `_LARGEST` pixels a side.

    Returns:
        The data URL of a JPEG.

    Raises:
        RuntimeError: OpenCV was built without JPEG support.
    """
    scale = _LARGEST / max(picture.shape[:2])
    if scale < 1:
        picture = np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    encoded, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    if not encoded:
        raise RuntimeError("OpenCV cannot write JPEG files here")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _whole(box: Sequence[float]) -> Box:
    x, y, width, height = (round(float(number)) for number in box)
    return x, y, width, height
