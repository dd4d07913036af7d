"""Downloading MNIST from the dataset page, from a server that is slow, down, or as it should be."""

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.data import mnist
from tests.browser.app import SLOW_MS, running_app, settle, without_measurement

pytestmark = pytest.mark.offline

PIECE = 8 * 1024
PAUSE_S = 0.1


@dataclass
class Mirror:
    """A web server with one file, which it gives slowly, not at all, or at once."""

    content: bytes
    url: str = ""
    slow: bool = False
    down: bool = False


def handler_for(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if mirror.down:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(mirror.content)))
            self.end_headers()
            for start in range(0, len(mirror.content), PIECE):
                if mirror.slow:
                    time.sleep(PAUSE_S)
                try:
                    self.wfile.write(mirror.content[start : start + PIECE])
                except OSError:  # who asked does not want the rest
                    return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            """Be quiet."""

    return Handler


@pytest.fixture(scope="module")
def mirror() -> Iterator[Mirror]:
    """The real file, where it is at hand, else as many other bytes."""
    file = mnist.mnist_file()
    content = file.read_bytes() if file else np.random.default_rng(0).bytes(11_000_000)
    state = Mirror(content)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_for(state)) as http:
        http.daemon_threads = True
        state.url = f"http://127.0.0.1:{http.server_address[1]}/mnist.npz"
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        yield state
        http.shutdown()
        thread.join(5)


@pytest.fixture(scope="module")
def elsewhere(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on a machine without MNIST, for which the mirror is where MNIST comes from."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with running_app(
        without_measurement(tmp_path_factory.mktemp("runs")),
        log,
        ("tests/browser/changed_app.py",),
        MNIST_NPZ="",
        KERAS_HOME=str(tmp_path_factory.mktemp("keras")),
        NO_PROXY="127.0.0.1,localhost",
        MIRROR=mirror.url,
        MIRROR_SHA256=hashlib.sha256(mirror.content).hexdigest(),
    ) as address:
        yield address
    assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace")


def facts(page: Page, address: str) -> None:
    page.goto(f"{address}/dataset?view=Statistics")
    page.locator("h1").first.wait_for(timeout=SLOW_MS)
    settle(page)


def test_a_slow_download_shows_how_far_it_is_to_every_visitor_and_is_cancelled(
    page: Page, elsewhere: str, mirror: Mirror, profile: BrowserContext
) -> None:
    mirror.slow, mirror.down = True, False
    facts(page, elsewhere)
    page.get_by_role("button", name="Download all 70,000 digits").click()
    how_far = re.compile(r"Downloading all 70,000 digits: (?!0\.0)\d+\.\d of 11\.\d MB")
    expect(page.get_by_text(how_far)).to_be_visible(timeout=SLOW_MS)
    other = profile.new_page()
    facts(other, elsewhere)
    expect(other.get_by_text(how_far)).to_be_visible()
    other.close()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("The download was canceled")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_role("button", name="Download all 70,000 digits")).to_be_visible()


def test_a_server_that_is_down_is_told_and_the_sample_stays(
    page: Page, elsewhere: str, mirror: Mirror
) -> None:
    mirror.slow, mirror.down = False, True
    facts(page, elsewhere)
    page.get_by_role("button", name="Download all 70,000 digits").click()
    expect(page.get_by_text("MNIST could not be downloaded")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("All ten digits are equally frequent")).to_be_visible()


@pytest.mark.full_mnist
def test_when_it_is_done_all_70_000_are_there(page: Page, elsewhere: str, mirror: Mirror) -> None:
    mirror.slow, mirror.down = False, False
    facts(page, elsewhere)
    page.get_by_role("button", name="Download all 70,000 digits").click()
    choice = page.get_by_role("radio", name="mnist", exact=True)
    expect(choice).to_be_visible(timeout=SLOW_MS)
    choice.click()
    expect(page.get_by_text("Not quite balanced")).to_be_visible()
    expect(page.get_by_role("button", name="Download all 70,000 digits")).to_have_count(0)
