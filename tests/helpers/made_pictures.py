"""Pictures that several test files make: files by Pillow, drawings by OpenCV."""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Image = NDArray[np.uint8]


def saved(image: Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corner(size: tuple[int, int] = (60, 40)) -> Pillow.Image:
    """Black, with the left upper third of each side red."""
    image = Pillow.new("RGB", size)
    image.paste((255, 0, 0), (0, 0, size[0] // 3, size[1] // 3))
    return image


def on_page(digit: Image, side: int, x: int, y: int, way: int = cv2.INTER_CUBIC) -> Image:
    page = np.zeros((280, 280), np.uint8)
    page[y : y + side, x : x + side] = cv2.resize(digit, (side, side), interpolation=way)
    return 255 - page


def bar(x: int, y: int, width: int, height: int, side: int = 100) -> Image:
    page = np.full((side, side), 255, np.uint8)
    page[y : y + height, x : x + width] = 0
    return page


def drawn(points: list[tuple[float, float]], pen: int) -> Image:
    """A canvas after one stroke of a round pen, edges smoothed."""
    page = np.full((280, 280), 255, np.uint8)
    places = np.rint(16 * np.array(points)).astype(np.int32)
    return cv2.polylines(page, [places], False, 0, pen, cv2.LINE_AA, 4)


def difference(first: Image, second: Image) -> float:
    return float(np.abs(first.astype(float) - second).mean())
