"""Export a run: a report in Markdown, and a zip with recipe, history, network and report."""

import io
import os
import re
import zipfile
from collections.abc import Iterator, Mapping

import pandas as pd

from core.data.mnist import TEST_DIGITS, DatasetName
from core.evaluation.before_after import compare_with_members, compare_with_parent
from core.evaluation.comparison import wilson_interval
from core.recipes.descriptions import NO_SETTINGS, describe_settings
from core.runs.housekeeping import gone_error
from core.runs.permissions import shown_name
from core.runs.run import FineTuned, Metrics, PseudoLabeled, Run, RunInfo
from core.training.fine_tuning import before_and_after
from core.utils.errors import RunError
from core.utils.files import add_to_zip

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#])")
_COLUMNS = {
    "epoch": ("epoch", "{:.0f}"),
    "loss": ("loss", "{:.4f}"),
    "accuracy": ("accuracy", "{:.4f}"),
    "val_loss": ("validation loss", "{:.4f}"),
    "val_accuracy": ("validation accuracy", "{:.4f}"),
    "learning_rate": ("learning rate", "{:.2g}"),
    "seconds": ("seconds", "{:.1f}"),
}


def run_report(run: Run) -> str:
    """Write a report on a run.

    Args:
        run: a run in any state.

    Returns:
        Markdown: result, recipe, network, course of the training, origin.
    """
    sections = (_head, _result, _recipe, _how_it_went, _origin)
    texts = ["\n".join(section(run)) for section in sections]
    return "\n\n".join(text for text in texts if text) + "\n"


def run_zip(run: Run, extra: Mapping[str, bytes] | None = None) -> bytes:
    """Pack a run as a zip of recipe.json, history.csv, model.keras and report.md.

    A network that is missing or not the one that training wrote is left out, and the report says
    so.

    Args:
        run: a run in any state.
        extra: content of further files by their names.

    Returns:
        The bytes of the zip; the same for the same run.

    Raises:
        RunError: the run was deleted.
    """
    if not (run.folder / "run.json").is_file():
        raise gone_error(run)
    own = {
        "recipe.json": b"" if run.info.members else run.info.recipe.to_json().encode() + b"\n",
        "history.csv": _history(run),
        "model.keras": _network(run),
    }
    files = {**{name: content for name, content in own.items() if content}, **(extra or {})}
    files["report.md"] = f"{run_report(run)}\n{_contents(run, files)}".encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            add_to_zip(archive, name, files[name], zipfile.ZIP_DEFLATED)
    return target.getvalue()


FileState = tuple[str, int, int]
"""A file's name, time of its last change in ns since 1970, and size in bytes."""


def folder_state(run: Run) -> tuple[FileState, ...]:
    """Return the state of the files in a run's folder; while it is the same, so is `run_zip`.

    Args:
        run: a run in any state.

    Returns:
        An entry for each file, sorted by name; hashable, as the key of a cache.

    Raises:
        RunError: the run was deleted.
    """
    try:
        entries = [(entry.name, entry.stat()) for entry in os.scandir(run.folder)]
    except OSError as error:
        raise gone_error(run) from error
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in entries))


def describe_result(dataset: DatasetName, metrics: Metrics) -> str:
    """Describe a test result: errors, accuracy with its 95 % interval, whether it is a test score.

    Args:
        dataset: the dataset of the test digits.
        metrics: the result on them.
    """
    low, high = (100 * end for end in wilson_interval(metrics.n - metrics.wrong, metrics.n))
    seen = "" if metrics.held_out else "; some of them were trained on, so this is no test score"
    return f"{metrics} on {TEST_DIGITS[dataset]}, 95 % interval {low:.2f} to {high:.2f} %{seen}"


def _head(run: Run) -> Iterator[str]:
    info = run.info
    yield f"# {_plain(shown_name(run))}"
    yield ""
    began = f" from `{info.preset}`" if info.preset else ""
    yield f"Run `{run.id}`, started{began} on {info.created:%Y-%m-%d at %H:%M} UTC."


def _result(run: Run) -> Iterator[str]:
    yield "## Result"
    yield ""
    for dataset, metrics in run.info.metrics.items():
        yield f"- {describe_result(dataset, metrics)}. Mean cross-entropy {metrics.loss:.4f}."
    if not run.info.metrics:
        yield "It was not tested."
    for row in before_and_after(run.info):
        if row.after:
            yield f"- Fine-tuned, on {row.digits}: {row.before} before, {row.after} after."
    for change in compare_with_parent(run):
        yield f"- {change.sentence()}"
    if run.info.metrics:
        yield ""
        yield "The intervals are Wilson's: what the choice of test digits leaves open."


def _recipe(run: Run) -> Iterator[str]:
    if run.info.members:
        yield from _members(run)
        return
    yield "## Recipe"
    yield ""
    words = describe_settings(run.info.recipe)
    yield from _table(
        [["setting", "value"], *([k, v] for k, v in words.items() if v != NO_SETTINGS)]
    )
    yield ""
    yield "```"
    yield run.info.recipe.architecture.summary()
    yield "```"


def _members(run: Run) -> Iterator[str]:
    yield "## Members"
    yield ""
    yield "Its probabilities are the averages of those of these runs; nothing was trained."
    yield ""
    rows = [
        [member.id, f"{member.parameters:,}", f"`{member.model_sha256}`"]
        for member in run.info.members
    ]
    yield from _table([["run", "parameters", "SHA-256 of the network"], *rows])
    yield ""
    for comparison in compare_with_members(run):
        yield from (f"- {line.strip()}" for line in comparison.lines())


def _how_it_went(run: Run) -> Iterator[str]:
    info = run.info
    if info.members:
        return
    yield "## How it went"
    yield ""
    yield f"{describe_ending(info)} It took {info.seconds:,.1f} s."
    if info.best_epoch:
        yield f"The weights kept are those of epoch {info.best_epoch}."
    for change in info.rate_changes:
        yield (
            f"The learning rate was set to {change.learning_rate:g} by hand in epoch "
            f"{change.epoch}, after {change.step} batches."
        )
    if info.error:
        yield _plain(info.error)
    yield ""
    try:
        yield from _table(_epochs(run.history()))
    except RunError as error:
        yield _plain(str(error))
        return
    yield ""
    yield (
        "Loss and accuracy are averaged over the epoch while the network changed, with dropout and "
        "augmentation on; validation is measured after it."
    )


def describe_ending(info: RunInfo) -> str:
    """Describe in a sentence how far the training came and why it ended."""
    if info.members:
        return f"An ensemble of {len(info.members)} runs: nothing was trained."
    status = {"queued": "It waits", "running": "It is being trained"}.get(info.status)
    if status:
        return f"{status}: {info.epochs_done} of {info.recipe.epochs} epochs are done."
    why = {"": "", "last epoch": "", "fault": " by a fault", "diverged": ": it diverged"}.get(
        info.ended_by, f": {info.ended_by}"
    )
    done = f" after {info.epochs_done} of {info.recipe.epochs} epochs" if info.epochs_done else ""
    return f"The training {_PAST[info.status]}{done}{why}."


_PAST = {"finished": "ended", "stopped": "was stopped", "failed": "failed"}


def _origin(run: Run) -> Iterator[str]:
    info, source = run.info, run.info.provenance
    yield "## Made from"
    yield ""
    left_out = (
        " The sample's 1,000 test digits were left out."
        if source.dataset == "mnist" and source.excluded_sample_test
        else ""
    )
    counts = (  # counted when the training begins
        f" {source.n_train:,} to train, {source.n_validation:,} to validate."
        if source.n_train
        else ""
    )
    yield f"- Digits: `{source.dataset}`.{counts}{left_out}"
    if source.fine_tuned:
        yield from _fine_tuned(source.fine_tuned)
    if source.pseudo_labeled:
        yield from _pseudo_labeled(source.pseudo_labeled, info.pseudo_labels)
    if info.command:
        yield f"- Command that makes such a run again: `{info.command}`"
    if info.machine:
        yield f"- Machine: {info.machine}"
    if info.versions:
        yield "- Versions: " + ", ".join(f"{name} {v}" for name, v in info.versions.items())
    if info.model_sha256:
        yield f"- SHA-256 of the network: `{info.model_sha256}`"


def _fine_tuned(tuned: FineTuned) -> Iterator[str]:
    yield (
        f"- Fine-tuned: it began with the network of the run `{tuned.parent}` (SHA-256 "
        f"`{tuned.parent_sha256}`). An epoch shows {tuned.rehearsed:,} digits of the dataset and "
        f"{tuned.own_per_epoch:,} times one of {tuned.own_trained:,} digits of its visitor's own; "
        f"{tuned.own_held_out:,} more are held out. They are not in this zip (SHA-256 "
        f"`{tuned.own_sha256}`)."
    )


def _pseudo_labeled(pseudo: PseudoLabeled, results: Metrics | None) -> Iterator[str]:
    wrong = f" Of these answers {results}." if results else ""
    yield (
        f"- Pseudo-labels: it began with the network of the run `{pseudo.parent}` (SHA-256 "
        f"`{pseudo.parent_sha256}`). A quarter of each batch are {pseudo.source} without labels "
        f"({pseudo.unlabeled:,}), whose targets are that network's answers.{wrong}"
    )


def _contents(run: Run, files: Mapping[str, bytes]) -> str:
    names = ", ".join(f"`{name}`" for name in sorted([*files, "report.md"]))
    has_network = run.info.model_sha256 and not run.info.members
    missing = has_network and "model.keras" not in files
    note = (
        " The network `model.keras` is missing: its file is damaged or was deleted."
        if missing
        else ""
    )
    return f"## In this zip\n\n{names}.{note}\n"


def _epochs(history: pd.DataFrame) -> list[list[str]]:
    """Return the history as rows of text, titles first; a missing value is a dash."""
    known = [name for name in _COLUMNS if name in history]
    rows = [[_COLUMNS[name][0] for name in known]]
    for _, row in history.iterrows():
        rows.append(
            [_COLUMNS[k][1].format(row[k]) if pd.notna(row[k]) else NO_SETTINGS for k in known]
        )
    return rows


def _table(rows: list[list[str]]) -> Iterator[str]:
    head, *rest = rows
    for row in (head, ["---"] * len(head), *rest):
        yield f"| {' | '.join(row)} |"


def _history(run: Run) -> bytes:
    try:
        return (run.folder / "history.csv").read_bytes()
    except OSError:
        return b""


def _network(run: Run) -> bytes:
    try:
        return run.check_model()
    except RunError:
        return b""


def _plain(text: str) -> str:
    """Escape a user's text for Markdown: nothing in it becomes bold, a link or a picture.

    Streamlit's further marks (see `pages.widgets.shared.markdown`) are not escaped: the file is
    also read as plain text.
    """
    return _MARKDOWN.sub(r"\\\1", text)
