"""A background task of the server on a page: its start button, progress, cancel button, outcome."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.utils.background import BackgroundTask, TaskState
from pages.widgets.shared.markdown import plain

_EVERY_S = 1.0
_CANCELLED = "This was canceled, and its partial result deleted."


def format_progress(state: TaskState[Any]) -> str:
    """Format a task's progress as "12 of 40"."""
    return f"{state.done:,} of {state.total:,}" if state.total else "starting"


def draw_task(
    task: BackgroundTask[Any],
    title: str,
    key: str,
    *,
    doing: str = "",
    progress_text: Callable[[TaskState[Any]], str] = format_progress,
    icon: str = ":material/play_arrow:",
    cancelled: str = _CANCELLED,
) -> None:
    """Draw a background task; when it starts or ends, the whole page is run again.

    Args:
        task: The task.
        title: Label of the start button.
        key: Prefix of the widgets' keys.
        doing: Text before the progress; the title if empty.
        progress_text: Formats the progress.
        icon: Icon of the start button.
        cancelled: Sentence shown after the task was canceled.
    """
    active = task.state.active
    st.fragment(_draw, run_every=_EVERY_S if active else None)(
        task, title, key, doing or title, progress_text, icon, cancelled, active
    )


def _draw(
    task: BackgroundTask[Any],
    title: str,
    key: str,
    doing: str,
    progress_text: Callable[[TaskState[Any]], str],
    icon: str,
    cancelled: str,
    was_active: bool,
) -> None:
    now = task.state
    if now.active != was_active:
        st.rerun()
    if now.active:
        waits = "waiting for another computation of this kind to finish"
        words = waits if now.status == "waiting" else progress_text(now)
        st.progress(now.fraction, text=f"{doing}: {words}")
        st.button("Cancel", icon=":material/close:", on_click=task.cancel, key=f"{key}-cancel")
        return
    if now.status == "failed":
        st.error(plain(now.problem), icon=":material/error:")
    elif now.status == "cancelled":
        st.info(cancelled)
    st.button(title, icon=icon, on_click=task.start, key=f"{key}-start")
