"""A page on a projector and on paper."""

from playwright.sync_api import Page, expect

from tests.browser.accessibility import serious_faults
from tests.browser.app import SLOW_MS, open_at, settle

SIZE = "node => parseFloat(getComputedStyle(node).fontSize)"
COLOR = "node => getComputedStyle(node).color"


def test_a_presented_page_is_larger_without_a_sidebar_and_can_be_left(
    page: Page, address: str
) -> None:
    open_at(page, f"{address}/confusion?run=purawr")
    question = page.get_by_text("Which digits does it read as which?")
    before = question.evaluate(SIZE)
    page.get_by_test_id("stSidebar").get_by_text("Present", exact=True).click()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    settle(page)
    expect(question).to_have_css("font-size", f"{1.25 * before:g}px")
    assert serious_faults(page) == []
    # Other pages are presented, too, with the same run.
    page.get_by_test_id("stMain").get_by_role("link", name="Predict", exact=True).click()
    expect(page.get_by_role("heading", name="Predict")).to_be_visible()
    settle(page)
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    page.get_by_role("button", name="End the presentation").click()
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    picker = page.get_by_test_id("stSidebar").get_by_role("combobox").first
    expect(picker).to_have_value("purawr")


def test_a_link_can_ask_for_the_presentation(page: Page, address: str) -> None:
    open_at(page, f"{address}/dataset?view=Browse&present=true")
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()


def test_a_dark_page_is_printed_dark_on_white(page: Page, address: str) -> None:
    page.emulate_media(color_scheme="dark")
    open_at(page, f"{address}/confusion?run=purawr&explore=Calibration")
    tick = page.locator(".main-svg .xtick text").first
    tick.wait_for(timeout=SLOW_MS)
    assert page.locator("h1").evaluate(COLOR) != "rgb(0, 0, 0)"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("h1").evaluate(COLOR) == "rgb(0, 0, 0)"
    # Plotly draws the chart again for the width of the paper.
    expect(tick).to_have_css("fill", "rgb(0, 0, 0)")
    ground = "node => getComputedStyle(node).backgroundColor"
    assert page.get_by_test_id("stMain").evaluate(ground) == "rgb(255, 255, 255)"
    assert page.locator(".main-svg").first.evaluate(ground) == "rgba(0, 0, 0, 0)"
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    page.emulate_media(media="screen", color_scheme="light")
