"""The way back to a lesson, above every other page while a lesson is open."""

import streamlit as st

from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages

LESSON, STEP = "lesson", "step"
"""Parameters of the Lessons page's address."""
_OPEN = "lesson_open"


def open_lesson(lesson: str, step: str, words: str) -> None:
    """Remember where the visitor is.

    Args:
        lesson: Id of the lesson.
        step: Id of the step.
        words: The lesson's title and the step's number.
    """
    st.session_state[_OPEN] = (lesson, step, words)


def opened_lesson() -> tuple[str, str] | None:
    """The ids of the lesson and the step that are open; None if there is none."""
    if _OPEN not in st.session_state:
        return None
    lesson, step, _ = st.session_state[_OPEN]
    return lesson, step


def close_lesson() -> None:
    """Forget the lesson; for callbacks too."""
    st.session_state.pop(_OPEN, None)


def lesson_bar() -> None:
    """Draw the link back to the open lesson; nothing if none is open."""
    if _OPEN not in st.session_state:
        return
    lesson, step, words = st.session_state[_OPEN]
    with st.container(horizontal=True, vertical_alignment="center", key="lesson-bar", gap="small"):
        st.page_link(
            pages()["lessons"],
            label="Back to the lesson",
            icon=":material/arrow_back:",
            query_params={LESSON: lesson, STEP: step},
        )
        st.caption(plain(words))
        st.button("Leave the lesson", type="tertiary", on_click=close_lesson)
