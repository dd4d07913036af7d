"""`python -m core explore`: work out what pages would otherwise work out while a visitor waits."""

from typing import Annotated

import typer

from core import datasets, epoch_answers, runs, stress_curves
from core.epoch_answers import compute
from core.runs import Run
from core.terminal import quiet_tensorflow, work_bar


def explore(
    run: Annotated[
        str, typer.Argument(help="The run's name, which `runs` lists, or the path of its folder.")
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            help=f"One of: {', '.join(datasets.DATASETS)} [default: all that are at hand].",
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also what is kept already.")] = False,
) -> None:
    """Work out how a run bears stress, and what it answered after each epoch; keep it in the run.

    What is kept already is left as it is.
    """
    opened = runs.open_path(run)
    opened.check_model()
    names = (dataset,) if dataset else datasets.available()
    for name in names:
        datasets.load(name)
    with quiet_tensorflow():
        import core.inference  # noqa: F401
    if again or stress_curves.curves(opened) is None:
        with work_bar("stress tests") as report:
            stress_curves.measure_and_keep(opened, report)
    typer.echo(f"{opened.id}: its stress curves are in {opened.folder / stress_curves.FILE}.")
    for name in names:
        _answers(opened, name, again=again)


def _answers(run: Run, dataset: str, *, again: bool) -> None:
    epochs = run.epochs()
    if not epochs:
        typer.echo(f"{run.id}: it keeps no single epochs.")
        return
    if again or not epoch_answers.is_stored(run, dataset):
        with work_bar(f"{len(epochs)} epochs on {dataset}") as report:
            compute(run, dataset, report)
    typer.echo(
        f"{run.id}: its answers over its epochs are in {epoch_answers.file_of(run, dataset)}."
    )
