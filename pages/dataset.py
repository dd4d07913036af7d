"""The dataset page: statistics, the digits themselves, and playgrounds for one of them."""

import streamlit as st

from core.utils.errors import DigitscopeError
from pages.widgets.dataset.augmentation import augment_playground
from pages.widgets.dataset.browse import browse
from pages.widgets.dataset.kernel_playground import kernel_playground
from pages.widgets.dataset.label_issues import suspects
from pages.widgets.dataset.projection_map import map_view
from pages.widgets.dataset.single_digit import one_digit
from pages.widgets.dataset.statistics import facts
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
from pages.widgets.shared.navigation import through_app

DRAW = {
    FACTS: facts,
    BROWSE: browse,
    ONE: one_digit,
    KERNEL: kernel_playground,
    AUGMENT: augment_playground,
    MAP: map_view,
    SUSPECTS: suspects,
}

through_app()
st.set_page_config(layout="wide")  # a grid has room for more digits

st.title("Dataset")
st.write("Know the digits before a network learns from them: how many, how they look, what is odd.")
try:
    dataset, split = choose_digits()
    view = choose_view()
    DRAW[view](dataset, split)
except DigitscopeError as error:
    st.error(plain(str(error)), icon=":material/error:")
