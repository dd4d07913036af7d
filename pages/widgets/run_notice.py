"""What came of the last thing done to a run: it stays on the page until the next one."""

from dataclasses import dataclass

import streamlit as st

from core.errors import DigitscopeError
from core.run_keeping import Deleted, undo
from pages.widgets.words import plain

_KEY = "run_notice"


@dataclass(frozen=True)
class Notice:
    """A sentence, whether it tells of a fault, and the run that can be brought back, if any."""

    words: str
    fault: bool = False
    deleted: Deleted | None = None


def tell(words: str, *, fault: bool = False, deleted: Deleted | None = None) -> None:
    """Put a sentence in place of the one before."""
    st.session_state[_KEY] = Notice(words, fault, deleted)


def just_deleted() -> Deleted | None:
    """The run that this visitor deleted last, if nothing was done since."""
    notice: Notice | None = st.session_state.get(_KEY)
    return notice.deleted if notice else None


def show_notice(token: str) -> None:
    """Draw the sentence; for a deleted run with a button that brings it back."""
    notice: Notice | None = st.session_state.get(_KEY)
    if notice is None:
        return
    if notice.fault:
        st.error(plain(notice.words), icon=":material/error:")
    elif notice.deleted is None:
        st.success(plain(notice.words), icon=":material/check:")
    else:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(plain(notice.words), width="content")
            st.button(
                "Undo",
                icon=":material/undo:",
                key="undo_delete",
                on_click=_undo,
                args=(notice.deleted, token),
            )


def _undo(deleted: Deleted, token: str) -> None:
    try:
        undo(deleted, token=token)
    except DigitscopeError as error:
        tell(str(error), fault=True)
    else:
        tell(f"{deleted.name} is back.")
