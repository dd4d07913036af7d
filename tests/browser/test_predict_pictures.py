"""The prediction page with pictures: files, the clipboard, boxes that are chosen and put right."""

import base64
import io
import re

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.app import Point, running_app, settle
from tests.browser.drawing import (
    NOTHING,
    ONE,
    SEVEN,
    ZERO,
    expect_answer,
    open_predict,
    png_of_a_seven,
    swipe,
)

PASTE = """(data) => {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], "image.png", { type: "image/png" }));
    const how = { clipboardData, bubbles: true, cancelable: true, composed: true };
    document.body.dispatchEvent(new ClipboardEvent("paste", how));
}"""


def upload(page: Page, *files: tuple[str, bytes]) -> None:
    page.get_by_test_id("stMain").get_by_role("radio", name="Upload").click()
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files]
    )


def png_of_a_page() -> bytes:
    """Two lines: 7 1, and 0."""
    picture = Image.new("RGB", (420, 340), "#f4f1e6")
    brush = ImageDraw.Draw(picture)
    for digit, left, top in ((SEVEN, 40, 30), (ONE, 140, 30), (ZERO, 60, 200)):
        points = [(left + 70 * x, top + 100 * y) for x, y in digit]
        brush.line(points, fill="navy", width=11, joint="curve")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def lying_page() -> bytes:
    """The page of two lines, turned to its left side."""
    with Image.open(io.BytesIO(png_of_a_page())) as upright:
        file = io.BytesIO()
        upright.rotate(90, expand=True).save(file, "PNG")
    return file.getvalue()


def box_of(page: Page, digit: int) -> Locator:
    """The box around a digit of the uploaded picture, counted from 1."""
    return page.get_by_role("button", name=f"Digit {digit}:").and_(page.locator(".box"))


def drag(page: Page, start: Point, end: Point) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()


def test_a_broken_picture_is_explained_and_stays_so_beside_one_that_is_read(
    page: Page, address: str
) -> None:
    open_predict(page, address)
    upload(page, ("notes.png", b"just some words"))
    expect(page.get_by_test_id("stAlert").first).to_contain_text("notes.png")
    upload(page, ("seven.png", png_of_a_seven()))
    expect_answer(page, 7)
    expect(page.get_by_text("1 picture could not be read")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="holds text")).to_contain_text("notes.png")
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_a_picture_from_the_clipboard_is_read_and_forgotten_again(page: Page, address: str) -> None:
    open_predict(page, address)
    page.get_by_test_id("stMain").get_by_role("radio", name="Upload").click()
    expect(page.get_by_role("button", name="Paste a picture")).to_be_visible()
    settle(page)
    page.evaluate(PASTE, base64.b64encode(png_of_a_seven()).decode())
    expect_answer(page, 7)
    page.get_by_role("button", name="Forget 1 pasted picture").click()
    expect(page.get_by_text(NOTHING)).to_be_visible()


def test_a_box_is_chosen_by_a_click_and_put_right_by_mouse_and_keys(
    page: Page, address: str
) -> None:
    open_predict(page, address)
    upload(page, ("page.png", png_of_a_page()))
    expect(page.locator(".boxes .box")).to_have_count(3)
    box_of(page, 3).click()
    expect(page.get_by_text("Digit 3 of 3: 0")).to_be_visible()
    # The right half of a 0 alone is no 0 any more.
    box = box_of(page, 3).bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2
    drag(page, (box["x"], box["y"]), (middle, box["y"]))
    expect(page.get_by_role("button", name="Detect the digits again")).to_be_visible()
    settle(page)
    half = box_of(page, 3).bounding_box()
    assert half
    assert abs(half["x"] - middle) < 3
    # A box around nothing is refused, and the others stay.
    sheet = page.locator(".boxes .layer").bounding_box()
    assert sheet
    right, bottom = sheet["x"] + sheet["width"] - 8, sheet["y"] + sheet["height"] - 8
    drag(page, (right - 60, bottom - 50), (right, bottom))
    expect(page.get_by_text("There is no ink in this box")).to_be_visible()
    expect(page.locator(".boxes .box")).to_have_count(3)
    box_of(page, 1).focus()
    page.keyboard.press("Delete")
    expect(page.locator(".boxes .box")).to_have_count(2)
    settle(page)  # what stands above the button comes and goes with the answers
    anew = page.get_by_role("button", name="Detect the digits again")
    expect(anew).to_have_count(1)  # its old place may still be on the page
    anew.click()
    expect(page.locator(".boxes .box")).to_have_count(3)


def test_a_finger_draws_a_new_box_only_after_the_button(
    finger: BrowserContext, address: str
) -> None:
    page = finger.new_page()
    open_predict(page, address)
    upload(page, ("page.png", png_of_a_page()))
    expect(page.locator(".boxes .box")).to_have_count(3)
    box_of(page, 3).tap()
    expect(page.get_by_text("Digit 3 of 3: 0")).to_be_visible()
    zero = box_of(page, 3).bounding_box()
    assert zero
    page.get_by_role("button", name="Delete box").tap()
    expect(page.locator(".boxes .box")).to_have_count(2)
    settle(page)
    start = (zero["x"] - 5, zero["y"] - 5)
    end = (start[0] + zero["width"] + 10, start[1] + zero["height"] + 10)
    page.get_by_role("button", name="New box").tap()
    swipe(page, [start, end])
    expect(page.locator(".boxes .box")).to_have_count(3)
    expect(page.get_by_text("Digit 3 of 3: 0")).to_be_visible()


def test_a_turned_picture_is_shown_in_its_new_shape_with_its_boxes(
    page: Page, address: str
) -> None:
    open_predict(page, address)
    upload(page, ("page.png", lying_page()))
    picture = page.locator(".boxes img")
    expect(picture).to_have_attribute("style", re.compile("340 / 420"))
    page.get_by_role("button", name="Turn right").click()
    expect(picture).to_have_attribute("style", re.compile("420 / 340"))
    expect(page.locator(".boxes .box")).to_have_count(3)
    sheet, zero = picture.bounding_box(), box_of(page, 3).bounding_box()
    assert sheet
    assert zero
    assert abs(sheet["width"] / sheet["height"] - 420 / 340) < 0.03
    assert zero["y"] > sheet["y"] + sheet["height"] / 2  # the second line is below the first


def test_the_mark_of_a_sign_is_told_and_lets_the_mouse_through(
    page: Page, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("signs")
    start = ("-m", "streamlit", "run", "tests/browser/signs_app.py")
    with running_app(folder, start=start) as address:
        page.goto(address)
        mark = page.get_by_role("img", name="Sign: minus")
        expect(mark).to_have_text("-")
        settle(page)
        place = mark.bounding_box()
        assert place
        middle = (place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        drag(page, middle, (middle[0] + 80, middle[1] + 40))
        expect(page.get_by_text("Drawn: (200, 100, ")).to_be_visible()
        page.goto("about:blank")
