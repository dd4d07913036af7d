"""Digitscope's entry: the server with its addresses, and the script around every page.

`streamlit run app.py` finds `app` and serves it; for every page it then runs this file as a script.
Where a server knows no `App`, the script is all there is, and everything works but for less haste.
"""

from starlette.middleware import Middleware
from streamlit.starlette import App

from pages.widgets.shared.digit_endpoint import DIGIT_ROUTES
from pages.widgets.shared.live_endpoint import ROUTES
from pages.widgets.shared.visitor import VisitorCookie

app = App(__file__, routes=[*ROUTES, *DIGIT_ROUTES], middleware=[Middleware(VisitorCookie)])


def site() -> None:
    """Draw page settings, navigation and the page; the pages themselves are in `pages/`."""
    # Here, since components can be declared only once the server is up.
    import streamlit as st

    from pages.widgets.shared.lesson_bar import lesson_bar
    from pages.widgets.shared.navigation import ENTRIES, ICON, enter
    from pages.widgets.shared.page_style import apply_style
    from pages.widgets.shared.presentation import presentation_switch
    from pages.widgets.shared.run_picker import pick_run
    from pages.widgets.shared.scheduler_thread import keep_trainings_going
    from pages.widgets.shared.warm_up import keep_networks_prepared, warm_up

    st.set_page_config(page_title="Digitscope", page_icon=ICON)
    keep_networks_prepared()
    page = enter()
    apply_style()
    pick_run()
    presentation_switch()
    if page.title != ENTRIES["lessons"].title:
        lesson_bar()
    page.run()
    # After the page, so that its first paint never waits for TensorFlow.
    warm_up()
    keep_trainings_going()


if __name__ == "__main__":
    site()
