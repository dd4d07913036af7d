"""The server's one download of MNIST, against a real HTTP server."""

import threading
import time
from functools import partial
from pathlib import Path

import pytest

from core.download import Progress, download_mnist
from core.fetching import Fetch, Fetcher
from tests import test_download
from tests.test_download import CONTENT, SHA256, Server

server = test_download.server


def wait(fetcher: Fetcher) -> Fetch:
    deadline = time.monotonic() + 20
    while fetcher.state.status == "running":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return fetcher.state


@pytest.fixture
def fetcher(server: Server, tmp_path: Path) -> Fetcher:
    return Fetcher(partial(download_mnist, folder=tmp_path, url=server.url, sha256=SHA256))


def test_a_download_reports_and_is_done(fetcher: Fetcher, tmp_path: Path) -> None:
    assert fetcher.state.status == "idle"
    fetcher.start()
    assert wait(fetcher) == Fetch("done", len(CONTENT), len(CONTENT))
    assert fetcher.state.fraction == 1
    assert (tmp_path / "mnist.npz").read_bytes() == CONTENT


def test_no_network_is_told_in_a_sentence_and_can_be_tried_again(
    fetcher: Fetcher, server: Server
) -> None:
    server.behaviours = ["missing", "whole"]
    fetcher.start()
    failed = wait(fetcher)
    assert failed.status == "failed"
    assert "could not be downloaded" in failed.problem
    fetcher.start()
    assert wait(fetcher).status == "done"


class Slow:
    """A download that goes on until it is let go, and counts its starts."""

    def __init__(self) -> None:
        self.starts = 0
        self.let_go = threading.Event()
        self.begun = threading.Event()

    def __call__(self, report: Progress) -> None:
        self.starts += 1
        report(1, 10)
        self.begun.set()
        self.let_go.wait(10)
        report(5, 10)


def test_it_is_cancelled_in_its_middle() -> None:
    slow = Slow()
    fetcher = Fetcher(slow)
    fetcher.start()
    slow.begun.wait(10)
    assert fetcher.state == Fetch("running", 1, 10)
    fetcher.cancel()
    slow.let_go.set()
    assert wait(fetcher).status == "cancelled"
    fetcher.start()  # a cancel does not last
    assert wait(fetcher).status == "done"


def test_two_visitors_start_one_download() -> None:
    slow = Slow()
    fetcher = Fetcher(slow)
    for _ in range(5):
        fetcher.start()
    slow.let_go.set()
    wait(fetcher)
    assert slow.starts == 1


def test_a_fault_of_ours_ends_it_too() -> None:
    def broken(_: Progress) -> None:
        raise KeyError("a fault")

    fetcher = Fetcher(broken)
    fetcher.start()
    assert "Try it again" in wait(fetcher).problem


def test_before_the_size_is_known_there_is_no_fraction() -> None:
    assert Fetch("running", 3000, 0).fraction == 0
