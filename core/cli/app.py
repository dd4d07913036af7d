"""The commands of `python -m core`. TensorFlow is imported only by those that need a network.

`python -m core explore` computes in advance what pages would compute while a visitor waits.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from pydantic import ValidationError

from core.cli import console, experiment, export_logs
from core.cli.console import (
    AsJson,
    EpochOption,
    asked_recipe,
    check_weights,
    download_with_bar,
    fetch_if_missing,
    progress_bar,
    quiet_tensorflow,
    range_with_bar,
    training_bar,
)
from core.cli.predict import predict
from core.data import mnist
from core.evaluation import epoch_predictions, robustness
from core.evaluation.before_after import compare_with_members, compare_with_parent
from core.evaluation.epoch_predictions import compute_epoch_predictions
from core.evaluation.mnist_c import MNIST_C_FILE, load_mnist_c, measure_and_store_mnist_c
from core.recipes.presets import PRESETS
from core.recipes.recipe import explain_error
from core.runs import registry
from core.runs.ensembles import PRESET, plan_ensemble
from core.runs.permissions import clear_stop
from core.runs.predictions import score_predictions
from core.runs.run import BrokenRun, Run, StoredPredictions
from core.runs.writer import (
    MAX_EPOCH_BYTES,
    ResumedWriter,
    make_run_folder,
    why_unwritable,
    write_info,
)
from core.training.pseudo_labels import PseudoLabelSettings, describe_plan, plan_pseudo_labels
from core.utils.errors import LessonError, RecipeError, RunError
from core.utils.files import to_json

if TYPE_CHECKING:
    from core.inference.predictor import Predictor


def explore(
    run: Annotated[
        str, typer.Argument(help="The run's name, which `runs` lists, or the path of its folder.")
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            help=f"One of: {', '.join(mnist.DATASETS)} [default: all that are at hand].",
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also what is kept already.")] = False,
) -> None:
    """Work out how a run bears stress and MNIST-C, and its answers after each epoch; keep them.

    What is kept already is left as it is.
    """
    opened = registry.open_run(run)
    registry.check_weights(opened)
    names = (dataset,) if dataset else mnist.available()
    for name in names:
        mnist.load(name)
    with quiet_tensorflow():
        import core.inference.predictor  # noqa: F401
    if again or robustness.load_robustness_curves(opened) is None:
        with progress_bar("stress tests") as report:
            robustness.measure_and_store_robustness(opened, report)
    typer.echo(
        f"{opened.id}: its stress curves are in {opened.folder / robustness.ROBUSTNESS_FILE}."
    )
    if again or load_mnist_c(opened) is None:
        with progress_bar("MNIST-C") as report:
            measure_and_store_mnist_c(opened, report)
    typer.echo(f"{opened.id}: its results on MNIST-C are in {opened.folder / MNIST_C_FILE}.")
    for name in names:
        _answers(opened, name, again=again)


def _answers(run: Run, dataset: str, *, again: bool) -> None:
    epochs = run.epochs()
    if not epochs:
        typer.echo(f"{run.id}: it keeps no single epochs.")
        return
    if again or not epoch_predictions.has_epoch_predictions(run, dataset):
        with progress_bar(f"{len(epochs)} epochs on {dataset}") as report:
            compute_epoch_predictions(run, dataset, report)
    typer.echo(
        f"{run.id}: its answers over its epochs are in "
        f"{epoch_predictions.epoch_predictions_file(run, dataset)}."
    )


app = typer.Typer(
    help="Digitscope without a screen: digits, training, evaluation and predictions.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
_EVALUATED_AT_ONCE = 512
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", help=f"One of: {', '.join(mnist.DATASETS)}.")
]


@app.command("glossary")
def print_glossary() -> None:
    """Print the glossary of terms and settings in Markdown (docs/glossary.md)."""
    from core.export.glossary import glossary_page

    print(glossary_page(), end="")


@app.command("check-lesson")
def check_lessons(
    files: Annotated[list[Path], typer.Argument(help="lessons, as docs/lessons.md describes them")],
) -> None:
    """Check files of lessons: each fault with its line."""
    from core.lessons.lesson import read_lesson

    faults: list[str] = []
    for file in files:
        try:
            lesson = read_lesson(file)
            print(f"{file.name}: “{lesson.title}”, {len(lesson.steps)} steps")
        except LessonError as error:
            faults += str(error).splitlines()
    if faults:
        raise LessonError("\n".join(faults))


@app.command("datasets")
def list_datasets(as_json: AsJson = False) -> None:
    """List the datasets, and whether each can be used without a download."""
    for name in mnist.DATASETS:
        at_hand = name in mnist.available()
        row: dict[str, Any] = {"dataset": name, "available": at_hand}
        if at_hand:
            loaded = mnist.load(name)
            row |= {"train": len(loaded.train), "test": len(loaded.test)}
        if as_json:
            print(to_json(row))
        elif at_hand:
            print(f"{name}: {row['train']:,} training and {row['test']:,} test digits")
        else:
            print(f"{name}: not on this machine; `python -m core download` fetches it")


@app.command()
def download() -> None:
    """Download the full MNIST (11 MB) into Keras's cache folder."""
    print(f"MNIST is in {download_with_bar()}.")


@app.command("runs")
def list_runs(as_json: AsJson = False) -> None:
    """List all runs, shipped and your own, with their test accuracy."""
    for run in registry.list_runs():
        if isinstance(run, BrokenRun):
            row: dict[str, Any] = {"run": run.id, "error": run.problem}
            line = f"{run.id}: {run.problem}"
        else:
            figures = {name: str(metrics) for name, metrics in run.info.metrics.items()}
            row = {"run": run.id, "status": run.info.status, "metrics": figures}
            summary = "; ".join(f"{name} {metrics}" for name, metrics in figures.items())
            line = f"{run.id}: {summary or run.info.error or run.info.status}"
        print(to_json(row, ensure_ascii=False) if as_json else line)


@app.command()
def train(
    preset_name: Annotated[
        str | None, typer.Option("--preset", help=f"One of: {', '.join(PRESETS)}.")
    ] = None,
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe", help="A recipe.json, instead of a preset.")
    ] = None,
    dataset: DatasetOption = None,
    epochs: Annotated[int | None, typer.Option(help="How often each digit is seen.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same run.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The new run's folder [default: runs/PRESET-TIME].")
    ] = None,
    keep_mb: Annotated[
        float, typer.Option(min=0, help="Room for the weights of single epochs, in MB.")
    ] = MAX_EPOCH_BYTES / 2**20,
) -> None:
    """Train a preset or a recipe and keep it as a run.

    The full MNIST is downloaded if it is missing.
    """
    asked = {"dataset": dataset, "epochs": epochs, "seed": seed}
    changes = {key: value for key, value in asked.items() if value is not None}
    recipe = asked_recipe(preset_name, recipe_file, dataset).changed(**changes)
    now = datetime.now(UTC).astimezone()
    folder = out or registry.own_folder() / f"{preset_name or 'run'}-{now:%Y%m%d-%H%M%S}"
    registry.check_run_name(folder.resolve().name)
    fetch_if_missing(recipe.dataset)
    print(recipe.architecture.summary())
    with quiet_tensorflow():
        from core.training.trainer import train as train_recipe
    with training_bar(recipe) as on_event:
        room = int(keep_mb * 2**20)
        run = train_recipe(
            recipe,
            folder,
            on_event,
            max_epoch_bytes=room,
            preset=preset_name or "",
            command=_train_command(preset_name, {**changes, "keep-mb": keep_mb}),
        )
    _tell_result(run)


def _train_command(preset_name: str | None, options: dict[str, object]) -> str:
    """Return the command that trains such a run again; a recipe's file lies in its download."""
    start = f"--preset {preset_name}" if preset_name else "--recipe recipe.json"
    given = "".join(
        f" --{name} {value:g}" if isinstance(value, float) else f" --{name} {value}"
        for name, value in options.items()
    )
    return f"python -m core train {start}{given}"


@app.command("continue")
def continue_training(
    run: Annotated[str, typer.Argument(help="The run's name, or the path of its folder.")],
    epochs: Annotated[
        int | None, typer.Option(help="Epochs in all [default: as many as it was to have].")
    ] = None,
) -> None:
    """Go on with a training that was stopped or killed, or train a finished run for longer.

    It goes on from its last checkpoint, as if it had never been interrupted.
    """
    opened = registry.open_run(run)
    opened.check_can_go_on()
    recipe = opened.info.recipe
    recipe = recipe.changed(epochs=epochs if epochs is not None else recipe.epochs)
    if recipe.epochs <= opened.info.epochs_done:
        raise RunError(
            f"The run {opened.id!r} has been trained for {opened.info.epochs_done} epochs already. "
            "Ask for more in all with --epochs."
        )
    writer = ResumedWriter(opened)
    writer.update(recipe=recipe)
    clear_stop(opened.folder)
    with quiet_tensorflow():
        from core.training.trainer import resume_training as train_on
    with training_bar(recipe) as on_event:
        trained = train_on(writer, on_event)
    _tell_result(trained)


@app.command()
def ensemble(
    runs: Annotated[
        list[str],
        typer.Argument(help="Two to ten runs: their names, or the paths of their folders."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The new run's folder [default: runs/ensemble-TIME].")
    ] = None,
) -> None:
    """Average the answers of several runs, and keep the ensemble as a run of its own.

    Nothing is trained. An ensemble takes as long to answer as all its members together.
    """
    plan = plan_ensemble([registry.open_run(run) for run in runs])
    now = datetime.now(UTC).astimezone()
    folder = out or registry.own_folder() / f"{PRESET}-{now:%Y%m%d-%H%M%S}"
    registry.check_run_name(folder.resolve().name)
    make_run_folder(folder)
    try:
        run = Run(folder, plan.write(folder))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise RunError(why_unwritable(error, folder)) from error
    print(f"The ensemble {run.id!r} of {len(plan.members)} runs is in {run.folder}.")
    for comparison in compare_with_members(run):
        print("\n".join(comparison.lines()))


@app.command("pseudo-label")
def pseudo_label(
    run: Annotated[str, typer.Argument(help="The run's name, or the path of its folder.")],
    epochs: Annotated[int, typer.Option(help="Epochs with pseudo-labels.")] = 5,
    learning_rate: Annotated[float, typer.Option(help="The optimizer's, at its height.")] = 0.001,
    out: Annotated[
        Path | None, typer.Option(help="The new run's folder [default: runs/RUN-pseudo-TIME].")
    ] = None,
) -> None:
    """Let a run's network go on with digits without labels, by its own answers, as a new run.

    These are the training digits that the run left out, else the test digits: then its result is no
    fair test any more.
    """
    opened = registry.open_run(run)
    try:
        settings = PseudoLabelSettings(epochs=epochs, learning_rate=learning_rate)
    except ValidationError as error:
        raise RecipeError(explain_error(error)) from error
    fetch_if_missing(opened.info.recipe.dataset)
    plan = plan_pseudo_labels(opened, settings)
    now = datetime.now(UTC).astimezone()
    folder = out or registry.own_folder() / f"{opened.id[:40]}-pseudo-{now:%Y%m%d-%H%M%S}"
    registry.check_run_name(folder.resolve().name)
    print(describe_plan(plan))
    make_run_folder(folder)
    plan.write(folder)
    write_info(folder, plan.info(folder.name))
    with quiet_tensorflow():
        from core.training.trainer import resume_training as train_on
    with training_bar(plan.recipe) as on_event:
        trained = train_on(ResumedWriter(registry.read_run(folder)), on_event)
    _tell_result(trained)
    for comparison in compare_with_parent(trained):
        print(comparison.sentence())


def _tell_result(run: Run) -> None:
    print(f"The run {run.id!r} is in {run.folder}, trained in {run.info.seconds:.0f} s.")
    for name, metrics in run.info.metrics.items():
        print(f"{name}: {metrics}{'' if metrics.held_out else ', some of which it was trained on'}")
    if run.info.error:
        print(run.info.error)


@app.command()
def evaluate(
    run: Annotated[
        str, typer.Argument(help="The run's name, which `runs` lists, or the path of its folder.")
    ],
    dataset: DatasetOption = None,
    epoch: EpochOption = None,
    as_json: AsJson = False,
) -> None:
    """Let a run read the test digits of a dataset (the full MNIST if it is at hand).

    With --dataset mnist the full MNIST is downloaded if it is missing.
    """
    opened = registry.open_run(run)
    check_weights(opened, epoch)
    fetch_if_missing(dataset)
    name = dataset or mnist.available()[0]
    test = mnist.load(name).test
    answers = StoredPredictions(
        test.labels, _read_all(console.load_network(opened, epoch), test.images)
    )
    held_out = opened.info.provenance.held_out(name)
    metrics = score_predictions(answers, held_out=held_out)
    if as_json:
        selection = {"run": opened.id} | ({"epoch": epoch} if epoch else {})
        figures = {"accuracy": metrics.accuracy, "loss": metrics.loss, "held_out": held_out}
        print(to_json({**selection, "dataset": name, "n": metrics.n, **figures}))
    else:
        when = f" after epoch {epoch}" if epoch else ""
        print(f"{opened.id}{when} on {name}: {metrics}, loss {metrics.loss:.4f}")
        if not held_out:
            print("Careful: the run was trained on some of these digits; this is no test score.")


app.command()(explore)
app.command()(predict)
app.command("export-logs")(export_logs.export)
app.add_typer(experiment.app, name="experiment")


def _read_all(predictor: "Predictor", images: NDArray[np.uint8]) -> NDArray[np.float32]:
    starts = range_with_bar(range(0, len(images), _EVALUATED_AT_ONCE))
    return np.concatenate(
        [predictor.probabilities(images[k : k + _EVALUATED_AT_ONCE]) for k in starts]
    )
