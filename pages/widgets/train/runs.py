"""The third view of the training page: all runs."""

from core.export.ensemble_script import ensemble_bundle
from core.export.keras_script import export_bundle, recipe_bundle
from core.export.run_report import run_zip
from core.jobs import submission
from core.runs.permissions import Limits
from core.runs.run import Run
from core.utils.errors import RunError
from pages.widgets.train.run_rows import run_status_text
from pages.widgets.train.run_table import run_table

_STATE_NAMES = {
    "queued": "waiting",
    "starting": "starting",
    "running": "training",
    "stopping": "stopping",
    "interrupted": "interrupted",
}


def runs_view(token: str, limits: Limits) -> None:
    """Draw the list of runs, with states from the queue, and code in the downloads.

    Args:
        token: the visitor's token.
        limits: the server's limits.
    """
    run_table(token, limits, status_text=_status_text, busy=_busy, zipped=_zipped)


def _status_text(run: Run) -> str:
    if run.info.status not in {"queued", "running"}:  # the queue has nothing to say of it
        return run_status_text(run)
    return _STATE_NAMES.get(submission.job_state(run).name) or run_status_text(run)


def _busy(run: Run) -> bool:
    return submission.job_state(run).alive


def _zipped(run: Run) -> bytes:
    if run.info.members:
        return run_zip(run, ensemble_bundle(run))
    try:
        code = export_bundle(run)
    except RunError:  # no network, or a changed one: the report says so
        code = recipe_bundle(run.info.recipe)
    return run_zip(run, code)
