"""Pseudo-labels on the training page: go on with digits without labels, and what they changed."""

import pandas as pd
import streamlit as st

from core.data.mnist import TEST_DIGITS
from core.evaluation.before_after import compare_with_parent
from core.jobs import submission
from core.runs.permissions import Limits
from core.runs.run import Metrics, Run
from core.training.pseudo_labels import (
    PseudoLabelSettings,
    describe_plan,
    plan_pseudo_labels,
)
from core.utils.errors import DigitscopeError
from core.utils.validation import bounds
from pages.widgets.shared.markdown import plain
from pages.widgets.train.views import watch_next

_KEY = "pseudo-label"
_RATES = (0.0001, 0.0002, 0.0005, 0.001, 0.002)


def offer_pseudo_labels(run: Run, token: str, limits: Limits) -> None:
    """Draw the settings and the button of a training with pseudo-labels, folded away.

    Args:
        run: a run whose training has ended.
        token: the visitor's token.
        limits: the server's limits.
    """
    with st.expander(
        "Continue with pseudo-labels", key=f"{_KEY}-{run.id}", on_change="rerun"
    ) as part:
        if not part.open:
            return
        st.write(
            "The network continues to learn, from digits without labels, and takes its own "
            "answers as labels (“pseudo-labels”). This can help if there are few labels and "
            "many pictures. But the network also learns its own confident mistakes. More "
            "epochs alone may help too: continue the run for as many epochs to see what the "
            "pseudo-labels add."
        )
        settings = _settings(limits)
        try:
            plan = plan_pseudo_labels(run, settings)
        except DigitscopeError as error:
            st.info(plain(str(error)), icon=":material/block:")
            return
        st.caption(plain(describe_plan(plan)))
        if st.button("Train with pseudo-labels", icon=":material/label_off:", key=_KEY):
            _submit(run, settings, token)


def _settings(limits: Limits) -> PseudoLabelSettings:
    epochs, rate = (bounds(PseudoLabelSettings, name) for name in PseudoLabelSettings.model_fields)
    defaults = PseudoLabelSettings()
    max_epochs = min(int(epochs.high), limits.epochs)
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
            help="Of the run's optimizer. With a one-cycle schedule, the highest.",
        )
    return PseudoLabelSettings(epochs=count, learning_rate=speed)


def _submit(run: Run, settings: PseudoLabelSettings, token: str) -> None:
    try:
        new_run = submission.pseudo_label(run, settings, token=token)
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    watch_next(new_run)
    st.rerun()


def pseudo_label_result(run: Run) -> None:
    """Draw what pseudo-labels changed, with McNemar's test; nothing for other runs.

    Args:
        run: a run whose training has ended.
    """
    pseudo = run.info.provenance.pseudo_labeled
    comparisons = compare_with_parent(run)
    if pseudo is None or not comparisons:
        return
    st.markdown(f"**Pseudo-labels of {pseudo.unlabeled:,} {pseudo.source}: before and after**")
    table = pd.DataFrame(
        {
            "Digits": [TEST_DIGITS[change.dataset] for change in comparisons],
            "Wrong before": [_wrong(change.before) for change in comparisons],
            "Wrong after": [_wrong(change.after) for change in comparisons],
        }
    )
    st.dataframe(table, hide_index=True, alt="Mistakes before and after the pseudo-labels")
    for change in comparisons:
        if change.parent:
            names = (plain(change.parent.name), "the new run")
            st.write(
                f"On {TEST_DIGITS[change.dataset]}: {change.parent.difference.sentence(names)}"
            )
    st.caption(_caption(run))


def _caption(run: Run) -> str:
    pseudo, results = run.info.provenance.pseudo_labeled, run.info.pseudo_labels
    words = f"Of the pseudo-labels, {results}. " if results else ""
    if pseudo and pseudo.source == "test digits":
        return words + (
            "The network learned from the test digits, without their labels. So “after” does "
            "not test how well it reads new digits. Use it to see what pseudo-labels do, "
            "never as a reported accuracy."
        )
    return words + "The test digits were not used: “after” is a fair test."


def _wrong(metrics: Metrics) -> str:
    return f"{metrics.wrong:,} of {metrics.n:,}"
