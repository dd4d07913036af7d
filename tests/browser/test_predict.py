"""The prediction page as a visitor uses it: mouse strokes, a picture file, a reload, a link."""

import io
import math
import re
from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from tests.browser.app import SLOW_MS, Point, drawing_area, settle, stroke

# Where and how large a digit is drawn on the 280×280 canvas: left, top and size of its square.
PLACES = [
    pytest.param((15, 20, 90), id="small, top left"),
    # Where the component's toolbar lies, unseen, if nobody lifts it.
    pytest.param((160, 12, 100), id="small, top right"),
    pytest.param((150, 160, 100), id="small, bottom right"),
    pytest.param((40, 30, 220), id="large"),
]
ONE: Sequence[Point] = ((0.5, 0.0), (0.47, 1.0))
SEVEN: Sequence[Point] = ((0.1, 0.05), (0.85, 0.05), (0.35, 1.0))
ZERO: Sequence[Point] = tuple(
    (0.5 + 0.36 * math.sin(k * math.pi / 12), 0.5 - 0.5 * math.cos(k * math.pi / 12))
    for k in range(25)
)


def open_predict(page: Page, address: str, query: str = "") -> None:
    page.goto(f"{address}/predict{query}")
    expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=SLOW_MS)
    drawing_area(page)
    settle(page)


def draw(page: Page, digit: Sequence[Point], place: tuple[int, int, int]) -> None:
    left, top, size = place
    stroke(page, [(left + x * size, top + y * size) for x, y in digit])


def expect_answer(page: Page, digit: int) -> None:
    expect(page.get_by_test_id("stMetricValue")).to_have_text(str(digit), timeout=SLOW_MS)
    expect(page.get_by_test_id("stMetricLabel")).to_have_text("The network reads")


def png_of_a_seven() -> bytes:
    picture = Image.new("RGB", (200, 160), "white")
    ImageDraw.Draw(picture).line([(70, 40), (130, 40), (95, 130)], fill="navy", width=12)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("strokes", "digit"), [(ONE, 1), (SEVEN, 7), (ZERO, 0)], ids=["1", "7", "0"]
)
def test_a_drawn_digit_is_read_after_its_stroke_wherever_and_however_large_it_is(
    page: Page,
    address: str,
    strokes: Sequence[Point],
    digit: int,
    place: tuple[int, int, int],
) -> None:
    open_predict(page, address)
    draw(page, strokes, place)
    expect_answer(page, digit)


def test_the_answer_comes_with_ten_probabilities_and_the_picture_that_was_read(
    page: Page, address: str
) -> None:
    open_predict(page, address)
    expect(page.get_by_text("The answer appears here")).to_be_visible()
    draw(page, SEVEN, (60, 60, 150))
    chart = page.get_by_test_id("stPlotlyChart")
    expect(chart.locator(".bars .point")).to_have_count(10)
    expect(page.get_by_alt_text("The digit as 28 by 28 grey pixels")).to_be_visible()


def test_clear_empties_the_canvas_and_takes_the_answer_back(page: Page, address: str) -> None:
    open_predict(page, address)
    draw(page, SEVEN, (60, 60, 150))
    expect_answer(page, 7)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("The answer appears here")).to_be_visible()
    settle(page)
    draw(page, ZERO, (60, 60, 150))
    expect_answer(page, 0)


def test_a_drawing_is_still_there_after_a_look_elsewhere(page: Page, address: str) -> None:
    open_predict(page, address)
    draw(page, SEVEN, (60, 60, 150))
    expect_answer(page, 7)
    page.get_by_text("Upload", exact=True).click()
    expect(page.get_by_test_id("stMetricValue")).to_have_count(0)
    page.get_by_text("Draw", exact=True).click()
    expect_answer(page, 7)
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", name="Digitscope")).to_be_visible()
    sidebar.get_by_role("link", name="Predict").click()
    drawing_area(page)
    expect_answer(page, 7)
    settle(page)
    # Not only the answer: the seven's strokes are on the canvas, and a bar makes it a crossed one.
    draw(page, ((0.2, 0.5), (0.8, 0.5)), (60, 60, 150))
    expect_answer(page, 7)


def test_a_dot_gets_a_sentence_and_no_answer(page: Page, address: str) -> None:
    open_predict(page, address)
    stroke(page, [(140, 140), (141, 141)])
    expect(page.get_by_test_id("stAlert")).to_contain_text("dot")
    expect(page.get_by_test_id("stMetricValue")).to_have_count(0)


def test_a_scribble_over_everything_gets_a_sentence_and_no_answer(page: Page, address: str) -> None:
    open_predict(page, address)
    page.get_by_role("slider", name="Pen width").focus()
    page.keyboard.press("End")
    settle(page)
    rows = range(2, 279, 25)
    stroke(page, [(x, y) for k, y in enumerate(rows) for x in ((2, 278) if k % 2 else (278, 2))])
    expect(page.get_by_test_id("stAlert")).to_contain_text("nearly everything")
    expect(page.get_by_test_id("stMetricValue")).to_have_count(0)


def test_an_uploaded_picture_is_read_and_a_broken_one_explained(page: Page, address: str) -> None:
    open_predict(page, address)
    page.get_by_text("Upload", exact=True).click()
    chooser = page.locator("input[type=file]")
    chooser.set_input_files(
        {"name": "seven.png", "mimeType": "image/png", "buffer": png_of_a_seven()}
    )
    expect_answer(page, 7)
    chooser.set_input_files(
        {"name": "notes.png", "mimeType": "image/png", "buffer": b"just some words"}
    )
    expect(page.get_by_test_id("stAlert").first).to_contain_text("notes.png")
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_a_reload_keeps_the_run_of_the_link_and_works_again(page: Page, address: str) -> None:
    open_predict(page, address, "?run=yalcin")
    draw(page, ONE, (60, 60, 150))
    expect_answer(page, 1)
    page.reload()
    drawing_area(page)
    settle(page)
    picker = page.get_by_test_id("stSidebar").get_by_role("combobox")
    expect(picker.first).to_have_value("yalcin")
    draw(page, ZERO, (60, 60, 150))
    expect_answer(page, 0)


def test_a_link_shows_the_run_at_an_epoch_and_another_run_is_shown_finished(
    page: Page, address: str
) -> None:
    open_predict(page, address, "?run=yalcin&epoch=2")
    draw(page, ONE, (60, 60, 150))
    expect_answer(page, 1)
    said = page.get_by_text("after epoch 2 of 10")
    expect(said).to_be_visible()
    # A look at another page keeps the epoch, in the picker and in the link.
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", name="Digitscope")).to_be_visible()
    sidebar.get_by_role("link", name="Predict").click()
    expect(said).to_be_visible(timeout=SLOW_MS)
    expect(page).to_have_url(re.compile(r"\?(epoch=2&run=yalcin|run=yalcin&epoch=2)$"))
    sidebar.get_by_role("combobox").first.click()
    page.get_by_role("option", name="soorya", exact=True).click()
    epoch = sidebar.get_by_role("slider", name="At epoch")
    expect(epoch).to_have_attribute("aria-valuetext", "the finished network")
    expect(page).to_have_url(re.compile(r"\?run=soorya$"))
    expect(said).to_have_count(0)
    expect_answer(page, 1)


def test_a_drawn_digit_can_be_labelled_and_is_kept_for_this_visit(page: Page, address: str) -> None:
    open_predict(page, address)
    draw(page, SEVEN, (60, 60, 150))
    expect_answer(page, 7)
    meant = page.get_by_test_id("stButtonGroup").filter(has_text="What did you mean?")
    meant.get_by_text("7", exact=True).click()
    expect(page.get_by_text("1 digit labelled in this visit")).to_be_visible()
    # Another digit has no label yet; the first one keeps its own.
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("The answer appears here")).to_be_visible()
    settle(page)
    draw(page, ZERO, (60, 60, 150))
    expect_answer(page, 0)
    meant.get_by_text("0", exact=True).click()
    expect(page.get_by_text("2 digits labelled in this visit")).to_be_visible()
    page.get_by_role("link", name="Which ones are misread").click()
    expect(page.get_by_text("misreads 0 of 2 digits (those that you have labelled)")).to_be_visible(
        timeout=SLOW_MS
    )
    page.locator('[data-place="[7,7]"]').click()
    expect(page.get_by_role("button", name="Number 1, label 7, read as 7")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Predict", exact=True).click()
    expect_answer(page, 0)
    page.get_by_role("button", name="Forget them").click()
    expect(page.get_by_text("labelled in this visit")).to_have_count(0)


def test_a_phone_has_everything_within_its_width(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_predict(page, address)
    draw(page, SEVEN, (60, 60, 150))
    expect_answer(page, 7)
    too_wide = page.evaluate(
        "() => document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth"
    )
    assert too_wide <= 0
