"""The filter page over time: which epoch is shown, what moves it, and what a visitor takes away."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.inference.predictor import load_predictor
from core.runs.run import epoch_file
from tests.helpers.networks import network_of
from tests.pages.test_app import own_copy

TEST = mnist.load("mnist-sample").test


def page() -> None:
    import streamlit as st

    from core.data import mnist
    from core.utils.errors import DigitscopeError
    from pages.widgets.filters.choices import Seen
    from pages.widgets.filters.training_dynamics import training_dynamics_view
    from pages.widgets.shared.run_picker import chosen_epoch, chosen_run, pick_run
    from tests.helpers.networks import network_of

    pick_run()
    test = mnist.load("mnist-sample").test
    other = st.session_state.get("other")
    run, epoch = (other, 2) if other else (chosen_run() or "", chosen_epoch())
    try:
        training_dynamics_view(
            Seen(network_of(run, epoch), test.images[8], int(test.labels[8]), "test digit 8")
        )
    except DigitscopeError as error:
        st.error(str(error))


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AppTest:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    made = AppTest.from_function(page, default_timeout=60)
    made.query_params["run"] = "purawr"
    return made


def said(view: AppTest) -> str:
    assert not view.exception
    kinds = (view.markdown, view.caption, view.info, view.error)
    return " ".join(str(element.value) for kind in kinds for element in kind)


def answer(epoch: int | None) -> int:
    return int(
        load_predictor(network_of("purawr", epoch)).probabilities(TEST.images[8:9])[0].argmax()
    )


def test_the_common_slider_says_which_epoch_is_shown(view: AppTest) -> None:
    view.query_params["epoch"] = "3"
    view.run()
    assert f"**After epoch 3**: reads **{answer(3)}**" in said(view)
    view.button(key="filters-dynamics-later").click().run()
    assert view.select_slider(key="epoch").value == "4"
    view.button(key="filters-dynamics-earlier").click().run()
    view.button(key="filters-dynamics-earlier").click().run()
    assert "**After epoch 2**" in said(view)


def test_play_begins_at_the_first_epoch(view: AppTest) -> None:
    view.run()
    assert f"**The finished network**: reads **{answer(None)}**" in said(view)
    view.button(key="filters-dynamics-play").click().run()
    assert "**After epoch 1**" in said(view)
    assert view.button(key="filters-dynamics-play").label == "Pause"
    view.button(key="filters-dynamics-play").click().run()
    assert view.button(key="filters-dynamics-play").label == "Play"


def test_any_layer_can_be_watched(view: AppTest) -> None:
    view.run()
    view.selectbox(key="filters-layer").select("dense_2").run()
    assert "**What dense_2 gives** for test digit 8" in said(view)
    assert "Numbers 0 to 49, row by row." in said(view)


def test_a_run_that_keeps_no_epochs_is_told(view: AppTest, tmp_path: Path) -> None:
    copy = own_copy(tmp_path)
    for file in copy.glob("epochs/*"):
        file.unlink()
    view.query_params["run"] = "mine"
    view.run()
    assert "keeps no weights of single epochs" in said(view)
    assert not view.selectbox(key="run").disabled
    assert len(view.button) == 0


def test_with_one_epoch_there_is_nothing_to_watch(view: AppTest, tmp_path: Path) -> None:
    copy = own_copy(tmp_path)
    for file in copy.glob("epochs/*"):
        if file.stem != "epoch_04":
            file.unlink()
    view.query_params["run"] = "mine"
    view.run()
    assert "only the weights of epoch 4" in said(view)


def test_a_run_in_training_has_a_slider_of_its_own_and_no_end(
    view: AppTest, tmp_path: Path
) -> None:
    own_copy(tmp_path, model_sha256="", status="running", metrics={})
    view.session_state["other"] = "mine"
    view.run()
    slider = view.select_slider(key="filters-dynamics-at")
    assert [*slider.options] == [f"epoch {epoch}" for epoch in range(1, 11)]
    assert "**Epoch 10**" in said(view)
    slider.set_value(3).run()
    assert f"**Epoch 3**: reads **{answer(3)}**" in said(view)


def test_a_damaged_epoch_is_told_and_can_be_left(view: AppTest, tmp_path: Path) -> None:
    copy = own_copy(tmp_path)
    epoch_file(copy, 3).write_bytes(b"no archive")
    view.query_params.update({"run": "mine", "epoch": "3"})
    view.run()
    assert "weights of epoch 3 cannot be read" in view.error[0].value
    view.button(key="filters-dynamics-later").click().run()
    assert "**After epoch 4**" in said(view)


def test_the_gif_is_made_when_it_is_asked_for(view: AppTest) -> None:
    view.run()
    assert not view.get("download_button")
    view.button(key="filters-dynamics-make").click().run()
    assert not view.exception
    (button,) = view.get("download_button")
    assert button.proto.label.startswith("Download the GIF")
    assert button.proto.url.endswith(".gif")
    # Another layer's is another one.
    view.selectbox(key="filters-layer").select("dense_2").run()
    assert not view.get("download_button")
