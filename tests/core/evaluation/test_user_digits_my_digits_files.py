"""A visitor's digits as files: written for other programs, read back from anybody."""

import csv
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.data import mnist
from core.evaluation.user_digits import (
    MAX_BYTES,
    MAX_DIGITS,
    DigitFileError,
    UserDigit,
    UserDigits,
    digits_csv,
    digits_npz,
    digits_zip,
    read_digit_file,
)

SAMPLE = mnist.load("mnist-sample").test


def some(count: int = 12) -> UserDigits:
    answers = [(k % 10, "best") if k % 2 == 0 else (None, "") for k in range(count)]
    return tuple(
        UserDigit(SAMPLE.images[k].copy(), int(SAMPLE.labels[k]), *answers[k]) for k in range(count)
    )


def same(digits: UserDigits, wanted: UserDigits) -> bool:
    return [(digit.pixels.tobytes(), digit.label) for digit in digits] == [
        (digit.pixels.tobytes(), digit.label) for digit in wanted
    ]


def test_the_zip_holds_pictures_that_other_programs_read() -> None:
    digits = some()
    with zipfile.ZipFile(io.BytesIO(digits_zip(digits))) as archive:
        assert archive.testzip() is None
        rows = list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode())))
        assert len(archive.namelist()) == len(digits) + 1
        for number, (row, digit) in enumerate(zip(rows, digits, strict=True)):
            assert row["file"] == f"{number:03d}_{digit.label}.png"
            picture = Image.open(io.BytesIO(archive.read(row["file"])))
            assert (picture.format, picture.mode) == ("PNG", "L")
            assert np.array_equal(np.array(picture), SAMPLE.images[number])
            assert int(row["label"]) == SAMPLE.labels[number]
    assert (rows[0]["answer"], rows[0]["run"]) == ("0", "best")
    assert (rows[1]["answer"], rows[1]["run"]) == ("", "")


def test_no_name_of_a_run_is_a_formula_in_the_list() -> None:
    digit = UserDigit(SAMPLE.images[0].copy(), 5, 5, "=cmd|' /C calc'!A0")
    with zipfile.ZipFile(io.BytesIO(digits_zip((digit,)))) as archive:
        (row,) = csv.DictReader(io.StringIO(archive.read("labels.csv").decode()))
    assert row["run"] == "'=cmd|' /C calc'!A0"


def test_the_table_is_the_usual_one_of_mnist() -> None:
    head, *rows = csv.reader(io.StringIO(digits_csv(some(3)).decode()))
    assert (head[0], head[1], head[2], head[29], head[-1]) == (
        "label",
        "1x1",
        "1x2",
        "2x1",
        "28x28",
    )
    numbers = np.array(rows, int)
    assert np.array_equal(numbers[:, 0], SAMPLE.labels[:3])
    assert np.array_equal(numbers[:, 1:].reshape(-1, 28, 28), SAMPLE.images[:3])


def test_the_arrays_are_numpys_own() -> None:
    with np.load(io.BytesIO(digits_npz(some())), allow_pickle=False) as archive:
        assert (archive["x"].dtype, archive["y"].dtype) == (np.uint8, np.uint8)
        assert np.array_equal(archive["x"], SAMPLE.images[:12])
        assert np.array_equal(archive["y"], SAMPLE.labels[:12])


@pytest.mark.parametrize("write", [digits_zip, digits_csv, digits_npz])
def test_the_same_digits_give_the_same_bytes(
    write: Callable[[UserDigits], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(some())
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert write(some()) == first
    assert write(some(11)) != first


@pytest.mark.parametrize("write", [digits_zip, digits_npz])
@pytest.mark.parametrize("count", [1, 12, MAX_DIGITS])
def test_what_was_taken_away_comes_back(write: Callable[[UserDigits], bytes], count: int) -> None:
    digits = some(count)
    assert same(read_digit_file(write(digits)), digits)


def test_a_zip_that_another_program_packed_comes_back() -> None:
    digits = some(3)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("mine")
        archive.writestr("__MACOSX/mine/._000_7.png", b"whatever")
        archive.writestr("mine/.DS_Store", b"whatever")
        for k, digit in enumerate(digits):
            picture = io.BytesIO()
            Image.fromarray(digit.pixels).convert("RGB").save(picture, "PNG")
            archive.writestr(f"mine/{k}_{digit.label}.png", picture.getvalue())
    assert same(read_digit_file(target.getvalue()), digits)


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return target.getvalue()


def npz(**arrays: object) -> bytes:
    target = io.BytesIO()
    np.savez_compressed(target, allow_pickle=True, **arrays)  # type: ignore[arg-type]
    return target.getvalue()


def png(pixels: np.ndarray) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def huge_png() -> bytes:
    """A PNG that says it has 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def array_file(shape: str, body: bytes, descr: str = "'|u1'") -> bytes:
    """An .npy file by hand, whose header may say anything."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


class Bomb:
    """Goes off when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was opened",))


X, Y = SAMPLE.images[:3], SAMPLE.labels[:3]
ONE = png(SAMPLE.images[0])
MANY = np.zeros((MAX_DIGITS + 1, 28, 28), np.uint8)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no zip or NPZ"),
    "text": (b"hello", "no zip or NPZ"),
    "cut off": (digits_zip(some())[:-200], "no zip or NPZ"),
    "too large": (b"PK" * MAX_BYTES, "larger than 2 MB"),
    "no digits": (zipped({"labels.csv": b"file,label"}), "no digits"),
    "another file": (zipped({"000_7.png": ONE, "run.sh": b"rm"}), "The zip holds “run.sh”"),
    "climbing out": (zipped({"../../000_7.png": ONE}), "Pictures in it must be called"),
    "eleven": (zipped({"000_11.png": ONE}), "Pictures in it must be called"),
    "no picture": (zipped({"000_7.png": b"hello"}), "damaged or no PNG"),
    "a jpeg": (zipped({"000_7.png": b"\xff\xd8\xff\xe0" + ONE}), "damaged or no PNG"),
    "wrong size": (zipped({"000_7.png": png(np.zeros((27, 28), np.uint8))}), "28×28"),
    "sixteen bits": (zipped({"000_7.png": png(np.zeros((28, 28), np.uint16))}), "gray"),
    "huge picture": (zipped({"000_7.png": huge_png()}), "28×28|damaged"),
    "bomb": (zipped({"000_7.png": bytes(10_000_000)}), "unpacks to more"),
    "bomb of arrays": (zipped({"x.npy": bytes(10_000_000), "y.npy": b""}), "unpacks to more"),
    "lzma": (zipped({"000_7.png": ONE}, zipfile.ZIP_LZMA), "ordinary zip"),
    "too many entries": (zipped({f"{k}_1.png": b"" for k in range(1100)}), "more than the 500"),
    "too many digits": (npz(x=MANY, y=MANY[:, 0, 0]), "more than the 500|unpacks to more"),
    "floats": (npz(x=X / 255, y=Y), "must be uint8"),
    "flat": (npz(x=X.reshape(-1, 784), y=Y), "do not fit"),
    "labels lacking": (npz(x=X, y=Y[:2]), "do not fit"),
    "a label of ten": (npz(x=X, y=Y + 10), "digits are 0 to 9"),
    "no arrays": (npz(a=X), "Pictures in it must be called"),
    "none": (npz(x=X[:0], y=Y[:0]), "no digits"),
    "pickle": (npz(x=np.array([Bomb()], object), y=Y), "must be uint8"),
    "bare pickle": (zipped({"x.npy": pickle.dumps([1]), "y.npy": b""}), "no zip or NPZ"),
    "shape of a giant": (
        zipped({"x.npy": array_file("(3, 28, 99999999999)", b"\0" * 99), "y.npy": ONE}),
        "no zip or NPZ",
    ),
    "shape of words": (
        zipped({"x.npy": array_file("('a',)", b""), "y.npy": array_file("(3,)", b"abc")}),
        "no zip or NPZ",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_else_comes_is_refused_in_a_sentence(name: str) -> None:
    content, words = HOSTILE[name]
    with pytest.raises(DigitFileError, match=words):
        read_digit_file(content)


def test_an_encrypted_zip_is_refused_in_a_sentence() -> None:
    content = bytearray(zipped({"000_7.png": ONE}, zipfile.ZIP_STORED))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    with pytest.raises(DigitFileError, match="no zip or NPZ"):
        read_digit_file(bytes(content))


SOUND = (digits_zip(some(2)), digits_npz(some(2)))


@given(
    st.sampled_from(SOUND), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=9)
)
def test_a_damaged_file_gives_digits_or_a_sentence(
    content: bytes, changes: list[tuple[float, int]]
) -> None:
    damaged = bytearray(content)
    for where, value in changes:
        damaged[int(where * (len(damaged) - 1))] = value
    with suppress(DigitFileError):  # anything else that is raised is a fault
        assert 1 <= len(read_digit_file(bytes(damaged))) <= 2
