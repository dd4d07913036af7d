"""One app and one browser for all browser tests; a fresh visitor for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.app import SLOW_MS, chromium, running_app, without_measurement


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the app runs; at the end of all tests, its log must be free of tracebacks."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    own_runs = without_measurement(tmp_path_factory.mktemp("runs"))
    with running_app(own_runs, log) as url:
        yield url
    _, found, rest = log.read_text(encoding="utf-8", errors="replace").partition("Traceback")
    assert not found, f"the server's log has a traceback:\n{found}{rest[:4000]}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new visitor's page; at the end of the test, no exception may stand on it."""
    with browser.new_context(viewport={"width": 1280, "height": 1000}) as context:
        context.set_default_timeout(SLOW_MS)
        opened = context.new_page()
        yield opened
        assert opened.get_by_test_id("stException").all_inner_texts() == []
