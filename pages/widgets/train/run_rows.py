"""The rows of the list of runs, and the filter over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.runs.housekeeping import why_not_allowed
from core.runs.permissions import Limits, is_shipped, may_manage, read_card
from core.runs.run import BrokenRun, Run
from core.utils.files import without_formulas

DAMAGED = "damaged"
STATUSES = {
    "finished": "finished",
    "stopped": "stopped",
    "failed": "failed",
    "running": "running",
    "queued": "waiting",
}
_ENDED = {
    "by hand": "stopped: by hand",
    "early stopping": "finished early",
    "pruning": "pruned",
    "time limit": "stopped: time up",
    "pause limit": "paused too long",
    "diverged": "diverged",
}
"""Why a training ended, short enough for a column of the table."""
WHOSE = ("All", "Mine", "Shipped")
NO_EXPERIMENT = "–"


@dataclass(frozen=True)
class Row:
    """A run in the list.

    Attributes:
        run: the run.
        name: its shown name.
        kind: its status, as the filter names it.
        status: its status, as the table shows it.
        whose: "yours", "another's", "shipped" or empty.
        experiment: the id of the experiment that it is a training of; empty if it is of none.
    """

    run: Run | BrokenRun
    name: str
    kind: str
    status: str
    whose: str
    experiment: str = ""

    @property
    def folder(self) -> Path:
        """The run's folder: unique, for damaged runs too."""
        return self.run.folder


@dataclass(frozen=True)
class RowFilter:
    """The visitor's filters; an empty text matches every run.

    The experiment is an id, or `NO_EXPERIMENT` for runs that are of none.
    """

    text: str = ""
    dataset: str = ""
    kind: str = ""
    whose: str = WHOSE[0]
    experiment: str = ""

    def matches(self, row: Row) -> bool:
        """Whether a row is shown. A damaged run has no dataset, so it matches no dataset."""
        info = row.run.info if isinstance(row.run, Run) else None
        sought = f"{row.name} {row.run.id} {info.preset if info else ''}".casefold()
        return (
            self.text.strip().casefold() in sought
            and (not self.dataset or bool(info and info.recipe.dataset == self.dataset))
            and (not self.kind or self.kind == row.kind)
            and self.experiment in {"", row.experiment or NO_EXPERIMENT}
            and (self.whose == "All" or row.whose == {"Mine": "yours"}.get(self.whose, "shipped"))
        )


def run_status_text(run: Run) -> str:
    """Describe the state of a run's training by its `run.json`, short enough for the table."""
    info = run.info
    if info.members:
        return f"average of {len(info.members)}"
    words = STATUSES[info.status]
    if info.status == "running":
        return f"{words}, {info.epochs_done} of {info.recipe.epochs}"
    # A run that waits to be continued still has the reason for which it ended before.
    return words if info.status == "queued" else _ENDED.get(info.ended_by, words)


def rows_of(
    runs: Sequence[Run | BrokenRun],
    token: str,
    limits: Limits,
    status_text: Callable[[Run], str] = run_status_text,
) -> list[Row]:
    """Return a row for each run, the newest first, damaged ones last.

    Args:
        runs: runs of the registry.
        token: the visitor's token.
        limits: the server's limits.
        status_text: describes the state of a run's training.
    """
    rows = [_row(run, token, limits, status_text) for run in runs]
    return sorted(rows, key=_newest_first)


def table_of(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the rows as a data frame for the table; values that a run lacks are missing.

    Streamlit offers the table as CSV: a name is no formula there.
    """
    return pd.DataFrame([_cells(row) for row in rows], columns=list(_COLUMNS))


def _row(
    run: Run | BrokenRun, token: str, limits: Limits, status_text: Callable[[Run], str]
) -> Row:
    if isinstance(run, BrokenRun):
        return Row(
            run, run.id, DAMAGED, DAMAGED, "" if why_not_allowed(run, token, limits) else "yours"
        )
    whose = "yours" if may_manage(run, token, limits) else "another's"
    whose = "shipped" if is_shipped(run) else whose
    card = read_card(run.folder)
    name, kind = card.title or run.id, STATUSES[run.info.status]
    return Row(run, name, kind, status_text(run), whose, card.experiment)


def _newest_first(row: Row) -> tuple[bool, float, str]:
    if isinstance(row.run, BrokenRun):
        return True, 0, row.name
    return False, -row.run.info.created.timestamp(), row.name


_COLUMNS = (
    "name",
    "accuracy",
    "errors",
    "status",
    "dataset",
    "parameters",
    "seconds",
    "date",
    "whose",
    "preset",
)


def _cells(row: Row) -> dict[str, object]:
    figures = _figures(row.run) if isinstance(row.run, Run) else {}
    name = without_formulas(row.name)
    return {"name": name, "status": row.status, "whose": row.whose, **figures}


def _figures(run: Run) -> dict[str, object]:
    info = run.info
    headline = info.headline()
    accuracy, errors = None, None
    if headline:
        result = headline[1]
        accuracy = 100 * result.accuracy
        # Texts are sorted by their characters: leading blanks bring 9 before 28.
        errors = f"{result.wrong:>6,} of {result.n:,}" + ("" if result.held_out else " *")
    return {
        # A preset has the name of the shipped run that was trained with it.
        "preset": info.preset or (run.id if is_shipped(run) else None),
        "dataset": info.recipe.dataset,
        "accuracy": accuracy,
        "errors": errors,
        "parameters": info.parameters,
        "seconds": info.seconds or None,
        "date": info.created,
    }
