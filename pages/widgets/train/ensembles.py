"""Ensembles on the training page: make one of the ticked runs, and what averaging them changed."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.data.mnist import TEST_DIGITS
from core.evaluation.before_after import EnsembleComparison, compare_with_members
from core.jobs import submission
from core.runs.ensembles import MAX_MEMBERS, plan_ensemble
from core.runs.permissions import shown_name
from core.runs.run import Run
from core.utils.errors import DigitscopeError
from core.utils.files import without_formulas
from core.utils.text import p_value
from pages.widgets.shared.markdown import plain
from pages.widgets.train.views import show_watch

_USE = (
    "Networks trained with different seeds make different mistakes, so the average of their "
    "probabilities is often right where a single network is wrong. An ensemble takes as long "
    "to answer as all its members together. Choose members by their validation results. If "
    "you choose them by their test results, the ensemble's test result is too good."
)


def offer_ensemble(runs: Sequence[Run], token: str) -> None:
    """Draw the button that makes an ensemble of runs; nothing for fewer than two.

    Args:
        runs: the ticked runs, in the order of the list.
        token: the visitor's token.
    """
    if len(runs) < 2:
        return
    with st.container(border=True):
        st.markdown("**Average their answers: an ensemble**")
        st.caption(_USE)
        try:
            plan_ensemble(runs)
        except DigitscopeError as error:
            st.info(plain(str(error)), icon=":material/block:")
            return
        st.button(
            f"Make an ensemble of these {len(runs)}",
            icon=":material/groups:",
            key="make-ensemble",
            on_click=_make,
            args=(runs, token),
        )
        if problem := st.session_state.pop(_PROBLEM, ""):
            st.error(plain(problem), icon=":material/block:")


def too_many_text(count: int) -> str:
    """Return the sentence for more ticked runs than an ensemble can have."""
    return (
        f"An ensemble has at most {MAX_MEMBERS} members, {count} runs are selected: deselect some."
    )


_PROBLEM = "ensemble-problem"


def _make(runs: Sequence[Run], token: str) -> None:
    names = " + ".join(shown_name(run) for run in runs)
    title = names if len(names) <= _LONGEST_TITLE else f"{len(runs)} runs averaged"
    try:
        run = submission.make_ensemble(runs, token=token, title=title)
    except DigitscopeError as error:
        st.session_state[_PROBLEM] = str(error)
    else:
        show_watch(run)


_LONGEST_TITLE = 60


def ensemble_result(run: Run) -> None:
    """Draw an ensemble beside its members: mistakes, McNemar's test, and what it may be used for.

    Args:
        run: the ensemble.

    Raises:
        RunError: a member's copy cannot be read.
    """
    for comparison in compare_with_members(run):
        st.markdown(f"**On {TEST_DIGITS[comparison.dataset]}: {comparison.metrics}**")
        st.dataframe(_table(comparison), hide_index=True, alt="The members and the ensemble")
        st.write(comparison.sentence())
    st.caption(
        "Before: a member by itself. After: the average. Right alone: digits that only the "
        "member reads correctly; ensemble alone: digits that only the average reads "
        "correctly. p: McNemar's exact test on these, held to 5 % divided by the "
        f"{len(run.info.members)} members. {_USE}"
    )


def _table(comparison: EnsembleComparison) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Member": [without_formulas(member.name) for member in comparison.members],
            "Wrong before": [f"{member.metrics.wrong:,}" for member in comparison.members],
            "Wrong after": [f"{comparison.metrics.wrong:,}"] * len(comparison.members),
            "The ensemble is": [member.verdict for member in comparison.members],
            "p": [p_value(member.difference.probability) for member in comparison.members],
            "Right alone": [f"{m.difference.only_first:,}" for m in comparison.members],
            "Ensemble alone": [f"{m.difference.only_second:,}" for m in comparison.members],
        }
    )
