"""The training page: set up a training, watch it, repeat it in experiments, manage all runs."""

import streamlit as st

from core.jobs.scheduler import expect_training
from core.runs.permissions import limits
from core.utils.errors import DigitscopeError
from pages.widgets.shared.markdown import plain
from pages.widgets.shared.navigation import require_app
from pages.widgets.shared.visitor import visitor
from pages.widgets.train.experiments import experiments_view
from pages.widgets.train.runs import runs_view
from pages.widgets.train.setup import setup_view
from pages.widgets.train.views import ALL_RUNS, EXPERIMENTS, WATCH, pick_view, watched
from pages.widgets.train.watch import watch_view

require_app()
st.set_page_config(layout="wide")  # settings beside what they mean, two charts side by side

st.title("Train", anchor=False)
try:
    server_limits = limits()
except DigitscopeError as error:
    st.error(plain(str(error)), icon=":material/settings:")
    st.stop()
expect_training()
token = visitor()
view = pick_view(token)
if view == WATCH:
    watch_view(watched(token), token, server_limits)
elif view == EXPERIMENTS:
    experiments_view(token, server_limits)
elif view == ALL_RUNS:
    runs_view(token, server_limits)
else:
    setup_view(token, server_limits)
