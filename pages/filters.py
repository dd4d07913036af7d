"""Filters: what a network sees in a digit, layer by layer, down to a single number."""

import streamlit as st

from core.utils.errors import DigitscopeError
from pages.widgets.filters.adversarial import adversarial_view
from pages.widgets.filters.attribution import attribution_view
from pages.widgets.filters.choices import (
    ADVERSARIAL,
    ATTRIBUTION,
    DETECTOR,
    DYNAMICS,
    EMBEDDING,
    FEATURE_MAPS,
    FEATURE_VISUALIZATION,
    FORMER_NAMES,
    KERNELS,
    NETWORK,
    QUESTIONS,
    VIEW,
    choose_network,
    show_digit,
)
from pages.widgets.filters.detector import detector_view
from pages.widgets.filters.digit import choose_seen
from pages.widgets.filters.embedding import embedding_view
from pages.widgets.filters.feature_maps import feature_maps_view
from pages.widgets.filters.feature_visualization import feature_visualization_view
from pages.widgets.filters.kernels import kernels_view
from pages.widgets.filters.network import network_view
from pages.widgets.filters.training_dynamics import training_dynamics_view
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import require_app
from pages.widgets.shared.run_picker import NO_RUN
from pages.widgets.shared.url_state import choose_view

_DRAW = {
    NETWORK: network_view,
    KERNELS: kernels_view,
    FEATURE_MAPS: feature_maps_view,
    DYNAMICS: training_dynamics_view,
    ATTRIBUTION: attribution_view,
    ADVERSARIAL: adversarial_view,
    FEATURE_VISUALIZATION: feature_visualization_view,
    EMBEDDING: embedding_view,
}


def _view_of_run(view: str, above: st.delta_generator.DeltaGenerator) -> None:
    """Draw the choice of network and digit above the views, and the chosen view."""
    with above:
        network = choose_network()
        if network is None:
            st.error(NO_RUN)
            return
        left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
        with left:
            seen = choose_seen(network)
    if seen:
        with right:
            show_digit(seen)
        _DRAW[view](seen)


require_app()
st.set_page_config(layout="wide")  # layers want room

st.title("Filters and activations", anchor=False)
# Above the views, but drawn after them: the digit detector has neither a run nor a digit.
above = st.container()
view = choose_view(VIEW, QUESTIONS, FORMER_NAMES)
try:
    if view == DETECTOR:
        detector_view()
    else:
        _view_of_run(view, above)
except DigitscopeError as error:
    st.error(plain(str(error)), icon=":material/error:")
