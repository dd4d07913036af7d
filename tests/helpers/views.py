"""What a visitor reads on a view that AppTest has run."""

from streamlit.testing.v1 import AppTest


def said(view: AppTest) -> str:
    """All sentences that are no warning and no error, in one line; nothing may have been raised."""
    assert not view.exception
    return " ".join(element.value for element in [*view.markdown, *view.caption, *view.info])
