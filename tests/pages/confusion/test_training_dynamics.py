"""The confusions page over time: which epoch is shown, what is said of it, what moves it."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.evaluation.epoch_predictions import all_epoch_predictions, first_learned_epochs
from core.runs import registry
from tests.helpers.views import said
from tests.pages.test_app import own_copy


def page() -> None:
    from dataclasses import replace

    import streamlit as st

    from core.evaluation.epoch_predictions import load_epoch_predictions
    from core.runs import registry
    from core.runs.predictions import load_predictions
    from core.utils.errors import DigitscopeError
    from pages.widgets.confusion.training_dynamics import training_dynamics_view
    from pages.widgets.shared.run_picker import network_in_use, pick_run

    pick_run()
    try:
        network = network_in_use()
        assert network
        kept = load_predictions(network.run, "mnist-sample")
        predictions = (
            kept if network.epoch is None else load_epoch_predictions(network, "mnist-sample")
        )
        if st.session_state.get("own"):
            predictions = replace(kept, dataset="mine")
        other = st.session_state.get("other")
        training_dynamics_view(
            predictions,
            load_predictions(registry.find_run(other), "mnist-sample") if other else None,
        )
    except DigitscopeError as error:
        st.error(str(error))


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AppTest:
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    made = AppTest.from_function(page, default_timeout=60)
    made.query_params["run"] = "purawr"
    return made


def wrong_after(epoch: int) -> int:
    """Of `purawr` on the sample: counted from its stored answers."""
    answers = next(
        answers
        for answers in all_epoch_predictions(registry.find_run("purawr"), "mnist-sample")
        if answers.epoch == epoch
    )
    return int((answers.probabilities.argmax(axis=1) != answers.labels).sum())


def test_earlier_and_later_move_the_slider_and_the_link(view: AppTest) -> None:
    view.query_params["epoch"] = "3"
    view.run()
    assert f"**After epoch 3**: {wrong_after(3)} wrong of 1,000" in said(view)
    view.button(key="confusion-dynamics-later").click().run()
    assert view.select_slider(key="epoch").value == "4"
    assert f"**After epoch 4**: {wrong_after(4)} wrong" in said(view)
    view.button(key="confusion-dynamics-earlier").click().run()
    view.button(key="confusion-dynamics-earlier").click().run()
    assert view.select_slider(key="epoch").value == "2"


def test_after_the_last_epoch_comes_the_finished_network_and_there_it_ends(view: AppTest) -> None:
    view.query_params["epoch"] = "10"
    view.run()
    view.button(key="confusion-dynamics-later").click().run()
    assert view.select_slider(key="epoch").value is None
    assert "**The finished network**: 24 wrong of 1,000" in said(view)
    assert view.button(key="confusion-dynamics-later").disabled
    view.button(key="confusion-dynamics-earlier").click().run()
    assert view.select_slider(key="epoch").value == "10"


def test_before_the_first_epoch_there_is_nothing(view: AppTest) -> None:
    view.query_params["epoch"] = "1"
    view.run()
    assert view.button(key="confusion-dynamics-earlier").disabled


def test_play_begins_at_the_first_epoch_and_goes_on_by_itself(view: AppTest) -> None:
    view.run()
    view.button(key="confusion-dynamics-play").click().run()
    assert view.select_slider(key="epoch").value == "1"
    assert view.button(key="confusion-dynamics-play").label == "Pause"
    view.button(key="confusion-dynamics-play").click().run()
    assert view.button(key="confusion-dynamics-play").label == "Play"
    assert view.select_slider(key="epoch").value == "1"


def test_it_says_how_many_digits_were_learned_when(view: AppTest) -> None:
    view.run()
    when = first_learned_epochs(all_epoch_predictions(registry.find_run("purawr"), "mnist-sample"))
    first, never = int((when == 1).sum()), int((when == 0).sum())
    assert never == wrong_after(10)
    words = said(view)
    assert f"Of 1,000 digits {first} are right for good from epoch 1 on" in words
    assert f"{never} are wrong after epoch 10" in words


def test_the_digits_of_an_epoch_can_be_chosen(view: AppTest) -> None:
    view.run()
    when = first_learned_epochs(all_epoch_predictions(registry.find_run("purawr"), "mnist-sample"))
    view.selectbox(key="confusion-dynamics-which").set_value("1").run()
    assert f"The first 40 of {int((when == 1).sum())}" in said(view)
    view.selectbox(key="confusion-dynamics-which").set_value("never").run()
    assert "They are, as the finished network reads them" in said(view)


def test_a_second_run_without_epochs_is_told(view: AppTest, tmp_path: Path) -> None:
    copy = own_copy(tmp_path)
    (copy / "epoch_predictions-mnist-sample.npz").unlink()
    view.session_state["other"] = "mine"
    view.run()
    assert "not worked out yet" in said(view)
    assert "**After" not in said(view)


def test_what_is_not_worked_out_is_offered(view: AppTest, tmp_path: Path) -> None:
    copy = own_copy(tmp_path)
    stored = (copy / "epoch_predictions-mnist-sample.npz").rename(tmp_path / "kept.npz")
    view.query_params["run"] = "mine"
    view.run()
    assert "not worked out yet" in said(view)
    assert view.button(key="confusion-answers-start")
    stored.rename(copy / "epoch_predictions-mnist-sample.npz")
    view.run()
    assert "are right for good" in said(view)


@pytest.mark.parametrize(("kept", "words"), [([], "no weights of single epochs"), ([4], "epoch 4")])
def test_a_run_with_less_than_two_epochs_gets_a_sentence(
    view: AppTest, tmp_path: Path, kept: list[int], words: str
) -> None:
    copy = own_copy(tmp_path)
    for file in copy.glob("epochs/*"):
        if int(file.stem[-2:]) not in kept:
            file.unlink()
    view.query_params["run"] = "mine"
    view.run()
    assert words in said(view)
    assert "no epochs to compare" in said(view)


def test_ones_own_digits_have_no_time(view: AppTest) -> None:
    view.session_state["own"] = True
    view.run()
    assert "Choose other test digits" in said(view)


def test_a_run_deleted_meanwhile_gets_its_sentence(view: AppTest, tmp_path: Path) -> None:
    copy = own_copy(tmp_path)
    view.query_params.update(run="mine", epoch="2")
    view.run()
    assert "**After epoch 2**" in said(view)
    shutil.rmtree(copy)
    view.run()
    assert not view.exception
    assert "does not exist here" in view.warning[0].value
