"""Fine-tuning a run on the visitor's digits: its settings, its progress, its result."""

import pandas as pd
import streamlit as st

from core.evaluation.user_digits import UserDigits, as_split
from core.jobs import submission
from core.runs import registry
from core.runs.permissions import Limits, is_mine, limits, shown_name
from core.runs.run import Metrics, Run
from core.training import fine_tuning
from core.training.fine_tuning import (
    FineTuneSettings,
    before_and_after,
    describe_plan,
    plan_fine_tuning,
)
from core.utils.errors import DigitscopeError
from core.utils.validation import bounds
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.visitor import visitor

_KEY = "fine-tune"
_RATES = (0.0001, 0.0002, 0.0005, 0.001, 0.002)
_SHOWN = 3
_LOOK_EVERY_S = 3.0
_STATES = {
    "queued": "waits for its turn",
    "starting": "is about to start",
    "running": "is being trained",
    "stopping": "is about to stop",
    "interrupted": "was interrupted, and continues soon",
    "finished": "is trained",
    "stopped": "was stopped",
    "failed": "failed",
}


def fine_tune_view(digits: UserDigits, run: Run | None) -> None:
    """Draw the explanation, the settings, the button, and the visitor's last fine-tuned runs.

    Args:
        digits: The visitor's labeled digits.
        run: The run to begin with; None if there is none.
    """
    st.markdown("**Fine-tune a run on MNIST plus your digits**")
    st.write(
        "The network continues to learn, with your digits mixed into MNIST's. Without MNIST's "
        "digits it would forget them: a network that learns only new data overwrites what it "
        "knew (“catastrophic forgetting”). Mixing in old data is the simplest remedy. The "
        "result is a new run; the original run stays unchanged."
    )
    if not digits or run is None:
        st.caption("Label some digits first: start with a dozen that are misread.")
    else:
        _ask(digits, run)
    _draw_recent_runs()


def _ask(digits: UserDigits, run: Run) -> None:
    try:
        user_limits = limits()
        settings = _settings(user_limits)
        plan = plan_fine_tuning(run, as_split(digits), settings, user_limits)
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/block:")
        return
    st.caption(plain(f"It begins with {run.id}. {describe_plan(plan)}"))
    agreed = _agreed(len(digits))
    if st.button(
        f"Fine-tune {plain(shown_name(run))}",
        type="primary",
        icon=":material/tune:",
        disabled=not agreed,
        key=_KEY,
    ):
        _submit(digits, run, settings)


def _settings(user_limits: Limits) -> FineTuneSettings:
    epochs, rate, share = (bounds(FineTuneSettings, name) for name in FineTuneSettings.model_fields)
    defaults = FineTuneSettings()
    max_epochs = min(int(epochs.high), user_limits.epochs)
    with st.container(horizontal=True):
        count = st.number_input(
            "Epochs",
            int(epochs.low),
            max_epochs,
            min(defaults.epochs, max_epochs),
            key=f"{_KEY}-epochs",
            width=150,
        )
        speed = st.select_slider(
            "Learning rate",
            [value for value in _RATES if rate.low <= value <= rate.high],
            defaults.learning_rate,
            format_func=lambda value: f"{value:g}",
            key=f"{_KEY}-rate",
            width=240,
            help="Adam's, at its height. A larger one learns your digits faster, and forgets more.",
        )
        part = st.slider(
            "Your digits, %",
            round(100 * share.low),
            round(100 * share.high),
            round(100 * defaults.share),
            step=5,
            key=f"{_KEY}-share",
            width=240,
            help="Of what an epoch shows. No digit comes more than "
            f"{fine_tuning.MAX_REPEATS} times an epoch, so with few digits it is less.",
        )
    return FineTuneSettings(epochs=count, learning_rate=speed, share=part / 100)


def _agreed(count: int) -> bool:
    subject = "your digit is" if count == 1 else f"all {count} of your digits are"
    st.info(
        "Until here your digits are in the server's memory only. A run has to keep what it is "
        f"trained on, so {subject} written into the new run's folder on this server. No page shows "
        "them to others, and no download of the run holds them; the network that learned from them "
        "can be used by everybody here. They go when you delete the run: for good an hour later, "
        "since until then that can be undone.",
        icon=":material/save:",
    )
    return st.checkbox("I agree that they are stored there", key=f"{_KEY}-agreed")


def _submit(digits: UserDigits, run: Run, settings: FineTuneSettings) -> None:
    try:
        submission.fine_tune(run, as_split(digits), settings, token=visitor())
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/block:")


def _draw_recent_runs() -> None:
    """Draw the visitor's last fine-tuned runs; each refreshes itself while it is being trained."""
    token = visitor()
    tuned = [
        run
        for run in registry.list_runs()
        if isinstance(run, Run) and run.info.provenance.fine_tuned and is_mine(run, token)
    ]
    last = sorted(tuned, key=lambda run: (run.info.created, run.id), reverse=True)[:_SHOWN]
    for run in last:
        alive = submission.job_state(run).alive
        st.fragment(_draw_run, run_every=_LOOK_EVERY_S if alive else None)(run, was_alive=alive)


def _draw_run(run: Run, *, was_alive: bool) -> None:
    try:
        run = registry.read_run(run.folder)  # a training changes it between two drawings
    except DigitscopeError:
        return  # it was deleted meanwhile, and its digits with it
    state = submission.job_state(run)
    with st.container(border=True):
        position = state.queue_position
        place = f", number {position} of those that wait" if position else ""
        st.markdown(f"**{plain(shown_name(run))}** {_STATES[state.name]}{place}.")
        if run.info.error:
            st.caption(plain(run.info.error))
        if not state.alive:
            before_and_after_table(run)
        _links(run)
    if was_alive and not state.alive:
        st.rerun()  # it is drawn once more, and then no longer by itself


def _links(run: Run) -> None:
    page_of = pages()
    with st.container(horizontal=True):
        if "train" in page_of:
            st.page_link(
                page_of["train"],
                label="Watch how it learns",
                icon=":material/show_chart:",
                query_params={"training": run.id},
            )
        if "predict" in page_of and run.info.metrics:
            st.page_link(
                page_of["predict"],
                label="Draw a digit for it",
                icon=":material/draw:",
                query_params={"run": run.id},
            )


def before_and_after_table(run: Run) -> None:
    """Draw a table of the errors before and after fine-tuning, on old and on new digits.

    Args:
        run: The fine-tuned run. Nothing is drawn for a run that was not fine-tuned.
    """
    rows = before_and_after(run.info)
    if not rows:
        return
    table = pd.DataFrame(
        [(row.digits, _wrong(row.before), _wrong(row.after)) for row in rows],
        columns=["Digits", "Wrong before", "Wrong after"],
    )
    st.dataframe(table, hide_index=True)
    st.caption(
        "Before: the original run. It should read all digits that it was trained on; the "
        "held-out digits tell whether it reads your handwriting better."
    )


def _wrong(metrics: Metrics | None) -> str:
    return "not tested" if metrics is None else f"{metrics.wrong:,} of {metrics.n:,}"
