"""Lessons: step by step through a tutorial, each guess checked in the visitor's own run."""

import streamlit as st

from core.lessons.lesson import find_lesson
from core.utils.errors import DigitscopeError
from pages.widgets.lessons.lesson_list import lesson_list
from pages.widgets.lessons.lesson_step import lesson_step
from pages.widgets.lessons.progress_store import progress, sync_progress
from pages.widgets.shared.lesson_bar import LESSON, STEP, opened_lesson
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import require_app
from pages.widgets.shared.visitor import visitor

require_app()
st.set_page_config(layout="wide")  # the list of steps stands beside the step

st.title("Lessons", anchor=False)
sync_progress()
# A page that was left in the middle of its script may write its own parameters over the lesson's.
if LESSON not in st.query_params and (opened := opened_lesson()):
    st.query_params.from_dict(dict(zip((LESSON, STEP), opened, strict=True)))
lesson_id = st.query_params.get(LESSON, "")
try:
    if lesson_id:
        lesson = find_lesson(lesson_id)
        step = lesson.step(st.query_params.get(STEP, "")) or progress().next_step(lesson)
        lesson_step(lesson, step, visitor())
    else:
        st.write(
            "Each lesson goes through a tutorial step by step: guess first, then see what happens "
            "in your own run."
        )
        lesson_list()
except DigitscopeError as error:
    for line in str(error).splitlines():
        st.error(plain(line), icon=":material/error:")
    if lesson_id:
        lesson_list()
