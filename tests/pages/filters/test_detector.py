"""The filter page's digit detector: what it is, what it finds in a picture, its layers."""

import base64
import json
import re
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

from core.explain.detector_layers import (
    TrainingRecord,
    answers,
    detector_kernels,
    example_page,
    layer_maps,
    parameter_count,
)
from core.explain.layer_geometry import strongest_maps
from core.figures.images import colorize
from tests.helpers.views import said

COPY = "filters-detector-copy"


def page() -> None:
    import streamlit as st

    from core.utils.errors import DigitscopeError
    from pages.widgets.filters.detector import detector_view

    try:
        detector_view()
    except DigitscopeError as error:
        st.error(str(error))


@pytest.fixture(autouse=True)
def no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.widgets.filters.detector.training_record", lambda: None)
    monkeypatch.setattr("pages.widgets.filters.detector.pages", dict)


def drawn(link: dict[str, str] | None = None, **state: object) -> AppTest:
    view = AppTest.from_function(page, default_timeout=60)
    for name, value in state.items():
        view.session_state[name] = value
    for name, value in (link or {}).items():
        view.query_params[name] = value
    view.run()
    assert not view.exception
    return view


def grids(view: AppTest) -> dict[str, dict]:
    """What each grid of tiles was given, by its label."""
    given = [json.loads(element.proto.json) for element in view.get("bidi_component")]
    return {grid["label"]: grid for grid in given}


def numbers(grid: dict) -> list[int]:
    return [tile["index"] for tile in grid["digits"]]


def decoded(url: str) -> NDArray[np.uint8]:
    data = np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def test_it_says_what_it_is_and_how_it_is_made_again() -> None:
    view = drawn()
    assert "fully convolutional network" in said(view)
    assert f"**{parameter_count():,} parameters**" in said(view)
    assert "The record of its training is not stored here" in said(view)
    assert view.code[0].value == "python -m benchmarks.train_detector FOLDER"


def test_with_its_record_it_says_what_it_was_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    record = TrainingRecord(
        command="python -m benchmarks.train_detector kept --seed 4",
        date=datetime(2026, 11, 30, tzinfo=UTC),
        seed=4,
        steps=7500,
        scenes=120_000,
    )
    monkeypatch.setattr("pages.widgets.filters.detector.training_record", lambda: record)
    view = drawn()
    assert "It saw 120,000 scenes in 7,500 steps, with the seed 4" in said(view)
    assert "the training ended on 2026-11-30" in said(view)
    assert view.code[0].value == record.command


def test_each_copy_tells_what_is_found_in_it() -> None:
    view = drawn()
    expected = answers(example_page())
    options = view.selectbox(key=COPY).options
    assert len(options) == len(expected)
    for option, answer in zip(options, expected, strict=True):
        assert option.startswith(f"{answer.side} pixels: {answer.count('digit')} digit")
    chosen = view.selectbox(key=COPY).value
    most = max(answer.count("digit") for answer in expected)
    assert {a.count("digit") for a in expected if a.side == chosen} == {most}
    view.selectbox(key=COPY).set_value(60).run()
    assert "maps of 32×40 for this copy" in said(view)


def test_kernels_and_maps_of_the_first_layer() -> None:
    view = drawn(**{COPY: 120, "detector-layer": "half", "filters-maps-scale": "common"})
    kernels, maps = grids(view)["Kernels"], grids(view)["Feature maps"]
    assert numbers(kernels) == numbers(maps) == list(range(16))
    (copy,) = [answer for answer in answers(example_page()) if answer.side == 120]
    values = layer_maps(copy.pixels, "half")
    sheet = decoded(maps["sheet"])
    height, width = values.shape[:2]
    # The first tile, behind its border of one pixel: each value has the page's diverging color.
    tile = sheet[1 : 1 + height, 1 : 1 + width]
    end = float(np.abs(values).max())
    assert np.array_equal(tile, colorize(values[..., 0], end, "light"))
    weights = detector_kernels("half")
    assert weights is not None
    norm = np.linalg.norm(weights.weights[..., 0])
    assert f"**Norm** {norm:.3f}" in said(view)
    assert "half_normalized, right after it, shifts the sums" in said(view)


def test_a_link_opens_a_map_of_a_layer() -> None:
    view = drawn({"detector-layer": "context_4", "detector-map": "7"})
    assert "Map 7 of context_4" in [heading.value for heading in view.header]
    assert grids(view)["Kernels"]["chosen"] == grids(view)["Feature maps"]["chosen"] == 7
    assert len(numbers(grids(view)["Kernels"])) == 48
    assert not view.warning


@pytest.mark.parametrize(
    "link", [{"detector-layer": "conv_1"}, {"detector-layer": "half", "detector-map": "16"}]
)
def test_a_wrong_link_is_told(link: dict[str, str]) -> None:
    view = drawn(link)
    assert "link asks for" in view.warning[0].value
    assert "Map 0 of" in " ".join(heading.value for heading in view.header)


def test_a_layer_without_kernels_has_maps() -> None:
    view = drawn({"detector-layer": "context_1_sum"})
    assert "This layer is no convolution, so it has no kernels" in said(view)
    assert list(grids(view)) == ["Feature maps"]


def test_an_output_s_maps_are_named() -> None:
    view = drawn({"detector-layer": "places", "detector-map": "5"})
    assert "It is the offset to the center, to the right, unit 16 pixels." in said(view)
    assert "**Bias**" in said(view)


def test_kernels_and_maps_are_sorted_alike() -> None:
    view = drawn({"detector-layer": "quarter"}, **{COPY: 60})
    view.selectbox(key="filters-detector-order").select("strength").run()
    (copy,) = [answer for answer in answers(example_page()) if answer.side == 60]
    order = strongest_maps(layer_maps(copy.pixels, "quarter"), 24)
    assert numbers(grids(view)["Kernels"]) == numbers(grids(view)["Feature maps"]) == order


def test_without_a_picture_of_one_s_own_it_says_where_to_open_one() -> None:
    view = drawn()
    view.button_group(key="filters-detector-picture").set_value("Your picture").run()
    assert not view.exception
    assert "Open a picture on the Predict page" in said(view)
    assert not grids(view)


def test_one_s_own_picture_is_looked_at() -> None:
    name = "my [page].png"
    pixels = np.repeat(example_page()[..., None], 3, axis=2)[:200]
    state = {"last_opened_picture": (name, pixels), "filters-detector-picture": "Your picture"}
    view = drawn(**state)
    assert "my \\[page\\].png, 480×200 pixels" in said(view)
    assert re.match(r"\d+ pixels: \d+ digit", view.selectbox(key=COPY).options[0])


def test_a_picture_that_is_too_small_is_told() -> None:
    tiny = np.zeros((2, 3, 3), np.uint8)
    state = {"last_opened_picture": ("t.png", tiny), "filters-detector-picture": "Your picture"}
    assert "only 3×2 pixels" in drawn(**state).error[0].value
