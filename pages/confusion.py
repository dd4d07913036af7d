"""Confusion matrix: a run's mistakes, by digit, confidence, corruption, epoch and slice."""

import streamlit as st

from core.utils.errors import DigitscopeError
from pages.widgets.confusion.calibration import calibration_view
from pages.widgets.confusion.choices import (
    CALIBRATION,
    DOWNLOAD,
    DYNAMICS,
    FORMER_NAMES,
    MATRIX,
    QUESTIONS,
    REPORT,
    ROBUSTNESS,
    SLICES,
    VIEW,
    choose_digits,
    choose_other_run,
    error_counts,
)
from pages.widgets.confusion.downloads import downloads_view
from pages.widgets.confusion.matrix import matrix_view
from pages.widgets.confusion.predictions import load_or_offer, other_predictions
from pages.widgets.confusion.report import report_view
from pages.widgets.confusion.robustness import robustness_view
from pages.widgets.confusion.slices import slices_view
from pages.widgets.confusion.training_dynamics import training_dynamics_view
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import require_app
from pages.widgets.shared.run_picker import NO_RUN, network_in_use
from pages.widgets.shared.url_state import choose_view
from pages.widgets.shared.user_digits import my_digits

_DRAW = {
    MATRIX: matrix_view,
    REPORT: report_view,
    CALIBRATION: calibration_view,
    ROBUSTNESS: robustness_view,
    DYNAMICS: training_dynamics_view,
    SLICES: slices_view,
    DOWNLOAD: downloads_view,
}

require_app()
st.set_page_config(layout="wide")  # a matrix and its digits want room

st.title("Confusion matrix", anchor=False)
try:
    network = network_in_use()
    if network is None:
        st.error(NO_RUN)
        st.stop()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        digits = choose_digits(network.run, user_digit_count=len(my_digits()))
        other_run = choose_other_run(network.run)
    view = choose_view(VIEW, QUESTIONS, FORMER_NAMES)
    predictions = load_or_offer(network, digits)
    if predictions:
        other = other_predictions(other_run, digits)
        error_counts(predictions, other)
        _DRAW[view](predictions, other)
except DigitscopeError as error:
    st.error(plain(str(error)), icon=":material/error:")
