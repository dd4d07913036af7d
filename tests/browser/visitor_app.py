"""A page that shows who is looking, as the app never does: for `test_visitor.py`."""

import hashlib

import streamlit as st

from pages.widgets.visitor import keep_visitor, visitor

keep_visitor()
st.code(hashlib.sha256(visitor().encode()).hexdigest()[:12])
st.button("Again")
