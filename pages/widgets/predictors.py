"""TensorFlow, started in the background, and the loaded networks that all visitors share."""

import gc
import importlib
import logging
import threading
from typing import TYPE_CHECKING

import streamlit as st

from core import runs
from core.errors import DigitscopeError
from core.runs import Network

if TYPE_CHECKING:
    from core.inference import Predictor

DEFAULT_RUN = "best"
_HEAD_START_S = 0.5
_WANTED_LATER = ("sklearn.metrics", "scipy.cluster.hierarchy", "scipy.stats")
"""What the confusions page takes a second to import when it is first asked for a report."""


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Timer:
    """Import TensorFlow and load the default run, once per server, without making anyone wait.

    The short delay lets the page that asks for it reach its visitor first: importing TensorFlow
    holds Python's lock for long stretches.
    """
    timer = threading.Timer(_HEAD_START_S, _load_default)
    timer.daemon = True
    timer.start()
    return timer


def _load_default() -> None:
    try:
        predictor(Network(runs.find(DEFAULT_RUN)))
    except DigitscopeError as error:
        # A visitor who chooses this run is told on the page; this is for who runs the server.
        logging.getLogger(__name__).warning("warm-up: %s", error)
    for library in _WANTED_LATER:
        importlib.import_module(library)
    # Streamlit collects garbage after every run of a script: looking through TensorFlow's objects
    # took half a second of a core each time. They stay for good, so it need not look at them.
    gc.collect()
    gc.freeze()


def predictor(network: Network) -> "Predictor":
    """A network that is ready to answer.

    The first call on a server takes the seconds that importing TensorFlow takes.

    Args:
        network: a run's, finished or as it was after an epoch.

    Returns:
        The same predictor for all visitors.

    Raises:
        RunError: it cannot be opened, or the weights of that epoch are not kept.
    """
    from core.inference import load_predictor

    return load_predictor(network)
