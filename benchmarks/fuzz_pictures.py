"""Can a picture file, however damaged, bring the reading down, stop it or fill the memory?

Claim: of 10,000 damaged files none raises anything but `PictureError`, none takes longer than
`LIMIT_S`, and the process needs no more memory after the last thousand than after the second.

How: the files to begin with are real ones (the pictures that come inside the installed packages,
photos among them) and drawings that Pillow saves in each kind and way that the product takes:
palettes, 16 bits, animations, EXIF, tiles, every compression. Each of the 10,000 is one of them,
damaged by one to three of: bits turned, cut off, bytes taken out, doubled or filled with zeros or
random ones, numbers set to extremes (sizes, counts, offsets are numbers), the middle of another
file put in, rubbish before or behind. The damage is drawn from the seed and the file's number, so
that any one of them can be made again. Each is decoded and, if that succeeds, searched for digits
as on the Predict page, by a network that is never sure, so that every way of looking is taken; a
file that takes longer than the limit is ended by an alarm (by the clock: on a quiet machine).

    python -m benchmarks.fuzz_pictures [--files 10000] [--seed 1] [--only NUMBER] [--quick]

With `--only`, one file is made and read again, and what happens is shown. `--quick` is 500 files.
Writes `benchmarks/results/fuzz_pictures.json`; ends with status 1 if the claim does not hold.
"""

from __future__ import annotations

import ctypes
import gc
import io
import os
import signal
import struct
import sys
import sysconfig
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from PIL import Image

from benchmarks.common import parser, start, write_result
from core.preprocessing.image_files import EXTENSIONS, FORMATS_TEXT, decode_image
from core.preprocessing.page.detection import find_page
from core.utils.errors import PictureError

LIMIT_S: Final = 10
SHAPES: Final = 500
LARGEST_SEED_FILE: Final = 600_000
GROWTH_MB: Final = 16
"""Memory that is neither growth nor none: what an allocator keeps differs by a few megabytes."""
EXTREMES: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
PACKAGES: Final = ("pillow", "numpy", "opencv-python-headless")

Damage = Callable[[bytearray, np.random.Generator, list[bytes]], bytearray]


class TooSlow(BaseException):
    """The alarm's way out of a file that takes too long; nothing that tested code may catch."""


def turned_bits(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    """One to forty bits, half of the time among the first kilobyte, where headers are."""
    reach = min(len(data), 1024) if rng.random() < 0.5 else len(data)
    for place in rng.integers(0, reach, int(rng.integers(1, 41))):
        data[place] ^= 1 << int(rng.integers(8))
    return data


def cut_off(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    """The beginning alone."""
    return data[: int(rng.integers(1, len(data) + 1))]


def changed_piece(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    """A piece taken out, doubled, or filled with zeros or random bytes."""
    begin = int(rng.integers(len(data)))
    end = min(len(data), begin + int(rng.integers(1, 2048)))
    piece = bytes(data[begin:end])
    fillings = (b"", 2 * piece, bytes(len(piece)), rng.bytes(len(piece)))
    data[begin:end] = fillings[int(rng.integers(len(fillings)))]
    return data


def extreme_numbers(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    """Up to four numbers of 1, 2 or 4 bytes near the beginning, as small or large as can be."""
    for _count in range(int(rng.integers(1, 5))):
        size, code = ((1, "B"), (2, "H"), (4, "I"))[int(rng.integers(3))]
        place = int(rng.integers(max(1, min(len(data), 512) - size)))
        number = EXTREMES[int(rng.integers(len(EXTREMES)))] & (256**size - 1)
        order = "<>"[int(rng.integers(2))]
        data[place : place + size] = struct.pack(order + code, number)
    return data


def middle_of_another(data: bytearray, rng: np.random.Generator, seeds: list[bytes]) -> bytearray:
    """A piece of another file in the place of one of this."""
    other = seeds[int(rng.integers(len(seeds)))]
    begin = int(rng.integers(len(other)))
    place = int(rng.integers(len(data)))
    length = int(rng.integers(1, 4096))
    data[place : place + length] = other[begin : begin + length]
    return data


def rubbish_around(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    """Random bytes before or behind."""
    rubbish = rng.bytes(int(rng.integers(1, 512)))
    return bytearray(rubbish + data if rng.random() < 0.3 else data + rubbish)


WAYS: Final[tuple[Damage, ...]] = (
    *(turned_bits, cut_off, changed_piece),
    *(extreme_numbers, middle_of_another, rubbish_around),
)


def damaged(seeds: list[bytes], seed: int, number: int) -> bytes:
    """The damaged file of this number: the same one each time."""
    rng = np.random.default_rng([seed, number])
    data = bytearray(seeds[int(rng.integers(len(seeds)))])
    for _ in range(int(rng.integers(1, 4))):
        data = WAYS[int(rng.integers(len(WAYS)))](data or bytearray(1), rng, seeds)
    return bytes(data)


def seed_files() -> list[bytes]:
    """Whole files, in a fixed order: the installed packages' and drawings of every kind."""
    return [*installed(), *drawings()]


def installed() -> Iterator[bytes]:
    """The pictures inside installed packages: at most ten of each kind and package."""
    root = Path(sysconfig.get_paths()["purelib"])
    taken: Counter[tuple[str, str]] = Counter()
    for path in sorted(root.rglob("*.*")):
        ending = path.suffix.lower().removeprefix(".")
        group = (path.relative_to(root).parts[0], ending)
        if ending in EXTENSIONS and taken[group] < 10 and path.is_file():
            data = path.read_bytes()
            if 0 < len(data) <= LARGEST_SEED_FILE:
                taken[group] += 1
                yield data


def drawings() -> Iterator[bytes]:
    """A drawn 2, in each kind and way of saving."""
    gray = np.full((120, 90), 240, np.uint8)
    for x, y in ((30, 30), (45, 22), (58, 34), (52, 50), (40, 66), (30, 88), (45, 90), (64, 88)):
        gray[y - 5 : y + 5, x - 5 : x + 5] = 20
    color = np.stack([gray, 255 - gray // 2, gray], axis=-1)
    clear = np.dstack([color, 255 - gray])
    deep = gray.astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = 6
    plain, frames = Image.fromarray(color), [Image.fromarray(np.roll(color, 9)) for _ in "ab"]
    moving: dict[str, Any] = {"save_all": True, "append_images": frames}
    ways: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (plain, "PNG", {"exif": exif}),
        (Image.fromarray(clear), "PNG", {}),
        (Image.fromarray(deep), "PNG", {}),
        (plain.quantize(16), "PNG", {"transparency": 3}),
        (Image.fromarray(gray).convert("1"), "PNG", {}),
        (plain, "PNG", moving),
        (plain, "JPEG", {"exif": exif, "quality": 70}),
        (plain, "JPEG", {"progressive": True}),
        (plain.convert("CMYK"), "JPEG", {}),
        (Image.fromarray(gray), "JPEG", {}),
        (plain, "WEBP", {"exif": exif}),
        (Image.fromarray(clear), "WEBP", {"lossless": True}),
        (plain, "WEBP", moving),
        (plain, "GIF", {"interlace": True}),
        (plain, "GIF", moving),
        (plain, "BMP", {}),
        (Image.fromarray(gray), "BMP", {}),
        (plain.quantize(4), "BMP", {}),
        (Image.fromarray(deep), "TIFF", {}),
        (plain, "TIFF", moving),
        (Image.fromarray(gray.astype(np.float32) / 255), "TIFF", {}),
        *(
            (plain, "TIFF", {"compression": name})
            for name in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg")
        ),
        (Image.fromarray(gray).convert("1"), "TIFF", {"compression": "group4"}),
    ]
    for image, kind, options in ways:
        file = io.BytesIO()
        image.save(file, kind, **options)
        yield file.getvalue()


@contextmanager
def alarm() -> Iterator[None]:
    """End the block by `TooSlow` after `LIMIT_S`."""

    def ring(*_: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)


def read(data: bytes) -> str:
    """What becomes of a file: how many digits are found in it, or the kind of sentence."""
    try:
        picture = decode_image(data, "a file")
    except PictureError as error:
        return _kind(str(error))
    try:
        count = len(find_page(picture.pixels).digits)
    except PictureError:
        return "decoded, no digit"
    return "decoded, one digit" if count == 1 else "decoded, several digits"


def _kind(sentence: str) -> str:
    words = sentence.removeprefix('"a file" ').split(":")[0].replace(FORMATS_TEXT, "a known kind")
    return "refused: " + "".join("9" if c.isdigit() else c for c in words)


@dataclass
class Tally:
    """What happened so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    memory_mb: list[float] = field(default_factory=list)


def run(files: int, seed: int) -> Tally:
    """Make and read all files, one after the other, in this process."""
    # What Pillow warns of is what it forgives.
    warnings.filterwarnings("ignore", module="PIL")
    seeds, tally, process = seed_files(), Tally(), psutil.Process(os.getpid())
    print(f"{len(seeds)} files to begin with")
    _fill_buffers()
    for number in range(files):
        data = damaged(seeds, seed, number)
        began = time.perf_counter()
        try:
            with alarm():
                tally.outcomes[read(data)] += 1
        except TooSlow:
            tally.faults.append(f"{number}: longer than {LIMIT_S} s")
        except Exception as error:  # noqa: BLE001 - the very thing that is looked for
            tally.faults.append(f"{number}: {type(error).__name__}: {error}")
        tally.slowest_s = max(tally.slowest_s, time.perf_counter() - began)
        if (number + 1) % max(1, files // 10) == 0:
            _give_back()
            tally.memory_mb.append(round(process.memory_info().rss / 2**20, 1))
            print(f"{number + 1}: {tally.memory_mb[-1]} MB, {len(tally.faults)} faults", flush=True)
    return tally


def _fill_buffers() -> None:
    """Read pictures of many shapes: TensorFlow's buffers grow with the shapes, to some 100 MB.

    After some hundred shapes they grow no more: what grows then, grows with the number of files.
    """
    rng = np.random.default_rng(0)
    for _ in range(SHAPES):
        shape = np.exp(rng.uniform(np.log(30), np.log(1000), 2)).astype(int)
        with suppress(PictureError):
            find_page(rng.integers(0, 256, shape).astype(np.uint8))


def _give_back() -> None:
    """Hand freed memory back to the system, so that what is still there is in use.

    The C library keeps it otherwise, more or less of it by chance: the same 10,000 files ended
    with 103 MB or with 139 MB.
    """
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def main() -> None:
    """Damage, read, count, and write the result."""
    options = parser(__doc__)
    options.add_argument("--files", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int, help="make and read one file again, and show it")
    chosen = options.parse_args()
    if chosen.only is not None:
        data = damaged(seed_files(), chosen.seed, chosen.only)
        print(f"{len(data)} bytes, beginning {data[:32]!r}: {read(data)}")
        return
    tally = run(500 if chosen.quick else chosen.files, chosen.seed)
    grown = tally.memory_mb[-1] - tally.memory_mb[1]
    figures = {
        "files": sum(tally.outcomes.values()) + len(tally.faults),
        "faults": tally.faults,
        "slowest_s": round(tally.slowest_s, 2),
        "memory_mb_after_each_tenth": tally.memory_mb,
        "grown_mb": round(grown, 1),
        "outcomes": dict(tally.outcomes.most_common()),
    }
    print(figures)
    write_result("fuzz_pictures", figures, seed=chosen.seed, packages=PACKAGES, quick=chosen.quick)
    if tally.faults or grown > GROWTH_MB:
        sys.exit("The claim does not hold.")


if __name__ == "__main__":
    start(main)
