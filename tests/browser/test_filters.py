"""The filter page in a browser: a layer opened, a number followed, epochs played, why asked."""

import re

import pytest
from playwright.sync_api import Page, expect

from core.data import mnist
from tests.browser.app import SLOW_MS, drawing_area, settle, stroke, too_wide
from tests.browser.arranging import DRAWN
from tests.helpers.views import RUN_VIEWS

pytestmark = pytest.mark.timeout(180)
TEST = mnist.load("mnist-sample").test
VIEWS = [*RUN_VIEWS, "Digit detector"]


def open_page(page: Page, address: str, query: str) -> None:
    page.goto(f"{address}/filters?data=mnist-sample&split=test&{query}")
    page.locator("h1").first.wait_for(timeout=SLOW_MS)
    expect(page.get_by_text(re.compile(r" reads \d "))).not_to_have_count(0, timeout=SLOW_MS)
    settle(page)


def test_a_click_on_a_layer_opens_its_maps_and_a_click_on_a_map_shows_it(
    page: Page, address: str
) -> None:
    open_page(page, address, "run=yalcin&index=3")
    page.locator("button[data-name=conv_1]").click()
    expect(page).to_have_url(re.compile(r"inside=Feature(\+|%20)maps"))
    expect(page.get_by_role("heading", name="Map 0 of conv_1")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name=re.compile("^map 5,")).click()
    expect(page.get_by_role("heading", name="Map 5 of conv_1")).to_be_visible()
    expect(page).to_have_url(re.compile("map=5(&|$)"))


def test_a_number_of_a_map_is_followed(page: Page, address: str) -> None:
    open_page(page, address, "run=yalcin&index=3&inside=Feature+maps&layer=conv_1&map=5")
    heading = page.get_by_role("heading", name="The arithmetic of this number")
    expect(heading).to_be_visible(timeout=SLOW_MS)
    pixels = page.locator(".pixels")
    box = pixels.bounding_box()
    assert box
    # The map has 26 rows and columns.
    pixels.click(position={"x": 12.5 * box["width"] / 26, "y": 10.5 * box["height"] / 26})
    expect(page.get_by_text(re.compile("At row 10, column 12"))).to_be_visible()
    expect(page.get_by_text("rows 10 to 12").first).to_be_visible()
    pixels.press("ArrowRight")
    expect(page.get_by_text(re.compile("At row 10, column 13"))).to_be_visible()


def test_the_epochs_are_played(page: Page, address: str) -> None:
    open_page(page, address, "run=yalcin&index=3&inside=Training+dynamics&epoch=1")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_text("The finished network: reads")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("button", name="Make a GIF of all epochs").click()
    with page.expect_download(timeout=SLOW_MS) as download:
        page.get_by_role("button", name="Download the GIF").click()
    assert download.value.path().read_bytes().startswith(b"GIF89a")


def test_why_one_digit_and_not_another(page: Page, address: str) -> None:
    open_page(page, address, "run=fast&index=3&inside=Attribution")
    completeness = page.get_by_text("The integrated gradients of all pixels sum to")
    expect(completeness).to_be_visible(timeout=SLOW_MS)
    before = completeness.inner_text()
    page.get_by_role("button", name=re.compile("^Why not")).click()
    expect(completeness).not_to_have_text(before, timeout=SLOW_MS)
    page.get_by_text("Randomize the weights").click()
    expect(page.get_by_text(re.compile("correlation", re.I)).first).to_be_visible(timeout=SLOW_MS)


def test_a_drawing_is_looked_at(page: Page, address: str) -> None:
    open_page(page, address, "run=yalcin&index=3")
    page.get_by_role("radio", name="Draw").click()
    drawing_area(page)
    stroke(page, DRAWN)
    said = page.get_by_text(re.compile("Your drawing. yalcin reads 7"))
    expect(said).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("radio", name="Feature maps").click()
    expect(page.get_by_role("heading", name="Map 0 of conv_1")).to_be_visible(timeout=SLOW_MS)
    expect(said).to_be_visible()


def test_dreams_are_made_with_progress(page: Page, address: str) -> None:
    open_page(page, address, "run=fast&index=3&inside=Feature+visualization")
    page.get_by_role("button", name="Visualize the ten digits").click()
    expect(page.get_by_alt_text("responds to most for").first).to_be_visible(timeout=SLOW_MS)


def test_a_map_of_the_digit_detector_is_opened_by_a_click(page: Page, address: str) -> None:
    page.goto(f"{address}/filters?inside=Digit+detector&detector-layer=quarter")
    page.get_by_role("button", name=re.compile("^map 5,")).click(timeout=SLOW_MS)
    expect(page.get_by_role("heading", name="Map 5 of quarter")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("heading", name="Kernel 5")).to_be_visible()
    expect(page).to_have_url(re.compile("detector-map=5(&|$)"))


def test_nothing_is_wider_than_a_phone(phone: Page, address: str) -> None:
    open_page(phone, address, "run=best&index=3")
    assert too_wide(phone, VIEWS) == []
