"""What to do with a training that is over: use it, continue it, change it."""

import streamlit as st

from core.jobs import submission
from core.recipes.recipe import Recipe
from core.runs.permissions import Limits, may_manage
from core.runs.run import Run
from core.utils.errors import DigitscopeError, RunError
from core.utils.validation import bounds
from pages.widgets.shared.fine_tune import before_and_after_table
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages

# Pages that take a run, in the order in which they help.
_USES = {
    "confusion": ("See its confusions", ":material/grid_view:"),
    "filters": ("See what its filters see", ":material/filter_b_and_w:"),
    "predict": ("Draw with it", ":material/draw:"),
}


def next_steps(run: Run, token: str, allowed: Limits) -> None:
    """Draw the links and, for the browser that trained it, the continuation."""
    before_and_after_table(run)
    st.markdown("**What next?**")
    known = pages()
    with st.container(horizontal=True):
        for key, (label, icon) in _USES.items():
            if key in known and _is_usable(run):
                link = {"run": run.id}
                st.page_link(known[key], label=label, icon=icon, query_params=link)
        st.page_link(
            known["train"],
            label="Train this again, changed",
            icon=":material/tune:",
            query_params={"from": run.id},
        )
    if may_manage(run, token, allowed):
        try:
            run.check_can_go_on()
        except RunError:
            return  # "train this again" is the way, and stands above
        _go_on(run, token, allowed)


def _is_usable(run: Run) -> bool:
    """Whether its network can read digits: one that diverged and was not tested cannot."""
    info = run.info
    return bool(info.model_sha256) and (info.ended_by != "diverged" or bool(info.metrics))


def _go_on(run: Run, token: str, allowed: Limits) -> None:
    done = run.info.epochs_done
    most = min(int(bounds(Recipe, "epochs").high), allowed.epochs)
    if done >= most:
        return
    planned = run.info.recipe.epochs
    with st.container(horizontal=True, vertical_alignment="bottom"):
        total = st.number_input(
            "Continue it up to epoch",
            done + 1,
            most,
            planned if planned > done else min(done + 2, most),
            key=f"continue-{run.id}-{done}",
            width=180,
            help="It goes on where it was, as if it had never stopped. A learning-rate schedule is "
            "stretched over all epochs.",
        )
        pressed = st.button("Continue", icon=":material/resume:", key="continue")
    if not pressed:
        return
    try:
        submission.resume_training(run, token=token, epochs=total)
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/block:")
    else:
        st.rerun()
