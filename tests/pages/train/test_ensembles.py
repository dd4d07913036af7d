"""Ensembles as a visitor makes and meets them: on the training page, and on every other page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import core.explain.activations  # noqa: F401 - TensorFlow first here, not in a script's thread
from core import ROOT
from core.data import mnist
from core.jobs import submission
from core.runs import registry
from core.runs.ensembles import plan_ensemble
from core.runs.run import Run
from pages.widgets.train.run_table import TABLE
from tests.helpers.views import RUN_VIEWS
from tests.pages.train import test_page
from tests.pages.train.test_page import ME, opened, said

pytestmark = pytest.mark.usefixtures("only_sample")
own, app = test_page.own, test_page.app
TEST = mnist.load("mnist-sample").test


@pytest.fixture
def ensemble(own: Path) -> Run:
    members = [registry.find_run(name) for name in ("fast", "purawr")]
    return submission.make_ensemble(members, token=ME)


def ticked(app: AppTest, *names: str) -> AppTest:
    opened(app)
    app.session_state["train-view"] = "All runs"
    app.run()
    shown = list(app.dataframe(key=TABLE).value["name"])
    rows = [shown.index(name) for name in names]
    app.session_state[TABLE] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return app.run()


def test_ticked_runs_become_an_ensemble_that_is_shown_beside_its_members(app: AppTest) -> None:
    ticked(app, "soorya", "purawr", "fast")
    app.button(key="make-ensemble").click().run()
    (run,) = [run for run in registry.list_runs() if isinstance(run, Run) and run.info.members]
    assert app.query_params["training"] == run.id
    assert app.header[0].value.count("+") == 2
    ours = {
        name: registry.find_run(name).predictions("mnist-sample")
        for name in ("soorya", "purawr", "fast")
    }
    mean = np.mean([answers.probabilities for answers in ours.values()], axis=0)
    wrong = int((mean.argmax(axis=1) != TEST.labels).sum())
    assert f"{wrong} wrong of 1,000" in said(app)
    table = next(t.value for t in app.dataframe if "Wrong before" in t.value.columns)
    sample = next(
        t.value
        for t in app.dataframe
        if "Wrong after" in t.value.columns and set(t.value["Wrong after"]) == {str(wrong)}
    )
    assert set(table["Member"]) == set(ours)
    for name, answers in ours.items():
        row = sample[sample["Member"] == name].iloc[0]
        assert row["Wrong before"] == str((answers.probabilities.argmax(1) != TEST.labels).sum())
    assert "If you choose them by their test results" in said(app)


def test_two_of_the_same_network_are_refused_in_a_sentence(app: AppTest, own: Path) -> None:
    shutil.copytree(registry.find_run("fast").folder, own / "twin")
    ticked(app, "twin", "fast")
    assert "the very same network" in said(app)
    assert not [button for button in app.button if button.key == "make-ensemble"]


def test_more_than_four_can_be_averaged_though_not_compared(app: AppTest) -> None:
    ticked(app, "soorya", "purawr", "fast", "best", "yalcin")
    assert "Two to 4 runs can be compared, 5 are selected" in said(app)
    assert app.button(key="make-ensemble").label == "Make an ensemble of these 5"


def test_in_the_list_it_counts_all_parameters_and_offers_what_it_can(
    app: AppTest, ensemble: Run
) -> None:
    ticked(app, ensemble.id)
    row = app.dataframe(key=TABLE).value.iloc[0]
    assert (row["status"], row["parameters"]) == ("average of 2", 58_026 + 42_310)
    labels = [link.proto.label for link in app.get("page_link")]
    assert "Show its members" in labels
    assert "Train again with changes" not in labels
    assert "An ensemble of 2 runs: nothing was trained." in said(app)


def test_compared_with_others_it_has_no_settings(app: AppTest, ensemble: Run) -> None:
    ticked(app, ensemble.id, "best")
    words = said(app)
    assert "is an ensemble of fast, purawr: it has no settings of its own" in words
    assert "is an ensemble: it was not trained itself" in words


@pytest.fixture
def page(app: AppTest, ensemble: Run) -> Iterator[AppTest]:
    yield app
    assert not app.exception


@pytest.mark.parametrize("view", RUN_VIEWS)
def test_the_filters_look_into_a_member(page: AppTest, ensemble: Run, view: str) -> None:
    page.switch_page("pages/filters.py")
    for name, value in {"run": ensemble.id, "index": "3", "inside": view}.items():
        page.query_params[name] = value
    page.run()
    assert not page.error
    assert page.selectbox(key="filters-member").options == ["fast", "purawr"]
    assert "**fast** reads" in said(page)
    page.selectbox(key="filters-member").set_value("purawr").run()
    assert not page.error
    assert "**purawr** reads" in said(page)


@pytest.mark.parametrize(
    "view",
    [
        "Matrix",
        "Per-class report",
        "Calibration",
        "Training dynamics",
        "Slices",
        "Download",
        "Robustness",
    ],
)
def test_the_confusions_count_its_mistakes(page: AppTest, ensemble: Run, view: str) -> None:
    page.switch_page("pages/confusion.py")
    for name, value in {"run": ensemble.id, "explore": view, "with": "fast"}.items():
        page.query_params[name] = value
    page.run()
    assert not page.error
    wrong = ensemble.info.metrics["mnist-sample"].wrong
    assert f"**{ensemble.id}** misreads **{wrong:,}** of 1,000 digits" in said(page)


def test_to_train_from_it_is_to_train_its_first_member(page: AppTest, ensemble: Run) -> None:
    opened(page, **{"from": ensemble.id})
    assert "these are the settings of its first member, fast" in said(page)
    assert page.session_state["settings"].valid == registry.find_run("fast").info.recipe


def test_home_shows_a_shipped_ensemble(app: AppTest, run_folders: tuple[Path, Path]) -> None:
    members = [registry.read_run(ROOT / "models" / name) for name in ("fast", "purawr")]
    (run_folders[0] / "together").mkdir()
    plan_ensemble(members).write(run_folders[0] / "together")
    shutil.copytree(ROOT / "models" / "best", run_folders[0] / "best")
    app.switch_page("pages/home.py")
    app.run()
    assert "together" in app.dataframe[0].value["Run"].to_list()
    assert "100,336 parameters" in said(app)
