"""The running app and a real Chromium: for browser tests, screenshots and benchmarks."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SLOW_MS = 120_000
"""Importing TensorFlow on two busy cores; nothing else takes nearly as long."""
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A proxy in the environment must not be asked for an address on this machine."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def running_app(
    own_runs: Path,
    log: Path | None = None,
    start: Sequence[str] = ("-m", "streamlit", "run", "app.py"),
    **environment: str,
) -> Iterator[str]:
    """Start the app as a user would and give its address; it is stopped at the end.

    What the server prints goes to the file `log`, if there is one. `start`: what Python is to run,
    if not the app as it is.
    """
    port = free_port()
    command = [sys.executable, *start]
    options = ["--server.port", str(port), "--server.headless", "true"]
    with Path(log or os.devnull).open("wb") as output:
        process = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "DIGITSCOPE_RUNS": str(own_runs), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://localhost:{port}"
        wait_until_up(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def without_measurement(own_runs: Path) -> Path:
    """The folder, made so that the training page does not measure the machine's speed first."""
    (own_runs / ".machine").mkdir(parents=True, exist_ok=True)
    (own_runs / ".machine" / "started").touch()
    return own_runs


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_up(address: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the app ended with status {process.returncode} before it was up")
        try:
            with DIRECT.open(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the app did not come up in {seconds:.0f} s")


def chromium_path() -> str:
    """The browser that $CHROMIUM names (`make` sets it), else the first that is installed."""
    named = os.environ.get("CHROMIUM")
    names = (named,) if named else BROWSERS
    program = next(filter(None, map(shutil.which, names)), None)
    if program:
        return program
    if named:
        raise RuntimeError(
            f"CHROMIUM names {named}, which is no program on this machine: correct it, or unset it."
        )
    raise RuntimeError("No Chromium found: run `make browser`, or name one in CHROMIUM.")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium that asks nothing of the network by itself."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=[
                "--no-sandbox",  # it is started as root in containers
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-proxy-server",
            ],
        )
        yield browser
        browser.close()


def settle(page: Page) -> None:
    """Wait until no script runs and no placeholder is left."""
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=SLOW_MS)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=SLOW_MS)


def open_at(page: Page, url: str) -> None:
    """Open a page of the app, and wait until all of it is there."""
    page.goto(url)
    page.locator("h1").first.wait_for(timeout=SLOW_MS)
    settle(page)


def too_wide(phone: Page, views: Sequence[str]) -> list[str]:
    """The views of a page, one opened after the other, that are wider than a phone's 390 pixels."""
    main, wide = phone.get_by_test_id("stMain"), []
    for view in views:
        choice = main.get_by_role("radio", name=view, exact=True)
        choice.click()
        expect(choice).to_be_checked()
        phone.wait_for_timeout(300)  # until its script runs
        settle(phone)
        if main.evaluate("node => node.scrollWidth") > 390:
            wide.append(view)
    return wide


def drawing_area(page: Page) -> Locator:
    """The canvas that takes the mouse: the topmost of those that lie over one another."""
    area = page.locator("canvas").last
    area.wait_for(timeout=SLOW_MS)
    # In the middle of the screen: the app's header lies over what is scrolled to the top.
    area.evaluate("node => node.scrollIntoView({ block: 'center', behavior: 'instant' })")
    # Standing still, under nothing else: as before a click, which is not done.
    area.hover(trial=True, timeout=SLOW_MS)
    return area


Point = tuple[float, float]


def stroke(page: Page, points: Sequence[Point]) -> None:
    """Draw one stroke through points in canvas pixels, pen down to pen up."""
    box = drawing_area(page).bounding_box()
    assert box, "the canvas is not on the page"
    (x, y), *rest = [(box["x"] + x, box["y"] + y) for x, y in points]
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
