"""Picture files to RGB pixels: every odd kind of file is made here, by Pillow or byte by byte."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.preprocessing.image_files import MAX_BYTES, decode_image, flatten_transparency, read_image
from core.utils.errors import PictureError
from tests.helpers.made_pictures import corner, saved


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG"])
def test_each_kind_gives_the_pixels_that_were_saved(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = decode_image(saved(corner(), kind, **options))
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
    picture = decode_image(saved(corner(), kind, exif=exif))
    size = (60, 40) if orientation < 5 else (40, 60)
    assert picture.size == size
    assert picture.pixels.shape == (size[1], size[0], 3)
    bottom, right = TURNED[orientation]
    row, column = (-5 if bottom else 4), (-5 if right else 4)
    assert picture.pixels[row, column, 0] > 200
    assert picture.pixels[-5 if not bottom else 4, -5 if not right else 4, 0] < 50


def test_a_broken_exif_block_does_not_spoil_a_whole_picture() -> None:
    data = saved(corner(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\0\x01")
    assert decode_image(data).pixels.shape == (40, 60, 3)


def test_16_bit_grays_are_scaled_not_clipped() -> None:
    tones = np.array([[0, 256, 33000, 65535]] * 4, np.uint16)
    for kind in ("PNG", "TIFF"):
        picture = decode_image(saved(Image.fromarray(tones), kind))
        assert picture.pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    whole = decode_image(saved(Image.fromarray(tones.astype(np.int32)), "TIFF"))
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
    assert decode_image(saved(image, "TIFF")).pixels[0, :, 1].tolist() == expected


def test_palette_and_one_bit_pictures() -> None:
    palette = corner().convert("P", palette=Image.Palette.ADAPTIVE)
    assert decode_image(saved(palette)).pixels[0, 0].tolist() == [255, 0, 0]
    one_bit = Image.new("1", (9, 9), 1)
    assert decode_image(saved(one_bit)).pixels.min() == 255


def test_cmyk_jpeg() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = decode_image(saved(red, "JPEG")).pixels
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
    pixels = decode_image(data).pixels
    assert pixels[7, 7].tolist() == [tone] * 3
    assert pixels[0, 0].tolist() == ([0] * 3 if light else [255] * 3)


def test_light_paper_with_dark_ink_on_nothing_is_laid_on_white() -> None:
    sheet = np.zeros((40, 40, 4), np.uint8)
    sheet[10:30, 10:30] = 255
    sheet[15:25, 18:22, :3] = 0
    assert flatten_transparency(sheet)[0, 0].tolist() == [255, 255, 255]
    assert flatten_transparency(np.zeros((3, 3, 4), np.uint8)).min() == 255
    half = np.array([[[0, 0, 0, 51]]], np.uint8)  # a fifth of black on white
    assert flatten_transparency(half)[0, 0].tolist() == [204, 204, 204]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_give_their_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert decode_image(data).pixels[4, 4].tolist() == [255, 0, 0]


def test_one_pixel_is_a_picture() -> None:
    picture = decode_image(saved(Image.new("RGB", (1, 1), (1, 2, 3))))
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
        decode_image(data, "seven.png")
    sentence = str(caught.value)
    assert sentence.startswith('"seven.png" ')
    assert expected in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_nameless_picture_and_a_strange_name() -> None:
    with pytest.raises(PictureError, match=r"^The picture is empty"):
        decode_image(b"")
    with pytest.raises(PictureError) as caught:
        decode_image(b"", "a\nb" + "x" * 500)
    assert len(str(caught.value)) < 160
    assert "\n" not in str(caught.value)


def test_reading_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "red.png"
    file.write_bytes(saved(corner()))
    assert read_image(file).pixels[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(PictureError, match="does not exist"):
        read_image(tmp_path / "none.png")
    with pytest.raises(PictureError, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(PictureError, match="cannot be read from disk"):
        read_image(Path("nul\0.png"))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # a test that runs as root may read everything
    with pytest.raises(PictureError, match="may not be read"):
        read_image(file)


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
            pixels = decode_image(bytes(whole[:cut] if data.draw(st.booleans()) else whole)).pixels
        except PictureError:
            return
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
