"""A zone for pictures from the clipboard: a component, as Streamlit's uploader accepts no paste."""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import streamlit as st

_MOST_AT_ONCE: Final = 10
_MOST_BYTES: Final = 7 * 1024 * 1024
"""Total size of one paste: in base64 it still fits into one message of the web socket."""

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "digitscope_paste",
    html='<button class="paste"></button>',
    css=(_HERE / "paste_zone.css").read_text(encoding="utf-8"),
    js=(_HERE / "paste_zone.js").read_text(encoding="utf-8"),
)

Pasted = list[tuple[str, bytes]]
"""Names and bytes of the pictures of one paste."""


def paste_zone(*, key: str, on_paste: Callable[[Pasted], None]) -> None:
    """Draw the zone.

    Args:
        key: Key of the widget.
        on_paste: Called with the pictures of one paste, before the next run of the script. There
            are at most `_MOST_AT_ONCE`, of at most `_MOST_BYTES` in all; the zone refuses more.
    """

    def pasted() -> None:
        sent: Any = st.session_state[key].get("pasted")
        if sent:
            on_paste(
                [
                    (str(picture["name"]), _bytes(picture["data"]))
                    for picture in sent[:_MOST_AT_ONCE]
                ]
            )

    _component(
        key=key,
        data={"most": _MOST_AT_ONCE, "bytes": _MOST_BYTES},
        on_pasted_change=pasted,
    )


def _bytes(data: str) -> bytes:
    """Decode what the browser sent; empty if it is not valid base64."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return b""
