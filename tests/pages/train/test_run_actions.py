"""What is done with a ticked run: renamed, deleted and brought back, taken away, followed."""

import io
import shutil
import zipfile
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.export.run_report import run_zip
from core.runs import registry
from core.runs.housekeeping import gone_error
from core.runs.permissions import JobCard, owner_of, shown_name, write_card
from core.runs.run import Run
from pages.widgets.train import run_actions
from tests.helpers import run_list
from tests.helpers.run_list import MINE, THEIRS, Copy, button, names, said, table, tick

copy, page, three = run_list.copy, run_list.page, run_list.three


def test_one_run_leads_on(three: AppTest) -> None:
    tick(three, "Blue Monday")
    shown = [link.proto for link in three.get("page_link")]
    links = {link.label: (link.page, link.query_string) for link in shown}
    assert links["Show its training curves"] == ("train", "training=mine")
    assert links["Train again with changes"] == ("train", "from=mine")
    assert links["Draw a digit for it"] == ("predict", "run=mine")
    assert "The training was stopped: by hand." in said(three)


def test_a_run_without_a_network_cannot_be_drawn_with(copy: Copy, page: Any) -> None:
    copy("mine", metrics={}, status="failed", error="The disk is full.", model_sha256="")
    app = tick(page(), "mine")
    assert "Draw a digit for it" not in [link.proto.label for link in app.get("page_link")]
    assert "The disk is full." in said(app)


def test_a_run_is_renamed(three: AppTest) -> None:
    tick(three, "Blue Monday")
    three.text_input(key="title-mine").set_value("New *Order*")
    button(three, "Save").click().run()
    assert names(three) == ["New *Order*", "theirs", "best"]
    assert three.success[0].value == r"Blue Monday is now called New \*Order\*."
    assert shown_name(registry.find_run("mine")) == "New *Order*"


def test_a_deleted_run_comes_back_with_undo(three: AppTest) -> None:
    tick(three, "Blue Monday")
    button(three, "Delete").click().run()
    assert names(three) == ["theirs", "best"]
    assert "Deleted Blue Monday." in said(three)
    three.text_input(key="runs_text").set_value("be").run()  # and other reruns
    assert names(three) == ["best"]
    three.text_input(key="runs_text").set_value("").run()
    button(three, "Undo").click().run()
    assert names(three) == ["Blue Monday", "theirs", "best"]
    assert "Blue Monday is back." in said(three)
    assert not [each for each in three.button if each.label == "Undo"]


def test_undo_stays_until_something_else_is_done(three: AppTest, copy: Copy) -> None:
    copy("other", title="Other", created="2026-11-18T10:11:12Z")
    three.run()
    tick(three, "Blue Monday")
    button(three, "Delete").click().run()
    tick(three, "Other")
    assert "Deleted Blue Monday." in said(three)
    button(three, "Delete").click().run()
    assert "Deleted Other." in said(three)
    assert "Deleted Blue Monday." not in said(three)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("theirs", "Only the browser that started this run"), ("best", "came with Digitscope")],
)
def test_what_is_not_mine_is_read_only_and_the_page_says_why(
    three: AppTest, name: str, reason: str
) -> None:
    tick(three, name)
    delete = button(three, "Delete")
    assert delete.disabled
    assert reason in delete.help
    (rename,) = [each.proto.popover for each in three.get("popover")]
    assert rename.disabled
    assert reason in rename.help


def test_a_click_is_judged_anew_whatever_the_page_showed(three: AppTest) -> None:
    tick(three, "Blue Monday")
    folder = registry.own_folder() / "mine"
    write_card(folder, JobCard(owner=owner_of(THEIRS), title="Blue Monday"))
    button(three, "Delete").click().run()
    assert "Only the browser that started this run" in three.error[0].value
    assert folder.is_dir()


def test_a_run_in_work_is_not_deleted(copy: Copy, page: Any) -> None:
    copy("mine", status="running")
    delete = button(tick(page(), "mine"), "Delete")
    assert delete.disabled
    assert "stop it first" in delete.help


def test_a_damaged_run_is_deleted_and_brought_back(copy: Copy, page: Any) -> None:
    (copy("mine") / "run.json").write_text("damaged")
    copy("good")
    app = tick(page(), "mine")
    button(app, "Delete").click().run()
    assert names(app) == ["good"]
    assert not (registry.own_folder() / "mine").exists()
    button(app, "Undo").click().run()
    assert names(app) == ["good", "mine"]
    assert (registry.own_folder() / "mine" / "run.json").read_text() == "damaged"


def test_anothers_damaged_run_is_read_only(copy: Copy, page: Any) -> None:
    (copy("theirs", owner=THEIRS) / "run.json").write_text("damaged")
    app = tick(page(), "theirs")
    assert button(app, "Delete").disabled
    assert "Only the browser that started this run" in button(app, "Delete").help
    app.segmented_control(key="runs_whose").set_value("Mine").run()
    assert "No run matches these filters" in said(app)


@pytest.mark.parametrize("act", ["Delete", "Save"])
def test_a_run_deleted_in_another_tab_gets_a_sentence(three: AppTest, act: str) -> None:
    tick(three, "Blue Monday")
    shutil.rmtree(registry.own_folder() / "mine")
    button(three, act).click().run()
    assert "'mine' is no longer there: it was deleted, perhaps in another tab" in said(three)
    assert names(three) == ["theirs", "best"]


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """What the page gives for downloading, one after the other: name and content."""
    files: list[tuple[str, bytes]] = []

    def note(label: str, *, data: bytes, file_name: str, **_: Any) -> None:
        files.append((file_name, data))

    monkeypatch.setattr(run_actions.st, "download_button", note)
    return files


def test_the_zip_is_that_of_the_ticked_run(three: AppTest, handed: list[tuple[str, bytes]]) -> None:
    tick(three, "Blue Monday")
    name, content = handed[-1]
    assert name == "mine.zip"
    assert content == run_zip(registry.find_run("mine"))
    assert "report.md" in zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_the_zip_knows_the_new_name(three: AppTest, handed: list[tuple[str, bytes]]) -> None:
    tick(three, "Blue Monday")
    three.text_input(key="title-mine").set_value("Green Tuesday")
    button(three, "Save").click().run()
    tick(three, "Green Tuesday")
    report = zipfile.ZipFile(io.BytesIO(handed[-1][1])).read("report.md").decode()
    assert report.startswith("# Green Tuesday")


def test_a_run_that_cannot_be_zipped_says_why(
    three: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(run: Run) -> None:
        raise gone_error(run)

    monkeypatch.setattr(run_actions, "folder_state", gone)
    tick(three, "Blue Monday")
    (file,) = three.get("download_button")
    assert file.proto.disabled
    assert "'mine' is no longer there" in file.proto.help


def test_the_words_and_rules_of_whoever_runs_trainings_are_taken(copy: Copy, page: Any) -> None:
    copy("mine")

    def with_rules(token: str) -> None:
        from core.runs.permissions import Limits
        from pages.widgets.train.run_table import run_table

        run_table(token, Limits(), status_text=lambda run: "paused", busy=lambda run: True)

    app = AppTest.from_function(with_rules, args=(MINE,), default_timeout=30).run()
    assert list(table(app)["status"]) == ["paused"]
    assert button(tick(app, "mine"), "Delete").disabled


def test_a_double_click_on_delete_leaves_the_way_back(
    copy: Copy, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy("mine")
    draw = st.button

    def clicked_twice(label: str, **more: Any) -> bool:
        if label == "Delete":
            for _ in range(2):
                more["on_click"](*more["args"])
            return True
        return draw(label, **more)

    def actions(token):
        from core.runs import registry
        from core.runs.housekeeping import is_busy
        from core.runs.permissions import Limits
        from pages.widgets.train.run_actions import run_actions, show_notice

        run_actions(registry.find_run("mine"), token, Limits(), is_busy)
        show_notice(token)

    monkeypatch.setattr(run_actions.st, "button", clicked_twice)
    app = AppTest.from_function(actions, args=(MINE,), default_timeout=30).run()
    assert not app.error
    assert button(app, "Undo")
