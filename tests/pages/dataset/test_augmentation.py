"""The dataset page's augmentation playground, with a shipped run that reads what comes out."""

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.data.augmentation import example_draws
from core.recipes.presets import PRESETS
from core.runs import registry
from tests.helpers.networks import network_of

HALF_TURN, NOTHING = "augment-start-Upside down", "augment-start-Nothing"


def page() -> None:
    import streamlit as st

    from pages.widgets.dataset.augmentation import augmentation_view

    if not st.session_state.get("elsewhere"):
        augmentation_view("mnist-sample", "test")


@pytest.fixture
def view() -> AppTest:
    app = AppTest.from_function(page, default_timeout=100)
    app.session_state["run"] = "fast"
    return app


def on_six(view: AppTest) -> AppTest:
    sixes = np.flatnonzero(mnist.load("mnist-sample").test.labels == 6)
    view.session_state["index"] = int(sixes[4])
    return view


def press(view: AppTest, key: str) -> AppTest:
    view.button(key=key).click().run()
    assert not view.exception
    return view


def said(view: AppTest) -> str:
    """All sentences, without the backslashes that keep Markdown from reading a run's name."""
    assert not view.exception
    words = [
        element.value for element in [*view.markdown, *view.caption, *view.info, *view.warning]
    ]
    return " ".join(words).replace("\\", "")


def test_it_begins_with_a_tutorials_setting(view: AppTest) -> None:
    view.run()
    recipe = PRESETS["katariya"].recipe.augmentation
    assert view.slider(key="augment-rotation").value == recipe.rotation
    assert view.slider(key="augment-right").value == recipe.width_shift
    assert view.slider(key="augment-down").value == recipe.height_shift
    assert view.slider(key="augment-shear").value == recipe.shear
    assert view.slider(key="augment-zoom").value == recipe.zoom
    assert view.slider(key="augment-noise").value == 0
    assert "A training can use exactly these strengths" in said(view)
    press(view, "augment-start-best")
    assert view.slider(key="augment-shear").value == 12
    assert view.slider(key="augment-zoom").value == 0.12


def test_unchanged_digits_are_read_as_after_the_training(view: AppTest) -> None:
    press(view.run(), NOTHING)
    stored = registry.find_run("fast").predictions("mnist-sample")
    assert stored is not None
    chosen = example_draws("mnist-sample", "test")
    right = stored.probabilities[chosen].argmax(axis=1) == stored.labels[chosen]
    n = "all 60" if right.all() else f"{right.sum()} of 60"
    assert f"fast reads {n} as their labels say." in said(view)
    assert "Changed by exactly: nothing." in said(view)


def test_a_six_upside_down_is_another_digit(view: AppTest) -> None:
    on_six(view).run()
    assert not view.warning
    assert "fast still reads 6" in view.info[0].value
    press(view, HALF_TURN)
    from core.inference.predictor import load_predictor

    six = mnist.load("mnist-sample").test.images[view.session_state["index"]]
    turned = np.ascontiguousarray(six[::-1, ::-1])
    read = int(load_predictor(network_of("fast")).probabilities(turned[None]).argmax())
    assert read != 6
    assert f"Another digit? fast reads {read} (" in said(view)
    assert len(view.warning) == 1
    assert "Trainings here cannot do this: rotation beyond 45°." in said(view)
    assert "with rotation up to 45°" in said(view)


def test_the_grid_can_be_of_this_digit_and_is_thrown_again(view: AppTest) -> None:
    def score() -> str:
        sentence = re.search(r"fast reads .* as their labels say\.[^.]*\.?", said(view))
        assert sentence
        return sentence[0]

    on_six(view).run()
    view.segmented_control(key="augment-grid-of").set_value("This digit only").run()
    view.slider(key="augment-rotation").set_value(180.0).run()
    first = score()
    assert "The commonest mistake: 6 as" in first
    others = {(press(view, "augment-throw"), score())[1] for _ in range(4)}
    assert others != {first}


def test_what_is_to_play_with_only_is_said(view: AppTest) -> None:
    view.run()
    assert "**For exploring only**: trainings here do not use these" in said(view)
    assert view.slider(key="augment-smoothness").disabled  # of no warp
    view.slider(key="augment-warp").set_value(34.0).run()
    assert not view.slider(key="augment-smoothness").disabled
    view.slider(key="augment-noise").set_value(20.0).run()
    assert "Trainings here cannot do this: noise." in said(view)


def test_a_look_at_another_view_keeps_the_sliders(view: AppTest) -> None:
    view.run()
    view.slider(key="augment-rotation").set_value(33.0).run()
    view.segmented_control(key="augment-grid-of").set_value("This digit only").run()
    for elsewhere in (True, True, False):
        view.session_state["elsewhere"] = elsewhere
        view.run()
    assert view.slider(key="augment-rotation").value == 33
    assert view.segmented_control(key="augment-grid-of").value == "This digit only"
    assert not view.exception


def test_without_a_run_there_is_everything_but_its_answers(view: AppTest) -> None:
    del view.session_state["run"]
    view.run()
    assert "There is no run to use." in said(view)
    assert "Changed by exactly: 8.0° clockwise" in said(view)


def test_a_run_that_cannot_be_opened_is_said(view: AppTest, run_folders: tuple[Path, Path]) -> None:
    view.run()
    (warning,) = view.warning
    assert "fast" in warning.value
    assert view.slider(key="augment-rotation").value == 8


def test_an_index_beyond_the_last_is_refused(view: AppTest) -> None:
    view.session_state["index"] = 1000
    view.run()
    assert not view.exception
    assert not view.slider
    assert "the last one of this split is 999" in view.warning[0].value
