"""One app and one browser for all browser tests; a fresh visitor for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.browser.app import SLOW_MS, chromium, running_app, without_measurement
from tests.browser.drawing import FINGER

DESKTOP: ViewportSize = {"width": 1280, "height": 1000}
PHONE: ViewportSize = {"width": 390, "height": 844}
# Three servers that all load TensorFlow at once keep a page waiting for longer than the usual 5 s.
expect.set_options(timeout=SLOW_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(scope="session")
def own_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the app keeps what its visitors train."""
    return without_measurement(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def address(own_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the app runs; at the end of all tests, its log must be free of tracebacks."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with running_app(own_runs, log) as url:
        yield url
    _, traceback, rest = log.read_text(encoding="utf-8", errors="replace").partition("Traceback")
    assert not traceback, f"the server's log has a traceback:\n{traceback}{rest[:4000]}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """What all visitors' pages share: the browser's store of the app's scripts, and nothing else.

    To fetch and translate these anew takes a second, and there are more than a hundred tests.
    """
    with browser.new_context(viewport=DESKTOP) as context:
        context.set_default_timeout(SLOW_MS)
        yield context


@pytest.fixture
def page(profile: BrowserContext) -> Iterator[Page]:
    """A new visitor's page; at the end of the test, no exception may stand on it."""
    for tab in profile.pages:
        tab.close()
    profile.clear_cookies()
    opened = profile.new_page()
    yield opened
    shown = opened.get_by_test_id("stException").all_inner_texts()
    profile.set_offline(False)
    if opened.url.startswith("http"):
        opened.evaluate("localStorage.clear()")
    for tab in profile.pages:
        tab.close()
    profile.clear_cookies()
    profile.clear_permissions()
    assert shown == []


@pytest.fixture
def phone(page: Page) -> Page:
    """A new visitor's page on a phone."""
    page.set_viewport_size(PHONE)
    return page


@pytest.fixture(scope="session")
def fingers_profile(browser: Browser) -> Iterator[BrowserContext]:
    """What all visitors on a phone that knows fingers share."""
    with browser.new_context(viewport=FINGER, has_touch=True, is_mobile=True) as context:
        context.set_default_timeout(SLOW_MS)
        yield context


@pytest.fixture
def finger(fingers_profile: BrowserContext) -> Iterator[BrowserContext]:
    """A phone that knows fingers, on which nobody has been."""
    yield fingers_profile
    for tab in fingers_profile.pages:
        tab.close()
    fingers_profile.clear_cookies()
