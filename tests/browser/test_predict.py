"""The prediction page as a visitor draws on it: mouse, finger and keys, a reload, a link."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.app import SLOW_MS, drawing_area, settle, stroke
from tests.browser.drawing import (
    FINGER,
    NOTHING,
    ONE,
    SCROLLED,
    SEVEN,
    ZERO,
    clear,
    draw,
    expect_answer,
    open_pen_settings,
    open_predict,
    swipe,
    widen,
)

# Where and how large the digits are drawn on the 280×280 canvas: left, top and size of its square.
PLACES = (
    (15, 20, 90),
    (160, 12, 100),  # where the component's toolbar lies, unseen, if nobody lifts it
    (150, 160, 100),
    (40, 30, 220),
)
DIGITS = ((ONE, 1), (SEVEN, 7), (ZERO, 0), (SEVEN, 7))


@pytest.fixture
def sheet(profile: BrowserContext, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The prediction page, its canvas empty: one visitor stays for several tests, as people do.

    A test that fails takes its page with it, and so does one that uses the fixture `page`.
    """
    stays = [page for page in profile.pages if page.url.startswith(f"{address}/predict")]
    opened = stays[0] if stays else profile.new_page()
    if stays:
        clear(opened)
    else:
        open_predict(opened, address)
    failed = request.session.testsfailed
    yield opened
    shown = opened.get_by_test_id("stException").all_inner_texts()
    if shown or request.session.testsfailed > failed:
        opened.close()
    assert shown == []


@pytest.mark.offline
def test_a_drawn_digit_is_read_after_its_stroke_wherever_and_however_large_it_is(
    sheet: Page,
) -> None:
    for (strokes, digit), place in zip(DIGITS, PLACES, strict=True):
        draw(sheet, strokes, place)
        expect_answer(sheet, digit)
        clear(sheet)


def test_the_answer_comes_with_ten_probabilities_and_the_picture_that_was_read(sheet: Page) -> None:
    expect(sheet.get_by_text("The answer appears here")).to_be_visible()
    draw(sheet, SEVEN, (60, 60, 150))
    expect_answer(sheet, 7)
    chart = sheet.get_by_test_id("stPlotlyChart")
    expect(chart.locator(".bars .point")).to_have_count(10)
    expect(sheet.get_by_alt_text("The digit as 28 by 28 gray pixels")).to_be_visible()


def test_clear_empties_the_canvas_and_takes_the_answer_back(sheet: Page) -> None:
    draw(sheet, SEVEN, (60, 60, 150))
    expect_answer(sheet, 7)
    clear(sheet)
    draw(sheet, ZERO, (60, 60, 150))
    expect_answer(sheet, 0)


def test_a_drawing_is_still_there_after_a_look_elsewhere(sheet: Page) -> None:
    draw(sheet, SEVEN, (60, 60, 150))
    expect_answer(sheet, 7)
    sheet.get_by_text("Upload", exact=True).click()
    expect(sheet.get_by_test_id("stMetricValue")).to_have_count(0)
    sheet.get_by_text("Draw", exact=True).click()
    expect_answer(sheet, 7)
    sidebar = sheet.get_by_test_id("stSidebar")
    sidebar.get_by_role("link", name="Home").click()
    expect(sheet.get_by_role("heading", name="Digitscope")).to_be_visible()
    sidebar.get_by_role("link", name="Predict").click()
    drawing_area(sheet)
    expect_answer(sheet, 7)
    settle(sheet)
    # Not only the answer: the seven's strokes are on the canvas, and a bar makes it a crossed one.
    draw(sheet, ((0.2, 0.5), (0.8, 0.5)), (60, 60, 150))
    expect_answer(sheet, 7)


def test_a_dot_gets_a_sentence_and_no_answer(sheet: Page) -> None:
    stroke(sheet, [(140, 140), (141, 141)])
    expect(sheet.get_by_test_id("stAlert")).to_contain_text("dot")
    expect(sheet.get_by_test_id("stMetricValue")).to_have_count(0)


def test_undo_and_redo_take_a_stroke_back_and_bring_it_again(sheet: Page) -> None:
    draw(sheet, SEVEN, (60, 60, 150))
    expect_answer(sheet, 7)
    sheet.get_by_role("button", name="Undo").click()
    expect(sheet.get_by_text(NOTHING)).to_be_visible()
    sheet.get_by_role("button", name="Redo").click()
    expect_answer(sheet, 7)
    settle(sheet)
    sheet.keyboard.press("Control+z")
    expect(sheet.get_by_text(NOTHING)).to_be_visible()
    sheet.keyboard.press("Control+y")
    expect_answer(sheet, 7)


def test_the_eraser_takes_ink_away_and_undo_brings_it_back(sheet: Page) -> None:
    draw(sheet, SEVEN, (60, 60, 150))
    expect_answer(sheet, 7)
    eraser = sheet.get_by_role("radio", name="Eraser")
    eraser.click()
    expect(eraser).to_be_checked()
    sheet.wait_for_timeout(300)  # until the script runs that hands it to the canvas
    settle(sheet)
    # Without its bar a 7 is a slanted 1.
    draw(sheet, ((0.0, 0.05), (0.6, 0.05)), (60, 60, 150))
    expect_answer(sheet, 1)
    sheet.get_by_role("button", name="Undo").click()
    expect_answer(sheet, 7)


def test_the_naive_resize_stands_beside_the_steps(sheet: Page) -> None:
    draw(sheet, SEVEN, (15, 20, 60))
    expect_answer(sheet, 7)
    sheet.get_by_role("radio", name="Preprocessing").click()
    expect(sheet.get_by_alt_text("Center of mass in 28×28")).to_be_visible()
    sheet.get_by_text("Compare with the naive resize").click()
    expect(sheet.get_by_alt_text("Naive resize: 28 by 28 gray pixels")).to_be_visible()
    expect(sheet.get_by_text("The network answers")).to_have_count(2)
    sheet.get_by_text("Compare with the naive resize").click()
    expect(sheet.get_by_text("The network answers")).to_have_count(0)


def test_a_scribble_over_everything_gets_a_sentence_and_no_answer(page: Page, address: str) -> None:
    open_predict(page, address)
    open_pen_settings(page)
    page.get_by_role("slider", name="Pen width").focus()
    page.keyboard.press("End")
    page.keyboard.press("Escape")
    settle(page)
    rows = range(2, 279, 25)
    stroke(page, [(x, y) for k, y in enumerate(rows) for x in ((2, 278) if k % 2 else (278, 2))])
    expect(page.get_by_test_id("stAlert")).to_contain_text("nearly everything")
    expect(page.get_by_test_id("stMetricValue")).to_have_count(0)


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
    open_predict(page, address, "?run=yalcin&epoch=9")
    draw(page, ONE, (60, 60, 150))
    expect_answer(page, 1)
    said = page.get_by_text("after epoch 9 of 10")
    expect(said).to_be_visible()
    # A look at another page keeps the epoch, in the picker and in the link.
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", name="Digitscope")).to_be_visible()
    sidebar.get_by_role("link", name="Predict").click()
    expect(said).to_be_visible(timeout=SLOW_MS)
    expect(page).to_have_url(re.compile(r"\?(epoch=9&run=yalcin|run=yalcin&epoch=9)$"))
    sidebar.get_by_role("combobox").first.click()
    page.get_by_role("option", name="soorya", exact=True).click()
    epoch = sidebar.get_by_role("slider", name="At epoch")
    expect(epoch).to_have_attribute("aria-valuetext", "the finished network")
    expect(page).to_have_url(re.compile(r"\?run=soorya$"))
    expect(said).to_have_count(0)
    expect_answer(page, 1)


def test_a_drawn_digit_can_be_labeled_and_is_kept_for_this_visit(page: Page, address: str) -> None:
    open_predict(page, address)
    draw(page, SEVEN, (60, 60, 150))
    expect_answer(page, 7)
    page.get_by_role("button", name="Right", exact=True).click()
    expect(page.get_by_text("1 digit labeled in this visit")).to_be_visible()
    # Another digit has no label yet; the first one keeps its own.
    clear(page)
    draw(page, ZERO, (60, 60, 150))
    expect_answer(page, 0)
    page.get_by_role("button", name="Right", exact=True).click()
    expect(page.get_by_text("2 digits labeled in this visit")).to_be_visible()
    page.get_by_role("link", name="Which ones are misread").click()
    expect(page.get_by_text("misreads 0 of 2 digits (those that you have labeled)")).to_be_visible(
        timeout=SLOW_MS
    )
    page.locator('[data-place="[7,7]"]').click()
    expect(page.get_by_role("button", name="Number 1, label 7, read as 7")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Predict", exact=True).click()
    expect_answer(page, 0)
    page.get_by_role("button", name="Forget them").click()
    expect(page.get_by_text("labeled in this visit")).to_have_count(0)


def test_digits_side_by_side_are_a_number_and_one_of_them_can_be_looked_at(
    page: Page, address: str
) -> None:
    open_predict(page, address)
    widen(page)
    box = drawing_area(page).bounding_box()
    assert box
    assert box["width"] > 400
    assert abs(box["width"] / box["height"] - 2) < 0.02
    scale = box["width"] / 560
    for digit, left in ((SEVEN, 60), (ONE, 200), (ZERO, 300)):
        stroke(page, [((left + 110 * x) * scale, (70 + 140 * y) * scale) for x, y in digit])
        settle(page)
    expect(page.get_by_test_id("stMetricValue")).to_have_text("710", timeout=SLOW_MS)
    page.get_by_role("button", name="Digit 3: 0").click()
    expect(page.get_by_text("Digit 3 of 3: 0")).to_be_visible()


def test_a_finger_draws_on_a_phone_and_does_not_scroll_the_page(
    finger: BrowserContext, address: str
) -> None:
    page = finger.new_page()
    open_predict(page, address)
    for wide in (False, True):
        if wide:
            clear(page)
            widen(page)
        box = drawing_area(page).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= FINGER["width"]
        before = page.evaluate(SCROLLED)
        left, top, size = box["x"] + 40, box["y"] + 0.15 * box["height"], 0.7 * box["height"]
        swipe(page, [(left + x * size, top + y * size) for x, y in SEVEN])
        assert page.evaluate(SCROLLED) == before
        expect_answer(page, 7)
        assert page.evaluate(SCROLLED) == before
        # Everything is within the phone's width.
        too_wide = page.evaluate(
            "() => document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth"
        )
        assert too_wide <= 0
        # The same finger elsewhere does scroll: it is the canvas that holds the page.
        swipe(page, [(375, 500), (375, 300)])
        page.wait_for_function(f"({SCROLLED})() > {before}")
