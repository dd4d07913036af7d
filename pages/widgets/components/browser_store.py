"""A text in the browser's local storage: a component, as Streamlit keeps nothing there."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

_component = st.components.v2.component(
    "digitscope_store",
    html="<span hidden></span>",
    js=Path(__file__).with_name("browser_store.js").read_text(encoding="utf-8"),
)


def browser_store(
    name: str, text: str | None, *, key: str, on_stored: Callable[[str], None]
) -> None:
    """Write a text into the browser's store, or ask for the one that is there.

    Args:
        name: Of the text in the store.
        text: What to write; None asks.
        key: Key of the widget.
        on_stored: Called with the text that the browser had, before the next run of the script.
    """

    def stored() -> None:
        sent = st.session_state[key].get("stored")
        if isinstance(sent, str):
            on_stored(sent)

    _component(key=key, data={"name": name, "text": text}, on_stored_change=stored)
