"""The visitor's progress: in the session, in the browser's store, in a link and in a file."""

from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from core.lessons.progress import Progress, progress_from_link, progress_from_text
from core.utils.errors import LessonError
from pages.widgets.components.browser_store import browser_store
from pages.widgets.shared.download import download_button
from pages.widgets.shared.markdown import plain

LINK: Final = "progress"
"""Parameter of the address that carries somebody's progress."""
_STATE, _PROBLEM, _CHANGED = "lessons_progress", "lessons_problem", "lessons_changed"
_STORE: Final = "digitscope-lessons"
_UPLOAD: Final = "lessons-upload"
_LAST_UPLOAD: Final = "lessons_last_upload"


def progress() -> Progress:
    """The visitor's progress in this session."""
    kept: Progress = st.session_state.setdefault(_STATE, Progress())
    return kept


def note_change() -> None:
    """Have the browser keep the progress as it is now."""
    st.session_state[_CHANGED] = True


def sync_progress() -> None:
    """Take over what a link or the browser's store holds, and have the browser keep changes."""
    if LINK in st.query_params:
        _add(st.query_params[LINK], progress_from_link)
        del st.query_params[LINK]
    changed = st.session_state.pop(_CHANGED, False)
    browser_store(
        _STORE,
        progress().to_text() if changed else None,
        key="lessons-store",
        on_stored=_add,
    )
    problem = st.session_state.pop(_PROBLEM, "")
    if problem:
        st.warning(plain(problem), icon=":material/link_off:")


def _add(text: str | bytes, read: Callable[[Any], Progress] = progress_from_text) -> None:
    """Take over the progress in a text, or note what is wrong with it for the next drawing."""
    try:
        progress().add(read(text))
    except LessonError as error:
        st.session_state[_PROBLEM] = str(error)
    else:
        note_change()


def progress_controls() -> None:
    """Draw the link, the file to take away, and the field for such a file."""
    with st.expander("Move your progress to another device", icon=":material/devices:"):
        st.write(
            "Your progress is kept in this browser. A link or a file takes it to another one; what "
            "is done there stays done."
        )
        address = (st.context.url or "").split("?")[0]
        st.code(f"{address}?{LINK}={progress().to_link()}", language=None, wrap_lines=True)
        download_button(
            "Download as a file",
            progress().to_text().encode(),
            "digitscope-lessons.json",
            "application/json",
        )
        upload = st.file_uploader("Bring such a file", type="json", key=_UPLOAD)
        if upload is not None and st.session_state.get(_LAST_UPLOAD) != upload.file_id:
            st.session_state[_LAST_UPLOAD] = upload.file_id
            _add(upload.getvalue())
            st.rerun()
