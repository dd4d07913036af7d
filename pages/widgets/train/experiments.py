"""The experiments of the training page: a new one, or what one has found (`?experiment=ID`)."""

import streamlit as st

from core.experiments.experiment import (
    BrokenExperiment,
    Experiment,
    find_experiment,
    list_experiments,
)
from core.runs.permissions import Limits
from core.utils.errors import DigitscopeError
from pages.widgets.shared.markdown import plain
from pages.widgets.train.experiment_form import PLAN, new_experiment
from pages.widgets.train.experiment_results import experiment_results
from pages.widgets.train.views import choose_experiment, chosen_experiment

_NEW = ""
_CHOICE = "experiment-choice"


def experiments_view(token: str, limits: Limits) -> None:
    """Draw the choice of an experiment, and the one that is chosen.

    Args:
        token: the visitor's token.
        limits: the server's limits.
    """
    listed = list_experiments()
    usable = {each.id: each for each in listed if isinstance(each, Experiment)}
    for each in listed:
        if isinstance(each, BrokenExperiment):
            st.warning(plain(each.problem), icon=":material/broken_image:")
    chosen = "" if PLAN in st.query_params else chosen_experiment()
    if usable:
        _choice(usable, chosen)
    if not chosen:
        new_experiment(token, limits)
        return
    try:
        experiment = find_experiment(chosen)
    except DigitscopeError as error:
        st.error(plain(str(error)), icon=":material/link_off:")
        st.button(
            "New experiment",
            icon=":material/science:",
            on_click=choose_experiment,
            args=(_NEW,),
            key="experiment-new",
        )
        return
    experiment_results(experiment, token, limits)


def _choice(usable: dict[str, Experiment], chosen: str) -> None:
    options = [_NEW, *usable]
    st.session_state[_CHOICE] = chosen if chosen in usable else _NEW
    st.selectbox(
        "Experiment",
        options,
        format_func=lambda name: usable[name].name if name in usable else "New experiment",
        key=_CHOICE,
        on_change=_chosen,
        width=420,
    )


def _chosen() -> None:
    choose_experiment(st.session_state[_CHOICE])
