"""The dataset page: statistics, the digits themselves, and playgrounds for one of them."""

import streamlit as st

from core.utils.errors import DigitscopeError
from pages.widgets.dataset.augmentation import augmentation_view
from pages.widgets.dataset.browse import browse_view
from pages.widgets.dataset.kernel_playground import kernel_view
from pages.widgets.dataset.label_issues import label_issues_view
from pages.widgets.dataset.projection_map import map_view
from pages.widgets.dataset.single_digit import digit_view
from pages.widgets.dataset.statistics import statistics_view
from pages.widgets.shared.digit_choice import (
    AUGMENT,
    BROWSE,
    FACTS,
    KERNEL,
    MAP,
    ONE,
    SUSPECTS,
    choose_digits,
    choose_view,
)
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import require_app

_DRAW = {
    FACTS: statistics_view,
    BROWSE: browse_view,
    ONE: digit_view,
    KERNEL: kernel_view,
    AUGMENT: augmentation_view,
    MAP: map_view,
    SUSPECTS: label_issues_view,
}

require_app()
st.set_page_config(layout="wide")  # a grid has room for more digits

st.title("Dataset")
st.write("Know the digits before a network learns from them: how many, how they look, what is odd.")
try:
    dataset, split = choose_digits()
    view = choose_view()
    _DRAW[view](dataset, split)
except DigitscopeError as error:
    st.error(plain(str(error)), icon=":material/error:")
