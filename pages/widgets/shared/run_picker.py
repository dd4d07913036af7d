"""The run in use: chosen in the sidebar, the same on every page, carried by the link.

`?run=ID` is the finished network of a run, `?run=ID&epoch=3` the same network after epoch 3. In the
session the epoch is a word too, or None for the finished network.
"""

import streamlit as st

from core.data.mnist import TEST_DIGITS
from core.evaluation.comparison import wilson_interval
from core.runs import registry
from core.runs.permissions import shown_name
from core.runs.run import BrokenRun, Network, Run
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.warm_up import DEFAULT_RUN

KEY = "run"
EPOCH = "epoch"
FINISHED = "the finished network"
TRAINED_ON = ", some of which it was trained on: this is no test score"
NO_RUN = "There is no run to use. Train one with `make train PRESET=fast`."
_ANOTHER = "another one is in use."
_LAST_LINK = "run_in_last_link"
_SHOWN = "run_and_epoch_shown_last"
_EPOCH_OF = "run_of_epoch"


def pick_run() -> None:
    """Draw the pickers in the sidebar; `chosen_run` and `chosen_epoch` give what they hold."""
    found = registry.list_runs()
    usable = {run.id: run for run in found if isinstance(run, Run) and run.info.model_sha256}
    asked, asked_epoch = st.query_params.get(KEY), st.query_params.get(EPOCH)
    with st.sidebar:
        if not usable:
            st.error(NO_RUN)
            return
        new_link = _is_new(asked, asked_epoch)
        if new_link and KEY in st.session_state and asked in usable:
            st.session_state[KEY] = asked
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
        run = usable[chosen]
        st.caption(f"{_title(run)}{figure(run)}")
        meant = asked is None or asked == chosen
        _pick_epoch(run, asked_epoch if meant else None, new_link=new_link)
        st.session_state[_SHOWN] = (chosen, st.session_state[EPOCH])
        broken = [run for run in found if isinstance(run, BrokenRun)]
        if asked and asked not in usable:
            st.warning(_why_not(asked, found), icon=":material/link_off:")
        elif broken:
            with st.expander(f"{len(broken)} damaged"):
                for damaged in broken:
                    st.write(plain(damaged.problem))


def _is_new(asked: str | None, asked_epoch: str | None) -> bool:
    """Whether a link was followed since the last time, that names a run or an epoch.

    Streamlit reads a bound parameter when its widget first appears; these widgets stand on every
    page, so they would keep their values although the address has changed. Where only the address
    followed the widgets, nobody followed a link.
    """
    link = (asked, asked_epoch)
    before = st.session_state.get(_LAST_LINK)
    st.session_state[_LAST_LINK] = link
    run, epoch = st.session_state.get(_SHOWN, ("", ""))
    caught_up = asked in {None, run} and asked_epoch == epoch
    return link not in {before, (None, None)} and not caught_up


def _pick_epoch(run: Run, asked: str | None, *, new_link: bool) -> None:
    kept = [str(epoch) for epoch in run.epochs()]
    state = st.session_state
    other_run = state.get(_EPOCH_OF, run.id) != run.id
    state[_EPOCH_OF] = run.id
    if EPOCH in state and (new_link or other_run):
        # Who changes the run, by hand or by a link within the app, takes the address' epoch along.
        if other_run and asked == state[EPOCH]:
            asked = None
        state[EPOCH] = asked if asked in kept else None
    # None, which stands last, is also what a slider without a value begins with.
    chosen = st.select_slider(
        "At epoch",
        [*kept, None] if kept else [None, None],  # a slider needs two ends
        format_func=lambda epoch: epoch or FINISHED,
        key=EPOCH,
        bind="query-params",
        disabled=not kept,  # not left out: a link's epoch would wait for the next run that has it
        help="The network as it was after that epoch of its training, as far as its weights were "
        "kept: with rounded numbers (float16), which hardly changes an answer.",
    )
    if chosen is not None:
        st.caption("The figures above are the finished network's.")
    if asked and asked not in {chosen, FINISHED}:
        st.warning(_no_epoch(asked, run, kept), icon=":material/link_off:")


def chosen_run() -> str | None:
    """The id of the run in use, or None if there is no run at all."""
    chosen: str | None = st.session_state.get(KEY)
    return chosen


def chosen_epoch() -> int | None:
    """The epoch after which the run in use is to be shown, or None: its finished network."""
    chosen: str | None = st.session_state.get(EPOCH)
    return None if chosen is None else int(chosen)


def run_in_use() -> Run:
    """Find the run in use: once, where a page begins.

    Raises:
        RunError: there is no run at all, or it has just gone or cannot be read.
    """
    return registry.find_run(chosen_run() or "")


def network_in_use() -> Network | None:
    """Find the network of the run in use, finished or as it was after the chosen epoch.

    Returns:
        The network; None if there is no run at all.

    Raises:
        RunError: the run has just gone or cannot be read.
    """
    return Network(run_in_use(), chosen_epoch()) if chosen_run() else None


def choose_epoch(epoch: int | None) -> None:
    """Move the slider, before the next run of the script: for callbacks and fragments."""
    st.session_state[EPOCH] = None if epoch is None else str(epoch)


def _title(run: Run) -> str:
    """What its visitor calls the run, if anything, for Markdown."""
    name = shown_name(run)
    return "" if name == run.id else f"“{plain(' '.join(name.split()))}”: "


def figure(run: Run) -> str:
    """How a run did, in one line: on MNIST's test digits, else on the sample's."""
    headline = run.info.headline()
    if headline is None:
        return plain(run.info.error) or f"Not tested: its training is {run.info.status}."
    dataset, found = headline
    seen = "" if found.held_out else TRAINED_ON
    if dataset == "mnist":
        return f"{found} on {TEST_DIGITS[dataset]}{seen}"
    low, high = (100 * end for end in wilson_interval(found.n - found.wrong, found.n))
    return f"{found} on {TEST_DIGITS[dataset]}, 95 % interval {low:.1f} to {high:.1f} %{seen}"


def _why_not(asked: str, found: list[Run | BrokenRun]) -> str:
    """Why the run that a link asks for is not the one in use."""
    known = next((run for run in found if run.id == asked), None)
    if isinstance(known, BrokenRun):
        return plain(known.problem)
    if known is None:
        return f"The link asks for a run “{_short(asked)}” that does not exist here; {_ANOTHER}"
    if known.info.status == "queued":
        return f"The run “{asked}” waits to be trained: watch it on the Train page; {_ANOTHER}"
    if known.info.status == "running":
        return f"The run “{asked}” is still being trained: watch it on the Train page; {_ANOTHER}"
    why = plain(known.info.error) or "Its training ended before there was one."
    return f"The run “{asked}” has no network; {_ANOTHER} {why}"


def _no_epoch(asked: str, run: Run, kept: list[str]) -> str:
    which = f"It keeps the epochs {', '.join(kept)}" if kept else "It keeps no single epochs"
    return (
        f"The link asks for epoch “{_short(asked)}” of the run “{run.id}”, which is not kept. "
        f"{which}; the finished network is in use."
    )


def _short(asked: str) -> str:
    """What a link holds is a stranger's text: plain, and not too long."""
    return "".join(char for char in asked[:40] if char.isalnum() or char in "-_")
