"""The run in use: chosen in the sidebar, the same on every page, carried by the link (`?run=`)."""

from collections.abc import Container

import streamlit as st

from core import runs
from core.evaluation import wilson_interval
from pages.widgets.predictors import DEFAULT_RUN
from pages.widgets.words import plain

KEY = "run"
TRAINED_ON = ", some of which it was trained on: this is no test score"
NO_RUN = "There is no run to use. Train one with `make train PRESET=fast`."
_LAST_LINK = "run_in_last_link"


def pick_run() -> None:
    """Draw the run picker in the sidebar; `chosen_run` gives what it holds."""
    found = runs.list_runs()
    usable = {run.id: run for run in found if isinstance(run, runs.Run)}
    broken = [run for run in found if isinstance(run, runs.BrokenRun)]
    asked = st.query_params.get(KEY)
    with st.sidebar:
        if not usable:
            st.error(NO_RUN)
            return
        _follow_link(asked, usable)
        # The first is the default: a stable sort keeps the others in their order.
        names = sorted(usable, key=lambda name: name != DEFAULT_RUN)
        # What an option shows is also what the link holds, so it is the bare id.
        chosen = st.selectbox(
            "Run in use",
            names,
            key=KEY,
            bind="query-params",
            help="A run is a trained network with its recipe and its results. Every page uses the "
            "run that is chosen here.",
        )
        st.caption(figure(usable[chosen]))
        if asked and asked not in usable:
            st.warning(_unknown(asked, broken), icon=":material/link_off:")
        elif broken:
            with st.expander(f"{len(broken)} damaged"):
                for run in broken:
                    st.write(plain(run.problem))


def _follow_link(asked: str | None, usable: Container[str]) -> None:
    """Take over the run of a link that was followed within the app.

    Streamlit reads a bound parameter when its widget first appears; this widget stands on every
    page, so it would keep its value although the address has changed.
    """
    if asked == st.session_state.get(_LAST_LINK):
        return
    st.session_state[_LAST_LINK] = asked
    if KEY in st.session_state and asked in usable:
        st.session_state[KEY] = asked


def chosen_run() -> str | None:
    """The id of the run in use, or None if there is no run at all."""
    chosen: str | None = st.session_state.get(KEY)
    return chosen


def figure(run: runs.Run) -> str:
    """How a run did, in one line: on MNIST's test digits, else on the sample's."""
    headline = run.info.headline()
    if headline is None:
        return plain(run.info.error) or f"Not tested: its training is {run.info.status}."
    dataset, found = headline
    seen = "" if found.held_out else TRAINED_ON
    if dataset == "mnist":
        return f"{found} on MNIST's test digits{seen}"
    low, high = (100 * end for end in wilson_interval(found.n - found.wrong, found.n))
    return f"{found} on the sample's test digits, 95 % interval {low:.1f} to {high:.1f} %{seen}"


def _unknown(asked: str, broken: list[runs.BrokenRun]) -> str:
    for run in broken:
        if run.id == asked:
            return plain(run.problem)
    # What a link holds is a stranger's text: plain, and not too long.
    shown = "".join(char for char in asked[:40] if char.isalnum() or char in "-_")
    return f"The link asks for a run “{shown}” that does not exist here; another one is in use."
