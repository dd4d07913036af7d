"""Fetching the full MNIST once, from the address that Keras itself uses."""

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pooch
import requests

from core.datasets import keras_cache_folder
from core.errors import DatasetError

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
TIMEOUT_S = 15.0
CHUNK_BYTES = 64 * 1024

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all or 0 if unknown). Raising stops the download."""


class _ProgressBar:
    """What pooch wants of a progress bar (tqdm's interface), passed on to a plain function."""

    def __init__(self, report: Progress) -> None:
        self.total = 0
        self._done = 0
        self._report = report

    def update(self, amount: int) -> None:
        self._done += amount
        self._report(min(self._done, self.total or self._done), self.total)

    def reset(self) -> None:
        """Not at all: pooch starts over at the end, only to report the total once more."""

    def close(self) -> None:
        """Nothing to release."""


def download_mnist(
    progress: Progress | None = None,
    *,
    folder: Path | None = None,
    url: str = URL,
    sha256: str = SHA256,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Download `mnist.npz` into `folder` (Keras's cache folder by default) and return its path.

    A file that is there with the right checksum is kept. pooch writes to a temporary file, checks
    it, and only then moves it into place: a broken-off download leaves nothing and starts afresh.
    `timeout_s` limits each wait for the server, not the whole download.

    Raises DatasetError if the folder cannot be written, the server cannot be reached, or what came
    is not the file that was expected.
    """
    folder = folder or keras_cache_folder()
    target = folder / "mnist.npz"
    if _is_right(target, sha256):  # also in a folder that may only be read
        return target
    _make_writable(folder)
    pooch.get_logger().setLevel(logging.WARNING)
    downloader = pooch.HTTPDownloader(
        progressbar=_ProgressBar(progress) if progress else False,
        timeout=timeout_s,
        chunk_size=CHUNK_BYTES,
    )
    try:
        return Path(
            pooch.retrieve(url, f"sha256:{sha256}", "mnist.npz", folder, downloader=downloader)
        )
    except requests.exceptions.RequestException as error:
        raise DatasetError(
            f"MNIST could not be downloaded from {url.split('/')[2]}: {_reason(error)}. Check the "
            "network and try again; until then the dataset `mnist-sample` works offline."
        ) from error
    except OSError as error:
        raise DatasetError(
            f"MNIST could not be saved: {error.strerror or error}. "
            "Make room, or set KERAS_HOME to another folder."
        ).at(folder) from error
    except ValueError as error:
        raise DatasetError(
            "What was downloaded is not MNIST (its checksum is wrong), so it was thrown away. "
            "A proxy or a login page may have answered instead: try again on another network."
        ) from error


def _is_right(file: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(tempfile.TemporaryFile(dir=folder)):
            pass
    except OSError as error:
        raise DatasetError(
            f"The folder for MNIST cannot be written ({os.strerror(error.errno or 0)}). "
            "Give yourself write access to it, or set KERAS_HOME to another folder."
        ).at(folder) from error


def _reason(error: requests.exceptions.RequestException) -> str:
    if isinstance(error, requests.exceptions.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return f"the server answered with status {error.response.status_code}"
    return "the server could not be reached or broke off"
