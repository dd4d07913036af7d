"""The drawing of a network: what stands in it, and that it draws what is there."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.figures.html import DRAWING_HEIGHT_PX, network_html, partial_network_html
from core.figures.style import ERROR_COLOR
from core.recipes.architecture import Architecture, BatchNorm, Conv, Dense, Flatten, Layer, Pool
from core.recipes.draft import SingleLayer, to_architecture
from core.recipes.presets import PRESETS
from core.utils.errors import RecipeError
from tests.helpers.any_recipes import ON_MAPS, ON_VECTORS, architectures

END = Dense(units=10, activation="softmax")


class Words(HTMLParser):
    """The text of a piece of HTML, one part after another."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def blocks(html: str) -> list[str]:
    """The drawing's blocks, each as HTML."""
    root = ET.fromstring(html)
    return [ET.tostring(block, encoding="unicode") for block in root]


def sheets(block: str) -> list[tuple[float, float]]:
    """Width and height of everything drawn in a block."""
    pattern = r"position:absolute.*?width:([\d.]+)px;height:([\d.]+)px"
    return [(float(w), float(h)) for w, h in re.findall(pattern, block)]


def test_a_block_says_what_it_does_what_comes_out_and_what_it_holds() -> None:
    drawn = blocks(network_html(PRESETS["kundathil"].recipe.architecture))
    parts = Words(drawn[1]).parts
    assert parts == ["→ conv_1", "25×25×32", "Conv2D 32 kernels 4×4, relu", "544 parameters"]
    assert "28×28×1" in Words(drawn[0]).parts


@pytest.mark.parametrize("name", PRESETS)
def test_every_layer_and_every_parameter_is_in_the_drawing(name: str) -> None:
    architecture = PRESETS[name].recipe.architecture
    parts = Words(network_html(architecture)).parts
    for layer in architecture.layers:
        assert str(layer) in parts
    held = [re.fullmatch(r"([\d,]+) parameters", part) for part in parts]
    assert sum(int(match[1].replace(",", "")) for match in held if match) == architecture.parameters


def test_layers_that_keep_the_shape_stand_in_the_block_before_them() -> None:
    # best: input, (2 convolutions, pooling) twice, 2 convolutions, global average, dense.
    assert len(blocks(network_html(PRESETS["best"].recipe.architecture))) == 1 + 6 + 2 + 1 + 1


def test_a_network_may_begin_with_a_layer_that_keeps_the_shape() -> None:
    drawn = blocks(network_html(Architecture(layers=(BatchNorm(), Flatten(), END))))
    assert Words(drawn[1]).parts[1] == "28×28×1"


def test_larger_maps_are_larger_and_more_of_them_are_more() -> None:
    few = Architecture(layers=(Conv(filters=4, padding="same"), Pool(size=4), Flatten(), END))
    many = Architecture(layers=(Conv(filters=128, padding="same"), Pool(size=4), Flatten(), END))
    of_few, of_many = (blocks(network_html(network)) for network in (few, many))
    assert len(sheets(of_few[0])) == 1
    assert 1 < len(sheets(of_few[1])) < len(sheets(of_many[1]))
    assert sheets(of_few[1])[0][0] > 2 * sheets(of_few[2])[0][0]
    assert sheets(of_many[3])[0][1] > sheets(of_few[3])[0][1] > sheets(of_few[4])[0][1]


@pytest.mark.parametrize("filters", [4, 128])
def test_nothing_is_drawn_outside_its_place(filters: int) -> None:
    layers = (Conv(filters=filters, padding="same"), Flatten(), Dense(units=10), END)
    html = network_html(Architecture(layers=layers))
    pattern = r"left:([\d.-]+)px;top:([\d.-]+)px;width:([\d.]+)px;height:([\d.]+)px"
    places = [[float(value) for value in place] for place in re.findall(pattern, html)]
    assert places
    for left, top, width, height in places:
        assert left >= 0
        assert left + width <= 108  # the narrowest block, less its padding
        assert top >= 0
        assert top + height <= DRAWING_HEIGHT_PX


def test_a_network_is_drawn_up_to_the_layer_that_fails_which_says_so_in_words() -> None:
    pools = (Pool(size=4), Pool(size=4), Pool(size=4))  # 28 to 7 to 1 to nothing
    drawn = blocks(partial_network_html((Conv(filters=8, padding="same"), *pools, Flatten(), END)))
    assert ["×".join(re.findall(r"\d+", words.parts[1])) for words in map(Words, drawn[:-1])] == [
        "28×28×1",
        "28×28×8",
        "7×7×8",
        "1×1×8",
    ]
    parts = Words(drawn[-1]).parts
    for part in ("→ layer 4", "Cannot be built", "Max pooling 4×4", "It gets 1×1×8"):
        assert part in parts
    assert "2 more layers behind it, not drawn" in parts
    marked = [ERROR_COLOR in block for block in drawn]
    assert marked == [False] * 4 + [True]


def test_a_layer_on_the_wrong_side_of_the_flatten_is_marked() -> None:
    flat = blocks(partial_network_html((Flatten(), Pool(), END)))[-1]
    assert {"→ layer 2", "It gets 784", "1 more layer behind it, not drawn"} <= set(
        Words(flat).parts
    )
    on_map = Words(blocks(partial_network_html((Pool(), END)))[-1]).parts
    assert {"→ layer 2", "It gets 14×14×1"} <= set(on_map)
    assert not any("behind it" in part for part in on_map)


@given(architectures())
def test_what_can_be_built_is_drawn_as_ever(architecture: Architecture) -> None:
    assert partial_network_html(architecture.layers) == network_html(architecture)


@given(st.lists(st.one_of(ON_MAPS, ON_VECTORS, st.just(Flatten())), min_size=1, max_size=12))
def test_the_marked_layer_is_the_one_that_the_sentence_names(layers: list[Layer]) -> None:
    try:
        to_architecture([SingleLayer(layer) for layer in (*layers, END)])
        assume(False)
    except RecipeError as error:
        named = re.search(r"layer (\d+) \(", str(error))
    assume(named)
    assert named
    assert f"→ layer {named[1]}" in Words(partial_network_html((*layers, END))).parts


def test_a_network_that_is_only_too_large_is_drawn_whole() -> None:
    layers = (Conv(filters=128, padding="same"), Flatten(), Dense(units=1024), END)
    html = partial_network_html(layers)
    assert ERROR_COLOR not in html
    assert "102,761,472 parameters" in Words(html).parts  # (28 · 28 · 128 + 1) · 1024


def test_it_brings_no_text_color_no_font_and_no_script_of_its_own() -> None:
    html = network_html(PRESETS["best"].recipe.architecture)
    for word in ("font-family", "<script", "<style", "url(", ";color:", '"color:'):
        assert word not in html
