"""Picture files to RGB pixels: every odd kind of file is made here, by Pillow or byte by byte."""

import io
import struct
import subprocess
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core import pictures
from core.errors import PictureError
from core.pictures import MAX_BYTES, decode, flatten, read


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corner(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Black, with the left upper third of each side red."""
    image = Image.new("RGB", size)
    image.paste((255, 0, 0), (0, 0, size[0] // 3, size[1] // 3))
    return image


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG"])
def test_each_kind_gives_the_pixels_that_were_saved(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = decode(saved(corner(), kind, **options))
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape == (40, 60, 3)
    assert picture.size == (60, 40)
    expected = np.asarray(corner()).astype(int)
    assert np.abs(picture.pixels[:10, :16] - expected[:10, :16]).max() <= (
        10 if kind == "JPEG" else 0
    )
    assert np.abs(picture.pixels[20:, 30:]).max() <= (10 if kind == "JPEG" else 0)


# Where the red corner of a stored 60 x 40 picture must stand when it is upright: (bottom, right).
TURNED = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_turned_photos_come_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(saved(corner(), kind, exif=exif))
    size = (60, 40) if orientation < 5 else (40, 60)
    assert picture.size == size
    assert picture.pixels.shape == (size[1], size[0], 3)
    bottom, right = TURNED[orientation]
    row, column = (-5 if bottom else 4), (-5 if right else 4)
    assert picture.pixels[row, column, 0] > 200
    assert picture.pixels[-5 if not bottom else 4, -5 if not right else 4, 0] < 50


def test_a_broken_exif_block_does_not_spoil_a_whole_picture() -> None:
    data = saved(corner(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\0\x01")
    assert decode(data).pixels.shape == (40, 60, 3)


def test_16_bit_greys_are_scaled_not_clipped() -> None:
    tones = np.array([[0, 256, 33000, 65535]] * 4, np.uint16)
    for kind in ("PNG", "TIFF"):
        picture = decode(saved(Image.fromarray(tones), kind))
        assert picture.pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    whole = decode(saved(Image.fromarray(tones.astype(np.int32)), "TIFF"))
    assert whole.pixels[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 32896.0, 65535.0], [0, 128, 255]),
        ([-3.0, 0.0, 3.0], [0, 128, 255]),
        ([float("nan"), 0.0, 1.0], [0, 0, 255]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
    ],
)
def test_floating_point_tiff(values: list[float], expected: list[int]) -> None:
    image = Image.fromarray(np.array([values], np.float32))
    assert decode(saved(image, "TIFF")).pixels[0, :, 1].tolist() == expected


def test_palette_and_one_bit_pictures() -> None:
    palette = corner().convert("P", palette=Image.Palette.ADAPTIVE)
    assert decode(saved(palette)).pixels[0, 0].tolist() == [255, 0, 0]
    one_bit = Image.new("1", (9, 9), 1)
    assert decode(saved(one_bit)).pixels.min() == 255


def test_cmyk_jpeg() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = decode(saved(red, "JPEG")).pixels
    assert pixels[..., 0].min() > 240
    assert pixels[..., 1:].max() < 15


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("light", [False, True])
def test_ink_on_nothing_stays_visible(mode: str, light: bool) -> None:
    tone = 240 if light else 20
    image = Image.new("LA", (20, 20), (0, 0))
    image.paste((tone, 255), (5, 5, 10, 15))
    if mode == "P":
        plain = Image.new("P", (20, 20), 0)
        plain.putpalette([0, 0, 0, tone, tone, tone])
        plain.paste(1, (5, 5, 10, 15))
        data = saved(plain, transparency=0)
    else:
        data = saved(image.convert(mode))
    pixels = decode(data).pixels
    assert pixels[7, 7].tolist() == [tone] * 3
    assert pixels[0, 0].tolist() == ([0] * 3 if light else [255] * 3)


def test_light_paper_with_dark_ink_on_nothing_is_laid_on_white() -> None:
    sheet = np.zeros((40, 40, 4), np.uint8)
    sheet[10:30, 10:30] = 255
    sheet[15:25, 18:22, :3] = 0
    assert flatten(sheet)[0, 0].tolist() == [255, 255, 255]
    assert flatten(np.zeros((3, 3, 4), np.uint8)).min() == 255
    half = np.array([[[0, 0, 0, 51]]], np.uint8)  # a fifth of black on white
    assert flatten(half)[0, 0].tolist() == [204, 204, 204]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_give_their_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert decode(data).pixels[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_big_pictures_are_shrunk_and_boxes_lead_back(kind: str) -> None:
    big = Image.new("L", (6000, 4000), 255)
    big.paste(0, (3000, 1000, 3600, 3000))
    exif = Image.Exif()
    exif[0x0112] = 6  # upright it is 4000 x 6000, and the bar lies at x 1000, y 3000
    picture = decode(saved(big, kind, exif=exif))
    assert picture.size == (4000, 6000)
    assert max(picture.pixels.shape) <= pictures.LONGEST_SIDE
    rows, columns = np.nonzero(picture.pixels[..., 0] < 128)
    box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    found = picture.to_original(tuple(int(value) for value in box))  # type: ignore[arg-type]
    assert np.abs(np.subtract(found, (1000, 3000, 2000, 600))).max() <= 8
    height, width = picture.pixels.shape[:2]
    assert picture.to_original((0, 0, width, height)) == (0, 0, 4000, 6000)


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_shrinking_in_strips_is_shrinking_the_whole(mode: str) -> None:
    tones = np.random.default_rng(3).integers(0, 256, (601, 4001, 4), np.uint8)
    image = Image.fromarray(tones if mode == "RGBA" else tones[..., 0])
    deep = Image.fromarray(tones[..., 0].astype(np.uint16) * 257)  # 257 · 255 = 65535
    expected = np.asarray(image.convert("RGBA").reduce(3))
    pixels = decode(saved(deep if mode == "I;16" else image)).pixels
    np.testing.assert_array_equal(pixels, flatten(expected))


def test_the_range_of_deep_greys_is_that_of_the_file_before_it_shrinks() -> None:
    values = np.full((3001, 30), 100.0, np.float32)
    values[3000, 0] = 300.0  # one pixel, in the last strip: the range is 0..65535, not 0..255
    assert decode(saved(Image.fromarray(values), "TIFF")).pixels.max() <= 1


PEAK = """
import resource, sys
from core.pictures import Path, decode
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
pixels = decode(Path(sys.argv[1]).read_bytes()).pixels
grown = (peak() - before) // (2**20 if sys.platform == "darwin" else 2**10)
print(pixels.shape, pixels[10, 10], pixels[400, 700], grown)
"""
# On Linux a new process starts with the peak of the one that started it: so a small one does.
START = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"


@pytest.mark.parametrize(("mode", "bound_mb"), [("I;16", 120), ("RGBA", 220)])
def test_a_big_picture_costs_little_more_than_its_own_pixels(
    tmp_path: Path, mode: str, bound_mb: int
) -> None:
    pytest.importorskip("resource")
    tones = np.full((4000, 6000), 65535, np.uint16)  # 46 MB; as RGBA 92 MB
    tones[1000:3000, 2000:4000] = 33000
    big = Image.fromarray(tones)
    if mode == "RGBA":
        big = Image.new(mode, big.size, "white")
        big.paste((0, 0, 0, 127), (2000, 1000, 4000, 3000))
    big.save(tmp_path / "big.png", compress_level=1)
    python = [sys.executable, "-c"]
    line = [*python, START, *python, PEAK, str(tmp_path / "big.png")]
    printed = subprocess.check_output(line, cwd=Path(pictures.__file__).parents[1], text=True)
    values, peak = printed.rsplit(maxsplit=1)
    assert values == "(1334, 2000, 3) [255 255 255] [128 128 128]"
    assert int(peak) < bound_mb


def test_big_pictures_queue_and_small_ones_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    big, small = (saved(Image.new("1", (side, side))) for side in (2500, 1000))
    with pytest.raises(PictureError):
        decode(big[:200])  # damaged: the next one gets its turn all the same
    inside, most = [], []

    def slow(image: Image.Image) -> None:
        inside.append(image)
        most.append(len(inside))
        time.sleep(0.1)
        inside.pop()

    monkeypatch.setattr(pictures, "_read", slow)
    for data, expected in ((big, [1, 1, 1]), (small, [1, 2, 3])):
        most.clear()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(decode, [data] * 3))
        assert sorted(most) == expected


def test_one_pixel_is_a_picture() -> None:
    picture = decode(saved(Image.new("RGB", (1, 1), (1, 2, 3))))
    assert picture.pixels.tolist() == [[[1, 2, 3]]]
    assert picture.to_original((0, 0, 1, 1)) == (0, 0, 1, 1)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 9))


WHOLE = saved(Image.effect_noise((64, 64), 50))
SENTENCES = {
    "empty": (b"", "is empty"),
    "text": ("Größe: 7 apples\n".encode() * 20, "holds text"),
    "svg": (b'<?xml version="1.0"?>\n<svg width="9" height="9"></svg>', "is an SVG drawing"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is a PDF"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    "noise": (bytes(range(128, 256)) * 9, "not a picture of a known kind"),
    "cut off": (WHOLE[: len(WHOLE) // 2], "damaged or cut off"),
    "cut off in the header": (WHOLE[:20], "damaged or cut off"),
    "cut off JPEG": (saved(Image.effect_noise((64, 64), 50), "JPEG")[:700], "damaged or cut off"),
    "31 megapixels": (png_header(10_000, 3_100), "10000×3100 pixels, more than 30 million"),
    "bomb": (png_header(60_000, 60_000), "more than 30 million"),
    "heavy": (b"\x89PNG" + bytes(MAX_BYTES), "larger than 20 MB"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_what_cannot_be_read_is_told_with_its_name_in_one_sentence(case: str) -> None:
    data, expected = SENTENCES[case]
    with pytest.raises(PictureError) as caught:
        decode(data, "seven.png")
    sentence = str(caught.value)
    assert sentence.startswith('"seven.png" ')
    assert expected in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_nameless_picture_and_a_strange_name() -> None:
    with pytest.raises(PictureError, match=r"^The picture is empty"):
        decode(b"")
    with pytest.raises(PictureError) as caught:
        decode(b"", "a\nb" + "x" * 500)
    assert len(str(caught.value)) < 160
    assert "\n" not in str(caught.value)


def test_reading_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "red.png"
    file.write_bytes(saved(corner()))
    assert read(file).pixels[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(PictureError, match="does not exist"):
        read(tmp_path / "none.png")
    with pytest.raises(PictureError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(PictureError, match="cannot be read from disk"):
        read(Path("nul\0.png"))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # a test that runs as root may read everything
    with pytest.raises(PictureError, match="may not be read"):
        read(file)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_never_raise_anything_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]))
    whole = bytearray(saved(corner((24, 18)), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's notes on damaged EXIF and TIFF tags
        try:
            pixels = decode(bytes(whole[:cut] if data.draw(st.booleans()) else whole)).pixels
        except PictureError:
            return
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
