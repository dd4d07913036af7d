"""Train: set a network up, watch it learn, and keep every run."""

import streamlit as st

from core.errors import DigitscopeError
from core.limits import limits
from pages.widgets.navigation import through_app
from pages.widgets.train_runs import all_runs
from pages.widgets.train_setup import set_up
from pages.widgets.train_view import ALL_RUNS, WATCH, pick_view, watched
from pages.widgets.visitor import visitor
from pages.widgets.watch import watch
from pages.widgets.words import plain

through_app()
st.set_page_config(layout="wide")  # settings beside what they mean, two charts side by side

st.title("Train")
st.write("Choose a network and how it is to learn, press Train, and watch its mistakes grow fewer.")
try:
    allowed = limits()
except DigitscopeError as error:
    st.error(plain(str(error)), icon=":material/settings:")
    st.stop()
token = visitor()
view = pick_view(token)
if view == WATCH:
    watch(watched(token), token, allowed)
elif view == ALL_RUNS:
    all_runs(token, allowed)
else:
    set_up(token, allowed)
