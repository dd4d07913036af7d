"""The training page's third view: all runs."""

from core import jobs
from core.errors import RunError
from core.export import bundle, recipe_only
from core.limits import Limits
from core.run_report import zip_of
from core.runs import Run
from pages.widgets.run_rows import status_in_words
from pages.widgets.run_table import run_table

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
    return _IN_WORDS.get(jobs.state(run).name) or status_in_words(run)


def _busy(run: Run) -> bool:
    return jobs.state(run).alive


def _zipped(run: Run) -> bytes:
    try:
        code = bundle(run)
    except RunError:  # no network yet, or not the one that its training wrote: the report says so
        code = recipe_only(run.info.recipe)
    return zip_of(run, code)
