"""The answers that the confusions page counts; those not stored are computed on request."""

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
from pages.widgets.shared.background_task import draw_task
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.user_digits import my_predictions

_NOTE = "Computed once, for all visitors of this server."


def load_or_offer(network: Network, dataset: str) -> Predictions | None:
    """Load a network's answers to a set of test digits, or draw an offer to compute them.

    Args:
        network: of a run, finished or as it was after an epoch.
        dataset: the dataset of the test digits, or "mine" for the visitor's own.

    Returns:
        The answers; None while they are not computed.

    Raises:
        DigitscopeError: if the stored answers, the network or the dataset cannot be read.
    """
    if dataset == USER_DIGITS:
        return my_predictions(network)
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
        computed: Predictions | None = chore.state.result
        if computed is None:
            _offer(
                f"What the run “{run.id}” answers on these digits is not stored: these digits "
                "were not on this machine when it was trained.",
                chore,
            )
        return computed


def offer_epochs(why: str, run: Run, dataset: str) -> None:
    """Draw an offer to compute what a run answered after each of its epochs.

    Args:
        why: the sentence that says why the answers are missing.
        run: a run that keeps weights of its epochs.
        dataset: the dataset whose test digits are read.
    """
    _offer(why, _chore(run, dataset, "epochs", partial(compute_epoch_predictions, run, dataset)))


def other_predictions(run: Run | None, dataset: str) -> Predictions | None:
    """Load a second run's answers to the same digits; None if there are none.

    An error is drawn as a warning: the page is useful without the second run.
    """
    if run is None:
        return None
    try:
        return load_or_offer(Network(run), dataset)
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/compare_arrows:")
        return None


def _chore(run: Run, dataset: str, scope: str, do: Callable[[Report], Any]) -> BackgroundTask[Any]:
    return shared_task((Network(run), dataset, scope), do)


def _offer(why: str, chore: BackgroundTask[Any]) -> None:
    st.info(f"{plain(why)} {_NOTE}", icon=":material/hourglass_empty:")
    draw_task(chore, "Compute it", "confusion-answers", doing="Reading the digits")
