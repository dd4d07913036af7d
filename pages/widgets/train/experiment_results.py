"""What an experiment has found: a table and charts by setting, its runs, and its controls."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.experiments.experiment import Experiment, TrialRun, find_experiment, trial_runs
from core.experiments.plan import Factor
from core.experiments.results import (
    Measure,
    Summary,
    common_dataset,
    curve_band,
    format_value,
    higher_is_better,
    left_out_sentences,
    measures_of,
    result_csv,
    result_rows,
    summaries,
)
from core.experiments.search import Search
from core.experiments.significance import verdicts
from core.export.experiment_notebook import experiment_notebook
from core.figures.experiment_charts import MAX_BANDS, band_chart, grid_chart, results_chart
from core.jobs import experiments
from core.jobs.experiments import experiment_status, may_be_added, may_manage_experiment
from core.runs.permissions import Limits
from core.utils.errors import DigitscopeError
from core.utils.files import without_formulas
from pages.widgets.shared.download import download_button
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import pages
from pages.widgets.shared.pictures import CHART_CONFIG, text_color
from pages.widgets.train.search_results import search_results
from pages.widgets.train.setting_comparison import setting_comparison
from pages.widgets.train.views import TRAINING, choose_experiment

_EVERY_S = 3.0
_MEASURE = "experiment-measure"
_PROBLEM = "experiment-change-problem"
_MAX_ROWS_DRAWN = 40
_CURVES = {"validation loss": "val_loss", "validation accuracy": "val_accuracy"}


def experiment_results(experiment: Experiment, token: str, limits: Limits) -> None:
    """Draw an experiment; while it goes on, it is drawn again every few seconds.

    Args:
        experiment: as it was read.
        token: the visitor's token.
        limits: the server's limits.
    """
    alive = experiment_status(experiment, trial_runs(experiment)) in {"going on", "ending"}
    st.fragment(_drawn, run_every=_EVERY_S if alive else None)(
        experiment.id, token, limits, was_alive=alive
    )


def _drawn(experiment_id: str, token: str, limits: Limits, *, was_alive: bool) -> None:
    try:
        experiment = find_experiment(experiment_id)
    except DigitscopeError:
        st.rerun()  # the page says what became of it
    runs = trial_runs(experiment)
    status = experiment_status(experiment, runs)
    if (status in {"going on", "ending"}) != was_alive:
        st.rerun()
    _head(experiment, runs, status)
    if may_manage_experiment(experiment, token, limits):
        _controls(experiment, status, token)
    there = measures_of(runs)
    if not there:
        st.info("No training is finished yet.", icon=":material/hourglass_empty:")
    elif isinstance(experiment.plan, Search):
        search_results(experiment, experiment.plan, runs)
    else:
        _results(experiment, runs, there)
    _runs(experiment, runs)


def _head(experiment: Experiment, runs: Sequence[TrialRun], status: str) -> None:
    ended = sum(trial_run.has_ended for trial_run in runs)
    st.header(plain(experiment.name), anchor=False)
    st.caption(f"{experiment.plan.describe()} · {status}")
    if status != "finished":
        count = experiment.plan.trials
        st.progress(ended / count, text=f"{ended} of {count} trainings have ended")
    if experiment.problem:
        st.warning(plain(experiment.problem), icon=":material/pause_circle:")
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(plain(problem), icon=":material/block:")
    pruned = sum(trial_run.status == "pruned" for trial_run in runs)
    if pruned:
        st.caption(
            f":material/content_cut: {pruned} of them {'was' if pruned == 1 else 'were'} "
            "pruned: ended early, because other trainings were better at the same epoch."
        )
    for sentence in left_out_sentences(runs):
        st.caption(f":material/info: {sentence}")


def _controls(experiment: Experiment, status: str, token: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if status == "going on":
            _button(
                "Pause", "pause", partial(experiments.pause_experiment, experiment, token=token)
            )
        elif experiment.submitted < experiment.plan.trials or experiment.state == "stopped":
            _button(
                "Go on",
                "play_arrow",
                partial(experiments.resume_experiment, experiment, token=token),
            )
        if status in {"going on", "ending", "paused"}:
            _button("Stop", "stop", partial(experiments.stop_experiment, experiment, token=token))
        _extension(experiment, token)
        if status not in {"going on", "ending"}:
            with st.popover("Delete", icon=":material/delete:"):
                with_runs = st.checkbox(
                    "Delete its runs as well",
                    key="experiment-delete-runs",
                    help="Otherwise they stay in the list of runs.",
                )
                _button("Delete it", "delete", partial(_delete, experiment, token, with_runs))


def _extension(experiment: Experiment, token: str) -> None:
    """Offer more seeds, or more trainings of a search."""
    more = may_be_added(experiment.plan)
    if more < 1:
        return
    label, ask = (
        ("More trainings", "How many more")
        if isinstance(experiment.plan, Search)
        else ("More seeds", "How many more for each setting")
    )
    with st.popover(label, icon=":material/add:"):
        count = st.number_input(ask, 1, more, min(5, more), key="experiment-more")
        _button(
            "Add them",
            "add",
            partial(experiments.resume_experiment, experiment, token=token, more=count),
        )


def _delete(experiment: Experiment, token: str, with_runs: bool) -> None:
    experiments.delete_experiment(experiment, token=token, with_runs=with_runs)
    choose_experiment("")


def _button(label: str, icon: str, action: Callable[[], Any]) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"experiment-{icon}-{label}",
        on_click=_do,
        args=(action,),
    )


def _do(action: Callable[[], Any]) -> None:
    try:
        action()
    except DigitscopeError as error:
        st.session_state[_PROBLEM] = str(error)


def _results(experiment: Experiment, runs: Sequence[TrialRun], there: list[Measure]) -> None:
    if st.session_state.get(_MEASURE) not in there:
        st.session_state[_MEASURE] = there[0]
    measure: Measure = st.selectbox(
        "Measure",
        there,
        key=_MEASURE,
        persist_state="session",
        width=260,
        help="Choose settings by validation results. The test results then tell how good the "
        "choice is.",
    )
    found = summaries(runs, measure)
    _table(found, measure)
    known = [summary for summary in found if summary.n][:_MAX_ROWS_DRAWN]
    st.plotly_chart(
        results_chart(known, measure, text_color()),
        config=CHART_CONFIG,
        key="experiment-points",
        alt=f"The {measure} of each run, and each setting's mean with its 95 % interval",
    )
    st.caption(_caption(measure, runs))
    factors = () if isinstance(experiment.plan, Search) else experiment.plan.factors
    if len(factors) == 2:
        _map(found, (factors[0], factors[1]), measure, runs)
    setting_comparison(found, measure, runs)
    _curves(experiment, runs)


def _caption(measure: Measure, runs: Sequence[TrialRun]) -> str:
    tested = f" Test digits: those of {common_dataset(runs)}." if measure.startswith("test") else ""
    return (
        "A gray point is a run, the diamond the mean, the bar its 95 % bootstrap interval, which "
        f"is too narrow for fewer than ten seeds.{tested}"
    )


def _table(found: Sequence[Summary], measure: Measure) -> None:
    shown = verdicts(found, measure)
    better = "Higher" if higher_is_better(measure) else "Lower"
    st.dataframe(
        pd.DataFrame(
            {
                "Setting": [without_formulas(row.summary.combination.name) for row in shown],
                "Finished": [f"{row.summary.n} of {row.summary.planned}" for row in shown],
                "Mean": [format_value(row.summary.mean, measure) for row in shown],
                "Standard deviation": [
                    format_value(row.summary.deviation, measure) for row in shown
                ],
                "95 % interval": [
                    f"{format_value(row.summary.low, measure)} to "
                    f"{format_value(row.summary.high, measure)}"
                    if row.summary.n > 1
                    else "–"
                    for row in shown
                ],
                "Against the best": [row.text() for row in shown],
            }
        ),
        hide_index=True,
        column_config={"Setting": st.column_config.TextColumn(pinned=True)},
        alt=f"The {measure} of each setting",
    )
    if len(shown) > 1:
        st.caption(
            f"{better} is better. The best of several means is partly luck: a setting is "
            "called worse only if a test says so (Student's t of the same seeds, or Welch's), "
            "corrected for the number of settings by Holm's method, at 5 %."
        )


def _map(
    found: Sequence[Summary],
    factors: tuple[Factor, Factor],
    measure: Measure,
    runs: Sequence[TrialRun],
) -> None:
    """Draw the map of a grid; a click on a cell lists its runs."""
    chosen = st.plotly_chart(
        grid_chart(found, factors, measure, text_color()),
        config=CHART_CONFIG,
        key="experiment-grid",
        on_select="rerun",
        selection_mode="points",
        alt=f"The mean {measure} of each pair of values",
    )
    points = chosen.selection.points
    number = points[0].get("customdata") if points else None
    of_cell = [each for each in runs if each.trial.combination.number == number]
    if not of_cell:
        st.caption("Click on a cell to list its runs.")
        return
    st.markdown(f"**{plain(of_cell[0].trial.combination.name)}**")
    _run_table(of_cell, result_rows(of_cell))


def _curves(experiment: Experiment, runs: Sequence[TrialRun]) -> None:
    combinations = {combination.name: combination for combination in experiment.combinations()}
    curve = st.segmented_control(
        "Curves", list(_CURVES), default="validation loss", required=True, key="experiment-curve"
    )
    column = _CURVES[curve or "validation loss"]
    bands = {
        name: band
        for name, combination in combinations.items()
        if (band := curve_band(runs, combination, column)) is not None
    }
    if not bands:
        st.caption("There are no validation digits, so there are no curves.")
        return
    chosen = list(bands)[:MAX_BANDS]
    if len(bands) > MAX_BANDS:
        chosen = st.multiselect(
            "Settings in the chart",
            list(bands),
            default=chosen,
            max_selections=MAX_BANDS,
            key="experiment-bands",
        )
    st.plotly_chart(
        band_chart(
            {name: bands[name] for name in chosen},
            curve or "",
            text_color(),
            percent=column == "val_accuracy",
        ),
        config=CHART_CONFIG,
        key="experiment-curves",
        alt=f"The {curve} by epoch: mean and standard deviation over the seeds",
    )
    st.caption(
        "The line is the mean over the seeds, the band one standard deviation, thin: each run."
    )


def _runs(experiment: Experiment, runs: Sequence[TrialRun]) -> None:
    with st.expander(f"All {len(runs)} trainings"):
        running = next((each.run for each in runs if each.status == "running" and each.run), None)
        rows = result_rows(runs)
        download_button(
            "Results as CSV",
            result_csv(runs),
            f"{experiment.id}.csv",
            "text/csv",
            key="experiment-csv",
        )
        if not running:  # it takes a moment, and would be old in the next
            download_button(
                "Notebook that draws them",
                experiment_notebook(experiment, runs),
                f"{experiment.id}.ipynb",
                "application/x-ipynb+json",
                key="experiment-notebook",
            )
        if running:
            st.page_link(
                pages()["train"],
                label="Watch the training that goes on",
                icon=":material/show_chart:",
                query_params={TRAINING: running.id},
            )
        _run_table(runs, rows)


def _run_table(runs: Sequence[TrialRun], rows: Sequence[dict[str, Any]]) -> None:
    """Draw a row for each training, with a link to its run."""
    st.dataframe(
        pd.DataFrame(
            {
                "training": [row["training"] for row in rows],
                "setting": [without_formulas(each.trial.combination.name) for each in runs],
                "seed": [row["seed"] for row in rows],
                "status": [row["status"] for row in rows],
                "test accuracy": [_percent(row["test_accuracy"]) for row in rows],
                "validation loss": [row["validation_loss"] for row in rows],
                "run": [f"/train?{TRAINING}={row['run']}" if row["run"] else None for row in rows],
            }
        ),
        hide_index=True,
        column_config={
            "run": st.column_config.LinkColumn(display_text="open"),
            "validation loss": st.column_config.NumberColumn(format="%.4f"),
            "test accuracy": st.column_config.NumberColumn(format="%.2f %%"),
        },
        placeholder="–",
        alt="Trainings of the experiment",
    )


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
