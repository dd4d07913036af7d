"""Digits that a visitor drew or uploaded and labeled: test digits for any run, and their files.

Files (zip, CSV, NPZ) are written and read in memory; nothing is put on disk. The same digits give
the same bytes. An uploaded file may come from anybody: its size is limited before it is unpacked,
no pickle is ever opened, and what does not fit is explained in a sentence (`DigitFileError`).
"""

import io
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from core.data.mnist import CLASSES, Split
from core.runs.predictions import Predictions
from core.runs.run import Network
from core.training.fine_tuning import has_seen_any
from core.utils.errors import DatasetError, DigitscopeError
from core.utils.files import add_to_zip, csv_bytes, without_formulas
from core.utils.validation import check_digit, read_only

USER_DIGITS: Final = "mine"
"""Name of these digits as a dataset."""
MAX_DIGITS: Final = 500
"""Limit of digits kept; the oldest go first. They take 400 kB of the server's memory."""


@dataclass(frozen=True, eq=False)
class UserDigit:
    """A labeled digit.

    Attributes:
        pixels: uint8 (28, 28), prepared, read-only.
        label: which digit was meant, 0 to 9.
        answer: what a network read when it was labeled, 0 to 9; None without a network.
        run: the run of that network, and after which epoch, as in "best (epoch 3)"; or empty.
    """

    pixels: NDArray[np.uint8]
    label: int
    answer: int | None = None
    run: str = ""

    def __post_init__(self) -> None:
        check_digit(self.pixels)
        for digit in (self.label, self.answer or 0):
            if not 0 <= digit < CLASSES:
                raise ValueError(f"a digit is 0 to 9, not {digit}")
        read_only(self.pixels)


UserDigits = tuple[UserDigit, ...]


def add_digit(
    digits: UserDigits,
    pixels: NDArray[np.uint8],
    label: int,
    answer: int | None = None,
    run: str = "",
) -> UserDigits:
    """Add a copy of a digit; a picture that is already there gets the new label.

    `answer` and `run`: what a network read, and its run; without an answer the earlier one stays.
    Raises ValueError unless `pixels` is uint8 (28, 28), and `label` and `answer` 0 to 9.
    """
    if answer is None:
        previous = find_labeled_digit(digits, pixels)
        answer, run = (previous.answer, previous.run) if previous else (None, run)
    return (*without_digit(digits, pixels), UserDigit(pixels.copy(), label, answer, run))[
        -MAX_DIGITS:
    ]


def add_digits(digits: UserDigits, more: UserDigits) -> UserDigits:
    """Add digits; a picture that is in both has the label of `more`."""
    by_pixels = {digit.pixels.tobytes(): digit for digit in digits}
    for digit in more:
        by_pixels.pop(digit.pixels.tobytes(), None)  # it goes to the end, as with `add_digit`
        by_pixels[digit.pixels.tobytes()] = digit
    return tuple(by_pixels.values())[-MAX_DIGITS:]


def without_digit(digits: UserDigits, pixels: NDArray[np.uint8]) -> UserDigits:
    """Remove the digit with the same pixels, if it is there."""
    return tuple(digit for digit in digits if not np.array_equal(digit.pixels, pixels))


def find_labeled_digit(digits: UserDigits, pixels: NDArray[np.uint8]) -> UserDigit | None:
    """The digit with the same pixels, if it is there."""
    return next((digit for digit in digits if np.array_equal(digit.pixels, pixels)), None)


def find_label(digits: UserDigits, pixels: NDArray[np.uint8]) -> int | None:
    """The label of a picture; None if it has none."""
    labeled = find_labeled_digit(digits, pixels)
    return labeled.label if labeled else None


def as_split(digits: UserDigits) -> Split:
    """Pictures and labels as arrays: uint8 (n, 28, 28) and uint8 (n,); n may be 0."""
    images = np.array([digit.pixels for digit in digits], np.uint8).reshape(-1, 28, 28)
    return Split(images, np.array([digit.label for digit in digits], np.uint8))


def label_counts(
    digits: UserDigits, right: NDArray[np.bool_] | None = None
) -> list[tuple[int, ...]]:
    """Rows (label, count, count of `right`) of all labels that occur; `right`: bool (n,)."""
    labels = as_split(digits).labels
    rows = []
    for label in np.unique(labels).tolist():
        has_label = labels == label
        correct_count = () if right is None else (int(right[has_label].sum()),)
        rows.append((label, int(has_label.sum()), *correct_count))
    return rows


def user_predictions(digits: UserDigits, network: Network) -> Predictions:
    """Let a network read the visitor's digits.

    It is loaded if it is not yet, which takes seconds the first time.

    Args:
        digits: those of a visitor; at least one.
        network: a run's, finished or as it was after an epoch.

    Returns:
        What it answers on them.

    Raises:
        DatasetError: there are no digits.
        RunError: the network cannot be opened, or its numbers are not finite.
    """
    if not digits:
        raise DatasetError(
            "You have labeled no digits in this visit. Draw some on the Predict page, and say "
            "there what you meant."
        )
    from core.inference.predictor import load_predictor  # TensorFlow: seconds

    split = as_split(digits)
    probabilities = load_predictor(network).probabilities(split.images)
    read_only(probabilities)
    # A run that was fine-tuned on some of them is no longer tested by them.
    held_out = not has_seen_any(network.run, split.images)
    return Predictions(network, USER_DIGITS, split.images, split.labels, probabilities, held_out)


MAX_BYTES: Final = 2 * 1024 * 1024
"""Limit of an uploaded file: 500 digits take a quarter of it, however badly they compress."""
_MAX_PICTURE_BYTES: Final = 4 * 1024
"""Limit of a picture in a zip: 28×28 gray pixels take up to 800 bytes, three times that in RGB."""
_MAX_ENTRIES: Final = 2 * MAX_DIGITS + 20
_PIXELS: Final = 28 * 28
_HEADER: Final = 1024  # bytes in which an array of ours says its shape
_PACKED: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Other methods reserve as much memory as their first bytes demand."""
_NAME: Final = re.compile(r"(?:[^/]*/)?[0-9]{1,6}_([0-9])\.png")
_BESIDE: Final = re.compile(r"__MACOSX/|(.*/)?(\.[^/]*|labels\.csv|)$")
"""Entries that are skipped: what other programs add, folders, and our own list."""
_MODES: Final = {"L", "1", "P", "RGB"}
_FAULTS: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    TypeError,
    RuntimeError,
    OverflowError,
    MemoryError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
)


class DigitFileError(DigitscopeError):
    """An uploaded file does not hold valid digits."""


def digits_zip(digits: UserDigits) -> bytes:
    """Each digit as a gray PNG of 28×28, light on dark as in MNIST, and a list of them.

    `000_7.png` is the first, a 7. In `labels.csv` stand its label and what which run answered,
    empty where none was asked.
    """
    lines: list[Sequence[object]] = [("file", "label", "answer", "run")]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, digit in enumerate(digits):
            name = f"{number:03d}_{digit.label}.png"
            answer = "" if digit.answer is None else digit.answer
            lines.append((name, digit.label, answer, without_formulas(digit.run)))
            add_to_zip(archive, name, cv2.imencode(".png", digit.pixels)[1].tobytes())
        add_to_zip(archive, "labels.csv", csv_bytes(lines))
    return target.getvalue()


def digits_csv(digits: UserDigits) -> bytes:
    """A line a digit, as MNIST is usually handed on: label, then 784 pixels from 0 to 255.

    The columns are called label, 1x1, 1x2 ... 28x28: row, then column of the pixel, from 1.
    """
    head = ["label", *(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))]
    return csv_bytes([head, *([digit.label, *digit.pixels.ravel().tolist()] for digit in digits)])


def digits_npz(digits: UserDigits) -> bytes:
    """Two arrays for numpy: x, uint8 (n, 28, 28), and y, uint8 (n,)."""
    split = as_split(digits)
    target = io.BytesIO()
    np.savez_compressed(target, x=split.images, y=split.labels)
    return target.getvalue()


def read_digit_file(content: bytes) -> UserDigits:
    """The digits in the bytes of a zip or an NPZ file as they are written here.

    Of a picture that comes twice the last label holds. Raises DigitFileError with a sentence if
    the file is too large, something else, damaged, or holds more than 500 digits or none.
    """
    if len(content) > MAX_BYTES:
        raise DigitFileError(
            f"The file is larger than {MAX_BYTES // 2**20} MB, so it is none of those that are "
            "taken away here. Choose a zip or an NPZ of your digits."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > _MAX_ENTRIES:
                raise _too_many()
            names = {entry.filename for entry in entries}
            digits = _of_arrays(archive) if {"x.npy", "y.npy"} <= names else _of_pictures(archive)
            return add_digits((), tuple(digits))
    except _FAULTS as error:
        raise DigitFileError(
            "The file cannot be read: it is no zip or NPZ of digits, or it is damaged. Choose one "
            "that was taken away here."
        ) from error


def _of_arrays(archive: zipfile.ZipFile) -> Iterator[UserDigit]:
    pixels, labels = _array(archive, "x.npy", _PIXELS), _array(archive, "y.npy", 1)
    n = len(labels)
    if labels.shape != (n,) or pixels.shape != (n, 28, 28):
        raise DigitFileError(
            f"The arrays do not fit: x has the shape {pixels.shape}, y {labels.shape}. It must be "
            "(n, 28, 28) and (n,), both uint8."
        )
    if not n:
        raise _none()
    if labels.max() >= CLASSES:
        raise DigitFileError(f"A label is {labels.max()}: digits are 0 to 9.")
    for image, label in zip(pixels, labels, strict=True):
        yield UserDigit(image.copy(), int(label))


def _array(archive: zipfile.ZipFile, name: str, each: int) -> NDArray[np.uint8]:
    """Read a uint8 array of at most 500 entries; its header is checked before it is used."""
    content = _unpacked(archive, archive.getinfo(name), _HEADER + MAX_DIGITS * each)
    file = io.BytesIO(content)
    version = npy.read_magic(file)
    if version != (1, 0):
        raise DigitFileError(f"The array {name[0]} is of another version of numpy's format.")
    shape, by_columns, dtype = npy.read_array_header_1_0(file)
    if dtype != np.uint8:
        raise DigitFileError(f"The array {name[0]} is {dtype}, and must be uint8.")
    if shape and shape[0] > MAX_DIGITS:
        raise _too_many()
    flat = np.frombuffer(content, np.uint8, offset=file.tell())
    return flat.reshape(shape, order="F" if by_columns else "C")


def _of_pictures(archive: zipfile.ZipFile) -> list[UserDigit]:
    digits = []
    for entry in archive.infolist():
        if _BESIDE.match(entry.filename):
            continue
        named = _NAME.fullmatch(entry.filename)
        if not named:
            raise DigitFileError(
                f"The zip holds {_short(entry.filename)}. Pictures in it must be called like "
                "000_7.png: a number, then which digit it is."
            )
        content = _unpacked(archive, entry, _MAX_PICTURE_BYTES)
        digits.append(UserDigit(_picture(content, entry.filename), int(named[1])))
        if len(digits) > MAX_DIGITS:
            raise _too_many()
    if not digits:
        raise _none()
    return digits


def _picture(content: bytes, name: str) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            fits = picture.size == (28, 28) and picture.mode in _MODES
            pixels = np.array(picture.convert("L"), np.uint8) if fits else None
    except _FAULTS as error:
        raise DigitFileError(f"The picture {_short(name)} is damaged or no PNG.") from error
    if pixels is None:
        raise DigitFileError(
            f"The picture {_short(name)} is not of 28×28 pixels in gray (8 bit), as a prepared "
            "digit is. Upload pictures of other kinds on the Predict page."
        )
    return pixels


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """Unpack at most `most` bytes of an entry: the size that it states is not trusted."""
    if entry.compress_type not in _PACKED:
        raise DigitFileError(
            f"{_short(entry.filename)} is packed in a way that is not read here. Pack it as an "
            "ordinary zip."
        )
    with archive.open(entry) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DigitFileError(
            f"{_short(entry.filename)} unpacks to more than a file of your digits can hold, so it "
            "is not read."
        )
    return content


def _too_many() -> DigitFileError:
    return DigitFileError(f"The file holds more than the {MAX_DIGITS} digits that can be kept.")


def _none() -> DigitFileError:
    return DigitFileError("The file holds no digits.")


def _short(name: str) -> str:
    """An untrusted file name, in quotes and not too long."""
    shown = "".join(char if char.isprintable() else "?" for char in name)
    return f"“{shown[:40]}…”" if len(shown) > 40 else f"“{shown}”"
