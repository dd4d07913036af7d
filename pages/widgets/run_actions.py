"""What can be done with one run of the list: look, train anew, draw, rename, download, delete."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import streamlit as st

from core.errors import DigitscopeError, RunError
from core.job_card import MAX_TITLE, shown_name
from core.limits import Limits
from core.run_keeping import delete, may_not, rename
from core.run_report import Written, ending, written, zip_of
from core.runs import BrokenRun, Run, read
from pages.widgets.download import download_button
from pages.widgets.navigation import pages
from pages.widgets.run_notice import just_deleted, tell
from pages.widgets.run_picker import figure
from pages.widgets.words import plain


def run_actions(
    run: Run,
    token: str,
    allowed: Limits,
    busy: Callable[[Run], bool],
    zipped: Callable[[Run], bytes] = zip_of,
) -> None:
    """Draw the run's name, how it did, and what this visitor may do with it."""
    name = shown_name(run)
    with st.container(border=True, key="run-actions"):
        st.subheader(plain(name), anchor=False)
        if name != run.id:
            st.caption(plain(run.id))
        st.write(figure(run))
        st.caption(ending(run.info))
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
        reason = may_not(run, token, allowed)
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
    reason = may_not(run, token, allowed)
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
        content, problem = _zip(zipped, run.folder, written(run)), ""
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
def _zip(zipped: Callable[[Run], bytes], folder: Path, _written: tuple[Written, ...]) -> bytes:
    # A third of a second's work.
    return zipped(read(folder))


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
        after = rename(run, st.session_state[key], token=token, allowed=allowed)
    except DigitscopeError as error:
        tell(str(error), fault=True)
    else:
        tell(f"{before} is now called {after or run.id}.")


def _delete(run: Run | BrokenRun, token: str, allowed: Limits, busy: Callable[[Run], bool]) -> None:
    done = just_deleted()
    if done and done.home == run.folder and not run.folder.exists():
        return  # the second half of a double click
    try:
        deleted = delete(run, token=token, allowed=allowed, busy=busy)
    except DigitscopeError as error:
        tell(str(error), fault=True)
    else:
        tell(f"Deleted {deleted.name}.", deleted=deleted)
