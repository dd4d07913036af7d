"""The confusions page's downloads: every button gives the file that it names."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.export.confusion_files import predictions_csv
from core.runs import registry
from core.runs.predictions import load_predictions
from pages.widgets.confusion import downloads


def page() -> None:
    import streamlit as st

    from core.runs import registry
    from core.runs.predictions import load_predictions
    from pages.widgets.confusion.downloads import downloads_view

    other = (
        load_predictions(registry.find_run("fast"), "mnist-sample")
        if st.session_state.get("two")
        else None
    )
    downloads_view(load_predictions(registry.find_run("soorya"), "mnist-sample"), other)


@pytest.fixture
def view() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the buttons give, by the file's name; AppTest cannot press them."""
    files: dict[str, bytes] = {}

    def note(label: str, *, data: bytes, file_name: str, **_: Any) -> None:
        files[file_name] = data

    monkeypatch.setattr(downloads.st, "download_button", note)
    return files


def test_there_is_a_button_for_each_file_with_a_line_about_it(view: AppTest) -> None:
    view.run()
    assert not view.exception
    labels = [element.label for element in view.get("download_button")]
    assert labels == [
        "Report (CSV)",
        "Predictions (CSV)",
        "Matrix (CSV)",
        "Matrix (PNG)",
        "Matrix (SVG)",
        "Matrix (HTML)",
        "Wrong digits (zip)",
    ]
    assert len(view.caption) == 1 + len(labels)
    assert view.caption[0].value == "The answers of soorya to 1,000 digits."
    wrong = int((~load_predictions(registry.find_run("soorya"), "mnist-sample").correct).sum())
    assert f"The {wrong} digits that were read wrongly" in view.caption[-1].value


def test_every_button_gives_a_file_of_its_kind(view: AppTest, handed: dict[str, bytes]) -> None:
    view.run()
    assert not view.exception
    begins = {
        "report.csv": b"class,precision,recall",
        "predictions.csv": b"index,label,predicted",
        "matrix.csv": b"label,read as 0",
        "matrix.png": b"\x89PNG",
        "matrix.svg": b"<?xml",
        "matrix.html": b"<!doctype html>",
        "wrong-digits.zip": b"PK",
    }
    assert set(handed) == {f"soorya-mnist-sample-{name}" for name in begins}
    for name, start in begins.items():
        assert handed[f"soorya-mnist-sample-{name}"].startswith(start)
    with zipfile.ZipFile(io.BytesIO(handed["soorya-mnist-sample-wrong-digits.zip"])) as archive:
        pictures = [name for name in archive.namelist() if name.endswith(".png")]
    assert len(pictures) == np.count_nonzero(
        ~load_predictions(registry.find_run("soorya"), "mnist-sample").correct
    )


def test_with_two_runs_the_files_are_of_the_chosen_one(
    view: AppTest, handed: dict[str, bytes]
) -> None:
    view.session_state["two"] = True
    view.run()
    view.button_group(key="confusion-download-whose").set_value("fast").run()
    assert not view.exception
    expected = predictions_csv(load_predictions(registry.find_run("fast"), "mnist-sample"))
    assert handed["fast-mnist-sample-predictions.csv"] == expected


def test_the_pictures_show_the_matrix_as_it_is_looked_at(
    view: AppTest, handed: dict[str, bytes]
) -> None:
    view.run()
    all_of_it = handed["soorya-mnist-sample-matrix.html"]
    view.session_state["confusion-matrix-diagonal"] = False
    view.run()
    only_errors = handed["soorya-mnist-sample-matrix.html"]
    assert b"The diagonal, the right answers, is left out." in only_errors
    assert b"The diagonal" not in all_of_it
