"""Film a visitor who draws a digit and trains a network, as a GIF for the README.

    python -m tests.browser.moving_picture [--out docs/screenshots/digitscope.gif]

`make screenshots` calls this. It shows the sample only, like every picture of the docs.
"""

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.app import SLOW_MS, chromium, drawing_area, running_app, settle
from tests.browser.app import without_measurement as measured
from tests.browser.screenshots import SHOWN

VIEW: ViewportSize = {"width": 1200, "height": 840}
WIDTH = 720
COLORS = 128
SEVEN = ((70, 62), (120, 58), (200, 62), (165, 130), (135, 185), (118, 232))
Frames = list[tuple[Image.Image, int]]
"""Pictures and how long each is shown, in milliseconds."""


def frame(page: Page, milliseconds: int) -> tuple[Image.Image, int]:
    """The page as it is now."""
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    return picture.resize((WIDTH, height), Image.Resampling.LANCZOS), milliseconds


def draw(page: Page) -> Frames:
    """A seven, drawn and read on the home page."""
    frames = [frame(page, 900)]
    box = drawing_area(page).bounding_box()
    assert box
    (x, y), *rest = [(box["x"] + x, box["y"] + y) for x, y in SEVEN]
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=6)
        frames.append(frame(page, 160))
    page.mouse.up()
    expect(page.get_by_test_id("stMetricValue")).to_have_text("7", timeout=SLOW_MS)
    page.wait_for_timeout(1000)
    return [*frames, frame(page, 2200)]


def train(page: Page) -> Frames:
    """A training whose curves move."""
    frames = [frame(page, 1200)]
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator("canvas").first.wait_for(timeout=SLOW_MS)
    finished = page.get_by_text("Finished: all epochs are done.")
    while not finished.is_visible():
        page.wait_for_timeout(200)
        frames.append(frame(page, 220))
    settle(page)
    page.wait_for_timeout(600)
    return [*frames[-26:], frame(page, 2500)]


def save(frames: Frames, file: Path) -> None:
    """Write the film, all frames in the same colors."""
    samples = [picture.resize((180, 126)) for picture, _ in (frames[0], frames[6], frames[-1])]
    sheet = Image.new("RGB", (180, 126 * len(samples)))
    for number, sample in enumerate(samples):
        sheet.paste(sample, (0, 126 * number))
    palette = sheet.quantize(COLORS, method=Image.Quantize.MAXCOVERAGE)
    pictures = [
        picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture, _ in frames
    ]
    pictures[0].save(
        file,
        save_all=True,
        append_images=pictures[1:],
        duration=[milliseconds for _, milliseconds in frames],
        loop=0,
        optimize=True,
    )


def main() -> None:
    """Film, and write the file."""
    parser = argparse.ArgumentParser(description="Film a visitor as a GIF for the README.")
    parser.add_argument("--out", type=Path, default=SHOWN / "digitscope.gif")
    out: Path = parser.parse_args().out
    with (
        tempfile.TemporaryDirectory() as runs,
        running_app(measured(Path(runs)), MNIST_NPZ="", KERAS_HOME=runs) as address,
        chromium() as browser,
        browser.new_context(viewport=VIEW, color_scheme="light") as context,
    ):
        context.set_default_timeout(SLOW_MS)
        page = context.new_page()
        page.goto(address)
        page.locator("h1").first.wait_for()
        settle(page)
        page.wait_for_timeout(8000)  # the networks wake up: nobody wants to watch that
        frames = draw(page)
        page.goto(f"{address}/train")
        page.locator("h1").first.wait_for()
        settle(page)
        page.wait_for_timeout(1000)
        frames += train(page)
    save(frames, out)
    print(f"{out} ({out.stat().st_size / 1000:.0f} kB, {len(frames)} frames)")


if __name__ == "__main__":
    main()
