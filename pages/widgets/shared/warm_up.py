"""TensorFlow, imported in the background, and the loaded networks that all visitors share."""

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
from streamlit.runtime.scriptrunner import script_runner

from core.runs import registry
from core.runs.run import Network
from core.utils.errors import DigitscopeError

if TYPE_CHECKING:
    from core.inference.predictor import Predictor


DEFAULT_RUN = "best"
_HEAD_START_S = 0.5
_WANTED_LATER = ("sklearn.metrics", "scipy.cluster.hierarchy", "scipy.stats")
"""Modules whose import delays the Confusions page's first report by a second."""


def keep_networks_prepared() -> None:
    """Let TensorFlow keep what it has prepared for a network between two runs of a script.

    After every run of a script Streamlit clears Keras's session, for scripts that build a network
    each time. Here networks are built once for all visitors, and after a clearing TensorFlow
    prepares the graph of each anew: half a second of both cores for the detector, at every stroke
    and every picture of every visitor.
    """
    # There is no setting for it. It closes matplotlib's figures, too; here pyplot is not used.
    script_runner._clean_problem_modules = lambda: None  # noqa: SLF001


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Timer:
    """Import TensorFlow and load the default run, once per server, in the background.

    The short delay lets the page that calls this reach its visitor first: importing TensorFlow
    holds Python's global interpreter lock for long stretches.

    Returns:
        The timer that starts the import.
    """
    timer = threading.Timer(_HEAD_START_S, _load_default)
    timer.daemon = True
    timer.start()
    return timer


def _load_default() -> None:
    from core.preprocessing.page import detector

    try:
        predictor(Network(registry.find_run(DEFAULT_RUN))).trace()
    except DigitscopeError as error:
        # Visitors who choose this run see it on the page; the log is for the server's operator.
        logging.getLogger(__name__).warning("warm-up: %s", error)
    detector.trace()
    for library in _WANTED_LATER:
        importlib.import_module(library)
    # Streamlit collects garbage after every run of a script: looking through TensorFlow's objects
    # took half a second of a core each time. They stay for good, so it need not look at them.
    gc.collect()
    gc.freeze()


def predictor(network: Network) -> "Predictor":
    """Load a network for prediction.

    The first call on a server also imports TensorFlow, which takes seconds.

    Args:
        network: The network of a run, finished or after an epoch.

    Returns:
        The predictor, shared by all visitors.

    Raises:
        RunError: It cannot be opened, or the weights of that epoch are not kept.
    """
    from core.inference.predictor import load_predictor

    return load_predictor(network)


@dataclass(frozen=True)
class ReadyNetwork:
    """A loaded network with its calibration.

    Attributes:
        network: The network of a run, finished or after an epoch.
        ask: Maps digits, uint8 (n, 28, 28), to uncalibrated probabilities, float32 (n, 10).
        temperature: The temperature that calibrates them.
    """

    network: Network
    ask: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    temperature: float


def wake_up(network: Network) -> ReadyNetwork:
    """Load a network, with a spinner on the page meanwhile.

    Args:
        network: The network of a run, finished or after an epoch.

    Returns:
        The loaded network.

    Raises:
        RunError: It cannot be opened, or the weights of that epoch are not kept.
    """
    # Here, since every page imports this module, and home reads no digit.
    from core.inference.temperature import run_temperature

    with st.spinner("Loading the network: a few seconds, once …", show_time=True):
        ask = predictor(network).probabilities
    return ReadyNetwork(network, ask, run_temperature(network.run))
