"""The home page as a newcomer sees it."""

import pytest
from playwright.sync_api import Page, expect

from core.recipes.presets import PRESETS
from pages.widgets.shared.navigation import ENTRIES
from tests.browser.app import SLOW_MS, drawing_area, settle

pytestmark = pytest.mark.offline

SHIPPED = tuple(PRESETS)


def test_the_seven_runs_stand_there_and_a_card_opens_the_prediction_page_with_its_run(
    page: Page, address: str
) -> None:
    page.goto(address)
    for name in SHIPPED:
        card = page.locator(f".st-key-card-{name}")
        expect(card).to_contain_text("wrong of 10,000", timeout=SLOW_MS)
    # Nothing is promised that does not exist.
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(len(ENTRIES), timeout=SLOW_MS)
    page.locator(".st-key-card-purawr").get_by_role("link", name="Try it").click()
    expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=SLOW_MS)
    picker = page.get_by_test_id("stSidebar").get_by_role("combobox").first
    expect(picker).to_have_value("purawr")


def test_the_button_leads_to_the_canvas_and_nothing_is_fetched_from_anywhere_else(
    page: Page, address: str
) -> None:
    foreign: list[str] = []
    page.on("request", lambda asked: foreign.append(asked.url))
    page.goto(address)
    page.get_by_role("button", name="Draw a digit").click()
    expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=SLOW_MS)
    drawing_area(page)
    settle(page)
    ours = (address, address.replace("http", "ws", 1), "data:", "blob:")
    assert len(foreign) > 10  # or nothing was listened to
    assert [url for url in foreign if not url.startswith(ours)] == []
