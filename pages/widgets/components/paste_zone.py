"""A place for pictures from the clipboard: a component, as Streamlit's uploader takes no paste."""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import streamlit as st

MOST_AT_ONCE: Final = 10
MOST_BYTES: Final = 7 * 1024 * 1024
"""Of what is pasted at once: as base64 it is a message that a server's web socket still takes."""

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "digitscope_paste",
    html='<button class="paste"></button>',
    css=(_HERE / "paste_zone.css").read_text(encoding="utf-8"),
    js=(_HERE / "paste_zone.js").read_text(encoding="utf-8"),
)

Pasted = list[tuple[str, bytes]]
"""Names and bytes of what was pasted at once."""


def paste_zone(*, key: str, on_paste: Callable[[Pasted], None]) -> None:
    """Draw the zone; `on_paste` is called before the next run of the script.

    At most `MOST_AT_ONCE` pictures of together `MOST_BYTES` come at once; the zone refuses more.
    """

    def pasted() -> None:
        sent: Any = st.session_state[key].get("pasted")
        if sent:
            on_paste([(str(one["name"]), _bytes(one["data"])) for one in sent[:MOST_AT_ONCE]])

    _component(
        key=key,
        data={"most": MOST_AT_ONCE, "bytes": MOST_BYTES},
        on_pasted_change=pasted,
    )


def _bytes(data: str) -> bytes:
    """What the browser sent; nothing, if it is not what our own script sends."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError):
        return b""
