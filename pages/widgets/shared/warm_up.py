"""TensorFlow, started in the background, and the loaded networks that all visitors share."""

import gc
import importlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.inference.reader import (
    run_temperature,
)
from core.runs import registry
from core.runs.run import Network
from core.utils.errors import DigitscopeError

if TYPE_CHECKING:
    from core.inference.predictor import Predictor


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
        predictor(Network(registry.find_run(DEFAULT_RUN)))
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
    from core.inference.predictor import load_predictor

    return load_predictor(network)


@dataclass(frozen=True)
class ReadyNetwork:
    """A network that is ready to answer, and what is to be known of it.

    Attributes:
        network: the run's, finished or as it was after an epoch.
        ask: digits, uint8 (n, 28, 28), to probabilities, float32 (n, 10), not calibrated.
        temperature: what calibrates them.
    """

    network: Network
    ask: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    temperature: float


def wake_up(network: Network) -> ReadyNetwork:
    """Make a network ready to answer, with a spinner while that takes time.

    Args:
        network: a run's, finished or as it was after an epoch.

    Returns:
        The network with what it takes to ask it.

    Raises:
        RunError: it cannot be opened, or the weights of that epoch are not kept.
    """
    with st.spinner("The network is waking up: a few seconds, once …", show_time=True):
        ask = predictor(network).probabilities
    return ReadyNetwork(network, ask, run_temperature(network.run))
