"""Links below a training that has ended: use the run, continue it, train it again changed."""

from contextlib import suppress

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
from pages.widgets.shared.run_picker import chosen_run
from pages.widgets.train.pseudo_labels import offer_pseudo_labels, pseudo_label_result

# Pages that show a run, in the order in which they are offered.
_USES = {
    "confusion": ("Open its confusion matrix", ":material/grid_view:"),
    "filters": ("Open its feature maps", ":material/filter_b_and_w:"),
    "predict": ("Draw a digit for it", ":material/draw:"),
}


def next_steps(run: Run, token: str, limits: Limits) -> None:
    """Draw the links and, for the browser that trained the run, the button that continues it.

    Args:
        run: a run whose training has ended.
        token: the visitor's token.
        limits: the server's limits.
    """
    before_and_after_table(run)
    pseudo_label_result(run)
    st.markdown("**What next?**")
    if chosen_run() == run.id:
        st.caption("This is now the run in use: every page shows it.")
    page_by_key = pages()
    with st.container(horizontal=True):
        for key, (label, icon) in _USES.items():
            if key in page_by_key and is_usable(run):
                # The address carries the run in use by itself; a link would name it twice.
                link = None if chosen_run() == run.id else {"run": run.id}
                st.page_link(page_by_key[key], label=label, icon=icon, query_params=link)
        if not run.info.members:
            st.page_link(
                page_by_key["train"],
                label="Train again with changes",
                icon=":material/tune:",
                query_params={"from": run.id},
            )
    if may_manage(run, token, limits):
        with suppress(RunError):  # it can only be trained again: that link stands above
            run.check_can_go_on()
            _go_on(run, token, limits)
    if is_usable(run) and not run.info.members:
        offer_pseudo_labels(run, token, limits)


def is_usable(run: Run) -> bool:
    """Whether its network can read digits: one that diverged and was not tested cannot."""
    info = run.info
    return bool(info.model_sha256) and (info.ended_by != "diverged" or bool(info.metrics))


def _go_on(run: Run, token: str, limits: Limits) -> None:
    done = run.info.epochs_done
    max_epochs = min(int(bounds(Recipe, "epochs").high), limits.epochs)
    if done >= max_epochs:
        return
    planned = run.info.recipe.epochs
    with st.container(horizontal=True, vertical_alignment="bottom"):
        total = st.number_input(
            "Continue up to epoch",
            done + 1,
            max_epochs,
            planned if planned > done else min(done + 2, max_epochs),
            key=f"continue-{run.id}-{done}",
            width=180,
            help="The training continues where it stopped. A learning-rate schedule is "
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
