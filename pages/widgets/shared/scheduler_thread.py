"""A thread of the server that keeps the queue of trainings and the experiments moving."""

import logging
import threading
import time
from collections.abc import Callable

import streamlit as st

from core.jobs import experiments, scheduler
from core.runs.housekeeping import empty_trash
from core.utils.errors import DigitscopeError

_EVERY_S = 2.0


@st.cache_resource(show_spinner=False)
def keep_trainings_going() -> threading.Thread:
    """Start the thread, once per server.

    A training starts the next one itself. The thread matters when a training was killed, or while
    the server was down.

    Returns:
        The thread.
    """
    thread = threading.Thread(target=_keep_ticking, daemon=True, name="trainings")
    thread.start()
    return thread


def _keep_ticking() -> None:
    while True:
        for work in (experiments.advance, scheduler.tick, scheduler.prepare_worker, empty_trash):
            _done(work)
        time.sleep(_EVERY_S)


def _done(work: Callable[[], object]) -> None:
    """Do one of the thread's works; if it fails, the others are done all the same."""
    try:
        work()
    except DigitscopeError as error:
        # Visitors see it on the page when they train; the log is for the server's operator.
        logging.getLogger(__name__).warning("looking after trainings: %s", error)
    except Exception:  # without this thread, nothing that was killed would ever go on
        logging.getLogger(__name__).exception("looking after trainings")
