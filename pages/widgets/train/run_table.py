"""The list of runs: filter and sort it, tick one run for its actions, more to compare them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.data.mnist import DATASETS
from core.experiments.experiment import find_experiment
from core.export.run_report import run_zip
from core.runs import registry
from core.runs.housekeeping import is_busy
from core.runs.permissions import Limits
from core.runs.run import BrokenRun, Run
from core.utils.errors import DigitscopeError
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.run_picker import NO_RUN
from pages.widgets.train.ensembles import offer_ensemble
from pages.widgets.train.run_actions import (
    damaged_actions,
    just_deleted,
    run_actions,
    set_notice,
    show_notice,
)
from pages.widgets.train.run_comparison import compare_runs
from pages.widgets.train.run_rows import (
    DAMAGED,
    NO_EXPERIMENT,
    STATUSES,
    WHOSE,
    Row,
    RowFilter,
    rows_of,
    run_status_text,
    table_of,
)

TABLE = "runs_table"
ROWS_A_PAGE = 500
_PAGE = "runs_page"
_MOST_COMPARED = 4
_DRAWN = "runs_drawn"
_OPTION_NAMES = {"": "all", NO_EXPERIMENT: "none"}


def run_table(
    token: str,
    limits: Limits,
    *,
    status_text: Callable[[Run], str] = run_status_text,
    busy: Callable[[Run], bool] = is_busy,
    zipped: Callable[[Run], bytes] = run_zip,
) -> None:
    """Draw the list for a visitor, and below it the actions on the ticked run, or a comparison.

    Args:
        token: the visitor's token.
        limits: the server's limits.
        status_text: describes the state of a run's training.
        busy: whether a run is queued or being trained; such a run cannot be deleted.
        zipped: makes the zip file for the download.
    """
    rows = rows_of(registry.list_runs(), token, limits, status_text)
    chosen = _chosen_before(rows)
    show_notice(token)
    if not rows:
        st.info(NO_RUN)
        return
    row_filter = _filter_controls(rows)
    shown = [row for row in rows if row_filter.matches(row)]
    if not shown:
        st.info(
            "No run matches these filters. Remove one to see more.", icon=":material/filter_alt:"
        )
        return
    # This line also keeps the table's own buttons, which float above it, off the filter's.
    st.caption(
        f"{len(shown):,} of {len(rows):,} runs" if len(shown) < len(rows) else f"{len(rows):,} runs"
    )
    ticked = _table(_page(shown), chosen)
    _damaged([row for row in shown if isinstance(row.run, BrokenRun)])
    _actions_or_comparison(ticked, token, limits, busy, zipped)


def _filter_controls(rows: Sequence[Row]) -> RowFilter:
    """Draw the filters, and return their values."""
    known = list(dict.fromkeys(row.experiment for row in rows if row.experiment))
    with st.container(horizontal=True):
        text = st.text_input(
            "Search",
            placeholder="name or preset",
            icon=":material/search:",
            width=200,
            key="runs_text",
            persist_state="session",
        )
        dataset = st.selectbox(
            "Dataset",
            ["", *DATASETS],
            format_func=lambda name: name or "all",
            width=120,
            key="runs_dataset",
            persist_state="session",
        )
        kind = st.selectbox(
            "Status",
            ["", *STATUSES.values(), DAMAGED],
            format_func=lambda name: name or "all",
            width=120,
            key="runs_kind",
            persist_state="session",
        )
        whose = st.segmented_control(
            "Whose",
            WHOSE,
            default=WHOSE[0],
            required=True,
            key="runs_whose",
            persist_state="session",
        )
        experiment = ""
        if known:
            options = ["", NO_EXPERIMENT, *known]
            if st.session_state.get("runs_experiment") not in options:
                st.session_state.pop("runs_experiment", None)
            experiment = st.selectbox(
                "Experiment",
                options,
                format_func=_experiment_name,
                width=200,
                key="runs_experiment",
                persist_state="session",
            )
    return RowFilter(text or "", dataset, kind, whose, experiment)


def _page(rows: Sequence[Row]) -> Sequence[Row]:
    """Return the rows to show of a list that may be long: with all, each change would take long."""
    pages = -(-len(rows) // ROWS_A_PAGE)
    if pages == 1:
        return rows
    if st.session_state.get(_PAGE, 1) > pages:  # the filter leaves fewer
        st.session_state[_PAGE] = pages
    number = st.number_input(
        f"Page, 1 to {pages}",
        1,
        pages,
        key=_PAGE,
        width=160,
        persist_state="session",
        help=f"{ROWS_A_PAGE} runs a page, the newest first. Search and filters go over all pages, "
        "sorting over one.",
    )
    return rows[(number - 1) * ROWS_A_PAGE : number * ROWS_A_PAGE]


def _experiment_name(experiment_id: str) -> str:
    if experiment_id in _OPTION_NAMES:
        return _OPTION_NAMES[experiment_id]
    try:
        return find_experiment(experiment_id).name
    except DigitscopeError:  # its runs stay when it is deleted
        return experiment_id


def _chosen_before(rows: Sequence[Row]) -> list[Path]:
    """Return the folders of the ticked rows, by the list as the visitor saw it.

    Streamlit keeps the numbers of ticked rows, and the list may have changed since it was drawn.
    """
    if TABLE not in st.session_state:
        return []
    drawn: list[Path] = st.session_state.get(_DRAWN, [])
    ticked = [
        drawn[position]
        for position in st.session_state[TABLE]["selection"]["rows"]
        if position < len(drawn)
    ]
    present = {row.folder for row in rows}
    deleted = just_deleted()
    for folder in ticked:
        if folder not in present and not (deleted and deleted.original_folder == folder):
            set_notice(
                f"The run {folder.name!r} is no longer there: it was deleted, perhaps in another "
                "tab.",
                fault=True,
            )
    return [folder for folder in ticked if folder in present]


def _table(rows: Sequence[Row], chosen: Sequence[Path]) -> list[Row]:
    """Draw the table with the rows of `chosen` ticked, and return the rows ticked now."""
    folders = [row.folder for row in rows]
    if st.session_state.get(_DRAWN) != folders:
        ticked = [folders.index(folder) for folder in chosen if folder in folders]
        st.session_state[TABLE] = {"selection": {"rows": ticked, "columns": [], "cells": []}}
        st.session_state[_DRAWN] = folders
    state = st.dataframe(
        table_of(rows),
        hide_index=True,
        key=TABLE,
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="–",
        column_config=_columns(),
        alt="The runs with their results",
    )
    return [rows[k] for k in state["selection"]["rows"] if k < len(rows)]


def _columns() -> dict[str, Any]:
    """Return the column settings; the most important columns come first, for narrow windows."""
    column = st.column_config
    return {
        "name": column.TextColumn("Name", pinned=True, width=135),
        "accuracy": column.NumberColumn(
            "Accuracy",
            format="%.2f %%",
            width=72,
            help="On MNIST's test digits, else on the sample's",
        ),
        "errors": column.TextColumn(
            "Errors",
            alignment="right",
            width=100,
            help="* : some of these digits were among those it was trained on",
        ),
        "status": column.TextColumn(
            "Status", width=120, help="How its training ended, or how many epochs are done"
        ),
        "dataset": column.TextColumn("Dataset", width=74, help="What it was trained on"),
        "parameters": column.NumberColumn("Parameters", format="localized", width=84),
        "seconds": column.NumberColumn(
            "Time", format="%d s", width=58, help="Of training, in seconds"
        ),
        "date": column.DatetimeColumn(
            "Date", format="D MMM HH:mm", timezone=st.context.timezone, width=92
        ),
        "whose": column.TextColumn("Whose", width=72),
        "preset": column.TextColumn("Preset", help="The preset or run that its recipe came from"),
    }


def _damaged(rows: Sequence[Row]) -> None:
    if rows:
        with st.expander(f"{len(rows)} damaged", icon=":material/broken_image:"):
            for row in rows:
                if isinstance(row.run, BrokenRun):
                    st.write(plain(row.run.problem))


def _actions_or_comparison(
    chosen: Sequence[Row],
    token: str,
    limits: Limits,
    busy: Callable[[Run], bool],
    zipped: Callable[[Run], bytes],
) -> None:
    usable = [row.run for row in chosen if isinstance(row.run, Run)]
    for row in chosen:
        if isinstance(row.run, BrokenRun):
            damaged_actions(row.run, token, limits, busy)
    if len(usable) == 1:
        run_actions(usable[0], token, limits, busy, zipped)
    elif len(usable) > _MOST_COMPARED:
        st.info(
            f"Two to {_MOST_COMPARED} runs can be compared, {len(usable)} are selected: "
            "deselect some."
        )
        offer_ensemble(usable, token)
    elif usable:
        compare_runs(usable)
        offer_ensemble(usable, token)
    elif not chosen:
        st.caption(
            "Select a run to open, rename, download or delete it. Select two to four runs to "
            "compare them, or more to average their answers."
        )
