"""The run in use and its epoch: which runs are offered, and what a link may ask for."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax
from streamlit.testing.v1 import AppTest

from core.data.normalization import scale
from core.inference.temperature import run_temperature
from core.preprocessing.mnist_format import find_digit
from core.recipes.keras_model import build_model
from core.runs import registry
from core.runs.permissions import JobCard, write_card
from core.utils import text
from tests.pages import test_app
from tests.pages.test_app import SEVEN, everything_said, own_copy, png, predict_page

no_own_runs = test_app.no_own_runs

FINISHED = "the finished network"


def keras_is_sure(run_id: str, epoch: int | None) -> str:
    """How sure Keras itself is of the drawn seven, calibrated, with its stored weights."""
    run = registry.find_run(run_id)
    model = build_model(run.info.recipe.architecture)
    if epoch is None:
        model.load_weights(run.model_file)
    else:
        with np.load(run.folder / "epochs" / f"epoch_{epoch:02d}.npz") as archive:
            model.set_weights([archive[f"w{k}"] for k in range(len(archive.files))])
    pixels = np.asarray(Image.open(io.BytesIO(png(SEVEN))).convert("RGB"))
    digit = find_digit(pixels).pixels[None]
    answer = model.predict(scale(digit, run.info.recipe.scaling))[0].astype(np.float64)
    return text.percent(float(softmax(np.log(answer) / run_temperature(run)).max()))


def picked(app: AppTest) -> list[Any]:
    """The run and the epoch in use."""
    return [app.selectbox(key="run").value, app.select_slider(key="epoch").value]


def test_a_link_shows_a_run_at_an_epoch_and_the_answer_says_so(app: AppTest) -> None:
    assert keras_is_sure("soorya", 1) != keras_is_sure("soorya", None)
    app.query_params["run"] = "soorya"
    predict_page(app, png(SEVEN))
    assert f"with a probability of {keras_is_sure('soorya', None)}" in everything_said(app)
    assert "after epoch" not in everything_said(app)
    app.select_slider(key="epoch").set_value("1").run()
    assert f"with a probability of {keras_is_sure('soorya', 1)}" in everything_said(app)
    assert "after epoch 1 of 5" in everything_said(app)


def test_the_epochs_offered_are_those_whose_weights_are_kept(app: AppTest) -> None:
    app.query_params.update(run="best", epoch="2")
    app.run()
    picker = app.select_slider(key="epoch")
    kept = sorted(int(file.stem[-2:]) for file in registry.SHIPPED_FOLDER.glob("best/epochs/*.npz"))
    assert len(kept) > 2
    assert picker.options == [*map(str, kept), FINISHED]
    assert picker.value == "2"
    assert "The results above are of the finished network." in everything_said(app)


@pytest.mark.parametrize("asked", ["3", "0", "-1", "1.0", "17", "two", "9" * 500, "[x](http://y)"])
def test_an_epoch_that_is_not_kept_gets_a_sentence_and_the_finished_network(
    app: AppTest, asked: str
) -> None:
    app.query_params.update(run="best", epoch=asked)
    app.run()
    assert not app.exception
    assert app.select_slider(key="epoch").value is None
    said = app.warning[0].value
    assert "“best”, which is not kept. It keeps the epochs 1, 2, " in said
    assert "http:" not in said
    assert len(said) < 250


def test_an_epoch_of_a_run_that_keeps_none(app: AppTest, no_own_runs: Path) -> None:
    for file in own_copy(no_own_runs).glob("epochs/*"):
        file.unlink()
    app.query_params.update(run="mine", epoch="1")
    app.run()
    assert not app.exception
    assert app.select_slider(key="epoch").disabled
    assert "It keeps no single epochs" in app.warning[0].value


def test_another_run_begins_with_its_finished_network(app: AppTest) -> None:
    app.query_params.update(run="yalcin", epoch="1")
    app.run()
    app.selectbox(key="run").set_value("soorya").run()
    assert "1" in app.select_slider(key="epoch").options
    assert app.select_slider(key="epoch").value is None
    assert not app.warning


def test_a_followed_link_brings_its_epoch(app: AppTest) -> None:
    app.query_params["run"] = "yalcin"
    app.run()
    app.query_params.update(run="soorya", epoch="2")
    app.run()
    assert picked(app) == ["soorya", "2"]


def test_an_address_that_follows_the_slider_is_no_link(app: AppTest) -> None:
    app.query_params.update(run="purawr", epoch="2")
    app.run()
    app.select_slider(key="epoch").set_value("3").run()
    # The browser has written the 3 into the address; meanwhile a button moves the slider on.
    app.query_params["epoch"] = "3"
    app.session_state["epoch"] = "4"
    app.run()
    assert picked(app) == ["purawr", "4"]
    app.query_params["epoch"] = "2"  # this one was followed
    app.run()
    assert picked(app) == ["purawr", "2"]


def test_a_run_that_is_deleted_takes_its_epoch_along(app: AppTest, no_own_runs: Path) -> None:
    copy = own_copy(no_own_runs)
    app.query_params.update(run="mine", epoch="1")
    app.run()
    assert picked(app) == ["mine", "1"]
    copy.rename(no_own_runs / ".deleted")
    app.run()
    assert not app.exception
    assert picked(app) == ["best", None]
    assert "“mine” that does not exist here" in app.warning[0].value


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"status": "queued"}, "waits to be trained: watch it on the Train page"),
        ({"status": "running"}, "is still being trained: watch it on the Train page"),
        (
            {"status": "failed", "error": "The disk is full_*."},
            r"has no network; another one is in use. The disk is full\_\*.",
        ),
        ({"status": "stopped"}, "Its training ended before a network was saved."),
    ],
)
def test_a_run_without_a_network_is_not_offered_and_a_link_to_it_is_explained(
    app: AppTest, no_own_runs: Path, changes: dict[str, Any], sentence: str
) -> None:
    own_copy(no_own_runs, model_sha256="", metrics={}, **changes)
    app.query_params["run"] = "mine"
    app.run()
    assert not app.exception
    assert "mine" not in app.selectbox(key="run").options
    assert app.selectbox(key="run").value == "best"
    assert "“mine”" in app.warning[0].value
    assert sentence in app.warning[0].value


def test_a_run_that_is_trained_further_stays_in_use_meanwhile(
    app: AppTest, no_own_runs: Path
) -> None:
    own_copy(no_own_runs, status="running")  # with the network of its first training
    app.query_params["run"] = "mine"
    app.run()
    assert app.selectbox(key="run").value == "mine"
    assert not app.warning


def test_a_title_is_shown_as_it_was_written(app: AppTest, no_own_runs: Path) -> None:
    write_card(own_copy(no_own_runs), JobCard(title="my *first*\n# net"))
    app.query_params["run"] = "mine"
    app.run()
    assert app.sidebar.caption[0].value.startswith(r"“my \*first\* # net”: ")
    assert "mine" in app.selectbox(key="run").options
    app.selectbox(key="run").set_value("best").run()
    assert "“" not in app.sidebar.caption[0].value
