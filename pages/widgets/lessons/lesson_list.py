"""The list of lessons, each with how far the visitor is."""

import streamlit as st

from core.lessons.lesson import BrokenLesson, Lesson, list_lessons
from pages.widgets.lessons.progress_store import progress, progress_controls
from pages.widgets.shared.lesson_bar import LESSON, STEP
from pages.widgets.shared.markdown import plain


def lesson_list() -> None:
    """Draw a card for each lesson, broken ones with what is wrong with them."""
    lessons = list_lessons()
    with st.grid(min_column_width=320, gap="small"):
        for lesson in lessons:
            if isinstance(lesson, Lesson):
                with st.container(border=True, key=f"lesson-{lesson.id}", height="stretch"):
                    _card(lesson)
    for broken in lessons:
        if isinstance(broken, BrokenLesson):
            st.error(
                "\n\n".join(plain(line) for line in broken.problem.splitlines()),
                icon=":material/error:",
            )
    progress_controls()


def _card(lesson: Lesson) -> None:
    done, count = progress().done(lesson), len(lesson.steps)
    st.subheader(lesson.title, anchor=False)
    st.write(lesson.about)
    if lesson.source:
        st.caption(f"After {lesson.source}")
    st.caption(f"{count} steps, about {lesson.minutes} minutes")
    if done:
        st.progress(done / count, f"{done} of {count} steps done")
    label = "Begin" if not done else "Look at it again" if done == count else "Go on"
    st.button(
        label,
        key=f"open-{lesson.id}",
        type="secondary" if done == count else "primary",
        icon=":material/play_arrow:",
        on_click=_open,
        args=(lesson,),
        help=f"Open the lesson “{lesson.title}”",
    )


def _open(lesson: Lesson) -> None:
    done = progress().done(lesson) == len(lesson.steps)
    step = lesson.steps[0] if done else progress().next_step(lesson)
    st.query_params.from_dict({LESSON: lesson.id, STEP: step.id})
