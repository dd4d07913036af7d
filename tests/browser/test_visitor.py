"""A browser is known again: after a reload, in another tab, after a restart of the server."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from benchmarks.common import serving
from tests.browser.app import ROOT, SLOW_MS, free_port

COOKIE = "digitscope_visitor"
OTHER = "o" * 32
PLACE = {"domain": "localhost", "path": "/"}


def visitor_app() -> AbstractContextManager[str]:
    """A server with the page that shows a fingerprint of the token; its address."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "tests/browser/visitor_app.py"]
    options = ["--server.port", str(port), "--server.headless", "true"]
    return serving([*command, *options], ROOT, port)


@pytest.fixture(scope="module")
def who() -> Iterator[str]:
    with visitor_app() as address:
        yield address


@pytest.fixture
def context(profile: BrowserContext) -> Iterator[BrowserContext]:
    """A browser that knows Streamlit's scripts, but was never here."""
    profile.clear_cookies()
    yield profile
    for page in profile.pages:
        page.close()
    profile.clear_cookies()


def fingerprint_of(token: str) -> str:
    """What the page shows of this token."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def fingerprint(page: Page) -> str:
    """What the page shows."""
    return page.get_by_test_id("stCode").inner_text().strip()


def cookie(context: BrowserContext) -> dict[str, Any] | None:
    """The token's cookie, if the browser has it."""
    return next((dict(entry) for entry in context.cookies() if entry["name"] == COOKIE), None)


def opened(context: BrowserContext, address: str) -> Page:
    """A page that shows a fingerprint."""
    page = context.new_page()
    page.goto(address)
    page.get_by_test_id("stCode").wait_for()
    return page


def test_a_browser_is_known_again_after_a_reload_and_in_a_second_tab(
    context: BrowserContext, who: str
) -> None:
    page = opened(context, who)
    first = fingerprint(page)
    page.reload()
    page.get_by_test_id("stCode").wait_for()
    assert fingerprint(page) == first
    assert fingerprint(opened(context, who)) == first


def test_another_browser_is_another_visitor(
    browser: Browser, context: BrowserContext, who: str
) -> None:
    with browser.new_context() as other:
        other.set_default_timeout(SLOW_MS)
        assert fingerprint(opened(other, who)) != fingerprint(opened(context, who))


def test_a_browser_is_known_again_after_a_restart_of_the_server(
    context: BrowserContext, who: str
) -> None:
    first = fingerprint(opened(context, who))
    with visitor_app() as restarted:
        assert fingerprint(opened(context, restarted)) == first


def test_the_cookie_is_kept_for_a_year_sent_to_nobody_else_and_read_by_no_script(
    context: BrowserContext, who: str
) -> None:
    page = opened(context, who)
    kept = cookie(context)
    assert kept
    days = (kept["expires"] - page.evaluate("Date.now() / 1000")) / 86_400
    assert 364 < days < 366
    assert (kept["path"], kept["sameSite"], kept["secure"]) == ("/", "Lax", False)
    assert kept["httpOnly"]
    assert page.evaluate("document.cookie").find(COOKIE) == -1
    assert fingerprint(page) == fingerprint_of(kept["value"])
    # The page shows a fingerprint; the token itself stands neither in it nor in its address.
    assert kept["value"] not in page.content()
    assert kept["value"] not in page.url


@pytest.mark.parametrize("nonsense", ["x", "not%20a%20token%20of%20ours", "a" * 65])
def test_nonsense_in_the_cookie_is_replaced(
    context: BrowserContext, who: str, nonsense: str
) -> None:
    context.add_cookies([{"name": COOKIE, "value": nonsense, **PLACE}])
    page = opened(context, who)
    kept = cookie(context)
    assert kept
    assert kept["value"] != nonsense
    assert fingerprint(page) == fingerprint_of(kept["value"])


def test_a_cookie_that_a_script_once_set_is_honoured_and_hidden_from_scripts(
    context: BrowserContext, who: str
) -> None:
    context.add_cookies([{"name": COOKIE, "value": OTHER, **PLACE}])
    page = opened(context, who)
    assert fingerprint(page) == fingerprint_of(OTHER)
    kept = cookie(context)
    assert kept
    assert (kept["value"], kept["httpOnly"]) == (OTHER, True)


def test_two_tabs_opened_at_once_have_one_token(context: BrowserContext, who: str) -> None:
    # Both pages are on their way, without a cookie, before either of them has an answer.
    asked: list[Route] = []
    tabs = [context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.route(f"{who}/", lambda route: asked.append(route))  # noqa: PLW0108
        tab.evaluate(f"setTimeout(() => location.assign('{who}/'))")
    for tab in tabs:
        while len(asked) < len(tabs):
            tab.wait_for_timeout(50)
    assert not any("cookie" in route.request.all_headers() for route in asked)
    for route in asked:
        route.continue_()
    for tab in tabs:
        tab.get_by_test_id("stCode").wait_for()
    assert fingerprint(tabs[0]) == fingerprint(tabs[1])


def test_without_cookies_a_visitor_keeps_the_token_while_the_page_is_open(
    context: BrowserContext, who: str
) -> None:
    def as_no_page(route: Route) -> None:
        route.continue_(headers={**route.request.headers, "accept": "*/*"})

    page = context.new_page()
    page.route(f"{who}/", as_no_page)  # the server sets its cookie with pages alone
    page.goto(who)
    page.get_by_test_id("stCode").wait_for()
    first = fingerprint(page)
    for _ in range(2):
        page.get_by_role("button", name="Again").click()
        expect(page.get_by_test_id("stApp")).to_have_attribute(
            "data-test-script-state", "notRunning"
        )
        assert fingerprint(page) == first
    assert cookie(context) is None
