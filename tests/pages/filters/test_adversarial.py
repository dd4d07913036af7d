"""The filter page's view of adversarial digits: the smallest push, and pushes by hand."""

import pytest
from streamlit.testing.v1 import AppTest

import core.explain.adversarial  # noqa: F401 - TensorFlow first here, not in a script's thread
from core.data import mnist
from core.explain.adversarial import MAX_TONES, pushed, smallest_push
from core.utils.text import DIGIT_NAMES
from tests.helpers.networks import network_of
from tests.helpers.views import said

IMAGES = mnist.load("mnist-sample").test.images


def page() -> None:
    import streamlit as st

    from core.data import mnist
    from pages.widgets.filters.adversarial import adversarial_view
    from pages.widgets.filters.choices import Seen
    from tests.helpers.networks import network_of

    index = st.session_state.get("digit", 3)
    image = mnist.load("mnist-sample").test.images[index]
    network = network_of(st.session_state.get("run", "fast"))
    adversarial_view(Seen(network, image, None, f"test digit {index}"))


@pytest.fixture
def view() -> AppTest:
    return AppTest.from_function(page, default_timeout=60).run()


def test_the_smallest_push_is_told_and_the_slider_begins_there(view: AppTest) -> None:
    push = smallest_push(network_of("fast"), IMAGES[3].tobytes(), "pgd")
    assert push is not None
    words = said(view)
    assert f"With **{push.tones} of 255 tones** (ε = {push.epsilon:.3f})" in words
    assert f"but **{DIGIT_NAMES[push.after]}**" in words
    assert view.slider[0].value == push.tones
    assert f"Read as {DIGIT_NAMES[push.after]}" in words
    assert ": fooled" in words


def test_a_smaller_push_by_hand_does_not_fool(view: AppTest) -> None:
    view.slider[0].set_value(2).run()
    push = pushed(network_of("fast"), IMAGES[3], "pgd", 2)
    assert push.after == push.before
    assert ": fooled" not in said(view)
    assert view.slider[0].value == 2


def test_another_digit_or_attack_begins_at_its_own_push(view: AppTest) -> None:
    view.slider[0].set_value(2).run()
    view.session_state["digit"] = 5
    view.run()
    other = smallest_push(network_of("fast"), IMAGES[5].tobytes(), "pgd")
    assert other is not None
    assert view.slider[0].value == other.tones
    view.segmented_control[0].set_value("fgsm").run()
    one_step = smallest_push(network_of("fast"), IMAGES[5].tobytes(), "fgsm")
    assert view.slider[0].value == (one_step.tones if one_step else MAX_TONES)
    assert "The fast gradient sign method" in said(view)


def test_a_network_that_is_not_fooled_is_said_to_stand(view: AppTest) -> None:
    view.session_state["run"] = "sturdy"
    view.segmented_control[0].set_value("fgsm").run()
    push = smallest_push(network_of("sturdy"), IMAGES[3].tobytes(), "fgsm")
    assert bool(view.success) == (push is None)
