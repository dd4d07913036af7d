"""What the server's memory grows by when more visitors look at a page."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.browser.app import SLOW_MS, chromium, running_app, settle, without_measurement

REST_S = 30
"""TensorFlow is loaded meanwhile, once."""


def memory_mb(looks: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """The server's unique memory (USS) in MB with the first visitor, and with all of them.

    `looks`: of each visitor, the address within the app, and a text that stands there at the end.
    """
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        own_runs = without_measurement(Path(place))
        with running_app(own_runs) as address:
            (server,) = [
                process
                for process in psutil.Process().children()
                if "streamlit" in process.cmdline()
            ]
            for visitor, (path, words) in enumerate(looks):
                page = browser.new_context().new_page()
                page.set_default_timeout(SLOW_MS)
                page.goto(f"{address}{path}")
                page.get_by_text(words).wait_for()
                settle(page)
                if visitor in {0, len(looks) - 1}:
                    time.sleep(REST_S)
                    taken.append(server.memory_full_info().uss / 1e6)
    return taken[0], taken[-1]
