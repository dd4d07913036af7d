"""What a search has found: its history, its settings side by side, and the best trainings."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.experiments.experiment import Experiment, TrialRun
from core.experiments.links import plan_to_link
from core.experiments.plan import Trial, make_plan
from core.experiments.proposals import Training, setting_importance
from core.experiments.search import Search
from core.experiments.search_results import best_first, trainings_of
from core.figures.search_charts import history_chart, importance_chart, parallel_chart
from core.utils.files import without_formulas
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.pictures import CHART_CONFIG, text_color
from pages.widgets.train.views import TRAINING, open_plan

_SHOWN = 10
_REPEATED_SEEDS = 5
_FEWEST_LINES = 2


def search_results(experiment: Experiment, search: Search, runs: Sequence[TrialRun]) -> None:
    """Draw what a search has found so far.

    Args:
        experiment: whose search it is.
        search: its plan.
        runs: its trainings so far.
    """
    trainings = trainings_of(runs)
    ranked = best_first(runs)
    if ranked:
        _best(experiment, ranked)
    st.markdown("**In their order**")
    st.plotly_chart(
        history_chart(trainings, [each.trial.combination.name for each in runs], text_color()),
        config=CHART_CONFIG,
        key="search-history",
        alt="The validation loss of each training, in their order, and the best so far",
    )
    if len(ranked) >= _FEWEST_LINES:
        _settings(search, trainings)


def _best(experiment: Experiment, ranked: Sequence[tuple[float, TrialRun]]) -> None:
    """Draw the best trainings, and the offer to repeat the first."""
    shown = ranked[:_SHOWN]
    best = shown[0][1].trial
    st.markdown(f"**The best by validation loss**: {plain(best.combination.name)}")
    st.dataframe(
        pd.DataFrame(
            {
                "Validation loss": [loss for loss, _ in shown],
                "Test accuracy": [_test_accuracy(each) for _, each in shown],
                "Setting": [without_formulas(each.trial.combination.name) for _, each in shown],
                "Training": [each.trial.number + 1 for _, each in shown],
                "Run": [
                    f"/train?{TRAINING}={each.run.id}" if each.run else None for _, each in shown
                ],
            }
        ),
        hide_index=True,
        column_config={
            "Validation loss": st.column_config.NumberColumn(format="%.4f"),
            "Run": st.column_config.LinkColumn(display_text="open"),
        },
        alt="The best trainings of the search",
    )
    st.caption(
        "Each was trained once, with the same seed: the first of many is partly luck. Repeat it "
        "with other seeds before you believe its figure."
    )
    st.button(
        f"Repeat the best one with {_REPEATED_SEEDS} other seeds",
        icon=":material/repeat:",
        on_click=_repeat,
        args=(best,),
        key=f"search-repeat-{experiment.id}",
    )


def _test_accuracy(trial_run: TrialRun) -> str:
    headline = trial_run.run.info.headline() if trial_run.run else None
    return str(headline[1]) if headline else "–"


def _repeat(best: Trial) -> None:
    """Open a new experiment: the best settings with seeds that they were not chosen by."""
    recipe = best.recipe.changed(seed=best.seed + 1)
    open_plan(plan_to_link(make_plan(recipe, seeds=_REPEATED_SEEDS)))


def _settings(search: Search, trainings: Sequence[Training]) -> None:
    st.markdown("**Settings side by side**")
    st.plotly_chart(
        parallel_chart(search.dimensions, trainings, text_color()),
        config=CHART_CONFIG,
        key="search-parallel-chart",
        alt="Each finished training as a line through its settings to its validation loss",
    )
    st.caption(
        "A line is a finished training, blue the best ones. Drag along an axis to see only the "
        "trainings in that range."
    )
    parts = setting_importance(search, trainings)
    if parts:
        st.markdown("**Which setting matters most**")
        st.plotly_chart(
            importance_chart(parts, text_color()),
            config=CHART_CONFIG,
            key="search-importance",
            alt="How much each setting decides whether a training is among the best",
        )
        st.caption(
            "PED-ANOVA: how far a setting's values among the best tenth of the trainings differ "
            "from those among all. From few trainings it is a rough figure."
        )
