"""The home page: what the product is, the question of each page, and the shipped runs."""

import streamlit as st

from core.runs import registry
from pages.widgets.home.run_cards import run_cards
from pages.widgets.shared.navigation import ENTRIES, pages, require_app

require_app()

st.title("Digitscope", anchor=False)
st.write(
    "Watch a convolutional network read handwritten digits, and find out why it reads them the way "
    "it does. The digits are real ones, from MNIST, on which the field has learned since 1998; "
    "everything works offline too."
)
if st.button("Draw a digit and have it read", type="primary", icon=":material/draw:"):
    # Not without query_params: clearing those that are bound to a widget is an error.
    st.switch_page(pages()["predict"], query_params={})

st.header("What you can find out")
for key, entry in ENTRIES.items():
    if entry.question:
        st.page_link(pages()[key], label=f"**{entry.title}**", icon=entry.icon)
        st.write(entry.question)

st.header("The networks that come with it")
st.write(
    "Three are our own; five are published tutorials, trained as their authors trained them, and "
    "one is what a tutorial describes but did not run. The figures count mistakes on MNIST's "
    "10,000 test digits, none of which was trained on."
)
run_cards(registry.list_shipped())
