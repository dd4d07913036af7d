"""Letters and signs of the fonts that come with matplotlib and OpenCV: as ink, and as lines."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.preprocessing.pens import Lines, Picture, lines_of

HELD_OUT_FONTS: Final = ("cmr10", "cmss10", "cmti10", "cmtt10")
RUBIK: Final = "opencv"
"""The font of OpenCV 5's putText."""


@lru_cache(maxsize=4096)
def glyph(font: str, text: str) -> Picture:
    """A text in a font, about 96 px high, cut out: uint8, ink 255 on 0."""
    page = np.zeros((220, 600), np.uint8)
    if font == RUBIK:
        cv2.putText(page, text, (40, 150), cv2.FONT_HERSHEY_SIMPLEX, 3.5, 255, 3)
    else:
        file = Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
        image = Image.new("L", (600, 220))
        ImageDraw.Draw(image).text((40, 30), text, 255, ImageFont.truetype(str(file), 120))
        page = np.asarray(image)
    x, y, wide, tall = cv2.boundingRect((page > 127).astype(np.uint8))
    return np.ascontiguousarray(np.pad(page[y : y + tall, x : x + wide], 4))


@lru_cache(maxsize=4096)
def glyph_lines(font: str, text: str) -> Lines:
    """Its center lines, about 20 high like a digit of MNIST and in the middle of 28×28."""
    ink = glyph(font, text)
    lines = lines_of(ink > 127)
    scale = 20 / max(ink.shape)
    middle = np.array([ink.shape[1], ink.shape[0]]) / 2
    return lines.moved(np.eye(2) * scale, 14 - middle * scale)
