"""The list of runs as a visitor uses it (sorting and ticking happen in the browser's own table)."""

import shutil
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.recipes.presets import BEST
from core.runs import registry
from pages.widgets.train import run_table
from pages.widgets.train.run_table import TABLE
from tests.helpers import run_list
from tests.helpers.run_list import MODELS, THEIRS, Copy, names, said, table, tick

copy, page, three = run_list.copy, run_list.page, run_list.three


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
    assert (first["parameters"], first["seconds"]) == (58_026, 22.5)
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


def test_the_list_is_filtered_by_name_and_preset(three: AppTest) -> None:
    for text, left in (("MONDAY", ["Blue Monday"]), ("fast", ["theirs"]), (" best ", ["best"])):
        assert names(three.text_input(key="runs_text").set_value(text).run()) == left


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


def test_a_long_list_is_paged_and_searched_over_all_pages(
    three: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_table, "ROWS_A_PAGE", 2)
    assert names(three.run()) == ["Blue Monday", "theirs"]
    assert "3 runs" in said(three)
    assert three.number_input(key="runs_page").label == "Page, 1 to 2"
    assert names(three.number_input(key="runs_page").set_value(2).run()) == ["best"]
    assert names(three.text_input(key="runs_text").set_value("monday").run()) == ["Blue Monday"]
    assert not three.number_input
    assert names(three.text_input(key="runs_text").set_value("").run()) == ["best"]  # as before
    monkeypatch.setattr(run_table, "ROWS_A_PAGE", 1)
    three.run()
    three.number_input(key="runs_page").set_value(3).run()
    monkeypatch.setattr(run_table, "ROWS_A_PAGE", 2)
    assert names(three.run()) == ["best"]  # the last page there is


def test_a_filter_that_lets_nothing_through_says_so(three: AppTest) -> None:
    three.text_input(key="runs_text").set_value("nothing like it").run()
    assert not three.dataframe
    assert "No run matches these filters" in said(three)
    assert len(names(three.text_input(key="runs_text").set_value("").run())) == 3


def test_what_is_ticked_stays_ticked_when_the_list_changes(three: AppTest, copy: Copy) -> None:
    tick(three, "theirs")
    copy("new", created="2026-11-22T10:11:12Z")
    three.run()
    assert names(three) == ["new", "Blue Monday", "theirs", "best"]
    assert [head.value for head in three.header] == ["theirs"]


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
    assert [head.value for head in app.header] == ["good"]


def test_the_result_stands_beside_the_name(copy: Copy, page: Any) -> None:
    # What a narrow window shows without scrolling.
    copy("mine")
    assert list(table(page()).columns)[:4] == ["name", "accuracy", "errors", "status"]


def test_a_ticked_run_that_goes_is_said_to_be_gone(three: AppTest) -> None:
    tick(three, "Blue Monday")
    shutil.rmtree(registry.own_folder() / "mine")
    three.run()
    assert "'mine' is no longer there" in three.error[0].value
    assert not three.header


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
    assert list(values.loc["Epochs"]) == ["1", str(BEST.recipe.epochs)]
    assert list(values.loc["Batch size"]) == ["96", "128"]
    assert "Label smoothing" not in values.index  # 0.05 in both
    assert len(three.get("plotly_chart")) == 2


def test_a_run_without_validation_has_no_curve_and_that_is_said(three: AppTest, copy: Copy) -> None:
    tick(three, "Blue Monday", "best")  # purawr's recipe has no validation digits
    assert "Blue Monday was trained without validation digits" in said(three)


def test_runs_without_a_common_test_are_not_rated_against_each_other(copy: Copy, page: Any) -> None:
    copy("a", metrics={})
    copy("b")
    app = tick(page(), "a", "b")
    assert "not tested on the same digits" in said(app)


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
    assert "Two to 4 runs can be compared, 5 are selected" in said(app)
    assert "Side by side" not in said(app)


def test_without_any_run_the_page_says_how_to_get_one(page: Any) -> None:
    app = page()
    assert "There is no run to use" in said(app)
