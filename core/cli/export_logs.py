"""`python -m core export-logs`: runs as the records of TensorBoard or MLflow."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from core.cli.console import choice_of
from core.experiments.experiment import find_experiment, trial_runs
from core.export.training_logs import LogFormat, export_logs
from core.runs import registry
from core.runs.run import Run
from core.utils.errors import ExperimentError

_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)


def export(
    runs: Annotated[
        list[str],
        typer.Argument(help="Names of runs, paths of their folders, or ids of experiments."),
    ],
    to: Annotated[str, typer.Option(help=f"One of: {', '.join(_FORMATS)}.")],
    out: Annotated[Path, typer.Option(help="The folder that the other program opens.")] = Path(
        "training-logs"
    ),
) -> None:
    """Write the curves, settings and results of runs so that TensorBoard or MLflow can show them.

    Needs `pip install -r requirements-logs.txt`. Then `tensorboard --logdir FOLDER`, or `mlflow ui
    --backend-store-uri sqlite:///FOLDER/mlflow.db`, shows them.
    """
    chosen = [run for name in runs for run in _runs_of(name)]
    log_format = choice_of(to, _FORMATS, "format")
    export_logs(chosen, log_format, out, lambda run: print(f"{run.id}: written to {out}"))


def _runs_of(name: str) -> list[Run]:
    """The run of a name or a path, or the runs of an experiment that have begun."""
    try:
        experiment = find_experiment(name)
    except ExperimentError:
        return [registry.open_run(name)]
    return [trial_run.run for trial_run in trial_runs(experiment) if trial_run.run is not None]
