"""The dataset page in a real browser: clicks on digits, arrow keys, a jump, the kernel's slider."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from playwright.sync_api import TimeoutError as NotInTime

from core.data import mnist
from core.evaluation.examples import find_label_issues
from pages.widgets.shared.digit_choice import VIEWS
from tests.browser.app import SLOW_MS, settle, too_wide

pytestmark = pytest.mark.timeout(180)
TEST = mnist.load("mnist-sample").test


def open_page(page: Page, address: str, query: str) -> None:
    page.goto(f"{address}/dataset?data=mnist-sample&{query}")
    page.locator("h1").first.wait_for(timeout=SLOW_MS)
    settle(page)


@pytest.mark.offline
def test_a_click_on_a_digit_opens_it_and_back_leads_to_the_grid(page: Page, address: str) -> None:
    open_page(page, address, "view=Browse&label=3")
    first = int((TEST.labels == 3).argmax())
    page.get_by_role("button", name=f"Number {first}, label 3").click()
    expect(page.get_by_text(f"Number {first} of the test digits, label 3")).to_be_visible()
    expect(page).to_have_url(re.compile(f"index={first}(&|$)"))
    page.get_by_role("button", name="Back to the grid").click()
    digit = page.get_by_role("button", name=f"Number {first}, label 3")
    expect(digit).to_be_visible()
    expect(digit).to_have_attribute("aria-current", "true")


def test_arrow_keys_walk_through_the_grid_and_its_pages(page: Page, address: str) -> None:
    open_page(page, address, "view=Browse")
    page.get_by_role("button", name="Number 0, label").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Number 1, label")).to_be_focused()
    page.get_by_role("button", name="Number 119, label").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Number 120, label")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("button", name="Number 119, label")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Number 119 of the test digits")).to_be_visible()


def test_a_jump_to_an_index_and_a_link_to_it(
    page: Page, address: str, profile: BrowserContext
) -> None:
    open_page(page, address, "view=Single+digit")
    field = page.get_by_role("spinbutton", name="Index")
    field.fill("777")
    field.press("Enter")
    expect(
        page.get_by_text(f"Number 777 of the test digits, label {TEST.labels[777]}")
    ).to_be_visible()
    expect(page).to_have_url(re.compile("index=777"))
    other = profile.new_page()
    other.goto(page.url)
    expect(other.get_by_text("Number 777 of the test digits")).to_be_visible(timeout=SLOW_MS)


def test_the_kernel_slides_by_the_arrow_keys(page: Page, address: str) -> None:
    open_page(page, address, "view=Convolution&index=7")
    expect(page.get_by_text("Row 14, column 14 of the output.")).to_be_visible()
    picture = page.get_by_alt_text("The digit with a frame around the pixels below the kernel")
    before = picture.get_attribute("src") or ""
    slider = page.get_by_role("slider", name="Where the kernel is")
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    expect(page.get_by_text("Row 14, column 12 of the output.")).to_be_visible(timeout=SLOW_MS)
    expect(picture).not_to_have_attribute("src", before)


def appears(locator: Locator) -> bool:
    """Whether something that may come, or may not, is there within a while."""
    with suppress(NotInTime):
        locator.wait_for(timeout=5000)
    return locator.is_visible()


def test_the_map_shows_the_digit_below_the_pointer_and_a_click_opens_it(
    page: Page, address: str
) -> None:
    open_page(page, address, "view=Embedding")
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    plot.wait_for(timeout=SLOW_MS)
    box = plot.bounding_box()
    assert box
    picture = page.get_by_alt_text("The digit below the pointer")
    opens = page.get_by_role("button", name="Open it")
    # Somewhere in the middle there is a digit.
    for x, y in ((0.5, 0.5), (0.4, 0.45), (0.6, 0.55), (0.45, 0.6), (0.55, 0.4)):
        at = box["x"] + x * box["width"], box["y"] + y * box["height"]
        page.mouse.move(at[0] - 3, at[1])
        page.mouse.move(*at, steps=3)
        if not appears(picture):
            continue
        page.mouse.down()
        page.mouse.up()
        if appears(opens):
            break
    # Only now: a slow machine may still show a digit that the pointer passed on its way.
    shown = picture.get_attribute("src") or ""
    match = re.search(r"digit/mnist-sample/(train|test)/(\d+)\.png", shown)
    assert match
    opens.click(timeout=SLOW_MS)
    kind = {"train": "training", "test": "test"}[match[1]]
    expect(page.get_by_text(f"Number {int(match[2]):,} of the {kind} digits")).to_be_visible()
    expect(picture).to_have_count(0)


def test_a_digit_upside_down_is_read_as_another(page: Page, address: str) -> None:
    six = int((TEST.labels == 6).argmax())
    open_page(page, address, f"view=Augmentation&index={six}")
    page.get_by_role("button", name="Upside down").click()
    expect(page.get_by_text(re.compile("Another digit.* reads 9"))).to_be_visible(timeout=SLOW_MS)
    slider = page.get_by_role("slider", name="Rotation")
    expect(slider).to_have_value("180")
    before = page.get_by_alt_text("The digit, changed").get_attribute("src") or ""
    slider.press("ArrowLeft")
    expect(page.get_by_alt_text("The digit, changed")).not_to_have_attribute("src", before)


def test_a_click_on_a_suspect_opens_its_digit(page: Page, address: str) -> None:
    open_page(page, address, "view=Label+issues")
    table = page.get_by_test_id("stDataFrame")
    table.wait_for(timeout=SLOW_MS)
    first = find_label_issues("mnist-sample")[0]
    box = table.bounding_box()
    assert box
    # The first row lies below the header of 36 pixels; a second click, where the first only told
    # the table that it is in use.
    number = page.get_by_text(f"Number {first.index:,} of the test digits")
    for _ in range(3):
        page.mouse.click(box["x"] + 120, box["y"] + 66)
        if appears(number):
            break
    expect(number).to_be_visible()


def test_nothing_is_wider_than_a_phone(phone: Page, address: str) -> None:
    open_page(phone, address, "index=7")
    assert too_wide(phone, VIEWS) == []


def test_a_link_of_a_former_version_opens_the_view_of_today(page: Page, address: str) -> None:
    open_page(page, address, "view=Suspects")
    expect(page.get_by_role("radio", name="Label issues")).to_be_checked()
    page.get_by_role("radio", name="Browse").click()
    expect(page).to_have_url(re.compile("view=Browse"))
