"""Streamlit components with their own JavaScript. They import nothing of `pages`."""
