"""Digitscope's entry: page settings and navigation; the pages themselves are in `pages/`."""

import streamlit as st

from pages.widgets.keeper import keep_trainings_going
from pages.widgets.navigation import ICON, enter
from pages.widgets.predictors import warm_up
from pages.widgets.run_picker import pick_run
from pages.widgets.visitor import keep_visitor

st.set_page_config(page_title="Digitscope", page_icon=ICON)

page = enter()
pick_run()
keep_visitor()
page.run()
# After the page, so that its first paint never waits for TensorFlow.
warm_up()
keep_trainings_going()
