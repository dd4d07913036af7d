"""A page that shows who is looking, as the app never does: for `test_visitor.py`."""

import hashlib

import streamlit as st
from starlette.middleware import Middleware
from streamlit.starlette import App

from pages.widgets.shared.visitor import VisitorCookie, visitor

app = App(__file__, middleware=[Middleware(VisitorCookie)])

if __name__ == "__main__":
    st.code(hashlib.sha256(visitor().encode()).hexdigest()[:12])
    st.button("Again")
