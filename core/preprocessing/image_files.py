"""Files that people bring (photos, scans, drawings) -> upright RGB pixels.

`decode_image` and `read_image` handle everything odd about picture files: turned phone photos
(EXIF), transparency, palettes, 16-bit and floating-point grays, CMYK, animations, damaged files and
files that are no pictures. They return plain RGB, and explain in one sentence (`PictureError`) what
they cannot read. `picture_files` lists the pictures that a user names by files and folders.

Built on Pillow, because OpenCV returns None instead of a reason and has no size check before it
decodes. Big pictures cost a server little memory: JPEG is shrunk while it is decoded, other kinds
are held once as they are stored and shrunk in strips, and of big ones only one is read at a time.
`Picture.to_original` leads back to the pixels of the file.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from core.utils.errors import PictureError
from core.utils.files import is_folder

MAX_BYTES: Final = 20 * 1024 * 1024
"""Size of a file."""
_MAX_PIXELS: Final = 30_000_000
"""Pixels of width × height; a photo of 24 megapixels (6000×4000) passes."""
_BIG_PIXELS: Final = 4_000_000
"""Of pictures with more pixels only one is decoded at a time."""
MAX_SIDE: Final = 2000
"""Pixels: longer pictures are shrunk to at most this side, far more than 28×28 needs."""
_STRIP_ROWS: Final = 64
"""Rows of the shrunken picture that are made at a time."""
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
FORMATS_TEXT: Final = "PNG, JPEG, WebP, GIF, BMP or TIFF"
EXTENSIONS: Final = ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff")
_SUFFIXES: Final = tuple(f".{extension}" for extension in EXTENSIONS)
_NO_NAME: Final = "the picture"
_one_big_picture = threading.Lock()
# What Pillow (13.0) was seen to raise, or raises in its source, on damaged files. MemoryError: a
# damaged header may ask for more than there is. OSError covers "truncated" and Unidentified.
_BAD_FILE: Final = (OSError, ValueError, SyntaxError, EOFError, struct.error, MemoryError)
_UNEXPECTED: Final = (TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError)
_BAD_DATA: Final = (*_BAD_FILE, *_UNEXPECTED)
_TOO_MANY: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# EXIF orientation -> what turns the stored pixels upright (EXIF 2.32, tag 0x0112).
_TRANSPOSITIONS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIGNATURES: Final = (
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8", "JPEG"),
    (b"GIF8", "GIF"),
    (b"RIFF", "WebP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"BM", "BMP"),
)


@dataclass(frozen=True)
class Picture:
    """A picture read from a file.

    Attributes:
        pixels: uint8 (height, width, 3), RGB, 0..255, upright, at most `MAX_SIDE` a side.
        size: (width, height) of the upright picture in the file, before any shrinking.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]

    def to_original(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """Carry a box (x, y, width, height) from `pixels` to the file's, rounded outwards."""
        return scale_box(box, self.pixels.shape[1::-1], self.size)


def scale_box(
    box: tuple[int, int, int, int], size: tuple[int, ...], new_size: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Carry a box from a picture to the same one in another size, rounded outwards.

    Args:
        box: x, y, width, height in pixels of a picture.
        size: width and height of that picture.
        new_size: width and height of the other one, in whose pixels the box is returned.

    Example:
        >>> scale_box((10, 20, 5, 8), (100, 100), (50, 50))
        (5, 10, 3, 4)
    """
    x, y, box_width, box_height = box
    left, top = x * new_size[0] // size[0], y * new_size[1] // size[1]
    right = min(new_size[0], -(-(x + box_width) * new_size[0] // size[0]))
    bottom = min(new_size[1], -(-(y + box_height) * new_size[1] // size[1]))
    return left, top, right - left, bottom - top


def decode_image(data: bytes, name: str = _NO_NAME) -> Picture:
    """Decode the bytes of a picture file; the first frame if it is animated.

    Args:
        data: the whole file, in one of `_FORMATS`.
        name: the file's name, for error messages.

    Raises:
        PictureError: empty, too large, no picture, an unknown kind, or damaged.
    """
    subject = _subject(name)
    if not data:
        raise PictureError(f"{subject} is empty (0 bytes): save or upload it again.")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"{subject} is larger than {MAX_BYTES // 2**20} MB: "
            "make it smaller or cut out the digit."
        )
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > _MAX_PIXELS:
                raise _too_many_pixels(subject, f"{width}×{height}")
            with _one_big_picture if width * height > _BIG_PIXELS else nullcontext():
                return _convert(image)
    except _TOO_MANY as error:
        raise _too_many_pixels(subject, "far too many") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{subject} {_describe_unknown(data)}") from error
    except _BAD_DATA as error:
        raise PictureError(
            f"{subject} is damaged or cut off and cannot be read to its end: "
            "save it again or choose another picture."
        ) from error


def read_image(path: Path) -> Picture:
    """Read a picture file from disk.

    Raises:
        PictureError: missing, a folder, not permitted, or refused by `decode_image`.
    """
    subject = _subject(path.name or str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureError(f"{subject} does not exist: check the name and the folder.") from error
    except IsADirectoryError as error:
        raise PictureError(f"{subject} is a folder: name a picture inside it.") from error
    except PermissionError as error:
        raise PictureError(
            f"{subject} may not be read by this user: change its permissions or copy it."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise PictureError(f"{subject} cannot be read from disk: check the name.") from error
    return decode_image(data, path.name)


def flatten_transparency(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blend a picture with transparency onto white, or onto black if all that is visible is light.

    White ink on nothing would vanish on white; light paper with dark ink on it has dark pixels and
    stays on white.

    Args:
        pixels: uint8 (height, width, 4), RGB and alpha (not premultiplied), 0..255.

    Returns:
        uint8 (height, width, 3), 0..255.
    """
    colors, alpha = pixels[..., :3], pixels[..., 3:]
    if alpha.size == 0 or alpha.min() == 255:
        return np.ascontiguousarray(colors)
    # Half-transparent edges carry the ink's color too: they count as far as they are visible.
    is_visible = alpha[..., 0] >= max(1, int(alpha.max()) // 2)
    tones = colors.sum(axis=-1, dtype=np.uint16)[is_visible] if alpha.any() else np.zeros(1)
    backdrop = 0 if np.percentile(tones, 2) >= 3 * 128 else 255
    # Two bytes hold 255 · 255 + 127; floats would take four times the memory of the picture.
    blended = np.multiply(colors, alpha, dtype=np.uint16)
    blended += np.multiply(255 - alpha, backdrop, dtype=np.uint16)
    blended += 127
    blended //= 255
    return blended.astype(np.uint8)


def _convert(image: Image.Image) -> Picture:
    """Decode, shrink, turn upright and flatten an opened image."""
    size, is_jpeg = image.size, image.format in ("JPEG", "MPO")
    if is_jpeg:
        # The JPEG decoder can skip detail: draft picks the smallest 1/2, 1/4, 1/8 above the limit.
        image.draft(None, (MAX_SIDE, MAX_SIDE))
    image.load()
    size = size if is_jpeg else image.size  # Pillow turns a TIFF upright while it loads
    orientation = _orientation(image)
    upright = _shrink(image, math.ceil(max(image.size) / MAX_SIDE))
    if orientation in _TRANSPOSITIONS:
        upright = upright.transpose(_TRANSPOSITIONS[orientation])
        if orientation >= 5:
            size = (size[1], size[0])
    pixels = np.array(upright)
    return Picture(flatten_transparency(pixels) if upright.mode == "RGBA" else pixels, size)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8 of a loaded image; 1 if there is none or the EXIF block is broken."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _BAD_DATA:
        return 1  # the pixels are whole: a broken note about the camera is no reason to refuse
    return value if isinstance(value, int) else 1


def _shrink(image: Image.Image, factor: int) -> Image.Image:
    """Convert any mode to RGB, or RGBA if something is transparent, at 1/`factor` of the size.

    In strips: converting the whole would need several times the memory of the picture.
    """
    is_deep = image.mode.startswith("I;16") or image.mode in ("I", "F")
    tone_range = _tone_range(image, factor) if is_deep else (0.0, 255.0)
    mode = "RGBA" if image.has_transparency_data and not is_deep else "RGB"
    small = Image.new(mode, (-(-image.width // factor), -(-image.height // factor)))
    for index, strip in enumerate(_strips(image, factor)):
        # Pillow's own conversion of deep grays clips everything above 255 to white.
        upright = Image.fromarray(_to_uint8(strip, *tone_range)) if is_deep else strip
        small.paste(upright.convert(mode).reduce(factor), (0, index * _STRIP_ROWS))
    return small


def _strips(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    """The picture from top to bottom, `_STRIP_ROWS` × `factor` rows at a time."""
    step = _STRIP_ROWS * factor
    for y in range(0, image.height, step):
        yield image.crop((0, y, image.width, min(image.height, y + step)))


def _tone_range(image: Image.Image, factor: int) -> tuple[float, float]:
    """The tones that stand for black and white in grays of 16 or 32 bits or floats.

    uint16 is 0..65535. Other kinds do not say their range: it is taken as 0..1 (floats), 0..255 or
    0..65535, whichever is the first that holds all values, else as minimum..maximum.
    """
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    ranges = [
        (float(gray.min()), float(gray.max()))
        for gray in map(_finite_values, _strips(image, factor))
    ]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    if low >= 0.0 and high <= 65535.0:
        maxima = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        return 0.0, next(maximum for maximum in maxima if high <= maximum)
    return low, high


def _finite_values(strip: Image.Image) -> NDArray[np.float64]:
    """A strip's values; 0 replaces what is infinite or not a number."""
    return np.nan_to_num(np.asarray(strip, np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _to_uint8(strip: Image.Image, low: float, high: float) -> NDArray[np.uint8]:
    """A strip's grays, `low` to `high`, as uint8."""
    # The ends of float32 values: their difference cannot overflow in float64.
    return np.rint((_finite_values(strip) - low) / ((high - low) or 1.0) * 255.0).astype(np.uint8)


def _subject(name: str) -> str:
    """The subject of a sentence: the file's name in quotes, on one line and not too long."""
    if name == _NO_NAME or not name.strip():
        return "The picture"
    line = " ".join(name.split())
    return f'"{line if len(line) <= 80 else line[:77] + "..."}"'


def _too_many_pixels(subject: str, count: str) -> PictureError:
    return PictureError(
        f"{subject} has {count} pixels, more than {_MAX_PIXELS // 1_000_000} million: "
        "make it smaller or cut out the digit."
    )


def _describe_unknown(data: bytes) -> str:
    """The rest of a sentence about bytes that Pillow does not know: what they are, what to do."""
    beginning = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if re.search(rb"<svg[\s>]", beginning, re.IGNORECASE):
        return f"is an SVG drawing, not pixels: export it as {FORMATS_TEXT}."
    if beginning.startswith(b"%PDF"):
        return f"is a PDF document: save the page with the digit as {FORMATS_TEXT}."
    if data[4:8] == b"ftyp":
        return f"is a HEIC, AVIF or video file: save it as {FORMATS_TEXT}."
    if b"\0" not in data[:4096] and _is_text(data[:4096]):
        return f"holds text, whatever its name says: choose a {FORMATS_TEXT} picture."
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return f"starts like a {kind} picture but is damaged or cut off: save it again."
    return f"is not a picture of a known kind: choose a {FORMATS_TEXT} file."


def _is_text(data: bytes) -> bool:
    """Whether the bytes are UTF-8 text; the last character may be cut in two."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3:
            return False
        text = data[: error.start].decode("utf-8")
    return bool(text) and sum(c.isprintable() or c.isspace() for c in text) >= 0.95 * len(text)


def picture_files(names: Iterable[str]) -> Iterator[Path | PictureError]:
    """List picture files: each file that is named, and the pictures in and below each folder.

    A file that is named is listed whatever it is called. In a folder, files without a picture's
    extension and hidden ones are left out, and links to folders are not followed. Nothing is read
    ahead: `names` may be a pipe, and a folder as large as a disk.

    Args:
        names: paths of files and folders.

    Yields:
        Paths in the order of `names`, those of a folder sorted by name; for a folder without a
        picture, or one that may not be read, the error that says so.
    """
    for name in names:
        path = Path(name)
        if is_folder(path):
            yield from _files_in_folder(path)
        else:
            yield path


def _files_in_folder(folder: Path) -> Iterator[Path | PictureError]:
    """The pictures in and below a folder, then the errors."""
    errors: list[OSError] = []
    has_picture = False
    for directory, folders, files in os.walk(folder, onerror=errors.append):
        # Changed in place: it decides where the walk goes on, and in which order.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                has_picture = True
                yield Path(directory, name)
    for error in errors:
        yield PictureError(
            f"The folder {_quote(error.filename)} cannot be read ({error.strerror}): change its "
            "permissions."
        )
    if not has_picture and not errors:
        yield PictureError(
            f"The folder {_quote(folder)} holds no picture: put {FORMATS_TEXT} files into it, or "
            "name a file itself."
        )


def _quote(path: object) -> str:
    """A name on one line, in quotes."""
    return f'"{" ".join(str(path).split())}"'
