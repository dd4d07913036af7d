"""Photograph every page of the running app, at two widths and in both themes.

    python -m tests.browser.screenshots [--out FOLDER] [--only predict]

`make screenshots` calls this. Files are called PAGE-WIDTH-THEME.png and go to `screenshots/`, which
git ignores. At the end, those that README or docs show are refreshed in `docs/screenshots`: to show
one more, link to it there (`docs/screenshots/PAGE-WIDTH-THEME.png`) and photograph again.
"""

import argparse
import io
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page

from pages.widgets.shared.navigation import ENTRIES
from tests.browser.app import ROOT, SLOW_MS, chromium, running_app, settle
from tests.browser.arranging import ARRANGED, Arrange

FOLDER = ROOT / "screenshots"
DOCS = ROOT / "docs"
SHOWN = DOCS / "screenshots"
WIDTHS = (1280, 390)
Theme = Literal["light", "dark"]
THEMES: Sequence[Theme] = ("light", "dark")
FIRST_HEIGHT = 900
MAX_BYTES = 150_000

# Streamlit scrolls inside this element, not the window: a full-page picture would cut it.
CONTENT_HEIGHT = "() => document.querySelector('[data-testid=stMain]').scrollHeight"
ALL_DRAWN = """() => {
    const all = (selector, done) => [...document.querySelectorAll(selector)].every(done);
    return document.fonts.status === "loaded"
        && all("[data-testid=stSkeleton]", () => false)
        && all("img", (image) => image.complete && image.naturalWidth > 0)
        && all("[data-testid=stPlotlyChart]", (chart) => chart.querySelector(".main-svg"));
}"""


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
    """Keep a picture, in as few colors as it must have to take no more than `MAX_BYTES`."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.save(file, optimize=True)
    for colors in (256, 128, 64, 32):
        if file.stat().st_size <= MAX_BYTES:
            return
        picture.quantize(colors, dither=Image.Dither.NONE).save(file, optimize=True)


def shown_names() -> set[str]:
    """The names of the pictures that README and docs show."""
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "README.md", *DOCS.glob("*.md"))]
    return {name for text in texts for name in re.findall(r"screenshots/([\w-]+\.png)", text)}


def refresh_shown(folder: Path, shown: Path = SHOWN) -> None:
    """Copy to `shown` those of a folder's new pictures that README and docs show."""
    shown.mkdir(exist_ok=True)
    for name in sorted(shown_names()):
        if (folder / name).exists():  # with --only, the other pages' pictures stay as they are
            shutil.copyfile(folder / name, shown / name)
            print(f"{shown / name} is refreshed")


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
        # The docs show the sample only: MNIST's own pictures are not ours to give away.
        running_app(Path(own_runs), MNIST_NPZ="", KERAS_HOME=own_runs) as address,
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
    refresh_shown(options.out)


if __name__ == "__main__":
    main()
