"""The filter page's kernels: all of a layer, sorted, by channel, and the chosen one in numbers."""

import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.inference.predictor import load_predictor
from core.runs import registry
from tests.helpers.networks import network_of


def page() -> None:
    import streamlit as st

    from core.data import mnist
    from core.runs import registry
    from core.runs.run import Network
    from core.utils.errors import DigitscopeError
    from pages.widgets.filters.choices import Seen
    from pages.widgets.filters.kernels import kernels_view

    state = st.session_state
    test = mnist.load("mnist-sample").test
    try:
        run = registry.find_run(state["used"])
        kernels_view(Seen(Network(run, state.get("at")), test.images[3], None, "your drawing"))
    except DigitscopeError as error:
        st.error(str(error))


def drawn(run: str, link: dict[str, str] | None = None, **state: Any) -> AppTest:
    view = AppTest.from_function(page, default_timeout=60)
    for name, value in {"used": run, **state}.items():
        view.session_state[name] = value
    for name, value in (link or {}).items():
        view.query_params[name] = value
    view.run()
    assert not view.exception
    return view


def grid(view: AppTest) -> Any:
    (ours,) = [element.proto for element in view.get("bidi_component")]
    assert ours.component_name == "digitscope_digits"
    return json.loads(ours.json)


def numbers(view: AppTest) -> list[int]:
    return [digit["index"] for digit in grid(view)["digits"]]


def kernel_of(run: str, layer: str) -> Any:
    return np.asarray(load_predictor(network_of(run)).model.get_layer(layer).kernel, float)


def said(view: AppTest) -> str:
    kinds = (view.markdown, view.caption, view.info, view.warning, view.error, view.header)
    return " ".join(str(element.value) for kind in kinds for element in kind)


def test_all_kernels_are_there_and_sorted_by_their_norm() -> None:
    view = drawn("yalcin")
    assert numbers(view) == list(range(28))
    view.selectbox(key="filters-kernels-order").select("norm").run()
    norms = np.sqrt((kernel_of("yalcin", "conv_1") ** 2).sum(axis=(0, 1, 2)))
    assert numbers(view) == np.argsort(-norms, kind="stable").tolist()
    first = numbers(view)[0]
    assert f"norm {norms[first]:.3f}" in grid(view)["digits"][0]["words"]


def test_the_chosen_one_is_told_with_norm_bias_and_its_map() -> None:
    view = drawn("yalcin", {"layer": "conv_1", "map": "5"})
    model = load_predictor(network_of("yalcin")).model
    bias = float(np.asarray(model.get_layer("conv_1").bias)[5])
    norm = float(np.linalg.norm(kernel_of("yalcin", "conv_1")[..., 5]))
    assert grid(view)["chosen"] == 5
    assert f"{norm:.3f}" in said(view)
    assert f"{bias:+.3f}" in said(view)
    view.button(key="filters-kernels-map").click().run()
    state = view.session_state
    assert (state["layer"], state["map"], state["next_inside"]) == ("conv_1", 5, "Feature maps")


def test_without_a_bias_the_batch_normalization_is_named() -> None:
    assert "batch_norm_2, right after it" in said(drawn("best", {"layer": "conv_2"}))


def test_deeper_kernels_are_seen_by_channel() -> None:
    view = drawn("soorya", {"layer": "conv_2"})
    slider = view.select_slider(key="filters-kernels-channel")
    assert slider.value == "mean"
    before = grid(view)["sheet"]
    slider.set_value("7").run()
    assert grid(view)["sheet"] != before
    end = np.percentile(np.abs(kernel_of("soorya", "conv_2").astype(np.float32)), 99)
    assert f"{end:.2g}" in view.get("html")[0].proto.body
    # The first layer has one channel, so there is nothing to choose.
    view = drawn("soorya", {"layer": "conv_1"})
    assert not view.select_slider


def test_many_kernels_come_in_pages_beginning_with_the_chosen_one() -> None:
    view = drawn("best", {"layer": "conv_5", "map": "100"})
    assert numbers(view) == list(range(64, 128))
    assert len(numbers(drawn("best", {"layer": "conv_5"}))) == 64


def test_only_layers_with_weights_are_offered() -> None:
    view = drawn("kundathil")
    rows = registry.find_run("kundathil").info.recipe.architecture.rows()
    expected = [f"{row.name}: {row.layer}" for row in rows if row.parameters]
    assert view.selectbox(key="filters-layer").options == expected


def test_a_dense_network_shows_its_units() -> None:
    view = drawn("purawr")
    assert len(numbers(view)) == 50
    assert "50 units, each with its weights as a picture of 28×28" in said(view)
    assert view.button(key="filters-kernels-map").label == "See its value for this digit: unit 0"


@pytest.mark.parametrize("link", [{"layer": "conv_77"}, {"layer": "conv_1", "map": "999"}])
def test_a_wrong_link_is_told(link: dict[str, str]) -> None:
    view = drawn("fast", link)
    assert "link asks for" in said(view)
    assert len(numbers(view)) == 16


def test_kernels_of_an_epoch_are_its_own() -> None:
    assert grid(drawn("fast", at=1))["sheet"] != grid(drawn("fast"))["sheet"]
    assert "epoch 9" in drawn("fast", at=9).error[0].value
