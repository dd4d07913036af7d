"""The server's one download of MNIST, against a real HTTP server."""

from functools import partial
from pathlib import Path

import pytest

from core.chores import Chore
from core.download import Progress, download_mnist
from core.fetching import fetcher
from tests import test_download
from tests.finishing import wait
from tests.test_download import CONTENT, SHA256, Server

server = test_download.server


@pytest.fixture
def download(server: Server, tmp_path: Path) -> Chore[object]:
    return fetcher(partial(download_mnist, folder=tmp_path, url=server.url, sha256=SHA256))


def test_a_download_reports_and_is_done(download: Chore[object], tmp_path: Path) -> None:
    assert download.state.status == "idle"
    download.start()
    done = wait(download)
    assert (done.status, done.done, done.total) == ("done", len(CONTENT), len(CONTENT))
    assert done.fraction == 1
    assert (tmp_path / "mnist.npz").read_bytes() == CONTENT


def test_no_network_is_told_in_a_sentence_and_can_be_tried_again(
    download: Chore[object], server: Server
) -> None:
    server.behaviours = ["missing", "whole"]
    download.start()
    failed = wait(download)
    assert failed.status == "failed"
    assert "could not be downloaded" in failed.problem
    download.start()
    assert wait(download).status == "done"


def test_a_fault_of_ours_ends_it_too() -> None:
    def broken(_: Progress) -> None:
        raise KeyError("a fault")

    chore = fetcher(broken)
    chore.start()
    assert wait(chore).problem == "The download failed. Try it again later."
