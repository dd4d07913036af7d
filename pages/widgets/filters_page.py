"""The frame of the filter page: which network, which view, and what the network reads."""

import streamlit as st

from core import runs
from core.runs import Network, Run
from core.text import percent
from pages.widgets.answer import enlarged
from pages.widgets.filters_choice import Seen
from pages.widgets.predictors import predictor
from pages.widgets.run_picker import chosen_run, network_in_use
from pages.widgets.words import plain

NETWORK, KERNELS, MAPS, FORMING = "Network", "Kernels", "Maps", "Forming"
WHY, DREAMS, INSIDE = "Why", "Dreams", "Inside"
VIEWS = (NETWORK, KERNELS, MAPS, FORMING, WHY, DREAMS, INSIDE)
_TRAINING = "filters-training"
_IN_USE = "the run in use"


def choose_network() -> Network | None:
    """Find the network that the page looks at; while a run is being trained, draw a choice.

    Returns:
        That of the run in use, or of one that is being trained now; None if there is no run.

    Raises:
        RunError: the run in use cannot be read.
    """
    chosen = chosen_run()
    training = {run.id: run for run in _in_training()}
    if training:
        options = [_IN_USE, *training] if chosen else list(training)
        if st.session_state.get(_TRAINING) not in {None, *options}:
            del st.session_state[_TRAINING]
        name = st.selectbox(
            "Network",
            options,
            key=_TRAINING,
            persist_state="session",
            width=320,
            help="A run that is being trained now is shown as it was after its last whole epoch.",
        )
        if name in training:
            return Network(training[name], training[name].epochs()[-1])
    return network_in_use()


def _in_training() -> list[Run]:
    return [
        run
        for run in runs.list_runs()
        if isinstance(run, Run) and run.info.status == "running" and run.epochs()
    ]


def show_digit(seen: Seen) -> None:
    """Draw the digit, and what the network reads in it.

    Raises RunError if the network cannot be opened.
    """
    with st.spinner("The network is waking up: a few seconds, once …", show_time=True):
        probabilities = predictor(seen.network).probabilities(seen.image[None])[0]
    read = int(probabilities.argmax())
    label = verdict = ""
    if seen.label is not None:
        label = f", labelled **{seen.label}**"
        verdict = ": right" if read == seen.label else ": wrong"
    picture, words = st.columns([1, 2], vertical_alignment="center", wrap=False)
    picture.image(enlarged(255 - seen.image, 4), width=112, alt=f"The digit: {seen.name}")
    words.markdown(
        f"{seen.name.capitalize()}{label}. **{plain(seen.network.name)}** reads **{read}** "
        f"({plain(percent(float(probabilities[read])))}){verdict}."
    )
    if not seen.image.any():
        st.info(
            "This picture is blank: what the layers show comes from the network's biases alone.",
            icon=":material/crop_free:",
        )
