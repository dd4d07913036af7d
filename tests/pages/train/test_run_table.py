"""The list of runs as a visitor uses it (sorting and ticking happen in the browser's own table)."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.export.run_report import run_zip
from core.runs import registry
from core.runs.housekeeping import gone_error
from core.runs.permissions import JobCard, Limits, owner_of, shown_name, write_card
from core.runs.run import Run
from pages.widgets.train import run_actions
from pages.widgets.train.run_table import TABLE

pytestmark = pytest.mark.long

MINE = "my-secret-token-of-this-browser"
THEIRS = "another-visitors-secret-token"
MODELS = registry.SHIPPED_FOLDER

Copy = Callable[..., Path]


@pytest.fixture
def copy(run_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Copy:
    """Puts a run that really ships into a visitor's folder, with other fields in its run.json."""
    shipped, own = run_folders

    def put(name: str, source: str = "purawr", owner: str = MINE, title: str = "", **changes: Any):
        folder = (shipped if owner == "shipped" else own) / name
        shutil.copytree(MODELS / source, folder)
        fields = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**fields, "id": name, **changes}))
        if owner != "shipped":
            write_card(folder, JobCard(owner=owner_of(owner), title=title))
        return folder

    return put


def script(token, allowed):
    """Run from its source alone: it knows nothing of this file."""
    from pages.widgets.train.run_table import run_table

    run_table(token, allowed)


@pytest.fixture
def page(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """The list, drawn for a visitor; pages are there only to be linked to."""

    def linked() -> dict[str, Any]:
        return {name: st.Page(lambda: None, url_path=name) for name in ("train", "predict")}

    monkeypatch.setattr(run_actions, "pages", linked)

    def drawn(token: str = MINE, allowed: Limits | None = None) -> AppTest:
        arguments = (token, allowed or Limits())
        return AppTest.from_function(script, args=arguments, default_timeout=30).run()

    return drawn


def table(app: AppTest) -> pd.DataFrame:
    assert not app.exception
    return app.dataframe(key=TABLE).value


def names(app: AppTest) -> list[str]:
    return list(table(app)["name"])


def tick(app: AppTest, *chosen: str) -> AppTest:
    """Tick these runs, by name, as a click in the browser's table does."""
    rows = [names(app).index(name) for name in chosen]
    app.session_state[TABLE] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return app.run()


def said(app: AppTest) -> str:
    """All sentences on the page, as they are read: without the marks that keep Markdown out."""
    assert not app.exception
    kinds = (app.subheader, app.markdown, app.caption, app.error, app.warning, app.info)
    words = [str(element.value) for kind in (*kinds, app.success) for element in kind]
    return "\n".join(words).replace("\\", "")


def button(app: AppTest, label: str) -> Any:
    (found,) = [each for each in app.button if each.label == label]
    return found


def test_each_run_is_told_in_figures(copy: Copy, page: Any) -> None:
    copy(
        "mine",
        "fast",
        title="My try",
        preset="fast",
        created="2026-11-21T10:11:12Z",
        seconds=22.5,
        ended_by="early stopping",
    )
    copy("theirs", "purawr", THEIRS, created="2026-11-20T10:11:12Z")
    copy("best", "best", "shipped", created="2026-11-19T10:11:12Z")
    shown = table(page())
    assert list(shown["name"]) == ["My try", "theirs", "best"]  # the newest first
    assert list(shown["whose"]) == ["yours", "another's", "shipped"]
    first = shown.iloc[0]
    answer = registry.find_run("mine").predictions("mnist")
    assert answer is not None
    wrong = int((answer.probabilities.argmax(axis=1) != answer.labels).sum())
    assert first["errors"].strip() == f"{wrong} of 10,000"
    assert first["accuracy"] == pytest.approx(100 - wrong / 100)
    assert (first["preset"], first["dataset"]) == ("fast", "mnist")
    assert (first["parameters"], first["seconds"]) == (46_938, 22.5)
    assert first["date"] == pd.Timestamp("2026-11-21T10:11:12Z")
    assert first["status"] == "finished early"


def test_no_name_is_a_formula_in_the_tables_that_streamlit_offers_as_csv(
    copy: Copy, page: Any
) -> None:
    copy("a", title="=1+1")
    copy("b", "fast", THEIRS, title="@SUM(A1)")
    app = page()
    assert sorted(names(app)) == ["'=1+1", "'@SUM(A1)"]
    compared = tick(app, "'=1+1", "'@SUM(A1)").dataframe[1].value
    assert set(compared.columns) == {"Setting", "'=1+1", "'@SUM(A1)"}


def test_errors_sorted_as_texts_are_sorted_as_numbers(copy: Copy, page: Any) -> None:
    for name, wrong, n in (("a", 9, 1000), ("b", 1028, 10_000), ("c", 28, 10_000)):
        copy(name, metrics={"mnist": {"n": n, "wrong": wrong, "loss": 0.1, "held_out": True}})
    shown = table(page())
    assert list(shown.sort_values("errors")["name"]) == ["a", "c", "b"]


def test_a_run_in_work_has_no_figures_yet(copy: Copy, page: Any) -> None:
    copy("mine", metrics={}, status="running", epochs_done=3, seconds=0, model_sha256="")
    shown = table(page()).iloc[0]
    assert shown["status"] == "running, 3 of 10"
    assert pd.isna(shown["accuracy"])
    assert pd.isna(shown["errors"])


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "stopped", "ended_by": "by hand"}, "stopped: by hand"),
        ({"status": "stopped", "ended_by": "time limit"}, "stopped: time up"),
        ({"status": "stopped", "ended_by": "pause limit"}, "paused too long"),
        ({"status": "stopped", "ended_by": "diverged"}, "diverged"),
        ({"status": "failed", "ended_by": "fault"}, "failed"),
        ({"status": "queued", "ended_by": "by hand"}, "waiting"),
        ({"status": "running", "ended_by": "", "epochs_done": 9}, "running, 9 of 10"),
    ],
)
def test_how_a_training_stands_is_told_as_shortly_as_the_column_is_narrow(
    copy: Copy, page: Any, fields: dict[str, Any], status: str
) -> None:
    copy("mine", **fields)
    assert table(page()).iloc[0]["status"] == status
    assert len(status) <= 17  # of the table's letters, in 120 pixels


def test_figures_on_digits_that_were_trained_on_are_marked(copy: Copy, page: Any) -> None:
    copy("a", metrics={"mnist-sample": {"n": 1000, "wrong": 2, "loss": 0.1, "held_out": False}})
    assert table(page()).iloc[0]["errors"].strip() == "2 of 1,000 *"


@pytest.fixture
def three(copy: Copy, page: Any) -> AppTest:
    """A list of three: mine on the sample, stopped; another's; a shipped one."""
    recipe = json.loads((MODELS / "purawr" / "run.json").read_text())["recipe"]
    copy(
        "mine",
        title="Blue Monday",
        status="stopped",
        ended_by="by hand",
        recipe={**recipe, "dataset": "mnist-sample"},
        created="2026-11-21T10:11:12Z",
    )
    copy("theirs", "fast", THEIRS, preset="fast", created="2026-11-20T10:11:12Z")
    copy("best", "best", "shipped", created="2026-11-19T10:11:12Z")
    return page()


def test_the_list_is_filtered_by_name_and_preset(three: AppTest) -> None:
    for text, found in (("MONDAY", ["Blue Monday"]), ("fast", ["theirs"]), (" best ", ["best"])):
        assert names(three.text_input(key="runs_text").set_value(text).run()) == found


def test_the_list_is_filtered_by_dataset_status_and_whose(three: AppTest) -> None:
    assert names(three.selectbox(key="runs_dataset").select("mnist").run()) == ["theirs", "best"]
    assert names(three.selectbox(key="runs_kind").select("finished").run()) == ["theirs", "best"]
    three.segmented_control(key="runs_whose").set_value("Shipped").run()
    assert names(three) == ["best"]
    three.segmented_control(key="runs_whose").set_value("Mine")
    three.selectbox(key="runs_dataset").select("")
    three.selectbox(key="runs_kind").select("stopped")
    assert names(three.run()) == ["Blue Monday"]
    assert "1 of 3 runs" in said(three)


def test_a_filter_that_lets_nothing_through_says_so(three: AppTest) -> None:
    three.text_input(key="runs_text").set_value("nothing like it").run()
    assert not three.dataframe
    assert "No run fits this filter" in said(three)
    assert len(names(three.text_input(key="runs_text").set_value("").run())) == 3


def test_what_is_ticked_stays_ticked_when_the_list_changes(three: AppTest, copy: Copy) -> None:
    tick(three, "theirs")
    copy("new", created="2026-11-22T10:11:12Z")
    three.run()
    assert names(three) == ["new", "Blue Monday", "theirs", "best"]
    assert [head.value for head in three.subheader] == ["theirs"]


def test_one_run_leads_on(three: AppTest) -> None:
    tick(three, "Blue Monday")
    found = [link.proto for link in three.get("page_link")]
    links = {link.label: (link.page, link.query_string) for link in found}
    assert links["Watch how it learnt"] == ("train", "training=mine")
    assert links["Train this again, changed"] == ("train", "from=mine")
    assert links["Draw with it"] == ("predict", "run=mine")
    assert "The training was stopped: by hand." in said(three)


def test_a_run_without_a_network_cannot_be_drawn_with(copy: Copy, page: Any) -> None:
    copy("mine", metrics={}, status="failed", error="The disk is full.", model_sha256="")
    app = tick(page(), "mine")
    assert "Draw with it" not in [link.proto.label for link in app.get("page_link")]
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


def test_damaged_folders_are_listed_with_a_sentence(copy: Copy, page: Any) -> None:
    truncated = copy("truncated")
    (truncated / "run.json").write_text((truncated / "run.json").read_text()[:200])
    copy("future", format=99)
    (registry.own_folder() / "empty").mkdir()
    copy("good")
    app = page()
    shown = table(app).set_index("name")["status"]
    assert dict(shown) == {
        "good": "finished",
        "empty": "damaged",
        "future": "damaged",
        "truncated": "damaged",
    }
    for sentence in (
        "The run 'truncated' cannot be opened: its run.json is damaged",
        "The run 'future' was written by another version of Digitscope",
        "The folder 'empty' holds no run: it has no run.json.",
    ):
        assert sentence in said(app)
    tick(app, "future", "good")
    assert "another version" in app.warning[0].value
    assert [head.value for head in app.subheader] == ["good"]


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
    assert "No run fits this filter" in said(app)


def test_the_result_stands_beside_the_name(copy: Copy, page: Any) -> None:
    # What a narrow window shows without scrolling.
    copy("mine")
    assert list(table(page()).columns)[:4] == ["name", "accuracy", "errors", "status"]


@pytest.mark.parametrize("act", ["Delete", "Save"])
def test_a_run_deleted_in_another_tab_gets_a_sentence(three: AppTest, act: str) -> None:
    tick(three, "Blue Monday")
    shutil.rmtree(registry.own_folder() / "mine")
    button(three, act).click().run()
    assert "'mine' is no longer there: it was deleted, perhaps in another tab" in said(three)
    assert names(three) == ["theirs", "best"]


def test_a_ticked_run_that_goes_is_said_to_be_gone(three: AppTest) -> None:
    tick(three, "Blue Monday")
    shutil.rmtree(registry.own_folder() / "mine")
    three.run()
    assert "'mine' is no longer there" in three.error[0].value
    assert not three.subheader


def test_two_runs_stand_side_by_side(three: AppTest) -> None:
    tick(three, "theirs", "best")
    words = said(three)
    assert "Side by side" in words
    # The shipped figures, counted anew, on the same 10,000 digits.
    right = {}
    for name in ("fast", "best"):
        answer = registry.read_run(MODELS / name).predictions("mnist")
        assert answer is not None
        right[name] = answer.probabilities.argmax(axis=1) == answer.labels
        wrong = int((~right[name]).sum())
        assert f"{wrong} wrong of 10,000" in words
    alone = int((right["fast"] & ~right["best"]).sum())
    assert f"{alone} of the digits are read rightly by theirs alone" in words
    settings = three.dataframe[1].value
    assert list(settings.columns) == ["Setting", "theirs", "best"]
    values = settings.set_index("Setting")
    assert list(values.loc["Epochs"]) == ["2", "16"]
    assert "Batch size" not in values.index  # 128 in both
    assert len(three.get("plotly_chart")) == 2


def test_a_run_without_validation_has_no_curve_and_that_is_said(three: AppTest, copy: Copy) -> None:
    tick(three, "Blue Monday", "best")  # purawr's recipe has no validation digits
    assert "Blue Monday was trained without validation digits" in said(three)


def test_runs_without_a_common_test_are_not_rated_against_each_other(copy: Copy, page: Any) -> None:
    copy("a", metrics={})
    copy("b")
    app = tick(page(), "a", "b")
    assert "not all tested on the same digits" in said(app)


def test_two_runs_of_one_name_are_told_apart_by_their_ids(copy: Copy, page: Any) -> None:
    copy("a", title="Same")
    copy("b", "fast", title="Same")
    app = page()
    app.session_state[TABLE] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    assert set(app.dataframe[1].value.columns) == {"Setting", "a", "b"}


def test_five_runs_are_too_many(copy: Copy, page: Any) -> None:
    for name in "abcde":
        copy(name)
    app = tick(page(), *"abcde")
    assert "Two to 4 runs can be compared, 5 are ticked" in said(app)
    assert "Side by side" not in said(app)


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


def test_without_any_run_the_page_says_how_to_get_one(page: Any) -> None:
    app = page()
    assert "There is no run to use" in said(app)


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
