"""The views of the Filters page, and what a visitor reads on a view that AppTest has run."""

from streamlit.testing.v1 import AppTest

RUN_VIEWS = [
    "Network",
    "Kernels",
    "Feature maps",
    "Training dynamics",
    "Attribution",
    "Adversarial",
    "Feature visualization",
    "Embedding",
]
"""Those of a run's network with a digit at its input, as they stand on the page."""


def said(view: AppTest) -> str:
    """All sentences that are no warning and no error, in one line; nothing may have been raised."""
    assert not view.exception
    return " ".join(element.value for element in [*view.markdown, *view.caption, *view.info])
