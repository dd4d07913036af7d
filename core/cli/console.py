"""Shared parts of the commands: options, opening a run's network, progress bars, quiet TensorFlow.

Bars go to stderr, and only where it is a terminal, but for that of a training.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    track,
)

from core.data import mnist
from core.data.mnist import download_mnist
from core.recipes.presets import find_preset
from core.recipes.recipe import Recipe
from core.runs import registry
from core.runs.messages import EpochEnded, Event
from core.runs.messages import Progress as BatchesDone
from core.runs.run import Network, Run
from core.utils.errors import RecipeError

if TYPE_CHECKING:
    from core.inference.predictor import Predictor


Choice = TypeVar("Choice", bound=str)


def _console() -> Console:
    """Return a console on stderr: stdout holds only results, for other programs to read."""
    return Console(stderr=True)


def choice_of(text: str, choices: Sequence[Choice], what: str) -> Choice:
    """Find an option's value among its choices, in capital or small letters.

    Args:
        text: as it was typed.
        choices: the values.
        what: what they are, for the error.

    Raises:
        RecipeError: it is none of them.
    """
    for choice in choices:
        if choice.lower() == text.lower():
            return choice
    raise RecipeError(f"There is no {what} {text!r}. There are: {', '.join(choices)}.")


def download_with_bar() -> Path:
    """Download the full MNIST with a progress bar.

    Returns:
        The file, in Keras's cache folder.

    Raises:
        DatasetError: the download failed, or the file is not MNIST.
    """
    watched = _console()
    bar = Progress(
        TextColumn("mnist.npz"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=watched,
        disable=not watched.is_terminal,
    )
    with bar:
        task = bar.add_task("mnist", total=None)
        return download_mnist(
            lambda done, total: bar.update(task, completed=done, total=total or None)
        )


def range_with_bar(starts: range) -> Iterator[int]:
    """Iterate over a range with a progress bar.

    Args:
        starts: the range, such as the first index of each batch.

    Yields:
        Each number of the range.
    """
    watched = _console()
    yield from track(
        starts,
        description="reading",
        console=watched,
        transient=True,
        disable=not watched.is_terminal,
    )


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar for long work.

    Args:
        name: text before the bar.

    Yields:
        A function that takes the number of steps done and their total.
    """
    watched = _console()
    bar = Progress(
        TextColumn(name),
        BarColumn(),
        TimeRemainingColumn(),
        console=watched,
        disable=not watched.is_terminal,
    )
    with bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


@contextmanager
def training_bar(recipe: Recipe) -> Iterator[Any]:
    """Show a progress bar of epochs, and a line for each epoch that has ended.

    Args:
        recipe: what is trained.

    Yields:
        A function that takes each event of the training.
    """
    bar = Progress(
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
        console=_console(),
    )
    with bar:
        task = bar.add_task("train", total=recipe.epochs, epoch=1, figures="")

        def on_event(event: Event) -> None:
            if isinstance(event, BatchesDone):
                figures = f"loss {event.loss:.3f}  {event.images_per_second:,.0f} digits/s"
                bar.update(task, epoch=event.epoch, figures=figures)
            elif isinstance(event, EpochEnded):
                bar.update(task, completed=event.epoch)
                bar.console.print(_epoch_line(event), soft_wrap=True)

        yield on_event


def _epoch_line(event: EpochEnded) -> str:
    line = f"epoch {event.epoch}: loss {event.loss:.4f}, accuracy {100 * event.accuracy:.2f} %"
    if event.val_accuracy is not None:
        line += f"; validation loss {event.val_loss:.4f}, accuracy {100 * event.val_accuracy:.2f} %"
    return f"{line}; {event.seconds:.1f} s"


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Keep TensorFlow's messages about drivers, which no setting silences, off stderr.

    They come from C++ before its logging is set up, so the file descriptor itself is redirected
    while TensorFlow starts. They are shown if an exception is raised meanwhile.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
            yield
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


RunName = Annotated[
    str, typer.Option("--run", help="The run that reads the digits: its name, or its folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
EpochOption = Annotated[
    int | None,
    typer.Option("--epoch", min=1, help="The network as it was after that epoch, if it is kept."),
]


def check_weights(run: Run, epoch: int | None) -> None:
    """Check that a run's weights can be loaded, before importing TensorFlow takes its seconds.

    Args:
        run: a run.
        epoch: a kept epoch, from 1; None for the finished network.

    Raises:
        RunError: the weights are missing, damaged, or not those that training wrote.
    """
    if epoch is None:
        registry.check_weights(run)
    else:
        run.epoch_weights(epoch)


def load_network(run: Run, epoch: int | None) -> "Predictor":
    """Load a run's network.

    Args:
        run: a run.
        epoch: a kept epoch, from 1; None for the finished network.

    Raises:
        RunError: the network cannot be loaded.
    """
    check_weights(run, epoch)
    with quiet_tensorflow():
        from core.inference.predictor import open_predictor
    return open_predictor(Network(run, epoch))


def asked_recipe(preset_name: str | None, file: Path | None, dataset: str | None) -> Recipe:
    """Return the recipe of the preset on the dataset, or of the file.

    Args:
        preset_name: a preset, or None.
        file: a recipe.json, or None.
        dataset: of the preset; the full MNIST by default.

    Raises:
        RecipeError: not exactly one of them is given, or it does not hold a recipe.
    """
    if (preset_name is None) == (file is None):
        raise RecipeError("Say what to train: either --preset NAME or --recipe FILE.")
    if preset_name is not None:
        return find_preset(preset_name).on(dataset or "mnist")
    try:
        return Recipe.from_json(Path(str(file)).read_bytes())
    except OSError as error:
        raise RecipeError(
            f"The recipe {str(file)!r} cannot be read ({error.strerror}). Name another file."
        ) from error


def fetch_if_missing(dataset: str | None) -> None:
    """Download the full MNIST with a progress bar, if it is asked for and not there.

    Raises:
        DatasetError: the download failed, or the file is not MNIST.
    """
    if dataset == "mnist" and mnist.mnist_file() is None:
        download_with_bar()
