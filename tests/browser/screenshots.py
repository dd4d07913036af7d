"""Photograph every page of the running app, at two widths and in both themes.

    python -m tests.browser.screenshots [--out FOLDER] [--only predict]

`make screenshots` calls this. Files are called PAGE-WIDTH-THEME.png; the README shows some of them.
"""

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, FilePayload, Page, expect

from core import datasets
from pages.widgets.navigation import ENTRIES
from tests.browser.app import (
    ROOT,
    SLOW_MS,
    Point,
    chromium,
    drawing_area,
    running_app,
    settle,
    stroke,
)
from tests.browser.drawing import ONE, SEVEN, ZERO

FOLDER = ROOT / "docs" / "screenshots"
WIDTHS = (1280, 390)
Theme = Literal["light", "dark"]
THEMES: Sequence[Theme] = ("light", "dark")
FIRST_HEIGHT = 900
MAX_BYTES = 150_000
INK = "#1d2f6f"
DRAWN: Sequence[Point] = ((70, 62), (120, 58), (200, 62), (165, 130), (135, 185), (118, 232))

# Streamlit scrolls inside this element, not the window: a full-page picture would cut it.
CONTENT_HEIGHT = "() => document.querySelector('[data-testid=stMain]').scrollHeight"
ALL_DRAWN = """() => {
    const all = (selector, done) => [...document.querySelectorAll(selector)].every(done);
    return document.fonts.status === "loaded"
        && all("[data-testid=stSkeleton]", () => false)
        && all("img", (image) => image.complete && image.naturalWidth > 0)
        && all("[data-testid=stPlotlyChart]", (chart) => chart.querySelector(".main-svg"));
}"""

Arrange = Callable[[Page], None]


def draw_a_seven(page: Page) -> None:
    """A 7 in one stroke, and its answer awaited."""
    drawing_area(page)
    stroke(page, DRAWN)
    expect(page.get_by_test_id("stMetricValue")).to_have_text("7", timeout=SLOW_MS)


def upload_a_five(page: Page) -> None:
    """A picture file with a 5 in it, and its answer awaited."""
    page.get_by_text("Upload", exact=True).click()
    file: FilePayload = {"name": "five.png", "mimeType": "image/png", "buffer": png_of_a_five()}
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_test_id("stMetricValue")).to_have_text("5", timeout=SLOW_MS)


def png_of_a_five() -> bytes:
    """Blue ink on squared paper in an uneven light, drawn by code."""
    picture = Image.new("RGB", (420, 320), "#f4f1e6")
    brush = ImageDraw.Draw(picture)
    for x in range(0, 420, 28):
        brush.line([(x, 0), (x, 320)], fill="#e6e6e0")
    for y in range(0, 320, 28):
        brush.line([(0, y), (420, y)], fill="#e6e6e0")
    brush.line([(270, 70), (190, 72), (182, 146)], fill=INK, width=15, joint="curve")
    brush.arc((150, 128, 262, 250), start=245, end=510, fill=INK, width=15)
    shade = Image.linear_gradient("L").rotate(90).resize(picture.size)
    picture = Image.composite(picture, picture.point(lambda value: int(value * 0.86)), shade)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def draw_a_number(page: Page) -> None:
    """1, 7 and 0 side by side on the wide sheet."""
    page.get_by_text("Wide sheet", exact=False).first.click()
    settle(page)
    drawing_area(page)
    scale = drawing_area(page).evaluate("node => node.clientWidth") / 560
    for digit, left in ((ONE, 60), (SEVEN, 190), (ZERO, 370)):
        stroke(page, [((left + 130 * x) * scale, (60 + 150 * y) * scale) for x, y in digit])
        settle(page)
    expect(page.get_by_test_id("stMain").get_by_text("170", exact=True)).to_be_visible(
        timeout=SLOW_MS
    )


def upload_a_page(page: Page) -> None:
    """A page with two lines of numbers, written with the sample's digits."""
    page.get_by_text("Upload", exact=True).click()
    file: FilePayload = {"name": "page.png", "mimeType": "image/png", "buffer": png_of_a_page()}
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("group", name="Digits found", exact=True)).to_be_visible(
        timeout=SLOW_MS
    )


def png_of_a_page() -> bytes:
    """Digits of the sample in blue ink on lined paper in an uneven light."""
    test = datasets.load("mnist-sample").test
    picture = Image.new("RGB", (640, 360), "#f6f3ea")
    brush = ImageDraw.Draw(picture)
    for y in range(60, 360, 60):
        brush.line([(0, y), (640, y)], fill="#c9d6e8", width=2)
    for text, y in (("1959  27", 40), ("30  4168", 210)):
        for k, name in enumerate(text):
            if name == " ":
                continue
            which = int(np.flatnonzero(test.labels == int(name))[7 + k])
            ink = Image.fromarray(test.images[which]).resize((100, 100), Image.Resampling.BICUBIC)
            picture.paste(INK, (20 + 72 * k, y), ink)
    shade = Image.linear_gradient("L").rotate(90).resize(picture.size)
    picture = Image.composite(picture, picture.point(lambda value: int(value * 0.86)), shade)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def after_a_seven(arrange: Arrange) -> Arrange:
    """Something that is done once a 7 is drawn."""

    def both(page: Page) -> None:
        draw_a_seven(page)
        arrange(page)
        page.wait_for_timeout(2000)  # several fragments, one after the other
        settle(page)

    return both


def mine(page: Page) -> None:
    """The drawn digit said to be right, and the collection that it is in."""
    page.get_by_role("button", name="Right", exact=True).click()
    settle(page)
    view("My digits")(page)


def train_and_watch(page: Page) -> None:
    """Train the default recipe to its end."""
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("What next?").wait_for()


def all_runs(page: Page) -> None:
    """The list of runs."""
    page.get_by_text("All runs", exact=True).click()
    page.get_by_test_id("stDataFrame").wait_for()


def everything(page: Page) -> None:
    """The settings with every knob."""
    page.get_by_text("Everything", exact=True).click()
    page.get_by_role("tab", name="Network").wait_for()


def view(name: str) -> Arrange:
    """A view of a page that has several."""

    def choose(page: Page) -> None:
        page.get_by_test_id("stMain").get_by_role("radio", name=name, exact=True).click()
        settle(page)

    return choose


def dream(page: Page) -> None:
    """Dreams of the ten digits."""
    view("Dreams")(page)
    asks = page.get_by_role("button", name="Dream of the ten digits")
    dreamt = page.get_by_alt_text("dreams of").first
    expect(asks.or_(dreamt)).to_be_visible(timeout=SLOW_MS)
    if asks.count():  # the first visitor of a server
        asks.click()
    dreamt.wait_for(timeout=SLOW_MS)


# What is done on a page before it is photographed once more, under a name of its own.
ARRANGED: dict[str, dict[str, Arrange]] = {
    "dataset": {
        "dataset-browse": view("Browse"),
        "dataset-digit": view("One digit"),
        "dataset-kernel": view("Kernel"),
        "dataset-augmentation": view("Augmentation"),
        "dataset-map": view("Map"),
        "dataset-suspects": view("Suspects"),
    },
    "confusion": {
        "confusion-report": view("Report"),
        "confusion-sure": view("How sure"),
        "confusion-stress": view("Stress"),
        "confusion-time": view("Over time"),
        "confusion-slices": view("Slices"),
        "confusion-take": view("Take away"),
    },
    "filters": {
        "filters-kernels": view("Kernels"),
        "filters-maps": view("Maps"),
        "filters-forming": view("Forming"),
        "filters-why": view("Why"),
        "filters-dreams": dream,
        "filters-inside": view("Inside"),
    },
    "train": {
        "train-everything": everything,
        "train-watch": train_and_watch,
        "train-runs": all_runs,
    },
    "predict": {
        "predict-answer": draw_a_seven,
        "predict-upload": upload_a_five,
        "predict-number": draw_a_number,
        "predict-page": upload_a_page,
        "predict-steps": after_a_seven(view("How it got there")),
        "predict-why": after_a_seven(view("Why")),
        "predict-flips": after_a_seven(view("Where it flips")),
        "predict-mine": after_a_seven(mine),
    },
}


# Of some pages, what is worth a picture: a run with mistakes, a digit.
SHOWING = {"confusion": "?run=purawr&cell=9-4", "filters": "?run=yalcin&index=3"}


def path_of(key: str) -> str:
    """Where a page is: Streamlit takes its file's name, and the home page has no path."""
    return "/" if key == "home" else f"/{Path(ENTRIES[key].file).stem}{SHOWING.get(key, '')}"


@contextmanager
def opened(browser: Browser, url: str, width: int, theme: Theme) -> Iterator[Page]:
    """A page as a new visitor sees it."""
    context = browser.new_context(
        viewport={"width": width, "height": FIRST_HEIGHT}, color_scheme=theme
    )
    context.set_default_timeout(SLOW_MS)
    page = context.new_page()
    page.goto(url)
    page.locator("h1").first.wait_for()
    settle(page)
    yield page
    context.close()


def shoot(page: Page, file: Path) -> None:
    """Photograph all of a page, once everything on it is drawn."""
    page.mouse.move(0, 0)  # off whatever would show that the mouse is over it
    width = page.viewport_size["width"] if page.viewport_size else WIDTHS[0]
    for _ in range(3):  # a new height may change the layout
        _drawn(page)
        height = max(FIRST_HEIGHT, page.evaluate(CONTENT_HEIGHT))
        if page.viewport_size == {"width": width, "height": height}:
            break
        page.set_viewport_size({"width": width, "height": height})
    _drawn(page)
    page.wait_for_timeout(400)  # transitions
    save(page.screenshot(animations="disabled"), file)


def _drawn(page: Page) -> None:
    settle(page)
    page.wait_for_function(ALL_DRAWN)


def save(png: bytes, file: Path) -> None:
    """Keep a picture, in 256 colours if it would be too large otherwise."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.save(file, optimize=True)
    if file.stat().st_size > MAX_BYTES:
        picture.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    """Photograph all pages, or the one that is asked for."""
    parser = argparse.ArgumentParser(description="Photograph every page of the running app.")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the pictures go")
    parser.add_argument("--only", choices=list(ENTRIES), help="one page")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    keys = [options.only] if options.only else list(ENTRIES)
    with (
        tempfile.TemporaryDirectory() as own_runs,
        running_app(Path(own_runs)) as address,
        chromium() as browser,
    ):
        for key, width, theme in product(keys, WIDTHS, THEMES):
            views: dict[str, Arrange] = {key: lambda page: None, **ARRANGED.get(key, {})}
            for name, arrange in views.items():
                file = options.out / f"{name}-{width}-{theme}.png"
                with opened(browser, address + path_of(key), width, theme) as page:
                    arrange(page)
                    shoot(page, file)
                print(f"{file} ({file.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main()
