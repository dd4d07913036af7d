"""Two to four runs side by side: accuracies, learning curves, settings that differ."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.data.mnist import TEST_DIGITS, DatasetName
from core.evaluation.comparison import (
    accuracy_differences,
    accuracy_intervals,
    common_test_dataset,
    differing_settings,
)
from core.export.run_report import describe_result
from core.figures.comparison_charts import accuracy_intervals_chart, learning_curves
from core.runs.permissions import shown_name
from core.runs.run import Run
from core.utils.errors import RunError
from core.utils.files import without_formulas
from core.utils.text import shortened
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import text_color

_CHART_CONFIG = {"displaylogo": False}
_LONGEST = 28


def compare_runs(runs: Sequence[Run]) -> None:
    """Draw the comparison of two to four runs.

    Args:
        runs: the runs, in the order of the columns.
    """
    names = _names(runs)
    st.header("Side by side", anchor=False)
    _accuracies(runs, names)
    _curves(runs, names)
    _settings(runs, names)


def _accuracies(runs: Sequence[Run], names: Sequence[str]) -> None:
    st.markdown("**Accuracy**")
    dataset = common_test_dataset(runs)
    if dataset is None:
        st.info(
            "These runs were not tested on the same digits, so their results cannot be compared."
        )
        return
    intervals = accuracy_intervals(runs, dataset)
    points = {
        name: (interval.metrics.accuracy, interval.low, interval.high)
        for name, interval in zip(names, intervals, strict=True)
    }
    st.plotly_chart(
        accuracy_intervals_chart(points, text_color()),
        config=_CHART_CONFIG,
        key="compared-intervals",
        alt=f"The accuracy of each run on {TEST_DIGITS[dataset]}, with its 95 % interval",
    )
    st.markdown(
        "\n".join(
            f"- {plain(name)}: {describe_result(dataset, interval.metrics)}"
            for name, interval in zip(names, intervals, strict=True)
        )
    )
    _luck(runs, names, dataset)


def _luck(runs: Sequence[Run], names: Sequence[str], dataset: DatasetName) -> None:
    answers = [run.predictions(dataset) for run in runs]
    stored = [answer for answer in answers if answer is not None]
    try:
        pairs = accuracy_differences(stored) if len(stored) == len(runs) else []
    except ValueError:
        pairs = []
    if not pairs:
        st.caption("Some answers to these digits are not stored, so significance cannot be tested.")
        return
    st.markdown("\n".join(f"- {plain(pair.sentence(names))}" for pair in pairs))
    correction = f" With {len(pairs)} pairs, that is 5 % divided by {len(pairs)}." * (
        len(pairs) > 1
    )
    st.caption(
        "McNemar's exact test on the same digits; a difference is called more than chance "
        f"below {100 * pairs[0].level:.2g} %.{correction} It is about these networks, not "
        "about their recipes: another seed alone changes the results."
    )


def _curves(runs: Sequence[Run], names: Sequence[str]) -> None:
    st.markdown("**Validation loss and accuracy by epoch**")
    drawn: dict[str, pd.DataFrame] = {}
    for run, name in zip(runs, names, strict=True):
        try:
            history = run.history()
        except RunError as error:
            st.caption(plain(str(error)))
            continue
        if "val_loss" in history and history["val_loss"].notna().any():
            drawn[name] = history
        else:
            st.caption(f"{plain(name)} was trained without validation digits: it has no curve.")
    if drawn:
        st.plotly_chart(
            learning_curves(drawn, text_color()),
            config=_CHART_CONFIG,
            key="compared-curves",
            alt="Validation loss and validation accuracy of each run by epoch",
        )
        st.caption(
            "Each run is measured on its own validation digits and by its own loss, which label "
            "smoothing raises: compare how the curves move rather than their heights."
        )


def _settings(runs: Sequence[Run], names: Sequence[str]) -> None:
    st.markdown("**Settings that differ**")
    trained = [(run, name) for run, name in zip(runs, names, strict=True) if not run.info.members]
    for run, name in zip(runs, names, strict=True):
        if run.info.members:
            members = ", ".join(member.id for member in run.info.members)
            st.caption(plain(f"{name} is an ensemble of {members}: it has no settings of its own."))
    if len(trained) < 2:
        return
    names = [name for _, name in trained]
    rows = differing_settings([run.info.recipe for run, _ in trained])
    if not rows:
        st.write("None: these recipes are the same.")
        return
    # Streamlit offers the table as CSV: a name is no formula there.
    columns = [without_formulas(name) for name in names]
    table = pd.DataFrame([row.values for row in rows], columns=columns)
    table.insert(0, "Setting", [row.name for row in rows], allow_duplicates=True)
    st.dataframe(
        table,
        hide_index=True,
        column_config={"Setting": st.column_config.TextColumn(pinned=True)},
        alt="The settings in which the runs differ",
    )


def _names(runs: Sequence[Run]) -> list[str]:
    """Return distinct short names, for table columns and charts."""
    names = [shown_name(run) for run in runs]
    short = [shortened(name, _LONGEST) for name in names]
    return short if len(set(short)) == len(short) else [run.id for run in runs]
