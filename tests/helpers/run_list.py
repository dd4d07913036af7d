"""The list of runs by itself, without a browser: filled, drawn, and ticked."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.runs import registry
from core.runs.permissions import JobCard, Limits, owner_of, write_card
from pages.widgets.train import run_actions
from pages.widgets.train.run_table import TABLE

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
    kinds = (app.header, app.markdown, app.caption, app.error, app.warning, app.info)
    words = [str(element.value) for kind in (*kinds, app.success) for element in kind]
    return "\n".join(words).replace("\\", "")


def button(app: AppTest, label: str) -> Any:
    (labeled,) = [each for each in app.button if each.label == label]
    return labeled
