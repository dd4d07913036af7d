"""A run and the training that went on with its network, as one run (`models/best` is made so)."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks._joined_run import join
from core.export.keras_script import script_header
from core.export.run_report import run_report
from core.jobs.live_run import LiveRun
from core.runs import registry
from core.runs.run import Pens, Run
from core.utils.errors import RunError
from tests.conftest import Trained

PENS = Pens(epochs=2, redrawn=81_000, learning_rate=0.001, seed=2)


@pytest.fixture
def longer(trained: Trained, tmp_path: Path) -> Run:
    """The second training: two epochs of twice as many batches, broken off once on the way."""
    folder = tmp_path / "longer"
    (folder / "epochs").mkdir(parents=True)
    for name in ("run.json", "model.keras", "test_predictions.npz"):
        (folder / name).write_bytes((trained.run.folder / name).read_bytes())
    for k in (1, 2):
        name = f"epochs/epoch_{k:02d}.npz"
        (folder / name).write_bytes((trained.run.folder / name).read_bytes())
    history = trained.run.history()
    history["loss"] = [0.5, 0.25]
    history.to_csv(folder / "history.csv", index=False)
    steps = 2 * _events(trained.run)[0]["steps"]
    started = {"event": "Started", "epochs": 2, "steps": steps, "n_train": 9, "parameters": 1}
    ended = {"event": "EpochEnded", "val_loss": None, "val_accuracy": None, "seconds": 9.0}
    figures = {"loss": 0.5, "accuracy": 0.9, "learning_rate": 0.001}
    batches = {"event": "Progress", "images_per_second": 10.0, **figures}
    told = [
        started | {"time": 9e9, "n_validation": 0, "first_step": 0},
        batches | {"time": 9e9 + 1, "epoch": 1, "step": steps},
        ended | figures | {"time": 9e9 + 2, "epoch": 1, "steps": steps},
        batches | {"time": 9e9 + 3, "epoch": 2, "step": steps // 2},  # killed after this
        started | {"time": 9e9 + 50_000, "n_validation": 0, "first_step": steps},
        batches | {"time": 9e9 + 50_001, "epoch": 2, "step": steps},
        ended | figures | {"time": 9e9 + 50_002, "epoch": 2, "steps": steps},
        {"event": "Ended", "time": 9e9 + 50_003, "status": "finished", "seconds": 4.0},
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in told))
    return registry.read_run(folder)


def _events(run: Run) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]


@pytest.fixture
def joined(trained: Trained, longer: Run, tmp_path: Path) -> Run:
    join(trained.run, longer, PENS, tmp_path / "joined")
    return registry.read_run(tmp_path / "joined")


def test_its_epochs_are_counted_on(joined: Run, trained: Trained) -> None:
    assert joined.history()["epoch"].tolist() == [1, 2, 3, 4]
    assert joined.history()["loss"].tolist()[2:] == [0.5, 0.25]
    assert joined.epochs() == [1, 2, 4]  # and not 3: the recipe's last one stays
    network = trained.run.epoch_weights(2)
    for array, expected in zip(joined.epoch_weights(4), network, strict=True):
        np.testing.assert_array_equal(array, expected)
    assert joined.info.recipe == trained.run.info.recipe
    assert (joined.info.epochs_planned, joined.info.epochs_done) == (4, 4)
    assert joined.check_model() == trained.run.check_model()


def test_its_curves_go_on_where_the_first_training_ended(joined: Run) -> None:
    live = LiveRun.from_finished_run(joined)
    assert live.epochs["x"].tolist() == [1, 2, 3, 4]
    assert live.fraction == 1
    x = live.curve(10_000).x
    assert np.all(np.diff(x) > 0)
    assert x[-1] == 4
    assert {2.5, 3.0, 3.5, 4.0} >= set(x[x > 2].tolist())
    # Neither the night between both trainings nor the one before it went on is told as training.
    times = [event["time"] for event in _events(joined)]
    assert np.all(np.diff(times) >= 0)
    assert times[-1] - times[0] < 1_000


def test_report_code_and_run_tell_of_the_pens(joined: Run) -> None:
    words = "After the 2 epochs of its recipe it was trained for 2 more, on 81,000 redrawn digits"
    assert words in run_report(joined)
    assert words in " ".join(script_header(joined.info.recipe, joined, proved=True))
    assert "The training ended after 4 of 4 epochs." in run_report(joined)


def test_no_run_is_overwritten(joined: Run, trained: Trained, longer: Run) -> None:
    with pytest.raises(RunError, match="there already"):
        join(trained.run, longer, PENS, joined.folder)
