"""What a line of the list of runs holds, and which lines a filter lets through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.runs.housekeeping import why_not_allowed
from core.runs.permissions import Limits, is_shipped, may_manage, shown_name
from core.runs.run import BrokenRun, Run

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
    "time limit": "stopped: time up",
    "pause limit": "paused too long",
    "diverged": "diverged",
}
"""Why a training ended, in no more words than the table's column shows."""
WHOSE = ("All", "Mine", "Shipped")


@dataclass(frozen=True)
class Row:
    """A run in the list. `kind`: its status for the filter; `status`: what is told of it."""

    run: Run | BrokenRun
    name: str
    kind: str
    status: str
    whose: str

    @property
    def folder(self) -> Path:
        """What tells a run from every other one, damaged ones included."""
        return self.run.folder


@dataclass(frozen=True)
class Wanted:
    """What the visitor filters by; an empty text lets everything through."""

    text: str = ""
    dataset: str = ""
    kind: str = ""
    whose: str = WHOSE[0]

    def lets(self, row: Row) -> bool:
        """Whether a line is shown. A damaged run has no dataset: it is shown for none."""
        info = row.run.info if isinstance(row.run, Run) else None
        sought = f"{row.name} {row.run.id} {info.preset if info else ''}".casefold()
        return (
            self.text.strip().casefold() in sought
            and (not self.dataset or bool(info and info.recipe.dataset == self.dataset))
            and (not self.kind or self.kind == row.kind)
            and (self.whose == "All" or row.whose == {"Mine": "yours"}.get(self.whose, "shipped"))
        )


def status_in_words(run: Run) -> str:
    """How the run's training stands, by its `run.json`; short, for a column of the table."""
    info = run.info
    words = STATUSES[info.status]
    if info.status == "running":
        return f"{words}, {info.epochs_done} of {info.recipe.epochs}"
    # One that waits to be continued still says how it ended before.
    return words if info.status == "queued" else _ENDED.get(info.ended_by, words)


def rows_of(
    found: Sequence[Run | BrokenRun],
    token: str,
    allowed: Limits,
    in_words: Callable[[Run], str] = status_in_words,
) -> list[Row]:
    """A line for each run, the newest first, damaged ones last."""
    rows = [_row(run, token, allowed, in_words) for run in found]
    return sorted(rows, key=_newest_first)


def table_of(rows: Sequence[Row]) -> pd.DataFrame:
    """The lines as Streamlit's table takes them; what a run does not have is missing there."""
    return pd.DataFrame([_cells(row) for row in rows], columns=list(_COLUMNS))


def _row(run: Run | BrokenRun, token: str, allowed: Limits, in_words: Callable[[Run], str]) -> Row:
    if isinstance(run, BrokenRun):
        return Row(
            run, run.id, DAMAGED, DAMAGED, "" if why_not_allowed(run, token, allowed) else "yours"
        )
    whose = "yours" if may_manage(run, token, allowed) else "another's"
    whose = "shipped" if is_shipped(run) else whose
    return Row(run, shown_name(run), STATUSES[run.info.status], in_words(run), whose)


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
    return {"name": row.name, "status": row.status, "whose": row.whose, **figures}


def _figures(run: Run) -> dict[str, object]:
    info = run.info
    headline = info.headline()
    accuracy, errors = None, None
    if headline:
        found = headline[1]
        accuracy = 100 * found.accuracy
        # Texts are sorted by their characters: leading blanks bring 9 before 28.
        errors = f"{found.wrong:>6,} of {found.n:,}" + ("" if found.held_out else " *")
    return {
        # A preset is called like the shipped run that was made from it.
        "preset": info.preset or (run.id if is_shipped(run) else None),
        "dataset": info.recipe.dataset,
        "accuracy": accuracy,
        "errors": errors,
        "parameters": info.recipe.architecture.parameters,
        "seconds": info.seconds or None,
        "date": info.created,
    }
