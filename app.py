"""Digitscope's entry: the server with its addresses, and the script around every page.

`streamlit run app.py` finds `app` and serves it; for every page it then runs this file as a script.
Where a server knows no `App`, the script is all there is, and everything works but for less haste.
"""

from streamlit.starlette import App

from pages.widgets.digit_route import DIGIT_ROUTES
from pages.widgets.live_route import ROUTES

app = App(__file__, routes=[*ROUTES, *DIGIT_ROUTES])


def site() -> None:
    """Draw page settings, navigation and the page; the pages themselves are in `pages/`."""
    # Here, since components can be declared only once the server is up.
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


if __name__ == "__main__":
    site()
