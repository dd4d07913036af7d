"""The visitor's pictures: files by picker or drag, from the clipboard, from the camera."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import streamlit as st

from core.preprocessing.image_files import EXTENSIONS, MAX_BYTES
from pages.widgets.components.paste_zone import Pasted, paste_zone

MOST_FILES: Final = 500
"""Number of pictures that are read at once; further ones are left out."""
_MOST_PASTED_BYTES: Final = 2 * MAX_BYTES
"""Total size of the pasted pictures that are kept; beyond it, the oldest are removed."""

_PASTED = "predict_pasted"


@dataclass(frozen=True)
class Item:
    """A picture file that is not decoded yet.

    Attributes:
        key: A unique key.
        name: Its name on the page.
        data: Returns its bytes.
    """

    key: str
    name: str
    data: Callable[[], bytes]


def choose_files(source: Literal["Upload", "Camera"]) -> list[Item]:
    """Draw the fields for files or the camera.

    Args:
        source: Which of them to draw.

    Returns:
        The picture files, at most `MOST_FILES`: the pasted ones first, from the latest on.
    """
    if source == "Camera":
        # The browser asks for permission only when this is drawn.
        photo = st.camera_input(
            "A photo of digits",
            key="camera",
            help="The photo is read in the server's memory and never stored. On a phone, the "
            "button in the corner changes to the camera on the back.",
        )
        return [] if photo is None else [_item(photo, "photo")]
    files = st.file_uploader(
        "Pictures of digits",
        type=EXTENSIONS,
        accept_multiple_files=True,
        max_upload_size=MAX_BYTES // 2**20,
        help="Scans, photos, drawings: one digit, a number, a page. Dark on light or light on "
        "dark. They are read in the server's memory and never stored.",
        key="upload",
    )
    paste_zone(key="predict-paste", on_paste=_keep)
    kept: list[tuple[str, bytes]] = st.session_state.get(_PASTED, [])
    if kept:
        count = len(kept)
        st.button(
            f"Forget {count} pasted {'picture' if count == 1 else 'pictures'}",
            icon=":material/delete:",
            type="tertiary",
            on_click=_forget,
        )
    # The latest first.
    items = [_pasted_item(k, *picture) for k, picture in enumerate(kept)][::-1]
    items += [_item(file, file.name) for file in files]
    if len(items) > MOST_FILES:
        st.warning(
            f"These are {len(items)} pictures: the first {MOST_FILES} are read. For more, "
            "`python -m core predict FOLDER` reads any number.",
            icon=":material/filter_list:",
        )
    return items[:MOST_FILES]


def _item(file: Any, name: str) -> Item:
    return Item(f"file-{file.file_id}", name, file.getvalue)


def _pasted_item(place: int, name: str, data: bytes) -> Item:
    mark = hashlib.sha256(data).hexdigest()[:16]
    return Item(f"pasted-{place}-{mark}", f"pasted {place + 1}: {name}", lambda: data)


def _keep(pictures: Pasted) -> None:
    kept = [*st.session_state.get(_PASTED, []), *pictures]
    while sum(len(data) for _, data in kept) > _MOST_PASTED_BYTES:
        del kept[0]
    st.session_state[_PASTED] = kept[-MOST_FILES:]


def _forget() -> None:
    st.session_state.pop(_PASTED, None)
