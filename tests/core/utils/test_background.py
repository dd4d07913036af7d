"""Long work that a server does once: told, cancelled, one at a time, the same for everybody."""

import threading

import pytest
from streamlit.testing.v1 import AppTest

from core.utils import background
from core.utils.background import BackgroundTask, Report, TaskState, shared_task
from core.utils.errors import RunError
from tests.helpers.finishing import wait


class Slow:
    """Work that goes on until it is let go, and counts its starts."""

    def __init__(self) -> None:
        self.starts = 0
        self.let_go = threading.Event()
        self.begun = threading.Event()

    def __call__(self, report: Report) -> str:
        self.starts += 1
        report(1, 10)
        self.begun.set()
        self.let_go.wait(10)
        report(5, 10)
        return "the result"


def test_it_reports_and_leaves_its_result() -> None:
    slow = Slow()
    chore = BackgroundTask(slow)
    chore.start()
    assert slow.begun.wait(10)
    assert chore.state == TaskState("running", 1, 10)
    assert chore.state.fraction == 0.1
    slow.let_go.set()
    assert wait(chore) == TaskState("done", 5, 10, result="the result")


def test_it_is_cancelled_in_its_middle() -> None:
    slow = Slow()
    chore = BackgroundTask(slow)
    chore.start()
    assert slow.begun.wait(10)
    chore.cancel()
    slow.let_go.set()
    assert wait(chore).status == "cancelled"
    chore.start()  # a cancel does not last
    assert wait(chore).status == "done"


def test_five_visitors_start_it_once() -> None:
    slow = Slow()
    chore = BackgroundTask(slow)
    for _ in range(5):
        chore.start()
    slow.let_go.set()
    wait(chore)
    assert slow.starts == 1


def test_one_computes_and_the_next_says_that_it_waits() -> None:
    first_work, second_work = Slow(), Slow()
    first_task, second_task = BackgroundTask(first_work), BackgroundTask(second_work)
    first_task.start()
    assert first_work.begun.wait(10)
    second_task.start()
    assert not second_work.begun.wait(0.3)
    assert second_task.state.status == "waiting"
    first_work.let_go.set()
    assert second_work.begun.wait(10)
    assert wait(first_task).status == "done"
    second_work.let_go.set()
    assert wait(second_task).status == "done"


def test_who_waits_can_be_cancelled_and_a_light_one_does_not_wait() -> None:
    work = Slow()
    running, waiting = BackgroundTask(work), BackgroundTask(Slow())
    running.start()
    assert work.begun.wait(10)
    waiting.start()
    waiting.cancel()
    assert wait(waiting).status == "cancelled"
    light = Slow()
    light.let_go.set()
    beside = BackgroundTask(light, heavy=False)
    beside.start()
    assert wait(beside).status == "done"
    assert running.state.status == "running"
    work.let_go.set()
    wait(running)


def test_an_expected_fault_is_told_in_its_own_words_and_another_one_in_ours() -> None:
    def missing(_: Report) -> None:
        raise RunError("There is no such run.")

    def broken(_: Report) -> None:
        raise KeyError("a secret path")

    told, hidden = BackgroundTask(missing), BackgroundTask(broken)
    told.start()
    assert wait(told) == TaskState("failed", problem="There is no such run.")
    hidden.start()
    assert "Try it again" in wait(hidden).problem
    assert "secret" not in hidden.state.problem


def test_the_same_work_is_one_chore_for_everybody() -> None:
    assert shared_task("a", Slow()) is shared_task("a", Slow())
    assert shared_task("a", Slow()) is not shared_task("b", Slow())


def test_only_so_many_are_remembered_and_those_at_work_always(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "MAX_TASKS", 3)
    slow = Slow()
    at_work, old = shared_task("at work", slow), shared_task("old", Slow())
    at_work.start()
    newest = {name: shared_task(name, Slow()) for name in ("first", "second", "third")}
    assert shared_task("at work", Slow()) is at_work
    assert shared_task("third", Slow()) is newest["third"]
    assert shared_task("old", Slow()) is not old
    slow.let_go.set()
    wait(at_work)


def test_before_the_size_is_known_there_is_no_fraction() -> None:
    assert TaskState("running", 3000, 0).fraction == 0


def page() -> None:
    import streamlit as st

    from core.utils.background import BackgroundTask
    from pages.widgets.shared.background_task import draw_task
    from tests.core.utils.test_background import Slow

    state = st.session_state
    slow = state.setdefault("slow", Slow())
    draw_task(
        state.setdefault("chore", BackgroundTask(slow)), "Count them", "count", doing="Counting"
    )


def test_a_page_shows_its_progress_and_cancels_it() -> None:
    view = AppTest.from_function(page, default_timeout=20).run()
    assert not view.get("progress")
    view.button(key="count-start").click().run()
    slow, chore = view.session_state["slow"], view.session_state["chore"]
    assert slow.begun.wait(10)
    view.run()
    (bar,) = view.get("progress")
    assert (bar.proto.value, bar.proto.text) == (10, "Counting: 1 of 10")
    view.button(key="count-cancel").click().run()
    slow.let_go.set()
    assert wait(chore).status == "cancelled"
    view.run()
    assert not view.exception
    assert "was canceled" in view.info[0].value
    assert view.button(key="count-start").label == "Count them"


def test_a_page_says_that_a_chore_waits_and_why_one_failed() -> None:
    work = Slow()
    running = BackgroundTask(work)
    running.start()
    assert work.begun.wait(10)
    view = AppTest.from_function(page, default_timeout=20).run()
    view.button(key="count-start").click().run()
    view.run()
    assert "waiting for another computation" in view.get("progress")[0].proto.text
    work.let_go.set()
    view.session_state["slow"].let_go.set()
    assert wait(view.session_state["chore"]).status == "done"

    def broken(_: Report) -> None:
        raise RunError("The run *x* is gone.")

    view.session_state["chore"] = BackgroundTask(broken)
    view.run()
    view.button(key="count-start").click().run()
    wait(view.session_state["chore"])
    view.run()
    assert view.error[0].value == r"The run \*x\* is gone."
