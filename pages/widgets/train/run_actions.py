"""The actions on one run of the list: links, rename, download, delete.

The result of the last action is a notice, which stays on the page until the next action.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from core.export.run_report import FileState, describe_ending, folder_state, run_zip
from core.runs.housekeeping import Deleted, delete_run, rename_run, undo_delete, why_not_allowed
from core.runs.permissions import MAX_TITLE, Limits, shown_name
from core.runs.registry import read_run
from core.runs.run import BrokenRun, Run
from core.utils.errors import DigitscopeError, RunError
from pages.widgets.shared.download import download_button
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.run_picker import result_line

_KEY = "run_notice"


@dataclass(frozen=True)
class Notice:
    """The result of an action on a run.

    Attributes:
        words: the sentence to show.
        fault: whether the action failed.
        deleted: the run that was deleted and can be restored; None after any other action.
    """

    words: str
    fault: bool = False
    deleted: Deleted | None = None


def set_notice(words: str, *, fault: bool = False, deleted: Deleted | None = None) -> None:
    """Replace the notice; the arguments are the attributes of `Notice`."""
    st.session_state[_KEY] = Notice(words, fault, deleted)


def just_deleted() -> Deleted | None:
    """Return the run that this visitor just deleted; None if another action followed."""
    notice: Notice | None = st.session_state.get(_KEY)
    return notice.deleted if notice else None


def show_notice(token: str) -> None:
    """Draw the notice; for a deleted run with a button that restores it."""
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
        set_notice(str(error), fault=True)
    else:
        set_notice(f"{deleted.name} is back.")


def run_actions(
    run: Run,
    token: str,
    limits: Limits,
    busy: Callable[[Run], bool],
    zipped: Callable[[Run], bytes] = run_zip,
) -> None:
    """Draw a run's name and result, and what this visitor may do with it.

    Args:
        run: a run of the list.
        token: the visitor's token.
        limits: the server's limits.
        busy: whether a run is queued or being trained; such a run cannot be deleted.
        zipped: makes the zip file for the download.
    """
    name = shown_name(run)
    with st.container(border=True, key="run-actions"):
        st.header(plain(name), anchor=False)
        if name != run.id:
            st.caption(plain(run.id))
        st.write(result_line(run))
        st.caption(describe_ending(run.info))
        with st.container(horizontal=True):
            _links(run)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _buttons(run, name, token, limits, busy, zipped)


def damaged_actions(
    run: BrokenRun, token: str, limits: Limits, busy: Callable[[Run], bool]
) -> None:
    """Draw what is wrong with a damaged run, and a button that deletes it."""
    with st.container(border=True):
        st.warning(plain(run.problem), icon=":material/broken_image:")
        reason = why_not_allowed(run, token, limits)
        st.button(
            "Delete",
            icon=":material/delete:",
            disabled=bool(reason),
            help=reason or "You can undo this.",
            # A shipped run may have the same id.
            key=f"delete-damaged-{run.folder.parent.name}-{run.id}",
            on_click=_delete,
            args=(run, token, limits, busy),
        )


def _links(run: Run) -> None:
    page_by_key = pages()
    if "train" in page_by_key:
        st.page_link(
            page_by_key["train"],
            label="Show its members" if run.info.members else "Show its training curves",
            icon=":material/groups:" if run.info.members else ":material/show_chart:",
            query_params={"training": run.id},
        )
        if not run.info.members:
            st.page_link(
                page_by_key["train"],
                label="Train again with changes",
                icon=":material/tune:",
                query_params={"from": run.id},
            )
    if run.info.model_sha256:
        st.page_link(
            page_by_key["predict"],
            label="Draw a digit for it",
            icon=":material/draw:",
            query_params={"run": run.id},
        )


def _buttons(
    run: Run,
    name: str,
    token: str,
    limits: Limits,
    busy: Callable[[Run], bool],
    zipped: Callable[[Run], bytes],
) -> None:
    reason = why_not_allowed(run, token, limits)
    with st.popover("Rename", icon=":material/edit:", disabled=bool(reason), help=reason or None):
        _rename_form(run, name, token, limits)
    _download(run, zipped)
    reason = reason or _too_busy(run, busy)
    st.button(
        "Delete",
        icon=":material/delete:",
        disabled=bool(reason),
        help=reason or "You can undo this.",
        key=f"delete-{run.id}",
        on_click=_delete,
        args=(run, token, limits, busy),
    )


def _download(run: Run, zipped: Callable[[Run], bytes]) -> None:
    try:
        content, problem = _zip(zipped, run.folder, folder_state(run)), ""
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
def _zip(zipped: Callable[[Run], bytes], folder: Path, _written: tuple[FileState, ...]) -> bytes:
    # It takes a third of a second.
    return zipped(read_run(folder))


def _rename_form(run: Run, name: str, token: str, limits: Limits) -> None:
    key = f"title-{run.id}"
    with st.form(f"rename-{run.id}", border=False):
        st.text_input(
            "Name",
            value=name,
            max_chars=MAX_TITLE,
            key=key,
            help="Leave it empty to show the run's id. Links always use the id.",
        )
        st.form_submit_button(
            "Save", type="primary", on_click=_rename, args=(run, key, token, limits)
        )


def _too_busy(run: Run, busy: Callable[[Run], bool]) -> str:
    try:
        return "It is queued or training: stop it first." if busy(run) else ""
    except RunError:  # just deleted: the click reports it
        return ""


def _rename(run: Run, key: str, token: str, limits: Limits) -> None:
    before = shown_name(run)
    try:
        after = rename_run(run, st.session_state[key], token=token, allowed=limits)
    except DigitscopeError as error:
        set_notice(str(error), fault=True)
    else:
        set_notice(f"{before} is now called {after or run.id}.")


def _delete(run: Run | BrokenRun, token: str, limits: Limits, busy: Callable[[Run], bool]) -> None:
    last_deleted = just_deleted()
    if last_deleted and last_deleted.original_folder == run.folder and not run.folder.exists():
        return  # the second click of a double click
    try:
        deleted = delete_run(run, token=token, allowed=limits, busy=busy)
    except DigitscopeError as error:
        set_notice(str(error), fault=True)
    else:
        set_notice(f"Deleted {deleted.name}.", deleted=deleted)
