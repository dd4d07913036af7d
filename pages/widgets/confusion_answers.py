"""Whose answers the confusions page counts; those that are not kept are worked out when asked."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core.answered import Answered, NoAnswersError, stored
from core.chores import Chore, Report, shared
from core.epoch_answers import NotComputedError, at_epoch, compute
from core.errors import DigitscopeError
from core.late_answers import answer_now
from core.my_digits import MINE
from core.runs import Network, Run
from pages.widgets.chore import run_chore
from pages.widgets.my_digits import my_answered
from pages.widgets.words import plain

_NOTE = "Worked out once, for all visitors of this server."


def answers(network: Network, dataset: str) -> Answered | None:
    """Read what a network answers, or draw the offer to work it out.

    Args:
        network: a run's, finished or as it was after an epoch.
        dataset: whose test digits, or "mine" for the visitor's.

    Returns:
        The answers; None while they are not worked out.

    Raises:
        DigitscopeError: as `stored` and `at_epoch` do.
    """
    if dataset == MINE:
        return my_answered(network)
    run = network.run
    try:
        return stored(run, dataset) if network.epoch is None else at_epoch(network, dataset)
    except NotComputedError as error:
        offer_epochs(str(error), run, dataset)
        return None
    except NoAnswersError:
        chore = _chore(run, dataset, "finished", partial(answer_now, run, dataset))
        found: Answered | None = chore.state.result
        if found is None:
            _offer(
                f"What the run “{run.id}” answers on these digits was not kept: they were not on "
                "this machine when it was trained.",
                chore,
            )
        return found


def offer_epochs(why: str, run: Run, dataset: str) -> None:
    """Draw the offer to work out what a run answered after each of its epochs."""
    _offer(why, _chore(run, dataset, "epochs", partial(compute, run, dataset)))


def other_answers(run: Run | None, dataset: str) -> Answered | None:
    """The second run's answers to the same digits; None, and a sentence, if there are none."""
    if run is None:
        return None
    try:
        return answers(Network(run), dataset)
    except DigitscopeError as error:
        st.warning(plain(str(error)), icon=":material/compare_arrows:")
        return None


def _chore(run: Run, dataset: str, what: str, do: Callable[[Report], Any]) -> Chore[Any]:
    return shared((Network(run), dataset, what), do)


def _offer(why: str, chore: Chore[Any]) -> None:
    st.info(f"{plain(why)} {_NOTE}", icon=":material/hourglass_empty:")
    run_chore(chore, "Work it out", "confusion-answers", doing="Reading the digits")
