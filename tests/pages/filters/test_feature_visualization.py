"""The view of dreams as a visitor meets it."""

import time

from streamlit.testing.v1 import AppTest

from core.explain import activations  # noqa: F401  TensorFlow, before a page's thread needs it


def _page() -> None:
    import streamlit as st

    from core.data import mnist
    from pages.widgets.filters.choices import Seen
    from pages.widgets.filters.feature_visualization import feature_visualization_view
    from tests.helpers.networks import network_of

    image = mnist.load("mnist-sample").test.images[17]
    feature_visualization_view(
        Seen(network_of(st.session_state.get("of", "purawr")), image, 9, "a digit")
    )


def opened(**state: object) -> AppTest:
    page = AppTest.from_function(_page, default_timeout=60)
    for name, value in state.items():
        page.session_state[name] = value
    return page.run()


def said(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.markdown, *page.caption, *page.info])


def wait(page: AppTest) -> None:
    """Until the chore that was started is done."""
    end = time.monotonic() + 60
    while (
        any(str(button.key).endswith("-cancel") for button in page.button)
        and time.monotonic() < end
    ):
        time.sleep(0.2)
        page.run()


def test_the_ten_digits_are_dreamt_once_for_all() -> None:
    page = opened()
    assert not page.get("image")
    page.button(key="filters-visualization-ten-start").click().run()
    wait(page)
    assert not page.exception
    assert len(page.get("image")) == 10
    assert "10 of 10 as the digit it was made for" in said(page)
    assert len(opened().get("image")) == 10  # another visitor
    assert not opened(of="fast").get("image")


def test_each_strength_is_a_dream_of_its_own_and_says_what_it_means() -> None:
    page = opened()
    assert "a margin of 4 pixels stays white" in said(page)
    page.button_group(key="filters-visualization-strength").set_value("none").run()
    assert "looks like noise" in said(page)
    assert [button.label for button in page.button] == ["Visualize the ten digits"]


def test_a_map_of_the_open_layer_is_dreamt_and_compared_with_digits() -> None:
    page = opened(of="fast", layer="conv_2", map=5)
    page.button_group(key="filters-visualization-what").set_value("a map of a layer").run()
    assert page.number_input(key="filters-visualization-map").value == 5
    page.button(key="filters-visualization-one-start").click().run()
    wait(page)
    assert not page.exception
    assert "Map 5 of conv_2.** Its mean" in said(page)
    assert "one that activates it most gives" in said(page)
    page.number_input(key="filters-visualization-map").set_value(6).run()
    assert page.session_state["map"] == 6
    assert page.button(key="filters-visualization-one-start").label == "Visualize it"
    page.toggle(key="filters-visualization-place").set_value(True).run()
    assert not page.exception


def test_layers_without_numbers_of_their_own_are_not_offered() -> None:
    page = opened(of="fast")
    page.button_group(key="filters-visualization-what").set_value("a map of a layer").run()
    (layers,) = page.selectbox
    names = [option.split(":")[0] for option in layers.options]
    assert "conv_1" in names
    assert not {"flatten_1", "dropout_1", "dense_1"} & set(names)


def test_a_unit_of_a_dense_layer_is_called_so() -> None:
    page = opened(of="purawr")
    page.button_group(key="filters-visualization-what").set_value("a map of a layer").run()
    assert page.number_input(key="filters-visualization-map").label == "Unit, 0 to 49"
    assert not page.toggle
