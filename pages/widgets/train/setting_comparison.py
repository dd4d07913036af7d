"""Two settings of an experiment side by side: their difference, and digit by digit."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.experiments.experiment import TrialRun
from core.experiments.paired_digits import compare_by_digit
from core.experiments.results import Measure, Summary, common_dataset, higher_is_better
from core.experiments.significance import compare_settings, comparison_sentence
from core.utils.text import p_value
from pages.widgets.shared.markdown import plain


def setting_comparison(
    found: Sequence[Summary], measure: Measure, runs: Sequence[TrialRun]
) -> None:
    """Draw the choice of two settings, and how they compare.

    Args:
        found: the summaries of all settings.
        measure: what they sum up.
        runs: all trainings of the experiment.
    """
    names = {summary.combination.name: summary for summary in found if summary.n > 1}
    if len(names) < 2:
        return
    st.markdown("**Two settings compared**")
    left, right = st.columns(2)
    with left:
        first = st.selectbox("First", list(names), key="experiment-first")
    with right:
        second = st.selectbox("Second", list(names), index=1, key="experiment-second")
    if first == second:
        st.caption("Choose two different settings.")
        return
    comparison = compare_settings(names[first], names[second])
    if comparison is None:
        return
    percent = higher_is_better(measure)
    unit, suffix = (100, " points") if percent else (1, " s" if measure == "seconds" else "")
    st.write(plain(comparison_sentence(comparison, measure, unit=unit, suffix=suffix)))
    _by_digit(runs, names[first], names[second])


def _by_digit(runs: Sequence[TrialRun], first: Summary, second: Summary) -> None:
    """Draw McNemar's test for each seed of which both runs kept their answers."""
    dataset = common_dataset(runs)
    if dataset is None:
        return
    if not st.toggle("Digit by digit (McNemar's test)", key="experiment-by-digit"):
        return
    compared = compare_by_digit(runs, first.combination, second.combination, dataset)
    if not compared:
        st.caption("The two have no seed in common of which both runs kept their answers.")
        return
    st.dataframe(
        pd.DataFrame(
            {
                "seed": [each.seed for each in compared],
                "right by the first only": [each.only_first for each in compared],
                "right by the second only": [each.only_second for each in compared],
                "p-value": [p_value(each.probability) for each in compared],
                "": ["more than chance" if each.more_than_chance else "" for each in compared],
            }
        ),
        hide_index=True,
        alt="McNemar's test for each seed",
    )
    st.caption(
        f"Test digits: those of {dataset}. Two networks of the same seed read the same digits; "
        "McNemar's exact test looks at those that only one of them reads rightly. The p-values are "
        "corrected for the number of seeds by Holm's method."
    )
