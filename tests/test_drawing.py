"""The drawing of a network: what stands in it, and that it draws what is there."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from core.architectures import Architecture, BatchNorm, Conv, Dense, Flatten, Pool
from core.drawing import HEIGHT_PX, network_html
from core.presets import PRESETS

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
    found = blocks(network_html(PRESETS["kundathil"].recipe.architecture))
    parts = Words(found[1]).parts
    assert parts == ["→ conv_1", "25×25×32", "Conv2D 32 kernels 4×4, relu", "544 parameters"]
    assert "28×28×1" in Words(found[0]).parts


@pytest.mark.parametrize("name", PRESETS)
def test_every_layer_and_every_parameter_is_in_the_drawing(name: str) -> None:
    architecture = PRESETS[name].recipe.architecture
    parts = Words(network_html(architecture)).parts
    for layer in architecture.layers:
        assert str(layer) in parts
    held = [re.fullmatch(r"([\d,]+) parameters", part) for part in parts]
    assert sum(int(one[1].replace(",", "")) for one in held if one) == architecture.parameters


def test_layers_that_keep_the_shape_stand_in_the_block_before_them() -> None:
    # best: input, (2 convolutions, pooling) twice, 2 convolutions, global average, dense.
    assert len(blocks(network_html(PRESETS["best"].recipe.architecture))) == 1 + 6 + 2 + 1 + 1


def test_a_network_may_begin_with_a_layer_that_keeps_the_shape() -> None:
    found = blocks(network_html(Architecture(layers=(BatchNorm(), Flatten(), END))))
    assert Words(found[1]).parts[1] == "28×28×1"


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
    found = [[float(value) for value in place] for place in re.findall(pattern, html)]
    assert found
    for left, top, width, height in found:
        assert left >= 0
        assert left + width <= 108  # the narrowest block, less its padding
        assert top >= 0
        assert top + height <= HEIGHT_PX


def test_it_brings_no_text_colour_no_font_and_no_script_of_its_own() -> None:
    html = network_html(PRESETS["best"].recipe.architecture)
    for word in ("font-family", "<script", "<style", "url(", ";color:", '"color:'):
        assert word not in html
