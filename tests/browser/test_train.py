"""Training in a real browser: curves that move, stop, continue, reload, a shared link, a phone."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocket, expect

from core.recipes.architecture import Architecture, Conv, Dense, Flatten, Pool
from core.recipes.recipe import Recipe, recipe_to_link
from core.runs.locks import training_process
from core.runs.messages import send_command
from core.runs.registry import read_run
from tests.browser.accessibility import serious_faults
from tests.browser.app import ROOT, SLOW_MS, free_port, settle, wait_until_up, without_measurement
from tests.browser.conftest import DESKTOP, PHONE
from tests.helpers.processes import training_processes, wait_for

pytestmark = pytest.mark.timeout(300)
# Small batches, and much to compute in each: fifty epochs take longer than any test looks.
SLOW = Recipe(
    architecture=Architecture(
        layers=(
            Conv(filters=32),
            Conv(filters=32),
            Flatten(),
            Dense(units=10, activation="softmax"),
        )
    ),
    batch_size=8,
    epochs=50,
    validation_split=0.1,
)
LONG = recipe_to_link(SLOW)
SHORT = recipe_to_link(
    SLOW.changed(
        architecture=Architecture(
            layers=(
                # Enough to compute that the curves are seen to move.
                Conv(filters=64, kernel_size=5),
                Pool(),
                Flatten(),
                Dense(units=10, activation="softmax"),
            )
        ),
        epochs=2,
    )
)


class Server:
    """The app in a process that can be killed and started again at the same address."""

    def __init__(self, own_runs: Path) -> None:
        self.own_runs = own_runs
        port = free_port()
        self.address = f"http://localhost:{port}"
        self._command = [sys.executable, "tests/browser/changed_app.py", "--server.port", str(port)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._command, "--server.headless", "true"],
            cwd=ROOT,
            env={**os.environ, "DIGITSCOPE_RUNS": str(self.own_runs)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_up(self.address, self._process)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Training:
    """A training that goes on: the browser that has started it, its server and its address."""

    browser: BrowserContext
    server: Server
    link: str


def stop_all(own_runs: Path) -> None:
    """Stop what a test that failed left behind: the next training would wait for it."""
    for card in own_runs.glob("*/job.json"):
        if read_run(card.parent).info.status in {"queued", "running"}:
            send_command(card.parent, "stop")


def waiting_processes(own_runs: Path) -> list[psutil.Process]:
    """Those that have imported TensorFlow, or are about to, and have no run yet."""
    processes = training_processes(own_runs)
    return [process for process in processes if "--wait" in process.info["cmdline"]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app, which imports no TensorFlow: its training processes do."""
    started = Server(without_measurement(tmp_path_factory.mktemp("runs")))
    yield started
    started.kill()
    stop_all(started.own_runs)
    wait_for(
        lambda: not training_processes(started.own_runs),
        "no training process is left",
        SLOW_MS / 1000,
    )


@pytest.fixture(scope="module")
def address(server: Server) -> str:
    """Where that app is: here no test needs the one that the other files share."""
    return server.address


@pytest.fixture(scope="module")
def training(browser: Browser, server: Server) -> Iterator[Training]:
    """One long training for all tests that look at it."""
    stop_all(server.own_runs)
    with browser.new_context(viewport=DESKTOP) as context:
        context.set_default_timeout(SLOW_MS)
        page = context.new_page()
        press_train(page, f"{server.address}/train?recipe={LONG}")
        link = page.url
        page.close()
        yield Training(context, server, link)


@pytest.fixture
def watcher(training: Training) -> Iterator[Page]:
    """A new page of the browser that has started the long training, still to be opened."""
    opened = training.browser.new_page()
    yield opened
    shown = opened.get_by_test_id("stException").all_inner_texts()
    opened.close()
    assert shown == []


def watch(page: Page, link: str) -> None:
    page.goto(link)
    expect(page.get_by_text("images per second")).to_be_visible(timeout=SLOW_MS)


def press_train(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text("images per second")).to_be_visible(timeout=SLOW_MS)


def chart(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile("^Loss")).first


def assert_moves(page: Page) -> None:
    """The chart is another one soon."""
    before, deadline = chart(page).screenshot(), time.monotonic() + SLOW_MS / 1000
    while chart(page).screenshot() == before:
        assert time.monotonic() < deadline, "the chart stands still"
        page.wait_for_timeout(200)


def stop(page: Page) -> None:
    page.get_by_role("button", name="Stop", exact=True).last.click()
    expect(page.get_by_text("Stopped by hand").first).to_be_visible(timeout=SLOW_MS)


def remember_places(page: Page) -> None:
    """Let the page note where the button Stop stands, at every picture that is painted."""
    page.evaluate(
        """() => {
            window.places = new Set();
            const note = () => {
                const names = document.querySelectorAll(".st-key-watch-stop button p");
                for (const name of names) window.places.add(name.getBoundingClientRect().x);
                requestAnimationFrame(note);
            };
            note();
        }"""
    )


@pytest.mark.offline
def test_two_epochs_are_trained_before_ones_eyes_and_then_two_more(
    page: Page, address: str
) -> None:
    press_train(page, f"{address}/train?recipe={SHORT}")
    run_id = parse_qs(urlsplit(page.url).query)["training"][0]
    canvas = chart(page)
    canvas.wait_for(timeout=SLOW_MS)
    before = chart(page).screenshot()
    expect(page.get_by_text("Finished: all epochs are done.")).to_be_visible(timeout=SLOW_MS)
    settle(page)
    assert chart(page).screenshot() != before
    expect(page.get_by_text("After epoch 2", exact=True)).to_be_visible()
    result = re.compile(r"\d+ wrong of 10?,000")  # the full MNIST's test digits, if it is here
    expect(page.locator("strong", has_text=result).first).to_be_visible()
    expect(page.get_by_role("link", name="Draw a digit for it")).to_be_visible()
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_text(re.compile("Epoch [34] of 4"))).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("Finished: all epochs are done.")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("After epoch 4", exact=True)).to_be_visible(timeout=SLOW_MS)
    assert serious_faults(page) == []
    page.get_by_role("link", name="Draw a digit for it").click()
    picker = page.get_by_test_id("stSidebar").get_by_role("combobox").first
    expect(picker).to_have_value(run_id, timeout=SLOW_MS)


def steps_done(words: str) -> int:
    """Of "Paused in epoch 3 of 50, step 7 of 450", counted from the training's beginning."""
    epoch, _, step, steps = (int(number) for number in re.findall(r"\d+", words))
    return (epoch - 1) * steps + step


def test_the_curves_move_without_the_pages_script(watcher: Page, training: Training) -> None:
    page = watcher
    reruns: list[object] = []
    asked: list[str] = []

    def on_socket(socket: WebSocket) -> None:
        # A listener has to be a function of Python's.
        socket.on("framesent", lambda frame: reruns.append(frame))  # noqa: PLW0108

    page.on("websocket", on_socket)
    page.on(
        "request", lambda request: asked.append(request.url) if "/live/" in request.url else None
    )
    watch(page, training.link)
    assert reruns  # the page itself
    page.wait_for_timeout(2000)
    pictures = set()
    reruns.clear()
    asked.clear()
    deadline = time.monotonic() + SLOW_MS / 1000
    while len(asked) < 6:
        pictures.add(chart(page).screenshot())
        assert time.monotonic() < deadline, "the server is not asked for news"
        page.wait_for_timeout(300)
    # Nearly each answer makes another picture, and hardly any comes by a rerun of the script.
    assert len(pictures) >= 4
    assert len(reruns) <= 3


def test_without_that_address_the_curves_move_all_the_same(
    watcher: Page, training: Training
) -> None:
    html = {"content_type": "text/html", "body": "<!doctype html><title>a page</title>"}
    watcher.route("**/live/**", lambda route: route.fulfill(**html))
    watch(watcher, training.link)
    assert_moves(watcher)


def test_a_training_is_paused_stepped_reloaded_and_shared(
    watcher: Page, page: Page, training: Training
) -> None:
    watch(watcher, training.link)
    canvas = chart(watcher)
    canvas.wait_for(timeout=SLOW_MS)
    canvas.evaluate("node => { node.dataset.sameAsBefore = 'yes' }")
    assert_moves(watcher)
    # The chart was drawn anew in its place, not mounted anew: that would flicker.
    assert canvas.evaluate("node => node.dataset.sameAsBefore") == "yes"
    watcher.get_by_role("button", name="Pause", exact=True).click()
    paused = watcher.get_by_text(re.compile(r"Paused in epoch \d+ of 50, step \d+ of 450"))
    expect(paused).to_be_visible(timeout=SLOW_MS)
    first = paused.inner_text()
    watcher.get_by_role("button", name="One step").click()
    expect(paused).not_to_have_text(first, timeout=SLOW_MS)
    stepped = paused.inner_text()
    assert steps_done(stepped) == steps_done(first) + 1
    # The same training, where it is, after a reload: and still this browser's.
    watcher.reload()
    expect(watcher.get_by_text(stepped)).to_be_visible(timeout=SLOW_MS)
    go_on = watcher.get_by_role("button", name="Go on", exact=True)
    expect(go_on).to_be_visible()
    guest = page  # in another browser
    guest.set_viewport_size(PHONE)
    guest.goto(training.link)
    expect(guest.get_by_text(stepped)).to_be_visible(timeout=SLOW_MS)
    expect(guest.get_by_text("the browser that started this training")).to_be_visible()
    expect(guest.get_by_role("button", name="Go on", exact=True)).to_have_count(0)
    remember_places(watcher)
    go_on.click()
    expect(guest.get_by_text("images per second")).to_be_visible(timeout=SLOW_MS)
    expect(watcher.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    settle(watcher)
    # A button that moves aside between the press and the release of a mouse is not clicked.
    places = [x for x in watcher.evaluate("[...window.places]") if x]
    assert max(places) - min(places) < 20


def test_a_training_outlives_its_server_goes_on_after_a_kill_and_is_stopped(
    watcher: Page, page: Page, training: Training
) -> None:
    server = training.server
    watch(watcher, training.link)
    run = server.own_runs / parse_qs(urlsplit(training.link).query)["training"][0]
    worker = training_process(run)
    server.kill()
    server.start()
    # Until the app has called st.navigation once, Streamlit takes pages/ for an app of its own:
    # a fresh server's first visitor may come by a link to a page all the same.
    watch(watcher, training.link)
    assert worker.is_running()
    # ... and now the training process itself.
    worker.send_signal(signal.SIGKILL)
    expect(watcher.get_by_text("images per second")).to_have_count(0, timeout=SLOW_MS)
    expect(watcher.get_by_text("images per second")).to_be_visible(timeout=SLOW_MS)
    page.goto(training.link)
    expect(page.get_by_text("images per second")).to_be_visible(timeout=SLOW_MS)
    worker = training_process(run)
    stop(watcher)
    expect(page.get_by_text("Stopped by hand").first).to_be_visible(timeout=SLOW_MS)
    wait_for(lambda: not worker.is_running(), "its process ends", SLOW_MS / 1000)


def test_while_a_visitor_is_on_the_page_a_process_waits_for_the_training(
    page: Page, server: Server
) -> None:
    stop_all(server.own_runs)
    page.goto(f"{server.address}/train?recipe={LONG}")
    wait_for(lambda: waiting_processes(server.own_runs), "a process waits", SLOW_MS / 1000)
    (waiting,) = waiting_processes(server.own_runs)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text("images per second")).to_be_visible(timeout=SLOW_MS)
    run = server.own_runs / parse_qs(urlsplit(page.url).query)["training"][0]
    assert training_process(run) == waiting
    stop(page)


def test_a_reader_points_at_an_epoch_and_is_told_its_figures(page: Page, address: str) -> None:
    page.goto(f"{address}/train?training=katariya")  # five epochs
    canvas = chart(page)
    canvas.wait_for(timeout=SLOW_MS)
    box = canvas.bounding_box()
    assert box
    history = (ROOT / "models" / "katariya" / "history.csv").read_text().splitlines()
    column = history[0].split(",").index("val_loss")
    last = float(history[-1].split(",")[column])
    canvas.hover(position={"x": box["width"] - 16, "y": box["height"] / 2})
    expect(page.get_by_text("After 5 epochs")).to_be_visible()
    expect(page.get_by_text(f"validation: {last:.4f}")).to_be_visible()
    # ... and who cannot see the chart is told by its name.
    assert f"validation {last:.4f}" in (canvas.get_attribute("aria-label") or "")


def test_a_link_opens_the_same_settings(page: Page, address: str, profile: BrowserContext) -> None:
    page.goto(f"{address}/train?preset=purawr")
    expect(page.get_by_text("42,310 parameters")).to_be_visible(timeout=SLOW_MS)
    settle(page)
    before = page.url
    page.get_by_role("slider", name="Epochs").press("ArrowRight")
    expect(page).not_to_have_url(before, timeout=SLOW_MS)
    other = profile.new_page()
    other.goto(page.url)
    expect(other.get_by_text("42,310 parameters")).to_be_visible(timeout=SLOW_MS)
    slider = other.get_by_role("slider", name="Epochs")
    expect(slider).to_have_value("11", timeout=SLOW_MS)  # purawr's ten, and one


@pytest.mark.parametrize("path", ["/train", "/train?training=best"])
def test_nothing_is_wider_than_a_phone(phone: Page, address: str, path: str) -> None:
    phone.goto(address + path)
    phone.locator("h1").first.wait_for()
    settle(phone)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    main = phone.get_by_test_id("stMain")
    assert main.evaluate("node => node.scrollWidth") <= 390
