"""The home page as a newcomer sees it."""

import re

import pytest
from playwright.sync_api import Page, expect

from pages.widgets.shared.navigation import ENTRIES
from tests.browser.app import SLOW_MS, drawing_area, open_at, settle, stroke
from tests.browser.arranging import DRAWN
from tests.browser.drawing import expect_answer

pytestmark = pytest.mark.offline


def test_a_digit_is_drawn_and_read_here_and_its_steps_are_one_click_away(
    page: Page, address: str
) -> None:
    open_at(page, address)
    stroke(page, DRAWN)
    expect_answer(page, 7)
    page.get_by_role("button", name="Show every step").click()
    expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=SLOW_MS)
    # The same drawing, the view that the button names.
    expect_answer(page, 7)
    expect(page.get_by_role("radio", name="Preprocessing")).to_be_checked()


def test_the_drawing_goes_along_to_the_feature_maps(page: Page, address: str) -> None:
    open_at(page, address)
    stroke(page, DRAWN)
    expect_answer(page, 7)
    page.get_by_role("button", name="Show the feature maps").click()
    expect(page.get_by_role("heading", name="Filters and activations")).to_be_visible()
    expect(page.get_by_role("radio", name="Draw")).to_be_checked()
    expect(page.get_by_text("Your drawing")).to_be_visible(timeout=SLOW_MS)


def test_on_a_phone_the_answer_is_seen_without_scrolling(phone: Page, address: str) -> None:
    open_at(phone, address)
    stroke(phone, DRAWN)
    expect_answer(phone, 7)
    phone.get_by_test_id("stMain").evaluate("node => node.scrollTo(0, 0)")
    box = phone.get_by_test_id("stMetricValue").bounding_box()
    assert box
    assert box["y"] + box["height"] <= 844


@pytest.mark.parametrize(
    ("key", "query"),
    [
        ("dataset", "view=Browse"),
        ("train", "train"),
        ("confusion", r"cell=\d-\d"),
        ("filters", r"index=\d+"),
    ],
)
def test_each_card_shows_a_picture_of_real_results_and_opens_its_page(
    page: Page, address: str, key: str, query: str
) -> None:
    open_at(page, address)
    card = page.locator(f".st-key-page-{key}")
    picture = card.get_by_role("img").last
    expect(picture).to_be_visible()
    assert picture.evaluate("node => node.naturalWidth") > 100
    card.get_by_role("link", name=ENTRIES[key].title).click()
    expect(page.get_by_role("heading", name=ENTRIES[key].title, exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(query))


def test_a_run_of_the_table_is_opened_on_the_prediction_page(page: Page, address: str) -> None:
    open_at(page, address)
    table = page.get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = table.bounding_box()
    assert box
    page.mouse.click(box["x"] + 18, box["y"] + 7.5 * 35)  # below the heads, the seventh row
    page.get_by_role("link", name="Draw a digit for purawr").click()
    expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=SLOW_MS)
    picker = page.get_by_test_id("stSidebar").get_by_role("combobox").first
    expect(picker).to_have_value("purawr")


def test_nothing_is_fetched_from_anywhere_else(page: Page, address: str) -> None:
    foreign: list[str] = []
    page.on("request", lambda asked: foreign.append(asked.url))
    open_at(page, address)
    drawing_area(page)
    settle(page)
    ours = (address, address.replace("http", "ws", 1), "data:", "blob:")
    assert len(foreign) > 10  # or nothing was listened to
    assert [url for url in foreign if not url.startswith(ours)] == []
    # Nothing is promised that does not exist.
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(len(ENTRIES), timeout=SLOW_MS)
