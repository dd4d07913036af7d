"""Runs as records of TensorBoard and MLflow: opened with these programs' own readers."""

import json
import sys
from pathlib import Path

import mlflow
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.__main__ import main
from core.export.training_logs import export_logs, run_log
from core.runs import registry
from core.runs.run import Run
from core.utils.errors import RunError
from tests.helpers.made_experiments import experiment, finish


def client(folder: Path) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    return {
        tag: [(event.step, event.value) for event in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }


@pytest.fixture
def shipped() -> Run:
    return registry.find_run("katariya")


def test_tensorboard_reads_each_epoch_at_its_time(shipped: Run, tmp_path: Path) -> None:
    export_logs([shipped], "tensorboard", tmp_path)
    read = scalars(tmp_path / "katariya")
    history = shipped.history()
    for column in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
        epochs, values = zip(*read[f"epoch/{column}"], strict=True)
        assert list(epochs) == list(history["epoch"])
        assert values == pytest.approx(tuple(history[column]))
    steps = [step for step, _ in read["batch/loss"]]
    assert steps == sorted(set(steps))
    per_epoch = shipped.info.recipe.steps_per_epoch(shipped.info.provenance.n_train)
    assert steps[-1] == per_epoch * len(history)
    assert read["test/mnist/accuracy"][0][1] == pytest.approx(
        shipped.info.metrics["mnist"].accuracy
    )
    reader = EventAccumulator(str(tmp_path / "katariya"))
    reader.Reload()
    times = [event.wall_time for event in reader.Scalars("epoch/loss")]
    assert times[-1] - times[0] == pytest.approx(history["seconds"][1:].sum(), rel=0.2)


def test_mlflow_reads_settings_curves_and_results(shipped: Run, tmp_path: Path) -> None:
    export_logs([shipped], "mlflow", tmp_path)
    reader = client(tmp_path)
    (found,) = reader.search_experiments(filter_string="name = 'Digitscope'")
    (run,) = reader.search_runs([found.experiment_id])
    assert run.info.run_name == "katariya"
    assert run.info.status == "FINISHED"
    assert run.data.params["optimizer.learning_rate"] == str(
        shipped.info.recipe.optimizer.learning_rate
    )
    history = reader.get_metric_history(run.info.run_id, "epoch/val_loss")
    assert [metric.value for metric in history] == pytest.approx(
        list(shipped.history()["val_loss"])
    )
    assert run.data.metrics["test/mnist/accuracy"] == shipped.info.metrics["mnist"].accuracy


@pytest.mark.usefixtures("run_folders")
def test_what_a_crash_made_void_is_left_out() -> None:
    made = finish(experiment(), 0)
    folder = made.run_folder(0)
    started = {"event": "Started", "time": 1.0, "epochs": 2, "steps": 10, "n_train": 100}
    started |= {"n_validation": 0, "parameters": 5, "first_step": 0}
    batch = {"event": "Progress", "learning_rate": 0.1, "images_per_second": 9.0, "accuracy": 0.5}
    lines = [
        started,
        batch | {"time": 2.0, "epoch": 1, "step": 4, "loss": 2.0},
        batch | {"time": 3.0, "epoch": 1, "step": 9, "loss": 1.9},
        started | {"time": 9.0, "first_step": 5},
        batch | {"time": 10.0, "epoch": 1, "step": 8, "loss": 1.5},
        batch | {"time": 11.0, "epoch": 1, "step": 10, "loss": None},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "events.jsonl").write_text(f"{text}no event\n")
    figures = run_log(registry.read_run(folder)).figures
    losses = [(each.step, each.value, each.time) for each in figures if each.name == "batch/loss"]
    assert losses == [(4, 2.0, 2.0), (8, 1.5, 10.0)]


@pytest.mark.usefixtures("run_folders")
def test_an_experiment_is_exported_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = finish(finish(experiment(), 0), 1)
    for target in ("tensorboard", "mlflow"):
        arguments = ["export-logs", made.id, "--to", target, "--out", str(tmp_path / target)]
        assert main(arguments) == 0
        assert main(arguments) == 1
        assert "already" in capsys.readouterr().err
    reader = client(tmp_path / "mlflow")
    (found,) = reader.search_experiments(filter_string=f"name = '{made.id}'")
    assert len(reader.search_runs([found.experiment_id])) == 2
    folders = sorted(path.name for path in (tmp_path / "tensorboard" / made.id).iterdir())
    assert folders == [f"{made.id}-001", f"{made.id}-002"]


def test_what_cannot_be_exported_is_said(
    shipped: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export-logs", "katariya", "--to", "wandb"]) == 1
    assert "There are: tensorboard, mlflow." in capsys.readouterr().err
    assert main(["export-logs", "nobody", "--to", "mlflow"]) == 1
    for package, target in (("tensorboardX", "tensorboard"), ("mlflow", "mlflow")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(RunError, match=r"pip install -r requirements-logs\.txt"):
            export_logs([shipped], target, tmp_path)
