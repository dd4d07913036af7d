"""The server's one download of MNIST, against a real HTTP server."""

from functools import partial
from pathlib import Path

import pytest

from core.data.mnist import Progress, download_mnist, mnist_download_task
from core.utils.background import BackgroundTask
from tests.core.data import test_mnist_download
from tests.core.data.test_mnist_download import CONTENT, SHA256, Server
from tests.helpers.finishing import wait

server = test_mnist_download.server


@pytest.fixture
def download(server: Server, tmp_path: Path) -> BackgroundTask[object]:
    return mnist_download_task(
        partial(download_mnist, folder=tmp_path, url=server.url, sha256=SHA256)
    )


def test_a_download_reports_and_is_done(download: BackgroundTask[object], tmp_path: Path) -> None:
    assert download.state.status == "idle"
    download.start()
    done = wait(download)
    assert (done.status, done.done, done.total) == ("done", len(CONTENT), len(CONTENT))
    assert done.fraction == 1
    assert (tmp_path / "mnist.npz").read_bytes() == CONTENT


def test_no_network_is_told_in_a_sentence_and_can_be_tried_again(
    download: BackgroundTask[object], server: Server
) -> None:
    server.behaviors = ["missing", "whole"]
    download.start()
    failed = wait(download)
    assert failed.status == "failed"
    assert "could not be downloaded" in failed.problem
    download.start()
    assert wait(download).status == "done"


def test_a_fault_of_ours_ends_it_too() -> None:
    def broken(_: Progress) -> None:
        raise KeyError("a fault")

    chore = mnist_download_task(broken)
    chore.start()
    assert wait(chore).problem == "The download failed. Try it again later."
