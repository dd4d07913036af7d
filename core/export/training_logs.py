"""Runs as the records of other programs: TensorBoard's event files, MLflow's tracking store.

What a run's folder says is written anew with the time at which it happened, so the curves of these
programs have the same axes as if they had watched the training. Their libraries are optional
(`requirements-logs.txt`) and imported here only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

from core.experiments.settings import VARIABLE_SETTINGS, value_in
from core.recipes.descriptions import describe_layer
from core.runs.messages import EpochEnded, Progress, Started, read_events
from core.runs.permissions import read_card
from core.runs.run import Run
from core.utils.errors import RunError

LogFormat = Literal["tensorboard", "mlflow"]
_PACKAGES: Final[dict[LogFormat, tuple[str, str]]] = {
    "tensorboard": ("tensorboardX", "TensorBoard's event files"),
    "mlflow": ("mlflow", "MLflow's records"),
}
_EXPERIMENT: Final = "Digitscope"
_MOST_IN_A_BATCH: Final = 1_000
"""MLflow takes no more figures at once."""
_BATCH_FIGURES: Final = ("loss", "accuracy", "learning_rate")
_EPOCH_FIGURES: Final = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


@dataclass(frozen=True)
class LoggedFigure:
    """A figure at a moment of a training.

    Attributes:
        name: such as "epoch/val_loss" or "batch/loss".
        value: the figure.
        step: the epoch, counted from 1, for figures of epochs; else the batch, counted from 1.
        time: Unix seconds.
    """

    name: str
    value: float
    step: int
    time: float


@dataclass(frozen=True)
class RunLog:
    """A run as other programs record one.

    Attributes:
        name: its id.
        title: what its owner calls it; its id without a title.
        experiment: the experiment that it belongs to; empty for none.
        settings: name to value, as text.
        figures: in the order of their times.
        results: name to figure, of the finished network.
        began: Unix seconds.
        ended: Unix seconds.
        status: as in `run.json`.
    """

    name: str
    title: str
    experiment: str
    settings: dict[str, str]
    figures: list[LoggedFigure]
    results: dict[str, float]
    began: float
    ended: float
    status: str


def run_log(run: Run) -> RunLog:
    """Read a run as other programs record one.

    Raises:
        RunError: it is an ensemble, which was not trained itself.
    """
    if run.info.members:
        raise RunError(f"The run {run.id!r} is an ensemble: it was not trained itself.")
    figures = list(_figures(run))
    card = read_card(run.folder)
    began = run.info.created.timestamp()
    return RunLog(
        run.id,
        card.title or run.id,
        card.experiment,
        _settings(run),
        figures,
        dict(_results(run)),
        began,
        max((figure.time for figure in figures), default=began),
        run.info.status,
    )


def export_logs(
    runs: Sequence[Run],
    log_format: LogFormat,
    folder: Path,
    on_run: Callable[[Run], None] = lambda run: None,
) -> None:
    """Write runs as the records of another program.

    Args:
        runs: any but ensembles.
        log_format: the program.
        folder: for TensorBoard, the folder that `tensorboard --logdir` opens, with one below it for
            each run; for MLflow, the folder of the database that `mlflow ui` opens.
        on_run: is called after each run.

    Raises:
        RunError: a run is an ensemble, its record is there already, the optional package is not
            installed, or the folder cannot be written.
    """
    logs = [(run, run_log(run)) for run in runs]
    writer = _tensorboard_writer(folder) if log_format == "tensorboard" else _mlflow_writer(folder)
    for run, log in logs:
        try:
            writer(log)
        except OSError as error:
            raise RunError(f"{folder} cannot be written ({error.strerror}).") from error
        on_run(run)


def _figures(run: Run) -> Iterator[LoggedFigure]:
    """The figures of each group of batches, and of each epoch, in the order of their times."""
    batches: dict[int, Progress] = {}
    epochs: dict[int, EpochEnded] = {}
    steps = 1
    for event in read_events(run.folder):
        if isinstance(event, Started):
            # It goes on at a checkpoint: what came after that is void, and comes again.
            steps, done = event.steps, event.first_step
            batches = {step: batch for step, batch in batches.items() if step <= done}
            epochs = {epoch: ended for epoch, ended in epochs.items() if epoch * steps <= done}
        elif isinstance(event, EpochEnded):
            epochs[event.epoch] = event
        elif isinstance(event, Progress):
            batches[(event.epoch - 1) * steps + event.step] = event
    figures = [
        *_finite(epochs, "epoch", _EPOCH_FIGURES),
        *_finite(batches, "batch", _BATCH_FIGURES),
    ]
    yield from sorted(figures, key=lambda figure: figure.time)


def _finite(
    events: Mapping[int, Progress | EpochEnded], kind: str, names: Sequence[str]
) -> Iterator[LoggedFigure]:
    """The figures of events by their steps; one that is missing or no number is left out."""
    for step, event in events.items():
        for name in names:
            value = getattr(event, name)
            if value is not None and math.isfinite(value):
                yield LoggedFigure(f"{kind}/{name}", float(value), step, event.time)


def _settings(run: Run) -> dict[str, str]:
    recipe = run.info.recipe
    values = {name: value_in(recipe, name) for name in VARIABLE_SETTINGS}
    settings = {name: str(value) for name, value in values.items() if value is not None}
    layers = ", ".join(str(describe_layer(layer)) for layer in recipe.architecture.layers)
    return {
        "dataset": recipe.dataset,
        "seed": str(recipe.seed),
        "parameters": str(recipe.architecture.parameters),
        "preset": run.info.preset,
        "layers": layers,
        **settings,
    }


def _results(run: Run) -> Iterator[tuple[str, float]]:
    for dataset, metrics in run.info.metrics.items():
        yield f"test/{dataset}/accuracy", metrics.accuracy
        if math.isfinite(metrics.loss):
            yield f"test/{dataset}/loss", metrics.loss
    yield "seconds", run.info.seconds


def _optional(log_format: LogFormat) -> ModuleType:
    """Import the package of a format. Raises RunError with how to install it."""
    package, what = _PACKAGES[log_format]
    try:
        return import_module(package)
    except ImportError as error:
        raise RunError(
            f"{what} need a package that is not installed. Install it with "
            "`pip install -r requirements-logs.txt`, and try again."
        ) from error


def _tensorboard_writer(folder: Path) -> Callable[[RunLog], None]:
    package: Any = _optional("tensorboard")

    def write(log: RunLog) -> None:
        target = folder / (log.experiment or ".") / log.name
        if target.exists():
            raise RunError(
                f"{target} is there already. Delete it, or choose another folder with --out."
            )
        with package.SummaryWriter(str(target)) as writer:
            for figure in log.figures:
                writer.add_scalar(figure.name, figure.value, figure.step, figure.time)
            last = max((figure.step for figure in log.figures), default=0)
            for name, value in log.results.items():
                writer.add_scalar(name, value, last, log.ended)
            table = "\n".join(f"| {name} | {value} |" for name, value in log.settings.items())
            writer.add_text("settings", f"| setting | value |\n| --- | --- |\n{table}", 0)

    return write


def _mlflow_writer(folder: Path) -> Callable[[RunLog], None]:
    package: Any = _optional("mlflow")
    entities: Any = import_module("mlflow.entities")
    folder.mkdir(parents=True, exist_ok=True)
    client = package.MlflowClient(tracking_uri=f"sqlite:///{(folder / 'mlflow.db').resolve()}")

    def write(log: RunLog) -> None:
        name = log.experiment or _EXPERIMENT
        known = client.get_experiment_by_name(name)
        experiment_id = known.experiment_id if known else client.create_experiment(name)
        if client.search_runs([experiment_id], f"tags.digitscope_run = '{log.name}'"):
            raise RunError(f"{log.name} is in {folder} already. Choose another folder with --out.")
        made = client.create_run(
            experiment_id,
            start_time=_milliseconds(log.began),
            run_name=log.title,
            tags={"digitscope_run": log.name},
        )
        run_id = made.info.run_id
        last = max((figure.step for figure in log.figures), default=0)
        results = [
            LoggedFigure(name, value, last, log.ended) for name, value in log.results.items()
        ]
        metrics = [
            entities.Metric(each.name, each.value, _milliseconds(each.time), each.step)
            for each in (*log.figures, *results)
        ]
        params = [entities.Param(name, value) for name, value in log.settings.items()]
        client.log_batch(run_id, params=params)
        for start in range(0, len(metrics), _MOST_IN_A_BATCH):
            client.log_batch(run_id, metrics=metrics[start : start + _MOST_IN_A_BATCH])
        status = {"finished": "FINISHED", "failed": "FAILED"}.get(log.status, "KILLED")
        client.set_terminated(run_id, status, _milliseconds(log.ended))

    return write


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
