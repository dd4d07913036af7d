"""A visitor's labeled digits as files to take away, and such files read back in.

They are written in memory and read there; nothing is put on disk. The same digits give the same
bytes. What is read back may come from anybody: it is bounded before it is unpacked, no pickle is
ever opened, and whatever does not fit is told in a sentence (`DigitFileError`).

Digits that a visitor drew or uploaded and labeled, as test digits for any run.
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
from core.utils.files import add_to_zip, csv_bytes
from core.utils.validation import check_digit, read_only

USER_DIGITS: Final = "mine"
"""What these digits are called as a dataset."""
MAX_DIGITS: Final = 500
"""As many are kept; the oldest go first. They take 400 kB of the server's memory."""


@dataclass(frozen=True, eq=False)
class UserDigit:
    """A digit that was labeled.

    Attributes:
        pixels: uint8 (28, 28), prepared, read-only.
        label: which digit was meant, 0 to 9.
        answer: which one a network read when it was labeled, 0 to 9; None if none was asked.
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
    """The digits and one more, a copy; the same picture takes the place of its earlier label.

    `answer` and `run`: what a network read, and whose it was; what is known of it stays if nothing
    new is. Raises ValueError unless `pixels` is uint8 (28, 28), and `label` and `answer` 0 to 9.
    """
    if answer is None:
        known = labeled_digits(digits, pixels)
        answer, run = (known.answer, known.run) if known else (None, run)
    return (*without_digit(digits, pixels), UserDigit(pixels.copy(), label, answer, run))[
        -MAX_DIGITS:
    ]


def add_digits(digits: UserDigits, more: UserDigits) -> UserDigits:
    """The digits and others; a picture that is among both has the others' label."""
    found = {one.pixels.tobytes(): one for one in digits}
    for one in more:
        found.pop(one.pixels.tobytes(), None)  # it goes to the end, as with `keep`
        found[one.pixels.tobytes()] = one
    return tuple(found.values())[-MAX_DIGITS:]


def without_digit(digits: UserDigits, pixels: NDArray[np.uint8]) -> UserDigits:
    """The digits less the one with this very picture, if it is among them."""
    return tuple(one for one in digits if not np.array_equal(one.pixels, pixels))


def labeled_digits(digits: UserDigits, pixels: NDArray[np.uint8]) -> UserDigit | None:
    """The digit with this very picture, if it is among them."""
    return next((one for one in digits if np.array_equal(one.pixels, pixels)), None)


def label_of(digits: UserDigits, pixels: NDArray[np.uint8]) -> int | None:
    """Which digit this very picture was said to be; None if nothing was said of it."""
    known = labeled_digits(digits, pixels)
    return known.label if known else None


def as_split(digits: UserDigits) -> Split:
    """Pictures and labels as arrays: uint8 (n, 28, 28) and uint8 (n,); n may be 0."""
    images = np.array([one.pixels for one in digits], np.uint8).reshape(-1, 28, 28)
    return Split(images, np.array([one.label for one in digits], np.uint8))


def label_counts(
    digits: UserDigits, right: NDArray[np.bool_] | None = None
) -> list[tuple[int, ...]]:
    """A row for each label that there is: the label, how many, and how many `right`, bool (n,)."""
    labels = as_split(digits).labels
    rows = []
    for label in np.unique(labels).tolist():
        of_it = labels == label
        known = () if right is None else (int(right[of_it].sum()),)
        rows.append((label, int(of_it.sum()), *known))
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
            "You have labelled no digits in this visit. Draw some on the Predict page, and say "
            "there what you meant."
        )
    from core.inference.predictor import load_predictor  # TensorFlow: seconds

    mine = as_split(digits)
    probabilities = load_predictor(network).probabilities(mine.images)
    read_only(probabilities)
    # A run that was fine-tuned on some of them is no longer tested by them.
    held_out = not has_seen_any(network.run, mine.images)
    return Predictions(network, USER_DIGITS, mine.images, mine.labels, probabilities, held_out)


MAX_BYTES: Final = 2 * 1024 * 1024
"""Of a file that is read back: 500 digits take a quarter of it, however badly they shrink."""
MAX_PICTURE_BYTES: Final = 4 * 1024
"""Of one picture in a zip: 28×28 gray pixels take 800 bytes at most, in color three times that."""
MAX_ENTRIES: Final = 2 * MAX_DIGITS + 20
_PIXELS: Final = 28 * 28
_HEADER: Final = 1024  # bytes in which an array of ours says its shape
_PACKED: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Others ask for as much memory as their first bytes say."""
_NAME: Final = re.compile(r"(?:[^/]*/)?[0-9]{1,6}_([0-9])\.png")
_BESIDE: Final = re.compile(r"__MACOSX/|(.*/)?(\.[^/]*|labels\.csv|)$")
"""What other programs put into a zip, folders, and our own list."""
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
    """A file that holds no digits which could be brought back."""


def digits_zip(digits: UserDigits) -> bytes:
    """Each digit as a gray PNG of 28×28, light on dark as in MNIST, and a list of them.

    `000_7.png` is the first, a 7. In `labels.csv` stand its label and what which run answered,
    empty where none was asked.
    """
    lines: list[Sequence[object]] = [("file", "label", "answer", "run")]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, one in enumerate(digits):
            name = f"{number:03d}_{one.label}.png"
            answer = "" if one.answer is None else one.answer
            lines.append((name, one.label, answer, one.run))
            add_to_zip(archive, name, cv2.imencode(".png", one.pixels)[1].tobytes())
        add_to_zip(archive, "labels.csv", csv_bytes(lines))
    return target.getvalue()


def digits_csv(digits: UserDigits) -> bytes:
    """A line a digit, as MNIST is usually handed on: label, then 784 pixels from 0 to 255.

    The columns are called label, 1x1, 1x2 ... 28x28: row, then column of the pixel, from 1.
    """
    head = ["label", *(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))]
    return csv_bytes([head, *([one.label, *one.pixels.ravel().tolist()] for one in digits)])


def digits_npz(digits: UserDigits) -> bytes:
    """Two arrays for numpy: x, uint8 (n, 28, 28), and y, uint8 (n,)."""
    mine = as_split(digits)
    target = io.BytesIO()
    np.savez_compressed(target, x=mine.images, y=mine.labels)
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
            if len(entries) > MAX_ENTRIES:
                raise _too_many()
            names = {entry.filename for entry in entries}
            found = _of_arrays(archive) if {"x.npy", "y.npy"} <= names else _of_pictures(archive)
            return add_digits((), tuple(found))
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
    """A uint8 array of at most 500 parts; its header is judged before anything is made of it."""
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
    found = []
    for entry in archive.infolist():
        if _BESIDE.match(entry.filename):
            continue
        named = _NAME.fullmatch(entry.filename)
        if not named:
            raise DigitFileError(
                f"The zip holds {_short(entry.filename)}. Pictures in it must be called like "
                "000_7.png: a number, then which digit it is."
            )
        content = _unpacked(archive, entry, MAX_PICTURE_BYTES)
        found.append(UserDigit(_picture(content, entry.filename), int(named[1])))
        if len(found) > MAX_DIGITS:
            raise _too_many()
    if not found:
        raise _none()
    return found


def _picture(content: bytes, name: str) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            fits = picture.size == (28, 28) and picture.mode in _MODES
            pixels = np.array(picture.convert("L"), np.uint8) if fits else None
    except _FAULTS as error:
        raise DigitFileError(f"The picture {_short(name)} is damaged or no PNG.") from error
    if pixels is None:
        raise DigitFileError(
            f"The picture {_short(name)} is not of 28×28 pixels in grey (8 bit), as a prepared "
            "digit is. Upload pictures of other kinds on the Predict page."
        )
    return pixels


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """What an entry holds. What it says of its own size is not believed: it is read so far only."""
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
    """A stranger's name for a file, in quotes and not too long."""
    shown = "".join(char if char.isprintable() else "?" for char in name)
    return f"“{shown[:40]}…”" if len(shown) > 40 else f"“{shown}”"
