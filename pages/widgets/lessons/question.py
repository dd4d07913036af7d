"""A step's question: the guess first, then what was measured."""

from typing import Final

import streamlit as st

from core.evaluation.confusion_matrix import MatrixCell
from core.lessons.lesson import CellQuestion, Choice, Guess, Lesson, Number, Step
from core.lessons.progress import READ
from pages.widgets.components.matrix_grid import Place, matrix_grid
from pages.widgets.lessons.progress_store import note_change, progress

_NO_GUESS: Final = "Make a guess first: it need not be right."


def ask(lesson: Lesson, step: Step) -> None:
    """Draw the question of a step that has no guess yet.

    Args:
        lesson: The lesson.
        step: The step; without a question, a button says that it is done.
    """
    key = f"guess-{lesson.id}-{step.id}"
    question = step.guess
    if question is None:
        if st.button("Done", type="primary", icon=":material/check:", key=key):
            _note(lesson, step, READ)
        return
    if isinstance(question, CellQuestion):
        _ask_for_cell(lesson, step, question, key)
        return
    with st.form(f"form-{key}", border=False):
        guess = _field(question, key)
        pressed = st.form_submit_button("Check", type="primary", icon=":material/check:")
    if pressed and guess is None:
        st.warning(_NO_GUESS, icon=":material/help:")
    elif pressed and guess is not None:
        _note(lesson, step, guess)


def _field(question: Choice | Number, key: str) -> Guess | None:
    if isinstance(question, Choice):
        chosen: str | None = st.radio(
            question.question, question.options, index=None, key=key, horizontal=True
        )
        return chosen
    unit = f" ({question.unit})" if question.unit and question.unit not in question.question else ""
    number = st.number_input(
        f"{question.question}{unit}",
        min_value=float(question.minimum),
        max_value=float(question.maximum),
        value=None,
        step=_step_of(question),
        format="%g",
        key=key,
        width=420,
    )
    return None if number is None else float(number)


def _step_of(question: Number) -> float:
    """What one press of the field's arrows adds."""
    return 1.0 if question.near >= 1 or question.near == 0 else 0.1


def _ask_for_cell(lesson: Lesson, step: Step, question: CellQuestion, key: str) -> None:
    st.write(question.question)
    st.caption("Rows are labels, columns are answers. Press a cell beside the diagonal.")
    chosen: Place | None = st.session_state.get(f"{key}-cell")

    def choose(place: Place) -> None:
        st.session_state[f"{key}-cell"] = place

    digits = range(10)
    matrix_grid(
        [
            [
                MatrixCell(label, read, "", f"{label} read as {read}", 0.0, good=True)
                for read in digits
            ]
            for label in digits
        ],
        ([0] * 10, [0] * 10),
        key=f"{key}-grid",
        label="Your guess: labels down, answers across",
        on_open=choose,
        chosen=chosen,
    )
    pressed = st.button("Check", type="primary", icon=":material/check:", key=f"{key}-check")
    if not pressed:
        return
    label, answer = chosen or (None, None)
    if label is None or answer is None:
        st.warning(_NO_GUESS, icon=":material/help:")
    else:
        _note(lesson, step, (label, answer))


def _note(lesson: Lesson, step: Step, guess: Guess) -> None:
    progress().note(lesson, step, guess)
    note_change()
    st.rerun()
