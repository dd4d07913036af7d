"""Downloading, against a real HTTP server on this machine that can misbehave in every usual way."""

import errno
import hashlib
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from core.data.mnist import download_mnist
from core.utils.errors import DatasetError

# Several chunks of 64 KiB and a smaller last one.
CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """A web server; `behaviors` are used up one a request, the last one stays."""

    url: str = ""
    behaviors: list[str] = field(default_factory=lambda: ["whole"])
    requests: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    def next_behavior(self) -> str:
        self.requests += 1
        return self.behaviors.pop(0) if len(self.behaviors) > 1 else self.behaviors[0]


def handler_for(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behavior = server.next_behavior()
            if behavior == "silent":
                server.closing.wait(10)
                return
            if behavior == "missing":
                self.send_error(404)
                return
            self.send_response(200)
            if behavior != "no length":
                self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            cut = len(CONTENT) // 2 if behavior == "half" else len(CONTENT)
            self.wfile.write(CONTENT[:cut])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            """Be quiet."""

    return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_for(state)) as http:
        http.daemon_threads = True
        state.url = f"http://127.0.0.1:{http.server_address[1]}/mnist.npz"
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        yield state
        state.closing.set()
        http.shutdown()
        thread.join(5)


@pytest.fixture
def fetch(server: Server, tmp_path: Path) -> Callable[..., Path]:
    def call(**changes: object) -> Path:
        wanted = {"folder": tmp_path, "url": server.url, "sha256": SHA256, "timeout_s": 5.0}
        return download_mnist(**{**wanted, **changes})  # type: ignore[arg-type]

    return call


def left_in(folder: Path) -> list[str]:
    """All names below a folder, hidden and temporary ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_file_arrives_whole_and_progress_climbs_to_the_total(
    fetch: Callable[..., Path], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    file = fetch(progress=lambda done, total: told.append((done, total)))
    assert file == tmp_path / "mnist.npz"
    assert file.read_bytes() == CONTENT
    assert left_in(tmp_path) == ["mnist.npz"]
    assert {total for _, total in told} == {300_000}
    done = [done for done, _ in told]
    assert len(set(done)) >= 5
    assert done == sorted(done)
    assert done[-1] == 300_000


def test_progress_never_falls_back_when_the_server_gives_no_length(
    server: Server, fetch: Callable[..., Path]
) -> None:
    server.behaviors = ["no length"]
    told: list[tuple[int, int]] = []
    fetch(progress=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {0}
    done = [done for done, _ in told]
    assert done == sorted(done)
    # Counted in whole chunks of 64 KiB: at most one chunk too much.
    assert 300_000 <= done[-1] < 300_000 + 64 * 1024


def test_folder_is_made(fetch: Callable[..., Path], tmp_path: Path) -> None:
    assert fetch(folder=tmp_path / "a" / "b").read_bytes() == CONTENT


def test_default_folder_is_where_keras_looks(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    file = download_mnist(url=server.url, sha256=SHA256)
    assert file == tmp_path / "datasets" / "mnist.npz"


def test_wrong_checksum_leaves_nothing(fetch: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="checksum is wrong"):
        fetch(sha256="0" * 64)
    assert left_in(tmp_path) == []


def test_broken_off_download_leaves_nothing_and_a_second_try_works(
    server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    server.behaviors = ["half", "whole"]
    with pytest.raises(DatasetError, match=r"127\.0\.0\.1.*broke off"):
        fetch()
    assert left_in(tmp_path) == []
    assert fetch().read_bytes() == CONTENT


def test_not_found_is_said_with_its_status(
    server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    server.behaviors = ["missing"]
    with pytest.raises(DatasetError, match=r"status 404.*mnist-sample"):
        fetch()
    assert left_in(tmp_path) == []


def test_silent_server_is_given_up(
    server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    server.behaviors = ["silent"]
    with pytest.raises(DatasetError, match="did not answer in time"):
        fetch(timeout_s=0.5)
    assert left_in(tmp_path) == []


def test_refused_connection_is_a_sentence(fetch: Callable[..., Path], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody else gets the port
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/mnist.npz"
        with pytest.raises(DatasetError, match="could not be reached"):
            fetch(url=url)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("place", ["below a file", "/proc/digitscope"])
def test_unwritable_folder_is_refused_before_anything_is_fetched(
    place: str, server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    folder = Path(place)
    if place == "below a file":  # root may write anywhere, but not below a file
        (tmp_path / "file").write_text("")
        folder = tmp_path / "file" / "cache"
    with pytest.raises(DatasetError, match=r"cannot be written \([A-Z].*KERAS_HOME"):
        fetch(folder=folder)
    assert server.requests == 0


class Cancelled(Exception):
    """What a page raises when its visitor presses stop."""


def test_cancelling_leaves_nothing(fetch: Callable[..., Path], tmp_path: Path) -> None:
    def cancel(done: int, total: int) -> None:
        if done > total / 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(progress=cancel)
    assert left_in(tmp_path) == []


def test_right_file_is_not_fetched_again(server: Server, fetch: Callable[..., Path]) -> None:
    fetch()
    fetch()
    assert server.requests == 1


def test_right_file_in_a_folder_that_may_only_be_read_is_accepted(
    server: Server, fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mnist.npz").write_bytes(CONTENT)

    def refuse(**options: object) -> None:  # root may write anywhere
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert fetch() == tmp_path / "mnist.npz"
    (tmp_path / "mnist.npz").write_bytes(b"another")
    with pytest.raises(DatasetError, match=r"cannot be written \(Read-only"):
        fetch()
    assert server.requests == 0


def test_wrong_file_is_replaced(fetch: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"half of an older download")
    assert fetch().read_bytes() == CONTENT


def test_wrong_file_stays_if_it_cannot_be_replaced(
    server: Server, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"the reader's own")
    server.behaviors = ["half"]
    with pytest.raises(DatasetError):
        fetch()
    assert left_in(tmp_path) == ["mnist.npz"]
    assert (tmp_path / "mnist.npz").read_bytes() == b"the reader's own"
