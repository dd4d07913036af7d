"""The home page: draw a digit, a card for each page, and the shipped runs."""

import streamlit as st

from core.runs import registry
from core.utils.errors import DigitscopeError
from pages.widgets.home.try_it import try_it
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import require_app
from pages.widgets.shared.run_picker import chosen_run, run_in_use

require_app()
st.set_page_config(layout="wide")  # the answer stands beside the canvas

st.title("Digitscope", anchor=False)
st.write(
    "Draw a digit: a convolutional network reads it. Then find out what it sees, what it gets "
    "wrong, and how it learned."
)
try_it()

# Imported only now: on a fresh server they take a second, and the canvas is on the screen by then.
from pages.widgets.home.page_cards import page_cards  # noqa: E402
from pages.widgets.home.shipped_runs import shipped_runs  # noqa: E402

st.header("What you can find out", anchor=False)
try:
    if chosen_run():
        page_cards(run_in_use())
except DigitscopeError as error:
    st.error(plain(str(error)), icon=":material/error:")

st.header("The networks that come with it", anchor=False)
st.write(
    "Each point is a trained network. Lower is better: fewer mistakes on MNIST's 10,000 test "
    "digits. Further left is smaller: fewer parameters."
)
shipped_runs(registry.list_shipped())
