"""Digits as strokes and as files, a finger, and what the prediction page answers to them."""

import io
import itertools
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.app import SLOW_MS, Point, drawing_area, settle, stroke

ONE: Sequence[Point] = ((0.5, 0.0), (0.47, 1.0))
SEVEN: Sequence[Point] = ((0.1, 0.05), (0.85, 0.05), (0.35, 1.0))
ZERO: Sequence[Point] = tuple(
    (0.5 + 0.36 * math.sin(k * math.pi / 12), 0.5 - 0.5 * math.cos(k * math.pi / 12))
    for k in range(25)
)
FINGER: ViewportSize = {"width": 390, "height": 844}
SCROLLED = "() => document.querySelector('[data-testid=stMain]').scrollTop"
NOTHING = "The answer appears here"


def open_predict(page: Page, address: str, query: str = "") -> None:
    page.goto(f"{address}/predict{query}")
    expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=SLOW_MS)
    drawing_area(page)
    settle(page)


def draw(page: Page, digit: Sequence[Point], place: tuple[int, int, int]) -> None:
    left, top, size = place
    stroke(page, [(left + x * size, top + y * size) for x, y in digit])


def clear(page: Page) -> None:
    """Press Clear and wait for the new canvas: a stroke on the one that goes would be lost."""
    old = drawing_area(page).element_handle()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text(NOTHING)).to_be_visible()
    page.wait_for_function("canvas => !canvas.isConnected", arg=old, timeout=SLOW_MS)
    drawing_area(page)
    settle(page)


def open_pen_settings(page: Page) -> None:
    """Unfold the width of the pen and of the sheet; Escape folds them away."""
    page.get_by_role("button", name="More", exact=True).click()


def widen(page: Page) -> None:
    """Switch to the wide sheet and wait for it."""
    open_pen_settings(page)
    page.get_by_text("Wide sheet").click()
    page.wait_for_function(
        "canvas => Math.abs(canvas.clientWidth / canvas.clientHeight - 2) < 0.02",
        arg=page.locator("canvas").last.element_handle(),
    )
    page.keyboard.press("Escape")
    settle(page)


def expect_answer(page: Page, digit: int) -> None:
    expect(page.get_by_test_id("stMetricValue")).to_have_text(str(digit), timeout=SLOW_MS)
    expect(page.get_by_test_id("stMetricLabel")).to_have_text("The network reads")


def swipe(page: Page, points: Sequence[Point]) -> None:
    """A finger through points of the screen."""
    devtools = page.context.new_cdp_session(page)

    def tell(kind: str, *places: Point) -> None:
        touches = [{"x": x, "y": y} for x, y in places]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    tell("touchStart", points[0])
    for (x, y), (to_x, to_y) in itertools.pairwise(points):
        for k in range(1, 9):
            tell("touchMove", (x + (to_x - x) * k / 8, y + (to_y - y) * k / 8))
    tell("touchEnd")


def png_of_a_seven() -> bytes:
    picture = Image.new("RGB", (200, 160), "white")
    ImageDraw.Draw(picture).line([(70, 40), (130, 40), (95, 130)], fill="navy", width=12)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
