"""The shipped runs: mistakes against parameters as a chart, a table, and what each one is."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.recipes.presets import PRESETS, Preset
from core.runs.run import BrokenRun, Run
from core.utils.text import duration
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.pictures import CHART_CONFIG, text_color

_TABLE = "shipped-runs"
_OURS, _TUTORIAL = "ours", "of a tutorial"


def shipped_runs(shipped: Sequence[Run | BrokenRun]) -> None:
    """Draw the chart, the table and the descriptions, in the order of the presets.

    Args:
        shipped: The shipped runs, damaged ones included.
    """
    order = list(PRESETS)
    ordered = sorted(
        shipped, key=lambda run: order.index(run.id) if run.id in order else len(order)
    )
    runs = [run for run in ordered if isinstance(run, Run)]
    for broken in (run for run in ordered if isinstance(run, BrokenRun)):
        st.error(f"{plain(broken.id)}: {plain(broken.problem)}")
    _chart(runs)
    _table(runs)
    with st.expander("What each network is", icon=":material/info:"):
        for run in runs:
            st.markdown(_description(run, PRESETS.get(run.id)))


def _chart(runs: Sequence[Run]) -> None:
    # Plotly takes half a second to import: what stands above is on the screen by then.
    from core.figures.run_charts import RunPoint, errors_by_parameters

    points = [
        RunPoint(run.id, run.info.parameters, metrics.wrong, _group(run))
        for run in runs
        if (metrics := run.info.metrics.get("mnist"))
    ]
    st.plotly_chart(
        errors_by_parameters(points, text_color()),
        config=CHART_CONFIG,
        key="shipped-chart",
        alt="Mistakes of each shipped run against its parameters; the table below has the figures",
    )


def _group(run: Run) -> str:
    preset = PRESETS.get(run.id)
    return _TUTORIAL if preset and preset.tutorial else _OURS


def _table(runs: Sequence[Run]) -> None:
    rows = pd.DataFrame(
        [
            {
                "Run": run.id,
                "Wrong of 10,000": metrics.wrong if metrics else None,
                "Accuracy": 100 * metrics.accuracy if metrics else None,
                "Parameters": run.info.parameters,
                "Trained in": duration(run.info.seconds),
                "Recipe by": _author(run),
                "Its author's figure": _figure(run),
            }
            for run in runs
            for metrics in [run.info.metrics.get("mnist")]
        ]
    )
    event = st.dataframe(
        rows,
        hide_index=True,
        key=_TABLE,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Run": st.column_config.TextColumn(width=150),
            "Accuracy": st.column_config.NumberColumn(format="%.2f %%"),
            "Parameters": st.column_config.NumberColumn(format="localized"),
        },
    )
    chosen = event.selection.rows
    if chosen:
        run_id = runs[chosen[0]].id
        st.page_link(
            pages()["predict"],
            label=f"Draw a digit for {run_id}",
            icon=":material/draw:",
            query_params={"run": run_id},
        )
    else:
        st.caption("Select a row to draw a digit for that network.")


def _author(run: Run) -> str:
    preset = PRESETS.get(run.id)
    return preset.tutorial.author if preset and preset.tutorial else "Digitscope"


def _figure(run: Run) -> str:
    preset = PRESETS.get(run.id)
    return preset.tutorial.figure if preset and preset.tutorial else ""


def _description(run: Run, preset: Preset | None) -> str:
    """What a run is, its result and its tutorial, as Markdown."""
    headline = run.info.headline()
    parts = [f"**{run.id}**"]
    if preset:
        parts.append(preset.about)
    if headline:
        parts.append(f"**{headline[1]}**")
    parts.append(f"{run.info.parameters:,} parameters, trained in {duration(run.info.seconds)}.")
    if preset and preset.tutorial:
        tutorial = preset.tutorial
        year = f", {tutorial.year}" if tutorial.year else ""
        parts.append(
            f"{tutorial.author}, “{tutorial.title}”{year}. {tutorial.source} Its own figure: "
            f"{tutorial.figure}. {tutorial.remark}"
        )
    return "  \n".join(parts)
