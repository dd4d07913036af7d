"""The training page's third view: all runs."""

from core.export.keras_script import export_bundle, recipe_file
from core.export.run_report import run_zip
from core.jobs import submission
from core.runs.permissions import Limits
from core.runs.run import Run
from core.utils.errors import RunError
from pages.widgets.train.run_rows import status_in_words
from pages.widgets.train.run_table import run_table

_IN_WORDS = {
    "queued": "waiting",
    "starting": "starting",
    "running": "training",
    "stopping": "stopping",
    "interrupted": "interrupted",
}


def all_runs(token: str, allowed: Limits) -> None:
    """Draw the list of runs with what only a server knows: the queue, and the exported code."""
    run_table(token, allowed, in_words=_in_words, busy=_busy, zipped=_zipped)


def _in_words(run: Run) -> str:
    return _IN_WORDS.get(submission.job_state(run).name) or status_in_words(run)


def _busy(run: Run) -> bool:
    return submission.job_state(run).alive


def _zipped(run: Run) -> bytes:
    try:
        code = export_bundle(run)
    except RunError:  # no network yet, or not the one that its training wrote: the report says so
        code = recipe_file(run.info.recipe)
    return run_zip(run, code)
