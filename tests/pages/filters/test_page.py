"""The filter page's frame without a browser: which network, which digit, which view, and faults."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import core.explain.activations  # noqa: F401 - TensorFlow first here, not in a script's thread
from core import ROOT
from core.data import mnist
from core.explain.detector_layers import example_page
from core.figures.images import png_bytes
from core.inference.other_runs import calibrated_probabilities
from core.inference.predictor import load_predictor
from core.runs import registry
from core.utils.text import percent
from pages.widgets.filters.choices import FORMER_NAMES
from pages.widgets.shared.markdown import plain
from tests.helpers.networks import network_of
from tests.helpers.opening import open_page
from tests.helpers.views import RUN_VIEWS
from tests.pages.train.test_page import said

pytestmark = pytest.mark.usefixtures("only_sample")
TEST = mnist.load("mnist-sample").test


def opened(app: AppTest, **link: str) -> AppTest:
    """The filter page by a link."""
    return open_page(app, "filters", **link)


@pytest.mark.parametrize("view", RUN_VIEWS)
@pytest.mark.parametrize("run", ["purawr", "best"])  # without a convolution; with all there is
def test_every_view_stands_for_every_kind_of_network(app: AppTest, run: str, view: str) -> None:
    opened(app, run=run, index="3", inside=view)
    assert not app.error
    read = int(load_predictor(network_of(run)).probabilities(TEST.images[3:4]).argmax())
    words = said(app)
    assert f"Test digit 3, labeled **{TEST.labels[3]}**. **{run}** reads **{read}**" in words


def test_the_probability_is_the_calibrated_one_as_on_predict(app: AppTest) -> None:
    network = network_of("best")
    opened(app, run="best", index="0")
    image = TEST.images[:1]
    softmax = float(load_predictor(network).probabilities(image).max())
    calibrated = float(calibrated_probabilities(network)(image).max())
    assert percent(softmax) != percent(calibrated)
    (told,) = (element for element in app.markdown if "**best** reads" in element.value)
    assert f"({plain(percent(calibrated))})" in told.value
    assert f"(softmax) is {plain(percent(softmax))}." in told.help


def test_a_link_carries_epoch_and_training_digit(app: AppTest) -> None:
    opened(app, run="yalcin", epoch="9", index="7", split="train")
    label = mnist.load("mnist-sample").train.labels[7]
    assert f"Training digit 7, labeled **{label}**. **yalcin (epoch 9)** reads" in said(app)


def test_an_index_beyond_the_last_is_told_and_the_views_wait(app: AppTest) -> None:
    opened(app, run="yalcin", index="99999")
    assert "There is no such digit here: the last one of this split is 999." in said(app)


@pytest.mark.parametrize("name", ["conv_9", "<script>", "conv_1 ", "9" * 3000])
def test_a_layer_that_does_not_exist_is_told(app: AppTest, name: str) -> None:
    opened(app, run="yalcin", index="3", inside="Feature maps", layer=name)
    assert "has no layer of the name that the link asks for" in said(app)


@pytest.mark.parametrize("number", ["28", "-1", "x", "9" * 400])
def test_a_map_that_does_not_exist_is_told(app: AppTest, number: str) -> None:
    opened(app, run="yalcin", index="3", inside="Feature maps", layer="conv_1", map=number)
    assert "The link asks for a map that does not exist: this layer has 28" in said(app)


def test_another_run_keeps_to_its_own_layers(app: AppTest) -> None:
    opened(app, run="best", index="3", inside="Feature maps", layer="conv_6")
    app.selectbox(key="run").set_value("purawr").run()
    assert not app.exception
    assert not app.error


def test_the_digit_detector_needs_neither_a_run_nor_a_digit(
    app: AppTest, run_folders: tuple[Path, Path]
) -> None:
    opened(app, inside="Digit detector")
    assert "fully convolutional network" in said(app)
    assert not app.get("number_input")  # of the digit's index
    app.button_group(key="inside").set_value("Feature maps").run()
    assert not app.exception
    assert "There is no run to use" in app.error[-1].value


def test_the_digit_detector_looks_at_the_picture_of_the_predict_page(app: AppTest) -> None:
    app.switch_page("pages/predict.py")
    app.run()
    app.button_group(key="way").set_value("Upload").run()
    pixels = np.repeat(example_page()[..., None], 3, axis=2)[:140]
    app.file_uploader(key="upload").set_value([("p.png", png_bytes(pixels), "image/png")]).run()
    opened(app, inside="Digit detector")
    app.button_group(key="filters-detector-picture").set_value("Your picture").run()
    assert not app.exception
    assert "p.png, 480×140 pixels" in said(app)


def test_nothing_is_asked_of_the_detector_before_its_view_is_chosen(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("the detector was asked")

    monkeypatch.setattr("core.preprocessing.page.detector.load_detector", refused)
    opened(app, run="fast", index="3")
    assert not app.error


@pytest.fixture
def own(run_folders: tuple[Path, Path]) -> Path:
    source = ROOT / "models" / "purawr"
    return Path(shutil.copytree(source, run_folders[1] / "mine"))


def test_a_run_that_is_deleted_meanwhile_breaks_nothing(app: AppTest, own: Path) -> None:
    opened(app, run="mine", index="3")
    shutil.rmtree(own)
    app.run()
    assert not app.exception
    assert "There is no run to use" in said(app)


def test_a_damaged_network_is_told(app: AppTest, own: Path) -> None:
    (own / "model.keras").write_bytes(b"no network")
    opened(app, run="mine", index="3")
    assert "is damaged or not the one that its training wrote" in said(app)


def test_a_run_in_training_is_shown_after_its_last_epoch(
    app: AppTest, own: Path, run_folders: tuple[Path, Path]
) -> None:
    shutil.copytree(ROOT / "models" / "fast", own.parent / "ready")
    info = json.loads((own / "run.json").read_text())
    info.update(status="running", model_sha256="", metrics={})
    (own / "run.json").write_text(json.dumps(info))
    (own / "model.keras").unlink()
    opened(app, run="ready", index="3")
    app.selectbox(key="filters-training").set_value("mine").run()
    assert f"**mine (epoch {registry.read_run(own).epochs()[-1]})** reads" in said(app)
    assert not app.error


def test_without_a_drawing_it_asks_for_one(app: AppTest) -> None:
    opened(app, run="yalcin")
    app.button_group(key="filters-way").set_value("Draw").run()
    assert not app.exception
    assert "Draw a digit, and the network's layers appear." in said(app)


@pytest.mark.parametrize(("former", "view"), FORMER_NAMES.items())
def test_links_of_former_versions_open_the_same_view(app: AppTest, former: str, view: str) -> None:
    opened(app, run="purawr", index="3", inside=former)
    assert app.button_group(key="inside").value == view
