"""The view of the inside map as a visitor meets it."""

import json
import time

import numpy as np
from streamlit.testing.v1 import AppTest

from core.explain import activations  # noqa: F401  TensorFlow, before a page's thread needs it
from core.explain.latent_space import displayed_digits, nearest_by_pixels, nearest_in_latent_space
from tests.helpers.networks import network_of


def _page() -> None:
    import numpy as np
    import streamlit as st

    from core.data import mnist
    from core.runs import registry
    from core.runs.run import Network
    from pages.widgets.filters.choices import Seen
    from pages.widgets.filters.embedding import embedding_view

    test, index = mnist.load("mnist-sample").test, st.session_state.get("digit", 17)
    run = registry.find_run("purawr")
    if index is None:
        embedding_view(Seen(Network(run), np.roll(test.images[17], 1, 0), None, "your drawing"))
    else:
        embedding_view(
            Seen(Network(run), test.images[index], int(test.labels[index]), f"test digit {index}")
        )


def opened(**state: object) -> AppTest:
    page = AppTest.from_function(_page, default_timeout=60)
    for name, value in state.items():
        page.session_state[name] = value
    return page.run()


def said(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.markdown, *page.caption, *page.info])


def marked(page: AppTest) -> tuple[str, float, float]:
    """The mark of the digit on the map."""
    star = json.loads(page.get("plotly_chart")[0].proto.spec)["data"][-1]
    return star["name"], star["x"][0], star["y"][0]


def test_the_digit_is_marked_among_a_thousand_with_its_neighbors_in_two_senses() -> None:
    page = opened()
    assert not page.exception
    assert marked(page)[0] == "test digit 17"
    image = displayed_digits().images[17]
    inner, outer = nearest_in_latent_space(network_of("purawr"), image), nearest_by_pixels(image)
    assert f"Nearest inside the network:** {inner.count_label(9)} of 10 are nines" in said(page)
    assert f"Nearest by their pixels:** {outer.count_label(9)} of 10 are nines" in said(page)
    assert "% of the variance" in said(page)


def test_a_digit_that_was_clicked_can_become_the_pages() -> None:
    page = opened()
    assert not page.button
    page.session_state["filters_inside_clicked"] = 42
    page.run()
    assert any("test digit 42" in str(element.proto) for element in page.get("image"))
    page.button(key="filters-embedding-look").click().run()
    assert page.session_state["filters_next_index"] == 42
    assert (page.session_state["data"], page.session_state["split"]) == ("mnist-sample", "test")
    page.session_state["digit"] = 3
    page.run()  # another digit of the page: the click before is void
    assert not page.button


def test_a_drawing_is_placed_without_a_label() -> None:
    page = opened(digit=None)
    assert not page.exception
    assert marked(page)[0] == "your drawing"
    assert "of 10 are nines." in said(page)


def test_t_sne_is_laid_out_once_for_all_visitors() -> None:
    page = opened()
    page.button_group(key="filters-embedding-way").set_value("tsne").run()
    assert not page.get("plotly_chart")
    page.button(key="filters-embedding-tsne-start").click().run()
    end = time.monotonic() + 60
    while not page.get("plotly_chart") and time.monotonic() < end:
        time.sleep(0.3)
        page.run()
    assert not page.exception
    assert np.isfinite(marked(page)[1:]).all()
    other = opened(digit=None)
    other.button_group(key="filters-embedding-way").set_value("tsne").run()
    assert "t-SNE has no rule for a new point" in said(other)
