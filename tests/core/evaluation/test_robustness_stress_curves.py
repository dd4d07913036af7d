"""The stored stress curves: of shipped runs, of others, and of those that were meddled with."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.data import mnist
from core.data.corruptions import CORRUPTION_BY_NAME, CORRUPTIONS
from core.data.normalization import scale
from core.evaluation.robustness import (
    load_robustness_curves,
    measure_robustness,
    write_robustness_curves,
)
from core.figures.comparison_charts import robustness_chart
from core.recipes.keras_model import build_model
from core.runs import registry
from core.runs.run import Run
from core.runs.writer import write_info
from core.utils.errors import RunError

SHIPPED = [run.id for run in registry.list_shipped()]


@pytest.fixture
def copy(tmp_path: Path) -> Run:
    """The run `purawr`, to be meddled with."""
    folder = tmp_path / "mine"
    shutil.copytree(registry.SHIPPED_FOLDER / "purawr", folder)
    return registry.read_run(folder)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_run_has_its_curves_and_they_meet_its_test_score(name: str) -> None:
    run = registry.find_run(name)
    curves = load_robustness_curves(run)
    assert curves
    for kind in CORRUPTIONS:
        curve = curves.kinds[kind.name]
        assert curve.values == kind.values
        unchanged = curve.wrong[curve.values.index(kind.neutral)]
        assert unchanged == run.info.metrics["mnist-sample"].wrong
        assert max(curve.wrong) > 5 * unchanged + 20 or kind.name == "thickness"


def test_a_stored_count_is_what_keras_itself_counts() -> None:
    run = registry.find_run("fast")
    model = build_model(run.info.recipe.architecture)
    model.load_weights(run.model_file)
    digits = mnist.load("mnist-sample").test
    turned = np.rot90(digits.images, k=-1, axes=(1, 2))
    answers = model.predict(scale(turned, run.info.recipe.scaling), verbose=0).argmax(axis=1)
    curves = load_robustness_curves(run)
    assert curves
    assert curves.kinds["rotation"].wrong[-1] == (answers != digits.labels).sum()
    negative = model.predict(scale(255 - digits.images, run.info.recipe.scaling), verbose=0)
    assert curves.kinds["invert"].wrong[-1] == (negative.argmax(axis=1) != digits.labels).sum()


def test_measured_again_it_is_the_same_and_is_kept(
    copy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = load_robustness_curves(copy)
    assert shipped
    (copy.folder / "stress.json").unlink()
    assert load_robustness_curves(copy) is None
    two = ("invert", "occlude")
    monkeypatch.setattr(
        "core.evaluation.robustness.CORRUPTIONS", [CORRUPTION_BY_NAME[name] for name in two]
    )
    told: list[tuple[int, int]] = []
    curves = measure_robustness(copy, lambda done, total: told.append((done, total)))
    assert curves.kinds == {name: shipped.kinds[name] for name in two}
    assert told[-1] == (20, 21)  # twice 11 values; no change at all is read once
    write_robustness_curves(copy, curves)
    assert load_robustness_curves(copy) == curves


def test_it_can_be_stopped(copy: Run) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        measure_robustness(copy, stop)


@pytest.mark.parametrize(
    "change",
    [
        {"model_sha256": "0" * 64},
        {"format": 2},
        {"n": 5},  # fewer than were wrong
        {"n": "many"},
        {"kinds": {}},
        {"kinds": {"rotation": {"values": [0, 1], "wrong": [3]}}},
        {"kinds": {"rotation": {"values": [1, 0], "wrong": [3, 3]}}},
        {"kinds": {"rotation": {"values": [0, float("nan")], "wrong": [3, 3]}}},
        {"kinds": {"mystery": {"values": [0], "wrong": [3]}}},
    ],
)
def test_a_file_that_is_not_of_this_network_or_not_whole_counts_as_none(
    copy: Run, change: dict[str, object]
) -> None:
    assert load_robustness_curves(copy)
    file = copy.folder / "stress.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert load_robustness_curves(copy) is None


def test_a_file_that_is_cut_off_counts_as_none(copy: Run) -> None:
    file = copy.folder / "stress.json"
    file.write_bytes(file.read_bytes()[:500])
    assert load_robustness_curves(copy) is None


def test_a_run_that_was_deleted_or_trained_on_meanwhile_is_told(copy: Run) -> None:
    curves = load_robustness_curves(copy)
    assert curves
    write_info(copy.folder, copy.info.model_copy(update={"model_sha256": "1" * 64}))
    with pytest.raises(RunError, match="was trained on meanwhile"):
        write_robustness_curves(copy, curves)
    shutil.rmtree(copy.folder)
    with pytest.raises(RunError, match="There is no run 'mine'"):
        write_robustness_curves(copy, curves)


def test_curves_of_another_run_are_not_kept(copy: Run) -> None:
    other = load_robustness_curves(registry.find_run("fast"))
    assert other
    with pytest.raises(RunError, match="not of the network"):
        write_robustness_curves(copy, other)


def test_the_figure_shows_accuracies_and_the_sliders_place() -> None:
    by_run = {name: load_robustness_curves(registry.find_run(name)) for name in ("purawr", "fast")}
    figure = robustness_chart(
        CORRUPTION_BY_NAME["noise"], {k: v for k, v in by_run.items() if v}, 30, "#123456"
    )
    first = figure.data[0]
    wrong = json.loads((registry.SHIPPED_FOLDER / "purawr/stress.json").read_text())["kinds"][
        "noise"
    ]
    assert list(first.x) == wrong["values"]
    assert first.y[0] == pytest.approx(100 - wrong["wrong"][0] / 10)
    assert [line.name for line in figure.data] == ["purawr", "fast"]
    assert figure.data[0].line.dash != figure.data[1].line.dash
    assert figure.layout.shapes[0].x0 == 30
