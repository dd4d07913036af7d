"""What other runs answer on a digit, and how one run's answer came about."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from cachetools import LRUCache
from numpy.typing import NDArray

from core.data import mnist
from core.data.statistics import USUAL_DISTANCE, describe_distance, nearest_neighbors
from core.evaluation.epoch_predictions import all_epoch_predictions as stored_over_epochs
from core.inference import other_runs as other_runs_module
from core.inference.other_runs import (
    MAX_RUNS,
    EpochPredictions,
    calibrated_probabilities,
    epoch_predictions,
    is_loaded,
    load_all,
    other_runs,
    run_predictions,
)
from core.inference.predictor import load_predictor
from core.inference.temperature import run_temperature
from core.runs import registry
from core.runs.run import Run, epoch_file
from core.utils.errors import RunError
from tests.conftest import Trained
from tests.helpers.networks import network_of

SAMPLE = mnist.load("mnist-sample").test


@pytest.fixture
def nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has not opened a network yet."""
    monkeypatch.setattr(other_runs_module, "_networks", LRUCache(other_runs_module._NETWORKS_KEPT))


@pytest.fixture
def only_shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No runs but those that ship, and the folder for others."""
    monkeypatch.setenv("DIGITSCOPE_RUNS", str(tmp_path))
    return tmp_path


def calibrated_by_hand(name: str, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities to the power 1 / T, made to sum to 1 again; T is the run's temperature."""
    powers = probabilities.astype(np.float64) ** (1 / run_temperature(registry.find_run(name)))
    return np.asarray(powers / powers.sum())


def own(folder: Path, trained: Trained, name: str, year: int, **changes: object) -> None:
    """A copy of the small trained run, of another name and day."""
    shutil.copytree(trained.run.folder, folder / name)
    info = trained.run.info
    created = info.created.replace(year=year)
    changed = info.model_copy(update={"id": name, "created": created, **changes})
    (folder / name / "run.json").write_text(changed.model_dump_json(), encoding="utf-8")


def test_all_other_runs_with_a_network_are_asked_shipped_first_then_the_newest(
    only_shipped: Path, trained: Trained
) -> None:
    own(only_shipped, trained, "older", 2021)
    own(only_shipped, trained, "newer", 2024)
    own(only_shipped, trained, "untrained", 2025, model_sha256="")
    (only_shipped / "broken").mkdir()
    others, left_out = other_runs(registry.find_run("best"))
    shipped = [run.id for run in registry.list_shipped() if run.id != "best"]
    assert [run.id for run in others] == [*shipped, "newer", "older"]
    assert left_out == 0


def test_no_more_than_so_many_are_asked(only_shipped: Path, trained: Trained) -> None:
    for k in range(MAX_RUNS):
        own(only_shipped, trained, f"mine-{k:02}", 2001 + k)
    others, left_out = other_runs(registry.find_run("best"))
    shipped = len(registry.list_shipped()) - 1
    assert len(others) == MAX_RUNS
    assert left_out == shipped
    assert others[-1].id == f"mine-{shipped:02}"


@pytest.mark.usefixtures("nothing_open")
def test_they_answer_as_they_would_in_use() -> None:
    asked = [registry.find_run("fast"), registry.find_run("soorya")]
    told: list[tuple[int, int]] = []
    assert not is_loaded(asked)
    load_all(asked, lambda done, total: told.append((done, total)))
    assert is_loaded(asked)
    assert told == [(0, 2), (1, 2), (2, 2)]
    for image in SAMPLE.images[:5]:
        for prediction in run_predictions(asked, image):
            expected = load_predictor(network_of(prediction.run)).probabilities(image[None])[0]
            assert prediction.answer == expected.argmax()
            assert prediction.confidence == pytest.approx(
                calibrated_by_hand(prediction.run, expected)[prediction.answer]
            )
            assert not prediction.problem
    wrong = registry.find_run("fast").info.metrics["mnist"].wrong
    assert prediction.name == "soorya"
    assert run_predictions(asked, image)[0].mistakes == f"{wrong} of 10,000"


@pytest.mark.usefixtures("nothing_open")
def test_visitors_networks_are_not_pushed_out() -> None:
    from core.inference import predictor

    before = list(predictor._ready)
    run_predictions(
        [registry.find_run("katariya"), registry.find_run("kundathil")], SAMPLE.images[0]
    )
    assert list(predictor._ready) == before


@pytest.mark.usefixtures("nothing_open")
def test_a_run_that_cannot_be_opened_breaks_no_other(only_shipped: Path, trained: Trained) -> None:
    own(only_shipped, trained, "damaged", 2022)
    (only_shipped / "damaged" / "model.keras").write_bytes(b"no network")
    asked = [registry.find_run("damaged"), registry.find_run("fast")]
    damaged, sound = run_predictions(asked, SAMPLE.images[0])
    assert "damaged" in damaged.problem or "model.keras" in damaged.problem
    assert sound.answer == SAMPLE.labels[0]
    assert is_loaded(asked)


@pytest.mark.usefixtures("nothing_open")
def test_opening_stops_where_its_report_raises() -> None:
    class StopError(Exception):
        pass

    def report(done: int, _total: int) -> None:
        if done == 1:
            raise StopError

    asked = [registry.find_run("fast"), registry.find_run("purawr")]
    with pytest.raises(StopError):
        load_all(asked, report)
    assert is_loaded(asked[:1])
    assert not is_loaded(asked)


@pytest.mark.parametrize("name", ["fast", "soorya"])
def test_the_answers_over_the_epochs_are_those_that_are_stored(name: str) -> None:
    run = registry.find_run(name)
    stored = stored_over_epochs(run, "mnist-sample")
    for index in (0, 57):
        answers = epoch_predictions(run, SAMPLE.images[index])
        assert answers.epochs == (*run.epochs(), None)
        expected = [
            calibrated_by_hand(name, predictions.probabilities[index]) for predictions in stored
        ]
        assert answers.probabilities[:-1] == pytest.approx(np.stack(expected), abs=2e-3)
        finished = load_predictor(network_of(name)).probabilities(SAMPLE.images[index][None])[0]
        by_hand = calibrated_by_hand(name, finished)
        assert answers.probabilities[-1] == pytest.approx(by_hand, abs=1e-5)
        assert calibrated_probabilities(network_of(name))(SAMPLE.images[index][None])[
            0
        ] == pytest.approx(by_hand, abs=1e-6)


def test_an_epoch_that_cannot_be_read_is_left_out(only_shipped: Path, trained: Trained) -> None:
    own(only_shipped, trained, "holed", 2022)
    kept = registry.find_run("holed").epochs()
    assert len(kept) == 2
    epoch_file(only_shipped / "holed", kept[0]).write_bytes(b"nothing")
    assert epoch_predictions(registry.find_run("holed"), SAMPLE.images[0]).epochs == (kept[1], None)


def test_without_any_weights_there_is_a_sentence(only_shipped: Path, trained: Trained) -> None:
    own(only_shipped, trained, "empty", 2022, model_sha256="")
    shutil.rmtree(only_shipped / "empty" / "epochs")
    run = Run(only_shipped / "empty", registry.find_run("empty").info)
    with pytest.raises(RunError, match="keeps no weights that can be read"):
        epoch_predictions(run, SAMPLE.images[0])


def test_answers_are_told_as_long_as_they_lasted() -> None:
    def sure_of(*digits: int | None) -> NDArray[np.float32]:
        rows = [np.full(10, np.nan) if k is None else np.eye(10)[k] for k in digits]
        return np.array(rows, np.float32)

    answers = EpochPredictions((1, 2, 3, 5, 8, None), sure_of(7, 7, None, 9, 9, 4))
    assert answers.answer_periods() == [(7, 1), (9, 5), (4, None)]
    assert EpochPredictions((1, None), sure_of(None, None)).answer_periods() == []


def test_nearness_is_held_against_what_is_usual() -> None:
    distances = [
        nearest_neighbors(SAMPLE.images[k], "mnist-sample", 1)[0].distance
        for k in range(0, 1000, 8)
    ]
    tenth, half, most, _ = USUAL_DISTANCE["mnist-sample"]
    assert np.percentile(distances, [10, 50, 90]) == pytest.approx([tenth, half, most], abs=4)
    assert describe_distance("mnist-sample", 0) == "nearer than 9 of 10 test digits have one"
    assert "most" in describe_distance("mnist-sample", 40)
    assert "about" in describe_distance("mnist-sample", 50)
    assert describe_distance("mnist", 55) == "farther than 9 of 10 test digits have one"
    assert "hardly any like it" in describe_distance("mnist", 90)
