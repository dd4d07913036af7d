"""The Lessons page without a browser: list, steps, guesses, whose run is measured, progress."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import ROOT
from core.lessons.lesson import find_lesson, list_lessons
from core.lessons.progress import Progress
from core.runs import registry
from core.runs.permissions import JobCard, owner_of, write_card
from pages.widgets.shared import visitor as visitor_module
from tests.helpers.opening import open_page
from tests.helpers.pages_manager import navigation_remembered

ME = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def own_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A visitor without runs of their own."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(folder))
    return folder


@pytest.fixture
def app() -> Any:
    with navigation_remembered():
        opened = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        opened.run()
        yield opened


def at(app: AppTest, **query: str) -> AppTest:
    """The page with these parameters."""
    return open_page(app, "lessons", **query)


def said(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.success, app.warning, app.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def pressed(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception
    return app


def test_the_list_has_every_lesson_and_begins_one(app: AppTest) -> None:
    at(app)
    titles = [heading.value for heading in app.subheader]
    assert titles == [lesson.title for lesson in list_lessons()]  # type: ignore[union-attr]
    app.button(key="open-purawr").click().run()
    assert app.header[0].value == "1. Look at the first image"


def test_a_guess_comes_before_what_was_measured(app: AppTest) -> None:
    at(app, lesson="purawr", step="test")
    assert "Measured" not in said(app)
    pressed(app, "Check")
    assert "Make a guess first" in said(app)
    app.number_input(key="guess-purawr-test").set_value(50.0)
    pressed(app, "Check")
    answer = registry.find_run("purawr").predictions("mnist-sample")
    assert answer is not None
    wrong = int((answer.probabilities.argmax(axis=1) != answer.labels).sum())
    assert f"You guessed 50 %. Measured: **{100 - wrong / 10:.2f} %**." in said(app)
    assert "Not this time" in said(app)
    assert "Measured in the shipped run purawr: you have not trained this network yet." in said(app)
    pressed(app, "Guess again")
    assert "Measured" not in said(app)
    app.number_input(key="guess-purawr-test").set_value(100 - wrong / 10 + 1)
    pressed(app, "Check")
    assert "Near enough" in said(app)


def test_the_visitors_own_run_is_measured_as_soon_as_there_is_one(
    app: AppTest, own_runs: Path
) -> None:
    app.session_state[visitor_module._KEY] = ME
    copy = own_runs / "mine"
    shutil.copytree(registry.SHIPPED_FOLDER / "fast", copy)
    fields = json.loads((copy / "run.json").read_text())
    changed = {**fields, "id": "mine", "preset": "purawr"}
    (copy / "run.json").write_text(json.dumps(changed))
    write_card(copy, JobCard(owner=owner_of(ME)))
    app.session_state["lessons_progress"] = Progress({"purawr": {"test": 50.0}})
    at(app, lesson="purawr", step="test")
    answer = registry.find_run("fast").predictions("mnist-sample")
    assert answer is not None
    right = (answer.probabilities.argmax(axis=1) == answer.labels).mean()
    assert f"Measured: **{100 * right:.2f} %**" in said(app)
    assert "Measured in your own run mine." in said(app)


def test_a_lesson_stays_open_until_it_is_left(app: AppTest) -> None:
    at(app, lesson="purawr", step="flatten")
    # By the sidebar, or with the parameters of a page that was left while its script ran.
    for name in ("lesson", "step"):
        del app.query_params[name]
    app.query_params["recipe"] = "of the Train page"
    app.run()
    assert app.header[0].value == "2. Flatten the picture"
    assert app.query_params["lesson"] == "purawr"
    pressed(app, "All lessons")
    assert app.subheader
    app.run()
    assert app.subheader


def test_a_step_without_a_question_is_done_by_a_press(app: AppTest) -> None:
    at(app, lesson="purawr", step="own-file")
    assert "suffers most" not in said(app)
    pressed(app, "Done")
    assert "suffers most" in said(app)


def test_a_step_about_a_drawing_asks_for_one(app: AppTest) -> None:
    app.session_state["lessons_progress"] = Progress({"own-digit": {"draw": "7"}})
    at(app, lesson="own-digit", step="draw")
    assert "There is no drawing yet. Draw one digit on the Predict page," in said(app)


def test_next_and_the_list_of_steps_lead_through_the_lesson(app: AppTest) -> None:
    lesson = find_lesson("kundathil")
    at(app, lesson="kundathil")
    for number, step in enumerate(lesson.steps, start=1):
        assert app.header[0].value == f"{number}. {step.title}"
        if number < len(lesson.steps):
            pressed(app, "Next step")
    app.button(key="to-pixels").click().run()
    assert app.header[0].value == "3. See the raw pixels and scale them"
    pressed(app, "All lessons")
    assert app.subheader


def test_a_link_brings_progress_along(app: AppTest) -> None:
    link = Progress({"purawr": {"image": "6", "flatten": 39_250.0}}).to_link()
    at(app, progress=link)
    assert app.session_state["lessons_progress"].done(find_lesson("purawr")) == 2
    assert "progress" not in app.query_params
    at(app, progress="nonsense")
    assert "Your own is unchanged" in said(app)
    assert app.session_state["lessons_progress"].done(find_lesson("purawr")) == 2


def test_a_lesson_that_is_not_there_or_broken_is_told(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at(app, lesson="nobody")
    assert "There is no such lesson here." in app.error[0].value
    assert app.subheader  # the list stands below
    monkeypatch.setenv("DIGITSCOPE_LESSONS", str(tmp_path))
    (tmp_path / "broken.yaml").write_text("title: x\nminutes: y\n")
    at(app, lesson="")
    assert r"broken.yaml, line 2\: minutes" in app.error[0].value


def test_the_way_back_stands_on_other_pages_until_the_lesson_is_left(app: AppTest) -> None:
    at(app, lesson="purawr", step="flatten")
    app.switch_page("pages/dataset.py").run()
    assert r"Read a confusion matrix\: step 2 of 8" in said(app)
    pressed(app, "Leave the lesson")
    assert "step 2 of 8" not in said(app)
