"""Big pictures are shrunk while they are read, and cost little memory."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import ROOT
from core.preprocessing import image_files
from core.preprocessing.image_files import decode_image, flatten_transparency
from core.utils.errors import PictureError
from tests.helpers.made_pictures import saved


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_big_pictures_are_shrunk_and_boxes_lead_back(kind: str) -> None:
    big = Image.new("L", (6000, 4000), 255)
    big.paste(0, (3000, 1000, 3600, 3000))
    exif = Image.Exif()
    exif[0x0112] = 6  # upright it is 4000 x 6000, and the bar lies at x 1000, y 3000
    picture = decode_image(saved(big, kind, exif=exif))
    assert picture.size == (4000, 6000)
    assert max(picture.pixels.shape) <= image_files.MAX_SIDE
    rows, columns = np.nonzero(picture.pixels[..., 0] < 128)
    box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    original = picture.to_original(tuple(int(value) for value in box))  # type: ignore[arg-type]
    assert np.abs(np.subtract(original, (1000, 3000, 2000, 600))).max() <= 8
    height, width = picture.pixels.shape[:2]
    assert picture.to_original((0, 0, width, height)) == (0, 0, 4000, 6000)


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_shrinking_in_strips_is_shrinking_the_whole(mode: str) -> None:
    tones = np.random.default_rng(3).integers(0, 256, (601, 4001, 4), np.uint8)
    image = Image.fromarray(tones if mode == "RGBA" else tones[..., 0])
    deep = Image.fromarray(tones[..., 0].astype(np.uint16) * 257)  # 257 · 255 = 65535
    expected = np.asarray(image.convert("RGBA").reduce(3))
    pixels = decode_image(saved(deep if mode == "I;16" else image)).pixels
    np.testing.assert_array_equal(pixels, flatten_transparency(expected))


def test_the_range_of_deep_grays_is_that_of_the_file_before_it_shrinks() -> None:
    values = np.full((3001, 30), 100.0, np.float32)
    values[3000, 0] = 300.0  # one pixel, in the last strip: the range is 0..65535, not 0..255
    assert decode_image(saved(Image.fromarray(values), "TIFF")).pixels.max() <= 1


PEAK = """
import resource, sys
from core.preprocessing.image_files import Path, decode_image
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
pixels = decode_image(Path(sys.argv[1]).read_bytes()).pixels
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
    printed = subprocess.check_output(line, cwd=ROOT, text=True)
    values, peak = printed.rsplit(maxsplit=1)
    assert values == "(1334, 2000, 3) [255 255 255] [128 128 128]"
    assert int(peak) < bound_mb


def test_big_pictures_queue_and_small_ones_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    big, small = (saved(Image.new("1", (side, side))) for side in (2500, 1000))
    with pytest.raises(PictureError):
        decode_image(big[:200])  # damaged: the next one gets its turn all the same
    inside, most, all_in = [], [], threading.Event()

    def slow(image: Image.Image) -> None:
        inside.append(image)
        most.append(len(inside))
        if len(inside) == 3:
            all_in.set()
        all_in.wait(0.1 if image.width == 2500 else 60)
        inside.pop()

    monkeypatch.setattr(image_files, "_convert", slow)
    for data, expected in ((big, [1, 1, 1]), (small, [1, 2, 3])):
        most.clear()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(decode_image, [data] * 3))
        assert sorted(most) == expected
