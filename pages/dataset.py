"""The dataset page: statistics, the digits themselves, and playgrounds for one of them."""

import streamlit as st

from core.utils.errors import DigitscopeError
from pages.widgets.dataset.augmentation import augmentation_view
from pages.widgets.dataset.browse import browse_view
from pages.widgets.dataset.kernel_playground import convolution_view
from pages.widgets.dataset.label_issues import label_issues_view
from pages.widgets.dataset.projection_map import embedding_view
from pages.widgets.dataset.single_digit import digit_view
from pages.widgets.dataset.statistics import statistics_view
from pages.widgets.shared.digit_choice import (
    AUGMENTATION,
    BROWSE,
    CONVOLUTION,
    DIGIT,
    EMBEDDING,
    LABEL_ISSUES,
    STATISTICS,
    choose_digits,
    choose_view,
)
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import require_app

_DRAW = {
    STATISTICS: statistics_view,
    BROWSE: browse_view,
    DIGIT: digit_view,
    CONVOLUTION: convolution_view,
    AUGMENTATION: augmentation_view,
    EMBEDDING: embedding_view,
    LABEL_ISSUES: label_issues_view,
}

require_app()
st.set_page_config(layout="wide")  # a grid has room for more digits

st.title("Dataset", anchor=False)
try:
    dataset, split = choose_digits()
    view = choose_view()
    _DRAW[view](dataset, split)
except DigitscopeError as error:
    st.error(plain(str(error)), icon=":material/error:")
