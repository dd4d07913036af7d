"""The choices of the Filters page: network, digit, layer, map and view.

Layer, map and view are kept in the page's address.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.recipes.architecture import Row
from core.runs import registry
from core.runs.run import Network, Run
from core.utils.text import percent
from pages.widgets.shared.digit_choice import DATA, SPLIT
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.member_choice import choose_member
from pages.widgets.shared.pictures import enlarge
from pages.widgets.shared.run_picker import chosen_run, network_in_use
from pages.widgets.shared.url_state import follow, write
from pages.widgets.shared.warm_up import predictor

LAYER, _MAP = "layer", "map"
DETECTOR_LAYER, DETECTOR_MAP = "detector-layer", "detector-map"
"""Parameters of layer and map in the address: of a run's network, and of the digit detector."""
VIEW = "inside"
"""Parameter of the page's view in the address."""
NEXT_INDEX = "filters_next_index"
"""Session key: index of the sample's test digit to which the page changes in its next run."""


@dataclass(frozen=True)
class Seen:
    """A network and the digit at its input.

    Attributes:
        network: The network of a run, finished or after an epoch.
        image: The digit, uint8 (28, 28).
        label: Its label, 0 to 9; None if it has none.
        name: Its name in a sentence, such as "test digit 7".
    """

    network: Network
    image: NDArray[np.uint8]
    label: int | None
    name: str

    def rows(self) -> list[Row]:
        """Return the network's layers, from the first to the last."""
        return list(self.network.run.info.recipe.architecture.rows())


def chosen_layer(seen: Seen, only: Callable[[Row], bool] | None = None) -> str | None:
    """Draw the choice of a layer, and a warning if a link names one that does not exist.

    Args:
        seen: The network and the digit.
        only: Selects the layers that are offered; None offers all.

    Returns:
        Name of the layer; None, after a sentence on the page, if no layer is offered.
    """
    rows = [row for row in seen.rows() if only is None or only(row)]
    if not rows:
        st.info("This network has no such layer. Choose another run in the sidebar.")
        return None
    names = {row.name: f"{row.name}: {row.layer}" for row in rows}
    return layer_field(
        names,
        known={row.name for row in seen.rows()},
        owner=f"The network of {seen.network.run.id}",
    )


def layer_field(
    names: Mapping[str, str],
    *,
    known: Collection[str],
    owner: str,
    layer_key: str = LAYER,
    map_key: str = _MAP,
) -> str:
    """Draw the choice of a layer, and a warning if a link names one that does not exist.

    Args:
        names: What the choice shows for each layer that is offered, by the layer's name; not empty.
        known: The names of all layers of the network.
        owner: What the layers belong to, as the beginning of a sentence.
        layer_key: Parameter of the layer in the address.
        map_key: Parameter of the map in the address.

    Returns:
        Name of the layer.
    """
    first = next(iter(names))
    state = st.session_state
    state.setdefault(layer_key, first)
    in_link = follow(layer_key, lambda text: text or None)
    if in_link and in_link not in known:
        st.warning(
            f"{owner} has no layer of the name that the link asks for: this is its first.",
            icon=":material/link_off:",
        )
    if state[layer_key] not in names:
        state[layer_key] = first
    # Streamlit forgets the value of a widget that was not drawn, so it has a name of its own.
    widget = f"filters-{layer_key}"
    state[widget] = state[layer_key]

    def chosen() -> None:
        choose_layer(state[widget], layer_key, map_key)

    st.selectbox(
        "Layer", list(names), format_func=names.__getitem__, key=widget, on_change=chosen, width=320
    )
    write(layer_key, state[layer_key])
    layer: str = state[layer_key]
    return layer


def choose_layer(name: str, layer_key: str = LAYER, map_key: str = _MAP) -> None:
    """Open a layer; for callbacks."""
    st.session_state[layer_key] = name
    st.session_state[map_key] = 0


def chosen_map(count: int, key: str = _MAP) -> int:
    """Return the chosen map of the open layer, with a warning if a link names one it lacks.

    Args:
        count: Number of the layer's maps (channels) or units.
        key: Parameter of the map in the address.

    Returns:
        Index of the map, 0 to `count` - 1.
    """
    st.session_state.setdefault(key, 0)
    in_link = follow(key, lambda text: int(text) if text.isascii() and text.isdecimal() else None)
    if in_link and not (in_link.isascii() and in_link.isdecimal() and int(in_link[:9]) < count):
        st.warning(
            f"The link asks for a map that does not exist: this layer has {count}, counted from 0.",
            icon=":material/link_off:",
        )
    st.session_state[key] = st.session_state[key] if st.session_state[key] < count else 0
    write(key, str(st.session_state[key]))
    number: int = st.session_state[key]
    return number


def choose_map(number: int) -> None:
    """Choose a map of the open layer; for callbacks."""
    st.session_state[_MAP] = number


def open_test_digit(index: int) -> None:
    """Make a test digit of the sample the digit of the page; for callbacks."""
    st.session_state[DATA], st.session_state[SPLIT] = "mnist-sample", "test"
    st.session_state[NEXT_INDEX] = index


NETWORK, KERNELS, FEATURE_MAPS = "Network", "Kernels", "Feature maps"
DYNAMICS, ATTRIBUTION, ADVERSARIAL = "Training dynamics", "Attribution", "Adversarial"
FEATURE_VISUALIZATION, EMBEDDING = "Feature visualization", "Embedding"
DETECTOR = "Digit detector"
QUESTIONS = {
    NETWORK: "What does each layer make of the digit?",
    KERNELS: "What has each kernel learned to look for?",
    FEATURE_MAPS: "Where in the digit does each kernel respond?",
    DYNAMICS: "How did kernels and maps form during training?",
    ATTRIBUTION: "Which pixels speak for the answer, and which against it?",
    ADVERSARIAL: "How small a change makes it answer wrongly?",
    FEATURE_VISUALIZATION: "Which picture does a unit respond to most strongly?",
    EMBEDDING: "Which digits look alike to the network?",
    DETECTOR: "How are the digits of a picture found?",
}
FORMER_NAMES = {
    "Maps": FEATURE_MAPS,
    "Forming": DYNAMICS,
    "Why": ATTRIBUTION,
    "Dreams": FEATURE_VISUALIZATION,
    "Inside": EMBEDDING,
}
_TRAINING = "filters-training"
_IN_USE = "the run in use"


def choose_network() -> Network | None:
    """Find the network that the page shows.

    A choice is drawn while a run is being trained, and if the run in use is an ensemble.

    Returns:
        The network of the run in use, of a member of it, or of a run in training; None if there is
        no run.

    Raises:
        RunError: The run in use cannot be read.
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
    network = network_in_use()
    return choose_member(network, "filters-member") if network else None


def _in_training() -> list[Run]:
    return [
        run
        for run in registry.list_runs()
        if isinstance(run, Run) and run.info.status == "running" and run.epochs()
    ]


def show_digit(seen: Seen) -> None:
    """Draw the digit and the network's prediction, with the calibrated probability.

    Args:
        seen: The network and the digit.

    Raises:
        RunError: The network cannot be opened.
    """
    # Here, as for every page: it would delay the first paint.
    from core.inference.temperature import apply_temperature, run_temperature

    with st.spinner("Loading the network: a few seconds, once …", show_time=True):
        softmax = predictor(seen.network).probabilities(seen.image[None])
    read = int(softmax.argmax())
    calibrated = apply_temperature(softmax, run_temperature(seen.network.run))
    label = verdict = ""
    if seen.label is not None:
        label = f", labeled **{seen.label}**"
        verdict = ": right" if read == seen.label else ": wrong"
    picture, words = st.columns([1, 2], vertical_alignment="center", wrap=False)
    picture.image(enlarge(255 - seen.image, 4), width=112, alt=f"The digit: {seen.name}")
    words.markdown(
        f"{seen.name.capitalize()}{label}. **{plain(seen.network.name)}** reads **{read}** "
        f"({plain(percent(float(calibrated[0, read])))}){verdict}.",
        help="The probability is calibrated, as on the Predict page. What the network itself gives "
        f"(softmax) is {plain(percent(float(softmax[0, read])))}.",
    )
    if not seen.image.any():
        st.info(
            "This picture is blank: what the layers show comes from the network's biases alone.",
            icon=":material/crop_free:",
        )
