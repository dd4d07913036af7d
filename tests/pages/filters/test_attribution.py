"""The view "why this answer" as a visitor meets it."""

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.explain import activations  # noqa: F401  TensorFlow, before a page's thread needs it
from core.figures.explanation_charts import similarity_lines
from core.inference.predictor import load_predictor


def _page() -> None:
    import numpy as np
    import streamlit as st

    from core.data import mnist
    from core.runs import registry
    from core.runs.run import Network
    from pages.widgets.filters.attribution import attribution_view
    from pages.widgets.filters.choices import Seen

    test, index = mnist.load("mnist-sample").test, st.session_state.get("digit", 17)
    blank = np.zeros((28, 28), np.uint8)
    image = blank if index is None else test.images[index]
    run = registry.find_run(st.session_state.get("of", "fast"))
    attribution_view(Seen(Network(run, st.session_state.get("at")), image, None, "a digit"))


def opened(**state: object) -> AppTest:
    page = AppTest.from_function(_page, default_timeout=60)
    for name, value in state.items():
        page.session_state[name] = value
    return page.run()


def said(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.markdown, *page.caption, *page.info])


def maps(page: AppTest) -> int:
    return len(page.get("image"))


def test_it_begins_with_the_answer_and_three_methods_with_their_papers() -> None:
    page = opened()
    assert not page.exception
    from core.data import mnist
    from tests.helpers.networks import network_of

    answer = load_predictor(network_of("fast")).probabilities(
        mnist.load("mnist-sample").test.images[17:18]
    )[0]
    assert page.selectbox(key="filters-attribution-for").value == int(answer.argmax())
    assert maps(page) == 3
    for words in ("Selvaraju", "Sundararajan", "Zeiler and Fergus", "Blue places speak for nine"):
        assert words in said(page)


def test_the_runner_up_is_one_click_away() -> None:
    page = opened()
    assert page.button(key="filters-attribution-rival").label == "Why not four?"
    page.button(key="filters-attribution-rival").click().run()
    assert not page.exception
    assert page.selectbox(key="filters-attribution-not").value == 4
    assert "the logit of nine less that of four" in said(page)
    assert "red ones for four" in said(page)


def test_another_digit_begins_with_its_own_answer() -> None:
    page = opened()
    page.button(key="filters-attribution-rival").click().run()
    page.session_state["digit"] = 3
    page.run()
    assert page.selectbox(key="filters-attribution-not").value == -1
    assert page.selectbox(key="filters-attribution-for").value != 9


def test_the_sum_stands_beside_what_it_should_be() -> None:
    numbers = re.search(
        r"sum to \*\*(.*?)\*\*.*digit, (.*?), less.*picture, (.*?): \*\*(.*?)\*\*", said(opened())
    )
    total, digit, blank, difference = (
        float(number.replace("−", "-")) for number in numbers.groups()
    )
    assert difference == pytest.approx(digit - blank, abs=0.002)
    assert total == pytest.approx(difference, rel=0.05)


def test_without_a_convolution_two_methods_are_left() -> None:
    page = opened(of="purawr")
    assert not page.exception
    assert maps(page) == 2
    assert "has no convolution, and Grad-CAM" in said(page)
    page.toggle(key="filters-attribution-random").set_value(True).run()
    assert not page.exception
    assert maps(page) == 2 + 2 * 2


def test_columns_that_are_scaled_together_are_told() -> None:
    assert "divides each column" in said(opened(of="soorya"))
    assert "divides each column" not in said(opened())


def test_a_blank_digit_gets_a_sentence() -> None:
    page = opened(digit=None)
    assert not page.exception
    assert "This digit is blank" in said(page)
    assert maps(page) == 0


def test_weights_are_made_random_from_none_to_all() -> None:
    page = opened()
    page.toggle(key="filters-attribution-random").set_value(True).run()
    assert maps(page) == 9
    slider = page.select_slider(key="filters-attribution-count")
    assert slider.options == ["none", "dense_1", "conv_3", "conv_2", "all"]
    slider.set_value(0).run()
    assert not page.exception
    assert said(page).count("The same network, so the same map.") == 3
    assert said(page).count("**1.00**") == 3
    page.select_slider(key="filters-attribution-count").set_value(4).run()
    assert "**1.00**" not in said(page)
    assert "it depends on what the network has learned" in said(page)
    page.button_group(key="filters-attribution-how").set_value("independent").run()
    assert not page.exception


def test_a_run_with_fewer_layers_takes_the_slider_along() -> None:
    page = opened()
    page.toggle(key="filters-attribution-random").set_value(True).run()
    page.select_slider(key="filters-attribution-count").set_value(4).run()
    page.session_state["of"] = "purawr"
    page.run()
    assert not page.exception
    assert page.select_slider(key="filters-attribution-count").value == 3


def test_lines_have_their_marks_and_a_gap_where_there_is_no_number() -> None:
    figure = similarity_lines(["b", "a"], {"one": [0.5, None], "other": [1, -1]})
    assert [trace.name for trace in figure.data] == ["one", "other"]
    assert list(figure.data[0].y) == [0.5, None]
    assert len({(trace.line.dash, trace.marker.symbol) for trace in figure.data}) == 2
    assert np.ptp(figure.layout.yaxis.range) > 2
