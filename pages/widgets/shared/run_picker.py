"""The run in use: chosen in the sidebar, the same on every page, kept in the address.

`?run=ID` is the finished network of a run, `?run=ID&epoch=3` the same network after epoch 3. In the
session state the epoch is a string too, or None for the finished network.
"""

import streamlit as st

from core.data.mnist import TEST_DIGITS
from core.evaluation.comparison import wilson_interval
from core.runs import registry
from core.runs.permissions import shown_name
from core.runs.run import BrokenRun, Network, Run
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.url_state import displayable
from pages.widgets.shared.warm_up import DEFAULT_RUN

_KEY = "run"
_EPOCH = "epoch"
_FINISHED = "the finished network"
_TRAINED_ON = ", some of which it was trained on: not a test result"
NO_RUN = "There is no run to use. Train one with `make train PRESET=fast`."
_ANOTHER = "another one is in use."
_LAST_LINK = "run_in_last_link"
_SHOWN = "run_and_epoch_shown_last"
_EPOCH_OF = "run_of_epoch"
_NEXT = "next_run_in_use"


def pick_run() -> None:
    """Draw the pickers in the sidebar; `chosen_run` and `chosen_epoch` return their values."""
    runs = registry.list_runs()
    usable = {run.id: run for run in runs if isinstance(run, Run) and run.info.model_sha256}
    requested, requested_epoch = st.query_params.get(_KEY), st.query_params.get(_EPOCH)
    with st.sidebar:
        if not usable:
            st.error(NO_RUN)
            return
        new_link = _is_new(requested, requested_epoch)
        if new_link and _KEY in st.session_state and requested in usable:
            st.session_state[_KEY] = requested
        following = st.session_state.pop(_NEXT, None)
        if following in usable:
            st.session_state[_KEY] = following
        # The first is the default: a stable sort keeps the others in their order.
        names = sorted(usable, key=lambda name: name != DEFAULT_RUN)
        # What an option shows is also what the link holds, so it is the bare id.
        chosen = st.selectbox(
            "Run in use",
            names,
            key=_KEY,
            bind="query-params",
            help="A run is a trained network with its recipe and its results. Every page uses the "
            "run that is chosen here.",
        )
        run = usable[chosen]
        st.caption(f"{_title(run)}{result_line(run)}")
        epoch_applies = requested is None or requested == chosen
        _pick_epoch(run, requested_epoch if epoch_applies else None, new_link=new_link)
        st.session_state[_SHOWN] = (chosen, st.session_state[_EPOCH])
        broken = [run for run in runs if isinstance(run, BrokenRun)]
        if requested and requested not in usable:
            st.warning(_why_not(requested, runs), icon=":material/link_off:")
        elif broken:
            with st.expander(f"{len(broken)} damaged"):
                for damaged in broken:
                    st.write(plain(damaged.problem))


def _is_new(requested: str | None, requested_epoch: str | None) -> bool:
    """Return whether a link that names a run or an epoch was followed since the last call.

    Streamlit reads a bound parameter only when its widget first appears. These widgets are on every
    page, so they would keep their values although the address has changed. Where the address only
    followed the widgets, nobody followed a link.
    """
    link = (requested, requested_epoch)
    before = st.session_state.get(_LAST_LINK)
    st.session_state[_LAST_LINK] = link
    run, epoch = st.session_state.get(_SHOWN, ("", ""))
    caught_up = requested in {None, run} and requested_epoch == epoch
    return link not in {before, (None, None)} and not caught_up


def _pick_epoch(run: Run, requested: str | None, *, new_link: bool) -> None:
    kept = [str(epoch) for epoch in run.epochs()]
    state = st.session_state
    other_run = state.get(_EPOCH_OF, run.id) != run.id
    state[_EPOCH_OF] = run.id
    if _EPOCH in state and (new_link or other_run):
        # A change of the run, by hand or by a link within the app, leaves the old epoch in the
        # address.
        if other_run and requested == state[_EPOCH]:
            requested = None
        state[_EPOCH] = requested if requested in kept else None
    # None, the last option, is also the initial value of a slider without one.
    chosen = st.select_slider(
        "At epoch",
        [*kept, None] if kept else [None, None],  # a slider needs two ends
        format_func=lambda epoch: epoch or _FINISHED,
        key=_EPOCH,
        bind="query-params",
        disabled=not kept,  # not left out: a link's epoch would wait for the next run that has it
        help="The network as it was after that epoch of its training, as far as its weights "
        "were kept: rounded to float16, which hardly changes an answer.",
    )
    if chosen is not None:
        st.caption("The results above are of the finished network.")
    if requested and requested not in {chosen, _FINISHED}:
        st.warning(_no_epoch(requested, run, kept), icon=":material/link_off:")


def chosen_run() -> str | None:
    """Return the id of the run in use; None if there is no run at all."""
    chosen: str | None = st.session_state.get(_KEY)
    return chosen


def chosen_epoch() -> int | None:
    """Return the epoch of the run in use that is shown; None for its finished network."""
    chosen: str | None = st.session_state.get(_EPOCH)
    return None if chosen is None else int(chosen)


def use_run(run: Run) -> None:
    """Make a run the one in use, and draw the page anew.

    Args:
        run: whose network can be used.
    """
    st.session_state[_NEXT] = run.id
    st.rerun()


def run_in_use() -> Run:
    """Find the run in use. A page calls this once, at its beginning.

    Returns:
        The run.

    Raises:
        RunError: There is no run at all, or it was just deleted, or it cannot be read.
    """
    return registry.find_run(chosen_run() or "")


def network_in_use() -> Network | None:
    """Find the network of the run in use, finished or after the chosen epoch.

    Returns:
        The network; None if there is no run at all.

    Raises:
        RunError: The run was just deleted, or it cannot be read.
    """
    return Network(run_in_use(), chosen_epoch()) if chosen_run() else None


def choose_epoch(epoch: int | None) -> None:
    """Move the epoch slider; for callbacks and fragments, before the next run of the script.

    Args:
        epoch: The epoch; None for the finished network.
    """
    st.session_state[_EPOCH] = None if epoch is None else str(epoch)


def _title(run: Run) -> str:
    """Return the name that its owner gave the run, for Markdown; empty if there is none."""
    name = shown_name(run)
    return "" if name == run.id else f"“{plain(' '.join(name.split()))}”: "


def result_line(run: Run) -> str:
    """Describe a run's result in one line: on MNIST's test digits, otherwise on the sample's."""
    headline = run.info.headline()
    if headline is None:
        return plain(run.info.error) or f"Not tested: its training is {run.info.status}."
    dataset, metrics = headline
    caveat = "" if metrics.held_out else _TRAINED_ON
    if dataset == "mnist":
        return f"{metrics} on {TEST_DIGITS[dataset]}{caveat}"
    low, high = (100 * end for end in wilson_interval(metrics.n - metrics.wrong, metrics.n))
    return f"{metrics} on {TEST_DIGITS[dataset]}, 95 % interval {low:.1f} to {high:.1f} %{caveat}"


def _why_not(run_id: str, runs: list[Run | BrokenRun]) -> str:
    """Return the sentence that says why the run in a link is not the one in use."""
    run = next((run for run in runs if run.id == run_id), None)
    if isinstance(run, BrokenRun):
        return plain(run.problem)
    if run is None:
        asked = displayable(run_id)
        return f"The link asks for a run “{asked}” that does not exist here; {_ANOTHER}"
    if run.info.status == "queued":
        return f"The run “{run_id}” waits to be trained: watch it on the Train page; {_ANOTHER}"
    if run.info.status == "running":
        return f"The run “{run_id}” is still being trained: watch it on the Train page; {_ANOTHER}"
    reason = plain(run.info.error) or "Its training ended before a network was saved."
    return f"The run “{run_id}” has no network; {_ANOTHER} {reason}"


def _no_epoch(requested: str, run: Run, kept: list[str]) -> str:
    alternatives = f"It keeps the epochs {', '.join(kept)}" if kept else "It keeps no single epochs"
    return (
        f"The link asks for epoch “{displayable(requested)}” of the run “{run.id}”, which is not "
        f"kept. {alternatives}; the finished network is in use."
    )
