"""A page of the app by a link, without a browser."""

from streamlit.testing.v1 import AppTest


def open_page(app: AppTest, page: str, **link: str) -> AppTest:
    """Open a page with these parameters in its address; nothing may be raised.

    Args:
        app: The app, which has run before.
        page: Name of the page's script, without its folder.
        link: The parameters.
    """
    app.switch_page(f"pages/{page}.py")
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app
