"""AppTest as a server that has run: for tests and benchmarks of whole pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from streamlit.runtime.pages_manager import PagesManager


@contextmanager
def navigation_remembered() -> Iterator[None]:
    """AppTest forgets before every run that the app called st.navigation; a server does not."""
    first = PagesManager.__init__

    def as_on_a_server_that_has_run(self: PagesManager, *arguments: Any, **named: Any) -> None:
        first(self, *arguments, **named)
        PagesManager.uses_pages_directory = False

    with patch.object(PagesManager, "__init__", as_on_a_server_that_has_run):
        yield
