"""The filter page's view of feature maps: what a visitor sees, clicks, and can calculate again."""

import base64
import json
import re
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import mnist
from core.explain import activations, feature_maps
from core.explain.feature_maps import TopActivations, ablate_maps, stored_top_activations
from core.explain.layer_geometry import strongest_maps
from tests.helpers.networks import network_of
from tests.helpers.views import said

IMAGES = mnist.load("mnist-sample").test.images
DIGIT = 4
PIXELS, TILES = "filters-maps-one", "filters-maps-grid-"


def page() -> None:
    import streamlit as st

    from core.data import mnist
    from core.utils.errors import DigitscopeError
    from pages.widgets.filters.choices import Seen
    from pages.widgets.filters.feature_maps import feature_maps_view
    from tests.helpers.networks import network_of

    digits = mnist.load("mnist-sample").test
    blank = st.session_state.get("blank")
    image = digits.images[4] * (0 if blank else 1)
    run, epoch = st.session_state.get("network", ("fast", None))
    try:
        feature_maps_view(Seen(network_of(run, epoch), image, None if blank else 4, "test digit 4"))
    except DigitscopeError as error:
        st.error(str(error))


@pytest.fixture(autouse=True, scope="module")
def few_digits() -> Iterator[None]:
    """Each layer that is opened is searched: here through 1,200 digits, not 5,000."""
    digits = mnist.load("mnist-sample")
    images = np.concatenate([digits.test.images, digits.train.images[:200]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_maps, "_sample_images", lambda: images)
        feature_maps._cached_top_activations.cache_clear()
        yield
    feature_maps._cached_top_activations.cache_clear()


@pytest.fixture
def view() -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


def opened(view: AppTest, layer: str, number: int = 0, run: str = "fast") -> AppTest:
    view.session_state["network"] = (run, None)
    view.session_state["layer"] = layer
    view.session_state["map"] = number
    view.run()
    assert not view.exception
    return view


def headings(view: AppTest) -> list[str]:
    return [element.value for element in view.header]


def component(view: AppTest, key: str) -> dict:
    """What a component of the view was given."""
    for element in view.get("bidi_component"):
        if key in element.proto.id:
            return json.loads(element.proto.json)
    raise AssertionError(f"no component {key}")


def numbers(view: AppTest, layer: str) -> list[int]:
    """The maps in the order of their tiles."""
    return [cell["index"] for cell in component(view, TILES + layer)["digits"]]


def values_of(layer: str, run: str = "fast") -> np.ndarray:
    return activations.load_layer_model(network_of(run)).layer_outputs(IMAGES[DIGIT : DIGIT + 1])[
        layer
    ][0]


def test_all_maps_and_one_of_them_at_its_largest(view: AppTest) -> None:
    opened(view, "conv_2", 5)
    values = values_of("conv_2")[..., 5]
    row, column = np.unravel_index(values.argmax(), values.shape)
    words = said(view)
    assert headings(view)[0] == "Map 5 of conv_2"
    assert numbers(view, "conv_2") == list(range(48))
    shown = component(view, PIXELS)
    assert (shown["rows"], shown["columns"], shown["chosen"]) == (10, 10, [row, column])
    assert f"At row {row}, column {column} its value is **{values.max():.5g}**" in words
    # A 3×3 kernel on a 2×2 pool on a 5×5 kernel, none with zeros around: 3 · 2 + 4 pixels a side.
    assert f"rows {2 * row} to {2 * row + 9}" in words
    opened(view, "conv_5", 5, "best")
    assert numbers(view, "conv_5") == list(range(192))
    row = int(values_of("conv_5", "best")[..., 5].argmax()) // 4
    # It has zeros around, so it sees three rows of the pool before it, at the edge two. Each of
    # them sees 16 rows of pixels, and begins 4 below the one above it.
    assert f"rows {max(4 * row - 4, 0)} to {min(4 * row + 19, 27)}" in said(view)


def test_the_large_maps_colors(view: AppTest) -> None:
    opened(view, "activation_1", 3)
    picture = component(view, PIXELS)["picture"].removeprefix("data:image/png;base64,")
    colors = cv2.imdecode(np.frombuffer(base64.b64decode(picture), np.uint8), cv2.IMREAD_COLOR)
    values = values_of("activation_1")[..., 3]
    assert colors.shape == (10, 10, 3)
    # ReLU's zeros have one color, what is larger is bluer: less red in it.
    assert len(np.unique(colors[values == 0], axis=0)) == 1
    order = np.argsort(values[values > 0])
    red = colors[values > 0][:, 2][order].astype(int)
    assert (np.diff(red) <= 0).all()


def test_sorting(view: AppTest) -> None:
    opened(view, "activation_1")
    view.selectbox(key="filters-maps-order").set_value("strength").run()
    assert numbers(view, "activation_1") == strongest_maps(values_of("activation_1"), 48)
    view.selectbox(key="filters-maps-order").set_value("share").run()
    moved = ablate_maps(network_of("fast"), IMAGES[DIGIT], "activation_1", "zero").total_variation
    assert (np.diff(moved[numbers(view, "activation_1")]) <= 0).all()
    notes = [cell["note"] for cell in component(view, TILES + "activation_1")["digits"]]
    percents = [float(note.removeprefix("< ").removesuffix(" %")) for note in notes]
    assert percents[0] == pytest.approx(100 * moved.max(), rel=0.04)  # two digits of it
    assert percents == sorted(percents, reverse=True)


def test_where_there_is_no_share_to_sort_by(view: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    view.session_state["filters-maps-order"] = "share"
    opened(view, "dense_3", 0, "purawr")
    assert "This is the last layer" in said(view)
    # 50 maps, behind each of which lie 50 · 50 + 50 · 10 products.
    monkeypatch.setattr("pages.widgets.filters.ablation._MOST_WORK", 50 * 3000)
    opened(view, "dense_1", 0, "purawr")
    assert "too large" not in said(view)
    monkeypatch.setattr("pages.widgets.filters.ablation._MOST_WORK", 50 * 3000 - 1)
    opened(view, "dense_1", 0, "purawr")
    assert "too large to remove each map in turn" in said(view)
    assert numbers(view, "dense_1") == list(range(50))


def test_the_arithmetic_can_be_followed(view: AppTest) -> None:
    run = "katariya-batchnorm"
    opened(view, "conv_1", 2, run)
    values = {name: values_of(name, run) for name in ("conv_1", "batch_norm_1", "activation_1")}
    row, column = np.unravel_index(values["conv_1"][..., 2].argmax(), (26, 26))
    told = re.findall(r"= \*\*(\S+)\*\* in (\w+) at row (\d+), column (\d+) of map 2", said(view))
    assert [name for _, name, _, _ in told] == [*values]
    for result, name, own_row, own_column in told:
        assert (int(own_row), int(own_column)) == (row, column)
        own = values[name][row, column, 2]
        assert float(result.replace("−", "-")) == pytest.approx(own, rel=1e-4, abs=1e-4)
    table = next(
        element.proto.body for element in view.get("html") if "their products" in element.proto.body
    )
    cells = [float(k.replace("−", "-")) for k in re.findall(r">\(?(−?[\d.]+)\)?</td>", table)]
    patch, kernel, products = np.array(cells).reshape(3, 9)
    assert products == pytest.approx(patch * kernel, abs=2e-3)
    assert products.sum() == pytest.approx(values["conv_1"][row, column, 2], abs=2e-2)
    opened(view, "conv_2", 2)
    told = re.findall(r"= \*\*\S+\*\* in (\w+) at row \d+, column \d+ of map 2", said(view))
    assert told == ["conv_2", "batch_norm_1", "activation_1", "pool_2"]


def test_another_input_map_is_written_out(view: AppTest) -> None:
    opened(view, "conv_3", 1, "fast")
    chooser = next(element for element in view.selectbox if element.label.startswith("Written out"))
    assert len(chooser.options) == 48
    sums = [float(option.split(": ")[1].replace("−", "-")) for option in chooser.options]
    assert np.abs(sums).tolist() == sorted(np.abs(sums), reverse=True)
    chooser.select_index(3).run()
    line = next(element.value for element in view.code if "these 9 products" in element.value)
    written = float(line.split("\n")[0].split("= ")[1].replace("−", "-"))
    assert written == pytest.approx(sums[3], abs=1e-3)


def test_what_excites_it_and_a_network_that_takes_long(view: AppTest) -> None:
    opened(view, "pool_1", 4)
    top = stored_top_activations(network_of("fast"), "pool_1")
    assert isinstance(top, TopActivations)
    best = top.for_map(4)[0]
    split = "training" if best.split == "train" else "test"
    captions = [image.caption for image in view.get("image")[-1].proto.imgs]
    assert len(captions) == 9
    assert captions[0].startswith(f"{best.value:.3g}: ")
    assert captions[0].endswith(f"({split} {best.index})")
    opened(view, "conv_6", 4, "best")
    assert view.button(key="filters-maps-exciting-start").label == "Search all digits"


@pytest.mark.parametrize("way", ["zero", "mean"])
def test_its_share(view: AppTest, way: str) -> None:
    opened(view, "conv_1", 7, "yalcin")
    view.segmented_control(key="filters-maps-way").set_value(way).run()
    ablation = ablate_maps(network_of("yalcin"), IMAGES[DIGIT], "conv_1", way, 7)
    bars = json.loads(view.get("plotly_chart")[-1].proto.spec)["data"]
    assert [bar["name"] for bar in bars] == ["with it", "without it"]
    assert as_numbers(bars[0]["x"]) == pytest.approx(ablation.baseline.tolist())
    assert as_numbers(bars[1]["x"]) == pytest.approx(ablation.ablated[0].tolist())
    assert f"the network reads **{ablation.baseline.argmax()}**" in said(view)


def as_numbers(values) -> list[float]:
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return values


def test_a_zero_before_a_batch_normalization(view: AppTest) -> None:
    opened(view, "conv_2", 2)
    assert "0 is not “nothing” here: batch_norm_1, right after this layer" in said(view)
    opened(view, "activation_1", 2)
    assert "0 is not “nothing”" not in said(view)


def test_units(view: AppTest) -> None:
    opened(view, "dense_1", 300, "katariya")
    strip = component(view, "filters-maps-strip")
    assert (strip["rows"], strip["columns"], strip["chosen"]) == (16, 32, [300 // 32, 300 % 32])
    assert headings(view)[0] == "Unit 300 of dense_1"
    value = values_of("dense_1", "katariya")[300]
    assert f"Its value is **{value:.5g}**".replace("-", "−") in said(view)
    opened(view, "dense_3", 5, "purawr")
    assert headings(view)[0] == "Unit 5 of dense_3: the digit five"
    assert numbers(view, "dense_3") == list(range(10))
    assert "These ten units are the answer itself" in said(view)
    assert "softmax of the sums" in said(view)


@pytest.mark.parametrize("layer", ["conv_2", "pool_3", "flatten_1", "dense_2"])
def test_layers_of_every_kind_open(view: AppTest, layer: str) -> None:
    opened(view, layer, 7, "soorya")
    assert layer in headings(view)[0]
    # This network's digits are scaled column by column.
    assert "has a say too" in said(view)


def test_a_blank_digit_and_the_place_stay_sound(view: AppTest) -> None:
    view.session_state["blank"] = True
    opened(view, "conv_1", 2, "kundathil")
    # Nothing but the bias is left, at every place.
    assert component(view, PIXELS)["chosen"] == [12, 12]
    assert "the same everywhere" in said(view)
    bias = max(
        float(
            activations.load_layer_model(network_of("kundathil"))
            .model.layers[0]
            .get_weights()[1][2]
        ),
        0,
    )
    assert f"its value is **{bias:.5g}**" in said(view)
    view.session_state["filters-maps-place"] = ("conv_1", 20, 3)
    opened(view, "conv_1", 9, "kundathil")
    assert component(view, PIXELS)["chosen"] == [20, 3]
    # Another layer has another size: the place of the one before means nothing there.
    opened(view, "pool_1", 9, "kundathil")
    assert component(view, PIXELS)["chosen"] != [20, 3]


def test_an_epoch(view: AppTest) -> None:
    view.session_state["network"] = ("yalcin", 1)
    view.session_state["layer"] = "conv_1"
    view.run()
    values = activations.load_layer_model(network_of("yalcin", 1)).layer_outputs(
        IMAGES[DIGIT : DIGIT + 1]
    )["conv_1"][0, ..., 0]
    assert f"its value is **{values.max():.5g}**" in said(view)


def test_numbers_that_are_not_finite(view: AppTest) -> None:
    layer = activations.load_layer_model(network_of("purawr", 5)).model.get_layer("dense_2")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias * np.nan])
    try:
        view.session_state["network"] = ("purawr", 5)
        view.session_state["layer"] = "dense_2"
        view.run()
    finally:
        layer.set_weights([kernel, bias])
    assert "the training diverged" in view.warning[0].value
