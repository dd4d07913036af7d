"""A long work of the server on a page: a button, then its progress, a way to stop it, its end."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.utils.background import BackgroundTask, TaskState
from pages.widgets.shared.markdown import plain

_EVERY_S = 1.0
_CANCELLED = "This was cancelled; what had been worked out is thrown away."


def of_total(state: TaskState[Any]) -> str:
    """How far a chore is, in numbers."""
    return f"{state.done:,} of {state.total:,}" if state.total else "starting"


def run_chore(
    chore: BackgroundTask[Any],
    title: str,
    key: str,
    *,
    doing: str = "",
    far: Callable[[TaskState[Any]], str] = of_total,
    icon: str = ":material/play_arrow:",
    cancelled: str = _CANCELLED,
) -> None:
    """Draw a chore; when it begins or ends, the whole page is run again.

    `title`: of its button, and `doing` what stands before the progress (else the title again).
    `key`: of its widgets. `far`: the progress in words.
    """
    active = chore.state.active
    st.fragment(_draw, run_every=_EVERY_S if active else None)(
        chore, title, key, doing or title, far, icon, cancelled, active
    )


def _draw(
    chore: BackgroundTask[Any],
    title: str,
    key: str,
    doing: str,
    far: Callable[[TaskState[Any]], str],
    icon: str,
    cancelled: str,
    was_active: bool,
) -> None:
    now = chore.state
    if now.active != was_active:
        st.rerun()
    if now.active:
        waits = "waiting until the server has finished another such work"
        words = waits if now.status == "waiting" else far(now)
        st.progress(now.fraction, text=f"{doing}: {words}")
        st.button("Cancel", icon=":material/close:", on_click=chore.cancel, key=f"{key}-cancel")
        return
    if now.status == "failed":
        st.error(plain(now.problem), icon=":material/error:")
    elif now.status == "cancelled":
        st.info(cancelled)
    st.button(title, icon=icon, on_click=chore.start, key=f"{key}-start")
