"""What can be done with one run of the list: look, train anew, draw, rename, download, delete.

What came of the last thing done to a run: it stays on the page until the next one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from core.export.run_report import ReportContent, describe_ending, report_content, run_zip
from core.runs.housekeeping import Deleted, delete_run, rename_run, undo_delete, why_not_allowed
from core.runs.permissions import MAX_TITLE, Limits, shown_name
from core.runs.registry import read_run
from core.runs.run import BrokenRun, Run
from core.utils.errors import DigitscopeError, RunError
from pages.widgets.shared.download import download_button
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.run_picker import figure

_KEY = "run_notice"


@dataclass(frozen=True)
class Notice:
    """A sentence, whether it tells of a fault, and the run that can be brought back, if any."""

    words: str
    fault: bool = False
    deleted: Deleted | None = None


def tell(words: str, *, fault: bool = False, deleted: Deleted | None = None) -> None:
    """Put a sentence in place of the one before."""
    st.session_state[_KEY] = Notice(words, fault, deleted)


def just_deleted() -> Deleted | None:
    """The run that this visitor deleted last, if nothing was done since."""
    notice: Notice | None = st.session_state.get(_KEY)
    return notice.deleted if notice else None


def show_notice(token: str) -> None:
    """Draw the sentence; for a deleted run with a button that brings it back."""
    notice: Notice | None = st.session_state.get(_KEY)
    if notice is None:
        return
    if notice.fault:
        st.error(plain(notice.words), icon=":material/error:")
    elif notice.deleted is None:
        st.success(plain(notice.words), icon=":material/check:")
    else:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(plain(notice.words), width="content")
            st.button(
                "Undo",
                icon=":material/undo:",
                key="undo_delete",
                on_click=_undo,
                args=(notice.deleted, token),
            )


def _undo(deleted: Deleted, token: str) -> None:
    try:
        undo_delete(deleted, token=token)
    except DigitscopeError as error:
        tell(str(error), fault=True)
    else:
        tell(f"{deleted.name} is back.")


def run_actions(
    run: Run,
    token: str,
    allowed: Limits,
    busy: Callable[[Run], bool],
    zipped: Callable[[Run], bytes] = run_zip,
) -> None:
    """Draw the run's name, how it did, and what this visitor may do with it."""
    name = shown_name(run)
    with st.container(border=True, key="run-actions"):
        st.subheader(plain(name), anchor=False)
        if name != run.id:
            st.caption(plain(run.id))
        st.write(figure(run))
        st.caption(describe_ending(run.info))
        with st.container(horizontal=True):
            _links(run)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _buttons(run, name, token, allowed, busy, zipped)


def damaged_actions(
    run: BrokenRun, token: str, allowed: Limits, busy: Callable[[Run], bool]
) -> None:
    """Draw what is wrong with a damaged run, and a button that deletes it: it takes room too."""
    with st.container(border=True):
        st.warning(plain(run.problem), icon=":material/broken_image:")
        reason = why_not_allowed(run, token, allowed)
        st.button(
            "Delete",
            icon=":material/delete:",
            disabled=bool(reason),
            help=reason or "You can take it back.",
            # A shipped one may be called the same.
            key=f"delete-damaged-{run.folder.parent.name}-{run.id}",
            on_click=_delete,
            args=(run, token, allowed, busy),
        )


def _links(run: Run) -> None:
    known = pages()
    if "train" in known:
        st.page_link(
            known["train"],
            label="Watch how it learnt",
            icon=":material/show_chart:",
            query_params={"training": run.id},
        )
        st.page_link(
            known["train"],
            label="Train this again, changed",
            icon=":material/tune:",
            query_params={"from": run.id},
        )
    if run.info.model_sha256:
        st.page_link(
            known["predict"],
            label="Draw with it",
            icon=":material/draw:",
            query_params={"run": run.id},
        )


def _buttons(
    run: Run,
    name: str,
    token: str,
    allowed: Limits,
    busy: Callable[[Run], bool],
    zipped: Callable[[Run], bytes],
) -> None:
    reason = why_not_allowed(run, token, allowed)
    with st.popover("Rename", icon=":material/edit:", disabled=bool(reason), help=reason or None):
        _rename_form(run, name, token, allowed)
    _download(run, zipped)
    reason = reason or _too_busy(run, busy)
    st.button(
        "Delete",
        icon=":material/delete:",
        disabled=bool(reason),
        help=reason or "You can take it back.",
        key=f"delete-{run.id}",
        on_click=_delete,
        args=(run, token, allowed, busy),
    )


def _download(run: Run, zipped: Callable[[Run], bytes]) -> None:
    try:
        content, problem = _zip(zipped, run.folder, report_content(run)), ""
    except DigitscopeError as error:
        content, problem = b"", str(error)
    download_button(
        "Download",
        content,
        f"{run.id}.zip",
        "application/zip",
        disabled=bool(problem),
        tooltip=plain(problem) or "A zip with the recipe, the history, the network and a report.",
        key=f"download-{run.id}",
    )


@lru_cache(maxsize=4)
def _zip(
    zipped: Callable[[Run], bytes], folder: Path, _written: tuple[ReportContent, ...]
) -> bytes:
    # A third of a second's work.
    return zipped(read_run(folder))


def _rename_form(run: Run, name: str, token: str, allowed: Limits) -> None:
    key = f"title-{run.id}"
    with st.form(f"rename-{run.id}", border=False):
        st.text_input(
            "Name",
            value=name,
            max_chars=MAX_TITLE,
            key=key,
            help="An empty name takes you back to the run's id. Links keep using the id.",
        )
        st.form_submit_button(
            "Save", type="primary", on_click=_rename, args=(run, key, token, allowed)
        )


def _too_busy(run: Run, busy: Callable[[Run], bool]) -> str:
    try:
        return "It is waiting or being trained: stop it first." if busy(run) else ""
    except RunError:  # it has just gone: a click will say so
        return ""


def _rename(run: Run, key: str, token: str, allowed: Limits) -> None:
    before = shown_name(run)
    try:
        after = rename_run(run, st.session_state[key], token=token, allowed=allowed)
    except DigitscopeError as error:
        tell(str(error), fault=True)
    else:
        tell(f"{before} is now called {after or run.id}.")


def _delete(run: Run | BrokenRun, token: str, allowed: Limits, busy: Callable[[Run], bool]) -> None:
    done = just_deleted()
    if done and done.home == run.folder and not run.folder.exists():
        return  # the second half of a double click
    try:
        deleted = delete_run(run, token=token, allowed=allowed, busy=busy)
    except DigitscopeError as error:
        tell(str(error), fault=True)
    else:
        tell(f"Deleted {deleted.name}.", deleted=deleted)
