"""The filter page's picture of the network: every layer, what it gives, the answer at its end."""

import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.explain import activations
from core.inference.predictor import load_predictor
from core.runs import registry
from tests.helpers.networks import SHIPPED, network_of

TEST = mnist.load("mnist-sample").test
RUNS = SHIPPED


def page() -> None:
    import streamlit as st

    from core.data import mnist
    from core.runs import registry
    from core.runs.run import Network
    from core.utils.errors import DigitscopeError
    from pages.widgets.filters.choices import Seen
    from pages.widgets.filters.network import network_view

    state = st.session_state
    test = mnist.load("mnist-sample").test
    image, label = test.images[17], int(test.labels[17])
    try:
        run = registry.find_run(state["used"])
        network_view(
            Seen(Network(run, state.get("at")), image * state.get("ink", 1), label, "test digit 17")
        )
    except DigitscopeError as error:
        st.error(str(error))


def drawn(run: str, **state: Any) -> AppTest:
    view = AppTest.from_function(page, default_timeout=60)
    for name, value in {"used": run, **state}.items():
        view.session_state[name] = value
    view.run()
    assert not view.exception
    return view


def stages(view: AppTest) -> list[Any]:
    (ours,) = [element.proto for element in view.get("bidi_component")]
    assert ours.component_name == "digitscope_layers"
    shown: list[Any] = json.loads(ours.json)["stages"]
    return shown


@pytest.mark.parametrize("run", RUNS)
def test_every_layer_of_the_network_can_be_opened(run: str) -> None:
    shown = stages(drawn(run))
    told = [
        name for stage in shown for name in (stage["name"], *(name for name, _ in stage["then"]))
    ]
    rows = list(registry.find_run(run).info.recipe.architecture.rows())
    assert told == ["", *(row.name for row in rows)]
    by_name = {row.name: row for row in rows}
    for stage in shown[1:]:
        row = by_name[stage["name"]]
        assert str(row.layer) in stage["title"]
        assert all(str(size) in stage["facts"] for size in row.shape)
        assert f"{row.parameters:,}" in stage["facts"] or not row.parameters
    assert all(stage["pictures"] for stage in shown[:-1])


@pytest.mark.parametrize(("run", "epoch"), [("best", None), ("purawr", 2)])
def test_it_ends_in_the_ten_probabilities(run: str, epoch: int | None) -> None:
    last = stages(drawn(run, at=epoch))[-1]
    expected = load_predictor(network_of(run, epoch)).probabilities(TEST.images[17:18])[0]
    assert [bar["part"] for bar in last["bars"]] == pytest.approx(expected.tolist(), abs=1e-5)
    assert [bar["digit"] for bar in last["bars"] if bar["answer"]] == [int(expected.argmax())]


def test_a_layer_shows_its_strongest_maps_for_this_digit() -> None:
    (first,) = [stage for stage in stages(drawn("best")) if stage["name"] == "conv_3"]
    maps = activations.layer_activations(network_of("best"), TEST.images[17])["activation_3"]
    strongest = np.argsort(-maps.mean(axis=(0, 1)), kind="stable")[:8]
    (picture,) = first["pictures"]
    assert picture["words"].endswith(": " + ", ".join(map(str, strongest)))
    assert "activation_3" in picture["words"]


def test_a_network_without_maps_shows_its_weights_as_pictures() -> None:
    (first,) = [stage for stage in stages(drawn("purawr")) if stage["name"] == "dense_1"]
    weights, numbers = first["pictures"]
    assert "pictures of the digit" in weights["words"]
    assert "50 numbers" in numbers["words"]


def test_sigmoid_outputs_are_explained() -> None:
    assert any("sigmoids" in caption.value for caption in drawn("purawr").caption)
    assert not any("sigmoids" in caption.value for caption in drawn("fast").caption)


def test_a_blank_digit_is_drawn_too() -> None:
    shown = stages(drawn("fast", ink=0))
    assert len(shown) == 1 + 3 + 2 + 1  # digit, convolutions, pools, dense
    assert sum(bar["part"] for bar in shown[-1]["bars"]) == pytest.approx(1, abs=1e-5)


def test_an_epoch_that_is_not_kept_is_told() -> None:
    view = drawn("best", at=3)
    assert "epoch 3" in view.error[0].value
