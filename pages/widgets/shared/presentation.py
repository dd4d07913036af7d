"""Presentation mode: larger type and no sidebar, for a page that is projected."""

from pathlib import Path
from typing import Final

import streamlit as st

from pages.widgets.shared.navigation import ENTRIES, pages

_PRESENT: Final = "present"
"""Parameter of the address, and key of the switch."""
_STYLE: Final = Path(__file__).with_name("present.css")


def presentation_switch() -> None:
    """Draw the switch in the sidebar; while it is on, a row of links in place of the sidebar."""
    with st.sidebar:
        on = st.toggle(
            "Present",
            key=_PRESENT,
            bind="query-params",
            persist_state="session",
            help="For a projector: larger type, and the page without this sidebar.",
        )
    if not on:
        return
    st.html(_STYLE)
    with st.container(horizontal=True, vertical_alignment="center", key="presentation-bar"):
        for key, entry in ENTRIES.items():
            st.page_link(pages()[key], label=entry.title)
        st.button("End the presentation", type="tertiary", on_click=_end)


def _end() -> None:
    st.session_state[_PRESENT] = False
