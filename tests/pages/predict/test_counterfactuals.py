"""The view "where it flips" as a visitor meets it."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.explain.counterfactuals import EDIT_BY_NAME, Edit, apply_edit, smallest_counterfactuals
from core.inference.predictor import load_predictor  # TensorFlow, before a page's thread needs it
from tests.helpers.networks import network_of
from tests.helpers.views import said

SAMPLE = mnist.load("mnist-sample").test
DIGIT = SAMPLE.images[17]


def _page() -> None:
    import streamlit as st

    from core.data import mnist
    from core.preprocessing.mnist_format import PreparedDigit
    from pages.widgets.predict.counterfactuals import counterfactuals_view
    from tests.helpers.networks import network_of

    image = mnist.load("mnist-sample").test.images[st.session_state.get("digit", 17)]
    digit = PreparedDigit(image, (), (0, 0, 28, 28))
    network = network_of(st.session_state.get("of", "fast"), st.session_state.get("at"))
    counterfactuals_view(digit, network)


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(_page, default_timeout=60).run()


def reads(page: AppTest) -> str:
    (sentence,) = [element.value for element in page.markdown if element.value.startswith("Reads ")]
    return sentence


def test_it_begins_with_the_digit_as_it_is(page: AppTest) -> None:
    assert "Reads **9**" in reads(page)
    assert "unchanged" in said(page)
    assert {slider.value for slider in page.slider} == {0.0, 1.0}
    assert page.button(key="predict-flips-back").disabled
    assert "not centered again" in said(page)


def test_a_slider_changes_the_digit_and_what_is_read_and_the_button_takes_it_back(
    page: AppTest,
) -> None:
    page.slider(key="predict-flips-turn").set_value(180.0).run()
    turned = load_predictor(network_of("fast")).probabilities(
        apply_edit(DIGIT, Edit(turn=180))[None]
    )[0]
    assert turned.argmax() == 6
    assert reads(page).startswith("Reads **6**")
    assert "no longer 9" in reads(page)
    assert "turned 180.0° clockwise" in said(page)
    page.slider(key="predict-flips-right").set_value(2.0).run()
    assert page.selectbox(key="predict-flips-along").value == "right"
    assert "The other sliders stay as they stand" in said(page)
    page.button(key="predict-flips-back").click().run()
    assert "Reads **9**" in reads(page)
    assert {slider.value for slider in page.slider} == {0.0, 1.0}


def test_each_flip_sets_its_slider_and_is_read_as_it_says(page: AppTest) -> None:
    by_name = smallest_counterfactuals(DIGIT, load_predictor(network_of("fast")).probabilities)
    shown = [
        button.key for button in page.button if str(button.key).startswith("predict-flips-show-")
    ]
    expected = [name for name, flips in by_name.items() if flips.smallest]
    assert shown == [f"predict-flips-show-{name}" for name in expected]
    assert "turn" in expected
    for name in expected:
        flip = by_name[name].smallest
        assert flip
        page.button(key=f"predict-flips-show-{name}").click().run()
        assert page.slider(key=f"predict-flips-{name}").value == flip.value
        assert page.selectbox(key="predict-flips-along").value == name
        assert f"Reads **{flip.answer}**" in reads(page)
        assert EDIT_BY_NAME[name].describe(flip.value) in said(page)
        moved = [slider.key for slider in page.slider if slider.value not in {0.0, 1.0}]
        assert moved == [f"predict-flips-{name}"]


def test_another_digit_begins_unchanged(page: AppTest) -> None:
    page.slider(key="predict-flips-turn").set_value(90.0).run()
    page.session_state["digit"] = 3
    page.run()
    assert "unchanged" in said(page)
    assert page.slider(key="predict-flips-turn").value == 0


def _unlearned() -> int:
    """A digit that the finished network reads otherwise than after its first epoch."""
    early, late = (
        load_predictor(network_of("soorya", epoch)).probabilities(SAMPLE.images).argmax(axis=1)
        for epoch in (1, None)
    )
    return int(np.flatnonzero(early != late)[0])


def test_an_epoch_answers_for_itself_and_a_missing_one_gets_a_sentence() -> None:
    page = AppTest.from_function(_page, default_timeout=60)
    page.session_state["of"] = "soorya"
    page.session_state["at"] = 1
    page.session_state["digit"] = index = _unlearned()
    early = load_predictor(network_of("soorya", 1)).probabilities(SAMPLE.images[index][None])[0]
    assert f"Reads **{early.argmax()}**" in reads(page.run())
    assert f"no longer reads {early.argmax()}" in said(page)
    page.session_state["at"] = 99
    page.run()
    assert not page.exception
    assert "The weights of epoch 99 of the run 'soorya' cannot be read" in page.error[0].value
