"""One step of a lesson: text, links, the question, and what was measured."""

from typing import Final

import streamlit as st

from core.export.worksheet import worksheet
from core.lessons.lesson import (
    RUN_PAGES,
    CellQuestion,
    Choice,
    Guess,
    Lesson,
    Link,
    Number,
    Step,
)
from core.lessons.measures import Fact, Subject
from core.runs.run import Run
from core.utils.errors import DigitscopeError
from pages.widgets.lessons.lesson_run import lesson_run, subject_of
from pages.widgets.lessons.progress_store import note_change, progress
from pages.widgets.lessons.question import ask
from pages.widgets.shared.download import download_button
from pages.widgets.shared.lesson_bar import LESSON, STEP, close_lesson, open_lesson
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import ENTRIES, pages

_RUN: Final = "{run}"


def lesson_step(lesson: Lesson, step: Step, token: str) -> None:
    """Draw a step.

    Args:
        lesson: The lesson.
        step: One of its steps.
        token: The visitor's token.

    Raises:
        RunError: The shipped run of the lesson cannot be read.
    """
    number, count = lesson.steps.index(step) + 1, len(lesson.steps)
    open_lesson(lesson.id, step.id, f"{lesson.title}: step {number} of {count}")
    run, is_own = lesson_run(lesson, token)
    st.button("All lessons", icon=":material/arrow_back:", type="tertiary", on_click=_close)
    left, right = st.columns([5, 2], gap="large")
    with left:
        st.caption(f"{plain(lesson.title)}: step {number} of {count}")
        st.header(f"{number}. {step.title}", anchor=False)
        st.markdown(step.text)
        with st.container(horizontal=True):
            for link in step.links:
                _link(link, run)
        guess = progress().guess(lesson, step)
        if guess is None:
            ask(lesson, step)
        else:
            _result(lesson, step, guess, run, is_own=is_own)
        _navigation(lesson, number)
    with right:
        _steps(lesson, step)
    _paper(lesson, run)


def _link(link: Link, run: Run | None) -> None:
    """Draw the link to a page, with the lesson's run where the page shows one."""
    settings = {
        name: run.id if run and value == _RUN else value for name, value in link.settings.items()
    }
    if run and link.page in RUN_PAGES:
        settings = {"run": run.id, **settings}
    st.page_link(
        pages()[link.page],
        label=link.label,
        icon=ENTRIES[link.page].icon,
        query_params=settings,
    )


def _result(lesson: Lesson, step: Step, guess: Guess, run: Run | None, *, is_own: bool) -> None:
    try:
        subject = subject_of(step, run)
        if step.guess:
            _verdict(step.guess, guess, step.guess.answer.fact(subject))
        if step.after:
            st.markdown(step.conclusion(subject))
    except DigitscopeError as error:
        st.info(plain(str(error)), icon=":material/info:")
    if run and _measures_run(step):
        st.caption(_whose(run, is_own=is_own))
    if step.guess:
        st.button(
            "Guess again",
            icon=":material/replay:",
            type="tertiary",
            on_click=_forget,
            args=(lesson, step),
        )


def _verdict(question: Choice | Number | CellQuestion, guess: Guess, fact: Fact) -> None:
    st.markdown(question.question)
    unit = f" {question.unit}" if isinstance(question, Number) and question.unit else ""
    words = (
        f"{guess[0]} read as {guess[1]}" if isinstance(guess, tuple) else f"{_short(guess)}{unit}"
    )
    text = f"You guessed {plain(words)}. Measured: **{plain(fact.text)}**."
    if question.is_right(guess, fact):
        near = isinstance(question, Number) and guess != fact.value
        st.success(f"{'Near enough' if near else 'Right'}. {text}", icon=":material/check_circle:")
    else:
        st.info(f"Not this time. {text}", icon=":material/lightbulb:")


def _short(guess: str | float) -> str:
    return f"{guess:g}" if isinstance(guess, float) else guess


def _measures_run(step: Step) -> bool:
    """Whether what a step measures depends on the lesson's run."""
    return any(measured.of_run for measured in step.measured().values())


def _whose(run: Run, *, is_own: bool) -> str:
    if is_own:
        return f"Measured in your own run {plain(run.id)}."
    return (
        f"Measured in the shipped run {plain(run.id)}: you have not trained this network yet. Once "
        "you have, your own figures stand here."
    )


def _navigation(lesson: Lesson, number: int) -> None:
    with st.container(horizontal=True):
        for label, icon, target in (
            ("Previous step", "chevron_left", number - 2),
            ("Next step", "chevron_right", number),
        ):
            inside = 0 <= target < len(lesson.steps)
            st.button(
                label,
                icon=f":material/{icon}:",
                disabled=not inside,
                on_click=_go,
                args=(lesson, lesson.steps[target] if inside else lesson.steps[0]),
            )


def _steps(lesson: Lesson, shown: Step) -> None:
    """Draw all steps, those that are done with a check mark."""
    done = progress().done(lesson)
    st.progress(done / len(lesson.steps), f"{done} of {len(lesson.steps)} steps done")
    for number, step in enumerate(lesson.steps, start=1):
        is_done = progress().guess(lesson, step) is not None
        icon = "check_circle" if is_done else "radio_button_unchecked"
        st.button(
            f"**{number}. {step.title}**" if step is shown else f"{number}. {step.title}",
            icon=f":material/{icon}:",
            type="tertiary",
            key=f"to-{step.id}",
            on_click=_go,
            args=(lesson, step),
        )


def _paper(lesson: Lesson, run: Run | None) -> None:
    """Draw the worksheets to take away."""
    with st.expander(
        "This lesson on paper", icon=":material/print:", key="lesson-paper", on_change="rerun"
    ) as part:
        if not part.open:  # the answers of all steps would be measured at each step
            return
        st.write("A worksheet for a class, to print from the browser. Answers are measured now.")
        with st.container(horizontal=True):
            download_button(
                "Worksheet", worksheet(lesson), f"{lesson.id}-worksheet.html", "text/html"
            )
            download_button(
                "Worksheet with answers",
                worksheet(lesson, _answers(lesson, run)),
                f"{lesson.id}-answers.html",
                "text/html",
            )


def _answers(lesson: Lesson, run: Run | None) -> dict[str, str]:
    """The conclusion of each step; of a step about a drawing, that there is none on paper."""
    answers: dict[str, str] = {}
    for step in lesson.steps:
        try:
            answers[step.id] = step.conclusion(Subject(run))
        except DigitscopeError as error:
            answers[step.id] = str(error)
    return answers


def _go(lesson: Lesson, step: Step) -> None:
    st.query_params.from_dict({LESSON: lesson.id, STEP: step.id})


def _close() -> None:
    close_lesson()
    st.query_params.clear()


def _forget(lesson: Lesson, step: Step) -> None:
    progress().forget(lesson, step)
    note_change()
