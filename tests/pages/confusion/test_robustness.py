"""The confusions page's stress tests: sliders, what they make of the digits, and their curves."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.data.corruptions import CORRUPTIONS, single_corruption
from core.evaluation.robustness import corrupted_predictions
from core.runs import registry
from core.runs.run import Network
from tests.helpers.views import said
from tests.pages.test_app import own_copy


def page() -> None:
    import numpy as np
    import streamlit as st

    from core.runs import registry
    from core.runs.predictions import Predictions, load_predictions
    from pages.widgets.confusion.robustness import robustness_view

    state = st.session_state
    predictions = load_predictions(registry.find_run(state.get("this", "purawr")), "mnist-sample")
    if state.get("own"):
        few = (predictions.images[:3], predictions.labels[:3], np.full((3, 10), 0.1, np.float32))
        predictions = state.setdefault("mine", Predictions(predictions.network, "mine", *few, True))
    robustness_view(
        predictions,
        load_predictions(registry.find_run(state["other"]), "mnist-sample")
        if "other" in state
        else None,
    )


@pytest.fixture
def view() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def test_every_kind_has_a_slider_that_begins_where_nothing_is_changed(view: AppTest) -> None:
    view.run()
    assert [slider.value for slider in view.slider] == [kind.neutral for kind in CORRUPTIONS]
    assert "24 wrong of 1,000 (97.6 %, 95 % interval 96.5 to 98.4 %)" in said(view)  # run.json's


def test_a_slider_tells_the_errors_and_brings_its_curve_and_reset_takes_it_back(
    view: AppTest,
) -> None:
    view.run()
    view.slider(key="confusion-robustness-rotation").set_value(90.0).run()
    wrong = 1000 - int(
        corrupted_predictions(
            Network(registry.find_run("purawr")), single_corruption("rotation", 90.0)
        ).correct.sum()
    )
    assert wrong > 500
    assert f"{wrong:,} wrong of 1,000" in said(view)
    assert "unchanged, 24 are wrong" in said(view)
    view.slider(key="confusion-robustness-noise").set_value(30).run()
    assert view.selectbox(key="confusion-robustness-curve").value == "noise"
    view.button(key="confusion-robustness-reset").click().run()
    assert [slider.value for slider in view.slider] == [kind.neutral for kind in CORRUPTIONS]
    assert "24 wrong of 1,000" in said(view)


def test_two_runs_are_told_side_by_side(view: AppTest) -> None:
    view.session_state["other"] = "fast"
    view.run()
    words = said(view)
    assert "**purawr**: 24 wrong of 1,000" in words
    assert "**fast**: 4 wrong of 1,000" in words


def test_a_visitors_own_digits_are_stressed(view: AppTest) -> None:
    view.session_state["own"] = True
    view.run()
    view.slider(key="confusion-robustness-invert").set_value(100).run()
    assert " of 3 (" in said(view)
    assert "your own digits" in said(view)


def test_a_run_without_curves_offers_to_measure_them(
    view: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    folder = own_copy(tmp_path)
    (folder / "stress.json").unlink()
    view.session_state["this"] = "mine"
    view.run()
    assert "was not measured yet" in said(view)
    assert view.button(key="confusion-robustness-measure-mine-start").label == "Measure mine"
    shutil.copy(registry.SHIPPED_FOLDER / "purawr" / "stress.json", folder)
    view.run()
    assert "was not measured yet" not in said(view)
    assert "measured at the points" in said(view)


def test_a_run_that_is_deleted_meanwhile_gets_a_sentence(
    view: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    folder = own_copy(tmp_path)
    view.session_state["this"] = "mine"
    view.run()
    moved = folder.rename(tmp_path / ".deleted")

    def still_looked_at() -> None:
        from dataclasses import replace

        from core.runs import registry
        from core.runs.predictions import load_predictions
        from core.runs.run import Network, Run
        from pages.widgets.confusion.robustness import robustness_view

        predictions = load_predictions(registry.find_run("purawr"), "mnist-sample")
        gone = Run(
            registry.own_folder() / "mine", predictions.run.info.model_copy(update={"id": "mine"})
        )
        robustness_view(replace(predictions, network=Network(gone)), None)

    gone = AppTest.from_function(still_looked_at, default_timeout=60).run()
    assert not gone.exception
    assert "There is no run 'mine'" in gone.warning[0].value.replace("\\", "")
    assert moved.exists()
