"""Whose answers the confusions page counts; those that are not kept are worked out when asked."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core.evaluation.epoch_predictions import (
    NotComputedError,
    compute_epoch_predictions,
    load_epoch_predictions,
    predict_now,
)
from core.evaluation.user_digits import USER_DIGITS
from core.runs.predictions import NoPredictionsError, Predictions, load_predictions
from core.runs.run import Network, Run
from core.utils.background import BackgroundTask, Report, shared_task
from core.utils.errors import DigitscopeError
from pages.widgets.shared.background_task import run_chore
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.user_digits import my_answered

_NOTE = "Worked out once, for all visitors of this server."


def answers(network: Network, dataset: str) -> Predictions | None:
    """Read what a network answers, or draw the offer to work it out.

    Args:
        network: a run's, finished or as it was after an epoch.
        dataset: whose test digits, or "mine" for the visitor's.

    Returns:
        The answers; None while they are not worked out.

    Raises:
        DigitscopeError: as `stored` and `at_epoch` do.
    """
    if dataset == USER_DIGITS:
        return my_answered(network)
    run = network.run
    try:
        return (
            load_predictions(run, dataset)
            if network.epoch is None
            else load_epoch_predictions(network, dataset)
        )
    except NotComputedError as error:
        offer_epochs(str(error), run, dataset)
        return None
    except NoPredictionsError:
        chore = _chore(run, dataset, "finished", partial(predict_now, run, dataset))
        found: Predictions | None = chore.state.result
        if found is None:
            _offer(
                f"What the run “{run.id}” answers on these digits was not kept: they were not on "
                "this machine when it was trained.",
                chore,
            )
        return found


def offer_epochs(why: str, run: Run, dataset: str) -> None:
    """Draw the offer to work out what a run answered after each of its epochs."""
    _offer(why, _chore(run, dataset, "epochs", partial(compute_epoch_predictions, run, dataset)))


def other_answers(run: Run | None, dataset: str) -> Predictions | None:
    """The second run's answers to the same digits; None, and a sentence, if there are none."""
    if run is None:
        return None
    try:
        return answers(Network(run), dataset)
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/compare_arrows:")
        return None


def _chore(run: Run, dataset: str, what: str, do: Callable[[Report], Any]) -> BackgroundTask[Any]:
    return shared_task((Network(run), dataset, what), do)


def _offer(why: str, chore: BackgroundTask[Any]) -> None:
    st.info(f"{plain(why)} {_NOTE}", icon=":material/hourglass_empty:")
    run_chore(chore, "Work it out", "confusion-answers", doing="Reading the digits")
